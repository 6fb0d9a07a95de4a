/* Known answers and brute force for metrics/summary.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "metrics/definitions.h"
#include "metrics/summary.h"

static void near_abs(double got, double want, double tol)
{
	if (!(fabs(got - want) <= tol))
		fail_msg("got %.17g, want %.17g (+-%g)", got, want, tol);
}

/* formats.md section 1: the S3 file's own raw values. */
static void test_s3_vector(void **state)
{
	(void)state;
	double x[] = { 1666.4349, 1188.2707, 1336.2186 };
	struct assay_summary s;
	assay_summarise(x, 3, 0, &s);
	assert_int_equal(s.n, 3);
	near_abs(s.mean, 1396.97473, 5e-6);
	near_abs(s.std, 244.80345, 5e-6);
	near_abs(s.pct[ASSAY_P50], 1336.2186, 0);
	near_abs(s.linear[ASSAY_P50], 1336.2186, 1e-9);
	near_abs(s.linear[ASSAY_P95], 1633.41327, 5e-6);
	near_abs(s.linear[ASSAY_P99], 1659.830574, 1e-6);
	near_abs(s.pct[ASSAY_P95], 1666.4349, 0);
	near_abs(s.min, 1188.2707, 0);
	near_abs(s.max, 1666.4349, 0);
	/* t(0.975, 2) = 4.302652729749464 */
	near_abs(s.ci95[1] - s.mean, 4.302652729749464 * s.std / sqrt(3), 1e-9);
	assert_true(isnan(s.pct_ci95[ASSAY_P50][0]) && isnan(s.pct_ci95[ASSAY_P50][1]));
}

static void test_small(void **state)
{
	(void)state;
	struct assay_summary s;
	assay_summarise(NULL, 0, 0, &s);
	assert_int_equal(s.n, 0);
	assert_true(isnan(s.mean) && isnan(s.std) && isnan(s.pct[ASSAY_P50]) && isnan(s.with_failures[ASSAY_P50]) && isnan(s.ci95[0]));
	double one = 7;
	assay_summarise(&one, 1, 0, &s);
	near_abs(s.mean, 7, 0);
	near_abs(s.pct[ASSAY_P99], 7, 0);
	assert_true(isnan(s.std) && isnan(s.ci95[0]));
	assay_summarise(NULL, 0, 3, &s);
	assert_true(isinf(s.with_failures[ASSAY_P50]) && isnan(s.pct[ASSAY_P50]));
	double same[100];
	for (int i = 0; i < 100; i++)
		same[i] = 10.621;
	for (size_t n = 1; n <= 100; n++) {
		assay_summarise(same, n, 0, &s);
		near_abs(s.mean, 10.621, 0);
		assert_true(n == 1 ? isnan(s.std) : s.std <= 1e-14);
	}
}

/* The definition itself: the smallest sample x with (samples <= x) / n >= p, in exact integers. */
static double brute_nearest(const double *sorted, size_t n, unsigned permille)
{
	for (size_t i = 0; i < n; i++) {
		size_t le = i + 1;
		while (le < n && sorted[le] == sorted[i])
			le++;
		if (le * 1000 >= n * permille)
			return sorted[i];
	}
	return NAN;
}

static void test_ranks_by_brute_force(void **state)
{
	(void)state;
	static const unsigned permille[] = { 1, 10, 100, 250, 500, 900, 950, 990, 999, 1000 };
	double *x = xalloc(1300 * sizeof *x);
	for (size_t n = 1; n <= 1300; n += n < 210 ? 1 : 97) {
		for (size_t i = 0; i < n; i++)
			x[i] = (double)assay_rng_below(n, i, n / 2 + 1); /* with ties */
		struct assay_summary s;
		assay_summarise(x, n, 0, &s);
		for (size_t k = 0; k < sizeof permille / sizeof *permille; k++) {
			double p = permille[k] / 1000.0;
			near_abs(assay_percentile_nearest(x, n, p), brute_nearest(x, n, permille[k]), 0);
			size_t f = n * permille[k] / 1000;
			near_abs(assay_percentile_floor(x, n, p), x[f < n ? f : n - 1], 0);
		}
		near_abs(s.pct[ASSAY_P95], brute_nearest(x, n, 950), 0);
	}
	free(x);
}

