/* Every family as a GGUF file: a golden model's own weights, written the way llama.cpp's converter
 * writes them (names, permuted query and key rows, rope divisors), must give the reference logits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "golden.h"
#include "nn/gguf_model.h"
#include "nn/golden_check.h"
#include "nn/source.h"
#include "unit/gguf_build.h"

struct copy {
	struct nn_source *src;
	struct gguf_build b;
	const char *arch;
};

static void put_key_u32(struct copy *c, const char *key, int v)
{
	char full[96];
	snprintf(full, sizeof full, "%s.%s", c->arch, key);
	gguf_put_u32(&c->b, full, (uint32_t)v);
}

static void put_key_f32(struct copy *c, const char *key, double v)
{
	char full[96];
	snprintf(full, sizeof full, "%s.%s", c->arch, key);
	gguf_put_f32(&c->b, full, (float)v);
}

static void put_keys(struct copy *c)
{
	const struct nn_shape *s = &c->src->shape;
	gguf_put_str(&c->b, "general.architecture", c->arch);
	put_key_u32(c, "block_count", s->layers);
	put_key_u32(c, "context_length", s->max_context);
	put_key_u32(c, "embedding_length", s->hidden);
	put_key_u32(c, "feed_forward_length", s->ffn);
	put_key_u32(c, "attention.head_count", s->heads);
	if (s->family == NN_GPT2) {
		put_key_f32(c, "attention.layer_norm_epsilon", (double)s->norm_eps);
		return;
	}
	put_key_u32(c, "attention.head_count_kv", s->kv_heads);
	put_key_u32(c, "attention.key_length", s->head_dim);
	put_key_u32(c, "attention.value_length", s->head_dim);
	put_key_f32(c, "attention.layer_norm_rms_epsilon", (double)s->norm_eps);
	put_key_f32(c, "rope.freq_base", s->rope_theta);
}

/* The converter's permutation: [head][half][i] -> [head][i][half], of n rows of `cols` values. */
static void permute(float *v, int64_t rows, int64_t cols, int head_dim)
{
	size_t bytes = (size_t)(rows * cols) * sizeof *v;
	float *old = xalloc(bytes);
	memcpy(old, v, bytes);
	for (int64_t r = 0; r < rows; r++) {
		int64_t in = r % head_dim, to = r - in + 2 * (in % (head_dim / 2)) + in / (head_dim / 2);
		memcpy(v + to * cols, old + r * cols, (size_t)cols * sizeof *v);
	}
	free(old);
}

/* A tensor of the model, if it has it. rows 0: a vector. */
static void put(struct copy *c, const char *hf, int64_t rows, int64_t cols)
{
	struct nn_view v;
	struct assay_err e = ASSAY_ERR_INIT;
	char name[96];
	if (c->src->ops->find(c->src, hf, rows ? rows : 1, cols, &v, &e))
		fail_msg("%s", e.msg);
	assert_true(nn_gguf_tensor_name(c->src->shape.family, hf, name, sizeof name));
	size_t n = (size_t)((rows ? rows : 1) * cols);
	float *data = xalloc(n * sizeof *data);
	c->src->ops->fetch(&v, 0, rows ? rows : 1, data);
	bool qk = strstr(hf, "q_proj") || strstr(hf, "k_proj");
	if (qk && c->src->shape.family == NN_LLAMA)
		permute(data, rows ? rows : cols, rows ? cols : 1, c->src->shape.head_dim);
	gguf_put_tensor(&c->b, name, 0, (uint64_t)cols, (uint64_t)rows, data, n * sizeof *data);
	free(data);
}

static void put_in(struct copy *c, const char *prefix, int layer, const char *part, int64_t rows, int64_t cols)
{
	char name[128];
	snprintf(name, sizeof name, "%s%d.%s", prefix, layer, part);
	put(c, name, rows, cols);
}

static void put_gpt2(struct copy *c)
{
	const struct nn_shape *s = &c->src->shape;
	const int64_t h = s->hidden;
	put(c, "transformer.wte.weight", s->vocab, h);
	put(c, "transformer.wpe.weight", s->max_context, h);
	put(c, "transformer.ln_f.weight", 0, h);
	put(c, "transformer.ln_f.bias", 0, h);
	const struct { const char *part; int64_t rows, cols; } row[] = {
		{ "ln_1.weight", 0, h }, { "ln_1.bias", 0, h }, { "attn.c_attn.weight", 3 * h, h }, { "attn.c_attn.bias", 0, 3 * h },
		{ "attn.c_proj.weight", h, h }, { "attn.c_proj.bias", 0, h }, { "ln_2.weight", 0, h }, { "ln_2.bias", 0, h },
		{ "mlp.c_fc.weight", s->ffn, h }, { "mlp.c_fc.bias", 0, s->ffn }, { "mlp.c_proj.weight", h, s->ffn }, { "mlp.c_proj.bias", 0, h },
	};
	for (int l = 0; l < s->layers; l++)
		for (size_t i = 0; i < sizeof row / sizeof *row; i++)
			put_in(c, "transformer.h.", l, row[i].part, row[i].rows, row[i].cols);
}

