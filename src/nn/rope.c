/* See rope.h. */
#include "nn/rope.h"

#include <math.h>

/* Llama 3.1: wavelengths above original/low are divided by factor, those below original/high are kept, between them a line. */
static double llama3(const struct nn_shape *s, double freq)
{
	double wavelength = 2 * M_PI / freq;
	if (wavelength < s->rope_original_context / s->rope_high_freq)
		return freq;
	if (wavelength > s->rope_original_context / s->rope_low_freq)
		return freq / s->rope_factor;
	double smooth = (s->rope_original_context / wavelength - s->rope_low_freq) / (s->rope_high_freq - s->rope_low_freq);
	return (1 - smooth) * freq / s->rope_factor + smooth * freq;
}

void nn_rope_frequencies(const struct nn_shape *s, double *freq)
{
	for (int i = 0; i < s->head_dim / 2; i++) {
		freq[i] = pow(s->rope_theta, -2.0 * i / s->head_dim);
		if (s->rope_llama3)
			freq[i] = llama3(s, freq[i]);
	}
}

void nn_rope_angles(const double *freq, int n, int pos, float *cs, float *sn)
{
	for (int i = 0; i < n; i++) {
		cs[i] = (float)cos(pos * freq[i]);
		sn[i] = (float)sin(pos * freq[i]);
	}
}
