/* See gguf_model.h. Keys are read under the architecture's own prefix
 * ("llama.block_count"); what is required and what a missing key means follows
 * llama.cpp's loader. */
#include "nn/gguf_model.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/quants.h"

struct reader {
	const struct nn_gguf *g;
	const char *arch;
	struct assay_err *e;
	int rc; /* first failure; later reads do nothing */
};

static void key_of(const struct reader *r, const char *key, char out[96])
{
	snprintf(out, 96, "%s.%s", r->arch, key);
}

/* `otherwise` when absent; 0 there = required. */
static int read_int(struct reader *r, const char *key, int otherwise)
{
	char full[96];
	uint64_t v = (uint64_t)otherwise;
	key_of(r, key, full);
	if (r->rc)
		return 0;
	int found = nn_gguf_get_uint(r->g, full, &v, r->e);
	if (found < 0)
		r->rc = found;
	else if (!found && !otherwise)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: metadata \"%s\" is missing", r->g->what, full);
	else if (v < 1 || v > INT_MAX)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: metadata \"%s\" is %llu: out of range", r->g->what, full, (unsigned long long)v);
	return r->rc ? 0 : (int)v;
}

static double read_num(struct reader *r, const char *key, double otherwise)
{
	char full[96];
	double v = otherwise;
	key_of(r, key, full);
	int found = r->rc ? 0 : nn_gguf_get_num(r->g, full, &v, r->e);
	if (found < 0)
		r->rc = found;
	return v;
}

/* A key whose presence with any value but `harmless` changes the model in a way forward.c lacks. */
static void only(struct reader *r, const char *key, double harmless)
{
	double v = read_num(r, key, harmless);
	if (!r->rc && v != harmless)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: metadata \"%s.%s\" is %g: not supported", r->g->what, r->arch, key, v);
}

static bool has(const struct reader *r, const char *tensor)
{
	return nn_gguf_find_tensor(r->g, tensor) != NULL;
}

static void read_vocab(struct reader *r, struct nn_shape *s)
{
	const struct nn_gguf_tensor *t = nn_gguf_find_tensor(r->g, "token_embd.weight");
	if (!r->rc && (!t || t->n_dims != 2 || t->dims[1] > INT_MAX))
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: tensor token_embd.weight is missing or is no matrix", r->g->what);
	if (r->rc)
		return;
	s->vocab = (int)t->dims[1];
	int claimed = read_int(r, "vocab_size", s->vocab);
	if (!r->rc && claimed != s->vocab)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: vocab_size says %d, token_embd.weight has %d rows", r->g->what, claimed, s->vocab);
}

static void read_eos(struct reader *r, struct nn_shape *s)
{
	static const char *const key[] = { "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id" };
	uint64_t id;
	s->bos = -1;
	for (int i = 0; i < 3 && !r->rc; i++) {
		int found = nn_gguf_get_uint(r->g, key[i], &id, r->e);
		bool again = false;
		for (int k = 0; found > 0 && k < s->n_eos; k++)
			again |= (uint64_t)s->eos[k] == id;
		if (found > 0 && !again && id < (uint64_t)s->vocab)
			s->eos[s->n_eos++] = (int)id;
		if (found < 0)
			r->rc = found;
	}
	int found = r->rc ? 0 : nn_gguf_get_uint(r->g, "tokenizer.ggml.bos_token_id", &id, r->e);
	if (found < 0)
		r->rc = found;
	else if (found && id < (uint64_t)s->vocab)
		s->bos = (int)id;
}

/* The stored type of most weight bytes inside the layers. */
static enum nn_dtype main_type(const struct nn_gguf *g)
{
	uint64_t bytes[NN_Q6_K + 1] = { 0 };
	int best = NN_F32;
	for (size_t i = 0; i < g->n_tensors; i++)
		if (g->tensor[i].n_dims == 2 && !strncmp(g->tensor[i].name.s, "blk.", 4))
			bytes[nn_quant_of_ggml(g->tensor[i].type)->dtype] += g->tensor[i].size_bytes;
	for (int t = 0; t <= NN_Q6_K; t++)
		if (bytes[t] > bytes[best])
			best = t;
	return (enum nn_dtype)best;
}

static void check_tensors(struct reader *r, const struct nn_shape *s)
{
	for (size_t i = 0; i < r->g->n_tensors && !r->rc; i++) {
		const struct nn_gguf_tensor *t = &r->g->tensor[i];
		const struct nn_quant *q = nn_quant_of_ggml(t->type);
		if (!nn_gguf_tensor_known(s->family, s->layers, t->name))
			r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: tensor %.*s: a %s model of %d layers has no such tensor here: not supported",
			                   r->g->what, (int)t->name.len_bytes, t->name.s, r->arch, s->layers);
		else if (!q->widen)
			r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: tensor %.*s: type %s is not supported: F32, F16, BF16, Q8_0, Q4_0, Q4_1 and Q6_K are",
			                   r->g->what, (int)t->name.len_bytes, t->name.s, q->name);
	}
}

