/* See config.h. Everything a config.json may ask for that forward.c cannot do is
 * refused by name: a number computed from a half-understood model is worse than none.
 * Defaults are those of the transformers configuration classes. */
#include "nn/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "nn/export.h"

#define MAX_CONFIG_BYTES (1u << 20)

struct reader {
	const json_t *o;
	const char *what;
	struct assay_err *e;
	int rc; /* first failure; later reads do nothing */
};

static json_t *present(const struct reader *r, const char *key)
{
	json_t *v = json_object_get(r->o, key);
	return v && !json_is_null(v) ? v : NULL;
}

/* An integer in 1..INT_MAX (nn_shape_check narrows it); `otherwise` when absent, 0 there = required. */
static int read_int(struct reader *r, const char *key, int otherwise)
{
	const json_t *v = present(r, key);
	if (r->rc)
		return 0;
	if (!v && otherwise)
		return otherwise;
	if (!v)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\" is missing", r->what, key);
	else if (!json_is_integer(v))
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\" must be an integer", r->what, key);
	else if (json_integer_value(v) < 1 || json_integer_value(v) > INT_MAX)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\" is %lld: out of range", r->what, key, (long long)json_integer_value(v));
	return r->rc ? 0 : (int)json_integer_value(v);
}

static double read_num(struct reader *r, const char *key, double otherwise)
{
	const json_t *v = present(r, key);
	if (r->rc || !v)
		return otherwise;
	if (!json_is_number(v))
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\" must be a number", r->what, key);
	return json_number_value(v);
}

static bool read_bool(struct reader *r, const char *key, bool otherwise)
{
	const json_t *v = present(r, key);
	if (r->rc || !v)
		return otherwise;
	if (!json_is_boolean(v))
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\" must be true or false", r->what, key);
	return json_is_true(v);
}

static const char *read_str(struct reader *r, const char *key, const char *otherwise)
{
	const json_t *v = present(r, key);
	if (r->rc || !v)
		return otherwise;
	if (!json_is_string(v))
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\" must be a string", r->what, key);
	return json_is_string(v) ? json_string_value(v) : otherwise;
}

/* A switch whose other position is not implemented. */
static void only(struct reader *r, const char *key, bool supported)
{
	if (read_bool(r, key, supported) != supported && !r->rc)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\": %s is not supported", r->what, key, supported ? "false" : "true");
}

static enum nn_act read_act(struct reader *r, const char *key, const char *otherwise)
{
	static const struct { const char *name; enum nn_act act; } row[] = {
		{ "gelu_new", NN_GELU_TANH }, { "gelu_pytorch_tanh", NN_GELU_TANH }, { "gelu_fast", NN_GELU_TANH },
		{ "gelu", NN_GELU_ERF },      { "gelu_python", NN_GELU_ERF },        { "relu", NN_RELU },
		{ "silu", NN_SILU },          { "swish", NN_SILU },
	};
	const char *name = read_str(r, key, otherwise);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (!strcmp(name, row[i].name))
			return row[i].act;
	if (!r->rc)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\" is \"%.40s\": not supported (gelu_new, gelu, relu, silu are)", r->what, key, name);
	return NN_RELU;
}

static enum nn_dtype read_dtype(struct reader *r)
{
	const char *key = present(r, "dtype") ? "dtype" : "torch_dtype";
	const char *name = read_str(r, key, "");
	if (!strncmp(name, "torch.", 6))
		name += 6;
	static const struct { const char *name; enum nn_dtype type; } row[] = {
		{ "", NN_AUTO }, { "auto", NN_AUTO }, { "float32", NN_F32 }, { "float", NN_F32 },
		{ "bfloat16", NN_BF16 }, { "float16", NN_F16 }, { "half", NN_F16 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (!strcmp(name, row[i].name))
			return row[i].type;
	if (!r->rc)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\" is \"%.40s\": not supported (float32, bfloat16, float16 are)", r->what, key, name);
	return NN_AUTO;
}

/* Ids outside the vocabulary can never be sampled: they count as absent (published tiny models have them). */
static int token_id(struct reader *r, const char *key, const json_t *v, int vocab)
{
	if (!json_is_integer(v)) {
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\" must be a token id or a list of them", r->what, key);
		return -1;
	}
	json_int_t id = json_integer_value(v);
	return id >= 0 && id < vocab ? (int)id : -1;
}

