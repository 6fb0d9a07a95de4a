/* Finds the Llama-3 rotary scaling parameters behind a table of divisors.
 * The table holds, per frequency f with wavelength w = 2 pi / f (transformers'
 * _compute_llama3_parameters): 1 where w is short, `factor` where it is long, and between
 * 1 / ((1 - u) / factor + u) with u = (context / w - low) / (high - low). So only factor,
 * context / (high - low) and low / (high - low) matter: u = slope / w - shift, clamped to 0..1. */
#include <math.h>
#include <stdbool.h>

#include "nn/gguf_model.h"

#define TOLERANCE 1e-5

static double inverse_wavelength(const struct nn_shape *s, int i)
{
	return pow(s->rope_theta, -2.0 * i / s->head_dim) / (2 * M_PI);
}

static bool fits(const struct nn_shape *s, const float *divisor, int n)
{
	for (int i = 0; i < n; i++) {
		double u = (s->rope_original_context * inverse_wavelength(s, i) - s->rope_low_freq) / (s->rope_high_freq - s->rope_low_freq);
		u = u < 0 ? 0 : u > 1 ? 1 : u;
		double want = 1 / ((1 - u) / s->rope_factor + u);
		if (!(fabs(divisor[i] - want) <= TOLERANCE * want))
			return false;
	}
	return true;
}

/* Solves slope and shift from the first and last interpolated divisors; any high - low will do: 3 is the usual. */
static bool solve(struct nn_shape *s, const float *divisor, int n)
{
	double f = s->rope_factor, x[2] = { 0 }, u[2] = { 0 };
	int found = 0;
	for (int i = 0; i < n; i++) {
		if (divisor[i] <= 1 + 1e-4 || divisor[i] >= f * (1 - 1e-4))
			continue;
		int k = found ? 1 : 0;
		x[k] = inverse_wavelength(s, i);
		u[k] = (1 / (double)divisor[i] - 1 / f) / (1 - 1 / f);
		found++;
	}
	if (found < 2)
		return false;
	double slope = (u[1] - u[0]) / (x[1] - x[0]), shift = slope * x[0] - u[0];
	s->rope_original_context = 3 * slope;
	s->rope_low_freq = 3 * shift;
	s->rope_high_freq = 3 * shift + 3;
	return slope > 0 && shift > 0;
}

int nn_gguf_rope_scaling(const float *divisor, int n, struct nn_shape *s, const char *what, struct assay_err *e)
{
	double largest = 0, smallest = INFINITY;
	for (int i = 0; i < n; i++) {
		if (!isfinite(divisor[i]) || divisor[i] <= 0)
			return assay_fail(e, ASSAY_E_MODEL, "%s: tensor rope_freqs.weight: value %d is not a positive number", what, i);
		largest = fmax(largest, divisor[i]);
		smallest = fmin(smallest, divisor[i]);
	}
	if (largest == 1 && smallest == 1)
		return 0;
	s->rope_llama3 = true;
	s->rope_factor = largest;
	s->rope_low_freq = 1;
	s->rope_high_freq = 4;
	for (s->rope_original_context = 64; s->rope_original_context <= 1 << 20; s->rope_original_context *= 2)
		if (fits(s, divisor, n))
			return 0;
	if (solve(s, divisor, n) && fits(s, divisor, n))
		return 0;
	return assay_fail(e, ASSAY_E_MODEL, "%s: tensor rope_freqs.weight: not the llama3 kind of rope scaling: not supported", what);
}
