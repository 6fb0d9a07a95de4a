/* What a GGUF file's metadata and tensor names mean for a model: its shape, and
 * which stored tensor answers a Hugging Face name. Internal to the GGUF source. */
#ifndef ASSAY_NN_GGUF_MODEL_H
#define ASSAY_NN_GGUF_MODEL_H

#include "nn/gguf.h"
#include "nn/shape.h"

/* Fills *out from the metadata (not name and checkpoint) and runs nn_shape_check. Refuses by name
 * whatever forward.c could not honour: other architectures, rope types, windows, experts, and any
 * tensor that this model family does not have. */
int nn_gguf_model_shape(const struct nn_gguf *g, struct nn_shape *out, struct assay_err *e);

/* Writes the GGUF name of a canonical Hugging Face tensor name; false when the family has none such. */
bool nn_gguf_tensor_name(enum nn_family family, const char *hf_name, char *out, size_t out_bytes);
/* True when `name` is a tensor that a model of this family with `layers` layers may hold. */
bool nn_gguf_tensor_known(enum nn_family family, int layers, struct nn_gguf_str name);

/* Llama-3 rotary scaling from its divisors (rope_freqs.weight, one per pair of dimensions): finds the
 * parameters that give exactly these (to 1e-5) and sets rope_llama3 and rope_* of *s. ASSAY_E_MODEL
 * when no llama3 parameters do. Divisors all 1 mean no scaling. */
int nn_gguf_rope_scaling(const float *divisor, int n, struct nn_shape *s, const char *what, struct assay_err *e);

#endif
