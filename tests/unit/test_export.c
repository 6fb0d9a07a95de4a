/* A model written as a directory is the model it was written from: the shape reads back, every value has the same bits in the chosen type, the golden
 * answers hold, and a preset's made-up tokenizer gives any text back. What cannot be written leaves nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "golden.h"
#include "nn/export.h"
#include "nn/golden_check.h"
#include "nn/half.h"
#include "nn/tokenizer.h"

static char scratch[] = "/tmp/assay-export-XXXXXX";
static struct nn_check_report checked;

static int setup(void **state)
{
	(void)state;
	return mkdtemp(scratch) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return assay_fs_remove_tree(scratch);
}

static char *at(const char *name) { return xasprintf("%s/%s", scratch, name); }

/* A preset's own struct, made small: every family and switch that a preset has. */
static struct nn_shape small(const char *preset)
{
	struct nn_shape s = *nn_preset_find(preset);
	bool narrow = s.embed_dim != s.hidden;
	s.layers = 2;
	s.heads = 4;
	s.kv_heads = s.kv_heads == nn_preset_find(preset)->heads ? 4 : 2;
	s.head_dim = 8;
	s.hidden = 32;
	s.embed_dim = narrow ? 16 : 32;
	s.ffn = s.family == NN_GPT2 ? 128 : 48;
	s.vocab = 300;
	s.max_context = 64;
	s.bos = s.bos > 2 ? 298 : s.bos;
	s.eos[0] = s.eos[0] > 2 ? 299 : s.eos[0];
	return s;
}

static void export_to(struct nn_source *src, enum nn_dtype dtype, const char *model, const char *dir, struct nn_export_report *r)
{
	struct nn_export_options o = { .dtype = dtype, .tokenizer = model };
	struct assay_err e = ASSAY_ERR_INIT;
	if (nn_export(src, &o, dir, r, &e))
		fail_msg("%s: %s", dir, e.msg);
}

static float narrowed(enum nn_dtype t, float x) { return t == NN_BF16 ? nn_bf16_f32(nn_f32_bf16(x)) : t == NN_F16 ? nn_f16_f32(nn_f32_f16(x)) : x; }