static void read_special(struct reader *r, struct nn_shape *s)
{
	const int max = (int)(sizeof s->eos / sizeof *s->eos);
	const json_t *b = present(r, "bos_token_id"), *v = present(r, "eos_token_id");
	s->bos = -1;
	if (b && !r->rc)
		s->bos = token_id(r, "bos_token_id", json_is_array(b) ? json_array_get(b, 0) : b, s->vocab);
	size_t n = json_is_array(v) ? json_array_size(v) : v != NULL;
	for (size_t i = 0; i < n && !r->rc; i++) {
		int id = token_id(r, "eos_token_id", json_is_array(v) ? json_array_get(v, i) : v, s->vocab);
		if (r->rc || id < 0)
			continue;
		if (s->n_eos == max)
			r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"eos_token_id\" lists more than %d tokens", r->what, max);
		else
			s->eos[s->n_eos++] = id;
	}
}

static void read_gpt2(struct reader *r, struct nn_shape *s)
{
	s->family = NN_GPT2;
	s->hidden = s->embed_dim = read_int(r, "n_embd", 0);
	s->layers = read_int(r, "n_layer", 0);
	s->heads = s->kv_heads = read_int(r, "n_head", 0);
	s->max_context = read_int(r, "n_positions", present(r, "n_ctx") ? read_int(r, "n_ctx", 0) : 0);
	s->ffn = read_int(r, "n_inner", s->hidden <= INT_MAX / 4 ? 4 * s->hidden : INT_MAX);
	s->act = read_act(r, "activation_function", "gelu_new");
	s->norm_eps = (float)read_num(r, "layer_norm_epsilon", 1e-5);
	s->tied = read_bool(r, "tie_word_embeddings", true);
	s->pre_norm = s->qkv_bias = s->out_bias = s->mlp_bias = true;
	only(r, "scale_attn_weights", true);
	only(r, "scale_attn_by_inverse_layer_idx", false);
	only(r, "add_cross_attention", false);
}

static void read_opt(struct reader *r, struct nn_shape *s)
{
	s->family = NN_OPT;
	s->hidden = read_int(r, "hidden_size", 0);
	s->embed_dim = read_int(r, "word_embed_proj_dim", s->hidden);
	s->layers = read_int(r, "num_hidden_layers", 0);
	s->heads = s->kv_heads = read_int(r, "num_attention_heads", 0);
	s->ffn = read_int(r, "ffn_dim", 0);
	s->max_context = read_int(r, "max_position_embeddings", 2048);
	s->pos_offset = 2;
	s->act = read_act(r, "activation_function", "relu");
	s->norm_eps = 1e-5f;
	s->tied = read_bool(r, "tie_word_embeddings", true);
	s->pre_norm = read_bool(r, "do_layer_norm_before", true);
	s->qkv_bias = s->out_bias = s->mlp_bias = read_bool(r, "enable_bias", true);
	only(r, "layer_norm_elementwise_affine", true);
	only(r, "_remove_final_layer_norm", false);
}

