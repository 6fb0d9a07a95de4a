/* Inside of a worker engine: what worker_find.c (files), worker_model.c (what it loads), worker_start.c (process to loaded model), worker_talk.c (lines, faults, patience), worker_run.c (events of a run)
 * and worker.c (the contract) share. */
#ifndef ASSAY_ENGINE_WORKER_INSIDE_H
#define ASSAY_ENGINE_WORKER_INSIDE_H

#include "base/clock.h"
#include "engine/event_queue.h"
#include "engine/registry.h"
#include "engine/worker_event.h"
#include "engine/worker_line.h"
#include "engine/worker_proc.h"
#include "nn/shape.h"
#include "nn/shape.h"

/* A request that this visit handed over. */
struct worker_request { uint32_t id; int prompt_tokens, max_tokens, got; bool live, cancelled, ended; };

struct worker {
	struct assay_engine base;
	struct assay_engine_info info;
	struct worker_proc proc;
	struct assay_group *group;               /* its processes; NULL before it was started */
	struct worker_lines lines;
	char *name, *file, *python, *log_path;   /* NAME of worker:NAME; file that runs; log_path NULL: in memory */
	json_t *variables;                       /* {NAME: value} that its environment was given (worker_variables.h) */
	char *model;                             /* what it loads: a directory, or -m as it is */
	bool exported;                           /* that directory is in the cache */
	struct nn_tokenizer *tokenizer;          /* the model's, run here: the same ids for every engine; NULL: info says why */
	bool (*cancelled)(void);
	const char *emit;                        /* "step" or "final" */
	/* patience, ns */
	int64_t hello_ns, load_ns, silence_ns;
	int64_t progress_ns, looked_ns, cpu_ns;  /* last sign of life; last look at the group's CPU time, and that time */
	/* clock: worker's stamp - offset_ns = ours */
	int64_t offset_ns, uncertainty_ns;
	/* the op that is waited for */
	bool waiting, answered;
	enum worker_event_kind want;
	int64_t want_id, next_id;
	struct worker_event answer;              /* owned once answered */
	/* of a run */
	struct worker_request *reqs;
	size_t n_reqs, cap_reqs, n_live, staged; /* staged: of reqs, sent ahead and not yet submitted */
	bool running, can_cancel;
	int since_go;                            /* requests sent since the last go */
	int64_t go_ns, last_ns;                  /* our clock: of the last go; of the last stamp */
	int64_t told_runs, told_ns, report_ns;   /* since the last account: runs that told what telling cost them; how long they took; that cost */
	struct assay_event_queue queue;
	struct assay_rec_step *steps, delivered[512]; /* of STEP events in the queue, in order; of the last poll */
	size_t first_step, n_steps, cap_steps;
	char limit[200];                         /* out of memory in a run: what the next poll says as ASSAY_E_LIMIT; "" */
	char fault[600];                         /* why it cannot go on; "" */
	struct nn_shape shape;
	int dtype, kv_dtype;                     /* enum nn_dtype of weights and KV cache as the worker says; -1 unknown */
	int64_t weight_bytes, kv_used_tokens, kv_tokens; /* -1 unknown */
	bool tells_memory;
};

/* worker_talk.c. Each returns 0 or ASSAY_E_ENGINE with the fault named; a fault stays. */
int worker_fault(struct worker *x, struct assay_err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same for an error event: in the worker's own words. */
int worker_told_fault(struct worker *x, const struct worker_event *ev, struct assay_err *e);
/* Sends {"op": op, ...fields} as one line; fields may be NULL, else stolen. Returns the op's id, or < 0. */
int64_t worker_send(struct worker *x, const char *op, json_t *fields, struct assay_err *e);
/* Takes what the worker wrote, waiting at most timeout_ns for something; hands events to worker_run_event. */
int worker_listen(struct worker *x, int64_t timeout_ns, struct assay_err *e);
/* Waits for the answer to op `id`: x->answer, to be released. An error event in answer to it is ASSAY_E_ENGINE ("oom: ..."). */
int worker_await(struct worker *x, enum worker_event_kind kind, int64_t id, int64_t timeout_ns, const char *what, struct assay_err *e);
/* Nothing came: a fault once there was no event and no CPU time for too long. */
int worker_watch(struct worker *x, struct assay_err *e);

/* worker_find.c. New strings. The file of a name or path, NULL where there is none; the interpreter: the given one, the worker's own
 * environment (worker_env.h), $ASSAY_WORKER_PYTHON, or python3. */
char *worker_find_file(const char *name);
char *worker_find_python(const char *name, const char *given);

/* worker_model.c: what the worker is to load, exported first where it needs a directory; the model's tokenizer; the contract's encode and decode. */
int worker_model_choose(struct worker *x, const struct assay_engine_config *c, const struct nn_shape *shape, const json_t *caps, struct assay_err *e);
void worker_model_text(struct worker *x, const struct assay_engine_config *c);
int worker_model_encode(struct assay_engine *g, const char *text, size_t len_bytes, bool chat, int32_t **ids, size_t *n, struct assay_err *e);
int worker_model_decode(struct assay_engine *g, const int32_t *ids, size_t n, struct assay_buf *out);

/* worker_start.c. The process and its answer to hello (a new reference); from there to the loaded model. */
int worker_hello(struct worker *x, const struct assay_engine_config *c, json_t **hello, struct assay_err *e);
int worker_start(struct worker *x, const struct assay_engine_config *c, struct assay_err *e);

/* worker_work.c: fills bytes and FLOPs of a step by the model's shape, where its tokens are all known; to be called before they are counted. */
void worker_work(struct worker *x, const struct worker_event *ev, struct assay_rec_step *s);
/* "derived", or "none: ..." */
const char *worker_work_capability(const struct worker *x, const json_t *caps);

/* worker_run.c: an event that belongs to a run. */
int worker_run_event(struct worker *x, const struct worker_event *ev, struct assay_err *e);
/* A finished request: the event for the caller. */
struct assay_event *worker_run_end(struct worker *x, struct worker_request *q, enum assay_end end, int64_t t_ns, int64_t n_out, int64_t n_cached);
struct worker_request *worker_run_find(struct worker *x, int64_t id);

#endif
