/* oneDNN as a second way to multiply many rows, where its kernels beat ours (AMX).
 * It reads our packed panels as they are: f32 panels are its BA16a32b, bf16 panels
 * its BA16a32b2a. Primitives are made at open for a ladder of row counts, run with
 * one OpenMP thread by each of our workers, with our scratchpad. The library may
 * allocate small things inside a call; nothing else about it is hidden. */
#ifndef ASSAY_NN_GEMM_DNNL_H
#define ASSAY_NN_GEMM_DNNL_H

#include "nn/weights.h"

struct nn_dnnl;

enum { NN_DNNL_ROWS = 16, NN_DNNL_PANELS = 4 }; /* rows are padded to a multiple of this; most panels of one call */

/* Primitives for products along each of the n line counts in chunks[] (struct nn_matrix). NULL when oneDNN has no
 * fast kernel for this type and instruction set here, for f16, and under ThreadSanitizer. */
struct nn_dnnl *nn_dnnl_open(const struct nn_kernels *kn, enum nn_isa isa, enum nn_dtype dtype, const int *chunks, int n, int workers);
void nn_dnnl_close(struct nn_dnnl *d);
/* "oneDNN 2.6.3 brg:avx512_core" */
const char *nn_dnnl_name(const struct nn_dnnl *d);

/* y[x->rows padded][count * NN_PANEL] = x times panels first .. first + count of m (no bias); count <= NN_DNNL_PANELS.
 * x holds whole rows (x->tile == 1). 0, or -1 when oneDNN fails. */
int nn_dnnl_product(struct nn_dnnl *d, int worker, const struct nn_matrix *m, int first, int count, const struct nn_rows *x, float *y);

#endif
