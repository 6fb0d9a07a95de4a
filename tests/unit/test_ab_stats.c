/* Statistics of a comparison against hand arithmetic, brute force and published tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdint.h>

#include "analysis/ab_stats.h"
#include "base/rng.h"

static void near(double x, double want, double tol)
{
	if (!(fabs(x - want) <= tol))
		fail_msg("%.12g, wanted %.12g", x, want);
}

static void test_pairs(void **state)
{
	(void)state;
	static const double d[] = { 0.01, 0.03, 0.02, 0.04 }; /* mean 0.025, sd = sqrt(5e-4/3) */
	struct assay_ab_estimate x;
	assay_ab_pairs(d, 4, &x);
	near(x.effect, 0.025, 1e-15);
	near(x.sd, sqrt(5e-4 / 3), 1e-15);
	near(x.se, sqrt(5e-4 / 12), 1e-15);
	near(x.df, 3, 0);
	near(assay_ab_t(0.95, 3), 3.182446, 1e-6);   /* any t table */
	near(assay_ab_t(0.90, 9), 1.833113, 1e-6);
	near(assay_ab_t(0.95, INFINITY), 1.959964, 1e-4);
	near(assay_ab_t_p(&x), 0.030466, 1e-6);      /* t = 3.872983, df 3 */
	assay_ab_pairs(d, 1, &x);
	assert_true(isnan(x.se) && isnan(x.df) && isnan(assay_ab_t_p(&x)));
	assay_ab_pairs(d, 0, &x);
	assert_true(isnan(x.effect));
}

static void test_welch(void **state)
{
	(void)state;
	static const double a[] = { 1, 2, 3 }, b[] = { 3, 5, 7, 9 }; /* var 1 and 20/3 */
	struct assay_ab_estimate x;
	assay_ab_welch(a, 3, b, 4, 0, INFINITY, &x);
	double va = 1.0 / 3, vb = 20.0 / 12;
	near(x.effect, 4, 1e-15);
	near(x.se, sqrt(va + vb), 1e-15);
	near(x.df, (va + vb) * (va + vb) / (va * va / 2 + vb * vb / 3), 1e-12);
	near(x.sd, sqrt(1 + 20.0 / 3), 1e-15);
	assay_ab_welch(a, 3, b, 4, 0.5, INFINITY, &x); /* + 2 * 0.25 */
	near(x.se, sqrt(va + vb + 0.5), 1e-15);
	near(x.df, (va + vb + 0.5) * (va + vb + 0.5) / (va * va / 2 + vb * vb / 3), 1e-12);
	assay_ab_welch(a, 3, b, 4, 0.5, 3, &x);
	near(x.df, (va + vb + 0.5) * (va + vb + 0.5) / (va * va / 2 + vb * vb / 3 + 0.25 / 3), 1e-12);
	assay_ab_welch(a, 1, b, 4, 0, INFINITY, &x);
	assert_true(isnan(x.se) && isnan(assay_ab_t_p(&x)));
	static const double same[] = { 2, 2, 2 }, more[] = { 3, 3, 3 };
	assay_ab_welch(same, 3, same, 3, 0, INFINITY, &x);
	near(assay_ab_t_p(&x), 1, 0);
	near(x.df, 4, 0);
	assay_ab_welch(same, 3, more, 3, 0, INFINITY, &x);
	near(assay_ab_t_p(&x), 0, 0);
}

/* Every sign pattern, one by one. */
static double brute(const double *d, size_t n)
{
	double seen = 0;
	size_t hits = 0;
	for (size_t i = 0; i < n; i++)
		seen += d[i];
	for (size_t m = 0; m < (size_t)1 << n; m++) {
		double s = 0;
		for (size_t i = 0; i < n; i++)
			s += m >> i & 1 ? d[i] : -d[i];
		hits += fabs(s) >= fabs(seen) - 1e-10;
	}
	return (double)hits / (double)((size_t)1 << n);
}

static void test_flips(void **state)
{
	(void)state;
	static const double up[10] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, ties[6] = { 0.1, 0.2, 0.3, -0.1, -0.2, 0.3 }, zero[5] = { 0 };
	near(assay_ab_flip_p(up, 10, 0), 2.0 / 1024, 1e-15); /* all of one sign: 2 / 2^n */
	near(assay_ab_flip_p(up, 1, 0), 1, 0);
	near(assay_ab_flip_p(zero, 5, 0), 1, 0);
	near(assay_ab_flip_p(ties, 6, 0), brute(ties, 6), 1e-15);
	assert_true(isnan(assay_ab_flip_p(up, 0, 0)));
	for (uint64_t seed = 0; seed < 60; seed++) {
		double d[16];
		size_t n = 2 + seed % 15;
		for (size_t i = 0; i < n; i++) /* rounded to tenths: many ties; shifted */
			d[i] = round(10 * (assay_rng_unit(seed, i) - 0.3)) / 10;
		near(assay_ab_flip_p(d, n, seed), brute(d, n), 1e-12);
	}
	double d[20], p, big[40];
	for (size_t i = 0; i < 20; i++)
		d[i] = assay_rng_unit(9, i) - 0.35;
	p = brute(d, 20);
	near(assay_ab_flip_p(d, 20, 1), p, 1e-12);
	near(assay_ab_flip_sampled(d, 20, 1, ASSAY_AB_FLIPS), p, 5 * sqrt(p * (1 - p) / ASSAY_AB_FLIPS)); /* 5 sigma of its own error */
	for (size_t i = 0; i < 40; i++)
		big[i] = 1 + assay_rng_unit(3, i);
	near(assay_ab_flip_p(big, 40, 2), 1.0 / (ASSAY_AB_FLIPS + 1), 1e-12); /* 2^-39 is never drawn; never p = 0 */
	assert_true(assay_ab_flip_p(d, 20, 1) == assay_ab_flip_p(d, 20, 77));
	for (size_t i = 0; i < 40; i++)
		big[i] -= 1.45;
	assert_true(assay_ab_flip_p(big, 40, 2) == assay_ab_flip_p(big, 40, 2));
}

