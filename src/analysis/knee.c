/* See knee.h. Must not know points. */
#include "analysis/knee.h"

#include <math.h>

static size_t different(const double *x, size_t n)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		size_t j = 0;
		while (j < i && x[j] != x[i])
			j++;
		k += j == i;
	}
	return k;
}

static double saturated_at(const double *batch, const double *step_ms, size_t n, double c_ms)
{
	double least = NAN;
	for (size_t i = 0; i < n; i++)
		if (batch[i] / step_ms[i] >= 0.95 / c_ms && !(least <= batch[i]))
			least = batch[i];
	return least;
}

void assay_knee_fit(const double *batch, const double *step_ms, size_t n, struct assay_knee *out)
{
	double w = 0, x = 0, y = 0, xx = 0, xy = 0;
	*out = (struct assay_knee){ .a_ms = NAN, .c_ms = NAN, .knee = NAN, .most_tok_s = NAN, .saturated = NAN };
	if (different(batch, n) < 3)
		return;
	for (size_t i = 0; i < n; i++) {
		double weight = 1 / (step_ms[i] * step_ms[i]);
		w += weight;
		x += weight * batch[i];
		y += weight * step_ms[i];
		xx += weight * batch[i] * batch[i];
		xy += weight * batch[i] * step_ms[i];
	}
	out->known = true;
	out->c_ms = (w * xy - x * y) / (w * xx - x * x);
	out->a_ms = (y - out->c_ms * x) / w;
	if (!(out->c_ms > 0))
		return;
	out->most_tok_s = 1e3 / out->c_ms;
	out->saturated = saturated_at(batch, step_ms, n, out->c_ms);
	if (out->a_ms > 0)
		out->knee = (sqrt(2 * out->a_ms * (out->a_ms + out->c_ms)) - out->a_ms) / out->c_ms;
}
