/* Does it fit? Sizes of everything that a session would allocate, against what is
 * safely free, before anything is allocated. Pure arithmetic. */
#ifndef ASSAY_NN_FIT_H
#define ASSAY_NN_FIT_H

#include "base/err.h"
#include "nn/shape.h"

struct nn_fit_in {
	const struct nn_shape *shape;
	enum nn_dtype dtype, kv_dtype;     /* resolved */
	int max_num_seqs, block_size;
	uint64_t workspace_bytes;          /* activations, logits, scratch of all threads */
	uint64_t kv_bytes, kv_tokens_wanted; /* as in struct nn_options */
	uint64_t safe_bytes;               /* UINT64_MAX = unknown: no check */
};

struct nn_fit {
	uint64_t weight_bytes, workspace_bytes, margin_bytes, kv_bytes;
	int kv_blocks;
};

/* ASSAY_E_MODEL "needs X, has Y, try ..." when it does not fit; ASSAY_E_USAGE when kv_bytes holds no block. */
int nn_fit(const struct nn_fit_in *in, struct nn_fit *out, struct assay_err *e);

#endif
