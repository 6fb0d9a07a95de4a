/* Which of several choices are not worse in everything than another one. Pure. */
#ifndef ASSAY_ANALYSIS_PARETO_H
#define ASSAY_ANALYSIS_PARETO_H

#include <stdbool.h>
#include <stddef.h>

/* x[i * k + j] is value j of choice i, sign[j] +1 where a larger value is better, else -1. front[i]: no other choice is at least as good in all k and
 * better in one. Equal choices are on the front together. A choice with a NaN is not on it and keeps nobody off it; k = 0: none is. */
void assay_pareto(const double *x, size_t n, const int *sign, size_t k, bool *front);

#endif
