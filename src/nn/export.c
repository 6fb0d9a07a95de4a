/* See export.h: the directory as a whole, and its configuration files. */
#include "nn/export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "nn/families.h"

#define EXPORT_VERSION 1 /* another one when what is written for the same model changes: a cached directory is then written again */
#define OTHER_BYTES (UINT64_C(64) << 20) /* configuration and tokenizer, amply */

static void put(json_t *o, const char *key, json_t *v) { json_object_set_new(o, key, v); }

static const char *act_name(enum nn_act a)
{
	static const char *const name[] = { [NN_GELU_TANH] = "gelu_new", [NN_GELU_ERF] = "gelu", [NN_RELU] = "relu", [NN_SILU] = "silu" };
	return name[a];
}

/* f32 widened to a double that prints as it was written: 1e-05, not 9.99999974e-06. */
static json_t *short_real(float x)
{
	char text[32];
	for (int digits = 6; digits <= 9; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, (double)x);
		if (strtof(text, NULL) == x)
			break;
	}
	return json_real(strtod(text, NULL));
}

static void put_gpt2(json_t *o, const struct nn_shape *s)
{
	put(o, "n_embd", json_integer(s->hidden));
	put(o, "n_layer", json_integer(s->layers));
	put(o, "n_head", json_integer(s->heads));
	put(o, "n_positions", json_integer(s->max_context));
	put(o, "n_ctx", json_integer(s->max_context));
	if (s->ffn != 4 * s->hidden)
		put(o, "n_inner", json_integer(s->ffn));
	put(o, "activation_function", json_string(act_name(s->act)));
	put(o, "layer_norm_epsilon", short_real(s->norm_eps));
}

static void put_common(json_t *o, const struct nn_shape *s)
{
	put(o, "hidden_size", json_integer(s->hidden));
	put(o, "num_hidden_layers", json_integer(s->layers));
	put(o, "num_attention_heads", json_integer(s->heads));
	put(o, "max_position_embeddings", json_integer(s->max_context));
}

static void put_opt(json_t *o, const struct nn_shape *s)
{
	put_common(o, s);
	put(o, "ffn_dim", json_integer(s->ffn));
	put(o, "word_embed_proj_dim", json_integer(s->embed_dim));
	put(o, "activation_function", json_string(act_name(s->act)));
	put(o, "do_layer_norm_before", json_boolean(s->pre_norm));
	put(o, "enable_bias", json_boolean(s->qkv_bias));
	put(o, "pad_token_id", json_integer(1));
}

static void put_llama(json_t *o, const struct nn_shape *s)
{
	put_common(o, s);
	put(o, "num_key_value_heads", json_integer(s->kv_heads));
	put(o, "head_dim", json_integer(s->head_dim));
	put(o, "intermediate_size", json_integer(s->ffn));
	put(o, "hidden_act", json_string(act_name(s->act)));
	put(o, "rms_norm_eps", short_real(s->norm_eps));
	put(o, "rope_theta", json_real(s->rope_theta));
	if (s->rope_llama3)
		put(o, "rope_scaling", json_pack("{s:s, s:f, s:f, s:f, s:I}", "rope_type", "llama3", "factor", s->rope_factor, "low_freq_factor", s->rope_low_freq, "high_freq_factor",
						 s->rope_high_freq, "original_max_position_embeddings", (json_int_t)s->rope_original_context));
	if (s->family == NN_LLAMA)
		put(o, "mlp_bias", json_boolean(s->mlp_bias));
	if (s->family != NN_QWEN2)
		put(o, "attention_bias", json_boolean(s->qkv_bias));
	if (s->family != NN_LLAMA)
		put(o, "use_sliding_window", json_false());
}

/* One id, or a list of several; absent without any. */
static void put_special(json_t *o, const struct nn_shape *s)
{
	json_t *list = json_array();
	for (int i = 0; i < s->n_eos; i++)
		json_array_append_new(list, json_integer(s->eos[i]));
	put(o, "bos_token_id", s->bos >= 0 ? json_integer(s->bos) : json_null());
	if (s->n_eos)
		json_object_set(o, "eos_token_id", s->n_eos == 1 ? json_array_get(list, 0) : list);
	else
		put(o, "eos_token_id", json_null());
	json_decref(list);
}

json_t *nn_export_config(const struct nn_shape *s, enum nn_dtype dtype)
{
	static const char *const classes[] = { [NN_GPT2] = "GPT2LMHeadModel", [NN_OPT] = "OPTForCausalLM", [NN_LLAMA] = "LlamaForCausalLM", [NN_QWEN2] = "Qwen2ForCausalLM",
					       [NN_QWEN3] = "Qwen3ForCausalLM" };
	json_t *o = json_pack("{s:[s], s:s, s:i, s:b}", "architectures", classes[s->family], "model_type", nn_family_name(s->family), "vocab_size", s->vocab, "tie_word_embeddings", s->tied);
	if (s->family == NN_GPT2)
		put_gpt2(o, s);
	else if (s->family == NN_OPT)
		put_opt(o, s);
	else
		put_llama(o, s);
	put_special(o, s);
	put(o, "torch_dtype", json_string(dtype == NN_BF16 ? "bfloat16" : dtype == NN_F16 ? "float16" : "float32"));
	put(o, "use_cache", json_true());
	return o;
}

