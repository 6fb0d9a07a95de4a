/* One step of the model over a mixed batch of prefill chunks and decode tokens.
 * nn_exec owns packed weights, threads, scratch memory and the chosen kernels; it
 * allocates nothing and creates no thread after open. One step at a time. */
#ifndef ASSAY_NN_FORWARD_H
#define ASSAY_NN_FORWARD_H

#include "nn/kv_cache.h"
#include "nn/shape.h"
#include "nn/source.h"

enum nn_isa { NN_ISA_AUTO = 0, NN_ISA_SCALAR, NN_ISA_AVX2, NN_ISA_AVX512, NN_ISA_AMX };
const char *nn_isa_name(enum nn_isa i);
int nn_isa_parse(const char *name);            /* -1 unknown */
bool nn_isa_available(enum nn_isa i);          /* this CPU can run it */

struct nn_exec;

struct nn_exec_options {
	enum nn_dtype dtype;       /* NN_F32, NN_BF16, NN_F16; resolved, not AUTO */
	enum nn_isa isa;
	int threads;               /* >= 1 */
	int max_rows;              /* most tokens in one step (max_batched_tokens) */
	int max_logit_rows;        /* most rows of logits in one step */
	int max_seqs;              /* most sequences in one step */
	int max_context;           /* most positions of one sequence */
	bool own_kernels_only;     /* no oneDNN (TSan builds, scalar) */
	bool prefer_onednn;        /* oneDNN for many rows even where own kernels are as fast (tests, comparisons) */
};

/* What loading cost; ns, -1 where it does not apply. */
struct nn_load_times { int64_t open_ns, weights_ns, pack_ns; };

/* Reads (or synthesises) every tensor from src, packs it for the kernels with all threads. src may be
 * closed afterwards. ASSAY_E_MODEL naming the tensor: missing, wrong shape, not finite. */
int nn_exec_open(struct nn_source *src, const struct nn_exec_options *o, struct nn_exec **out, struct nn_load_times *times, struct assay_err *e);
void nn_exec_close(struct nn_exec *x);

const struct nn_shape *nn_exec_shape(const struct nn_exec *x);
uint64_t nn_exec_weight_bytes(const struct nn_exec *x);   /* packed weights resident in memory */
uint64_t nn_exec_workspace_bytes(const struct nn_exec *x);
/* The same before anything is opened: what an exec of these options will take beside its weights. */
uint64_t nn_exec_workspace_for(const struct nn_shape *s, const struct nn_exec_options *o);
/* One line for the result: e.g. "f32: avx512 own (rows < 16), oneDNN 2.6.3 (rows >= 16)". */
const char *nn_exec_kernels(const struct nn_exec *x);
enum nn_isa nn_exec_isa(const struct nn_exec *x);          /* what is really used after falling back */

/* Runs fn on each of the engine's threads between steps (0 is the caller) and waits for all. */
void nn_exec_each(struct nn_exec *x, void (*fn)(void *arg, int worker, int workers), void *arg);

struct nn_span {
	int first, count;          /* rows of the batch that belong to this sequence, consecutive positions */
	int past;                  /* positions already in the KV cache before this span */
	const int *block_table;    /* covers past + count positions */
	int logits;                /* 0 none, 1 last row of the span, 2 every row */
};

struct nn_batch {
	int rows;                  /* tokens in this step, all sequences */
	const int32_t *tokens;     /* [rows] */
	int n_spans;
	const struct nn_span *spans;
};

/* Bytes and FLOPs that this step really touched (counted from the tensors executed; causal attention = half the square). */
struct nn_step_cost { uint64_t weight_bytes, kv_read_bytes, kv_write_bytes, activation_bytes, flops; };

/* logits: [sum of requested rows][vocab] f32, in span order. */
int nn_forward(struct nn_exec *x, struct nn_kv_pool *kv, const struct nn_batch *b, float *logits, struct nn_step_cost *cost, struct assay_err *e);

#endif
