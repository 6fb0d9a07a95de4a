/* Records in, numbers out: every metric of every point of a run. Pure. */
#ifndef ASSAY_METRICS_POINT_METRICS_H
#define ASSAY_METRICS_POINT_METRICS_H

#include <stdbool.h>

#include "core/run.h"
#include "metrics/definitions.h"
#include "metrics/summary.h"

struct assay_value {
	const struct assay_metric *def;
	bool distribution;            /* true: s is the whole; false: value (+ s over repeats when n > 1) */
	double value;                 /* NaN = null, then reason says why */
	struct assay_summary s;
	double *per_run;              /* one value a measured repeat, in visit order; NaN = null; owned */
	size_t n_per_run;
	double *curve;                /* of a distribution: what figures draw (metrics/series.h); owned; NULL under ASSAY_CURVE_LEAST samples */
	size_t n_curve;
	char reason[200];             /* why value (or the distribution, or a part of it) is missing, or how it was had; else "" */
};

struct assay_point_metrics {
	size_t offered, succeeded, failed;      /* measured runs only */
	size_t end_states[ASSAY_END_N];
	uint64_t prompt_tokens, output_tokens;
	int runs_done, warmups_done;
	struct assay_value *values;
	size_t n_values;
};

struct assay_run_metrics {
	struct assay_point_metrics *points;     /* parallel to run->points */
	size_t n_points;
};

void assay_run_metrics_compute(const struct assay_run *run, struct assay_run_metrics *out);
void assay_run_metrics_release(struct assay_run_metrics *m);
/* NULL when the point has no such key. */
const struct assay_value *assay_point_value(const struct assay_point_metrics *p, const char *key);

#endif