static void test_rules_differ(void **state)
{
	(void)state;
	double x[100];
	for (int i = 0; i < 100; i++)
		x[i] = i + 1;
	struct assay_summary s;
	assay_summarise(x, 100, 0, &s); /* rigor.md section 4 */
	near_abs(s.pct[ASSAY_P99], 99, 0);
	near_abs(s.linear[ASSAY_P99], 99.01, 1e-9);
	near_abs(s.floor_index[ASSAY_P99], 100, 0);
	near_abs(s.floor_index[ASSAY_P50], 51, 0);
	near_abs(s.linear[ASSAY_P50], 50.5, 0);
}

static void test_failures_as_infinity(void **state)
{
	(void)state;
	double x[99];
	for (int i = 0; i < 99; i++)
		x[i] = i + 1;
	struct assay_summary s;
	assay_summarise(x, 99, 1, &s);
	near_abs(s.with_failures[ASSAY_P50], 50, 0);
	near_abs(s.with_failures[ASSAY_P99], 99, 0); /* exactly 1 % failed */
	assay_summarise(x, 98, 2, &s);
	assert_true(isinf(s.with_failures[ASSAY_P99]));
	near_abs(s.with_failures[ASSAY_P95], 95, 0);
	near_abs(s.pct[ASSAY_P99], 98, 0);
	assert_int_equal(s.failed, 2);
}

static void test_floors(void **state)
{
	(void)state;
	static const struct { size_t n, p90, p95, p99; } row[] = {
		{ 1, 64, 130, 662 }, { 63, 64, 130, 662 }, { 64, 0, 130, 662 }, { 129, 0, 130, 662 },
		{ 130, 0, 0, 662 }, { 661, 0, 0, 662 }, { 662, 0, 0, 0 },
	};
	double x[662];
	for (size_t r = 0; r < sizeof row / sizeof *row; r++) {
		for (size_t i = 0; i < row[r].n; i++)
			x[i] = (double)i;
		struct assay_summary s;
		assay_summarise(x, row[r].n, 0, &s);
		assert_int_equal(s.need[ASSAY_P50], 0);
		assert_int_equal(s.need[ASSAY_P90], row[r].p90);
		assert_int_equal(s.need[ASSAY_P95], row[r].p95);
		assert_int_equal(s.need[ASSAY_P99], row[r].p99);
	}
}

/* The floors are what they claim: one sample over the bound allowed, 99 % one-sided. */
static void test_floors_recomputed(void **state)
{
	(void)state;
	static const struct { double p; size_t n; } row[] = { { 0.90, 64 }, { 0.95, 130 }, { 0.99, 662 } };
	for (size_t i = 0; i < 3; i++) {
		assert_true(assay_binomial_cdf(1, row[i].n, 1 - row[i].p) <= 0.01);
		assert_true(assay_binomial_cdf(1, row[i].n - 1, 1 - row[i].p) > 0.01);
	}
}

static double brute_cdf(size_t k, size_t n, double p)
{
	long double pmf = powl(1 - (long double)p, (long double)n), sum = pmf;
	for (size_t i = 1; i <= k; i++) {
		pmf *= (long double)(n - i + 1) / (long double)i * (long double)p / (1 - (long double)p);
		sum += pmf;
	}
	return (double)sum;
}

