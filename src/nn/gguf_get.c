/* Typed reads of a parsed GGUF's metadata and look-ups by name. Every value is
 * fetched with its type checked: a key of another type is an error, never a default. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/gguf.h"

struct probe { const char *s; size_t n; };

static int against(const struct probe *p, struct nn_gguf_str b)
{
	size_t n = p->n < b.len_bytes ? p->n : b.len_bytes;
	int r = memcmp(p->s, b.s, n);
	return r ? r : (p->n > b.len_bytes) - (p->n < b.len_bytes);
}

static int against_key(const void *p, const void *kv)
{
	return against(p, ((const struct nn_gguf_kv *)kv)->key);
}

static int against_name(const void *p, const void *t)
{
	return against(p, ((const struct nn_gguf_tensor *)t)->name);
}

const struct nn_gguf_kv *nn_gguf_find(const struct nn_gguf *g, const char *key)
{
	struct probe p = { key, strlen(key) };
	return g->n_kv ? bsearch(&p, g->kv, g->n_kv, sizeof *g->kv, against_key) : NULL;
}

const struct nn_gguf_tensor *nn_gguf_find_tensor(const struct nn_gguf *g, const char *name)
{
	struct probe p = { name, strlen(name) };
	return g->n_tensors ? bsearch(&p, g->tensor, g->n_tensors, sizeof *g->tensor, against_name) : NULL;
}

bool nn_gguf_str_is(struct nn_gguf_str a, const char *b)
{
	return a.len_bytes == strlen(b) && !memcmp(a.s, b, a.len_bytes);
}

static int wrong(const struct nn_gguf *g, const char *key, const char *must, struct assay_err *e)
{
	return assay_fail(e, ASSAY_E_MODEL, "%s: metadata \"%s\" must be %s", g->what, key, must);
}

/* The value of a scalar integer as int64; false for another kind or beyond int64. */
static bool integer_of(const struct nn_gguf_kv *kv, int64_t *out)
{
	const void *d = kv->data;
	int8_t i8; int16_t i16; int32_t i32; uint16_t u16; uint32_t u32; uint64_t u64;
	switch (kv->kind) {
	case NN_GGUF_U8: *out = *(const uint8_t *)d; return true;
	case NN_GGUF_I8: memcpy(&i8, d, 1); *out = i8; return true;
	case NN_GGUF_U16: memcpy(&u16, d, 2); *out = u16; return true;
	case NN_GGUF_I16: memcpy(&i16, d, 2); *out = i16; return true;
	case NN_GGUF_U32: memcpy(&u32, d, 4); *out = u32; return true;
	case NN_GGUF_I32: memcpy(&i32, d, 4); *out = i32; return true;
	case NN_GGUF_I64: memcpy(out, d, 8); return true;
	case NN_GGUF_U64: memcpy(&u64, d, 8); *out = (int64_t)u64; return u64 <= INT64_MAX;
	default: return false;
	}
}

int nn_gguf_get_uint(const struct nn_gguf *g, const char *key, uint64_t *out, struct assay_err *e)
{
	const struct nn_gguf_kv *kv = nn_gguf_find(g, key);
	int64_t v;
	if (!kv)
		return 0;
	if (kv->array || !integer_of(kv, &v) || v < 0)
		return wrong(g, key, "one integer that is not negative", e);
	*out = (uint64_t)v;
	return 1;
}

int nn_gguf_get_num(const struct nn_gguf *g, const char *key, double *out, struct assay_err *e)
{
	const struct nn_gguf_kv *kv = nn_gguf_find(g, key);
	int64_t i;
	float f;
	double v = NAN;
	if (!kv)
		return 0;
	if (!kv->array && kv->kind == NN_GGUF_F32) {
		memcpy(&f, kv->data, sizeof f);
		v = f;
	} else if (!kv->array && kv->kind == NN_GGUF_F64) {
		memcpy(&v, kv->data, sizeof v);
	} else if (!kv->array && integer_of(kv, &i)) {
		v = (double)i;
	}
	if (!isfinite(v))
		return wrong(g, key, "one finite number", e);
	*out = v;
	return 1;
}

int nn_gguf_get_str(const struct nn_gguf *g, const char *key, struct nn_gguf_str *out, struct assay_err *e)
{
	const struct nn_gguf_kv *kv = nn_gguf_find(g, key);
	if (!kv)
		return 0;
	if (kv->array || kv->kind != NN_GGUF_STRING)
		return wrong(g, key, "a string", e);
	const uint8_t *at = kv->data;
	*out = nn_gguf_next_str(&at);
	return 1;
}

int nn_gguf_get_array(const struct nn_gguf *g, const char *key, enum nn_gguf_kind kind, const struct nn_gguf_kv **out, struct assay_err *e)
{
	const struct nn_gguf_kv *kv = nn_gguf_find(g, key);
	if (!kv)
		return 0;
	if (!kv->array || kv->kind != kind)
		return wrong(g, key, kind == NN_GGUF_STRING ? "an array of strings" : "an array of 32-bit numbers", e);
	*out = kv;
	return 1;
}

struct nn_gguf_str nn_gguf_next_str(const uint8_t **at)
{
	uint64_t n;
	memcpy(&n, *at, sizeof n);
	struct nn_gguf_str s = { (const char *)*at + sizeof n, (size_t)n };
	*at += sizeof n + (size_t)n;
	return s;
}

int32_t nn_gguf_i32_at(const struct nn_gguf_kv *kv, uint64_t i)
{
	int32_t v;
	memcpy(&v, kv->data + i * sizeof v, sizeof v);
	return v;
}