json_t *nn_export_generation_config(const struct nn_shape *s)
{
	json_t *o = json_object();
	put_special(o, s);
	put(o, "do_sample", json_false());
	return o;
}

int nn_export_json(const char *dir, const char *name, const json_t *v, struct assay_err *e)
{
	char *path = xasprintf("%s/%s", dir, name);
	int rc = assay_json_save(path, v, 2, 256u << 20, e);
	free(path);
	return rc;
}

/* assay.json: what the directory was written from; written last. */
static int write_origin(const struct nn_source *src, const struct nn_export_options *o, const char *dir, const struct nn_export_report *r, struct assay_err *e)
{
	const struct nn_shape *s = &src->shape;
	json_t *v = json_pack("{s:i, s:s, s:s, s:b, s:o, s:s, s:I}", "export", EXPORT_VERSION, "model", s->name, "from", s->checkpoint, "synthetic", s->synthetic, "seed",
			      s->synthetic ? json_integer((json_int_t)o->seed) : json_null(), "dtype", nn_dtype_name(r->dtype), "weights_bytes", (json_int_t)r->bytes);
	int rc = v ? nn_export_json(dir, NN_EXPORT_ORIGIN, v, e) : assay_fail(e, ASSAY_E_MODEL, "%s: its name is not UTF-8", o->tokenizer);
	json_decref(v);
	return rc;
}

static bool has_bytes(const char *dir, const char *name, int64_t bytes)
{
	struct stat st;
	char *path = xasprintf("%s/%s", dir, name);
	bool yes = stat(path, &st) == 0 && S_ISREG(st.st_mode) && (bytes < 0 || st.st_size == bytes);
	free(path);
	return yes;
}

bool nn_export_whole(const char *dir)
{
	struct assay_err e = ASSAY_ERR_INIT;
	char *path = xasprintf("%s/" NN_EXPORT_ORIGIN, dir);
	json_t *o = assay_json_load(path, 1 << 16, ASSAY_E_MODEL, &e);
	int64_t bytes = assay_json_get_int(o, "weights_bytes", -1);
	bool whole = assay_json_get_int(o, "export", 0) == EXPORT_VERSION && bytes > 0 && has_bytes(dir, "model.safetensors", bytes) && has_bytes(dir, "config.json", -1);
	json_decref(o);
	free(path);
	return whole;
}

static int check_room(const struct nn_shape *s, enum nn_dtype dtype, const char *dir, struct assay_err *e)
{
	uint64_t need = nn_dtype_bytes(dtype, nn_shape_parameters(s)) + OTHER_BYTES, have = assay_fs_free_bytes(dir);
	if (need <= have)
		return 0;
	return assay_fail(e, ASSAY_E_IO, "%s: %s as %s needs %.1f GiB on disk, %.1f GiB are free: choose another place, a narrower --dtype or a smaller model", dir, s->name, nn_dtype_name(dtype),
			  (double)need / 0x1p30, (double)have / 0x1p30);
}

static int write_config(const struct nn_shape *s, enum nn_dtype dtype, const char *dir, struct assay_err *e)
{
	json_t *config = nn_export_config(s, dtype), *generation = nn_export_generation_config(s);
	int rc = nn_export_json(dir, "config.json", config, e);
	if (!rc)
		rc = nn_export_json(dir, "generation_config.json", generation, e);
	json_decref(config);
	json_decref(generation);
	return rc;
}

int nn_export(struct nn_source *src, const struct nn_export_options *o, const char *dir, struct nn_export_report *out, struct assay_err *e)
{
	size_t n = strlen(dir);
	while (n > 1 && dir[n - 1] == '/')
		n--;
	*out = (struct nn_export_report){ .dtype = o->dtype == NN_AUTO ? nn_dtype_auto(src->shape.stored) : o->dtype };
	if (assay_fs_exists(dir) && assay_fs_is_empty(dir) != 1)
		return assay_fail(e, ASSAY_E_USAGE, "%s: not an empty directory: choose another place", dir);
	char *tmp = xasprintf("%.*s.%ld.tmp", (int)n, dir, (long)getpid()), *weights = xasprintf("%s/model.safetensors", tmp);
	int rc = check_room(&src->shape, out->dtype, dir, e);
	if (!rc)
		rc = assay_fs_mkdir_p(tmp, e);
	if (!rc)
		rc = write_config(&src->shape, out->dtype, tmp, e);
	if (!rc)
		rc = nn_export_tokenizer(&src->shape, o->tokenizer, tmp, out->tokenizer, sizeof out->tokenizer, e);
	if (!rc)
		rc = nn_export_weights(src, out->dtype, weights, o, out, e);
	if (!rc)
		rc = write_origin(src, o, tmp, out, e);
	if (!rc && rename(tmp, dir))
		rc = assay_fail(e, ASSAY_E_IO, "%s: cannot be put in place: %s", dir, strerror(errno));
	if (rc)
		assay_fs_remove_tree(tmp);
	free(weights);
	free(tmp);
	return rc;
}
