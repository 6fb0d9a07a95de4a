/* What answers. One table of functions is the whole contract; registry.c alone names the engines.
 * submit never waits for generation; poll delivers events. An engine that needs pumping (cpu, sim)
 * steps inside poll; one with its own clock (HTTP, worker: later) only delivers there. */
#ifndef ASSAY_ENGINE_ENGINE_H
#define ASSAY_ENGINE_ENGINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/options.h"
#include "core/record.h"
#include "core/request.h"
#include "core/run.h"
#include "telemetry/process_group.h"

struct assay_engine;
#define ASSAY_ENGINE_LOG "worker.log"

/* What the caller wants. Strings live as long as the engine. */
struct assay_engine_config {
	const char *arg;           /* after "name:" in --engine, e.g. a sim file; NULL */
	const char *model;         /* -m */
	const char *dtype, *kv_dtype, *isa; /* as typed; "auto" */
	int threads;               /* 0 = all */
	uint64_t seed;
	int max_num_seqs, max_batched_tokens, block_size;
	uint64_t kv_bytes;         /* 0 = auto */
	uint64_t kv_tokens_wanted; /* what the plan can need at most; sizes an "auto" pool; 0 unknown */
	const char *const *opts;   /* --engine-opt, each "K=V"; checked against the engine's rows by assay_engine_open */
	int n_opts;
	const char *log_dir;       /* where an engine that is another process keeps its stderr, as ASSAY_ENGINE_LOG; NULL = nowhere */
	bool (*cancelled)(void);   /* asked now and then while the model loads: true = give up with ASSAY_E_INTERRUPT; NULL = never */
	/* The model is written as a directory first, once, which is no part of its load; total 0: another process writes it. NULL = nobody looks. */
	void (*exporting)(void *arg, uint64_t done_bytes, uint64_t total_bytes);
	void *exporting_arg;
};

/* The value of an engine's own option, or def. */
const char *assay_engine_opt(const struct assay_engine_config *c, const char *name, const char *def);

/* exact: the engine knows; derived: computed from something else; none: not to be had (null + reason). */
enum assay_cap { ASSAY_CAP_NONE, ASSAY_CAP_DERIVED, ASSAY_CAP_EXACT };

/* Where the model runs: in this process; in others on this machine; or what this machine does has nothing to do with it. */
enum assay_engine_place { ASSAY_PLACE_ELSEWHERE, ASSAY_PLACE_THIS_PROCESS, ASSAY_PLACE_OTHER_PROCESSES };

struct assay_engine_info {
	char name[32], version[96];
	/* JSON for the header record; owned by the engine, valid until close */
	json_t *model;             /* result.json "model" object, complete (synthetic, dtype, bytes, ...) */
	json_t *effective;         /* options in force, read back */
	json_t *load;              /* {open_ms, weights_ms, pack_ms, kv_ms, warmup_ms, total_ms}: number or null */
	json_t *capabilities;      /* {name: "exact"|"derived"|"none: reason"} */
	json_t *truth;             /* sim: ceilings and telemetry given as input; else NULL */
	int vocab, max_context;    /* 0 = unknown */
	uint64_t kv_tokens;        /* positions the KV pool holds; 0 = unlimited or unknown */
	uint64_t kv_bytes_per_token, kv_pool_bytes;
	int max_num_seqs;
	bool has_tokenizer;        /* text can be encoded; else no_tokenizer says why */
	char no_tokenizer[160];
	bool virtual_clock;
	const struct assay_run *recorded; /* replay: its memory, samples and ceilings are put on record as they are; else NULL */
	enum assay_engine_place place; /* elsewhere: machine probes and telemetry make no sense */
	struct assay_processes processes; /* OTHER_PROCESSES: which */
};

enum assay_event_kind { ASSAY_EV_SCHEDULED, ASSAY_EV_TOKEN, ASSAY_EV_PREEMPTED, ASSAY_EV_DONE, ASSAY_EV_STEP };

struct assay_event {
	enum assay_event_kind kind;
	uint32_t id;               /* request */
	int64_t t_ns;              /* the engine's stamp, on its clock */
	uint32_t n_tokens;         /* TOKEN: >= 1 */
	int32_t token;             /* TOKEN: id of the first, -1 unknown */
	uint32_t bytes;            /* TOKEN: bytes on the wire, 0 in process */
	enum assay_end end;        /* DONE */
	int64_t reported_tokens;   /* DONE: tokens that the engine says it generated, -1 unknown */
	int64_t cached_tokens;     /* DONE: prompt tokens served from a prefix cache, -1 unknown */
	bool preemptions_unknown;  /* DONE: the engine does not say how often it preempted this one; else each came as a PREEMPTED */
	const struct assay_rec_step *step; /* STEP: valid until the next poll */
};

