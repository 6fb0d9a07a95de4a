/* Where batching stops paying: a line through decode step times by batch size. Pure. */
#ifndef ASSAY_ANALYSIS_KNEE_H
#define ASSAY_ANALYSIS_KNEE_H

#include <stdbool.h>
#include <stddef.h>

/* Step time a + c*b ms, so throughput b / (a + c*b) tokens per ms, which tends to 1/c. */
struct assay_knee {
	bool known;            /* a and c could be fitted: at least three different batch sizes */
	double a_ms, c_ms;
	double knee;           /* batch from which one more sequence adds less than half of what the first does; NaN unless a > 0 and c > 0 */
	double most_tok_s;     /* 1/c; NaN unless c > 0 */
	double saturated;      /* smallest measured batch with >= 95 % of it; NaN = not reached */
};

/* Weighted least squares (weights 1/step^2: times are uncertain in proportion). batch[i] >= 1, step_ms[i] > 0.
 * Knee: T'(b) = a/(a+cb)^2 = half of T(1) = 1/(2(a+c)), so b = (sqrt(2a(a+c)) - a)/c. */
void assay_knee_fit(const double *batch, const double *step_ms, size_t n, struct assay_knee *out);

#endif
