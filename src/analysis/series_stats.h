/* A few values in time: robust slope, spread, what stands out. Pure; deterministic. */
#ifndef ASSAY_ANALYSIS_SERIES_STATS_H
#define ASSAY_ANALYSIS_SERIES_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Median of n >= 1 values; scratch holds n. NaN for n = 0. */
double assay_median(const double *x, size_t n, double *scratch);

#define ASSAY_Z95 1.959963984540054
#define ASSAY_Z99 2.5758293035489004
/* y per unit of x. [lo, hi]: interval of Sen 1968, by the variance of Kendall's S without ties; infinite where n is too small for one. */
struct assay_slope { double slope, lo, hi; };
/* Median of the slopes of all pairs with different x (Theil 1950); of 400,000 seeded pairs where there are more. NaN when there is no pair.
 * z: the normal quantile of the interval, ASSAY_Z95 or ASSAY_Z99. */
void assay_theil_sen(const double *x, const double *y, size_t n, double z, uint64_t seed, struct assay_slope *out);

/* Values that lie further than 3.5 times max(1.4826 MAD, least) from 0, of residuals r (Iglewicz and Hoaglin 1993); out[i] tells each. Their number. */
size_t assay_outliers(const double *r, size_t n, double least, bool *out);

#endif
