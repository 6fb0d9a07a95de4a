/* One token from one row of logits. The same (seed, request seed, position) gives
 * the same token from the same logits, in any batch. */
#ifndef ASSAY_NN_SAMPLER_H
#define ASSAY_NN_SAMPLER_H

#include <stdint.h>

struct nn_sampling {
	float temperature;         /* <= 0: greedy, the lowest id among equals */
	int top_k;                 /* 0 = off */
	float top_p;               /* >= 1 = off; the smallest set whose probability reaches it, after top_k */
	uint64_t seed;             /* of the request */
};

struct nn_sampler {
	uint64_t key;
	int vocab;
	float *weight;             /* [vocab] scratch */
	struct nn_candidate *heap; /* [vocab] scratch */
};

#define NN_SAMPLER_BYTES 12 /* of scratch for each token of the vocabulary */
void nn_sampler_init(struct nn_sampler *s, int vocab, uint64_t seed);
void nn_sampler_release(struct nn_sampler *s);
/* position: of the token to be, counted from the start of the prompt. -1 when the logits hold a NaN or no finite maximum. Allocates nothing. */
int32_t nn_sample(struct nn_sampler *s, const float *logits, const struct nn_sampling *how, uint64_t position);

#endif