/* rope_parameters (transformers 5: theta and scaling together) or rope_scaling (before). */
static void read_rope(struct reader *r, struct nn_shape *s)
{
	const char *key = present(r, "rope_parameters") ? "rope_parameters" : "rope_scaling";
	const json_t *o = present(r, key);
	s->rope = true;
	s->rope_theta = read_num(r, "rope_theta", 10000);
	if (!o || r->rc)
		return;
	if (!json_is_object(o)) {
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\" must be an object", r->what, key);
		return;
	}
	struct reader in = { o, r->what, r->e, 0 };
	s->rope_theta = read_num(&in, "rope_theta", s->rope_theta);
	const char *type = read_str(&in, "rope_type", read_str(&in, "type", "default"));
	if (!in.rc && (present(&in, "full_attention") || present(&in, "sliding_attention")))
		in.rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\": positions by layer type are not supported", r->what, key);
	if (!in.rc && strcmp(type, "default") && strcmp(type, "llama3"))
		in.rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\": rope type \"%.40s\" is not supported (default and llama3 are)", r->what, key, type);
	if (!in.rc && !strcmp(type, "llama3")) {
		s->rope_llama3 = true;
		s->rope_factor = read_num(&in, "factor", 0);
		s->rope_low_freq = read_num(&in, "low_freq_factor", 0);
		s->rope_high_freq = read_num(&in, "high_freq_factor", 0);
		s->rope_original_context = read_num(&in, "original_max_position_embeddings", 0);
	}
	if (!in.rc && read_num(&in, "partial_rotary_factor", 1) != 1)
		in.rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"%s\": \"partial_rotary_factor\" other than 1 is not supported", r->what, key);
	r->rc = in.rc;
}

/* A window that can never bind (not below the context, or on no layer) is harmless; any other is refused. */
static void check_window(struct reader *r, const struct nn_shape *s, bool needs_switch)
{
	const json_t *types = present(r, "layer_types");
	for (size_t i = 0; !r->rc && json_is_array(types) && i < json_array_size(types); i++) {
		const char *t = json_string_value(json_array_get(types, i));
		if (!t || strcmp(t, "full_attention"))
			r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"layer_types\": \"%.40s\" is not supported", r->what, t ? t : "?");
	}
	if (needs_switch && !read_bool(r, "use_sliding_window", false))
		return;
	if (!present(r, "sliding_window") || read_int(r, "sliding_window", 0) >= s->max_context)
		return;
	if (needs_switch && read_int(r, "max_window_layers", INT_MAX) >= s->layers && present(r, "max_window_layers"))
		return;
	if (!r->rc)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: an active \"sliding_window\" is not supported: use a model with full attention", r->what);
}

static void read_llama(struct reader *r, struct nn_shape *s, enum nn_family family)
{
	s->family = family;
	s->hidden = s->embed_dim = read_int(r, "hidden_size", 0);
	s->layers = read_int(r, "num_hidden_layers", 0);
	s->heads = read_int(r, "num_attention_heads", 0);
	s->kv_heads = read_int(r, "num_key_value_heads", s->heads);
	s->head_dim = present(r, "head_dim") ? read_int(r, "head_dim", 0) : 0;
	s->ffn = read_int(r, "intermediate_size", 0);
	s->max_context = read_int(r, "max_position_embeddings", 2048);
	s->act = read_act(r, "hidden_act", "silu");
	s->gated_mlp = s->pre_norm = true;
	s->norm_eps = (float)read_num(r, "rms_norm_eps", 1e-6);
	s->tied = read_bool(r, "tie_word_embeddings", false);
	bool bias = read_bool(r, "attention_bias", false);
	s->qkv_bias = bias || family == NN_QWEN2;
	s->out_bias = bias && family != NN_QWEN2;
	s->mlp_bias = family == NN_LLAMA && read_bool(r, "mlp_bias", false);
	s->qk_norm = family == NN_QWEN3;
	if (!r->rc && read_num(r, "partial_rotary_factor", 1) != 1)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"partial_rotary_factor\" other than 1 is not supported", r->what);
	read_rope(r, s);
	check_window(r, s, family != NN_LLAMA);
}

static void read_family(struct reader *r, struct nn_shape *s)
{
	const char *type = read_str(r, "model_type", "");
	if (r->rc)
		return;
	if (!strcmp(type, "gpt2"))
		read_gpt2(r, s);
	else if (!strcmp(type, "opt"))
		read_opt(r, s);
	else if (!strcmp(type, "llama") || !strcmp(type, "mistral"))
		read_llama(r, s, NN_LLAMA);
	else if (!strcmp(type, "qwen2"))
		read_llama(r, s, NN_QWEN2);
	else if (!strcmp(type, "qwen3"))
		read_llama(r, s, NN_QWEN3);
	else
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: model_type \"%.40s\" is not supported: gpt2, opt, llama, mistral, qwen2 and qwen3 are", r->what, type);
}

