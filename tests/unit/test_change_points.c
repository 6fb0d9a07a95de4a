/* Changes of level: how often a series without one alarms (seeded simulation), how often a real one is found and where, and what is no change: a
 * trend, single outliers, a series that is too short. Slopes and outliers against known answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/change_points.h"
#include "analysis/series_stats.h"
#include "base/rng.h"

enum { RUNS = 1000, MOST = 200 };

static double normal(uint64_t key, uint64_t i)
{
	return sqrt(-2 * log(1 - assay_rng_unit(key, 2 * i))) * cos(2 * M_PI * assay_rng_unit(key, 2 * i + 1));
}

static double cauchy(uint64_t key, uint64_t i) { return tan(M_PI * (assay_rng_unit(key, i) - 0.5)); }
static double coarse(uint64_t key, uint64_t i) { return floor(3 * assay_rng_unit(key, i)); } /* ties */

/* Nothing changes: alarms of 1,000 series. */
static void test_false_alarms(void **state)
{
	static const struct { const char *noise; double (*draw)(uint64_t, uint64_t); size_t n; } rows[] = {
		{ "normal", normal, 10 }, { "normal", normal, 20 }, { "normal", normal, 50 }, { "normal", normal, 200 }, { "cauchy", cauchy, 30 }, { "ties", coarse, 30 },
	};
	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		int alarms = 0;
		for (uint64_t run = 0; run < RUNS; run++) {
			double x[MOST];
			struct assay_change c[ASSAY_CHANGE_MAX];
			for (size_t i = 0; i < rows[r].n; i++)
				x[i] = rows[r].draw(assay_rng_key(r, run), i);
			alarms += assay_change_points(x, rows[r].n, ASSAY_CHANGE_LEVEL, run, c) > 0;
		}
		printf("# %s noise, %zu values: %d alarms in %d\n", rows[r].noise, rows[r].n, alarms, RUNS);
		if (alarms > RUNS / 50) /* level 1 %; 2 % is more than three standard errors away */
			fail_msg("%s noise, %zu values: %d alarms in %d", rows[r].noise, rows[r].n, alarms, RUNS);
	}
}

/* The same where each value inherits rho of the last one's noise: at most 5 % (it would be 6 to 25 % if that were not allowed for). */
static void test_wandering(void **state)
{
	static const struct { double rho; size_t n; int most; } rows[] = { { 0.3, 20, 50 }, { 0.3, 60, 50 }, { 0.5, 60, 50 } };
	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		int alarms = 0;
		for (uint64_t run = 0; run < RUNS; run++) {
			double x[MOST], last = 0;
			struct assay_change c[ASSAY_CHANGE_MAX];
			for (size_t i = 0; i < rows[r].n; i++)
				x[i] = last = rows[r].rho * last + sqrt(i ? 1 - rows[r].rho * rows[r].rho : 1) * normal(assay_rng_key(5, run), i);
			alarms += assay_change_points(x, rows[r].n, ASSAY_CHANGE_LEVEL, run, c) > 0;
		}
		printf("# autocorrelation %g, %zu values: %d alarms in %d\n", rows[r].rho, rows[r].n, alarms, RUNS);
		if (alarms > rows[r].most)
			fail_msg("autocorrelation %g, %zu values: %d alarms in %d", rows[r].rho, rows[r].n, alarms, RUNS);
	}
}

/* A step of `sd` standard deviations at `at` of n: found in at least `least` of 100, within 3 values of its place. */
static void test_power(void **state)
{
	static const struct { size_t n, at; double sd; int least; } rows[] = { { 20, 10, 4, 95 }, { 40, 20, 2, 80 }, { 40, 35, 4, 90 }, { 200, 60, 1, 85 }, { 10, 5, 8, 80 } };
	(void)state;
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		int found = 0;
		for (uint64_t run = 0; run < 100; run++) {
			double x[MOST];
			struct assay_change c[ASSAY_CHANGE_MAX];
			for (size_t i = 0; i < rows[r].n; i++)
				x[i] = normal(assay_rng_key(100 + r, run), i) + (i >= rows[r].at ? rows[r].sd : 0);
			size_t n = assay_change_points(x, rows[r].n, ASSAY_CHANGE_LEVEL, run, c);
			for (size_t i = 0; i < n; i++)
				if (fabs((double)c[i].at - (double)rows[r].at) <= (rows[r].sd < 2 ? 15 : 3)) {
					found++;
					break;
				}
		}
		printf("# a step of %g sd at %zu of %zu: found in %d of 100\n", rows[r].sd, rows[r].at, rows[r].n, found);
		if (found < rows[r].least)
			fail_msg("a step of %g sd at %zu of %zu: found in %d of 100", rows[r].sd, rows[r].at, rows[r].n, found);
	}
}

