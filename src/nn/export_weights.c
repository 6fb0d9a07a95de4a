/* model.safetensors, streamed: names and sizes of all tensors first, then their rows, narrowed as the engine narrows them. Must not know of other files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "nn/export.h"
#include "nn/families.h"
#include "nn/half.h"

#define BLOCK_VALUES ((int64_t)1 << 20)
#define HEADER_MAX (16u << 20)

struct item {
	struct nn_view view;
	char name[160];            /* in the new file */
	bool vector, conv;         /* one dimension; stored [in][out] */
};

struct list {
	struct nn_source *src;
	struct item *item;
	int n, cap;
	struct assay_err *e;
	int rc;                    /* the first failure; later adds do nothing */
};

static void add(struct list *l, const char *prefix, const char *name, const char *suffix, int64_t rows, int64_t cols)
{
	if (l->rc || !name)
		return;
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->item = xrealloc(l->item, (size_t)l->cap * sizeof *l->item);
	}
	struct item *x = &l->item[l->n++];
	*x = (struct item){ .vector = rows == 1 };
	snprintf(x->name, sizeof x->name, "%s%s%s", prefix, name, suffix);
	l->rc = l->src->ops->find(l->src, x->name, rows, cols, &x->view, l->e);
}

static void add_norm(struct list *l, const char *prefix, const char *name, int n)
{
	add(l, prefix, name, ".weight", 1, n);
	if (!nn_family_desc(l->src->shape.family)->rms)
		add(l, prefix, name, ".bias", 1, n);
}

static void add_matrix(struct list *l, const char *prefix, const char *name, int64_t rows, int64_t cols, bool bias)
{
	add(l, prefix, name, ".weight", rows, cols);
	if (!l->rc && name)
		l->item[l->n - 1].conv = l->src->shape.family == NN_GPT2;
	if (bias)
		add(l, prefix, name, ".bias", 1, rows);
}

static void add_layer(struct list *l, int index)
{
	const struct nn_shape *s = &l->src->shape;
	const struct nn_family_desc *d = nn_family_desc(s->family);
	int64_t q = (int64_t)s->heads * s->head_dim, kv = (int64_t)s->kv_heads * s->head_dim;
	char p[64];
	snprintf(p, sizeof p, d->layer, index);
	add_norm(l, p, d->attn_norm, s->hidden);
	add_matrix(l, p, d->qkv, q + 2 * kv, s->hidden, s->qkv_bias);
	add_matrix(l, p, d->q, q, s->hidden, s->qkv_bias);
	add_matrix(l, p, d->k, kv, s->hidden, s->qkv_bias);
	add_matrix(l, p, d->v, kv, s->hidden, s->qkv_bias);
	add(l, p, s->qk_norm ? d->q_norm : NULL, ".weight", 1, s->head_dim);
	add(l, p, s->qk_norm ? d->k_norm : NULL, ".weight", 1, s->head_dim);
	add_matrix(l, p, d->out, s->hidden, q, s->out_bias);
	add_norm(l, p, d->mlp_norm, s->hidden);
	add_matrix(l, p, s->gated_mlp ? d->gate : NULL, s->ffn, s->hidden, s->mlp_bias);
	add_matrix(l, p, d->up, s->ffn, s->hidden, s->mlp_bias);
	add_matrix(l, p, d->down, s->hidden, s->ffn, s->mlp_bias);
}

static void add_all(struct list *l)
{
	const struct nn_shape *s = &l->src->shape;
	const struct nn_family_desc *d = nn_family_desc(s->family);
	bool projected = s->embed_dim != s->hidden;
	add(l, "", d->embed, ".weight", s->vocab, s->embed_dim);
	add(l, "", s->rope ? NULL : d->positions, ".weight", (int64_t)s->max_context + s->pos_offset, s->hidden);
	add(l, "", projected ? d->project_in : NULL, ".weight", s->hidden, s->embed_dim);
	add(l, "", projected ? d->project_out : NULL, ".weight", s->embed_dim, s->hidden);
	for (int i = 0; i < s->layers; i++)
		add_layer(l, i);
	if (s->pre_norm)
		add_norm(l, "", d->final_norm, s->hidden);
	add(l, "", s->tied ? NULL : d->head, ".weight", s->vocab, s->embed_dim);
}

/* 8 bytes of length, JSON padded with blanks to a multiple of 8. */
static int write_header(const struct list *l, enum nn_dtype t, FILE *f, uint64_t *total)
{
	struct assay_buf b;
	json_t *o = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
	*total = 0;
	for (int i = 0; i < l->n; i++) {
		const struct item *x = &l->item[i];
		json_t *dims = x->vector ? json_pack("[I]", (json_int_t)x->view.cols)
					 : json_pack("[I, I]", (json_int_t)(x->conv ? x->view.cols : x->view.rows), (json_int_t)(x->conv ? x->view.rows : x->view.cols));
		uint64_t bytes = nn_dtype_bytes(t, (uint64_t)x->view.rows * (uint64_t)x->view.cols);
		json_object_set_new(o, x->name, json_pack("{s:s, s:o, s:[I, I]}", "dtype", t == NN_F32 ? "F32" : t == NN_BF16 ? "BF16" : "F16", "shape", dims, "data_offsets", (json_int_t)*total,
							  (json_int_t)(*total + bytes)));
		*total += bytes;
	}
	assay_buf_init(&b, HEADER_MAX);
	int bad = assay_json_print(&b, o, 0);
	while (!bad && b.len_bytes % 8)
		bad = assay_buf_puts(&b, " ");
	uint64_t n = b.len_bytes;
	bad = bad || fwrite(&n, sizeof n, 1, f) != 1 || fwrite(b.data, n, 1, f) != 1; /* little-endian, as every machine this is built for */
	json_decref(o);
	assay_buf_release(&b);
	return bad;
}