static void finish(struct reader *r, struct nn_shape *s)
{
	s->vocab = read_int(r, "vocab_size", 0);
	s->stored = read_dtype(r);
	read_special(r, s);
	if (!r->rc && present(r, "quantization_config"))
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: \"quantization_config\": quantised safetensors are not supported: use the original weights or a GGUF file", r->what);
	if (!r->rc && !s->head_dim && s->hidden % s->heads)
		r->rc = assay_fail(r->e, ASSAY_E_MODEL, "%s: hidden size %d is not a multiple of %d heads", r->what, s->hidden, s->heads);
	if (r->rc)
		return;
	if (!s->head_dim)
		s->head_dim = s->hidden / s->heads;
	r->rc = nn_shape_check(s, r->e);
	if (r->rc)
		assay_fail_in(r->e, "%s", r->what);
}

int nn_config_parse(const char *text, size_t len, const char *what, struct nn_shape *out, struct assay_err *e)
{
	*out = (struct nn_shape){ .bos = -1 };
	json_t *root = assay_json_parse(text, len, what, ASSAY_E_MODEL, e);
	if (!root)
		return ASSAY_E_MODEL;
	struct reader r = { root, what, e, 0 };
	if (!json_is_object(root))
		r.rc = assay_fail(e, ASSAY_E_MODEL, "%s: must be a JSON object", what);
	else
		read_family(&r, out);
	if (!r.rc)
		finish(&r, out);
	json_decref(root);
	return r.rc;
}

/* The last component of a path, without trailing slashes. */
static void name_of(const char *dir, char *out, size_t size)
{
	char *real = realpath(dir, NULL);
	const char *p = real ? real : dir, *slash = strrchr(p, '/');
	if (slash && slash[1])
		p = slash + 1;
	size_t n = strnlen(p, size - 1);
	memcpy(out, p, n);
	out[n] = 0;
	free(real);
}

/* A directory that assay wrote (export.h) says which model it is, and whether its weights are made up. */
static void origin_of(const char *dir, struct nn_shape *out)
{
	struct assay_err e = ASSAY_ERR_INIT;
	char *path = xasprintf("%s/" NN_EXPORT_ORIGIN, dir);
	json_t *o = assay_fs_exists(path) ? assay_json_load(path, MAX_CONFIG_BYTES, ASSAY_E_MODEL, &e) : NULL;
	const char *name = assay_json_get_str(o, "model", "");
	if (*name && strlen(name) < sizeof out->name)
		snprintf(out->name, sizeof out->name, "%s", name);
	out->synthetic = assay_json_get_bool(o, "synthetic", false);
	json_decref(o);
	free(path);
}

int nn_config_read(const char *dir, struct nn_shape *out, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, MAX_CONFIG_BYTES);
	char *path = xasprintf("%s/config.json", dir);
	bool absent = !assay_fs_exists(path) && errno == ENOENT; /* one that may not be looked at is there */
	int rc = !absent ? 0 : assay_fail(e, ASSAY_E_MODEL, "%.200s: no model: it holds no config.json; -m takes a preset, a Hugging Face directory or a .gguf file", dir);
	if (!rc)
		rc = assay_fs_read(path, &b, ASSAY_E_MODEL, e);
	if (!rc)
		rc = nn_config_parse(b.data ? b.data : "", b.len_bytes, path, out, e);
	if (!rc) {
		name_of(dir, out->name, sizeof out->name);
		size_t n = strnlen(dir, sizeof out->checkpoint - 1);
		memcpy(out->checkpoint, dir, n);
		out->checkpoint[n] = 0;
		origin_of(dir, out);
	}
	assay_buf_release(&b);
	free(path);
	return rc;
}
