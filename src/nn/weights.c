/* See weights.h. Must not know how the numbers are used. */
#include "nn/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/mem.h"
#include "nn/half.h"

enum { ALIGN = 256, MAX_PARTS = 3 };

/* ---- layout: run once to count, once to place ---- */

struct arena {
	char *base;
	size_t used;
	uint64_t bytes;
};

static void *carve(struct arena *a, size_t bytes)
{
	char *p = a->base ? a->base + a->used : NULL;
	a->used += (bytes + ALIGN - 1) / ALIGN * ALIGN;
	a->bytes += bytes;
	return p;
}

static size_t elem_bytes(enum nn_dtype t)
{
	return t == NN_F32 ? 4 : 2;
}

static void place(struct arena *a, struct nn_matrix *m, enum nn_dtype dtype, int rows, int k, bool gated, bool bias, const struct nn_kernels *kn)
{
	nn_matrix_init(m, dtype, rows, k, gated, kn);
	m->data = carve(a, (size_t)m->panels * m->panel_bytes);
	m->bias = bias ? carve(a, (size_t)m->panels * NN_PANEL * sizeof(float)) : NULL;
}

static void place_table(struct arena *a, struct nn_table *t, enum nn_dtype dtype, int rows, int cols)
{
	*t = (struct nn_table){ .dtype = dtype, .rows = rows, .cols = cols };
	t->data = carve(a, (size_t)rows * cols * elem_bytes(dtype));
}

static struct nn_norm place_norm(struct arena *a, int n, bool rms)
{
	struct nn_norm norm = { .w = carve(a, (size_t)n * sizeof(float)) };
	norm.b = rms ? NULL : carve(a, (size_t)n * sizeof(float));
	return norm;
}

static void lay_out(struct nn_weights *w, struct arena *a, const struct nn_shape *s, enum nn_dtype t, const struct nn_kernels *kn)
{
	bool rms = nn_family_desc(s->family)->rms;
	int q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
	if (!s->tied)
		place_table(a, &w->embed, t, s->vocab, s->embed_dim);
	if (!s->rope)
		place_table(a, &w->positions, t, s->max_context + s->pos_offset, s->hidden);
	if (s->embed_dim != s->hidden) {
		place(a, &w->project_in, t, s->hidden, s->embed_dim, false, false, kn);
		place(a, &w->project_out, t, s->embed_dim, s->hidden, false, false, kn);
	}
	for (int i = 0; i < s->layers; i++) {
		struct nn_layer *l = &w->layers[i];
		l->attn_norm = place_norm(a, s->hidden, rms);
		place(a, &l->qkv, t, q + 2 * kv, s->hidden, false, s->qkv_bias, kn);
		l->q_norm = s->qk_norm ? carve(a, (size_t)s->head_dim * sizeof(float)) : NULL;
		l->k_norm = s->qk_norm ? carve(a, (size_t)s->head_dim * sizeof(float)) : NULL;
		place(a, &l->out, t, s->hidden, q, false, s->out_bias, kn);
		l->mlp_norm = place_norm(a, s->hidden, rms);
		place(a, &l->up, t, s->ffn, s->hidden, s->gated_mlp, s->mlp_bias, kn);
		place(a, &l->down, t, s->hidden, s->ffn, false, s->mlp_bias, kn);
	}
	if (s->pre_norm)
		w->final_norm = place_norm(a, s->hidden, rms);
	place(a, &w->head, t, s->vocab, s->embed_dim, false, false, kn);
}

/* ---- reading, with all workers ---- */

struct load {
	struct nn_source *src;
	const struct nn_shape *shape;
	const struct nn_kernels *kn;
	struct nn_threads *threads;
	struct assay_err *e;
	struct worker {
		float *rows;             /* [NN_PANEL][longest k] */
		uint32_t *words;         /* nn_matrix_pack_words(longest k) */
		int64_t fetch_ns, pack_ns;
		int bad_part;            /* -1: all finite */
		bool overflow;           /* finite, but not in f16 */
		_Alignas(64) char pad;
	} *worker;
	/* the tensor at hand: parts stacked by rows, or gate and up of a gated matrix */
	struct nn_matrix *matrix;
	struct nn_table *table;
	struct nn_view part[MAX_PARTS];
	int parts;
};

