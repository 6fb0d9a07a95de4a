/* The model's numbers in memory, packed for the kernels (layouts: kernels.h).
 * One mapping holds everything; each page is first touched by the worker that
 * will read it. Read-only after load. */
#ifndef ASSAY_NN_WEIGHTS_H
#define ASSAY_NN_WEIGHTS_H

#include "nn/families.h"
#include "nn/kernels.h"
#include "nn/source.h"
#include "nn/threads.h"

/* y[rows] = W[rows][k] x + bias. Gated: panels alternate gate, up, gate, up ... */
struct nn_matrix {
	enum nn_dtype dtype;
	int rows, k;             /* logical */
	int panels;              /* of NN_PANEL rows; twice as many when gated */
	int chunks;              /* lines of activations along k */
	bool gated;
	bool bf16_lines;         /* meets activations rounded to bf16 */
	size_t panel_bytes;
	char *data;
	float *bias;             /* [panels * NN_PANEL] in panel order, or NULL */
};

/* Rows to be looked up, as stored: [rows][cols]. */
struct nn_table {
	enum nn_dtype dtype;
	int rows, cols;
	char *data;
};

struct nn_norm {
	float *w, *b;            /* b NULL: RMS norm */
};

struct nn_layer {
	struct nn_norm attn_norm, mlp_norm;
	float *q_norm, *k_norm;  /* [head_dim] or NULL */
	struct nn_matrix qkv;    /* rows: all q heads, all k heads, all v heads */
	struct nn_matrix out, up /* or gate and up */, down;
};

struct nn_weights {
	struct nn_table embed;   /* data NULL when tied: rows are read from head */
	struct nn_table positions; /* rows 0: rotary */
	struct nn_matrix project_in, project_out; /* panels 0: absent */
	struct nn_norm final_norm; /* w NULL: absent */
	struct nn_matrix head;
	struct nn_layer *layers;
	char *map;
	size_t map_bytes;
	uint64_t bytes;          /* resident, without alignment gaps */
};

/* Reads and packs everything with all workers. times->weights_ns and pack_ns share the wall time by what the workers
 * spent on each. ASSAY_E_MODEL naming the tensor. On error *w is released. */
int nn_weights_load(struct nn_weights *w, struct nn_source *src, enum nn_dtype dtype, const struct nn_kernels *kn, struct nn_threads *threads,
	struct nn_load_times *times, struct assay_err *e);
void nn_weights_release(struct nn_weights *w);

/* dst[cols] = row of a table; dst[k] = row of a packed matrix. */
void nn_table_row(const struct nn_table *t, int row, float *dst);
void nn_matrix_row(const struct nn_matrix *m, int row, float *dst);

/* Prepares sizes of a matrix without data (also used by tests and bench). */
void nn_matrix_init(struct nn_matrix *m, enum nn_dtype dtype, int rows, int k, bool gated, const struct nn_kernels *kn);
/* Packs nrows <= NN_PANEL rows of src[nrows][k] into panel p of zeroed data; words: scratch. */
size_t nn_matrix_pack_words(int k);
void nn_matrix_pack(const struct nn_matrix *m, int p, const float *src, int nrows, const struct nn_kernels *kn, uint32_t *words);

#endif
