/* GGUF: hostile files are refused with their cause; a small good one gives the right
 * shape, names and rows; the real SmolLM2 file, where fetched, opens whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/gguf.h"
#include "nn/gguf_model.h"
#include "nn/source.h"
#include "unit/gguf_build.h"

enum { LAYERS = GGUF_LLAMA_LAYERS, HIDDEN = GGUF_LLAMA_HIDDEN, HEADS = GGUF_LLAMA_HEADS, KV = GGUF_LLAMA_KV, HD = GGUF_LLAMA_HD, FFN = GGUF_LLAMA_FFN, VOCAB = GGUF_LLAMA_VOCAB };

static void build_llama(struct gguf_build *b)
{
	gguf_build_init(b);
	gguf_put_llama_keys(b, "llama");
	gguf_put_llama_tensors(b);
}

static int parse(const void *bytes, size_t n, struct assay_err *e)
{
	struct nn_gguf g;
	void *copy = malloc(n ? n : 1); /* exact size, so that ASan sees any read beyond it */
	memcpy(copy, bytes, n);
	int rc = nn_gguf_parse(copy, n, "t.gguf", &g, e);
	if (!rc)
		nn_gguf_release(&g);
	free(copy);
	return rc;
}

static void truncations(void **state)
{
	(void)state;
	struct gguf_build b;
	struct assay_buf bytes;
	struct assay_err e = ASSAY_ERR_INIT;
	build_llama(&b);
	gguf_build_finish(&b, &bytes);
	assert_int_equal(parse(bytes.data, bytes.len_bytes, &e), 0);
	for (size_t n = 0; n < bytes.len_bytes; n++) {
		assert_int_equal(parse(bytes.data, n, &e), ASSAY_E_MODEL);
		assert_non_null(strstr(e.msg, "t.gguf"));
	}
	assay_buf_release(&bytes);
	gguf_build_release(&b);
}

/* Overwrites bytes of a good file: at an absolute place, or `skip` bytes after the text `find`. */
static void lies(void **state)
{
	(void)state;
	static const uint64_t huge = UINT64_MAX, big = UINT64_C(1) << 60, four = 4, wrap = UINT64_MAX - 3;
	static const uint32_t v1 = 1, v99 = 99, zero = 0, nine = 9;
	static const struct { const char *find; int skip; const void *patch; size_t n; const char *want; } row[] = {
		{ NULL, 0, "GGML", 4, "not a GGUF file" },
		{ NULL, 4, &v1, 4, "version 1 is not supported" },
		{ NULL, 4, "\0\0\0\3", 4, "version 3 (big-endian)" },
		{ NULL, 8, &huge, 8, "claims" },
		{ NULL, 16, &huge, 8, "claims" },
		{ NULL, 8, &big, 8, "tensors" },
		{ NULL, 24, &huge, 8, "ends inside a metadata key" },
		{ NULL, 24, &wrap, 8, "ends inside a metadata key" },
		{ "llama.block_count", 0, &v99, 4, "unknown value type 99" },
		{ "general.architecture", 4, &huge, 8, "ends inside a metadata string" },
		{ "general.architecture", 4, &wrap, 8, "ends inside a metadata string" },
		{ "token_embd.weight", 0, &zero, 4, "1 to 4 dimensions" },
		{ "token_embd.weight", 0, &v99, 4, "1 to 4 dimensions" },
		{ "token_embd.weight", 4, &huge, 8, "absurdly large" },
		{ "token_embd.weight", 12, &big, 8, "absurdly large" },
		{ "token_embd.weight", 12, "\0\0\0\0\0\0\0\0", 8, "dimension is zero" },
		{ "token_embd.weight", 20, &v99, 4, "unknown type 99" },
		{ "token_embd.weight", 20, &four, 4, "unknown type 4" },
		{ "token_embd.weight", 20, "\x2\0\0\0", 4, "multiple of its type's block" },
		{ "token_embd.weight", 24, &huge, 8, "not aligned" },
		{ "token_embd.weight", 24, "\xe0\xff\xff\xff\xff\xff\xff\xff", 8, "beyond the end" },
		{ "token_embd.weight", 24, &big, 8, "beyond the end" },
		{ "token_embd.weight", 12, "\0\0\1\0\0\0\0\0", 8, "beyond the end" },
		{ "llama.context_length", 0, &nine, 4, "" }, /* now an array whose kind and length are what follows */
		{ "some.list", 8, "\0\0\0\0\0\0\0\x40", 8, "ends inside a metadata value" }, /* 2^62 * 4 bytes wrap to 0 */
		{ "blk.0.attn_k.weight", -8, "v", 1, "is there twice" },
	};
	struct gguf_build b;
	struct assay_buf good;
	struct assay_err e = ASSAY_ERR_INIT;
	build_llama(&b);
	gguf_build_finish(&b, &good);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char *copy = xalloc(good.len_bytes), *at = copy;
		memcpy(copy, good.data, good.len_bytes);
		if (row[i].find) {
			at = memmem(copy, good.len_bytes, row[i].find, strlen(row[i].find));
			assert_non_null(at);
			at += strlen(row[i].find);
		}
		memcpy(at + row[i].skip, row[i].patch, row[i].n);
		e.msg[0] = 0;
		if (parse(copy, good.len_bytes, &e) != ASSAY_E_MODEL || !strstr(e.msg, row[i].want))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, e.msg, row[i].want);
		free(copy);
	}
	assay_buf_release(&good);
	gguf_build_release(&b);
}

