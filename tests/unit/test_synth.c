/* Synthetic weights: the same bits on every machine and in any order, of the promised distribution. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/rng.h"
#include "nn/kernels_source.h"
#include "nn/source.h"

static struct nn_source *open_preset(const char *name, uint64_t seed)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_source *s = NULL;
	if (nn_source_open(name, seed, &s, &e))
		fail_msg("%s", e.msg);
	return s;
}

static struct nn_view find(struct nn_source *s, const char *name, int64_t rows, int64_t cols)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_view v;
	if (s->ops->find(s, name, rows, cols, &v, &e))
		fail_msg("%s", e.msg);
	return v;
}

/* First 64 x 768 values of tensors; a changed hash is a changed model: every stored result would be of another one. */
static void test_hashes(void **state)
{
	(void)state;
	static const struct { const char *model; uint64_t seed; const char *name; int64_t rows, cols; const char *sha256; } row[] = {
		{ "gpt2", 0, "transformer.wte.weight", 64, 768, "001cef51e8aaea53638079429fe046a0f2d5983b1700e9fcd8e484f58e1ba6b7" },
		{ "gpt2", 1, "transformer.wte.weight", 64, 768, "f13058fbe0e7ae68a878cd904f2078d128c0c2f43722e82de6a77ef639836b86" },
		{ "gpt2", 0, "transformer.h.0.attn.c_attn.weight", 64, 768, "d1d6675b51ac24c06a48abbb84f7e3dacb95b377a91173f402e0c6b6e1393908" },
		{ "gpt2", 0, "transformer.h.0.ln_1.weight", 1, 768, "903c9706636b512e05255d27c1a2d7c553070493af6351b9a7f2f983dc777134" },
		{ "gpt2", 0, "transformer.h.0.ln_1.bias", 1, 768, "5cf17fa2795b17cb7da8cae80402c36b1f7591ff8f16d595067f229925c59b1d" },
		{ "qwen2.5-0.5b", 0, "model.layers.3.mlp.down_proj.weight", 64, 768, "fc50fb213566af743059de022e2f240b77da9de248a03a8873a3a0c52255259c" },
	};
	static float buf[64 * 768];
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct nn_source *s = open_preset(row[i].model, row[i].seed);
		struct nn_view v = find(s, row[i].name, row[i].rows, row[i].cols);
		char hex[65];
		s->ops->fetch(&v, 0, row[i].rows, buf);
		assay_sha256_hex(buf, (size_t)(row[i].rows * row[i].cols) * sizeof *buf, hex);
		if (strcmp(hex, row[i].sha256))
			fail_msg("%s seed %d %s: %s", row[i].model, (int)row[i].seed, row[i].name, hex);
		nn_source_close(s);
	}
}

/* The generator written a second time, one value at a time. */
static float one_value(uint64_t key, uint64_t i, float mean, float step)
{
	uint64_t k = assay_rng_key(key, i >> 32);
	uint32_t x = (uint32_t)i ^ (uint32_t)k;
	x ^= x >> 16, x *= 0x7feb352du, x ^= x >> 15, x *= 0x846ca68bu, x ^= x >> 16;
	uint32_t y = x * 0x9e3779b1u + (uint32_t)(k >> 32);
	y ^= y >> 15, y *= 0x7feb352du, y ^= y >> 16;
	int64_t sum = (int64_t)(x % 65536) + x / 65536 + y % 65536 + y / 65536 - 131070;
	return mean + (float)((double)sum * step);
}

static void test_formula(void **state)
{
	(void)state;
	static const uint64_t first[] = { 0, 1, 7, 12345, (UINT64_C(1) << 32) - 100, UINT64_C(3) << 32, (UINT64_C(5) << 32) - 1 };
	float buf[203];
	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		nn_fill_noise(99, first[i], 203, 1, 0x1p-19f, buf);
		for (int k = 0; k < 203; k++)
			if (buf[k] != one_value(99, first[i] + (uint64_t)k, 1, 0x1p-19f))
				fail_msg("element %llu", (unsigned long long)first[i] + k);
	}
}

