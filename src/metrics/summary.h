/* Samples to summary: exact order statistics. Pure; NaN means null. */
#ifndef ASSAY_METRICS_SUMMARY_H
#define ASSAY_METRICS_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

enum { ASSAY_P50, ASSAY_P90, ASSAY_P95, ASSAY_P99, ASSAY_PCTS };

struct assay_summary {
	size_t n;                     /* samples (successes) */
	size_t failed;                /* samples counted as +inf in with_failures */
	size_t units;                 /* independent units that floors and intervals count: n, or requests where samples are tokens */
	double mean, std, min, max;   /* std: n-1, NaN for n < 2 */
	double pct[ASSAY_PCTS];       /* nearest rank (Hyndman-Fan type 1) */
	double linear[ASSAY_PCTS];    /* numpy's default (type 7) */
	double floor_index[ASSAY_PCTS]; /* sorted[floor(n p)] (S2) */
	double ci95[2];               /* of the mean, Student t */
	double pct_ci95[ASSAY_PCTS][2]; /* order statistics, coverage >= 95 %; NaN end = outside 1..n or n < 6 */
	double with_failures[ASSAY_PCTS]; /* INFINITY where the rank falls on a failure */
	size_t need[ASSAY_PCTS];      /* 0 = n suffices, else the floor it is under (p90 64, p95 130, p99 662) */
};

/* x is sorted in place. */
void assay_summarise(double *x, size_t n, size_t failed, struct assay_summary *out);
/* The same for samples that come in clusters (the token gaps of a request): cluster[i] in [0, clusters) owns x[i]. Both arrays are sorted
 * together in place. Intervals come from resampling whole clusters (percentile bootstrap, seeded, fixed), floors count clusters. */
void assay_summarise_clustered(double *x, uint32_t *cluster, size_t n, uint32_t clusters, struct assay_summary *out);
/* Fills need[] from units. */
void assay_summary_needs(struct assay_summary *s);
double assay_percentile_nearest(const double *sorted, size_t n, double p);   /* p in (0,1] */
double assay_percentile_linear(const double *sorted, size_t n, double p);
double assay_percentile_floor(const double *sorted, size_t n, double p);
double assay_t_quantile(double p, double df);     /* Student t, two-sided use: p = 0.975 */
double assay_t_upper(double t, double df);        /* P(T > t), t >= 0, df > 0 */
/* P(X <= k) of X ~ Binomial(n, p). */
double assay_binomial_cdf(size_t k, size_t n, double p);
/* 1-based ranks lo < hi with P(x_(lo) <= p-quantile <= x_(hi)) >= 95 %, at most 2.5 % missing on each side; lo = 0 or hi = n + 1:
 * that end does not exist. */
void assay_quantile_ranks(size_t n, double p, size_t *lo, size_t *hi);

#endif
