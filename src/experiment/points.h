/* Points: the cases of an experiment, and the one procedure that visits them. Every experiment fills a list; points.c
 * writes POINT records, checks limits, warms up, repeats in an order that spreads machine drift, keeps a time budget,
 * and says of each point how it ended. Knows no report. */
#ifndef ASSAY_EXPERIMENT_POINTS_H
#define ASSAY_EXPERIMENT_POINTS_H

#include "experiment/experiment.h"
#include "experiment/texts.h"
#include "workload/plan.h"

enum assay_workload {
	ASSAY_WORK_BATCH,   /* requests of prompt_tokens / output_tokens */
	ASSAY_WORK_RANGES,  /* lengths drawn from two ranges, clipped to the context */
	ASSAY_WORK_EXACT,   /* a published preset */
	ASSAY_WORK_TEXT,    /* the user's prompts in turn; output_tokens each, or drawn from output_range where that is set */
};

enum assay_point_status { ASSAY_POINT_OPEN, ASSAY_POINT_OK, ASSAY_POINT_LIMIT, ASSAY_POINT_ERROR, ASSAY_POINT_DROPPED, ASSAY_POINT_INTERRUPTED };

struct assay_point {
	const char *experiment;
	json_t *cse;                   /* the "case" object; owned */
	enum assay_workload workload;
	int runs, warmup;
	size_t requests;               /* of one run */
	size_t warmup_requests;        /* of one warm-up run; 0 = as a run */
	int in_flight;                 /* 0 = all at once, the engine queues */
	bool resident;                 /* all requests must be held at once, else the point is a limit */
	int prompt_tokens, output_tokens;
	struct assay_len_range prompt_range, output_range;
	enum assay_exact preset;
	/* kept by points.c */
	enum assay_point_status status;
	char reason[300];
	uint32_t index;
	int planned, done;             /* runs after dropping; runs made */
	bool warmed, closed;           /* warm-ups made; POINT_END written */
	double seen_ns;                /* longest run so far, 0 = none */
};

struct assay_points {
	struct assay_point *p;
	size_t n, cap;
	struct assay_texts texts;
	struct assay_sampling sampling;
	bool chat;
};

/* Sampling, chat and text prompts from the common options. */
int assay_points_init(struct assay_points *l, const struct assay_options *o, struct assay_err *e);
void assay_points_release(struct assay_points *l);
/* A new point with an empty case; valid until the next add. */
struct assay_point *assay_points_add(struct assay_points *l, const char *experiment, int runs, int warmup);
/* A point of `batch` equal requests at once, its case {batch_size, prompt_tokens, output_tokens}. */
struct assay_point *assay_points_add_batch(struct assay_points *l, const char *experiment, int runs, int warmup, int batch, int prompt_tokens,
					   int output_tokens);
/* Takes the user's prompts as they are instead of seeded ids (no-op when there are none); the case then says so. */
void assay_point_use_texts(const struct assay_points *l, struct assay_point *p);
/* Clips to the context (0 = unknown); the case keeps what was asked. */
void assay_point_clip(struct assay_point *p, int max_context);

/* Visits all points, one list after the other; POINT records of all lists come first. budget_ns: most time to take (engine's clock), kept
 * by dropping repeats, then points, from a rate estimated in the warm-ups, and looked at again at the end; 0 = none but the session's own. A visit under way is finished. Ends are in the points, their records and the
 * session's totals. Fails only on a broken promise. */
int assay_points_visit(struct assay_session *s, struct assay_points *lists, int n_lists, int64_t budget_ns, struct assay_err *e);

/* Adds a list to a run plan: most KV tokens, hot records, totals and the dry-run rows. */
void assay_points_plan(const struct assay_points *l, const struct assay_options *o, int max_context, struct assay_run_plan *out);
/* Tokens of one run: sums, the most held at once if all start together, and of the longest request. */
struct assay_point_size { double prompt_tokens, output_tokens, kv_tokens; int longest; };
void assay_point_measure(const struct assay_points *l, const struct assay_point *p, int max_context, struct assay_point_size *out);

#endif
