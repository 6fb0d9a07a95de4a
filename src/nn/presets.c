/* Published model shapes by name. Each row copies the config.json of the
 * checkpoint it names; tests/unit/test_presets.c holds the published parameter
 * counts. Knows shapes only: the weights of a preset are synth.c's noise. */
#include <string.h>

#include "nn/source.h"

#define PRESET(n, from, type) .name = n, .checkpoint = from, .stored = type, .synthetic = true

#define GPT2(layer, width, head) \
	.family = NN_GPT2, .layers = layer, .hidden = width, .embed_dim = width, .heads = head, .kv_heads = head, .head_dim = 64, \
	.ffn = 4 * width, .vocab = 50257, .max_context = 1024, .pre_norm = true, .tied = true, .qkv_bias = true, .out_bias = true, \
	.mlp_bias = true, .act = NN_GELU_TANH, .norm_eps = 1e-5f, .bos = 50256, .eos = { 50256 }, .n_eos = 1

#define OPT(layer, width, embed, head, pre) \
	.family = NN_OPT, .layers = layer, .hidden = width, .embed_dim = embed, .heads = head, .kv_heads = head, .head_dim = 64, \
	.ffn = 4 * width, .vocab = 50272, .max_context = 2048, .pos_offset = 2, .pre_norm = pre, .tied = true, .qkv_bias = true, \
	.out_bias = true, .mlp_bias = true, .act = NN_RELU, .norm_eps = 1e-5f, .bos = 2, .eos = { 2 }, .n_eos = 1

#define LLAMA(layer, width, head, kv, mid) \
	.family = NN_LLAMA, .layers = layer, .hidden = width, .embed_dim = width, .heads = head, .kv_heads = kv, .head_dim = width / head, \
	.ffn = mid, .pre_norm = true, .act = NN_SILU, .gated_mlp = true, .norm_eps = 1e-5f, .rope = true

/* Llama 2's tokenizer and positions; TinyLlama and Mistral share the tokens. */
#define LLAMA2(context) .vocab = 32000, .max_context = context, .rope_theta = 10000, .bos = 1, .eos = { 2 }, .n_eos = 1

#define QWEN(layer, width, head, kv, mid) \
	.layers = layer, .hidden = width, .embed_dim = width, .heads = head, .kv_heads = kv, .ffn = mid, .pre_norm = true, .act = NN_SILU, \
	.gated_mlp = true, .norm_eps = 1e-6f, .rope = true, .rope_theta = 1e6, .bos = 151643, .eos = { 151645 }, .n_eos = 1

#define QWEN2(layer, width, head, kv, mid, words, tie) \
	.family = NN_QWEN2, QWEN(layer, width, head, kv, mid), .head_dim = width / head, .qkv_bias = true, .vocab = words, \
	.max_context = 32768, .tied = tie

static const struct nn_shape presets[] = {
	{ PRESET("gpt2", "openai-community/gpt2", NN_F32), GPT2(12, 768, 12) },
	{ PRESET("gpt2-medium", "openai-community/gpt2-medium", NN_F32), GPT2(24, 1024, 16) },
	{ PRESET("gpt2-large", "openai-community/gpt2-large", NN_F32), GPT2(36, 1280, 20) },
	{ PRESET("gpt2-xl", "openai-community/gpt2-xl", NN_F32), GPT2(48, 1600, 25) },
	{ PRESET("opt-125m", "facebook/opt-125m", NN_F16), OPT(12, 768, 768, 12, true) },
	{ PRESET("opt-350m", "facebook/opt-350m", NN_F16), OPT(24, 1024, 512, 16, false) },
	{ PRESET("opt-1.3b", "facebook/opt-1.3b", NN_F16), OPT(24, 2048, 2048, 32, true) },
	{ PRESET("qwen2-1.5b", "Qwen/Qwen2-1.5B-Instruct", NN_BF16), QWEN2(28, 1536, 12, 2, 8960, 151936, true) },
	{ PRESET("qwen2.5-0.5b", "Qwen/Qwen2.5-0.5B-Instruct", NN_BF16), QWEN2(24, 896, 14, 2, 4864, 151936, true) },
	{ PRESET("qwen2.5-1.5b", "Qwen/Qwen2.5-1.5B-Instruct", NN_BF16), QWEN2(28, 1536, 12, 2, 8960, 151936, true) },
	{ PRESET("qwen2.5-7b", "Qwen/Qwen2.5-7B-Instruct", NN_BF16), QWEN2(28, 3584, 28, 4, 18944, 152064, false) },
	{ PRESET("qwen3-0.6b", "Qwen/Qwen3-0.6B", NN_BF16), .family = NN_QWEN3, QWEN(28, 1024, 16, 8, 3072),
	  .head_dim = 128, .qk_norm = true, .vocab = 151936, .max_context = 40960, .tied = true },
	{ PRESET("llama-7b", "meta-llama/Llama-2-7b-hf", NN_F16), LLAMA(32, 4096, 32, 32, 11008), LLAMA2(4096) },
	{ PRESET("llama-13b", "meta-llama/Llama-2-13b-hf", NN_F16), LLAMA(40, 5120, 40, 40, 13824), LLAMA2(4096) },
	{ PRESET("llama-3.2-1b", "meta-llama/Llama-3.2-1B", NN_BF16), LLAMA(16, 2048, 32, 8, 8192), .vocab = 128256,
	  .max_context = 131072, .tied = true, .rope_theta = 500000, .rope_llama3 = true, .rope_factor = 32, .rope_low_freq = 1,
	  .rope_high_freq = 4, .rope_original_context = 8192, .bos = 128000, .eos = { 128001 }, .n_eos = 1 },
	{ PRESET("tinyllama-1.1b", "TinyLlama/TinyLlama-1.1B-Chat-v1.0", NN_BF16), LLAMA(22, 2048, 32, 4, 5632), LLAMA2(2048) },
	/* v0.1 slides its window and is not this model; v0.3 attends to everything */
	{ PRESET("mistral-7b", "mistralai/Mistral-7B-v0.3", NN_BF16), LLAMA(32, 4096, 32, 8, 14336), .vocab = 32768,
	  .max_context = 32768, .rope_theta = 1e6, .bos = 1, .eos = { 2 }, .n_eos = 1 },
};

#define N_PRESETS (sizeof presets / sizeof *presets)

const struct nn_shape *nn_preset_find(const char *name)
{
	for (size_t i = 0; i < N_PRESETS; i++)
		if (!strcmp(name, presets[i].name))
			return &presets[i];
	return NULL;
}

const struct nn_shape *nn_preset_table(int *n)
{
	*n = (int)N_PRESETS;
	return presets;
}