struct stream { FILE *f; enum nn_dtype t; float *rows, *turned; uint16_t *half; uint64_t done, total; };

/* Narrows n values and writes them; 1: one of them is no finite number of that type; -1: the disk. */
static int write_values(struct stream *w, const float *v, size_t n)
{
	const void *data = v;
	bool finite = true;
	for (size_t i = 0; i < n; i++) {
		uint16_t h = w->t == NN_BF16 ? nn_f32_bf16(v[i]) : w->t == NN_F16 ? nn_f32_f16(v[i]) : 0;
		uint16_t top = w->t == NN_F16 ? 0x7c00 : 0x7f80;
		finite = finite && (w->t == NN_F32 ? (nn_f32_bits(v[i]) & 0x7f800000) != 0x7f800000 : (h & top) != top);
		if (w->t != NN_F32)
			w->half[i] = h;
	}
	if (w->t != NN_F32)
		data = w->half;
	size_t unit = w->t == NN_F32 ? 4 : 2;
	w->done += n * unit;
	return !finite ? 1 : fwrite(data, unit, n, w->f) == n ? 0 : -1;
}

/* A Conv1D matrix lies [in][out]: made whole, turned a strip of lines at a time. */
static int write_turned(struct stream *w, const struct nn_view *v, float *whole)
{
	int64_t step = BLOCK_VALUES / v->rows > 0 ? BLOCK_VALUES / v->rows : 1;
	int bad = 0;
	v->src->ops->fetch(v, 0, v->rows, whole);
	for (int64_t c0 = 0; !bad && c0 < v->cols; c0 += step) {
		int64_t cn = v->cols - c0 < step ? v->cols - c0 : step;
		for (int64_t r = 0; r < v->rows; r++)
			for (int64_t c = 0; c < cn; c++)
				w->turned[c * v->rows + r] = whole[r * v->cols + c0 + c];
		bad = write_values(w, w->turned, (size_t)(cn * v->rows));
	}
	return bad;
}

static int write_rows(struct stream *w, const struct nn_view *v)
{
	int64_t step = BLOCK_VALUES / v->cols > 0 ? BLOCK_VALUES / v->cols : 1;
	int bad = 0;
	for (int64_t r = 0; !bad && r < v->rows; r += step) {
		int64_t n = v->rows - r < step ? v->rows - r : step;
		v->src->ops->fetch(v, r, n, w->rows);
		bad = write_values(w, w->rows, (size_t)(n * v->cols));
	}
	return bad;
}

static int write_all(struct list *l, struct stream *w, const struct nn_export_options *o, const char *path)
{
	int bad = 0;
	for (int i = 0; !bad && i < l->n; i++) {
		const struct item *x = &l->item[i];
		if (l->src->cancelled && l->src->cancelled())
			return assay_fail(l->e, ASSAY_E_INTERRUPT, "interrupted; nothing was left at %s", path);
		float *whole = x->conv ? xalloc((size_t)x->view.rows * (size_t)x->view.cols * sizeof(float)) : NULL;
		bad = x->conv ? write_turned(w, &x->view, whole) : write_rows(w, &x->view);
		free(whole);
		if (bad > 0)
			return assay_fail(l->e, ASSAY_E_MODEL, "%s: tensor %s: a value is not finite as %s: take a wider --dtype", l->src->shape.name, x->name, nn_dtype_name(w->t));
		if (o->progress)
			o->progress(o->arg, w->done, w->total);
	}
	return bad ? assay_fail(l->e, ASSAY_E_IO, "%s: cannot write: %s", path, strerror(errno)) : 0;
}

static int64_t widest(const struct list *l)
{
	int64_t most = BLOCK_VALUES;
	for (int i = 0; i < l->n; i++) {
		const struct nn_view *v = &l->item[i].view;
		int64_t line = v->cols > v->rows && !l->item[i].conv ? v->cols : l->item[i].conv ? v->rows : v->cols;
		most = line > most ? line : most;
	}
	return most;
}

int nn_export_weights(struct nn_source *src, enum nn_dtype dtype, const char *path, const struct nn_export_options *o, struct nn_export_report *out, struct assay_err *e)
{
	struct list l = { .src = src, .e = e };
	struct stream w = { .t = dtype };
	add_all(&l);
	if (!l.rc) {
		size_t room = (size_t)widest(&l);
		w.rows = xalloc(room * sizeof *w.rows);
		w.turned = xalloc(room * sizeof *w.turned);
		w.half = xalloc(room * sizeof *w.half);
		w.f = fopen(path, "wbe");
		if (!w.f || write_header(&l, dtype, w.f, &w.total))
			l.rc = assay_fail(e, ASSAY_E_IO, "%s: cannot write: %s", path, strerror(errno));
	}
	if (!l.rc)
		l.rc = write_all(&l, &w, o, path);
	if (!l.rc && (fflush(w.f) || fsync(fileno(w.f))))
		l.rc = assay_fail(e, ASSAY_E_IO, "%s: cannot write: %s", path, strerror(errno));
	out->bytes = l.rc ? 0 : (uint64_t)ftello(w.f);
	out->tensors = l.n;
	if (w.f && fclose(w.f) && !l.rc)
		l.rc = assay_fail(e, ASSAY_E_IO, "%s: cannot write: %s", path, strerror(errno));
	free(w.rows);
	free(w.turned);
	free(w.half);
	free(l.item);
	return l.rc;
}
