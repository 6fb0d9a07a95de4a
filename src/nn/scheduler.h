/* Who runs in the next step: continuous batching with chunked prefill over a paged
 * KV cache. First come, first served; decodes before prefill chunks before new
 * sequences; when blocks run out the newest running sequence gives all of its
 * back and is computed again later. Knows tokens and blocks, not the model, the
 * clock or sampling. Allocates in open and submit only. */
#ifndef ASSAY_NN_SCHEDULER_H
#define ASSAY_NN_SCHEDULER_H

#include "base/err.h"
#include "nn/forward.h"
#include "nn/nn.h"
#include "nn/sampler.h"

struct nn_sched_options {
	int max_num_seqs, max_batched_tokens; /* max_num_seqs <= max_batched_tokens */
	int block_size, n_blocks, max_context;
	uint64_t scatter_seed;
};

enum nn_seq_state { NN_SEQ_WAITING, NN_SEQ_RUNNING, NN_SEQ_DONE };

struct nn_seq {
	uint64_t id;
	enum nn_seq_state state;
	struct nn_sampling sampling;
	bool ignore_eos;
	bool prefilling;           /* its known tokens are not all in the cache yet */
	bool seen;                 /* was scheduled before */
	int n_prompt, max_tokens;
	int n_tokens;              /* prompt and generated so far */
	int n_cached;              /* positions in the KV cache */
	int n_blocks;
	int32_t *tokens;           /* [n_prompt + max_tokens] */
	int *block_table;          /* [blocks for that many] */
	struct nn_seq *prev, *next; /* in the waiting list */
};

/* One step. Arrays belong to the scheduler, valid until the next plan. */
struct nn_plan {
	struct nn_batch batch;
	struct nn_seq **seq;       /* [batch.n_spans]: whose span it is */
	int prefill_tokens, decode_tokens;
	struct nn_seq **admitted;  /* scheduled for the first time */
	int n_admitted;
	struct nn_seq **preempted;
	int n_preempted;
};

struct nn_sched;

int nn_sched_open(const struct nn_sched_options *o, struct nn_sched **out, struct assay_err *e);
void nn_sched_close(struct nn_sched *s);

/* ASSAY_E_LIMIT: can never run (context, pool): "needs X, has Y". ASSAY_E_USAGE: not a request (counts below 1, sampling out of range). */
int nn_sched_submit(struct nn_sched *s, const struct nn_request *r, struct assay_err *e);
/* The sequence with this id is forgotten, its blocks are free; false when there is none. */
bool nn_sched_cancel(struct nn_sched *s, uint64_t id);

/* Rows in the step, 0 when nothing waits or runs. */
int nn_sched_plan(struct nn_sched *s, struct nn_plan *p);
/* The forward pass of the plan is done: its positions are in the cache. */
void nn_sched_computed(struct nn_sched *s, const struct nn_plan *p);
/* The next token of a sequence whose span had logits. `stop`: it was its last. True when the sequence is done (then its blocks are free; the
 * object lives until the next submit). */
bool nn_sched_append(struct nn_sched *s, struct nn_seq *q, int32_t token, bool stop);

int nn_sched_waiting(const struct nn_sched *s);
int nn_sched_running(const struct nn_sched *s);
int nn_sched_blocks_used(const struct nn_sched *s);
/* For work outside the scheduler while nothing runs (nn_session_logits). */
struct nn_kv_blocks *nn_sched_blocks(struct nn_sched *s);

#endif