static void test_binomial_by_brute_force(void **state)
{
	(void)state;
	static const double ps[] = { 0.01, 0.05, 0.5, 0.9, 0.95, 0.99 };
	for (size_t n = 1; n <= 400; n += n < 40 ? 1 : 37)
		for (size_t k = 0; k < n; k += n < 40 ? 1 : 11)
			for (size_t i = 0; i < 6; i++)
				near_abs(assay_binomial_cdf(k, n, ps[i]), brute_cdf(k, n, ps[i]), 2e-12);
	near_abs(assay_binomial_cdf(5, 5, 0.3), 1, 0);
}

static void test_t_quantile(void **state)
{
	(void)state;
	/* Closed forms: df 1: tan(pi (p - 1/2)); df 2: (2p - 1) sqrt(2 / (4 p (1 - p))). Others: printed tables. */
	for (int i = 1; i < 100; i++) {
		double p = i / 100.0;
		near_abs(assay_t_quantile(p, 1), tan(M_PI * (p - 0.5)), 1e-11 * (1 + fabs(tan(M_PI * (p - 0.5)))));
		near_abs(assay_t_quantile(p, 2), (2 * p - 1) * sqrt(2 / (4 * p * (1 - p))), 1e-11);
	}
	static const struct { double df, t; } row[] = { { 3, 3.182446305284263 }, { 5, 2.570581835636314 }, { 9, 2.2621571628540993 },
		{ 29, 2.045229642132703 }, { 99, 1.9842169515086827 }, { 1e6, 1.959966 }, { 1e9, 1.959963987 } };
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		near_abs(assay_t_quantile(0.975, row[i].df), row[i].t, i < 5 ? 1e-10 : 2e-6);
	near_abs(assay_t_quantile(0.995, 10), 3.169272672616842, 1e-9);
	assert_true(isnan(assay_t_quantile(0.975, 0)) && isnan(assay_t_quantile(1, 3)));
}

/* Every interval covers >= 95 %, misses <= 2.5 % a side, and no narrower pair of ranks would do so. */
static void test_quantile_ranks(void **state)
{
	(void)state;
	static const double ps[] = { 0.5, 0.9, 0.95, 0.99 };
	size_t lo, hi;
	for (size_t n = 1; n <= 700; n += n < 150 ? 1 : 23)
		for (size_t i = 0; i < 4; i++) {
			double p = ps[i];
			assay_quantile_ranks(n, p, &lo, &hi);
			double below = lo ? brute_cdf(lo - 1, n, p) : 0, above = hi <= n ? 1 - brute_cdf(hi - 1, n, p) : 0;
			assert_true(below <= 0.025 + 1e-12 && above <= 0.025 + 1e-12);
			assert_true(1 - below - above >= 0.95 - 1e-12);
			assert_true(brute_cdf(lo, n, p) > 0.025 - 1e-12);
			assert_true(hi >= 2 ? 1 - brute_cdf(hi - 2, n, p) > 0.025 - 1e-12 : 1);
		}
	assay_quantile_ranks(6, 0.5, &lo, &hi);
	assert_true(lo == 1 && hi == 6);
	assay_quantile_ranks(5, 0.5, &lo, &hi);
	assert_true(lo == 0 && hi == 6);
	assay_quantile_ranks(100, 0.5, &lo, &hi);
	assert_true(lo == 40 && hi == 61);
}

static void test_interval_ends_null(void **state)
{
	(void)state;
	double x[50];
	struct assay_summary s;
	for (int i = 0; i < 50; i++)
		x[i] = i + 1;
	assay_summarise(x, 50, 0, &s);
	assert_true(!isnan(s.pct_ci95[ASSAY_P99][0]) && isnan(s.pct_ci95[ASSAY_P99][1]));
	assert_true(!isnan(s.pct_ci95[ASSAY_P50][0]) && !isnan(s.pct_ci95[ASSAY_P50][1]));
	assay_summarise(x, 5, 0, &s);
	assert_true(isnan(s.pct_ci95[ASSAY_P90][0]));
	assay_summarise(x, 6, 0, &s);
	near_abs(s.pct_ci95[ASSAY_P50][0], 1, 0);
	near_abs(s.pct_ci95[ASSAY_P50][1], 6, 0);
}

