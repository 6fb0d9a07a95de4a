/* Is something growing? Robust slope of a series, with an interval. Pure; deterministic. */
#ifndef ASSAY_METRICS_TREND_H
#define ASSAY_METRICS_TREND_H

#include <stddef.h>

struct assay_trend {
	double slope, lo, hi;   /* y per unit of x; [lo, hi]: 95 % percentile bootstrap over blocks. NaN when blocks < 10 */
	size_t blocks;
};

/* The leak rule of decisions.md: drops the first 20 %, splits the rest into blocks of equal size (at most 40, at least 10), takes block
 * means, and their Theil-Sen slope (median of pairwise slopes). x is ascending. */
void assay_trend_fit(const double *x, const double *y, size_t n, struct assay_trend *out);

#endif
