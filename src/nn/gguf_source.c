/* A GGUF file as a source of weights (source.h): maps the file, answers Hugging
 * Face names, widens rows on the fly. The pages stay the kernel's to drop. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/families.h"
#include "nn/gguf.h"
#include "nn/gguf_model.h"
#include "nn/quants.h"
#include "nn/source.h"

struct gguf_source {
	struct nn_source base;
	struct nn_gguf_file file;
};

/* "/x/My Model.Q4_1.gguf" gives name "My-Model.Q4_1". */
static void set_names(struct nn_shape *s, const char *path)
{
	const char *slash = strrchr(path, '/'), *from = slash ? slash + 1 : path;
	size_t n = strnlen(from, sizeof s->name - 1), dot = n > 5 && !strcmp(from + n - 5, ".gguf") ? 5 : 0;
	n -= dot;
	for (size_t i = 0; i < n; i++)
		s->name[i] = isalnum((unsigned char)from[i]) || strchr("._-", from[i]) ? from[i] : '-';
	s->name[n] = 0;
	n = strnlen(path, sizeof s->checkpoint - 1);
	memcpy(s->checkpoint, path, n);
	s->checkpoint[n] = 0;
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);
	return n >= t && !strcmp(s + n - t, tail);
}

/* llama.cpp's converter interleaves the two halves of every query and key head of arch llama. */
static bool is_permuted(const struct nn_shape *s, const char *gguf_name)
{
	return s->family == NN_LLAMA && (ends_with(gguf_name, ".attn_q.weight") || ends_with(gguf_name, ".attn_k.weight") ||
	                                 ends_with(gguf_name, ".attn_q.bias") || ends_with(gguf_name, ".attn_k.bias"));
}

static int gguf_find(struct nn_source *s, const char *name, int64_t rows, int64_t cols, struct nn_view *out, struct assay_err *e)
{
	const struct gguf_source *src = s->priv;
	const struct nn_gguf *g = &src->file.g;
	char stored[160] = "";
	const struct nn_gguf_tensor *t = NULL;
	*out = (struct nn_view){ .rows = rows, .cols = cols, .src = s };
	name = nn_family_tied_name(&s->shape, name);
	if (strlen(name) < sizeof out->name && nn_gguf_tensor_name(s->shape.family, name, stored, sizeof stored))
		t = nn_gguf_find_tensor(g, stored);
	if (!t)
		return assay_fail(e, ASSAY_E_MODEL, "%s: tensor %s (%s) is missing", g->what, stored, name);
	strcpy(out->name, name);
	if (t->dims[0] != (uint64_t)cols || t->dims[1] != (uint64_t)rows || t->dims[2] != 1 || t->dims[3] != 1)
		return assay_fail(e, ASSAY_E_MODEL, "%s: tensor %s is [%llu, %llu]: the model needs [%lld, %lld] (%s)", g->what, stored,
		                  (unsigned long long)t->dims[1], (unsigned long long)t->dims[0], (long long)rows, (long long)cols, name);
	const struct nn_quant *q = nn_quant_of_ggml(t->type);
	out->stored = q->dtype;
	out->data = t->data;
	out->permuted = is_permuted(&s->shape, stored);
	out->head_dim = s->shape.head_dim;
	int64_t permuted_axis = rows > 1 ? rows : cols;
	if (out->permuted && (permuted_axis % out->head_dim || out->head_dim % 2 || (rows == 1 && q->block != 1)))
		return assay_fail(e, ASSAY_E_MODEL, "%s: tensor %s: %lld rows are no whole heads of %d", g->what, stored, (long long)permuted_axis,
		                  out->head_dim);
	return 0;
}

/* Where row r of the model lies in the file: [head][half][i] is stored as [head][i][half]. */
static int64_t stored_index(const struct nn_view *v, int64_t r)
{
	if (!v->permuted)
		return r;
	int64_t in_head = r % v->head_dim, half = v->head_dim / 2;
	return r - in_head + 2 * (in_head % half) + in_head / half;
}

static void gguf_fetch(const struct nn_view *v, int64_t row0, int64_t nrows, float *dst)
{
	const struct nn_quant *q = nn_quant_of_dtype(v->stored);
	const uint8_t *data = v->data;
	size_t row_bytes = (size_t)(v->cols / q->block) * (size_t)q->block_bytes;
	if (v->permuted && v->rows == 1) {
		for (int64_t i = 0; i < v->cols; i++)
			q->widen(data + (size_t)stored_index(v, i) * (size_t)q->block_bytes, 1, dst + i);
	} else if (v->permuted) {
		for (int64_t r = 0; r < nrows; r++)
			q->widen(data + (size_t)stored_index(v, row0 + r) * row_bytes, v->cols, dst + r * v->cols);
	} else {
		q->widen(data + (size_t)row0 * row_bytes, nrows * v->cols, dst);
	}
}

static void gguf_close(struct nn_source *s)
{
	struct gguf_source *src = s->priv;
	nn_gguf_unmap(&src->file);
	free(src);
}

static const struct nn_source_ops gguf_ops = { "gguf", gguf_find, gguf_fetch, gguf_close };

int nn_gguf_open(const char *path, struct nn_source **out, struct assay_err *e)
{
	struct gguf_source *src = xalloc(sizeof *src);
	*out = NULL;
	int rc = nn_gguf_map(path, &src->file, e);
	if (rc) {
		free(src);
		return rc;
	}
	rc = nn_gguf_model_shape(&src->file.g, &src->base.shape, e);
	src->base.ops = &gguf_ops;
	src->base.file_bytes = src->file.size_bytes;
	src->base.priv = src;
	set_names(&src->base.shape, path);
	if (rc)
		gguf_close(&src->base);
	else
		*out = &src->base;
	return rc;
}

int nn_gguf_shape(const char *path, struct nn_shape *out, struct assay_err *e)
{
	struct nn_gguf_file f;
	int rc = nn_gguf_map(path, &f, e);
	if (rc)
		return rc;
	rc = nn_gguf_model_shape(&f.g, out, e);
	if (!rc)
		set_names(out, path);
	nn_gguf_unmap(&f);
	return rc;
}