static void test_holm(void **state)
{
	(void)state;
	double p[] = { 0.01, 0.04, NAN, 0.03, 0.005 }; /* of 4: 0.005*4, 0.01*3, 0.03*2, then not below: 0.06 */
	static const double want[] = { 0.03, 0.06, NAN, 0.06, 0.02 };
	assay_ab_holm(p, 5);
	for (int i = 0; i < 5; i++)
		if (isnan(want[i]))
			assert_true(isnan(p[i]));
		else
			near(p[i], want[i], 1e-15);
	double one[] = { 0.8, 0.9 };
	assay_ab_holm(one, 2);
	near(one[0], 1, 0);
	near(one[1], 1, 0);
}

/* The figures that the field notes give: sd 1 % -> 1.66 (5 pairs), 0.99 (10), 0.66 (20). */
static void test_visible(void **state)
{
	(void)state;
	static const struct { double sd; int n; double pct; } t[] = { { 1, 5, 1.66 }, { 1, 10, 0.99 }, { 1, 20, 0.66 }, { 2, 10, 1.99 }, { 5, 20, 3.3 } };
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct assay_ab_estimate x = { .se = t[i].sd / sqrt(t[i].n), .df = t[i].n - 1 };
		near(assay_ab_visible(&x), t[i].pct, 0.02);
	}
	assert_int_equal(assay_ab_pairs_needed(0.01, 0.01), 10);
	int n = assay_ab_pairs_needed(0.02, 0.01);
	struct assay_ab_estimate at = { .se = 0.02 / sqrt(n), .df = n - 1 }, before = { .se = 0.02 / sqrt(n - 1), .df = n - 2 };
	assert_true(assay_ab_visible(&at) <= 0.01 && assay_ab_visible(&before) > 0.01);
	assert_int_equal(assay_ab_pairs_needed(0, 0.01), 2);
	assert_int_equal(assay_ab_pairs_needed(1, 0.01), ASSAY_AB_PAIRS_CAP + 1);
}

static void test_decide(void **state)
{
	(void)state;
	static const struct { double p, effect, lo, hi; int sign; enum assay_ab_verdict v; } t[] = {
		{ 0.04, 0.02, 0.001, 0.04, -1, ASSAY_AB_WORSE },  { 0.04, 0.02, 0.001, 0.04, 1, ASSAY_AB_BETTER },
		{ 0.04, -0.02, -0.04, 0, -1, ASSAY_AB_BETTER },   { 0.06, 0.02, -0.001, 0.04, -1, ASSAY_AB_UNDECIDED },
		{ 0.001, 0.005, 0.004, 0.006, -1, ASSAY_AB_SAME }, /* real, and too small to matter */
		{ 0.001, 0.009, 0.007, 0.011, -1, ASSAY_AB_UNDECIDED }, { 0.9, 0, -0.009, 0.009, -1, ASSAY_AB_SAME },
		{ 0.9, 0, -0.011, 0.009, -1, ASSAY_AB_UNDECIDED }, { NAN, NAN, NAN, NAN, -1, ASSAY_AB_UNDECIDED },
		{ 0.01, -0.0100, -0.02, 0, -1, ASSAY_AB_UNDECIDED }, /* exp(-0.01) - 1 is -0.995 %: not beyond 1 % */
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		assert_int_equal(assay_ab_decide(t[i].p, 0.05, t[i].effect, t[i].lo, t[i].hi, 0.01, t[i].sign), t[i].v);
	static const enum assay_ab_verdict u = ASSAY_AB_UNDECIDED, s = ASSAY_AB_SAME, b = ASSAY_AB_BETTER, w = ASSAY_AB_WORSE;
	enum assay_ab_verdict v[][3] = { { s, s, s }, { s, b, s }, { b, u, s }, { w, u, b } }, want[] = { s, b, u, w };
	for (int i = 0; i < 4; i++)
		assert_int_equal(assay_ab_overall(v[i], 3), want[i]);
	assert_int_equal(assay_ab_overall(v[0], 0), u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs), cmocka_unit_test(test_welch), cmocka_unit_test(test_flips),
		cmocka_unit_test(test_holm), cmocka_unit_test(test_visible), cmocka_unit_test(test_decide),
	};
	return cmocka_run_group_tests_name("ab_stats", tests, NULL, NULL);
}
