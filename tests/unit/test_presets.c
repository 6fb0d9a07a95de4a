/* Presets: shapes against the parameter counts that the checkpoints' pages and files publish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nn/source.h"

static const struct {
	const char *name;
	uint64_t parameters;       /* sum over the checkpoint's tensors, tied output counted once */
	uint64_t kv_bytes;         /* a token, in the published dtype */
} published[] = {
	{ "gpt2", 124439808, 73728 },          { "gpt2-medium", 354823168, 196608 },   { "gpt2-large", 774030080, 368640 },
	{ "gpt2-xl", 1557611200, 614400 },     { "opt-125m", 125239296, 36864 },       { "opt-350m", 331196416, 98304 },
	{ "opt-1.3b", 1315758080, 196608 },    { "qwen2-1.5b", 1543714304, 28672 },    { "qwen2.5-0.5b", 494032768, 12288 },
	{ "qwen2.5-1.5b", 1543714304, 28672 }, { "qwen2.5-7b", 7615616512, 57344 },    { "qwen3-0.6b", 596049920, 114688 },
	{ "llama-7b", 6738415616, 524288 },    { "llama-13b", 13015864320, 819200 },   { "llama-3.2-1b", 1235814400, 32768 },
	{ "tinyllama-1.1b", 1100048384, 22528 }, { "mistral-7b", 7248023552, 131072 },
};

static void test_parameters(void **state)
{
	(void)state;
	int n;
	nn_preset_table(&n);
	assert_int_equal(n, sizeof published / sizeof *published);
	for (int i = 0; i < n; i++) {
		const struct nn_shape *s = nn_preset_find(published[i].name);
		struct assay_err e = ASSAY_ERR_INIT;
		if (!s)
			fail_msg("%s is missing", published[i].name);
		if (nn_shape_parameters(s) != published[i].parameters)
			fail_msg("%s has %llu parameters, published %llu", s->name, (unsigned long long)nn_shape_parameters(s), (unsigned long long)published[i].parameters);
		if (nn_shape_kv_bytes_per_token(s, s->stored) != published[i].kv_bytes)
			fail_msg("%s: %llu KV bytes a token", s->name, (unsigned long long)nn_shape_kv_bytes_per_token(s, s->stored));
		assert_int_equal(nn_shape_check(s, &e), 0);
		assert_true(s->synthetic);
		assert_true(strlen(s->checkpoint) > 4);
	}
}

static void test_weight_bytes(void **state)
{
	(void)state;
	const struct nn_shape *s = nn_preset_find("gpt2");
	uint64_t vectors = 12 * (4 * 768 + 3 * 768 + 768 + 4 * 768 + 768) + 2 * 768;
	assert_int_equal(nn_shape_weight_bytes(s, NN_F32), 4 * nn_shape_parameters(s));
	assert_int_equal(nn_shape_weight_bytes(s, NN_BF16), 2 * nn_shape_parameters(s) + 2 * vectors);
}

static void test_dtypes(void **state)
{
	(void)state;
	static const struct { const char *name; enum nn_dtype t; uint64_t n, bytes; } row[] = {
		{ "f32", NN_F32, 10, 40 },     { "bf16", NN_BF16, 10, 20 },   { "f16", NN_F16, 10, 20 },     { "int8", NN_INT8, 10, 10 },
		{ "q8_0", NN_Q8_0, 64, 68 },   { "q8_0", NN_Q8_0, 33, 68 },   { "q4_0", NN_Q4_0, 32, 18 },   { "q4_1", NN_Q4_1, 96, 60 },
		{ "q6_k", NN_Q6_K, 256, 210 }, { "q6_k", NN_Q6_K, 257, 420 }, { "auto", NN_AUTO, 100, 0 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		assert_int_equal(nn_dtype_bytes(row[i].t, row[i].n), row[i].bytes);
		assert_string_equal(nn_dtype_name(row[i].t), row[i].name);
		assert_int_equal(nn_dtype_parse(row[i].name), row[i].t);
	}
	assert_int_equal(nn_dtype_parse("float8"), -1);
}

/* One field spoilt at a time. */
static void test_check(void **state)
{
	(void)state;
	const struct nn_shape *good = nn_preset_find("llama-3.2-1b");
	for (int i = 0; i < 16; i++) {
		struct nn_shape s = *good;
		switch (i) {
		case 0: s.layers = 0; break;
		case 1: s.hidden = -1; break;
		case 2: s.vocab = INT32_MAX; break;
		case 3: s.kv_heads = 7; break;
		case 4: s.head_dim = 63; break;
		case 5: s.norm_eps = 0; break;
		case 6: s.norm_eps = (float)__builtin_nan(""); break;
		case 7: s.rope_theta = 0; break;
		case 8: s.rope_factor = 0.5; break;
		case 9: s.rope_high_freq = s.rope_low_freq; break;
		case 10: s.max_context = 1 << 25; break;
		case 11: s.n_eos = 9; break;
		case 12: s.pos_offset = -1; break;
		case 13: s.heads = s.kv_heads = 4096; s.head_dim = 1024; break;
		case 14: s.layers = 1024; s.ffn = 1 << 20; s.hidden = s.embed_dim = 1 << 18; break;
		case 15: s.rope_theta = __builtin_inf(); break;
		}
		struct assay_err e = ASSAY_ERR_INIT;
		if (nn_shape_check(&s, &e) != ASSAY_E_MODEL || !e.msg[0])
			fail_msg("spoilt shape %d was accepted", i);
	}
}

static void test_names(void **state)
{
	(void)state;
	struct nn_shape s;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(nn_shape_of("qwen2.5-0.5b", &s, &e), 0);
	assert_int_equal(s.kv_heads, 2);
	assert_int_equal(nn_shape_of("qwen25-0.5b", &s, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "did you mean qwen2.5-0.5b?"));
	assert_int_equal(nn_shape_of("no/such/place", &s, &e), ASSAY_E_USAGE);
	assert_int_equal(nn_shape_of("/etc/hostname", &s, &e), ASSAY_E_MODEL);
	char lengthy[5000];
	memset(lengthy, 'x', sizeof lengthy - 1);
	lengthy[sizeof lengthy - 1] = 0;
	assert_int_equal(nn_shape_of(lengthy, &s, &e), ASSAY_E_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parameters), cmocka_unit_test(test_weight_bytes), cmocka_unit_test(test_dtypes),
		cmocka_unit_test(test_check),      cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
