/* What the families of models call their tensors, and where they differ in kind.
 * A descriptor, not code: forward.c reads it and struct nn_shape. */
#ifndef ASSAY_NN_FAMILIES_H
#define ASSAY_NN_FAMILIES_H

#include <stdbool.h>

#include "nn/shape.h"

/* Hugging Face names without ".weight" / ".bias"; NULL: the family has no such tensor.
 * Names of a layer follow its prefix, which holds one %d. */
struct nn_family_desc {
	const char *embed, *positions, *project_in, *project_out, *final_norm, *head;
	const char *layer;
	const char *attn_norm, *qkv /* fused, else q k v */, *q, *k, *v, *q_norm, *k_norm, *out;
	const char *mlp_norm, *gate, *up, *down;
	bool rms; /* RMS norm without bias; else layer norm with bias */
};

const struct nn_family_desc *nn_family_desc(enum nn_family f);
/* The tensor whose values `name` has: the embedding for the "lm_head.weight" of a tied model, else `name`. */
const char *nn_family_tied_name(const struct nn_shape *s, const char *name);

#endif
