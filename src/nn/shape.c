/* Arithmetic over struct nn_shape: sizes, parameter counts, and the check that
 * stands between any file's claims and an allocation. Reads no file. */
#include "nn/shape.h"

#include <math.h>
#include <string.h>

#include "base/err.h"

#define MAX_LAYERS 1024
#define MAX_WIDTH (1 << 18)
#define MAX_HEADS 4096
#define MAX_HEAD_DIM 1024
#define MAX_FFN (1 << 20)
#define MAX_VOCAB (1 << 22)
#define MAX_CONTEXT (1 << 24)
#define MAX_PARAMETERS (UINT64_C(1) << 42)

struct dtype_row {
	const char *name;
	unsigned block, block_bytes; /* values in a block, bytes of it */
};

static const struct dtype_row dtypes[] = {
	[NN_AUTO] = { "auto", 1, 0 },
	[NN_F32] = { "f32", 1, 4 },
	[NN_BF16] = { "bf16", 1, 2 },
	[NN_F16] = { "f16", 1, 2 },
	[NN_INT8] = { "int8", 1, 1 },
	[NN_Q8_0] = { "q8_0", 32, 34 },
	[NN_Q4_0] = { "q4_0", 32, 18 },
	[NN_Q4_1] = { "q4_1", 32, 20 },
	[NN_Q6_K] = { "q6_k", 256, 210 },
};

#define N_DTYPES (sizeof dtypes / sizeof *dtypes)

const char *nn_dtype_name(enum nn_dtype t)
{
	return (size_t)t < N_DTYPES ? dtypes[t].name : "unknown";
}

int nn_dtype_parse(const char *name)
{
	for (size_t i = 0; i < N_DTYPES; i++)
		if (!strcmp(name, dtypes[i].name))
			return (int)i;
	return -1;
}

enum nn_dtype nn_dtype_auto(enum nn_dtype stored)
{
	return stored == NN_BF16 || stored == NN_F16 ? stored : NN_F32;
}

uint64_t nn_dtype_bytes(enum nn_dtype t, uint64_t n)
{
	if ((size_t)t >= N_DTYPES)
		return 0;
	uint64_t blocks = n / dtypes[t].block + (n % dtypes[t].block != 0);
	return blocks * dtypes[t].block_bytes;
}

const char *nn_family_name(enum nn_family f)
{
	static const char *const name[] = { [NN_GPT2] = "gpt2", [NN_OPT] = "opt", [NN_LLAMA] = "llama",
		                            [NN_QWEN2] = "qwen2", [NN_QWEN3] = "qwen3" };
	return (size_t)f < sizeof name / sizeof *name ? name[f] : "unknown";
}

/* GPT-2 and OPT normalise with LayerNorm (weight and bias), the others with RMSNorm (weight). */
static uint64_t norm_values(const struct nn_shape *s)
{
	return (s->family == NN_GPT2 || s->family == NN_OPT) ? 2 : 1;
}

/* Values of the layers' matrices. */
static uint64_t layer_values(const struct nn_shape *s)
{
	uint64_t hidden = (uint64_t)s->hidden, hd = (uint64_t)s->head_dim;
	uint64_t layer = hidden * hd * (2 * (uint64_t)s->heads + 2 * (uint64_t)s->kv_heads);
	layer += (s->gated_mlp ? 3 : 2) * hidden * (uint64_t)s->ffn;
	return (uint64_t)s->layers * layer;
}

/* Values of matrices and tables: what is stored in the chosen dtype. */
static uint64_t matrix_values(const struct nn_shape *s)
{
	uint64_t hidden = (uint64_t)s->hidden, embed = (uint64_t)s->embed_dim;
	uint64_t n = layer_values(s) + (uint64_t)s->vocab * embed * (s->tied ? 1 : 2);
	if (!s->rope)
		n += (uint64_t)(s->max_context + s->pos_offset) * hidden;
	if (s->embed_dim != s->hidden)
		n += 2 * embed * hidden;
	return n;
}

/* Values of norms and biases: always f32 in memory. */
static uint64_t vector_values(const struct nn_shape *s)
{
	uint64_t hidden = (uint64_t)s->hidden, hd = (uint64_t)s->head_dim, ffn = (uint64_t)s->ffn;
	uint64_t layer = 2 * hidden * norm_values(s);
	if (s->qkv_bias)
		layer += hd * ((uint64_t)s->heads + 2 * (uint64_t)s->kv_heads);
	if (s->out_bias)
		layer += hidden;
	if (s->mlp_bias)
		layer += (s->gated_mlp ? 2 : 1) * ffn + hidden;
	if (s->qk_norm)
		layer += 2 * hd;
	return (uint64_t)s->layers * layer + (s->pre_norm ? hidden * norm_values(s) : 0);
}

uint64_t nn_shape_parameters(const struct nn_shape *s)
{
	return matrix_values(s) + vector_values(s);
}

uint64_t nn_shape_kv_bytes_per_token(const struct nn_shape *s, enum nn_dtype kv)
{
	return nn_dtype_bytes(kv, 2 * (uint64_t)s->layers * (uint64_t)s->kv_heads * (uint64_t)s->head_dim);
}

