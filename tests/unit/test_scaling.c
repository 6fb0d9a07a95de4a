/* Laws of growth: known coefficients come back, terms that are not there are not found, and breaks are where they were put. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "analysis/scaling.h"

enum { most = 64 };

struct data { double n[most], y[most]; size_t count; };

/* `each` values at every n of the list: a + b n + q n^2, times 1 + noise x (-1 to 1). */
static struct data law(const double *n, size_t count, int each, double a, double b, double q, double noise)
{
	struct data d = { .count = 0 };
	uint64_t random = 7;
	for (size_t i = 0; i < count; i++)
		for (int k = 0; k < each; k++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			double u = (double)(random >> 11) / 4503599627370496.0 - 1;
			d.n[d.count] = n[i];
			d.y[d.count++] = (a + b * n[i] + q * n[i] * n[i]) * (1 + noise * u);
		}
	return d;
}

static void near(double x, double want, double share)
{
	if (!(fabs(x - want) <= share * fabs(want) + 1e-12))
		fail_msg("%.17g, should be %.17g", x, want);
}

static const double lengths[] = { 10, 50, 200, 400, 800, 1600 };

static void exact_laws(void **state)
{
	(void)state;
	static const struct { double a, b, q; int terms; } rows[] = { { 5, 0, 0, 1 }, { 5, 0.2, 0, 2 }, { 0, 0.2, 0, 2 }, { 5, 0.2, 1e-4, 3 }, { 100, -0.01, 0, 2 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct data d = law(lengths, 6, 3, rows[i].a, rows[i].b, rows[i].q, 0);
		struct assay_fit f;
		assay_fit_scaling(d.n, d.y, d.count, &f);
		assert_true(f.known);
		assert_int_equal(f.terms, rows[i].terms);
		assert_int_equal(f.distinct, 6);
		assert_true(fabs(f.k[0] - rows[i].a) < 1e-6 && fabs(f.k[1] - rows[i].b) < 1e-8 && fabs(f.k[2] - rows[i].q) < 1e-10);
		assert_true(f.worst < 1e-8);
		struct assay_break b;
		assay_fit_break(d.n, d.y, d.count, &f, &b);
		assert_false(b.found);
	}
}

static void noisy_laws_hold_the_truth(void **state)
{
	(void)state;
	struct data d = law(lengths, 6, 4, 20, 0.5, 0, 0.02);
	struct assay_fit f;
	assay_fit_scaling(d.n, d.y, d.count, &f);
	assert_int_equal(f.terms, 2);
	assert_true(f.lo[0] < 20 && 20 < f.hi[0] && f.lo[1] < 0.5 && 0.5 < f.hi[1]);
	assert_true(f.hi[1] - f.lo[1] < 0.05 && f.worst > 0.005 && f.worst < 0.05);
	d = law(lengths, 6, 4, 20, 0.5, 0.002, 0.02);
	assay_fit_scaling(d.n, d.y, d.count, &f);
	assert_int_equal(f.terms, 3);
	assert_true(f.lo[2] < 0.002 && 0.002 < f.hi[2]);
}

static void doubling(void **state)
{
	(void)state;
	struct data d = law(lengths, 6, 3, 100, 0.5, 0, 0);
	struct assay_fit f;
	assay_fit_scaling(d.n, d.y, d.count, &f);
	struct assay_estimate e = assay_fit_doubling(&f, 800);
	near(e.value, 900.0 / 500, 1e-9);
	near(e.lo, e.value, 1e-6);
	d = law(lengths, 6, 4, 100, 0.5, 0, 0.03);
	assay_fit_scaling(d.n, d.y, d.count, &f);
	e = assay_fit_doubling(&f, 800);
	assert_true(e.lo < 1.8 && 1.8 < e.hi && e.hi - e.lo > 0.001 && e.hi - e.lo < 0.2);
	/* Two values leave no degree of freedom: a ratio without an interval. */
	assay_fit_scaling(d.n, (double[]){ 10, 20 }, 0, &f);
	assert_false(f.known);
	assay_fit_scaling((double[]){ 1, 2 }, (double[]){ 10, 20 }, 2, &f);
	e = assay_fit_doubling(&f, 1);
	near(e.value, 2, 1e-9);
	assert_true(isnan(e.lo) && isnan(e.hi));
}

static void power(void **state)
{
	(void)state;
	double n[] = { 1, 2, 4, 8 }, y[] = { 3, 3 * pow(2, 1.5), 3 * pow(4, 1.5), 3 * pow(8, 1.5) };
	struct assay_estimate e = assay_fit_power(n, y, 4);
	near(e.value, 1.5, 1e-9);
	near(e.lo, 1.5, 1e-6);
	assert_true(isnan(assay_fit_power(n, y, 1).value));
	double same[] = { 4, 4, 4, 4 };
	assert_true(isnan(assay_fit_power(same, y, 4).value));
	double zero[] = { 0, 2, 4, 8 };
	near(assay_fit_power(zero, y, 4).value, 1.5, 1e-9); /* no logarithm of 0 */
}

static void breaks(void **state)
{
	(void)state;
	static const double n[] = { 100, 200, 300, 400, 500, 600, 700, 800 };
	struct data d = law(n, 8, 3, 10, 0.1, 0, 0.002);
	struct assay_fit f;
	struct assay_break b;
	for (size_t i = 0; i < d.count; i++) /* three times the slope above 400 */
		d.y[i] += d.n[i] > 400 ? 0.2 * (d.n[i] - 400) : 0;
	assay_fit_scaling(d.n, d.y, d.count, &f);
	assay_fit_break(d.n, d.y, d.count, &f, &b);
	assert_true(b.found);
	assert_true(b.at == 400);
	near(b.slope_before, 0.1, 0.05);
	near(b.slope_after, 0.3, 0.05);
	/* A break with two lengths on its right side cannot be told from one odd value. */
	d = law(n, 5, 3, 10, 0.1, 0, 0.002);
	for (size_t i = 0; i < d.count; i++)
		d.y[i] += d.n[i] > 300 ? 0.2 * (d.n[i] - 300) : 0;
	assay_fit_scaling(d.n, d.y, d.count, &f);
	assay_fit_break(d.n, d.y, d.count, &f, &b);
	assert_false(b.found);
	/* A straight law has none. */
	d = law(n, 8, 3, 10, 0.1, 0, 0.02);
	assay_fit_scaling(d.n, d.y, d.count, &f);
	assay_fit_break(d.n, d.y, d.count, &f, &b);
	assert_false(b.found);
}

static void hostile(void **state)
{
	(void)state;
	struct assay_fit f;
	double n[] = { 1, 2, NAN, 4, 5, INFINITY }, y[] = { 2, NAN, 3, 0, -1, 4 };
	assay_fit_scaling(n, y, 6, &f); /* one pair is left */
	assert_false(f.known);
	assert_int_equal(f.n, 1);
	assay_fit_terms(n, y, 6, 1, &f);
	assert_true(f.known && f.k[0] == 2);
	assay_fit_scaling(NULL, NULL, 0, &f);
	assert_false(f.known);
	double same[] = { 7, 7, 7 }, t[] = { 1, 2, 3 };
	assay_fit_terms(same, t, 3, 2, &f);
	assert_false(f.known);
	double huge[] = { 1e6, 2e6, 4e6, 8e6 }, times[] = { 1e12, 2e12, 4e12, 8e12 };
	assay_fit_scaling(huge, times, 4, &f);
	assert_true(f.known);
	near(f.k[1], 1e6, 1e-9);
	assert_true(isnan(assay_fit_doubling(&(struct assay_fit){ .known = false }, 4).value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_laws), cmocka_unit_test(noisy_laws_hold_the_truth), cmocka_unit_test(doubling),
		cmocka_unit_test(power), cmocka_unit_test(breaks), cmocka_unit_test(hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