static void same_tensor(struct nn_source *a, struct nn_source *b, enum nn_dtype t, const char *name, int64_t rows, int64_t cols)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_view va, vb;
	if (a->ops->find(a, name, rows, cols, &va, &e) || b->ops->find(b, name, rows, cols, &vb, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(vb.stored, t);
	size_t n = (size_t)(rows * cols);
	float *x = xalloc(n * sizeof *x), *y = xalloc(n * sizeof *y);
	a->ops->fetch(&va, 0, rows, x);
	b->ops->fetch(&vb, 0, rows, y);
	for (size_t i = 0; i < n; i++)
		if (nn_f32_bits(narrowed(t, x[i])) != nn_f32_bits(y[i]))
			fail_msg("%s: value %zu is %g, was %g", name, i, (double)y[i], (double)x[i]);
	free(x);
	free(y);
}

static void same_values(struct nn_source *a, struct nn_source *b, enum nn_dtype t)
{
	const struct nn_shape *s = &a->shape;
	if (s->family == NN_GPT2) {
		same_tensor(a, b, t, "transformer.h.1.attn.c_attn.weight", 96, 32);
		same_tensor(a, b, t, "transformer.h.1.attn.c_attn.bias", 1, 96);
		same_tensor(a, b, t, "transformer.h.0.mlp.c_fc.weight", 128, 32);
		same_tensor(a, b, t, "transformer.wpe.weight", 64, 32);
	} else if (s->family == NN_OPT) {
		same_tensor(a, b, t, "model.decoder.layers.1.fc2.weight", 32, 48);
		same_tensor(a, b, t, "model.decoder.embed_positions.weight", 66, 32);
	} else {
		same_tensor(a, b, t, "model.layers.1.self_attn.k_proj.weight", 8 * s->kv_heads, 32);
		same_tensor(a, b, t, "model.layers.0.mlp.down_proj.weight", 32, 48);
		same_tensor(a, b, t, "lm_head.weight", 300, 32);
	}
}

static void same_shape(struct nn_shape a, struct nn_shape b, enum nn_dtype t)
{
	memcpy(a.name, b.name, sizeof a.name);
	memcpy(a.checkpoint, b.checkpoint, sizeof a.checkpoint);
	a.synthetic = b.synthetic;
	a.stored = t;
	json_t *x = nn_export_config(&a, t), *y = nn_export_config(&b, t);
	assert_true(json_equal(x, y));
	assert_true(a.norm_eps == b.norm_eps && a.rope_theta == b.rope_theta && a.pos_offset == b.pos_offset && a.qk_norm == b.qk_norm && a.qkv_bias == b.qkv_bias && a.out_bias == b.out_bias &&
		    a.mlp_bias == b.mlp_bias && a.gated_mlp == b.gated_mlp && a.ffn == b.ffn && a.stored == b.stored && a.rope_llama3 == b.rope_llama3);
	json_decref(x);
	json_decref(y);
}

static void test_presets(void **state)
{
	(void)state;
	static const struct { const char *preset; enum nn_dtype ask, get; } row[] = {
		{ "gpt2", NN_AUTO, NN_F32 }, { "gpt2", NN_BF16, NN_BF16 }, { "opt-125m", NN_AUTO, NN_F16 }, { "opt-350m", NN_F32, NN_F32 }, { "qwen2.5-0.5b", NN_AUTO, NN_BF16 },
		{ "qwen2.5-7b", NN_F32, NN_F32 }, { "qwen3-0.6b", NN_F16, NN_F16 }, { "llama-7b", NN_BF16, NN_BF16 }, { "llama-3.2-1b", NN_F32, NN_F32 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct nn_shape s = small(row[i].preset);
		struct nn_source *a = NULL, *b = NULL;
		struct nn_export_report r;
		struct assay_err e = ASSAY_ERR_INIT;
		char *dir = xasprintf("%s/p%zu", scratch, i);
		if (nn_synth_open(&s, 7, &a, &e))
			fail_msg("%s", e.msg);
		export_to(a, row[i].ask, NULL, dir, &r);
		assert_int_equal(r.dtype, row[i].get);
		if (nn_source_open(dir, 0, &b, &e))
			fail_msg("%s", e.msg);
		same_shape(s, b->shape, row[i].get);
		same_values(a, b, row[i].get);
		assert_int_equal(r.bytes, b->file_bytes);
		nn_source_close(a);
		nn_source_close(b);
		free(dir);
	}
}

/* The answers of the reference hold for the copy. */
static void test_goldens(void **state)
{
	(void)state;
	static const char *const models[] = { "gpt2", "opt-postln", "llama3-rope", "qwen3" };
	for (int m = 0; m < 4; m++) {
		struct golden g;
		struct nn_source *src = NULL;
		struct nn_export_report r;
		struct nn_check_options o = { .dtype = NN_F32, .threads = 1 };
		struct assay_err e = ASSAY_ERR_INIT;
		if (golden_read(models[m], &g))
			skip();
		char *dir = at(models[m]);
		if (nn_source_open(g.dir, 0, &src, &e))
			fail_msg("%s", e.msg);
		export_to(src, NN_AUTO, g.dir, dir, &r);
		if (nn_golden_check(g.dir, dir, &o, &checked, &e))
			fail_msg("%s", e.msg);
		assert_true(checked.pass && checked.n == 3 && checked.prompt[2].first_wrong == -1);
		nn_source_close(src);
		free(dir);
	}
}

static void test_tokenizer(void **state)
{
	(void)state;
	static const char text[] = "Zw\xc3\xb6lf <fill290>\n\t\x01 caf\xff";
	char *dir = at("tokens"), *why = NULL, said[200];
	struct nn_shape s = small("gpt2"), tiny = s;
	struct nn_tokenizer *t = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_buf back;
	int32_t *ids = NULL;
	size_t n = 0;
	assert_int_equal(assay_fs_mkdir_p(dir, &e), 0);
	if (nn_export_tokenizer(&s, NULL, dir, said, sizeof said, &e) || nn_tokenizer_open(dir, &t, &why, &e) || !t)
		fail_msg("%s %s", e.msg, why ? why : "");
	assert_int_equal(nn_tokenizer_vocab(t), 300);
	assert_int_equal(nn_tokenizer_encode(t, text, sizeof text - 1, &ids, &n, &e), 0);
	assert_int_equal(n, sizeof text - 1);
	assay_buf_init(&back, 1000);
	assert_int_equal(nn_tokenizer_decode(t, ids, n, &back), 0);
	assert_memory_equal(back.data, text, sizeof text);
	tiny.vocab = 257;
	tiny.bos = 1;
	tiny.eos[0] = 2;
	assert_int_equal(nn_export_tokenizer(&tiny, NULL, dir, said, sizeof said, &e), 0);
	assert_string_equal(said, "none: a vocabulary of 257 has no room for every byte");
	assay_buf_release(&back);
	nn_tokenizer_close(t);
	free(ids);
	free(dir);
}

static bool stop_now(void) { return true; }

static void test_refusals(void **state)
{
	(void)state;
	struct nn_shape s = small("gpt2"), huge = s;
	struct nn_source *src = NULL;
	struct nn_export_options o = { .dtype = NN_F32 };
	struct nn_export_report r;
	struct assay_err e = ASSAY_ERR_INIT;
	char *full = at("full"), *inside = at("full/x"), *fresh = at("fresh"), *list = NULL;
	assert_int_equal(nn_synth_open(&s, 0, &src, &e), 0);
	assert_int_equal(assay_fs_mkdir_p(inside, &e), 0);
	assert_int_equal(nn_export(src, &o, full, &r, &e), ASSAY_E_USAGE);
	src->cancelled = stop_now;
	assert_int_equal(nn_export(src, &o, fresh, &r, &e), ASSAY_E_INTERRUPT);
	src->cancelled = NULL;
	assert_int_equal(nn_export(src, &o, "/proc/assay/x", &r, &e), ASSAY_E_IO);
	nn_source_close(src);
	huge.layers = 200;
	huge.hidden = huge.embed_dim = 1 << 15;
	huge.head_dim = 512;
	huge.heads = huge.kv_heads = 64;
	huge.ffn = 1 << 17;
	assert_int_equal(nn_synth_open(&huge, 0, &src, &e), 0);
	assert_int_equal(nn_export(src, &o, fresh, &r, &e), ASSAY_E_IO);
	assert_non_null(strstr(e.msg, "GiB on disk"));
	nn_source_close(src);
	list = xasprintf("ls -A %s | grep -q fresh", scratch);
	assert_int_not_equal(system(list), 0);
	free(list);
	free(full);
	free(inside);
	free(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_presets), cmocka_unit_test(test_goldens), cmocka_unit_test(test_tokenizer), cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests_name("export", tests, setup, teardown);
}
