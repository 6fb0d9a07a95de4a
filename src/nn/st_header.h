/* The header of a .safetensors file: what it says, checked. Bytes in, table out;
 * no file is opened here. Format: https://github.com/huggingface/safetensors */
#ifndef ASSAY_NN_ST_HEADER_H
#define ASSAY_NN_ST_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "nn/shape.h"

#define NN_ST_MAX_DIMS 8

struct nn_st_tensor {
	char *name;
	char type_name[12];        /* as in the file: "BF16" */
	enum nn_dtype type;        /* NN_F32, NN_BF16, NN_F16; NN_AUTO: a type that is no weight here */
	int dims;
	int64_t dim[NN_ST_MAX_DIMS];
	uint64_t begin, end;       /* byte offsets in the file */
};

struct nn_st_header {
	struct nn_st_tensor *tensor; /* in the order of their bytes */
	size_t n;
};

/* bytes: the first avail_bytes of a file of file_bytes (the header must lie inside avail_bytes). Tensors must
 * cover the data exactly: no overlap, no gap, no byte outside. ASSAY_E_MODEL; *out is empty then. */
int nn_st_header_parse(const void *bytes, size_t avail_bytes, uint64_t file_bytes, const char *what, struct nn_st_header *out, struct assay_err *e);
void nn_st_header_release(struct nn_st_header *h);

#endif
