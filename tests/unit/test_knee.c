/* The knee against its formula, and where there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "analysis/knee.h"

static const double batches[] = { 1, 2, 4, 8, 16, 32 };

static struct assay_knee knee(double a, double c, size_t n, double noise)
{
	double b[24], t[24];
	struct assay_knee k;
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		for (int r = 0; r < 3; r++) {
			b[count] = batches[i];
			t[count++] = (a + c * batches[i]) * (1 + noise * (r - 1));
		}
	assay_knee_find(b, t, count, &k);
	return k;
}

static void known_laws(void **state)
{
	(void)state;
	static const struct { double a, c; } rows[] = { { 10, 0.5 }, { 10, 0.1 }, { 50, 8 }, { 1, 1 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		double a = rows[i].a, c = rows[i].c, want = fmax(1, (sqrt(2 * a * (a + c)) - a) / c);
		struct assay_knee k = knee(a, c, 6, 0);
		assert_true(k.known && k.bends);
		assert_true(fabs(k.law.k[0] - a) < 1e-9 * a && fabs(k.law.k[1] - c) < 1e-9 * c);
		assert_true(fabs(k.knee.value - want) < 1e-6 * want);
		assert_true(fabs(k.most_per_time * c - 1) < 1e-9);
		/* At the knee a sequence more brings half of linear. */
		double gain = a / pow(a + c * k.knee.value, 2);
		if (want > 1)
			assert_true(fabs(gain - 0.5 / (a + c)) < 1e-6 / (a + c));
	}
}

static void saturation(void **state)
{
	(void)state;
	assert_true(isnan(knee(10, 0.5, 6, 0).saturation));          /* 32: 16/26 = 62 % */
	assert_true(fabs(knee(10, 0.5, 6, 0).reached - 16.0 / 26) < 1e-9);
	assert_true(knee(0.5, 1, 6, 0).saturation == 16);            /* 8: 94 %, 16: 97 % */
	assert_true(isnan(knee(0.5, 1, 4, 0).saturation));           /* up to 8 only */
}

static void intervals(void **state)
{
	(void)state;
	struct assay_knee k = knee(10, 0.5, 6, 0.02);
	double want = (sqrt(2 * 10 * 10.5) - 10) / 0.5;
	assert_true(k.knee.lo < want && want < k.knee.hi && k.knee.hi - k.knee.lo > 0.1 && k.knee.hi - k.knee.lo < 5);
}

static void no_knee(void **state)
{
	(void)state;
	struct assay_knee k = knee(10, 0, 6, 0.01); /* a step costs the same whatever the batch */
	assert_true(k.known && !k.bends && isnan(k.knee.value) && isnan(k.saturation));
	assert_true(!knee(10, 0, 6, 0).bends); /* rounding is no slope */
	assert_true(!knee(10, 0.015, 6, 0).bends && knee(10, 0.016, 6, 0).bends);
	k = knee(10, -0.01, 6, 0);
	assert_true(k.known && !k.bends);
	k = knee(10, 0.5, 1, 0);
	assert_false(k.known || k.bends);
	assay_knee_find(NULL, NULL, 0, &k);
	assert_false(k.known);
	double b[] = { 1, 4 }, t[] = { 10, NAN };
	assay_knee_find(b, t, 2, &k);
	assert_false(k.known);
	double two[] = { 100, 134 };
	assay_knee_find(b, two, 2, &k); /* two values: a law without an interval */
	assert_true(k.known && k.bends && !k.clear && isnan(k.knee.lo));
	double three[] = { 1, 4, 16 }, noisy[] = { 60, 90, 75 }; /* a slope that cannot be told from 0 is said, and not clear */
	assay_knee_find(three, noisy, 3, &k);
	assert_true(k.bends && !k.clear && k.law.lo[1] < 0);
	assert_true(knee(10, 0.5, 6, 0.02).clear && knee(10, 0, 6, 0.001).clear && !knee(10, 0, 6, 0.05).clear);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_laws), cmocka_unit_test(saturation), cmocka_unit_test(intervals), cmocka_unit_test(no_knee) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
