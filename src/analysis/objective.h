/* What a sweep looks for: a metric, or a sum of metrics of one unit, as one number of a result. Pure. */
#ifndef ASSAY_ANALYSIS_OBJECTIVE_H
#define ASSAY_ANALYSIS_OBJECTIVE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "metrics/definitions.h"

enum { ASSAY_OBJECTIVE_PARTS = 4 };

struct assay_objective {
	const struct assay_metric *part[ASSAY_OBJECTIVE_PARTS]; /* static rows */
	int n_parts, sign;   /* +1: more is better, -1: less is */
	char text[128];      /* "output_tok_s", "weights_mib+kv_peak_mib" */
};

/* KEY or KEY+KEY...; metrics with a better direction, of one unit and direction. ASSAY_E_USAGE with the nearest name; the option is not named. */
int assay_objective_parse(const char *text, struct assay_objective *out, struct assay_err *e);

/* The value of a result.json document over its measured points that have it: MiB the largest, all else the geometric mean (the arithmetic one where a
 * value is not positive); of one point its value or mean. NaN where no point has it. */
double assay_objective_value(const struct assay_objective *o, const json_t *result);
double assay_objective_metric(const struct assay_metric *m, const json_t *result); /* the same of a single metric */

/* Every part counts bytes: no measurement noise, so that any difference is real. */
bool assay_objective_counted(const struct assay_objective *o);

/* What an experiment's sweep looks for unless it is told: how many of the texts, most wanted first. */
int assay_objective_defaults(const char *experiment, const char *const **texts);

#endif