static void doubles(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	for (int i = 0; i < 3; i++) {
		struct gguf_build b;
		struct assay_buf bytes;
		build_llama(&b);
		if (i == 0)
			gguf_put_u32(&b, "llama.block_count", LAYERS);
		else if (i == 1)
			gguf_put_ramp(&b, "blk.0.ffn_up.weight", HIDDEN, FFN);
		else
			gguf_put_u32(&b, "general.alignment", 24);
		gguf_build_finish(&b, &bytes);
		assert_int_equal(parse(bytes.data, bytes.len_bytes, &e), ASSAY_E_MODEL);
		assert_non_null(strstr(e.msg, i == 0 ? "\"llama.block_count\" is there twice"
		                            : i == 1 ? "blk.0.ffn_up.weight: is there twice" : "general.alignment is 24"));
		assay_buf_release(&bytes);
		gguf_build_release(&b);
	}
}

/* Every single-byte corruption of a good file must be handled (found by ASan/UBSan otherwise). */
static void every_byte(void **state)
{
	(void)state;
	struct gguf_build b;
	struct assay_buf bytes;
	struct assay_err e = ASSAY_ERR_INIT;
	build_llama(&b);
	gguf_build_finish(&b, &bytes);
	size_t head = bytes.len_bytes - b.data.len_bytes;
	int refused = 0;
	for (size_t i = 0; i < head; i++)
		for (int v = 0; v < 3; v++) {
			char old = bytes.data[i];
			bytes.data[i] = (char)(v == 0 ? old ^ 1 : v == 1 ? 0xff : old ^ 0x80);
			refused += parse(bytes.data, bytes.len_bytes, &e) != 0;
			bytes.data[i] = old;
		}
	assert_true(refused > 500);
	assay_buf_release(&bytes);
	gguf_build_release(&b);
}

/* Opens the built file through the public door; removes it again. */
static int open_built(const struct gguf_build *b, struct nn_source **s, struct assay_err *e)
{
	char *path = gguf_build_save(b, "model.gguf");
	int rc = nn_source_open(path, 0, s, e);
	unlink(path);
	free(path);
	return rc;
}

