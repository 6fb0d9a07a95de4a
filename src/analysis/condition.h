/* A condition on a metric, as a user writes it: ttft_ms.p99<200. Parsed here for every option that takes one, and held against a result
 * document: met, not met, or unknown. Pure; must not know options or files. */
#ifndef ASSAY_ANALYSIS_CONDITION_H
#define ASSAY_ANALYSIS_CONDITION_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "metrics/definitions.h"

enum assay_relation { ASSAY_LESS, ASSAY_AT_MOST, ASSAY_MORE, ASSAY_AT_LEAST };

struct assay_condition {
	const struct assay_metric *metric; /* static row */
	const char *stat;                  /* static: "mean" (of one value: the value), "min", "max", "p50", "p90", "p95", "p99" */
	enum assay_relation relation;
	double bound;                      /* in the metric's unit; finite */
	char text[80];                     /* canonical: "ttft_ms.p99<200" */
};

/* KEY[.STAT] (< | <= | > | >=) NUMBER, blanks allowed between the parts; STAT: mean (default), value (the same), min, max, p50, p90, p95, p99;
 * a percentile only of a metric that has one sample a request, token or step. ASSAY_E_USAGE with the nearest name; the message does not
 * name the option. */
int assay_condition_parse(const char *text, struct assay_condition *out, struct assay_err *e);

/* NaN holds nothing. */
bool assay_condition_holds(const struct assay_condition *c, double x);

enum assay_held { ASSAY_MET, ASSAY_NOT_MET, ASSAY_UNKNOWN };
const char *assay_held_name(enum assay_held h); /* "met", "not_met", "unknown" */

struct assay_condition_answer {
	enum assay_held held;
	double actual;      /* at `point`; INFINITY: the rank falls on a failed request; NaN unknown */
	int point;          /* index in points[] of the value nearest to (or farthest past) the bound; -1 none */
	int need, have;     /* unknown for want of requests: how many, and how many there are; else 0 */
	char why[240];      /* of unknown, and of a value that is infinite */
};

/* Holds c against every point of a result.json document that has the metric; all of them must hold it. A percentile is judged with failed
 * requests counted as +inf (under a lower bound they make it unknown), and is unknown while its n is under the floor for its confidence, or it is null. Not met anywhere beats unknown. A
 * point that was dropped or cut short is unknown; one that was over a limit does not exist here and is passed over, unless there is no other. */
void assay_condition_judge(const struct assay_condition *c, const json_t *result, struct assay_condition_answer *out);

#endif
