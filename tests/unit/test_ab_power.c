/* Does the sequential procedure keep its promises? Whole comparisons are simulated: alarms where nothing differs, and slow-downs found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "ab_sim.h"

static struct assay_ab_looks looks;

static int alarms(double ar1, double shared)
{
	struct ab_sim s = { .run_cv = 0.01, .ar1 = ar1, .shared = shared, .keys = 8, .max_pairs = 40, .min_effect = 0.01, .looks = &looks };
	int n = 0;
	for (uint64_t i = 0; i < 2000; i++) {
		enum assay_ab_verdict first, v;
		size_t pairs;
		v = ab_sim_run(&s, 10000 + i, &first, &pairs);
		n += v == ASSAY_AB_WORSE || v == ASSAY_AB_BETTER;
	}
	print_message("A/A, 2,000 comparisons of 8 keys, run_cv 1 %%, ar1 %g, shared noise %g: %d alarms\n", ar1, shared, n);
	return n;
}

static void test_alarms(void **state)
{
	(void)state;
	assert_in_range(alarms(0, 0), 0, 125);
	assert_in_range(alarms(0.5, 0), 0, 125);
}

/* With no least effect the level alone must hold; this is where looking at every pair would alarm in 21 %. */
static void test_level(void **state)
{
	(void)state;
	struct ab_sim s = { .run_cv = 0.01, .keys = 1, .max_pairs = 20, .min_effect = 0, .looks = &looks };
	int n = 0;
	for (uint64_t i = 0; i < 2000; i++) {
		enum assay_ab_verdict first, v;
		size_t pairs;
		v = ab_sim_run(&s, 50000 + i, &first, &pairs);
		n += v == ASSAY_AB_WORSE || v == ASSAY_AB_BETTER;
	}
	print_message("A/A without a least effect, 3 looks: %d alarms of 2,000\n", n);
	assert_in_range(n, 20, 100); /* three of the five looks: about 3.5 % */
}

static void test_power(void **state)
{
	(void)state;
	struct ab_sim s = { .run_cv = 0.01, .effect = 0.02, .keys = 8, .max_pairs = 40, .min_effect = 0.01, .looks = &looks };
	int slower = 0;
	size_t used = 0;
	for (uint64_t i = 0; i < 1000; i++) {
		enum assay_ab_verdict first;
		size_t pairs;
		slower += ab_sim_run(&s, 90000 + i, &first, &pairs) == ASSAY_AB_WORSE && first == ASSAY_AB_WORSE;
		used += pairs;
	}
	print_message("2 %% at run_cv 1 %% in one of 8 keys: SLOWER in %d of 1,000, after %.1f pairs on average\n", slower, (double)used / 1000);
	assert_true(slower >= 900);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_alarms), cmocka_unit_test(test_level), cmocka_unit_test(test_power) };
	assay_ab_looks_init(&looks);
	return cmocka_run_group_tests_name("ab_power", tests, NULL, NULL);
}
