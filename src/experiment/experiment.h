/* Who runs when. An experiment says what is special to it: which points (cases) and how many runs.
 * points.c visits them (warm-up, repeats, an order that spreads drift, limits as results, progress,
 * interruption); drive.c is the only loop that submits and polls; session.c owns engine, telemetry and sink.
 * Knows no report: it writes records into a sink. */
#ifndef ASSAY_EXPERIMENT_EXPERIMENT_H
#define ASSAY_EXPERIMENT_EXPERIMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/options.h"
#include "core/record.h"
#include "core/run.h"
#include "engine/engine.h"

struct assay_session;

/* What is known before the engine opens. Released with assay_run_plan_release. */
struct assay_run_plan {
	uint64_t kv_tokens, hot_records, prompt_tokens, output_tokens, requests;
	double seconds;                   /* how long the run takes, where it says so; 0 = as long as its work takes */
	int64_t sample_period_ns;         /* telemetry; 0 = ten a second. Long runs sample less, so that what is kept is bounded */
	json_t *points;                   /* array of {experiment, case, runs, warmup} for --dry-run and the progress total */
};
void assay_run_plan_release(struct assay_run_plan *p);

struct assay_experiment {
	const char *name, *summary;
	const struct assay_opt *options;  /* own rows; common rows are added by cmd */
	/* Most KV tokens and hot records that this run can need (sizes the pool and the journal ring), and
	 * what --dry-run prints; also refuses impossible options before anything is loaded (exact presets, decisions.md).
	 * shape_only: only vocab and max_context are set (0 = unknown). */
	int (*plan)(const struct assay_options *o, const struct assay_engine_info *shape_only, struct assay_run_plan *out, struct assay_err *e);
	/* Visits every point and writes its records. 0 also when points failed or the run was interrupted: assay_session_totals
	 * says so. Else bad text prompts (USAGE) or a broken promise. */
	int (*run)(struct assay_session *s, const struct assay_options *o, struct assay_err *e);
	bool resumable;                   /* journal in segments; --resume goes on where a run was stopped */
};

const struct assay_experiment *const *assay_experiments(int *n);
const struct assay_experiment *assay_experiment_find(const char *name);

/* A stream (soak) as it goes. Times of the last whole window; NaN = not known (yet). */
struct assay_live {
	char load[48];                     /* "50%" */
	bool probe;
	double elapsed_s, begun_s, total_s; /* of the series; begun: where this part of it took it up */
	double window_s, window_elapsed_s, load_per_s;
	uint32_t window, windows_closed, live;
	uint64_t offered, succeeded, failed, unsent; /* of this part; failed without unsent */
	double request_s, tok_s, ttft_p50_ms, ttft_p99_ms, tpot_p50_ms, busy, rss_mib;
};

/* Progress and interruption are handed in by cmd; the session never prints. */
struct assay_session_hooks {
	void *arg;
	bool (*stop)(void *arg);                                   /* Ctrl-C, or the journal failed; asked between polls: must be cheap */
	/* Called at each visit's start and at most five times a second between polls: may not block, allocate or print (base/term.h prints in a
	 * thread of its own). done/total in expected work: output tokens, and prompt tokens at a tenth; tok_s: output rate of this visit so far, NaN unknown. */
	void (*progress)(void *arg, const char *experiment, const char *what, double done, double total, double tok_s);
	/* The same of a stream, in place of progress; NULL = progress is told. */
	void (*live)(void *arg, const struct assay_live *now);
	/* Both may be NULL and are called off the timed path. Before each visit: an error closes its point with the message (interruption: leaves it open). */
	int (*prepare)(void *arg, uint32_t point, int32_t repeat, struct assay_err *e);
	/* After each measured visit: NULL, or why the run has seen enough: what is left is dropped for that reason. The text outlives the session. */
	const char *(*enough)(void *arg);
};

struct assay_session_config {
	struct assay_engine *engine;      /* borrowed, open */
	struct assay_sink *sink;
	struct assay_session_hooks hooks;
	uint64_t seed;
	bool probes;                      /* machine ceilings and telemetry (off for null, sim) */
	int threads;                      /* the ceilings are probed with as many; 0 = as the engine says */
	int64_t max_time_ns;              /* engine's clock, from here on: points visited are as many as fit (points.h); 0 = no bound */
	int64_t sample_period_ns;         /* of telemetry; 0 = ten a second */
	const struct assay_run *before;   /* --resume: what was recorded so far, or NULL; borrowed */
	const struct assay_rec_memory *start; /* read before the engine opened (assay_memory_read), or NULL; becomes MEMORY "start" */
};

int assay_session_open(const struct assay_session_config *c, struct assay_session **out, struct assay_err *e);
void assay_session_close(struct assay_session *s);
/* engine_failed: in one of the points. */
struct assay_session_totals { int points_ok, points_limit, points_error; bool interrupted, engine_failed; };
void assay_session_totals(const struct assay_session *s, struct assay_session_totals *out);

#endif