static void llama_shape_and_rows(void **state)
{
	(void)state;
	struct gguf_build b;
	struct nn_source *s;
	struct nn_view v;
	struct assay_err e = ASSAY_ERR_INIT;
	build_llama(&b);
	if (open_built(&b, &s, &e))
		fail_msg("%s", e.msg);
	const struct nn_shape *h = &s->shape;
	assert_int_equal(h->family, NN_LLAMA);
	assert_int_equal(h->layers, LAYERS);
	assert_int_equal(h->head_dim, HD);
	assert_int_equal(h->vocab, VOCAB);
	assert_int_equal(h->max_context, 64);
	assert_true(h->tied && h->rope && h->gated_mlp && h->pre_norm && !h->qkv_bias && !h->rope_llama3);
	assert_true(h->rope_theta == 10000 && h->norm_eps == 1e-5f && h->act == NN_SILU);
	assert_int_equal(h->bos, 1);
	assert_int_equal(h->n_eos, 2);
	assert_int_equal(h->eos[1], 3);
	assert_int_equal(h->stored, NN_F32);
	float got[HEADS * HD * HIDDEN];
	/* HF row [head][half][i] lies at GGUF row [head][i][half] */
	static const int from[] = { 0, 2, 1, 3, 4, 6, 5, 7 };
	assert_int_equal(s->ops->find(s, "model.layers.0.self_attn.q_proj.weight", HEADS * HD, HIDDEN, &v, &e), 0);
	s->ops->fetch(&v, 1, HEADS * HD - 1, got);
	for (int r = 1; r < HEADS * HD; r++)
		for (int c = 0; c < HIDDEN; c++)
			assert_true(got[(r - 1) * HIDDEN + c] == (float)from[r] + (float)c / 64);
	assert_int_equal(s->ops->find(s, "model.layers.0.self_attn.v_proj.weight", KV * HD, HIDDEN, &v, &e), 0);
	s->ops->fetch(&v, 2, 1, got);
	assert_true(got[0] == 2 && got[1] == 2 + 1.0f / 64);
	assert_int_equal(s->ops->find(s, "lm_head.weight", VOCAB, HIDDEN, &v, &e), 0);
	assert_int_equal(s->ops->find(s, "model.norm.weight", 1, HIDDEN, &v, &e), 0);
	assert_int_equal(s->ops->find(s, "model.norm.bias", 1, HIDDEN, &v, &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "(model.norm.bias) is missing"));
	assert_int_equal(s->ops->find(s, "model.norm.weight", 1, HIDDEN + 1, &v, &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "[1, 8]: the model needs [1, 9]"));
	nn_source_close(s);
	gguf_build_release(&b);
}

/* Models that parse but must not be run: the message names the reason. */
static void refused_models(void **state)
{
	(void)state;
	static const struct { const char *arch, *key, *str; float num; const char *tensor; uint32_t type; const char *want; } row[] = {
		{ "mamba", NULL, NULL, 0, NULL, 0, "architecture \"mamba\" is not supported" },
		{ "llama", "llama.rope.scaling.type", "yarn", 0, NULL, 0, "rope scaling \"yarn\"" },
		{ "llama", "llama.rope.scaling.type", "linear", 0, NULL, 0, "rope scaling \"linear\"" },
		{ "llama", "llama.expert_count", NULL, 8, NULL, 0, "expert_count" },
		{ "llama", "llama.attention.sliding_window", NULL, 32, NULL, 0, "sliding window" },
		{ "llama", "llama.rope.dimension_count", NULL, 2, NULL, 0, "rope.dimension_count" },
		{ "llama", "llama.vocab_size", NULL, VOCAB + 1, NULL, 0, "vocab_size says 13, token_embd.weight has 12 rows" },
		{ "llama", "llama.vocab_size", "many", 0, NULL, 0, "must be one integer" },
		{ "llama", "llama.rope.freq_base", NULL, INFINITY, NULL, 0, "must be one finite number" },
		{ "llama", "llama.rope.freq_base", NULL, -1, NULL, 0, "rope_theta is -1" },
		{ "llama", NULL, NULL, 0, "blk.0.attn_sinks.weight", 0, "blk.0.attn_sinks.weight: a llama model" },
		{ "llama", NULL, NULL, 0, "blk.1.attn_q.weight", 0, "blk.1.attn_q.weight: a llama model of 1 layers" },
		{ "llama", NULL, NULL, 0, "output.weight", 12, "output.weight: type Q4_K is not supported" },
		{ "qwen2", NULL, NULL, 0, "rope_freqs.weight", 0, "rope_freqs.weight" },
		{ "llama", NULL, NULL, 0, "rope_freqs.weight", 1, "rope_freqs.weight: must be F32 with 2 values" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct gguf_build b;
		struct nn_source *s;
		struct assay_err e = ASSAY_ERR_INIT;
		gguf_build_init(&b);
		gguf_put_llama_keys(&b, row[i].arch);
		gguf_put_llama_tensors(&b);
		if (row[i].str)
			gguf_put_str(&b, row[i].key, row[i].str);
		else if (row[i].key && row[i].num == truncf(row[i].num) && row[i].num >= 0 && isfinite(row[i].num))
			gguf_put_u32(&b, row[i].key, (uint32_t)row[i].num);
		else if (row[i].key)
			gguf_put_f32(&b, row[i].key, row[i].num);
		if (row[i].tensor)
			gguf_put_tensor(&b, row[i].tensor, row[i].type, 256, 0, NULL, 0);
		int rc = open_built(&b, &s, &e);
		if (rc != ASSAY_E_MODEL || !strstr(e.msg, row[i].want))
			fail_msg("row %zu: %d \"%s\" does not say \"%s\"", i, rc, e.msg, row[i].want);
		gguf_build_release(&b);
	}
}

static void missing_keys(void **state)
{
	(void)state;
	static const char *const key[] = { "llama.block_count", "llama.embedding_length", "llama.attention.head_count", "llama.context_length",
		                           "llama.feed_forward_length" };
	for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
		struct gguf_build b;
		struct nn_source *s;
		struct assay_err e = ASSAY_ERR_INIT;
		build_llama(&b);
		char *at = memmem(b.kv.data, b.kv.len_bytes, key[i], strlen(key[i]));
		at[strlen(key[i]) - 1] = '_'; /* another name */
		assert_int_equal(open_built(&b, &s, &e), ASSAY_E_MODEL);
		if (!strstr(e.msg, key[i]) || !strstr(e.msg, "missing"))
			fail_msg("%s: \"%s\"", key[i], e.msg);
		gguf_build_release(&b);
	}
}

