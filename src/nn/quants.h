/* The stored number formats of GGUF files and their exact widening to f32.
 * Formats: ggml-common.h and ggml-quants.c of https://github.com/ggml-org/ggml
 * (block layouts beside each function in quants.c). Knows nothing of files. */
#ifndef ASSAY_NN_QUANTS_H
#define ASSAY_NN_QUANTS_H

#include <stdint.h>

#include "nn/shape.h"

struct nn_quant {
	const char *name;          /* as ggml spells it: "Q4_1" */
	enum nn_dtype dtype;       /* NN_AUTO for a type that cannot be widened here */
	int block, block_bytes;    /* values and bytes of a block; 0 for a type that cannot be widened here */
	/* dst[0..n) = the values of n / block consecutive blocks; n is a multiple of block. NULL = refused. */
	void (*widen)(const void *src, int64_t n, float *dst);
};

/* The row of a ggml type number; NULL for a number that ggml does not define. */
const struct nn_quant *nn_quant_of_ggml(uint32_t type);
/* The row of a dtype that has a widen function, else NULL. */
const struct nn_quant *nn_quant_of_dtype(enum nn_dtype t);

#endif
