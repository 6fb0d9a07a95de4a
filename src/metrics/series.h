/* What the figures of a point are drawn from: sorted samples and one run over time, of bounded size. Pure. */
#ifndef ASSAY_METRICS_SERIES_H
#define ASSAY_METRICS_SERIES_H

#include "core/run.h"

enum {
	ASSAY_CURVE_LEAST = 5,    /* samples that a curve needs */
	ASSAY_CURVE_MOST = 201,   /* values that it keeps */
	ASSAY_BINS_MOST = 120,    /* stretches of time */
	ASSAY_EVENTS_LEAST = 20,  /* token events that a run over time needs */
};

/* All of n <= ASSAY_CURVE_MOST sorted samples, else their nearest-rank quantiles at i / 200, i = 0 to 200 (the least to the most).
 * Owned by the caller; NULL and *kept = 0 under ASSAY_CURVE_LEAST samples. */
double *assay_curve_of(const double *sorted, size_t n, size_t *kept);

/* The measured run of median wall time (of an even number the faster of the two in the middle), cut into equal bins (the last one
 * may be shorter); only successful requests, as in output_tok_s. NaN = null. */
struct assay_over_time {
	size_t bins;              /* 0 = none, then reason says why */
	int32_t repeat;
	double bin_s;
	double t_s[ASSAY_BINS_MOST];          /* middle of the bin, from the start of the run */
	double output_tok_s[ASSAY_BINS_MOST]; /* tokens that arrived in it / its length */
	double itl_ms_p50[ASSAY_BINS_MOST];   /* of the gaps that end in it, nearest rank; NaN = none does */
	double itl_ms_max[ASSAY_BINS_MOST];
	double running[ASSAY_BINS_MOST];      /* mean number of requests between their first and their last token */
	double kv_used_mib[ASSAY_BINS_MOST];  /* whole pages, mean over the time of steps; NaN = no step ran in it */
	const char *reason;       /* "" or why there is nothing */
	const char *kv_reason;    /* "" or why kv_used_mib is unknown throughout */
};

/* The steady window of that same run (metrics/steady_window.h). */
struct assay_steady_span {
	double t0_s, t1_s;        /* from the start of the run: of the first stretch, to the end of the last */
	double length_s;          /* of all stretches */
	size_t stretches;
	const char *reason;       /* "" or why there is none */
};

struct assay_series { struct assay_over_time over; struct assay_steady_span steady; };

void assay_series_compute(const struct assay_run *run, size_t point, struct assay_series *out);

#endif
