/* The parts of the result document, one file each; result_build.c puts them together. Each returns a new
 * reference and is a pure function of the run. */
#ifndef ASSAY_RESULT_RESULT_PARTS_H
#define ASSAY_RESULT_RESULT_PARTS_H

#include <jansson.h>

#include "analysis/verdict.h"
#include "core/run.h"
#include "metrics/point_metrics.h"

json_t *result_points(const struct assay_run *run, const struct assay_run_metrics *m);
/* points[].series: what figures of the point are drawn from (metrics/series.h). */
json_t *result_series(const struct assay_run *run, const struct assay_run_metrics *m, size_t point);
/* analysis{}: the fits, roofs, spread and idle time that findings speak of, as data. */
json_t *result_analysis(const struct assay_run *run, const struct assay_run_metrics *m);
json_t *result_fits(const struct assay_run *run, const struct assay_run_metrics *m, json_t *reasons);
/* findings[]: a question each (analysis/findings.h). */
json_t *result_findings(const struct assay_run *run, const struct assay_run_metrics *m);
/* [lo, hi], a number each; NaN as null. */
json_t *result_interval(double lo, double hi);
json_t *result_numbers(const double *x, size_t n);
json_t *result_verdict(const struct assay_verdict *v);
json_t *result_telemetry(const struct assay_run *run);
/* MEMORY records at start, after the load and at the end; CEILING records. */
json_t *result_memory(const struct assay_run *run);
json_t *result_ceilings(const struct assay_run *run);
/* Windows of a stream and what they say; only for runs that have some. */
json_t *result_soak(const struct assay_run *run);
/* [{what, reason}]: all that doc (already complete but for this) says is missing. */
json_t *result_unavailable(const json_t *doc);

#endif
