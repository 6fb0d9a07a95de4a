/* See gemm.h. One panel at a time meets every tile of rows while it is in cache.
 * A panel too big for the cache is taken in slices of k; the partial sums of all
 * rows wait in scratch. Slices do not change the order of any sum. */
#include "nn/gemm.h"

#include <string.h>

enum { SLICE_BYTES = 256 << 10 };

void nn_rows_init(struct nn_rows *x, int rows, const struct nn_matrix *m, const struct nn_kernels *kn)
{
	int tiles = (rows + kn->tile_rows - 1) / kn->tile_rows;
	x->rows = rows;
	x->k = m->k;
	x->tile = (rows + tiles - 1) / tiles;
	x->chunks = m->chunks;
	x->bf16 = m->bf16_lines;
}

static int padded(int max_rows)
{
	return max_rows + NN_MAX_TILE;
}

size_t nn_rows_bytes(int max_rows, int k)
{
	return (size_t)padded(max_rows) * (size_t)((k + 31) / 32 * 2) * NN_LINE;
}

void nn_rows_set(struct nn_rows *x, int row, const float *src, const struct nn_kernels *kn)
{
	(x->bf16 ? kn->pack_bf16 : kn->pack_f32)(src, x->k, nn_rows_line(x, row, 0), (size_t)x->tile * NN_LINE);
}

size_t nn_gemm_scratch(int max_rows)
{
	return (size_t)padded(max_rows) * NN_PANEL * 2;
}

struct job {
	const struct nn_kernels *kn;
	const struct nn_matrix *m;
	const struct nn_rows *x;
	const struct nn_out *out;
	float *const *scratch;
	nn_tile_fn tile;
};

/* Columns col .. col + n of `rows` rows from r0: c[rows][NN_PANEL] to where they belong. */
static void deliver(const struct job *j, int r0, int rows, int panel, float *c, float *up)
{
	const struct nn_out *o = j->out;
	int col = (j->m->gated ? panel / 2 : panel) * NN_PANEL;
	int n = j->m->rows - col < NN_PANEL ? j->m->rows - col : NN_PANEL;
	const float *bias = j->m->bias ? j->m->bias + (size_t)panel * NN_PANEL : NULL;
	for (int r = 0; r < rows; r++) {
		float *v = c + r * NN_PANEL;
		if (bias)
			j->kn->add(v, bias, NN_PANEL);
		if (o->kind == NN_OUT_STORE) {
			memcpy(o->y + (size_t)(r0 + r) * o->ld + col, v, (size_t)n * sizeof *v);
		} else if (o->kind == NN_OUT_ADD) {
			j->kn->add(o->y + (size_t)(r0 + r) * o->ld + col, v, n);
		} else {
			struct nn_rows *to = o->lines;
			j->kn->act(o->act, v, NN_PANEL);
			if (up && bias)
				j->kn->add(up + r * NN_PANEL, bias + NN_PANEL, NN_PANEL);
			if (up)
				j->kn->mul(v, up + r * NN_PANEL, NN_PANEL);
			(to->bf16 ? j->kn->pack_bf16 : j->kn->pack_f32)(v, n, nn_rows_line(to, r0 + r, col / (to->bf16 ? 32 : 16)), (size_t)to->tile * NN_LINE);
		}
	}
}

static void tile(const struct job *j, int panel, int r0, int chunk, int chunks, float *c)
{
	const struct nn_rows *x = j->x;
	int rows = x->rows - r0 < x->tile ? x->rows - r0 : x->tile;
	size_t slice = j->m->panel_bytes / (size_t)x->chunks * (size_t)chunk;
	j->tile(j->m->data + (size_t)panel * j->m->panel_bytes + slice, nn_rows_line(x, r0, chunk), x->tile, rows, chunks, c);
}

/* One panel, or a gated pair, whole k at once. */
static void whole(const struct job *j, int panel)
{
	_Alignas(64) float c[2][NN_MAX_TILE * NN_PANEL];
	const struct nn_rows *x = j->x;
	for (int r0 = 0; r0 < x->rows; r0 += x->tile) {
		int rows = x->rows - r0 < x->tile ? x->rows - r0 : x->tile;
		for (int i = 0; i <= j->m->gated; i++) {
			memset(c[i], 0, (size_t)rows * NN_PANEL * sizeof(float));
			tile(j, panel + i, r0, 0, x->chunks, c[i]);
		}
		deliver(j, r0, rows, panel, c[0], j->m->gated ? c[1] : NULL);
	}
}

static void sliced(const struct job *j, int panel, float *c)
{
	const struct nn_rows *x = j->x;
	size_t half = (size_t)padded(x->rows) * NN_PANEL;
	int slices = (int)((j->m->panel_bytes + SLICE_BYTES - 1) / SLICE_BYTES), step = (x->chunks + slices - 1) / slices;
	for (int i = 0; i <= j->m->gated; i++) {
		memset(c + (size_t)i * half, 0, half * sizeof(float));
		for (int k = 0; k < x->chunks; k += step)
			for (int r0 = 0; r0 < x->rows; r0 += x->tile)
				tile(j, panel + i, r0, k, x->chunks - k < step ? x->chunks - k : step, c + (size_t)i * half + (size_t)r0 * NN_PANEL);
	}
	for (int r0 = 0; r0 < x->rows; r0 += x->tile) {
		float *at = c + (size_t)r0 * NN_PANEL;
		deliver(j, r0, x->rows - r0 < x->tile ? x->rows - r0 : x->tile, panel, at, j->m->gated ? at + half : NULL);
	}
}

static void run(void *arg, int worker, int workers)
{
	const struct job *j = arg;
	int unit = j->m->gated ? 2 : 1, p, end;
	nn_share(j->m->panels / unit, worker, workers, &p, &end);
	for (p *= unit, end *= unit; p < end; p += unit) {
		if (j->x->rows > j->x->tile && j->m->panel_bytes > SLICE_BYTES)
			sliced(j, p, j->scratch[worker]);
		else
			whole(j, p);
	}
}

void nn_gemm(struct nn_threads *t, const struct nn_kernels *kn, const struct nn_matrix *m, const struct nn_rows *x, const struct nn_out *out, float *const *scratch)
{
	struct job j = { .kn = kn, .m = m, .x = x, .out = out, .scratch = scratch };
	j.tile = m->dtype == NN_F32 ? kn->tile_f32 : m->dtype == NN_BF16 ? kn->tile_bf16 : kn->tile_f16;
	nn_threads_run(t, run, &j);
}
