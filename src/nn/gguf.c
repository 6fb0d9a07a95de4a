/* See gguf.h. A cursor checks every count, length and offset against what is left
 * before it is used; nothing is allocated for more entries than the bytes could hold. */
#include "nn/gguf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "nn/quants.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "GGUF values are read in place as little-endian");

#define MAX_ENTRIES 65536u              /* metadata keys, tensors */
#define MAX_NAME_BYTES 256u
#define MAX_ALIGNMENT (1u << 20)
#define MAX_VALUES (UINT64_C(1) << 42)  /* of one tensor */
#define MIN_KV_BYTES (8 + 1 + 4 + 1)
#define MIN_TENSOR_BYTES (8 + 1 + 4 + 8 + 4 + 8)

struct cursor {
	const uint8_t *base, *at, *end;
	const char *what;
	struct assay_err *e;
};

static size_t left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

static int truncated(const struct cursor *c, const char *part)
{
	return assay_fail(c->e, ASSAY_E_MODEL, "%s: byte %zu: file ends inside %s: truncated or not a GGUF file", c->what,
	                  (size_t)(c->at - c->base), part);
}

static int take(struct cursor *c, void *out, size_t n, const char *part)
{
	if (left(c) < n)
		return truncated(c, part);
	memcpy(out, c->at, n);
	c->at += n;
	return 0;
}

static int take_str(struct cursor *c, struct nn_gguf_str *out, const char *part)
{
	uint64_t n = 0;
	int rc = take(c, &n, sizeof n, part);
	if (rc)
		return rc;
	if (n > left(c))
		return truncated(c, part);
	*out = (struct nn_gguf_str){ (const char *)c->at, (size_t)n };
	c->at += n;
	return 0;
}

static int take_name(struct cursor *c, struct nn_gguf_str *out, const char *part)
{
	size_t at = (size_t)(c->at - c->base);
	int rc = take_str(c, out, part);
	if (!rc && (!out->len_bytes || out->len_bytes > MAX_NAME_BYTES || memchr(out->s, 0, out->len_bytes)))
		rc = assay_fail(c->e, ASSAY_E_MODEL, "%s: byte %zu: %s has %zu bytes or a NUL in it: 1 to %u are allowed", c->what, at, part,
		                out->len_bytes, MAX_NAME_BYTES);
	return rc;
}

static int by_str(const struct nn_gguf_str *a, const struct nn_gguf_str *b)
{
	size_t n = a->len_bytes < b->len_bytes ? a->len_bytes : b->len_bytes;
	int r = memcmp(a->s, b->s, n);
	return r ? r : (a->len_bytes > b->len_bytes) - (a->len_bytes < b->len_bytes);
}

static int by_key(const void *a, const void *b)
{
	return by_str(&((const struct nn_gguf_kv *)a)->key, &((const struct nn_gguf_kv *)b)->key);
}

static int by_name(const void *a, const void *b)
{
	return by_str(&((const struct nn_gguf_tensor *)a)->name, &((const struct nn_gguf_tensor *)b)->name);
}

static size_t kind_bytes(enum nn_gguf_kind k)
{
	static const uint8_t size[NN_GGUF_KINDS] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
	return size[k];
}

static int take_kind(struct cursor *c, enum nn_gguf_kind *out, struct nn_gguf_str key)
{
	uint32_t k = 0;
	int rc = take(c, &k, sizeof k, "a value's type");
	if (!rc && k >= NN_GGUF_KINDS)
		rc = assay_fail(c->e, ASSAY_E_MODEL, "%s: metadata \"%.*s\": unknown value type %u", c->what, (int)key.len_bytes, key.s, k);
	*out = rc ? NN_GGUF_U8 : (enum nn_gguf_kind)k;
	return rc;
}

static int skip_values(struct cursor *c, struct nn_gguf_kv *kv)
{
	struct nn_gguf_str s;
	kv->data = c->at;
	if (kv->kind == NN_GGUF_STRING) {
		for (uint64_t i = 0; i < kv->count; i++) {
			int rc = take_str(c, &s, "a metadata string");
			if (rc)
				return rc;
		}
	} else if (kv->count > left(c) / kind_bytes(kv->kind)) {
		return truncated(c, "a metadata value");
	} else {
		c->at += kv->count * kind_bytes(kv->kind);
	}
	kv->size_bytes = (size_t)(c->at - kv->data);
	return 0;
}

