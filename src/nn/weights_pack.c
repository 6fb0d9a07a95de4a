/* One matrix: its sizes, rows of f32 into a panel (layouts: kernels.h), and a row back
 * out. Must not know where the numbers come from. */
#include "nn/weights.h"

#include <string.h>

#include "nn/half.h"

static size_t elem_bytes(enum nn_dtype t)
{
	return t == NN_F32 ? 4 : 2;
}

void nn_matrix_init(struct nn_matrix *m, enum nn_dtype dtype, int rows, int k, bool gated, const struct nn_kernels *kn)
{
	bool bf16_lines = dtype == NN_BF16 && kn->bf16_dot;
	int line = bf16_lines ? 32 : 16;
	int chunks = (k + line - 1) / line, panels = (rows + NN_PANEL - 1) / NN_PANEL;
	*m = (struct nn_matrix){
		.dtype = dtype, .rows = rows, .k = k, .panels = gated ? 2 * panels : panels, .chunks = chunks, .gated = gated,
		.bf16_lines = bf16_lines, .panel_bytes = (size_t)chunks * line * NN_PANEL * elem_bytes(dtype),
	};
}

/* to[n][NN_PANEL] = from[nrows][stride] transposed, in blocks that stay in L1. */
static void transpose_words(uint32_t *to, const uint32_t *from, int nrows, int n, size_t stride)
{
	for (int k0 = 0; k0 < n; k0 += 16) {
		int end = n - k0 < 16 ? n : k0 + 16;
		for (int r = 0; r < nrows; r++)
			for (int k = k0; k < end; k++)
				to[(size_t)k * NN_PANEL + r] = from[(size_t)r * stride + k];
	}
}

static void transpose_halves(uint16_t *to, const uint16_t *from, int nrows, int n, size_t stride)
{
	for (int k0 = 0; k0 < n; k0 += 32) {
		int end = n - k0 < 32 ? n : k0 + 32;
		for (int r = 0; r < nrows; r++)
			for (int k = k0; k < end; k++)
				to[(size_t)k * NN_PANEL + r] = from[(size_t)r * stride + k];
	}
}

size_t nn_matrix_pack_words(int k)
{
	return (size_t)NN_PANEL * ((size_t)k + 2);
}

void nn_matrix_pack(const struct nn_matrix *m, int p, const float *src, int nrows, const struct nn_kernels *kn, uint32_t *words)
{
	void *panel = m->data + (size_t)p * m->panel_bytes;
	size_t stride = (size_t)m->k + 2;
	int pairs = (m->k + 1) / 2;
	for (int r = 0; r < nrows; r++) {
		uint32_t *row = words + r * stride;
		if (m->dtype == NN_BF16)
			row[pairs - 1] = 0; /* an odd k leaves half a word */
		kn->narrow(m->dtype, src + (size_t)r * m->k, row, m->k);
	}
	if (m->dtype == NN_F16)
		transpose_halves(panel, (const uint16_t *)words, nrows, m->k, 2 * stride);
	else
		transpose_words(panel, words, nrows, m->dtype == NN_BF16 ? pairs : m->k, stride);
}

void nn_table_row(const struct nn_table *t, int row, float *dst)
{
	const void *p = t->data + (size_t)row * t->cols * elem_bytes(t->dtype);
	if (t->dtype == NN_F32)
		memcpy(dst, p, (size_t)t->cols * 4);
	else
		for (int i = 0; i < t->cols; i++)
			dst[i] = t->dtype == NN_BF16 ? nn_bf16_f32(((const uint16_t *)p)[i]) : nn_f16_f32(((const uint16_t *)p)[i]);
}

void nn_matrix_row(const struct nn_matrix *m, int row, float *dst)
{
	const void *panel = m->data + (size_t)(row / NN_PANEL) * m->panel_bytes;
	int r = row % NN_PANEL;
	for (int k = 0; k < m->k; k++) {
		if (m->dtype == NN_F32)
			dst[k] = ((const float *)panel)[(size_t)k * NN_PANEL + r];
		else if (m->dtype == NN_BF16)
			dst[k] = nn_bf16_f32(((const uint16_t *)panel)[((size_t)(k / 2) * NN_PANEL + r) * 2 + k % 2]);
		else
			dst[k] = nn_f16_f32(((const uint16_t *)panel)[(size_t)k * NN_PANEL + r]);
	}
}
