/* See pareto.h. */
#include "analysis/pareto.h"

#include <math.h>

static bool complete(const double *x, size_t k)
{
	for (size_t j = 0; j < k; j++)
		if (isnan(x[j]))
			return false;
	return k > 0;
}

/* a is at least as good as b in all, and better in one. */
static bool dominates(const double *a, const double *b, const int *sign, size_t k)
{
	bool better = false;
	for (size_t j = 0; j < k; j++) {
		if (sign[j] * a[j] < sign[j] * b[j])
			return false;
		better |= sign[j] * a[j] > sign[j] * b[j];
	}
	return better;
}

void assay_pareto(const double *x, size_t n, const int *sign, size_t k, bool *front)
{
	for (size_t i = 0; i < n; i++) {
		front[i] = complete(x + i * k, k);
		for (size_t m = 0; front[i] && m < n; m++)
			if (complete(x + m * k, k) && dominates(x + m * k, x + i * k, sign, k))
				front[i] = false;
	}
}
