/* Interleaved pairs looked at while they come: only at 10, 14, 20, 28 and 40 pairs, each look at a level that keeps the alarms of the whole
 * procedure under 5 % (looking after every pair would alarm in 21 % of A/A comparisons). Pure. Source of the level: Pocock (1977), five looks. */
#ifndef ASSAY_ANALYSIS_AB_SEQUENTIAL_H
#define ASSAY_ANALYSIS_AB_SEQUENTIAL_H

#include "analysis/ab_stats.h"

enum { ASSAY_AB_LOOKS = 5 };
#define ASSAY_AB_LOOK_ALPHA 0.0158

struct assay_ab_looks {
	size_t pairs[ASSAY_AB_LOOKS];
	double t_ci[ASSAY_AB_LOOKS];   /* quantile of the interval that is shown: coverage 1 - alpha */
	double t_same[ASSAY_AB_LOOKS]; /* of the interval for equivalence: 1 - 2 alpha */
};
void assay_ab_looks_init(struct assay_ab_looks *l);
/* Index of the look due at exactly n pairs, or -1. */
int assay_ab_look_at(const struct assay_ab_looks *l, size_t n);

/* One key of the family. In: d[i] = ln(B_i/A_i) of pair i, sign +1 when larger is better else -1. Out: the rest. */
struct assay_ab_key {
	const double *d;
	int sign;
	struct assay_ab_estimate x;
	double p, p_adjusted, lo, hi; /* lo, hi: interval at the look's level, log scale */
	enum assay_ab_verdict verdict;
};

/* Judges all keys at a look over its first pairs[look] differences; returns the overall verdict: measuring stops when it is not UNDECIDED. */
enum assay_ab_verdict assay_ab_look(const struct assay_ab_looks *l, int look, struct assay_ab_key *keys, size_t n_keys, double min_effect, uint64_t seed);

#endif