struct assay_engine_memory {
	int64_t weight_bytes, kv_pool_bytes, kv_used_bytes, kv_peak_bytes, kv_tokens, workspace_bytes; /* -1 unknown */
	int64_t rss_bytes;         /* of an engine that is not this process (sim: as stated); -1 = unknown, or ask the OS where it runs here */
};

/* An option of one engine only, given as --engine-opt NAME=VALUE. */
struct assay_engine_opt_row {
	const char *name, *choices; /* "on|off"; NULL = any value, which open checks */
	const char *help;
};

struct assay_engine_ops {
	const char *name;          /* "cpu" */
	const char *summary;       /* one line for `assay engines` */
	const char *arg_help;      /* "FILE", or NULL when the spec takes no argument */
	const struct assay_engine_opt_row *opts; /* own options, ended by a NULL name; NULL = none */
	bool any_opts;             /* others are taken too: they are for who stands behind this engine */
	int (*open)(const struct assay_engine_config *c, struct assay_engine **out, struct assay_err *e);
	const struct assay_engine_info *(*info)(const struct assay_engine *g);
	/* A visit's requests, told before it begins; each is still submitted when it is due. NULL = not needed. Errors as of submit. */
	int (*stage)(struct assay_engine *g, const struct assay_plan *p, struct assay_err *e);
	/* ASSAY_E_LIMIT: this request can never run here ("needs X, has Y"); nothing was queued. */
	int (*submit)(struct assay_engine *g, const struct assay_request *r, struct assay_err *e);
	/* Fills up to cap events, waits at most timeout_ns for the first. Returns the count, or < 0. */
	int (*poll)(struct assay_engine *g, struct assay_event *ev, int cap, int64_t timeout_ns, struct assay_err *e);
	int (*cancel)(struct assay_engine *g, uint32_t id);
	void (*memory)(struct assay_engine *g, struct assay_engine_memory *m);
	int64_t (*now)(struct assay_engine *g);            /* NULL = CLOCK_MONOTONIC */
	/* When the last submitted request was sent, of an engine that knows better than the caller's clock; NULL = the caller knows. */
	int64_t (*sent)(struct assay_engine *g);
	/* NULL where there is no tokenizer. ids malloc'ed. */
	int (*encode)(struct assay_engine *g, const char *text, size_t len_bytes, bool chat, int32_t **ids, size_t *n, struct assay_err *e);
	int (*decode)(struct assay_engine *g, const int32_t *ids, size_t n, struct assay_buf *out);
	/* What it says of itself once all is measured, since it was last asked: {code, ...} for a NOTE record, new; NULL = nothing to say. */
	json_t *(*account)(struct assay_engine *g);
	/* A new visit begins (sim: noise streams; others NULL). */
	void (*visit)(struct assay_engine *g, uint32_t point, int32_t repeat, uint32_t order);
	void (*close)(struct assay_engine *g);
};

struct assay_engine { const struct assay_engine_ops *ops; };

/* spec = "name" or "name:arg". ASSAY_E_USAGE for an unknown engine (nearest name). */
int assay_engine_open(const char *spec, struct assay_engine_config *c, struct assay_engine **out, struct assay_err *e);
/* What can be said of a spec and its options without opening it: ASSAY_E_USAGE with the nearest name. */
int assay_engine_check(const char *spec, const char *const *opts, int n_opts, struct assay_err *e);
const struct assay_engine_ops *const *assay_engine_list(int *n);
int64_t assay_engine_now(struct assay_engine *g);
/* Whether a spec is worker:NAME. */
bool assay_engine_is_worker(const char *spec);
/* Whether there is a worker of that name or path. */
bool assay_worker_there(const char *name);
/* Starts the worker c->arg and asks which versions it has; loads nothing. ASSAY_E_ENGINE: it does not start, or none of the packages that it drives is installed. */
int assay_worker_probe(const struct assay_engine_config *c, struct assay_err *e);
/* Names of the workers that -e worker:NAME finds, sorted, with the interpreter each would get; `own`: an environment made for it. */
void assay_workers_each(void (*each)(void *arg, const char *name, const char *python, bool own), void *arg);

#endif