static void gpt2(void **state)
{
	(void)state;
	struct gguf_build b;
	struct nn_source *s;
	struct nn_view v;
	struct assay_err e = ASSAY_ERR_INIT;
	gguf_build_init(&b);
	gguf_put_str(&b, "general.architecture", "gpt2");
	gguf_put_u32(&b, "gpt2.block_count", 1);
	gguf_put_u32(&b, "gpt2.context_length", 16);
	gguf_put_u32(&b, "gpt2.embedding_length", HIDDEN);
	gguf_put_u32(&b, "gpt2.feed_forward_length", FFN);
	gguf_put_u32(&b, "gpt2.attention.head_count", HEADS);
	gguf_put_f32(&b, "gpt2.attention.layer_norm_epsilon", 1e-5f);
	gguf_put_ramp(&b, "token_embd.weight", HIDDEN, VOCAB);
	gguf_put_ramp(&b, "position_embd.weight", HIDDEN, 16);
	gguf_put_ramp(&b, "blk.0.attn_qkv.weight", HIDDEN, 3 * HIDDEN);
	gguf_put_ramp(&b, "blk.0.attn_qkv.bias", 3 * HIDDEN, 0);
	if (open_built(&b, &s, &e))
		fail_msg("%s", e.msg);
	assert_true(s->shape.family == NN_GPT2 && s->shape.qkv_bias && s->shape.tied && s->shape.act == NN_GELU_TANH && !s->shape.rope);
	assert_int_equal(s->ops->find(s, "transformer.h.0.attn.c_attn.weight", 3 * HIDDEN, HIDDEN, &v, &e), 0);
	assert_false(v.transposed || v.permuted);
	assert_int_equal(s->ops->find(s, "transformer.h.0.attn.c_attn.bias", 1, 3 * HIDDEN, &v, &e), 0);
	assert_int_equal(s->ops->find(s, "transformer.wpe.weight", 16, HIDDEN, &v, &e), 0);
	assert_int_equal(s->ops->find(s, "transformer.h.0.ln_1.weight", 1, HIDDEN, &v, &e), ASSAY_E_MODEL);
	nn_source_close(s);
	gguf_build_release(&b);
}

/* transformers' _compute_llama3_parameters as divisors */
static void divisors(double theta, int dim, double factor, double low, double high, double context, float *out)
{
	for (int i = 0; i < dim / 2; i++) {
		double wave = 2 * M_PI * pow(theta, 2.0 * i / dim), smooth = (context / wave - low) / (high - low);
		out[i] = (float)(wave < context / high ? 1 : wave > context / low ? factor : 1 / ((1 - smooth) / factor + smooth));
	}
}

