/* A whole run in memory: what a journal holds, sorted into arrays. Made by core/journal_read
 * (live runs too: the finished journal is read back, so there is one path from records to result);
 * metrics/ and analysis/ read it. */
#ifndef ASSAY_CORE_RUN_H
#define ASSAY_CORE_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/record.h"

struct assay_run_request {
	struct assay_rec_request r;        /* a request without an end record is ASSAY_END_UNFINISHED, t_end = -1 */
	const struct assay_rec_token *tokens; /* its token events in time order, into run->tokens */
	size_t n_tokens;                   /* events, not tokens */
};

struct assay_run_visit {
	struct assay_rec_visit v;          /* t1_ns = -1 when it never ended */
	size_t first_request, n_requests;  /* into run->requests (sorted by visit, then submit order) */
	size_t first_step, n_steps;        /* into run->steps: those with t0 in [t0, t1] */
	size_t first_sample, n_samples;    /* into run->samples: those with t in [t0, t1] */
};

struct assay_run_point {
	json_t *info;                      /* POINT record */
	json_t *end;                       /* POINT_END record, or NULL */
	size_t first_visit, n_visits;      /* into run->visits (sorted by point, then warm-ups, then repeat) */
};

/* One window of a stream. d[m].n = 0 where it had no sample of a metric. */
struct assay_run_window { struct assay_rec_window w; struct assay_rec_dist d[ASSAY_STREAM_METRICS]; };

/* All windows of one point together: log histograms (metrics/log_histogram.h). */
struct assay_run_histogram { uint64_t *counts[ASSAY_STREAM_METRICS]; /* [ASSAY_LOG_BUCKETS], or NULL: no sample */ };

#define ASSAY_STREAM_POINTS 64 /* most points of a stream */

struct assay_run {
	json_t *header;                    /* never NULL */
	json_t *footer;                    /* NULL when the journal has none */
	json_t *notes;                     /* array of NOTE records */
	bool torn;                         /* damaged or cut; what follows the tear is not here */
	char torn_reason[160];
	uint64_t bytes_read, bytes_total;
	struct assay_run_point *points; size_t n_points;
	struct assay_run_visit *visits; size_t n_visits;
	struct assay_run_request *requests; size_t n_requests;
	struct assay_rec_token *tokens; size_t n_tokens;
	struct assay_rec_step *steps; size_t n_steps;
	struct assay_rec_sample *samples; size_t n_samples;
	struct assay_rec_memory *memory; size_t n_memory;
	struct assay_rec_ceiling *ceilings; size_t n_ceilings;
	/* a stream (soak); its single requests stay on disk */
	struct assay_run_window *windows; size_t n_windows; /* in the order of the series; indices rise */
	struct assay_run_histogram *histograms;             /* [n_points], or NULL without windows */
	json_t *parts;                     /* array of RESUME records: each begins a new part; each has the footer before it, or null, as "stopped" */
	uint64_t served, served_tokens;    /* SERVED and SERVED_TOKEN records that were passed over */
	uint64_t served_loose;             /* SERVED records that no window counts: it was cut off by a kill */
	uint32_t segments;                 /* files that were read */
};

void assay_run_release(struct assay_run *r);

#endif
