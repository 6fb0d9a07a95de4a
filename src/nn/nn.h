/* The embedded engine's session API: load a model, queue sequences, step.
 * The only header of nn/ (with shape.h, source.h, tokenizer.h) that other rooms include.
 * Knows nothing of benchmarks. One thread drives a session. */
#ifndef ASSAY_NN_NN_H
#define ASSAY_NN_NN_H

#include "base/err.h"
#include "nn/forward.h"
#include "nn/shape.h"

struct nn_session;

struct nn_options {
	const char *model;         /* preset, "smollm2", directory or .gguf */
	uint64_t seed;             /* of synthetic weights */
	enum nn_dtype dtype;       /* NN_AUTO = as published (quantised GGUF: f32) */
	enum nn_dtype kv_dtype;    /* NN_AUTO = dtype */
	enum nn_isa isa;
	int threads;               /* 0 = all CPUs of the affinity mask */
	int max_num_seqs;          /* default 256 */
	int max_batched_tokens;    /* default 2048 */
	int block_size;            /* default 16 */
	uint64_t kv_bytes;         /* 0 = what is needed up to what is safely free */
	uint64_t kv_tokens_wanted; /* with kv_bytes 0: enough for this many tokens (0: max_num_seqs full contexts, at most 2 GiB), capped by memory */
	uint64_t scatter_seed;     /* tests: hand out KV blocks in random order; 0 = off */
	bool (*cancelled)(void);   /* asked between tensors of a load: true = ASSAY_E_INTERRUPT; NULL = never */
	bool all_logits;           /* models check: room for logits of every row */
};

struct nn_info {
	struct nn_shape shape;
	enum nn_dtype dtype, kv_dtype;
	enum nn_isa isa;
	int threads, max_num_seqs, max_batched_tokens, block_size, kv_blocks, max_context;
	uint64_t weight_bytes, kv_bytes, workspace_bytes, kv_bytes_per_token;
	struct nn_load_times load;
	int64_t kv_ns;             /* KV allocation, ns */
	char kernels[160];
};

/* Memory is checked before anything is allocated: ASSAY_E_MODEL "needs X, has Y, try ..." . */
int nn_session_open(const struct nn_options *o, struct nn_session **out, struct assay_err *e);
void nn_session_close(struct nn_session *s);
void nn_session_info(const struct nn_session *s, struct nn_info *out);

struct nn_request {
	uint64_t id;               /* caller's, unique while alive */
	const int32_t *prompt;     /* copied */
	int n_prompt, max_tokens;
	bool ignore_eos;
	float temperature, top_p;  /* temperature 0 = greedy */
	int top_k;                 /* 0 = off */
	uint64_t seed;
};

/* ASSAY_E_LIMIT when it can never run (prompt + max_tokens over the context, or over the whole KV pool): "needs X, has Y". */
int nn_submit(struct nn_session *s, const struct nn_request *r, struct assay_err *e);
int nn_cancel(struct nn_session *s, uint64_t id);          /* -1 when unknown */

enum nn_event_kind { NN_EV_SCHEDULED, NN_EV_TOKEN, NN_EV_PREEMPTED, NN_EV_DONE };
enum nn_finish { NN_FINISH_LENGTH, NN_FINISH_STOP, NN_FINISH_CANCELLED };

struct nn_event {
	enum nn_event_kind kind;
	uint64_t id;
	int64_t t_ns;              /* CLOCK_MONOTONIC, taken when the step's tokens are known */
	int32_t token;             /* TOKEN */
	enum nn_finish finish;     /* DONE */
};

enum nn_step_kind { NN_STEP_PREFILL, NN_STEP_DECODE, NN_STEP_MIXED };

struct nn_step {
	enum nn_step_kind kind;
	int seqs, prefill_tokens, decode_tokens, waiting, preempted, kv_blocks_used;
	int64_t t0_ns, t1_ns;
	struct nn_step_cost cost;
};

/* Runs one scheduling + forward + sampling step. Returns 1 when a step ran, 0 when there was nothing
 * to do, < 0 on error. Events of the step (and of cancellations since) are in *events until the next call. */
int nn_session_step(struct nn_session *s, struct nn_step *out, const struct nn_event **events, int *n_events, struct assay_err *e);
int nn_session_pending(const struct nn_session *s);        /* sequences waiting or running */

/* Logits of a prompt without the scheduler, for checks: out[n][vocab] when all, else out[vocab] of the last. Uses free KV blocks; no sequence may be running. */
int nn_session_logits(struct nn_session *s, const int32_t *ids, int n, bool all, float *out, struct assay_err *e);

#endif
