/* How far can the numbers be trusted? Thresholds live in one table (verdict.c; decisions.md). Pure. */
#ifndef ASSAY_ANALYSIS_VERDICT_H
#define ASSAY_ANALYSIS_VERDICT_H

#include <stddef.h>

#include "core/run.h"
#include "metrics/point_metrics.h"

enum assay_verdict_state { ASSAY_VALID, ASSAY_CAUTION, ASSAY_INVALID };
const char *assay_verdict_name(enum assay_verdict_state s);

struct assay_reason {
	enum assay_verdict_state state;
	const char *code;          /* "too_few_samples", "drift", "cpu_steal", ... */
	char measured[120], bound[80], advice[240];
};

struct assay_verdict { enum assay_verdict_state state; struct assay_reason *reasons; size_t n; };

void assay_verdict_point(const struct assay_run *run, const struct assay_run_metrics *m, size_t point, struct assay_verdict *out);
/* The worst of the points plus what concerns the whole run (debug build, records lost, clock, journal lag, interruption). */
void assay_verdict_run(const struct assay_run *run, const struct assay_run_metrics *m, struct assay_verdict *out);
void assay_verdict_release(struct assay_verdict *v);

#endif
