/* See kernels_argmax.h. One portable body compiled for each instruction set. */
#include "nn/kernels_argmax.h"

#include <math.h>

#include "base/cpu.h"

#define LANES 32

#if defined(__x86_64__)
#define FOR_AVX2 __attribute__((target("avx2")))
#else
#define FOR_AVX2
#endif

/* Largest value; NaN when there is one (x - x is NaN exactly for NaN and infinities, 0 otherwise). */
static inline __attribute__((always_inline)) float largest_body(const float *v, int n)
{
	float top[LANES], bad[LANES];
	for (int k = 0; k < LANES; k++) {
		top[k] = -INFINITY;
		bad[k] = 0;
	}
	int i = 0;
	for (; i + LANES <= n; i += LANES)
		for (int k = 0; k < LANES; k++) {
			top[k] = v[i + k] > top[k] ? v[i + k] : top[k];
			bad[k] += v[i + k] != v[i + k] ? 1.0f : 0.0f;
		}
	float best = -INFINITY, nans = 0;
	for (; i < n; i++) {
		best = v[i] > best ? v[i] : best;
		nans += v[i] != v[i] ? 1.0f : 0.0f;
	}
	for (int k = 0; k < LANES; k++) {
		best = top[k] > best ? top[k] : best;
		nans += bad[k];
	}
	return nans > 0 ? NAN : best;
}

static float largest_any(const float *v, int n) { return largest_body(v, n); }
FOR_AVX2 static float largest_avx2(const float *v, int n) { return largest_body(v, n); }

int nn_argmax(const float *v, int n)
{
	float best = (assay_cpu()->avx2 ? largest_avx2 : largest_any)(v, n);
	if (!isfinite(best))
		return -1;
	int i = 0;
	while (v[i] != best)
		i++;
	return i;
}