static void read_gpt2(struct reader *r, struct nn_shape *s)
{
	s->family = NN_GPT2;
	s->head_dim = s->heads ? s->hidden / s->heads : 0;
	s->kv_heads = s->heads;
	s->act = NN_GELU_TANH;
	s->norm_eps = (float)read_num(r, "attention.layer_norm_epsilon", 1e-5);
	s->qkv_bias = s->out_bias = s->mlp_bias = true;
	if (!r->rc && s->hidden % s->heads)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: hidden size %d is not a multiple of %d heads", r->g->what, s->hidden, s->heads);
}

static void refuse_scaling(struct reader *r, int max_context)
{
	char full[96];
	struct nn_gguf_str type;
	key_of(r, "rope.scaling.type", full);
	int found = r->rc ? 0 : nn_gguf_get_str(r->g, full, &type, r->e);
	if (found < 0)
		r->rc = found;
	else if (found && !nn_gguf_str_is(type, "none") && !nn_gguf_str_is(type, ""))
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: rope scaling \"%.*s\" is not supported (none and rope_freqs are)", r->g->what,
		                   (int)(type.len_bytes < 40 ? type.len_bytes : 40), type.s);
	double window = read_num(r, "attention.sliding_window", 0);
	if (!r->rc && window > 0 && window < max_context)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: an active sliding window is not supported: use a model with full attention", r->g->what);
	only(r, "rope.scale_linear", 1);
	only(r, "expert_count", 0);
}

static void read_freqs(struct reader *r, struct nn_shape *s)
{
	const struct nn_gguf_tensor *t = nn_gguf_find_tensor(r->g, "rope_freqs.weight");
	float divisor[512];
	if (!t || r->rc)
		return;
	if (t->n_dims != 1 || t->type != 0 || t->dims[0] != (uint64_t)s->head_dim / 2 || t->dims[0] > 512)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: tensor rope_freqs.weight: must be F32 with %d values", r->g->what, s->head_dim / 2);
	else {
		memcpy(divisor, t->data, (size_t)t->size_bytes);
		r->rc = nn_gguf_rope_scaling(divisor, (int)t->dims[0], s, r->g->what, r->e);
	}
}

static void read_llama(struct reader *r, struct nn_shape *s, enum nn_family family)
{
	s->family = family;
	s->kv_heads = read_int(r, "attention.head_count_kv", s->heads);
	int even = s->heads ? s->hidden / s->heads : 0;
	s->head_dim = read_int(r, "attention.key_length", even ? even : 1);
	only(r, "attention.value_length", s->head_dim);
	only(r, "rope.dimension_count", s->head_dim);
	s->act = NN_SILU;
	s->gated_mlp = s->rope = true;
	s->norm_eps = (float)read_num(r, "attention.layer_norm_rms_epsilon", 0);
	s->rope_theta = read_num(r, "rope.freq_base", 10000);
	s->qkv_bias = has(r, "blk.0.attn_q.bias");
	s->out_bias = has(r, "blk.0.attn_output.bias");
	s->mlp_bias = has(r, "blk.0.ffn_up.bias");
	s->qk_norm = family == NN_QWEN3;
	refuse_scaling(r, s->max_context);
	read_freqs(r, s);
}

static void read_family(struct reader *r, struct nn_shape *s)
{
	static const struct { const char *arch; enum nn_family family; } row[] = {
		{ "gpt2", NN_GPT2 }, { "llama", NN_LLAMA }, { "qwen2", NN_QWEN2 }, { "qwen3", NN_QWEN3 },
	};
	struct nn_gguf_str arch = { "", 0 };
	int found = nn_gguf_get_str(r->g, "general.architecture", &arch, r->e);
	size_t i = 0;
	while (i < 4 && !nn_gguf_str_is(arch, row[i].arch))
		i++;
	if (found <= 0 || i == 4) {
		r->rc = found < 0 ? found : assay_fail(r->e, ASSAY_E_MODEL, "%s: architecture \"%.*s\" is not supported: llama, gpt2, qwen2 and qwen3 are",
		                                       r->g->what, (int)(arch.len_bytes < 40 ? arch.len_bytes : 40), arch.s);
		return;
	}
	r->arch = row[i].arch;
	s->layers = read_int(r, "block_count", 0);
	s->hidden = s->embed_dim = read_int(r, "embedding_length", 0);
	s->ffn = read_int(r, "feed_forward_length", 0);
	s->heads = read_int(r, "attention.head_count", 0);
	s->max_context = read_int(r, "context_length", 0);
	s->pre_norm = true;
	s->tied = !has(r, "output.weight");
	if (r->rc)
		return;
	if (row[i].family == NN_GPT2)
		read_gpt2(r, s);
	else
		read_llama(r, s, row[i].family);
}

int nn_gguf_model_shape(const struct nn_gguf *g, struct nn_shape *out, struct assay_err *e)
{
	struct reader r = { .g = g, .e = e };
	*out = (struct nn_shape){ .bos = -1 };
	read_family(&r, out);
	read_vocab(&r, out);
	if (!r.rc)
		read_eos(&r, out);
	if (!r.rc && (r.rc = nn_shape_check(out, e)))
		assay_fail_in(e, "%s", g->what);
	if (!r.rc)
		check_tensors(&r, out);
	if (!r.rc)
		out->stored = main_type(g);
	return r.rc;
}
