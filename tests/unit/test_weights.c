/* Loading weights from a made-up source: what lands where, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "nn/half.h"
#include "nn/weights.h"

/* Every tensor exists in any shape; an element is a function of (name, row, col), but for one that may be spoiled or missing. */
static struct {
	const char *missing, *spoiled;
	float value;
	int64_t row, col;
} fault;

static float element(const char *name, int64_t row, int64_t col)
{
	if (fault.spoiled && !strcmp(name, fault.spoiled) && row == fault.row && col == fault.col)
		return fault.value;
	return (float)(assay_rng_unit(assay_hash_name(name), (uint64_t)(row * 10000 + col)) - 0.5);
}

static int fake_find(struct nn_source *s, const char *name, int64_t rows, int64_t cols, struct nn_view *out, struct assay_err *e)
{
	if (fault.missing && !strcmp(name, fault.missing))
		return assay_fail(e, ASSAY_E_MODEL, "%s: missing", name);
	*out = (struct nn_view){ .rows = rows, .cols = cols, .src = s };
	snprintf(out->name, sizeof out->name, "%s", name);
	return 0;
}

static void fake_fetch(const struct nn_view *v, int64_t row0, int64_t nrows, float *dst)
{
	for (int64_t r = 0; r < nrows; r++)
		for (int64_t c = 0; c < v->cols; c++)
			dst[r * v->cols + c] = element(v->name, row0 + r, c);
}

static const struct nn_source_ops fake_ops = { "fake", fake_find, fake_fetch, NULL };

static const struct nn_shape llama = {
	.family = NN_QWEN3, .name = "fake", .layers = 2, .hidden = 40, .heads = 4, .kv_heads = 2, .head_dim = 10, .ffn = 50, .vocab = 70, .max_context = 32,
	.embed_dim = 40, .pre_norm = true, .qkv_bias = true, .qk_norm = true, .act = NN_SILU, .gated_mlp = true, .rope = true, .rope_theta = 1e4,
};
static const struct nn_shape opt350 = {
	.family = NN_OPT, .name = "fake", .layers = 1, .hidden = 48, .heads = 4, .kv_heads = 4, .head_dim = 12, .ffn = 60, .vocab = 33, .max_context = 16,
	.embed_dim = 24, .tied = true, .qkv_bias = true, .out_bias = true, .mlp_bias = true, .act = NN_RELU, .pos_offset = 2,
};

static int load(const struct nn_shape *s, enum nn_dtype t, int workers, struct nn_weights *w, struct assay_err *e)
{
	struct nn_source src = { .ops = &fake_ops, .shape = *s };
	struct nn_threads *crew;
	struct nn_load_times times;
	assert_int_equal(nn_threads_open(workers, &crew, e), 0);
	int rc = nn_weights_load(w, &src, t, nn_kernels_for(NN_ISA_AUTO), crew, &times, e);
	nn_threads_close(crew);
	return rc;
}

static float stored(enum nn_dtype t, float x)
{
	return t == NN_F32 ? x : t == NN_BF16 ? nn_bf16_f32(nn_f32_bf16(x)) : nn_f16_f32(nn_f32_f16(x));
}

/* Row `row` of m holds row `of` of the tensor. */
static void same_row(const struct nn_matrix *m, int row, const char *name, int of)
{
	float got[128];
	nn_matrix_row(m, row, got);
	for (int k = 0; k < m->k; k++)
		if (got[k] != stored(m->dtype, element(name, of, k)))
			fail_msg("%s row %d col %d: %g", name, of, k, got[k]);
}