static int take_kv(struct cursor *c, struct nn_gguf_kv *kv)
{
	int rc = take_name(c, &kv->key, "a metadata key");
	if (!rc)
		rc = take_kind(c, &kv->kind, kv->key);
	kv->count = 1;
	kv->array = !rc && kv->kind == NN_GGUF_ARRAY;
	if (kv->array) {
		rc = take_kind(c, &kv->kind, kv->key);
		if (!rc)
			rc = take(c, &kv->count, sizeof kv->count, "an array's length");
		if (!rc && kv->kind == NN_GGUF_ARRAY)
			rc = assay_fail(c->e, ASSAY_E_MODEL, "%s: metadata \"%.*s\": an array of arrays is not supported", c->what,
			                (int)kv->key.len_bytes, kv->key.s);
	}
	return rc ? rc : skip_values(c, kv);
}

static int check_count(const struct cursor *c, uint64_t n, size_t min_bytes, const char *part)
{
	if (n <= MAX_ENTRIES && n <= left(c) / min_bytes)
		return 0;
	return assay_fail(c->e, ASSAY_E_MODEL, "%s: claims %llu %s: more than the file holds or than %u", c->what, (unsigned long long)n,
	                  part, MAX_ENTRIES);
}

static int take_all_kv(struct cursor *c, struct nn_gguf *g, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		int rc = take_kv(c, &g->kv[g->n_kv]);
		if (rc)
			return rc;
		g->n_kv++;
	}
	qsort(g->kv, g->n_kv, sizeof *g->kv, by_key);
	for (size_t i = 1; i < g->n_kv; i++)
		if (!by_key(&g->kv[i - 1], &g->kv[i]))
			return assay_fail(c->e, ASSAY_E_MODEL, "%s: metadata \"%.*s\" is there twice", c->what, (int)g->kv[i].key.len_bytes,
			                  g->kv[i].key.s);
	return 0;
}

static int bad_tensor(const struct cursor *c, const struct nn_gguf_tensor *t, const char *why)
{
	return assay_fail(c->e, ASSAY_E_MODEL, "%s: tensor %.*s: %s", c->what, (int)t->name.len_bytes, t->name.s, why);
}

static int take_dims(struct cursor *c, struct nn_gguf_tensor *t)
{
	uint32_t n = 0;
	uint64_t values = 1;
	int rc = take(c, &n, sizeof n, "a tensor's shape");
	if (rc)
		return rc;
	if (n < 1 || n > 4)
		return bad_tensor(c, t, "must have 1 to 4 dimensions");
	t->n_dims = (int)n;
	for (uint32_t i = 0; i < 4; i++)
		t->dims[i] = 1;
	for (uint32_t i = 0; i < n && !rc; i++) {
		rc = take(c, &t->dims[i], sizeof t->dims[i], "a tensor's shape");
		if (!rc && (!t->dims[i] || __builtin_mul_overflow(values, t->dims[i], &values) || values > MAX_VALUES))
			rc = bad_tensor(c, t, "a dimension is zero, or the shape is absurdly large");
	}
	const struct nn_quant *q = NULL;
	if (!rc)
		rc = take(c, &t->type, sizeof t->type, "a tensor's type");
	if (!rc && !(q = nn_quant_of_ggml(t->type)))
		return assay_fail(c->e, ASSAY_E_MODEL, "%s: tensor %.*s: unknown type %u", c->what, (int)t->name.len_bytes, t->name.s, t->type);
	if (!rc && q->block) {
		if (t->dims[0] % (uint64_t)q->block)
			return bad_tensor(c, t, "row length is not a multiple of its type's block");
		t->size_bytes = values / (uint64_t)q->block * (uint64_t)q->block_bytes;
	}
	return rc;
}

/* Offsets are kept in t->data as numbers until the start of the data is known. */
static int take_tensors(struct cursor *c, struct nn_gguf *g, uint64_t n, uint64_t *offset)
{
	for (uint64_t i = 0; i < n; i++) {
		struct nn_gguf_tensor *t = &g->tensor[i];
		int rc = take_name(c, &t->name, "a tensor's name");
		if (!rc)
			rc = take_dims(c, t);
		if (!rc)
			rc = take(c, &offset[i], sizeof *offset, "a tensor's offset");
		if (rc)
			return rc;
		g->n_tensors++;
	}
	return 0;
}

