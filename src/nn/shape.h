/* The shape of a transformer: everything about a model except its numbers.
 * Filled by config.c (config.json), presets.c (a name) or gguf.c (metadata);
 * read by everybody. Plain data, no ownership. */
#ifndef ASSAY_NN_SHAPE_H
#define ASSAY_NN_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nn_dtype { NN_AUTO = 0, NN_F32, NN_BF16, NN_F16, NN_INT8, NN_Q8_0, NN_Q4_0, NN_Q4_1, NN_Q6_K };

/* "f32", "bf16", ...; parse returns NN_AUTO for "auto" and -1 for an unknown name. */
const char *nn_dtype_name(enum nn_dtype t);
int nn_dtype_parse(const char *name);
/* What "auto" makes of a model's stored type: f32, bf16 and f16 stay, block formats are widened to f32. */
enum nn_dtype nn_dtype_auto(enum nn_dtype stored);
/* Bytes of n stored values (block formats counted in whole blocks). */
uint64_t nn_dtype_bytes(enum nn_dtype t, uint64_t n);

enum nn_family { NN_GPT2, NN_OPT, NN_LLAMA, NN_QWEN2, NN_QWEN3 };
const char *nn_family_name(enum nn_family f);

enum nn_act { NN_GELU_TANH, NN_GELU_ERF, NN_RELU, NN_SILU };

struct nn_shape {
	enum nn_family family;
	char name[96];             /* slug for file names and reports: "gpt2", "qwen2.5-0.5b", directory name */
	char checkpoint[96];       /* published checkpoint a preset copies, or the path read */
	int layers, hidden, heads, kv_heads, head_dim, ffn, vocab;
	int max_context;           /* positions the model was made for */
	int embed_dim;             /* != hidden only for OPT-350m (word_embed_proj_dim) */
	bool pre_norm;             /* false: OPT-350m, norm after the residual sum, no final norm */
	bool tied;                 /* output matrix is the embedding */
	bool qkv_bias, out_bias, mlp_bias, qk_norm;
	enum nn_act act;
	bool gated_mlp;            /* SwiGLU: down(act(gate x) * up x) */
	float norm_eps;
	/* rotary positions (LLaMA, Qwen); learned positions (GPT-2, OPT) have rope = false */
	bool rope;
	double rope_theta;
	bool rope_llama3;          /* "llama3" frequency scaling */
	double rope_factor, rope_low_freq, rope_high_freq, rope_original_context;
	int pos_offset;            /* OPT adds 2 to learned positions */
	int bos, eos[8], n_eos;    /* -1 / 0 when absent */
	enum nn_dtype stored;      /* dtype of the published checkpoint: what "auto" means */
	bool synthetic;            /* weights are seeded noise, not a checkpoint */
};

uint64_t nn_shape_parameters(const struct nn_shape *s);
/* 2 * layers * kv_heads * head_dim * bytes(kv dtype) */
uint64_t nn_shape_kv_bytes_per_token(const struct nn_shape *s, enum nn_dtype kv);
/* Bytes that the weights take in memory as `t` (norms and biases stay f32); `t` resolved, not AUTO. */
uint64_t nn_shape_weight_bytes(const struct nn_shape *s, enum nn_dtype t);
/* The least that a step of the model touches, by its shape: every matrix once (of tables, only the output matrix), the KV cache of each sequence, and the products and causal
 * attention of its tokens; logits of each sequence's last token. Doubles: none can overflow. */
struct nn_shape_work { double weight_bytes, kv_read_bytes, kv_write_bytes, flops; };
/* A step without tokens; weights held in `t`. */
void nn_shape_work_begin(const struct nn_shape *s, enum nn_dtype t, struct nn_shape_work *w);
/* Adds a sequence: `count` new tokens after `past`. */
void nn_shape_work_add(const struct nn_shape *s, enum nn_dtype kv, uint64_t past, uint64_t count, struct nn_shape_work *w);
/* Rejects absurd or inconsistent shapes (zero, negative, heads not a multiple of kv_heads, products
 * that overflow, sizes above the caps in shape.c) with ASSAY_E_MODEL naming the field. */
struct assay_err;
int nn_shape_check(const struct nn_shape *s, struct assay_err *e);

#endif
