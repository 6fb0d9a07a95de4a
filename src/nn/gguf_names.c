/* The two spellings of every tensor: Hugging Face on one side, GGUF on the other.
 * Pure tables; see gguf_model.h. */
#include "nn/gguf_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair { const char *hf, *gguf; };

/* Parts of a layer, without .weight or .bias */
static const struct pair gpt2_layer[] = {
	{ "ln_1", "attn_norm" }, { "attn.c_attn", "attn_qkv" }, { "attn.c_proj", "attn_output" },
	{ "ln_2", "ffn_norm" }, { "mlp.c_fc", "ffn_up" }, { "mlp.c_proj", "ffn_down" }, { NULL, NULL },
};
static const struct pair llama_layer[] = {
	{ "input_layernorm", "attn_norm" }, { "self_attn.q_proj", "attn_q" }, { "self_attn.k_proj", "attn_k" },
	{ "self_attn.v_proj", "attn_v" }, { "self_attn.o_proj", "attn_output" }, { "post_attention_layernorm", "ffn_norm" },
	{ "mlp.gate_proj", "ffn_gate" }, { "mlp.up_proj", "ffn_up" }, { "mlp.down_proj", "ffn_down" }, { NULL, NULL },
};
static const struct pair qwen3_layer[] = {
	{ "input_layernorm", "attn_norm" }, { "self_attn.q_proj", "attn_q" }, { "self_attn.k_proj", "attn_k" },
	{ "self_attn.v_proj", "attn_v" }, { "self_attn.o_proj", "attn_output" }, { "self_attn.q_norm", "attn_q_norm" },
	{ "self_attn.k_norm", "attn_k_norm" }, { "post_attention_layernorm", "ffn_norm" },
	{ "mlp.gate_proj", "ffn_gate" }, { "mlp.up_proj", "ffn_up" }, { "mlp.down_proj", "ffn_down" }, { NULL, NULL },
};
static const struct pair gpt2_whole[] = {
	{ "transformer.wte", "token_embd" }, { "transformer.wpe", "position_embd" }, { "transformer.ln_f", "output_norm" },
	{ "lm_head", "output" }, { NULL, NULL },
};
static const struct pair llama_whole[] = {
	{ "model.embed_tokens", "token_embd" }, { "model.norm", "output_norm" }, { "lm_head", "output" }, { NULL, NULL },
};

struct names { const char *prefix; const struct pair *layer, *whole; };

static struct names names_of(enum nn_family f)
{
	if (f == NN_GPT2)
		return (struct names){ "transformer.h.", gpt2_layer, gpt2_whole };
	return (struct names){ "model.layers.", f == NN_QWEN3 ? qwen3_layer : llama_layer, llama_whole };
}

/* Length of NAME without a closing ".weight" or ".bias"; 0 when it has neither. */
static size_t stem_bytes(const char *name, size_t n)
{
	if (n > 7 && !memcmp(name + n - 7, ".weight", 7))
		return n - 7;
	if (n > 5 && !memcmp(name + n - 5, ".bias", 5))
		return n - 5;
	return 0;
}

static bool is(const char *s, size_t n, const char *t)
{
	return n == strlen(t) && !memcmp(s, t, n);
}

bool nn_gguf_tensor_name(enum nn_family family, const char *hf, char *out, size_t out_bytes)
{
	struct names t = names_of(family);
	size_t prefix = strlen(t.prefix), stem = stem_bytes(hf, strlen(hf));
	for (const struct pair *p = t.whole; p->hf; p++)
		if (is(hf, stem, p->hf))
			return snprintf(out, out_bytes, "%s%s", p->gguf, hf + stem) < (int)out_bytes;
	if (strncmp(hf, t.prefix, prefix))
		return false;
	char *rest;
	unsigned long layer = strtoul(hf + prefix, &rest, 10);
	if (rest == hf + prefix || *rest != '.' || layer > 99999 || stem <= (size_t)(rest + 1 - hf))
		return false;
	for (const struct pair *p = t.layer; p->hf; p++)
		if (is(rest + 1, stem - (size_t)(rest + 1 - hf), p->hf))
			return snprintf(out, out_bytes, "blk.%lu.%s%s", layer, p->gguf, hf + stem) < (int)out_bytes;
	return false;
}

bool nn_gguf_tensor_known(enum nn_family family, int layers, struct nn_gguf_str name)
{
	struct names t = names_of(family);
	char buf[96];
	size_t stem = stem_bytes(name.s, name.len_bytes);
	if (name.len_bytes >= sizeof buf)
		return false;
	memcpy(buf, name.s, name.len_bytes);
	buf[name.len_bytes] = 0;
	if (!strcmp(buf, "rope_freqs.weight"))
		return family == NN_LLAMA;
	for (const struct pair *p = t.whole; p->hf; p++)
		if (is(buf, stem, p->gguf))
			return true;
	if (strncmp(buf, "blk.", 4))
		return false;
	char *rest;
	unsigned long layer = strtoul(buf + 4, &rest, 10);
	if (rest == buf + 4 || *rest != '.' || layer >= (unsigned long)layers || stem <= (size_t)(rest + 1 - buf))
		return false;
	for (const struct pair *p = t.layer; p->hf; p++)
		if (is(rest + 1, stem - (size_t)(rest + 1 - buf), p->gguf))
			return true;
	return false;
}
