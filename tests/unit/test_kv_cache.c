/* The KV pool's sizes and layout, and the free list of blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <string.h>

#include "nn/kv_cache.h"

static const struct nn_shape shape = { .name = "t", .layers = 3, .kv_heads = 2, .head_dim = 10 };

static void test_pool(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_kv_pool p;
	static const struct { enum nn_dtype t; uint64_t bytes; } row[] = { { NN_F32, 4 }, { NN_BF16, 2 }, { NN_F16, 2 } };
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		assert_int_equal(nn_kv_pool_open(&p, &shape, row[i].t, 7, 16, &e), 0);
		assert_int_equal(p.bytes, 2 * 3 * 7 * 2 * 16 * 10 * row[i].bytes);
		size_t last = nn_kv_index(&p, 2, 6, 1) + 16 * 10;
		assert_int_equal(last * row[i].bytes * 2, p.bytes);
		assert_int_equal(nn_kv_index(&p, 1, 0, 0), 7 * 2 * 160);
		assert_int_equal(nn_kv_index(&p, 0, 1, 1), 3 * 160);
		memset((char *)p.k, 1, p.bytes / 2); /* both halves are ours and apart */
		for (size_t j = 0; j < p.bytes / 2; j += 100)
			assert_int_equal(((char *)p.v)[j], 0);
		nn_kv_pool_release(&p);
		assert_null(p.k);
		nn_kv_pool_release(&p);
	}
}

static void test_pool_refuses(void **state)
{
	(void)state;
	static const struct { enum nn_dtype t; int blocks, size; } row[] = {
		{ NN_Q8_0, 4, 16 }, { NN_F32, 0, 16 }, { NN_F32, -1, 16 }, { NN_F32, 4, 0 }, { NN_F32, 4, 1025 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		struct nn_kv_pool p;
		assert_int_equal(nn_kv_pool_open(&p, &shape, row[i].t, row[i].blocks, row[i].size, &e), ASSAY_E_USAGE);
		assert_true(e.msg[0]);
		assert_null(p.k);
	}
	struct nn_shape wide = { .layers = INT_MAX, .kv_heads = INT_MAX, .head_dim = INT_MAX };
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_kv_pool p;
	assert_int_equal(nn_kv_pool_open(&p, &wide, NN_F32, INT_MAX, 1024, &e), ASSAY_E_MODEL);
}

static void take_all(uint64_t seed, int *order, int n)
{
	struct nn_kv_blocks b;
	unsigned char seen[100] = { 0 };
	nn_kv_blocks_init(&b, n, seed);
	for (int i = 0; i < n; i++) {
		order[i] = nn_kv_blocks_take(&b);
		assert_in_range(order[i], 0, n - 1);
		assert_false(seen[order[i]]++);
	}
	assert_int_equal(nn_kv_blocks_take(&b), -1);
	assert_int_equal(b.n_free, 0);
	nn_kv_blocks_give(&b, order[3]);
	assert_int_equal(nn_kv_blocks_take(&b), order[3]);
	nn_kv_blocks_release(&b);
}

static void test_blocks(void **state)
{
	(void)state;
	int plain[100], one[100], again[100], other[100];
	take_all(0, plain, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(plain[i], i);
	take_all(5, one, 100);
	take_all(5, again, 100);
	take_all(6, other, 100);
	assert_memory_equal(one, again, sizeof one);
	assert_memory_not_equal(one, other, sizeof one);
	assert_memory_not_equal(one, plain, sizeof one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_pool_refuses),
		cmocka_unit_test(test_blocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
