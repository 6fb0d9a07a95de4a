/* Matrix products over packed weights: rows of activations times one matrix, all
 * workers, each a contiguous share of the panels. Own kernels, or oneDNN for many
 * rows where nn_gemm.dnnl is given. */
#ifndef ASSAY_NN_GEMM_H
#define ASSAY_NN_GEMM_H

#include "nn/gemm_dnnl.h"

enum nn_out_kind {
	NN_OUT_STORE,   /* y[row][n] = product + bias */
	NN_OUT_ADD,     /* y[row][n] += product + bias */
	NN_OUT_LINES,   /* lines[row][n] = act(product + bias); gated: act(gate) * up */
};

struct nn_out {
	enum nn_out_kind kind;
	float *y;              /* [rows][ld] */
	size_t ld;
	enum nn_act act;
	struct nn_rows *lines; /* activations of the next product */
};

struct nn_gemm {
	struct nn_threads *threads;
	const struct nn_kernels *kn;
	struct nn_dnnl *dnnl;        /* or NULL */
	int dnnl_rows;               /* fewest rows that go to it */
	float *const *scratch;       /* [worker][nn_gemm_scratch(most rows)], 64-byte aligned */
};

/* Sizes x for `rows` rows of k values that will meet m; data stays. */
void nn_rows_init(struct nn_rows *x, int rows, const struct nn_matrix *m, const struct nn_gemm *g);
/* Bytes of data that any x with up to max_rows rows and k values can need. */
size_t nn_rows_bytes(int max_rows, int k);
/* Packs one row of k values. */
void nn_rows_set(struct nn_rows *x, int row, const float *src, const struct nn_kernels *kn);

size_t nn_gemm_scratch(int max_rows);
void nn_gemm_run(const struct nn_gemm *g, const struct nn_matrix *m, const struct nn_rows *x, const struct nn_out *out);

#endif
