/* Configurations from axes (every pair met, known counts) and the Pareto front (known answers, ties, missing values). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/pareto.h"
#include "experiment/grid.h"

static void test_full(void **state)
{
	(void)state;
	static const size_t sizes[] = { 2, 3 };
	static const uint16_t want[] = { 0, 0, 0, 1, 0, 2, 1, 0, 1, 1, 1, 2 };
	struct assay_grid g;
	assert_int_equal(assay_grid_full(sizes, 2, &g, NULL), 0);
	assert_int_equal(g.n, 6);
	assert_memory_equal(g.value, want, sizeof want);
	assay_grid_release(&g);
	static const size_t most[] = { 100, 20 }, over[] = { 100, 21 }, wrap[] = { 256, 256, 256, 256, 256, 256, 256, 256 };
	assert_int_equal(assay_grid_full(most, 2, &g, NULL), 0);
	assert_int_equal(g.n, 2000);
	assay_grid_release(&g);
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_grid_full(over, 2, &g, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "--pairwise"));
	assay_grid_release(&g);
	assert_int_equal(assay_grid_full(wrap, 8, &g, &e), ASSAY_E_USAGE); /* 256^8 does not fit a size_t */
	assay_grid_release(&g);
}

/* Pairs of values that no row holds. */
static size_t not_met(const struct assay_grid *g, const size_t *sizes)
{
	size_t missing = 0;
	for (size_t a = 0; a < g->n_axes; a++)
		for (size_t b = a + 1; b < g->n_axes; b++)
			for (size_t va = 0; va < sizes[a]; va++)
				for (size_t vb = 0; vb < sizes[b]; vb++) {
					bool met = false;
					for (size_t i = 0; i < g->n; i++)
						met |= g->value[i * g->n_axes + a] == va && g->value[i * g->n_axes + b] == vb;
					missing += !met;
				}
	return missing;
}

static void test_pairwise(void **state)
{
	(void)state;
	static const struct { size_t sizes[10], n_axes, least, most; } row[] = {
		{ { 5 }, 1, 5, 5 }, { { 2, 3 }, 2, 6, 6 }, { { 4, 1 }, 2, 4, 4 }, { { 2, 2, 2 }, 3, 4, 5 }, { { 3, 3, 3, 3 }, 4, 9, 12 },
		{ { 2, 2, 2, 2, 2, 2, 2, 2, 2, 2 }, 10, 6, 10 }, { { 10, 2, 2, 2 }, 4, 20, 24 }, { { 1, 1, 1 }, 3, 1, 1 }, { { 5, 4, 3, 2, 2, 7 }, 6, 35, 48 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_grid g, again;
		assert_int_equal(assay_grid_pairwise(row[i].sizes, row[i].n_axes, &g, NULL), 0);
		assert_int_equal(not_met(&g, row[i].sizes), 0);
		if (g.n < row[i].least || g.n > row[i].most)
			fail_msg("row %zu: %zu configurations", i, g.n);
		for (size_t k = 0; k < g.n * g.n_axes; k++)
			assert_true(g.value[k] < row[i].sizes[k % g.n_axes]);
		assert_int_equal(assay_grid_pairwise(row[i].sizes, row[i].n_axes, &again, NULL), 0);
		assert_int_equal(again.n, g.n);
		assert_memory_equal(again.value, g.value, g.n * g.n_axes * sizeof *g.value);
		assay_grid_release(&again);
		assay_grid_release(&g);
	}
	static const size_t large[] = { 256, 256 };
	struct assay_grid g;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_grid_pairwise(large, 2, &g, &e), ASSAY_E_USAGE);
	assay_grid_release(&g);
}

static void test_front(void **state)
{
	(void)state;
	/* latency (less is better), throughput (more is better) */
	static const int sign[] = { -1, 1, -1 };
	static const struct { size_t n, k; double x[18]; const char *front; } row[] = {
		{ 4, 2, { 10, 100, 20, 200, 30, 150, 20, 90 }, "1100" },         /* 30/150 and 20/90 lose to 20/200 */
		{ 3, 2, { 10, 100, 10, 100, 11, 100 }, "110" },                  /* equals stand together */
		{ 3, 2, { 10, 100, 10, 101, 9, 100 }, "011" },                   /* better in one, equal in the other */
		{ 1, 2, { 5, 5 }, "1" },
		{ 3, 2, { 10, 100, NAN, 1000, 12, 90 }, "100" },                 /* a missing value wins nothing and beats nobody */
		{ 2, 2, { NAN, 1, 1, NAN }, "00" },
		{ 3, 1, { 3, 1, 1 }, "011" },
		{ 3, 3, { 10, 100, 50, 10, 100, 40, 9, 90, 60 }, "011" },
		{ 2, 0, { 0 }, "00" },
		{ 0, 2, { 0 }, "" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		bool front[8] = { false };
		assay_pareto(row[i].x, row[i].n, sign, row[i].k, front);
		for (size_t c = 0; c < row[i].n; c++)
			if (front[c] != (row[i].front[c] == '1'))
				fail_msg("row %zu, choice %zu: %d", i, c, front[c]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_full), cmocka_unit_test(test_pairwise), cmocka_unit_test(test_front) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
