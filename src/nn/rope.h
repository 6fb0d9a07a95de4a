/* Rotary position angles (Su et al. 2021), rotate-half convention of the Hugging
 * Face models; with the frequency scaling of Llama 3.1. */
#ifndef ASSAY_NN_ROPE_H
#define ASSAY_NN_ROPE_H

#include "nn/shape.h"

/* freq[head_dim / 2]: radians per position. */
void nn_rope_frequencies(const struct nn_shape *s, double *freq);
/* cs[n], sn[n] of pos * freq[i]. */
void nn_rope_angles(const double *freq, int n, int pos, float *cs, float *sn);

#endif
