/* Weights of a Hugging Face directory: one model.safetensors, or shards listed by
 * model.safetensors.index.json, mapped read-only. Finds a tensor under the names
 * that published files use, and hands out rows as f32. The header's claims are
 * checked by st_header.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "nn/families.h"
#include "nn/kernels_source.h"
#include "nn/source.h"
#include "nn/st_header.h"

#define MAX_SHARDS 1024
#define MAX_INDEX_BYTES (16u << 20)
#define TILE 32 /* rows and columns of a transposed block: 32 x 32 floats = 4 KiB */

struct shard {
	char *file;                /* name inside the directory */
	void *map;
	size_t bytes;
	struct nn_st_header head;
};

struct entry {
	const struct nn_st_tensor *tensor;
	const struct shard *shard;
};

struct files {
	struct shard *shard;
	int n_shards;
	struct entry *entry;       /* sorted by tensor name */
	size_t n_entries;
};

static int map_shard(const char *dir, struct shard *s, struct assay_err *e)
{
	char *path = xasprintf("%s/%s", dir, s->file);
	struct stat st;
	int rc = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused below, not waited for */
	if (fd < 0 || fstat(fd, &st)) {
		rc = assay_fail(e, ASSAY_E_MODEL, "%s: cannot open: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size < 8) {
		rc = assay_fail(e, ASSAY_E_MODEL, "%s: too short for a safetensors file (%lld bytes)", path, (long long)st.st_size);
	} else {
		s->bytes = (size_t)st.st_size;
		void *p = mmap(NULL, s->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED) {
			rc = assay_fail(e, ASSAY_E_MODEL, "%s: cannot map: %s", path, strerror(errno));
		} else {
			s->map = p;
			rc = nn_st_header_parse(p, s->bytes, s->bytes, path, &s->head, e);
		}
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->tensor->name, ((const struct entry *)b)->tensor->name);
}

/* One table over all shards; a name in two of them is an error. */
static int index_tensors(const char *dir, struct files *f, struct assay_err *e)
{
	size_t n = 0;
	for (int i = 0; i < f->n_shards; i++)
		n += f->shard[i].head.n;
	f->entry = xalloc(n * sizeof *f->entry);
	for (int i = 0; i < f->n_shards; i++)
		for (size_t k = 0; k < f->shard[i].head.n; k++)
			f->entry[f->n_entries++] = (struct entry){ &f->shard[i].head.tensor[k], &f->shard[i] };
	if (n)
		qsort(f->entry, n, sizeof *f->entry, by_name);
	for (size_t k = 1; k < n; k++)
		if (!strcmp(f->entry[k - 1].tensor->name, f->entry[k].tensor->name))
			return assay_fail(e, ASSAY_E_MODEL, "%s: tensor \"%.100s\" is in both %s and %s", dir, f->entry[k].tensor->name,
			                  f->entry[k - 1].shard->file, f->entry[k].shard->file);
	return 0;
}

static const struct entry *lookup(const struct files *f, const char *name)
{
	struct nn_st_tensor t = { .name = (char *)name };
	struct entry key = { &t, NULL };
	return f->n_entries ? bsearch(&key, f->entry, f->n_entries, sizeof *f->entry, by_name) : NULL;
}

static int add_shard(struct files *f, const char *file, const char *path, struct assay_err *e)
{
	for (int i = 0; i < f->n_shards; i++)
		if (!strcmp(f->shard[i].file, file))
			return 0;
	if (!*file || strchr(file, '/') || !strcmp(file, ".."))
		return assay_fail(e, ASSAY_E_MODEL, "%s: \"%.100s\" is not a file name inside the directory", path, file);
	if (f->n_shards == MAX_SHARDS)
		return assay_fail(e, ASSAY_E_MODEL, "%s: names more than %d files", path, MAX_SHARDS);
	f->shard[f->n_shards++].file = xstrdup(file);
	return 0;
}

/* Every tensor that the index promises must be in the file that it names. */
static int check_map(const struct files *f, const json_t *map, const char *path, struct assay_err *e)
{
	const char *name;
	json_t *v;
	json_object_foreach((json_t *)map, name, v) {
		const struct entry *x = lookup(f, name);
		if (!x || strcmp(x->shard->file, json_string_value(v)))
			return assay_fail(e, ASSAY_E_MODEL, "%s: tensor \"%.100s\" is not in %.100s", path, name, json_string_value(v));
	}
	return 0;
}

static int open_sharded(const char *dir, const char *path, struct files *f, struct assay_err *e)
{
	json_t *root = assay_json_load(path, MAX_INDEX_BYTES, ASSAY_E_MODEL, e), *map = json_object_get(root, "weight_map"), *v;
	const char *name;
	int rc = root ? 0 : ASSAY_E_MODEL;
	if (!rc && !json_object_size(map))
		rc = assay_fail(e, ASSAY_E_MODEL, "%s: \"weight_map\" is missing or empty", path);
	json_object_foreach(map, name, v) {
		if (!rc && !json_is_string(v))
			rc = assay_fail(e, ASSAY_E_MODEL, "%s: \"weight_map\": \"%.100s\" names no file", path, name);
		if (!rc)
			rc = add_shard(f, json_string_value(v), path, e);
	}
	for (int i = 0; !rc && i < f->n_shards; i++)
		rc = map_shard(dir, &f->shard[i], e);
	if (!rc)
		rc = index_tensors(dir, f, e);
	if (!rc)
		rc = check_map(f, map, path, e);
	json_decref(root);
	return rc;
}

static int refuse_dir(const char *dir, struct assay_err *e)
{
	static const char *const old[] = { "pytorch_model.bin", "pytorch_model.bin.index.json", "model.bin" };
	for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
		char *p = xasprintf("%s/%s", dir, old[i]);
		bool found = assay_fs_exists(p);
		free(p);
		if (found)
			return assay_fail(e, ASSAY_E_MODEL, "%s: has %s but no model.safetensors: convert it: python3 -c 'from transformers import AutoModelForCausalLM as M; "
			                  "M.from_pretrained(\"%s\").save_pretrained(\"%s-st\", safe_serialization=True)'", dir, old[i], dir, dir);
	}
	return assay_fail(e, ASSAY_E_MODEL, "%s: no model.safetensors and no model.safetensors.index.json in it", dir);
}