static void test_places(void **state)
{
	(void)state;
	fault.missing = fault.spoiled = NULL;
	for (int t = NN_F32; t <= NN_F16; t++)
		for (int workers = 1; workers <= 3; workers++) {
			struct assay_err e = ASSAY_ERR_INIT;
			struct nn_weights w;
			float row[64];
			if (load(&llama, (enum nn_dtype)t, workers, &w, &e))
				fail_msg("%s", e.msg);
			const struct nn_layer *l = &w.layers[1];
			for (int i = 0; i < 40; i++)
				same_row(&l->qkv, i, "model.layers.1.self_attn.q_proj.weight", i);
			for (int i = 0; i < 20; i++) {
				same_row(&l->qkv, 40 + i, "model.layers.1.self_attn.k_proj.weight", i);
				same_row(&l->qkv, 60 + i, "model.layers.1.self_attn.v_proj.weight", i);
				assert_true(l->qkv.bias[40 + i] == element("model.layers.1.self_attn.k_proj.bias", 0, i));
				assert_true(l->qkv.bias[60 + i] == element("model.layers.1.self_attn.v_proj.bias", 0, i));
			}
			for (int i = 0; i < 50; i++) { /* panels: gate 0-31, up 0-31, gate 32-49, up 32-49 */
				same_row(&l->up, i / 32 * 64 + i % 32, "model.layers.1.mlp.gate_proj.weight", i);
				same_row(&l->up, i / 32 * 64 + 32 + i % 32, "model.layers.1.mlp.up_proj.weight", i);
			}
			assert_true(l->k_norm[9] == element("model.layers.1.self_attn.k_norm.weight", 0, 9));
			assert_null(l->attn_norm.b);
			nn_table_row(&w.embed, 69, row);
			assert_true(row[39] == stored((enum nn_dtype)t, element("model.embed_tokens.weight", 69, 39)));
			same_row(&w.head, 69, "lm_head.weight", 69);
			nn_weights_release(&w);
		}
}

static void test_projections(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_weights w;
	float row[64];
	fault.missing = "lm_head.weight"; /* tied: not asked for */
	fault.spoiled = NULL;
	if (load(&opt350, NN_F32, 2, &w, &e))
		fail_msg("%s", e.msg);
	assert_null(w.embed.data);
	assert_null(w.final_norm.w);
	same_row(&w.head, 32, "model.decoder.embed_tokens.weight", 32);
	same_row(&w.project_in, 47, "model.decoder.project_in.weight", 47);
	same_row(&w.project_out, 23, "model.decoder.project_out.weight", 23);
	assert_int_equal(w.positions.rows, 18);
	nn_table_row(&w.positions, 17, row);
	assert_true(row[47] == element("model.decoder.embed_positions.weight", 17, 47));
	nn_weights_release(&w);
}

static void test_refuses(void **state)
{
	(void)state;
	static const struct { const char *missing, *spoiled; float value; int row, col; enum nn_dtype t; const char *says[2]; } row[] = {
		{ "model.layers.1.mlp.up_proj.weight", NULL, 0, 0, 0, NN_F32, { "model.layers.1.mlp.up_proj.weight", "missing" } },
		{ "model.norm.weight", NULL, 0, 0, 0, NN_F32, { "model.norm.weight", "missing" } },
		{ NULL, "model.layers.0.self_attn.k_proj.weight", NAN, 19, 39, NN_F32, { "k_proj.weight", "finite" } },
		{ NULL, "model.layers.1.mlp.up_proj.weight", INFINITY, 40, 0, NN_BF16, { "up_proj.weight", "finite" } },
		{ NULL, "model.embed_tokens.weight", -INFINITY, 69, 1, NN_F16, { "embed_tokens.weight", "finite" } },
		{ NULL, "model.layers.1.self_attn.q_norm.weight", NAN, 0, 3, NN_BF16, { "q_norm.weight", "finite" } },
		{ NULL, "model.layers.0.self_attn.v_proj.bias", NAN, 0, 19, NN_BF16, { "v_proj.bias", "finite" } },
		{ NULL, "lm_head.weight", 70000, 3, 3, NN_F16, { "lm_head.weight", "bf16" } },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		struct nn_weights w;
		fault.missing = row[i].missing;
		fault.spoiled = row[i].spoiled;
		fault.value = row[i].value;
		fault.row = row[i].row;
		fault.col = row[i].col;
		assert_int_equal(load(&llama, row[i].t, 2, &w, &e), ASSAY_E_MODEL);
		for (int k = 0; k < 2; k++)
			if (!strstr(e.msg, row[i].says[k]))
				fail_msg("row %zu: \"%s\" does not say \"%s\"", i, e.msg, row[i].says[k]);
		assert_null(w.map);
	}
	fault.missing = fault.spoiled = NULL;
}

static void test_refuses_shapes(void **state)
{
	(void)state;
	struct nn_shape gated = opt350, learned = llama, narrow = llama, normed = opt350;
	gated.gated_mlp = true;
	learned.rope = false;
	narrow.embed_dim = 20;
	normed.qk_norm = true;
	const struct nn_shape *const shapes[] = { &gated, &learned, &narrow, &normed };
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		struct nn_weights w;
		assert_int_equal(load(shapes[i], NN_F32, 1, &w, &e), ASSAY_E_MODEL);
		assert_non_null(strstr(e.msg, "family"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_projections),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_refuses_shapes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