/* The 95 % interval really covers the true median of an exponential in about 95 % or more of experiments. */
static void test_coverage(void **state)
{
	(void)state;
	enum { rounds = 4000, n = 25 };
	int median_in = 0, p90_in = 0;
	double x[n];
	for (int r = 0; r < rounds; r++) {
		struct assay_summary s;
		for (int i = 0; i < n; i++)
			x[i] = -log1p(-assay_rng_unit(assay_rng_key(1, (uint64_t)r), (uint64_t)i));
		assay_summarise(x, n, 0, &s);
		const double *m = s.pct_ci95[ASSAY_P50], *h = s.pct_ci95[ASSAY_P90];
		median_in += m[0] <= M_LN2 && M_LN2 <= m[1];
		p90_in += !(h[0] > log(10)) && !(h[1] < log(10));
	}
	assert_true(median_in >= rounds * 94 / 100);
	assert_true(p90_in >= rounds * 94 / 100);
}

static void test_clusters(void **state)
{
	(void)state;
	/* 8 requests of 50 equal gaps each: 400 samples, but only 8 independent ones. */
	double x[400], again[400];
	uint32_t c[400], c2[400];
	for (uint32_t i = 0; i < 400; i++) {
		x[i] = again[i] = 1 + i % 8;
		c[i] = c2[i] = i % 8;
	}
	struct assay_summary s, t, naive;
	assay_summarise_clustered(x, c, 400, 8, &s);
	assert_int_equal(s.n, 400);
	assert_int_equal(s.units, 8);
	assert_int_equal(s.need[ASSAY_P90], 64);
	near_abs(s.mean, 4.5, 1e-12);
	near_abs(s.pct[ASSAY_P50], 4, 0);
	assay_summarise_clustered(again, c2, 400, 8, &t);
	near_abs(s.ci95[0], t.ci95[0], 0);
	near_abs(s.pct_ci95[ASSAY_P90][1], t.pct_ci95[ASSAY_P90][1], 0);
	assay_summarise(again, 400, 0, &naive);
	assert_true(s.ci95[1] - s.ci95[0] > 3 * (naive.ci95[1] - naive.ci95[0]));
	/* sd of the mean of 8 draws from 1..8 is sqrt(63/12/8) = 0.81 */
	near_abs(s.ci95[1] - s.ci95[0], 2 * 1.96 * 0.81, 0.4);
	assay_summarise_clustered(x, c, 0, 0, &s);
	assert_true(isnan(s.mean));
	for (uint32_t i = 0; i < 400; i++)
		c[i] = i % 5;
	assay_summarise_clustered(x, c, 400, 5, &s);
	assert_true(isnan(s.ci95[0]) && isnan(s.pct_ci95[ASSAY_P50][0]));
}

static void test_definitions(void **state)
{
	(void)state;
	size_t n;
	const struct assay_metric *t = assay_metric_table(&n);
	assert_true(n >= 40);
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(assay_metric_find(t[i].key), &t[i]); /* unique */
		assert_true(strlen(t[i].title) > 0 && strlen(t[i].unit) > 0 && strlen(t[i].source) > 0);
		assert_true(strlen(t[i].definition) > 20 && t[i].definition[strlen(t[i].definition) - 1] == '.');
	}
	assert_null(assay_metric_find("ttft"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_s3_vector), cmocka_unit_test(test_small), cmocka_unit_test(test_ranks_by_brute_force),
		cmocka_unit_test(test_rules_differ), cmocka_unit_test(test_failures_as_infinity), cmocka_unit_test(test_floors),
		cmocka_unit_test(test_floors_recomputed), cmocka_unit_test(test_binomial_by_brute_force), cmocka_unit_test(test_t_quantile),
		cmocka_unit_test(test_quantile_ranks), cmocka_unit_test(test_interval_ends_null), cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_clusters), cmocka_unit_test(test_definitions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