static int open_files(const char *dir, struct files *f, struct assay_err *e)
{
	char *one = xasprintf("%s/model.safetensors", dir), *many = xasprintf("%s/model.safetensors.index.json", dir);
	int rc;
	f->shard = xalloc(MAX_SHARDS * sizeof *f->shard);
	if (assay_fs_exists(one)) {
		rc = add_shard(f, "model.safetensors", dir, e);
		if (!rc)
			rc = map_shard(dir, &f->shard[0], e);
		if (!rc)
			rc = index_tensors(dir, f, e);
	} else if (assay_fs_exists(many)) {
		rc = open_sharded(dir, many, f, e);
	} else {
		rc = refuse_dir(dir, e);
	}
	free(one);
	free(many);
	return rc;
}

static void close_files(struct files *f)
{
	for (int i = 0; f && i < f->n_shards; i++) {
		nn_st_header_release(&f->shard[i].head);
		if (f->shard[i].map)
			munmap(f->shard[i].map, f->shard[i].bytes);
		free(f->shard[i].file);
	}
	if (f) {
		free(f->shard);
		free(f->entry);
	}
	free(f);
}

/* Files leave out the wrapper's prefix when they were saved from the inner model ("h.0...", "decoder.layers..."). */
static const struct entry *find_entry(const struct nn_source *s, const char *name)
{
	name = nn_family_tied_name(&s->shape, name);
	const struct entry *x = lookup(s->priv, name);
	const char *inner = !strncmp(name, "transformer.", 12) ? name + 12 : !strncmp(name, "model.", 6) ? name + 6 : NULL;
	return x || !inner ? x : lookup(s->priv, inner);
}

static bool is_conv1d(const struct nn_shape *s, const char *name)
{
	static const char *const tail[] = { ".c_attn.weight", ".c_proj.weight", ".c_fc.weight" };
	size_t n = strlen(name);
	for (size_t i = 0; s->family == NN_GPT2 && i < sizeof tail / sizeof *tail; i++)
		if (n > strlen(tail[i]) && !strcmp(name + n - strlen(tail[i]), tail[i]))
			return true;
	return false;
}