static void put_rope_freqs(struct copy *c)
{
	const struct nn_shape *s = &c->src->shape;
	float d[256];
	for (int i = 0; i < s->head_dim / 2; i++) {
		double wave = 2 * M_PI * pow(s->rope_theta, 2.0 * i / s->head_dim);
		double u = (s->rope_original_context / wave - s->rope_low_freq) / (s->rope_high_freq - s->rope_low_freq);
		d[i] = (float)(1 / ((1 - fmin(fmax(u, 0), 1)) / s->rope_factor + fmin(fmax(u, 0), 1)));
	}
	gguf_put_tensor(&c->b, "rope_freqs.weight", 0, (uint64_t)s->head_dim / 2, 0, d, (size_t)s->head_dim / 2 * sizeof *d);
}

static void put_llama(struct copy *c)
{
	const struct nn_shape *s = &c->src->shape;
	const int64_t h = s->hidden, q = (int64_t)s->heads * s->head_dim, kv = (int64_t)s->kv_heads * s->head_dim;
	const struct { const char *part; int64_t rows, cols; bool has; } row[] = {
		{ "input_layernorm.weight", 0, h, true }, { "post_attention_layernorm.weight", 0, h, true },
		{ "self_attn.q_proj.weight", q, h, true }, { "self_attn.k_proj.weight", kv, h, true }, { "self_attn.v_proj.weight", kv, h, true },
		{ "self_attn.q_proj.bias", 0, q, s->qkv_bias }, { "self_attn.k_proj.bias", 0, kv, s->qkv_bias }, { "self_attn.v_proj.bias", 0, kv, s->qkv_bias },
		{ "self_attn.q_norm.weight", 0, s->head_dim, s->qk_norm }, { "self_attn.k_norm.weight", 0, s->head_dim, s->qk_norm },
		{ "self_attn.o_proj.weight", h, q, true }, { "mlp.gate_proj.weight", s->ffn, h, true }, { "mlp.up_proj.weight", s->ffn, h, true },
		{ "mlp.down_proj.weight", h, s->ffn, true },
	};
	put(c, "model.embed_tokens.weight", s->vocab, h);
	put(c, "model.norm.weight", 0, h);
	if (!s->tied)
		put(c, "lm_head.weight", s->vocab, h);
	if (s->rope_llama3)
		put_rope_freqs(c);
	for (int l = 0; l < s->layers; l++)
		for (size_t i = 0; i < sizeof row / sizeof *row; i++)
			if (row[i].has)
				put_in(c, "model.layers.", l, row[i].part, row[i].rows, row[i].cols);
}

static void family(const char *golden, const char *arch)
{
	static struct nn_check_report report;
	const struct nn_check_options o = { .dtype = NN_F32, .threads = 1 };
	struct copy c = { .arch = arch };
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_source *back;
	if (!golden_root())
		skip();
	char *dir = xasprintf("%s/%s", golden_root(), golden);
	if (!assay_fs_is_dir(dir)) { /* tests/golden holds four families */
		free(dir);
		skip();
	}
	if (nn_source_open(dir, 0, &c.src, &e))
		fail_msg("%s", e.msg);
	gguf_build_init(&c.b);
	put_keys(&c);
	if (c.src->shape.family == NN_GPT2)
		put_gpt2(&c);
	else
		put_llama(&c);
	char *path = gguf_build_save(&c.b, "family.gguf");
	if (nn_source_open(path, 0, &back, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(nn_shape_parameters(&back->shape), nn_shape_parameters(&c.src->shape));
	assert_true(back->shape.rope_llama3 == c.src->shape.rope_llama3 && back->shape.rope_factor == c.src->shape.rope_factor &&
	            back->shape.rope_original_context == c.src->shape.rope_original_context);
	nn_source_close(back);
	int rc = nn_golden_check(dir, path, &o, &report, &e);
	unlink(path);
	if (rc)
		fail_msg("%s", e.msg);
	print_message("# %s as GGUF: largest logit difference %.2g\n", golden, report.diff);
	assert_true(report.pass && report.n == 3);
	gguf_build_release(&c.b);
	nn_source_close(c.src);
	free(path);
	free(dir);
}

static void gpt2(void **state) { (void)state; family("gpt2", "gpt2"); }
static void llama(void **state) { (void)state; family("llama", "llama"); }
static void llama_tied(void **state) { (void)state; family("llama-tied", "llama"); }
static void llama3_rope(void **state) { (void)state; family("llama3-rope", "llama"); }
static void qwen2(void **state) { (void)state; family("qwen2", "qwen2"); }
static void qwen3(void **state) { (void)state; family("qwen3", "qwen3"); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gpt2), cmocka_unit_test(llama), cmocka_unit_test(llama_tied), cmocka_unit_test(llama3_rope), cmocka_unit_test(qwen2), cmocka_unit_test(qwen3),
	};
	return cmocka_run_group_tests_name("gguf_families", tests, NULL, NULL);
}
