/* How time grows with a length: t = a + b n + q n^2, terms kept by AICc, and where the law changes. Pure. */
#ifndef ASSAY_ANALYSIS_SCALING_H
#define ASSAY_ANALYSIS_SCALING_H

#include <stdbool.h>
#include <stddef.h>

enum { ASSAY_FIT_TERMS = 3 };

/* Weighted least squares, weights 1/y^2: noise is a share of the time. */
struct assay_fit {
	bool known;
	int terms;                        /* 1: constant, 2: + b n, 3: + q n^2 */
	double k[ASSAY_FIT_TERMS];        /* a, b, q; terms that were not kept are 0 */
	double lo[ASSAY_FIT_TERMS], hi[ASSAY_FIT_TERMS]; /* 95 %, Student t; NaN without a degree of freedom */
	double cov[ASSAY_FIT_TERMS][ASSAY_FIT_TERMS];
	double df;                        /* values less terms */
	double aicc;                      /* Hurvich and Tsai 1989 */
	double worst;                     /* largest |residual| / y */
	double least_n, most_n;           /* range of n */
	size_t n, distinct;
};

/* Exactly `terms` terms. Unknown with fewer distinct n than terms, or a y that is not above 0. NaN values are skipped. */
void assay_fit_terms(const double *n, const double *y, size_t count, int terms, struct assay_fit *out);
/* 1 to 3 terms, the least AICc; the quadratic needs 4 distinct n. Unknown with fewer than 2 distinct n. */
void assay_fit_scaling(const double *n, const double *y, size_t count, struct assay_fit *out);

double assay_fit_at(const struct assay_fit *f, double n);

struct assay_estimate { double value, lo, hi; }; /* lo, hi NaN: no interval */

/* t(2n) / t(n), interval by the delta method. */
struct assay_estimate assay_fit_doubling(const struct assay_fit *f, double n);
/* Slope of ln y over ln n, least squares, 95 %. NaN with fewer than 2 distinct n above 0. */
struct assay_estimate assay_fit_power(const double *n, const double *y, size_t count);

/* Two straight lines that meet, with at least 3 distinct n on each side. */
struct assay_break { bool found; double at, slope_before, slope_after; };
/* Found when its AICc is at least 2 below that of the best single law, and the slopes differ by a tenth or more. */
void assay_fit_break(const double *n, const double *y, size_t count, const struct assay_fit *single, struct assay_break *out);

#endif
