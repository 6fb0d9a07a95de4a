/* Statistics of "is B different from A?" on logarithms: paired differences, Welch's two samples, exact sign flips, Holm, equivalence,
 * and what could have been seen. Pure; knows no metric and no result. An effect e is ln(B/A): 0.01 is about +1 %. */
#ifndef ASSAY_ANALYSIS_AB_STATS_H
#define ASSAY_ANALYSIS_AB_STATS_H

#include <stddef.h>
#include <stdint.h>

enum {
	ASSAY_AB_EXACT_PAIRS = 20,   /* sign flips are counted exactly up to here */
	ASSAY_AB_FLIPS = 100000,     /* beyond: as many seeded random flips */
	ASSAY_AB_PAIRS_CAP = 1000,   /* pairs_needed beyond it is ASSAY_AB_PAIRS_CAP + 1 */
};

/* effect +- t(df) * se is an interval. sd: of one pair's difference (Welch: of a difference of one repeat of each side, without the
 * session term), what pairs_needed is computed from. NaN where n is too small. */
struct assay_ab_estimate { double effect, se, df, sd; size_t n_a, n_b; };

enum assay_ab_verdict { ASSAY_AB_UNDECIDED, ASSAY_AB_SAME, ASSAY_AB_BETTER, ASSAY_AB_WORSE };

/* Mean of the n differences d = ln(B_i/A_i). */
void assay_ab_pairs(const double *d, size_t n, struct assay_ab_estimate *out);
/* Mean ln(B) - mean ln(A) of independent samples (Welch 1947), its variance enlarged by 2 session_sd^2: two results of one program differ
 * by that without a cause. session_df: degrees of freedom of session_sd, INFINITY when it is a stated number. Welch-Satterthwaite df. */
void assay_ab_welch(const double *ln_a, size_t n_a, const double *ln_b, size_t n_b, double session_sd, double session_df, struct assay_ab_estimate *out);

/* Two-sided p of effect = 0 by Student's t: 1 when effect and se are 0, 0 when only se is. */
double assay_ab_t_p(const struct assay_ab_estimate *x);
/* Two-sided p of a mean of 0 when every sign of d is equally likely either way: share of the 2^n flips whose |sum| reaches the seen one,
 * exact up to ASSAY_AB_EXACT_PAIRS; beyond, (1 + hits) / (1 + flips) of ASSAY_AB_FLIPS flips drawn from seed. NaN for n = 0. */
double assay_ab_flip_p(const double *d, size_t n, uint64_t seed);
/* The random flips alone, `flips` of them, n <= 1024. */
double assay_ab_flip_sampled(const double *d, size_t n, uint64_t seed, size_t flips);

/* Holm (1979): adjusted p, monotone, at most 1; in place. A NaN is no test: it stays NaN and does not count. n <= ASSAY_AB_FAMILY. */
enum { ASSAY_AB_FAMILY = 64 };
void assay_ab_holm(double *p, size_t n);

/* The quantile for a two-sided interval of that coverage (0.95); df is capped at 100,000, where t is normal to 5 digits. */
double assay_ab_t(double coverage, double df);
double assay_ab_percent(double effect); /* 100 (exp(effect) - 1) */

/* Least effect found with 80 % probability at two-sided 5 %: (t0.975 + t0.80)(df) * se. */
double assay_ab_visible(const struct assay_ab_estimate *x);
/* Smallest number of pairs (2...) for which that is <= target when one pair's difference has this sd; CAP + 1 when more are needed. */
int assay_ab_pairs_needed(double sd, double target);

/* One key: p is already adjusted; lo and hi (log scale) are the interval for equivalence; sign: +1 when a larger value is better, else -1.
 * min_effect is a ratio (0.01): a difference must exceed it, an equal one lies inside +- it. */
enum assay_ab_verdict assay_ab_decide(double p_adjusted, double alpha, double effect, double lo, double hi, double min_effect, int sign);
/* Of a family: WORSE if any is, else UNDECIDED if any is, else BETTER if any is, else SAME; UNDECIDED of none. */
enum assay_ab_verdict assay_ab_overall(const enum assay_ab_verdict *v, size_t n);

#endif
