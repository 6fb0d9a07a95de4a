/* See series_stats.h. */
#include "analysis/series_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

enum { PAIRS_MAX = 400000 };

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double assay_median(const double *x, size_t n, double *scratch)
{
	if (!n)
		return NAN;
	memmove(scratch, x, n * sizeof *x);
	qsort(scratch, n, sizeof *scratch, by_value);
	return n % 2 ? scratch[n / 2] : (scratch[n / 2 - 1] + scratch[n / 2]) / 2;
}

/* Slopes of pairs into s; their number. */
static size_t slopes(const double *x, const double *y, size_t n, uint64_t seed, double *s, size_t max)
{
	size_t k = 0;
	if (n * (n - 1) / 2 <= max) {
		for (size_t i = 0; i < n; i++)
			for (size_t j = i + 1; j < n; j++)
				if (x[i] != x[j])
					s[k++] = (y[j] - y[i]) / (x[j] - x[i]);
		return k;
	}
	for (size_t draw = 0; draw < max; draw++) {
		size_t i = assay_rng_below(seed, 2 * draw, n), j = assay_rng_below(seed, 2 * draw + 1, n);
		if (x[i] != x[j])
			s[k++] = (y[j] - y[i]) / (x[j] - x[i]);
	}
	return k;
}

void assay_theil_sen(const double *x, const double *y, size_t n, double z, uint64_t seed, struct assay_slope *out)
{
	*out = (struct assay_slope){ NAN, -INFINITY, INFINITY };
	if (n < 2)
		return;
	double all = (double)n * (double)(n - 1) / 2, sd = sqrt((double)n * (double)(n - 1) * (2 * (double)n + 5) / 18);
	size_t max = all < PAIRS_MAX ? (size_t)all : PAIRS_MAX;
	double *s = xalloc(2 * max * sizeof *s);
	size_t k = slopes(x, y, n, seed, s, max);
	out->slope = assay_median(s, k, s + max);
	double share = (1 - z * sd / all) / 2; /* of the sorted slopes, outside on each side */
	if (k && share > 0) {
		size_t below = (size_t)(share * (double)k);
		qsort(s, k, sizeof *s, by_value);
		out->lo = s[below];
		out->hi = s[k - 1 - below];
	}
	free(s);
}

size_t assay_outliers(const double *r, size_t n, double least, bool *out)
{
	double *a = xalloc((2 * n + 1) * sizeof *a);
	size_t found = 0;
	for (size_t i = 0; i < n; i++)
		a[i] = fabs(r[i]);
	double scale = fmax(1.4826 * assay_median(a, n, a + n), least);
	for (size_t i = 0; i < n; i++)
		found += out[i] = fabs(r[i]) > 3.5 * scale;
	free(a);
	return found;
}
