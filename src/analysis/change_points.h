/* Where did the level of a series change? Binary segmentation: in a stretch, the split with the largest standardised difference of mean ranks (Pettitt
 * 1979, as a scan over all splits), accepted when a permutation test of the whole scan gives p <= level; its place is then the split nearby that leaves
 * the smallest sum of absolute residuals around two medians; then each side alone. The test is exact for
 * values that are exchangeable, whatever their distribution: a series without a change alarms with probability <= level. Where what is left after two levels
 * is autocorrelated (a machine that wanders), the split must also pass against series in which each value inherits as much from the last, built from the
 * same innovations. A split that a straight line explains better (smaller sum of absolute
 * residuals) is a trend and no change. Pure; deterministic. */
#ifndef ASSAY_ANALYSIS_CHANGE_POINTS_H
#define ASSAY_ANALYSIS_CHANGE_POINTS_H

#include <stddef.h>
#include <stdint.h>

#define ASSAY_CHANGE_LEVEL 0.01
enum {
	ASSAY_CHANGE_SEGMENT = 3,    /* values on each side of a change at least */
	ASSAY_CHANGE_VALUES = 10,    /* fewer are not looked at */
	ASSAY_CHANGE_MAX = 64,       /* changes of one series at most */
	ASSAY_CHANGE_DRAWS = 1999,   /* permutations at least, the smallest p is 1/2000; ten times as many of short stretches, where few p are possible */
};

struct assay_change { size_t at; double p; };  /* the first value of the new level */

/* Changes of x[0..n) in rising `at`; their number. x holds finite values only. level 0 < level < 1. */
size_t assay_change_points(const double *x, size_t n, double level, uint64_t seed, struct assay_change out[ASSAY_CHANGE_MAX]);

#endif
