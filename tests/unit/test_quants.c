/* Known blocks of each stored format, worked out by hand from the layouts in ggml-common.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/quants.h"

static void floats_and_halves(void **state)
{
	(void)state;
	/* binary16: 1, -2, largest finite, smallest subnormal, -0, infinity */
	const uint16_t half[] = { 0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00 };
	const float want[] = { 1, -2, 65504, 0x1p-24f, -0.0f, INFINITY };
	const uint16_t bf[] = { 0x3f80, 0xc049, 0x0001, 0xff80 };
	const float want_bf[] = { 1, -3.140625f, 0x1p-133f, -INFINITY };
	float got[6];
	nn_quant_of_ggml(1)->widen(half, 6, got);
	assert_memory_equal(got, want, sizeof want);
	nn_quant_of_ggml(30)->widen(bf, 4, got);
	assert_memory_equal(got, want_bf, sizeof want_bf);
	nn_quant_of_ggml(0)->widen(want, 6, got);
	assert_memory_equal(got, want, sizeof want);
}

static void q8_0(void **state)
{
	(void)state;
	uint8_t block[68] = { 0x00, 0x38 }; /* d = 0.5; second block d = -2^-24 (subnormal) */
	float got[64];
	for (int i = 0; i < 32; i++)
		block[2 + i] = block[36 + i] = (uint8_t)(i - 16);
	block[2] = 0x80; /* -128 */
	block[34] = 0x01;
	block[35] = 0x80;
	nn_quant_of_ggml(8)->widen(block, 64, got);
	assert_true(got[0] == -64);
	for (int i = 1; i < 32; i++)
		assert_true(got[i] == 0.5f * (float)(i - 16));
	for (int i = 0; i < 32; i++)
		assert_true(got[32 + i] == -0x1p-24f * (float)(i - 16));
}

static void q4(void **state)
{
	(void)state;
	uint8_t q40[18] = { 0x00, 0x40 }, q41[20] = { 0x00, 0x40, 0x00, 0xbc }; /* d = 2, m = -1 */
	float a[32], b[32];
	for (int i = 0; i < 16; i++)
		q40[2 + i] = q41[4 + i] = (uint8_t)(i | (15 - i) << 4);
	nn_quant_of_ggml(2)->widen(q40, 32, a);
	nn_quant_of_ggml(3)->widen(q41, 32, b);
	for (int i = 0; i < 16; i++) {
		assert_true(a[i] == 2 * (float)(i - 8) && a[16 + i] == 2 * (float)(7 - i));
		assert_true(b[i] == 2 * (float)i - 1 && b[16 + i] == 2 * (float)(15 - i) - 1);
	}
}

/* Value v of a Q6_K block, packed the way ggml's reference packs it. */
static void q6_put(uint8_t *block, int v, int q)
{
	int half = v / 128, i = v % 128, row = i / 32, j = i % 32;
	uint8_t *ql = block + 64 * half + j + 32 * (row % 2), *qh = block + 128 + 32 * half + j;
	*ql = (uint8_t)(*ql | (q & 15) << (row < 2 ? 0 : 4));
	*qh = (uint8_t)(*qh | (q >> 4) << 2 * row);
}

static void q6_k(void **state)
{
	(void)state;
	uint8_t block[210] = { 0 };
	float got[256];
	for (int v = 0; v < 256; v++)
		q6_put(block, v, (v * 7 + v / 32 * 5) % 64);
	for (int s = 0; s < 16; s++)
		block[192 + s] = (uint8_t)(s - 8);
	block[208] = 0x00;
	block[209] = 0x34; /* d = 0.25 */
	nn_quant_of_ggml(14)->widen(block, 256, got);
	for (int v = 0; v < 256; v++)
		assert_true(got[v] == 0.25f * (float)(v / 16 - 8) * (float)((v * 7 + v / 32 * 5) % 64 - 32));
}

static void table(void **state)
{
	(void)state;
	static const struct { uint32_t type; const char *name; enum nn_dtype t; } row[] = {
		{ 0, "F32", NN_F32 }, { 1, "F16", NN_F16 }, { 2, "Q4_0", NN_Q4_0 }, { 3, "Q4_1", NN_Q4_1 },
		{ 8, "Q8_0", NN_Q8_0 }, { 14, "Q6_K", NN_Q6_K }, { 30, "BF16", NN_BF16 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const struct nn_quant *q = nn_quant_of_ggml(row[i].type);
		assert_string_equal(q->name, row[i].name);
		assert_int_equal(q->dtype, row[i].t);
		assert_ptr_equal(nn_quant_of_dtype(row[i].t), q);
		assert_int_equal(nn_dtype_bytes(row[i].t, (uint64_t)q->block), q->block_bytes);
	}
	assert_string_equal(nn_quant_of_ggml(12)->name, "Q4_K");
	assert_null(nn_quant_of_ggml(12)->widen);
	assert_null(nn_quant_of_ggml(4)); /* Q4_2, removed from ggml */
	assert_null(nn_quant_of_ggml(UINT32_MAX));
	assert_null(nn_quant_of_dtype(NN_AUTO));
	assert_null(nn_quant_of_dtype(NN_INT8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floats_and_halves), cmocka_unit_test(q8_0), cmocka_unit_test(q4), cmocka_unit_test(q6_k), cmocka_unit_test(table),
	};
	return cmocka_run_group_tests_name("quants", tests, NULL, NULL);
}
