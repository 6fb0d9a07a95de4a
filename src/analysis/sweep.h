/* A sweep's answer: which configuration is best for what, which are not worse in everything than another, and whether the best one's margin is real.
 * Pure: documents in, document out (docs/sweep.md names every key). */
#ifndef ASSAY_ANALYSIS_SWEEP_H
#define ASSAY_ANALYSIS_SWEEP_H

#include <jansson.h>

#include "analysis/condition.h"
#include "analysis/objective.h"

/* The result documents of one configuration, one a round; borrowed. */
struct assay_sweep_results { json_t *const *list; size_t n; };

struct assay_sweep_aims {
	const struct assay_objective *objectives;
	size_t n_objectives;
	const struct assay_condition *conditions;
	size_t n_conditions;
};

enum { ASSAY_SWEEP_OBJECTIVES = 8, ASSAY_SWEEP_CONDITIONS = 32 };

/* sweep: a sweep document whose configurations[i] {n, status, reason, ...} belong to results[i]. Sets in each configuration that has results: status
 * measured, partial or limit, reason, points, verdict, metrics, objectives, requirements, meets, excluded, front; and in the document: objectives,
 * require, front, best. What was judged before is replaced. */
void assay_sweep_judge(json_t *sweep, const struct assay_sweep_results *results, const struct assay_sweep_aims *aims);

/* Says of an entry of best[] what a comparison (analysis/compare.h; A = the runner-up, B = the best) found for its objective: margin real, reversed or
 * not_told_apart, method, effect_pct, ci_pct, reason. rivals: the others among which the best was chosen by the very numbers that are compared; its p is
 * multiplied by that (Bonferroni), for the best of many is partly luck. 1 where the two were measured anew. */
void assay_sweep_margin(json_t *best, const json_t *comparison, int rivals);
/* margin not_tested, or what else is known without a comparison. */
void assay_sweep_margin_say(json_t *best, const char *margin, const char *method, const char *reason);

#endif