static void test_order(void **state)
{
	(void)state;
	struct nn_source *s = open_preset("gpt2", 5);
	struct nn_view v = find(s, "transformer.h.1.mlp.c_fc.weight", 3072, 768);
	float *all = malloc(768 * 100 * sizeof *all), row[768];
	s->ops->fetch(&v, 1000, 100, all);
	for (int i = 99; i >= 0; i--) {
		s->ops->fetch(&v, 1000 + i, 1, row);
		assert_memory_equal(row, all + i * 768, sizeof row);
	}
	free(all);
	nn_source_close(s);
}

static void test_distribution(void **state)
{
	(void)state;
	enum { N = 1 << 20 };
	float *z = malloc(N * sizeof *z);
	nn_fill_noise(7, 0, N, 0, 1, z);
	double sum = 0, square = 0, lag = 0;
	int beyond2 = 0;
	const double sd = sqrt((65536.0 * 65536.0 - 1) / 3);
	for (int i = 0; i < N; i++) {
		sum += z[i], square += (double)z[i] * z[i];
		beyond2 += fabs(z[i]) > 2 * sd;
		lag += i ? (double)z[i] * z[i - 1] : 0;
	}
	free(z);
	assert_true(fabs(sum / N / sd) < 0.004);            /* 4 standard errors */
	assert_true(fabs(square / N / (sd * sd) - 1) < 0.006);
	assert_true(fabs(lag / N / (sd * sd)) < 0.004);
	assert_true(fabs((double)beyond2 / N - 0.0428) < 0.001); /* normal: 0.0455; the sum of four: (2 - 2/sqrt 3)^4 / 12 */
}

static void test_kinds(void **state)
{
	(void)state;
	struct nn_source *s = open_preset("gpt2", 0);
	float norm[768], bias[768], a[768], b[768];
	struct nn_view v = find(s, "transformer.ln_f.weight", 1, 768);
	s->ops->fetch(&v, 0, 1, norm);
	v = find(s, "transformer.ln_f.bias", 1, 768);
	s->ops->fetch(&v, 0, 1, bias);
	for (int i = 0; i < 768; i++)
		assert_true(norm[i] > 0.7f && norm[i] < 1.3f && fabsf(bias[i]) < 0.04f);
	v = find(s, "transformer.wte.weight", 50257, 768);
	s->ops->fetch(&v, 50256, 1, a);
	v = find(s, "lm_head.weight", 50257, 768);
	s->ops->fetch(&v, 50256, 1, b);
	assert_memory_equal(a, b, sizeof a);
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(s->ops->find(s, "x", 0, 5, &v, &e), ASSAY_E_MODEL);
	nn_source_close(s);
}

/* Exact widening of every 16-bit pattern, against arithmetic. */
static void test_widen(void **state)
{
	(void)state;
	static uint16_t in[65536];
	static float half[65536], brain[65536];
	for (int i = 0; i < 65536; i++)
		in[i] = (uint16_t)i;
	nn_widen_f16(in, 65536, half);
	nn_widen_bf16(in, 65536, brain);
	for (int i = 0; i < 65536; i++) {
		int exponent = i >> 10 & 31, fraction = i & 1023;
		double v = exponent == 31 ? (fraction ? NAN : INFINITY) : exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
		float want = (float)(i & 0x8000 ? -v : v);
		if (isnan(v) ? !isnan(half[i]) : half[i] != want || !!signbit(half[i]) != (i >> 15))
			fail_msg("f16 0x%04x gives %g", i, half[i]);
		uint32_t bits;
		memcpy(&bits, &brain[i], 4);
		assert_int_equal(bits, (uint32_t)i << 16);
	}
	char odd[1 + 2 * 40];
	memcpy(odd + 1, in + 15000, 80);
	float out[40];
	nn_widen_f16(odd + 1, 40, out);
	assert_memory_equal(out, half + 15000, sizeof out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hashes),       cmocka_unit_test(test_formula), cmocka_unit_test(test_order),
		cmocka_unit_test(test_distribution), cmocka_unit_test(test_kinds),   cmocka_unit_test(test_widen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
