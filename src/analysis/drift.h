/* Did the machine change while a point was measured? Pure. */
#ifndef ASSAY_ANALYSIS_DRIFT_H
#define ASSAY_ANALYSIS_DRIFT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/run.h"
#include "metrics/point_metrics.h"

/* Relative change of time from the first half to the second: +0.1 = 10 % slower. lo, hi: 95 % interval. */
struct assay_drift { bool known; double change, lo, hi; };

/* Halves of a series in time order (the middle one of an odd number is left out): change of means by Welch's t, as a share of the first
 * half's mean. Needs 3 values a half; NaN values are skipped. */
void assay_drift_halves(const double *x, size_t n, struct assay_drift *out);

/* Over the repeats of a point: wall time per generated token of each run. */
void assay_drift_repeats(const struct assay_point_metrics *p, struct assay_drift *out);

/* Inside runs: decode steps of the first half against the second, in 10 blocks of at least 4 steps. Only where the work is the same
 * throughout: equal numbers of sequences, and bytes moved that grow by under 1 % (a growing KV cache is no drift). Over 3 or more runs
 * the interval is over runs, else over blocks of the first. */
void assay_drift_within(const struct assay_run *run, size_t point, struct assay_drift *out);

#endif