static int place_tensors(struct cursor *c, struct nn_gguf *g, const uint64_t *offset)
{
	uint64_t align = 32;
	int rc = nn_gguf_get_uint(g, "general.alignment", &align, c->e);
	if (rc < 0)
		return rc;
	if (align < 1 || align > MAX_ALIGNMENT || (align & (align - 1)))
		return assay_fail(c->e, ASSAY_E_MODEL, "%s: general.alignment is %llu: must be a power of two up to %u", c->what,
		                  (unsigned long long)align, MAX_ALIGNMENT);
	size_t head = (size_t)(c->at - c->base), size = (size_t)(c->end - c->base);
	size_t data = (head + (size_t)align - 1) & ~((size_t)align - 1);
	size_t room = data < size ? size - data : 0;
	for (size_t i = 0; i < g->n_tensors; i++) {
		struct nn_gguf_tensor *t = &g->tensor[i];
		if (offset[i] % align)
			return bad_tensor(c, t, "its offset is not aligned");
		if (offset[i] > room || t->size_bytes > room - offset[i])
			return bad_tensor(c, t, "its data lies beyond the end of the file: truncated download?");
		t->data = c->base + (data < size ? data + (size_t)offset[i] : size);
	}
	qsort(g->tensor, g->n_tensors, sizeof *g->tensor, by_name);
	for (size_t i = 1; i < g->n_tensors; i++)
		if (!by_name(&g->tensor[i - 1], &g->tensor[i]))
			return bad_tensor(c, &g->tensor[i], "is there twice");
	return 0;
}

static int take_header(struct cursor *c, struct nn_gguf *g, uint64_t *n_tensors, uint64_t *n_kv)
{
	char magic[4];
	int rc = take(c, magic, sizeof magic, "the magic number");
	if (!rc && memcmp(magic, "GGUF", 4))
		return assay_fail(c->e, ASSAY_E_MODEL, "%s: not a GGUF file", c->what);
	if (!rc)
		rc = take(c, &g->version, sizeof g->version, "the version");
	if (!rc && g->version != 2 && g->version != 3)
		return assay_fail(c->e, ASSAY_E_MODEL, "%s: GGUF version %u%s is not supported: 2 and 3 are", c->what,
		                  g->version > 0xffff ? __builtin_bswap32(g->version) : g->version, g->version > 0xffff ? " (big-endian)" : "");
	if (!rc)
		rc = take(c, n_tensors, sizeof *n_tensors, "the header");
	return rc ? rc : take(c, n_kv, sizeof *n_kv, "the header");
}

int nn_gguf_parse(const void *bytes, size_t size, const char *what, struct nn_gguf *out, struct assay_err *e)
{
	struct cursor c = { bytes, bytes, (const uint8_t *)bytes + size, what, e };
	uint64_t n_tensors = 0, n_kv = 0, *offset = NULL;
	*out = (struct nn_gguf){ .what = what };
	int rc = take_header(&c, out, &n_tensors, &n_kv);
	if (!rc)
		rc = check_count(&c, n_kv, MIN_KV_BYTES, "metadata keys");
	if (!rc)
		rc = check_count(&c, n_tensors, MIN_TENSOR_BYTES, "tensors");
	if (rc)
		goto out;
	out->kv = xalloc((size_t)(n_kv + 1) * sizeof *out->kv);
	out->tensor = xalloc((size_t)(n_tensors + 1) * sizeof *out->tensor);
	offset = xalloc((size_t)(n_tensors + 1) * sizeof *offset);
	rc = take_all_kv(&c, out, n_kv);
	if (!rc)
		rc = take_tensors(&c, out, n_tensors, offset);
	if (!rc)
		rc = place_tensors(&c, out, offset);
out:
	free(offset);
	if (rc)
		nn_gguf_release(out);
	return rc;
}

void nn_gguf_release(struct nn_gguf *g)
{
	free(g->kv);
	free(g->tensor);
	*g = (struct nn_gguf){ 0 };
}

static int map_fd(int fd, struct nn_gguf_file *f, struct assay_err *e)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st))
		return assay_fail(e, ASSAY_E_MODEL, "%s: cannot open: %s", f->path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size < 4)
		return assay_fail(e, ASSAY_E_MODEL, "%s: not a GGUF file", f->path);
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return assay_fail(e, ASSAY_E_MODEL, "%s: cannot map: %s", f->path, strerror(errno));
	f->map = p;
	f->size_bytes = (size_t)st.st_size;
	return nn_gguf_parse(f->map, f->size_bytes, f->path, &f->g, e);
}

int nn_gguf_map(const char *path, struct nn_gguf_file *out, struct assay_err *e)
{
	*out = (struct nn_gguf_file){ .path = xstrdup(path) };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused below, not waited for */
	int rc = map_fd(fd, out, e);
	if (fd >= 0)
		close(fd);
	if (rc)
		nn_gguf_unmap(out);
	return rc;
}

void nn_gguf_unmap(struct nn_gguf_file *f)
{
	nn_gguf_release(&f->g);
	if (f->map)
		munmap(f->map, f->size_bytes);
	free(f->path);
	*f = (struct nn_gguf_file){ 0 };
}
