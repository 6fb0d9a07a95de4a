/* See trend.h. Theil 1950, Sen 1968. Must not know what grows. */
#include "metrics/trend.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

enum { most_blocks = 40, least_blocks = 10, rounds = 2000 };

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Median of the slopes of all pairs with different x; NaN when there is none. pick[i] names the block. */
static double theil_sen(const double *x, const double *y, const size_t *pick, size_t n, double *slopes)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			if (x[pick[i]] != x[pick[j]])
				slopes[k++] = (y[pick[j]] - y[pick[i]]) / (x[pick[j]] - x[pick[i]]);
	if (!k)
		return NAN;
	qsort(slopes, k, sizeof *slopes, by_value);
	return k % 2 ? slopes[k / 2] : (slopes[k / 2 - 1] + slopes[k / 2]) / 2;
}

static void bootstrap(const double *x, const double *y, size_t n, double *slopes, struct assay_trend *out)
{
	double est[rounds];
	size_t pick[most_blocks], got = 0;
	for (size_t r = 0; r < rounds; r++) {
		for (size_t i = 0; i < n; i++)
			pick[i] = assay_rng_below(assay_rng_key(0x1eaf, r), i, n);
		est[got] = theil_sen(x, y, pick, n, slopes);
		got += !isnan(est[got]);
	}
	qsort(est, got, sizeof *est, by_value);
	if (!got)
		return;
	out->lo = est[got / 40];
	out->hi = est[got - 1 - got / 40];
}

void assay_trend_fit(const double *x, const double *y, size_t n, struct assay_trend *out)
{
	*out = (struct assay_trend){ .slope = NAN, .lo = NAN, .hi = NAN };
	size_t from = n / 5, left = n - from, size = (left + most_blocks - 1) / most_blocks;
	out->blocks = size ? left / size : 0;
	if (out->blocks < least_blocks)
		return;
	double bx[most_blocks], by[most_blocks], slopes[most_blocks * (most_blocks - 1) / 2];
	size_t same[most_blocks];
	from = n - out->blocks * size; /* a remainder goes with what is dropped */
	for (size_t i = 0; i < out->blocks; i++) {
		bx[i] = by[i] = 0;
		same[i] = i;
		for (size_t k = 0; k < size; k++) {
			bx[i] += x[from + i * size + k] / (double)size;
			by[i] += y[from + i * size + k] / (double)size;
		}
	}
	out->slope = theil_sen(bx, by, same, out->blocks, slopes);
	bootstrap(bx, by, out->blocks, slopes, out);
}