static void rope_scaling(void **state)
{
	(void)state;
	static const struct { double theta; int dim; double factor, low, high, context; bool exact; } row[] = {
		{ 500000, 128, 8, 1, 4, 8192, true }, { 500000, 64, 32, 1, 4, 8192, true }, { 500000, 16, 8, 1, 4, 64, true },
		{ 500000, 128, 8, 1.5, 6, 5000, false },
	};
	float d[64], again[64];
	struct assay_err e = ASSAY_ERR_INIT;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct nn_shape s = { .rope_theta = row[i].theta, .head_dim = row[i].dim };
		divisors(row[i].theta, row[i].dim, row[i].factor, row[i].low, row[i].high, row[i].context, d);
		assert_int_equal(nn_gguf_rope_scaling(d, row[i].dim / 2, &s, "t", &e), 0);
		assert_true(s.rope_llama3);
		if (row[i].exact)
			assert_true(s.rope_factor == row[i].factor && s.rope_low_freq == 1 && s.rope_high_freq == 4);
		divisors(row[i].theta, row[i].dim, s.rope_factor, s.rope_low_freq, s.rope_high_freq, s.rope_original_context, again);
		for (int k = 0; k < row[i].dim / 2; k++)
			assert_true(fabsf(d[k] - again[k]) <= 1e-5f * d[k]);
	}
	struct nn_shape s = { .rope_theta = 10000, .head_dim = 8 };
	const float none[] = { 1, 1, 1, 1 }, linear[] = { 4, 4, 4, 4 }, odd[] = { 1, 3, 2, 4 }, less[] = { 0.5f, 1, 1, 1 }, bad[] = { 1, 1, NAN, 1 };
	assert_int_equal(nn_gguf_rope_scaling(none, 4, &s, "t", &e), 0);
	assert_false(s.rope_llama3);
	assert_int_equal(nn_gguf_rope_scaling(odd, 4, &s, "t", &e), ASSAY_E_MODEL);
	assert_int_equal(nn_gguf_rope_scaling(less, 4, &s, "t", &e), ASSAY_E_MODEL);
	assert_int_equal(nn_gguf_rope_scaling(bad, 4, &s, "t", &e), ASSAY_E_MODEL);
	assert_int_equal(nn_gguf_rope_scaling(linear, 4, &s, "t", &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "not the llama3 kind"));
}

static void smollm2(void **state)
{
	(void)state;
	struct nn_source *s;
	struct nn_view v;
	struct assay_err e = ASSAY_ERR_INIT;
	char *path = nn_smollm2_path();
	if (!path)
		skip();
	free(path);
	if (nn_source_open("smollm2", 0, &s, &e))
		fail_msg("%s", e.msg);
	const struct nn_shape *h = &s->shape;
	assert_string_equal(h->name, "smollm2");
	assert_true(h->layers == 30 && h->hidden == 576 && h->heads == 9 && h->kv_heads == 3 && h->head_dim == 64 && h->ffn == 1536);
	assert_true(h->vocab == 49152 && h->max_context == 8192 && h->rope_theta == 100000 && h->tied && h->n_eos == 1 && h->eos[0] == 2);
	assert_int_equal(h->stored, NN_Q4_1);
	assert_int_equal(nn_shape_parameters(h), 134515008);
	assert_int_equal(s->ops->find(s, "model.layers.29.mlp.down_proj.weight", 576, 1536, &v, &e), 0);
	assert_int_equal(v.stored, NN_Q4_1);
	assert_int_equal(s->ops->find(s, "model.embed_tokens.weight", 49152, 576, &v, &e), 0);
	assert_int_equal(v.stored, NN_Q8_0);
	nn_source_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truncations), cmocka_unit_test(lies), cmocka_unit_test(doubles), cmocka_unit_test(every_byte),
		cmocka_unit_test(llama_shape_and_rows), cmocka_unit_test(refused_models), cmocka_unit_test(missing_keys), cmocka_unit_test(gpt2),
		cmocka_unit_test(rope_scaling), cmocka_unit_test(smollm2),
	};
	return cmocka_run_group_tests_name("gguf", tests, NULL, NULL);
}
