/* The table behind families.h. Must not know of memory or arithmetic. */
#include "nn/families.h"

#include <string.h>

static const struct nn_family_desc gpt2 = {
	.embed = "transformer.wte", .positions = "transformer.wpe", .final_norm = "transformer.ln_f", .head = "lm_head",
	.layer = "transformer.h.%d.",
	.attn_norm = "ln_1", .qkv = "attn.c_attn", .out = "attn.c_proj",
	.mlp_norm = "ln_2", .up = "mlp.c_fc", .down = "mlp.c_proj",
};

/* project_in and project_out exist where embed_dim differs from hidden, final_norm where norms come first. */
static const struct nn_family_desc opt = {
	.embed = "model.decoder.embed_tokens", .positions = "model.decoder.embed_positions",
	.project_in = "model.decoder.project_in", .project_out = "model.decoder.project_out",
	.final_norm = "model.decoder.final_layer_norm", .head = "lm_head",
	.layer = "model.decoder.layers.%d.",
	.attn_norm = "self_attn_layer_norm", .q = "self_attn.q_proj", .k = "self_attn.k_proj", .v = "self_attn.v_proj", .out = "self_attn.out_proj",
	.mlp_norm = "final_layer_norm", .up = "fc1", .down = "fc2",
};

/* LLaMA, Qwen2, Qwen3: the shape's flags tell biases and q/k norms. */
static const struct nn_family_desc llama = {
	.embed = "model.embed_tokens", .final_norm = "model.norm", .head = "lm_head",
	.layer = "model.layers.%d.",
	.attn_norm = "input_layernorm", .q = "self_attn.q_proj", .k = "self_attn.k_proj", .v = "self_attn.v_proj",
	.q_norm = "self_attn.q_norm", .k_norm = "self_attn.k_norm", .out = "self_attn.o_proj",
	.mlp_norm = "post_attention_layernorm", .gate = "mlp.gate_proj", .up = "mlp.up_proj", .down = "mlp.down_proj",
	.rms = true,
};

const struct nn_family_desc *nn_family_desc(enum nn_family f)
{
	return f == NN_GPT2 ? &gpt2 : f == NN_OPT ? &opt : &llama;
}

const char *nn_family_tied_name(const struct nn_shape *s, const char *name)
{
	if (!s->tied || strcmp(name, "lm_head.weight"))
		return name;
	return s->family == NN_GPT2 ? "transformer.wte.weight" : s->family == NN_OPT ? "model.decoder.embed_tokens.weight" : "model.embed_tokens.weight";
}
