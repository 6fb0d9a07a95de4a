/* The laws by which time grows with batch, prompt, output and context: each is fitted once, here, and the findings and the figures say
 * and draw this same fit. Pure. */
#ifndef ASSAY_ANALYSIS_LAWS_H
#define ASSAY_ANALYSIS_LAWS_H

#include "analysis/knee.h"
#include "core/run.h"
#include "metrics/point_metrics.h"

enum assay_law_id { ASSAY_LAW_BATCH_STEP, ASSAY_LAW_PROMPT_TTFT, ASSAY_LAW_OUTPUT_E2E, ASSAY_LAW_CONTEXT_DECODE, ASSAY_LAWS };

/* What a law relates. */
struct assay_law_about {
	const char *id;
	const char *x, *x_unit, *y, *y_unit;
	const char *needs;            /* what an unknown law lacks */
};

struct assay_law {
	const struct assay_law_about *about;
	bool known;                   /* enough distinct x: batches that differ, lengths that span a factor of two */
	double *x, *y;                /* a value each run, as fitted; owned */
	size_t *point;                /* where it is from: index into run->points; owned */
	size_t count;
	struct assay_fit fit;
	double r2;                    /* 1 - residual / total sum of squares of y, both weighted 1/y^2 as the fit is; NaN where y does not vary */
	struct assay_knee knee;       /* of ASSAY_LAW_BATCH_STEP (its law is `fit`) */
	struct assay_break change;    /* of ASSAY_LAW_PROMPT_TTFT: where the law changes */
	int64_t prompt_tokens;        /* of ASSAY_LAW_OUTPUT_E2E: the prompt length at which the output varies */
};

void assay_law_fit(const struct assay_run *run, const struct assay_run_metrics *m, enum assay_law_id which, struct assay_law *out);
void assay_law_release(struct assay_law *l);

#endif
