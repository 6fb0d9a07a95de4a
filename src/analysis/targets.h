/* Bounds that a run is held against: named sets (s3-cpu, s4-a100, s1) and users' YAML files. Pure: YAML arrives as JSON values. */
#ifndef ASSAY_ANALYSIS_TARGETS_H
#define ASSAY_ANALYSIS_TARGETS_H

#include <jansson.h>

#include "base/err.h"
#include "metrics/point_metrics.h"

/* Rows [{metric, stat, case{}, min|max, informational, label}] of a named set; new reference, NULL if unknown. */
json_t *assay_targets_named(const char *name);
const char *const *assay_targets_names(int *n);
/* Checks a user's document; where(node) gives its place for messages. New reference or NULL + ASSAY_E_USAGE. */
json_t *assay_targets_check(const json_t *doc, const char *(*where)(const json_t *, void *), void *arg, struct assay_err *e);
/* result.json targets[]: {metric, stat, case, bound: {max|min}, actual, status: pass|fail|not_measured|informational, label, met: bool or null, point}.
 * Where several points match, `point` is the index of the worst. A null metric is not_measured. *failed counts fails. The metric "failed" is
 * the number of failed requests. */
json_t *assay_targets_judge(const json_t *rows, const struct assay_run *run, const struct assay_run_metrics *m, int *failed);

#endif
