/* The mergeable histogram against exact quantiles: within 0.1 % whatever the distribution, in any order of merging. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "metrics/log_histogram.h"
#include "metrics/summary.h"

static double even(double u) { return 1e6 + 1e9 * u; }
static double exponential(double u) { return -5e7 * log1p(-u); }
static double pareto(double u) { return 1e4 / pow(1 - u, 1.5); }
static double constant(double u) { (void)u; return 123456789; }
static double two_humps(double u) { return u < 0.9 ? 1e6 * (1 + u) : 1e9 * (1 + u); }

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void quantiles_hold(void **state)
{
	static double (*const shapes[])(double) = { even, exponential, pareto, constant, two_humps };
	static const double ps[] = { 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1 };
	enum { n = 20000 };
	(void)state;
	double *x = xalloc(n * sizeof *x);
	for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
		uint64_t *all = xalloc(ASSAY_LOG_BUCKETS * sizeof *all);
		for (size_t i = 0; i < n; i++) {
			x[i] = shapes[s](assay_rng_unit(s, i));
			all[assay_log_bucket(x[i])]++;
		}
		qsort(x, n, sizeof *x, by_value);
		assert_int_equal(assay_log_total(all), n);
		for (size_t k = 0; k < sizeof ps / sizeof *ps; k++) {
			double exact = assay_percentile_nearest(x, n, ps[k]), got = assay_log_percentile(all, ps[k]);
			double off = exact > ASSAY_LOG_LEAST_NS ? fabs(got - exact) / exact : 0;
			if (off > ASSAY_LOG_ERROR * 1.0000001)
				fail_msg("shape %zu, p %g: %.9g for %.9g", s, ps[k], got, exact);
		}
		free(all);
	}
	free(x);
}

static void buckets_rise_and_hold_their_value(void **state)
{
	(void)state;
	uint32_t last = 0;
	for (double ns = 1; ns < 1e16; ns *= 1.0003) {
		uint32_t b = assay_log_bucket(ns);
		assert_true(b >= last && b < ASSAY_LOG_BUCKETS);
		last = b;
		if (ns > ASSAY_LOG_LEAST_NS)
			assert_true(fabs(assay_log_value(b) - ns) <= ASSAY_LOG_ERROR * 1.0000001 * ns);
		else
			assert_true(fabs(assay_log_value(b) - ns) <= ASSAY_LOG_LEAST_NS / 2);
	}
	for (uint32_t b = 1; b < ASSAY_LOG_BUCKETS - 1; b++)
		assert_int_equal(assay_log_bucket(assay_log_value(b)), b);
	assert_int_equal(assay_log_bucket(0), 0);
	assert_int_equal(assay_log_bucket(-5), 0);
	assert_int_equal(assay_log_bucket(NAN), 0);
	assert_int_equal(assay_log_bucket(1e300), ASSAY_LOG_BUCKETS - 1);
	assert_int_equal(assay_log_bucket(INFINITY), ASSAY_LOG_BUCKETS - 1);
}

static void merging_in_any_order_is_the_same(void **state)
{
	(void)state;
	uint64_t *whole = xalloc(ASSAY_LOG_BUCKETS * sizeof *whole), *merged = xalloc(ASSAY_LOG_BUCKETS * sizeof *merged), *part[3];
	for (int k = 0; k < 3; k++)
		part[k] = xalloc(ASSAY_LOG_BUCKETS * sizeof **part);
	for (size_t i = 0; i < 3000; i++) {
		uint32_t b = assay_log_bucket(exponential(assay_rng_unit(7, i)));
		whole[b]++;
		part[i % 3][b]++;
	}
	for (int k = 2; k >= 0; k--)
		for (size_t i = 0; i < ASSAY_LOG_BUCKETS; i++)
			merged[i] += part[k][i];
	assert_memory_equal(whole, merged, ASSAY_LOG_BUCKETS * sizeof *whole);
	assert_true(isnan(assay_log_at_rank(whole, 0)));
	assert_true(isnan(assay_log_at_rank(whole, 3001)));
	assert_true(assay_log_at_rank(whole, 1) <= assay_log_at_rank(whole, 3000));
	uint64_t *none = xalloc(ASSAY_LOG_BUCKETS * sizeof *none);
	assert_true(isnan(assay_log_percentile(none, 0.5)));
	free(none);
	free(whole);
	free(merged);
	for (int k = 0; k < 3; k++)
		free(part[k]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_hold), cmocka_unit_test(buckets_rise_and_hold_their_value), cmocka_unit_test(merging_in_any_order_is_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
