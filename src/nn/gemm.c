/* See gemm.h. A group of panels at a time meets every tile of rows while it is in
 * cache. A panel too big for that is taken in slices of k; the partial sums of its
 * rows wait in scratch. Slices do not change the order of any sum. */
#include "nn/gemm.h"

#include <string.h>

enum {
	GROUP = 4,                /* panels that share a pass over the rows, even */
	GROUP_BYTES = 512 << 10,  /* of their weights: they stay in L2 */
	SLICE_BYTES = 640 << 10,  /* of one panel */
	ROWS_BYTES = 8 << 20,     /* of packed rows that are gone over again and again: they stay in L3 */
};

void nn_rows_init(struct nn_rows *x, int rows, const struct nn_matrix *m, const struct nn_gemm *g)
{
	int tiles = (rows + g->kn->tile_rows - 1) / g->kn->tile_rows;
	x->rows = rows;
	x->k = m->k;
	x->tile = g->dnnl && rows >= g->dnnl_rows ? 1 : (rows + tiles - 1) / tiles; /* oneDNN reads whole rows */
	x->chunks = m->chunks;
	x->bf16 = m->bf16_lines;
}

/* A tile or a oneDNN call may reach past the last row. */
static int padded(int max_rows)
{
	return max_rows + NN_DNNL_ROWS;
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
	return (size_t)padded(max_rows) * NN_PANEL * NN_DNNL_PANELS;
}

struct job {
	const struct nn_gemm *g;
	const struct nn_kernels *kn;
	const struct nn_matrix *m;
	const struct nn_rows *x;
	const struct nn_out *out;
	nn_tile_fn tile;
};