static void fetch(struct load *ld, struct worker *me, int part, int64_t row, int64_t n, float *dst)
{
	const struct nn_view *v = &ld->part[part];
	ld->src->ops->fetch(v, row, n, dst);
	uint32_t top = 0;
	size_t count = (size_t)n * (size_t)v->cols;
	for (size_t i = 0; i < count; i++) {
		uint32_t a = nn_f32_bits(dst[i]) & 0x7fffffff;
		top = a > top ? a : top;
	}
	enum nn_dtype t = ld->matrix ? ld->matrix->dtype : ld->table ? ld->table->dtype : NN_F32;
	bool overflow = t == NN_F16 && top >= 0x477ff000 && top < 0x7f800000;
	bool bad = top >= 0x7f800000 || (t == NN_BF16 && top >= 0x7f7f8000);
	if ((bad || overflow) && me->bad_part < 0) {
		me->bad_part = part;
		me->overflow = overflow;
	}
}

/* Rows of a panel: from the parts in turn, or for a gated matrix from part p % 2. Returns how many there are. */
static int fetch_panel(struct load *ld, struct worker *me, int p)
{
	const struct nn_matrix *m = ld->matrix;
	int part = m->gated ? p % 2 : 0, row = (m->gated ? p / 2 : p) * NN_PANEL;
	int n = m->rows - row < NN_PANEL ? m->rows - row : NN_PANEL;
	for (int done = 0; done < n; part++) {
		int64_t have = ld->part[part].rows;
		if (row >= have) {
			row -= (int)have;
			continue;
		}
		int take = have - row < n - done ? (int)(have - row) : n - done;
		fetch(ld, me, part, row, take, me->rows + (size_t)done * m->k);
		done += take;
		row = 0;
	}
	return n;
}

static void load_matrix(void *arg, int worker, int workers)
{
	struct load *ld = arg;
	struct worker *me = &ld->worker[worker];
	int unit = ld->matrix->gated ? 2 : 1, p, end;
	nn_share(ld->matrix->panels / unit, worker, workers, &p, &end);
	for (p *= unit, end *= unit; p < end; p++) {
		int64_t t0 = assay_now_ns();
		int n = fetch_panel(ld, me, p);
		int64_t t1 = assay_now_ns();
		nn_matrix_pack(ld->matrix, p, me->rows, n, ld->kn, me->words);
		me->fetch_ns += t1 - t0;
		me->pack_ns += assay_now_ns() - t1;
	}
}

static void load_table(void *arg, int worker, int workers)
{
	struct load *ld = arg;
	struct worker *me = &ld->worker[worker];
	struct nn_table *t = ld->table;
	int row, end;
	nn_share(t->rows, worker, workers, &row, &end);
	for (; row < end; row++) {
		int64_t t0 = assay_now_ns();
		fetch(ld, me, 0, row, 1, me->rows);
		int64_t t1 = assay_now_ns();
		ld->kn->narrow(t->dtype, me->rows, t->data + (size_t)row * t->cols * elem_bytes(t->dtype), t->cols);
		me->fetch_ns += t1 - t0;
		me->pack_ns += assay_now_ns() - t1;
	}
}

/* After each tensor. */
static int check_values(struct load *ld)
{
	if (ld->src->cancelled && ld->src->cancelled())
		return assay_fail(ld->e, ASSAY_E_INTERRUPT, "interrupted while the model was loaded; nothing was measured");
	for (int i = 0; i < nn_threads_count(ld->threads); i++) {
		struct worker *w = &ld->worker[i];
		if (w->bad_part >= 0)
			return assay_fail(ld->e, ASSAY_E_MODEL, w->overflow ? "%s: tensor %s: a value does not fit f16 (above 65504): use --dtype bf16 or f32" :
				"%s: tensor %s: holds a value that is NaN or infinite: the file is damaged or not a model", ld->shape->checkpoint, ld->part[w->bad_part].name);
	}
	return 0;
}

static int find(struct load *ld, const char *prefix, const char *name, const char *suffix, int64_t rows, int64_t cols)
{
	char full[160];
	snprintf(full, sizeof full, "%s%s%s", prefix, name, suffix);
	return ld->src->ops->find(ld->src, full, rows, cols, &ld->part[ld->parts++], ld->e);
}