uint64_t nn_shape_weight_bytes(const struct nn_shape *s, enum nn_dtype t)
{
	return nn_dtype_bytes(t, matrix_values(s)) + 4 * vector_values(s);
}

/* Values of the matrices between embedding and hidden size, of one direction. */
static double projection_values(const struct nn_shape *s)
{
	return s->embed_dim != s->hidden ? (double)s->embed_dim * s->hidden : 0;
}

void nn_shape_work_begin(const struct nn_shape *s, enum nn_dtype t, struct nn_shape_work *w)
{
	double values = (double)layer_values(s) + (double)s->vocab * s->embed_dim + 2 * projection_values(s);
	*w = (struct nn_shape_work){ .weight_bytes = values * ((double)nn_dtype_bytes(t, 1 << 20) / (1 << 20)) + 4 * (double)vector_values(s) };
}

void nn_shape_work_add(const struct nn_shape *s, enum nn_dtype kv, uint64_t past, uint64_t count, struct nn_shape_work *w)
{
	double n = (double)count, position = (double)nn_shape_kv_bytes_per_token(s, kv);
	double pairs = n * (double)past + n * (n + 1) / 2; /* (token, visible position) */
	w->kv_read_bytes += ((double)past + n) * position;
	w->kv_write_bytes += n * position;
	w->flops += 2 * n * ((double)layer_values(s) + projection_values(s));
	w->flops += 2 * ((double)s->vocab * s->embed_dim + projection_values(s));
	w->flops += pairs * s->layers * s->heads * 4.0 * s->head_dim;
}

static int check_ranges(const struct nn_shape *s, struct assay_err *e)
{
	const struct { const char *name; int value, max; } row[] = {
		{ "number of layers", s->layers, MAX_LAYERS }, { "hidden size", s->hidden, MAX_WIDTH },
		{ "number of heads", s->heads, MAX_HEADS },    { "number of KV heads", s->kv_heads, MAX_HEADS },
		{ "head size", s->head_dim, MAX_HEAD_DIM },    { "feed-forward size", s->ffn, MAX_FFN },
		{ "vocabulary size", s->vocab, MAX_VOCAB },    { "context length", s->max_context, MAX_CONTEXT },
		{ "embedding size", s->embed_dim, MAX_WIDTH },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].value < 1 || row[i].value > row[i].max)
			return assay_fail(e, ASSAY_E_MODEL, "%s is %d: must be 1 to %d", row[i].name, row[i].value, row[i].max);
	return 0;
}

static int check_rope(const struct nn_shape *s, struct assay_err *e)
{
	if (!s->rope)
		return 0;
	if (s->head_dim % 2)
		return assay_fail(e, ASSAY_E_MODEL, "head size is %d: rotary positions need an even one", s->head_dim);
	if (!(s->rope_theta >= 1 && s->rope_theta <= 1e12))
		return assay_fail(e, ASSAY_E_MODEL, "rope_theta is %g: must be 1 to 1e12", s->rope_theta);
	if (!s->rope_llama3)
		return 0;
	bool ok = s->rope_factor >= 1 && s->rope_factor <= 1e6 && s->rope_low_freq > 0 && s->rope_high_freq > s->rope_low_freq &&
	          s->rope_high_freq <= 1e6 && s->rope_original_context >= 1 && s->rope_original_context <= MAX_CONTEXT;
	if (!ok)
		return assay_fail(e, ASSAY_E_MODEL, "llama3 rope scaling: factor %g, low %g, high %g, original context %g make no sense",
		                  s->rope_factor, s->rope_low_freq, s->rope_high_freq, s->rope_original_context);
	return 0;
}

int nn_shape_check(const struct nn_shape *s, struct assay_err *e)
{
	int rc = check_ranges(s, e);
	if (rc)
		return rc;
	if (s->heads % s->kv_heads)
		return assay_fail(e, ASSAY_E_MODEL, "number of heads %d is not a multiple of the number of KV heads %d", s->heads, s->kv_heads);
	if ((int64_t)s->heads * s->head_dim > MAX_WIDTH)
		return assay_fail(e, ASSAY_E_MODEL, "heads x head size is %lld: must be at most %d",
		                  (long long)s->heads * s->head_dim, MAX_WIDTH);
	if (s->pos_offset < 0 || s->pos_offset > 16)
		return assay_fail(e, ASSAY_E_MODEL, "position offset is %d: must be 0 to 16", s->pos_offset);
	if (!(s->norm_eps > 0 && s->norm_eps <= 0.1f))
		return assay_fail(e, ASSAY_E_MODEL, "norm epsilon is %g: must be above 0 and at most 0.1", (double)s->norm_eps);
	if (s->n_eos < 0 || s->n_eos > (int)(sizeof s->eos / sizeof *s->eos))
		return assay_fail(e, ASSAY_E_MODEL, "%d end tokens: at most %zu", s->n_eos, sizeof s->eos / sizeof *s->eos);
	if (nn_shape_parameters(s) > MAX_PARAMETERS)
		return assay_fail(e, ASSAY_E_MODEL, "%.3g parameters: at most %.3g", (double)nn_shape_parameters(s), (double)MAX_PARAMETERS);
	return check_rope(s, e);
}