/* One panel of `rows` rows from r0, c[row * ld], to where it belongs; up: the panel that gates, in the same form. */
static void deliver(const struct job *j, int r0, int rows, int panel, float *c, float *up, int ld)
{
	const struct nn_out *o = j->out;
	int col = (j->m->gated ? panel / 2 : panel) * NN_PANEL;
	int n = j->m->rows - col < NN_PANEL ? j->m->rows - col : NN_PANEL;
	const float *bias = j->m->bias ? j->m->bias + (size_t)panel * NN_PANEL : NULL;
	for (int r = 0; r < rows; r++) {
		float *v = c + (size_t)r * ld, *u = up ? up + (size_t)r * ld : NULL;
		if (bias)
			j->kn->add(v, bias, NN_PANEL);
		if (o->kind == NN_OUT_STORE) {
			memcpy(o->y + (size_t)(r0 + r) * o->ld + col, v, (size_t)n * sizeof *v);
		} else if (o->kind == NN_OUT_ADD) {
			j->kn->add(o->y + (size_t)(r0 + r) * o->ld + col, v, n);
		} else {
			struct nn_rows *to = o->lines;
			j->kn->act(o->act, v, NN_PANEL);
			if (u && bias)
				j->kn->add(u, bias + NN_PANEL, NN_PANEL);
			if (u)
				j->kn->mul(v, u, NN_PANEL);
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

/* Rows r0 .. end times panels first .. first + count, whole k at once: a tile of rows stays in L1 while it meets them. */
static void whole(const struct job *j, int r0, int end, int first, int count)
{
	_Alignas(64) float c[2][NN_MAX_TILE * NN_PANEL];
	int unit = j->m->gated ? 2 : 1;
	for (; r0 < end; r0 += j->x->tile) {
		int rows = end - r0 < j->x->tile ? end - r0 : j->x->tile;
		for (int p = 0; p < count; p += unit) {
			for (int i = 0; i < unit; i++) {
				memset(c[i], 0, (size_t)rows * NN_PANEL * sizeof(float));
				tile(j, first + p + i, r0, 0, j->x->chunks, c[i]);
			}
			deliver(j, r0, rows, first + p, c[0], unit == 2 ? c[1] : NULL, NN_PANEL);
		}
	}
}

/* One panel or gated pair in slices of k; c[unit][padded rows][NN_PANEL] holds the sums so far. */
static void sliced(const struct job *j, int r0, int end, int first, float *c)
{
	const struct nn_rows *x = j->x;
	size_t sums = (size_t)padded(x->rows) * NN_PANEL;
	int slices = (int)((j->m->panel_bytes + SLICE_BYTES - 1) / SLICE_BYTES), step = (x->chunks + slices - 1) / slices;
	for (int i = 0; i < (j->m->gated ? 2 : 1); i++) {
		float *at = c + (size_t)i * sums;
		memset(at + (size_t)r0 * NN_PANEL, 0, (size_t)(end - r0) * NN_PANEL * sizeof(float));
		for (int k = 0; k < x->chunks; k += step)
			for (int r = r0; r < end; r += x->tile)
				tile(j, first + i, r, k, x->chunks - k < step ? x->chunks - k : step, at + (size_t)r * NN_PANEL);
	}
	for (int r = r0; r < end; r += x->tile) {
		float *at = c + (size_t)r * NN_PANEL;
		deliver(j, r, end - r < x->tile ? end - r : x->tile, first, at, j->m->gated ? at + sums : NULL, NN_PANEL);
	}
}

/* Panels first .. last of many rows by oneDNN. A call that fails leaves its panels to our kernels: rows lie one by one, slow but right. */
static void through_dnnl(const struct job *j, int first, int last, int worker)
{
	const int unit = j->m->gated ? 2 : 1, rows = j->x->rows;
	float *y = j->g->scratch[worker];
	for (int p = first; p < last;) {
		int n = last - p >= NN_DNNL_PANELS ? NN_DNNL_PANELS : unit, rc = 0;
		bool wide = n == NN_DNNL_PANELS; /* y[rows][panels]; else y[panel][rows] */
		size_t next = wide ? NN_PANEL : (size_t)padded(rows) * NN_PANEL;
		for (int i = 0; i < (wide ? 1 : n) && !rc; i++)
			rc = nn_dnnl_product(j->g->dnnl, worker, j->m, p + i, wide ? n : 1, j->x, y + (size_t)i * next);
		for (int i = 0; i < n && !rc; i += unit)
			deliver(j, 0, rows, p + i, y + (size_t)i * next, unit == 2 ? y + (size_t)(i + 1) * next : NULL, wide ? n * NN_PANEL : NN_PANEL);
		if (rc)
			whole(j, 0, rows, p, n);
		p += n;
	}
}

/* Units (a panel, or a gated pair) first .. last times tiles t0 .. t1 of the rows. */
static void part(const struct job *j, int first, int last, int t0, int t1, int worker)
{
	const struct nn_rows *x = j->x;
	const int unit = j->m->gated ? 2 : 1, fit = (int)(GROUP_BYTES / j->m->panel_bytes);
	const int group = unit * (fit < unit ? 1 : fit > GROUP ? GROUP / unit : fit / unit);
	const int tiles = (int)(ROWS_BYTES / ((size_t)x->chunks * NN_LINE) / (size_t)x->tile), block = (tiles < 4 ? 4 : tiles) * x->tile;
	const int rows = t1 * x->tile < x->rows ? t1 * x->tile : x->rows;
	for (int r0 = t0 * x->tile; r0 < rows; r0 += block) {
		int end = rows - r0 < block ? rows : r0 + block;
		if (rows > x->tile && j->m->panel_bytes > SLICE_BYTES)
			for (int p = first * unit; p < last * unit; p += unit)
				sliced(j, r0, end, p, j->g->scratch[worker]);
		else
			for (int p = first * unit; p < last * unit; p += group)
				whole(j, r0, end, p, last * unit - p < group ? last * unit - p : group);
	}
}

/* Worker's share of all (unit, tile) pairs, unit by unit: the rest of one, whole ones, the start of another. */
static void run(void *arg, int worker, int workers)
{
	const struct job *j = arg;
	const int units = j->m->panels / (j->m->gated ? 2 : 1), tiles = (j->x->rows + j->x->tile - 1) / j->x->tile;
	int first, last;
	if (j->g->dnnl && j->x->rows >= j->g->dnnl_rows) {
		nn_share(units, worker, workers, &first, &last);
		through_dnnl(j, first * (j->m->panels / units), last * (j->m->panels / units), worker);
		return;
	}
	nn_share(units * tiles, worker, workers, &first, &last);
	int u0 = first / tiles, u1 = last / tiles, t0 = first % tiles, t1 = last % tiles;
	if (u0 == u1) {
		part(j, u0, u0 + 1, t0, t1, worker);
		return;
	}
	if (t0) {
		part(j, u0, u0 + 1, t0, tiles, worker);
		u0++;
	}
	part(j, u0, u1, 0, tiles, worker);
	if (t1)
		part(j, u1, u1 + 1, 0, t1, worker);
}

void nn_gemm_run(const struct nn_gemm *g, const struct nn_matrix *m, const struct nn_rows *x, const struct nn_out *out)
{
	struct job j = { .g = g, .kn = g->kn, .m = m, .x = x, .out = out };
	j.tile = m->dtype == NN_F32 ? g->kn->tile_f32 : m->dtype == NN_BF16 ? g->kn->tile_bf16 : g->kn->tile_f16;
	nn_threads_run(g->threads, run, &j);
}