static int read_vector(struct load *ld, const char *prefix, const char *name, const char *suffix, int n, float *dst)
{
	ld->parts = 0;
	ld->matrix = NULL;
	ld->table = NULL;
	int rc = find(ld, prefix, name, suffix, 1, n);
	if (rc)
		return rc;
	fetch(ld, &ld->worker[0], 0, 0, 1, dst);
	return check_values(ld);
}

/* A matrix whose rows are those of up to three tensors; rows[i] of names[i]. */
static int read_matrix(struct load *ld, struct nn_matrix *m, const char *prefix, const char *const *names, const int *rows, int parts)
{
	int at = 0, rc = 0;
	for (int i = 0; m->bias && i < parts && !rc; i++) {
		float *raw = ld->worker[0].rows;
		rc = read_vector(ld, prefix, names[i], ".bias", rows[i], raw);
		for (int r = 0; r < rows[i] && !rc; r++)
			m->bias[m->gated ? r / NN_PANEL * 2 * NN_PANEL + i * NN_PANEL + r % NN_PANEL : at + r] = raw[r];
		at += rows[i];
	}
	ld->parts = 0;
	ld->matrix = m;
	ld->table = NULL;
	for (int i = 0; i < parts && !rc; i++)
		rc = find(ld, prefix, names[i], ".weight", rows[i], m->k);
	if (rc)
		return rc;
	nn_threads_run(ld->threads, load_matrix, ld);
	return check_values(ld);
}

static int read_one(struct load *ld, struct nn_matrix *m, const char *prefix, const char *name)
{
	return read_matrix(ld, m, prefix, &name, &m->rows, 1);
}

static int read_table(struct load *ld, struct nn_table *t, const char *name)
{
	ld->parts = 0;
	ld->matrix = NULL;
	ld->table = t;
	int rc = find(ld, "", name, ".weight", t->rows, t->cols);
	if (rc)
		return rc;
	nn_threads_run(ld->threads, load_table, ld);
	return check_values(ld);
}

static int read_norm(struct load *ld, const struct nn_norm *n, const char *prefix, const char *name)
{
	int rc = read_vector(ld, prefix, name, ".weight", ld->shape->hidden, n->w);
	return rc || !n->b ? rc : read_vector(ld, prefix, name, ".bias", ld->shape->hidden, n->b);
}

static int read_layer(struct load *ld, struct nn_layer *l, int index)
{
	const struct nn_shape *s = ld->shape;
	const struct nn_family_desc *d = nn_family_desc(s->family);
	const int q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
	char p[64];
	snprintf(p, sizeof p, d->layer, index);
	int rc = read_norm(ld, &l->attn_norm, p, d->attn_norm);
	if (!rc && d->qkv)
		rc = read_one(ld, &l->qkv, p, d->qkv);
	else if (!rc)
		rc = read_matrix(ld, &l->qkv, p, (const char *const[]){ d->q, d->k, d->v }, (const int[]){ q, kv, kv }, 3);
	if (!rc && l->q_norm)
		rc = read_vector(ld, p, d->q_norm, ".weight", s->head_dim, l->q_norm);
	if (!rc && l->k_norm)
		rc = read_vector(ld, p, d->k_norm, ".weight", s->head_dim, l->k_norm);
	if (!rc)
		rc = read_one(ld, &l->out, p, d->out);
	if (!rc)
		rc = read_norm(ld, &l->mlp_norm, p, d->mlp_norm);
	if (!rc && s->gated_mlp)
		rc = read_matrix(ld, &l->up, p, (const char *const[]){ d->gate, d->up }, (const int[]){ s->ffn, s->ffn }, 2);
	else if (!rc)
		rc = read_one(ld, &l->up, p, d->up);
	return rc ? rc : read_one(ld, &l->down, p, d->down);
}

static int read_all(struct load *ld, struct nn_weights *w)
{
	const struct nn_shape *s = ld->shape;
	const struct nn_family_desc *d = nn_family_desc(s->family);
	int rc = 0;
	if (!s->tied)
		rc = read_table(ld, &w->embed, d->embed);
	if (!rc && !s->rope)
		rc = read_table(ld, &w->positions, d->positions);
	if (!rc && w->project_in.panels)
		rc = read_one(ld, &w->project_in, "", d->project_in);
	if (!rc && w->project_out.panels)
		rc = read_one(ld, &w->project_out, "", d->project_out);
	for (int i = 0; i < s->layers && !rc; i++)
		rc = read_layer(ld, &w->layers[i], i);
	if (!rc && w->final_norm.w)
		rc = read_norm(ld, &w->final_norm, "", d->final_norm);
	return rc ? rc : read_one(ld, &w->head, "", s->tied ? d->embed : d->head);
}