static void test_places(void **state)
{
	double x[60];
	struct assay_change c[ASSAY_CHANGE_MAX];
	(void)state;
	for (size_t i = 0; i < 60; i++) /* three exact levels */
		x[i] = i < 20 ? 1 : i < 45 ? 1.1 : 0.9;
	assert_int_equal(assay_change_points(x, 60, ASSAY_CHANGE_LEVEL, 1, c), 2);
	assert_int_equal(c[0].at, 20);
	assert_int_equal(c[1].at, 45);
	assert_true(c[0].p > 0 && c[0].p <= ASSAY_CHANGE_LEVEL);
	for (size_t i = 0; i < 60; i++)
		x[i] = 3;
	assert_int_equal(assay_change_points(x, 60, ASSAY_CHANGE_LEVEL, 1, c), 0);
	x[59] = 100; /* one is an outlier */
	assert_int_equal(assay_change_points(x, 60, ASSAY_CHANGE_LEVEL, 1, c), 0);
	for (size_t i = 0; i < 60; i++) /* a trend is no change */
		x[i] = 0.02 * (double)i + 0.1 * normal(7, i);
	assert_int_equal(assay_change_points(x, 60, ASSAY_CHANGE_LEVEL, 1, c), 0);
	for (size_t i = 0; i < 9; i++)
		x[i] = i < 5;
	assert_int_equal(assay_change_points(x, 9, ASSAY_CHANGE_LEVEL, 1, c), 0); /* needs 10 */
}

static void test_slope(void **state)
{
	double x[1500], y[1500];
	struct assay_slope s;
	(void)state;
	for (size_t i = 0; i < 1500; i++) {
		x[i] = (double)i;
		y[i] = 5 - 0.25 * (double)i;
	}
	y[3] = 1e9;
	assay_theil_sen(x, y, 20, ASSAY_Z95, 1, &s);
	assert_true(fabs(s.slope + 0.25) < 1e-12 && s.lo <= -0.25 && s.hi >= -0.25 && s.hi < 0);
	assay_theil_sen(x, y, 1500, ASSAY_Z95, 1, &s); /* drawn pairs */
	assert_true(fabs(s.slope + 0.25) < 1e-12 && fabs(s.lo + 0.25) < 1e-12 && fabs(s.hi + 0.25) < 1e-12);
	assay_theil_sen(x, y, 3, ASSAY_Z95, 1, &s);
	assert_true(s.slope == -0.25 && isinf(s.lo) && isinf(s.hi));
	x[1] = x[0];
	assay_theil_sen(x, y, 2, ASSAY_Z95, 1, &s);
	assert_true(isnan(s.slope));
	/* the interval covers the truth in 95 %, within three standard errors */
	int covered = 0;
	for (uint64_t run = 0; run < 400; run++) {
		for (size_t i = 0; i < 25; i++) {
			x[i] = (double)i;
			y[i] = 0.1 * (double)i + normal(assay_rng_key(9, run), i);
		}
		assay_theil_sen(x, y, 25, ASSAY_Z95, run, &s);
		covered += s.lo <= 0.1 && 0.1 <= s.hi;
	}
	printf("# the interval covers the slope in %d of 400\n", covered);
	assert_in_range(covered, 367, 393);
}

static void test_outliers(void **state)
{
	double r[10] = { 0.1, -0.1, 0.2, 5, -0.2, 0.05, 0, 0.15, -6, 0.1 }, flat[5] = { 0, 0, 0.5, 0, 0 };
	bool out[10];
	(void)state;
	assert_int_equal(assay_outliers(r, 10, 0, out), 2);
	assert_true(out[3] && out[8] && !out[2]);
	assert_int_equal(assay_outliers(flat, 5, 0.2, out), 0);
	assert_int_equal(assay_outliers(flat, 5, 0.1, out), 1);
	assert_true(out[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_false_alarms), cmocka_unit_test(test_wandering), cmocka_unit_test(test_power), cmocka_unit_test(test_places), cmocka_unit_test(test_slope),
					    cmocka_unit_test(test_outliers) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