static void dims_text(const struct nn_st_tensor *t, char *out, size_t size)
{
	size_t n = 0;
	out[0] = 0;
	for (int i = 0; i < t->dims && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%lld", i ? " x " : "", (long long)t->dim[i]);
}

static int st_find(struct nn_source *s, const char *name, int64_t rows, int64_t cols, struct nn_view *out, struct assay_err *e)
{
	const struct entry *x = find_entry(s, name);
	const char *dir = s->shape.checkpoint;
	if (!x || strlen(x->tensor->name) >= sizeof out->name)
		return assay_fail(e, ASSAY_E_MODEL, "%s: tensor \"%.100s\" is missing", dir, name);
	const struct nn_st_tensor *t = x->tensor;
	bool conv = is_conv1d(&s->shape, name);
	int64_t r = t->dims == 2 ? t->dim[conv] : 1, c = t->dims == 2 ? t->dim[!conv] : t->dim[0];
	if (t->dims < 1 || t->dims > 2 || (t->dims == 1 && rows != 1) || r != rows || c != cols) {
		char have[120];
		dims_text(t, have, sizeof have);
		return assay_fail(e, ASSAY_E_MODEL, "%s: tensor \"%.100s\" is %s: config.json needs %lld x %lld%s", dir, t->name, have,
		                  (long long)(conv ? cols : rows), (long long)(conv ? rows : cols), conv ? " (stored transposed)" : "");
	}
	if (t->type == NN_AUTO)
		return assay_fail(e, ASSAY_E_MODEL, "%s: tensor \"%.100s\" has dtype %s: not supported (F32, BF16, F16 are)", dir, t->name, t->type_name);
	*out = (struct nn_view){ .rows = rows, .cols = cols, .stored = t->type, .src = s, .transposed = conv };
	memcpy(out->name, t->name, strlen(t->name) + 1);
	out->data = (const char *)x->shard->map + t->begin;
	return 0;
}

static void widen(enum nn_dtype t, const char *src, int64_t at, size_t n, float *dst)
{
	if (t == NN_F32)
		memcpy(dst, src + 4 * at, n * sizeof *dst);
	else if (t == NN_BF16)
		nn_widen_bf16(src + 2 * at, n, dst);
	else
		nn_widen_f16(src + 2 * at, n, dst);
}

/* Stored [cols][rows]. Blocks keep both the lines read and the lines written in the first cache. */
static void fetch_transposed(const struct nn_view *v, int64_t row0, int64_t nrows, float *dst)
{
	float line[TILE];
	for (int64_t c0 = 0; c0 < v->cols; c0 += TILE) {
		int64_t cn = v->cols - c0 < TILE ? v->cols - c0 : TILE;
		for (int64_t r0 = 0; r0 < nrows; r0 += TILE) {
			int64_t rn = nrows - r0 < TILE ? nrows - r0 : TILE;
			for (int64_t c = c0; c < c0 + cn; c++) {
				widen(v->stored, v->data, c * v->rows + row0 + r0, (size_t)rn, line);
				for (int64_t r = 0; r < rn; r++)
					dst[(r0 + r) * v->cols + c] = line[r];
			}
		}
	}
}

static void st_fetch(const struct nn_view *v, int64_t row0, int64_t nrows, float *dst)
{
	if (v->transposed)
		fetch_transposed(v, row0, nrows, dst);
	else
		widen(v->stored, v->data, row0 * v->cols, (size_t)(nrows * v->cols), dst);
}

static void st_close(struct nn_source *s)
{
	close_files(s->priv);
	free(s);
}

static const struct nn_source_ops st_ops = { "safetensors", st_find, st_fetch, st_close };

/* Without a dtype in config.json, "as published" is the type of the largest tensor. */
static enum nn_dtype main_type(const struct files *f)
{
	enum nn_dtype type = NN_F32;
	uint64_t most = 0;
	for (size_t i = 0; i < f->n_entries; i++) {
		const struct nn_st_tensor *t = f->entry[i].tensor;
		if (t->type != NN_AUTO && t->end - t->begin > most) {
			most = t->end - t->begin;
			type = t->type;
		}
	}
	return type;
}

int nn_safetensors_open(const char *dir, struct nn_source **out, struct assay_err *e)
{
	struct nn_source *s = xalloc(sizeof *s);
	struct files *f = xalloc(sizeof *f);
	*s = (struct nn_source){ .ops = &st_ops, .priv = f };
	int rc = nn_config_read(dir, &s->shape, e);
	if (!rc)
		rc = open_files(dir, f, e);
	if (rc) {
		st_close(s);
		return rc;
	}
	for (int i = 0; i < f->n_shards; i++)
		s->file_bytes += f->shard[i].bytes;
	if (s->shape.stored == NN_AUTO)
		s->shape.stored = main_type(f);
	*out = s;
	return 0;
}