/* ---- whole ---- */

static int check_shape(const struct nn_shape *s, struct assay_err *e)
{
	const struct nn_family_desc *d = nn_family_desc(s->family);
	if (s->gated_mlp && !d->gate)
		return assay_fail(e, ASSAY_E_MODEL, "%s: this family has no gated MLP", s->name);
	if (!s->rope && !d->positions)
		return assay_fail(e, ASSAY_E_MODEL, "%s: this family has no learned positions", s->name);
	if (s->embed_dim != s->hidden && !d->project_in)
		return assay_fail(e, ASSAY_E_MODEL, "%s: this family has no embedding projection", s->name);
	if (s->qk_norm && !d->q_norm)
		return assay_fail(e, ASSAY_E_MODEL, "%s: this family has no q/k norms", s->name);
	return 0;
}

static int map_all(struct nn_weights *w, const struct nn_shape *s, enum nn_dtype dtype, const struct nn_kernels *kn, struct assay_err *e)
{
	struct arena a = { 0 };
	w->layers = xalloc((size_t)s->layers * sizeof *w->layers);
	lay_out(w, &a, s, dtype, kn);
	w->bytes = a.bytes;
	w->map_bytes = a.used;
	w->map = mmap(NULL, a.used, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->map == MAP_FAILED) {
		w->map = NULL;
		return assay_fail(e, ASSAY_E_MODEL, "%s: weights need %zu MiB, the system refuses them: use a narrower --dtype or a smaller model", s->name, a.used >> 20);
	}
	madvise(w->map, a.used, MADV_HUGEPAGE);
	a = (struct arena){ .base = w->map };
	lay_out(w, &a, s, dtype, kn);
	return 0;
}

static int longest_row(const struct nn_shape *s)
{
	int q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim, n = q + 2 * kv;
	n = s->ffn > n ? s->ffn : n;
	n = s->embed_dim > n ? s->embed_dim : n;
	return s->hidden > n ? s->hidden : n;
}

int nn_weights_load(struct nn_weights *w, struct nn_source *src, enum nn_dtype dtype, const struct nn_kernels *kn, struct nn_threads *threads,
	struct nn_load_times *times, struct assay_err *e)
{
	int workers = nn_threads_count(threads), longest = longest_row(&src->shape);
	int64_t t0 = assay_now_ns(), fetch_ns = 0, pack_ns = 0;
	struct load ld = { .src = src, .shape = &src->shape, .kn = kn, .threads = threads, .e = e };
	*w = (struct nn_weights){ 0 };
	int rc = check_shape(&src->shape, e);
	if (rc)
		return rc;
	ld.worker = aligned_alloc(64, (size_t)workers * sizeof *ld.worker);
	if (!ld.worker)
		return assay_fail(e, ASSAY_E_MODEL, "%s: out of memory", src->shape.name);
	for (int i = 0; i < workers; i++)
		ld.worker[i] = (struct worker){
			.rows = xalloc((size_t)longest * NN_PANEL * sizeof(float)), .words = xalloc(nn_matrix_pack_words(longest) * sizeof(uint32_t)), .bad_part = -1,
		};
	rc = map_all(w, &src->shape, dtype, kn, e);
	if (!rc)
		rc = read_all(&ld, w);
	for (int i = 0; i < workers; i++) {
		fetch_ns += ld.worker[i].fetch_ns;
		pack_ns += ld.worker[i].pack_ns;
		free(ld.worker[i].rows);
		free(ld.worker[i].words);
	}
	free(ld.worker);
	if (rc) {
		nn_weights_release(w);
		return rc;
	}
	int64_t wall = assay_now_ns() - t0;
	times->weights_ns = (int64_t)((double)wall * (double)fetch_ns / (double)(fetch_ns + pack_ns + 1));
	times->pack_ns = wall - times->weights_ns;
	return 0;
}

void nn_weights_release(struct nn_weights *w)
{
	if (w->map)
		munmap(w->map, w->map_bytes);
	free(w->layers);
	*w = (struct nn_weights){ 0 };
}
