/* At what batch does scaling slow? Decode step time t(b) = a + c b, so throughput is b / (a + c b). Pure. */
#ifndef ASSAY_ANALYSIS_KNEE_H
#define ASSAY_ANALYSIS_KNEE_H

#include "analysis/scaling.h"

struct assay_knee {
	bool known;                  /* at least 2 distinct batches */
	struct assay_fit law;        /* a = law.k[0]: fixed time of a step; c = law.k[1]: time of each sequence */
	bool bends;                  /* c > 0 and the largest batch lengthens a step by over 5 % of a; else no knee */
	bool clear;                  /* the interval of c decides that; false without an interval */
	struct assay_estimate knee;  /* b* = (sqrt(2a(a+c)) - a) / c, where a sequence more brings half of what the second brought; at least 1 */
	double most_per_time;        /* 1/c: throughput of an endless batch, in sequences' tokens per unit of t */
	double saturation;           /* smallest measured batch with b / t(b) >= 95 % of 1/c; NaN = not reached */
	double reached;              /* best measured share of 1/c */
};

/* batch[i], step[i]: mean decode step time of one run at that batch. */
void assay_knee_find(const double *batch, const double *step, size_t count, struct assay_knee *out);

#endif
