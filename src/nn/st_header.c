/* See st_header.h. Every number of the header is hostile until checked here. */
#include "nn/st_header.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define MAX_HEADER_BYTES (UINT64_C(16) << 20)
#define MAX_NAME 512

struct type_row {
	const char *name;
	enum nn_dtype type;
	unsigned bytes;
};

static const struct type_row types[] = {
	{ "F32", NN_F32, 4 }, { "BF16", NN_BF16, 2 }, { "F16", NN_F16, 2 }, { "F64", NN_AUTO, 8 }, { "I64", NN_AUTO, 8 },
	{ "U64", NN_AUTO, 8 }, { "I32", NN_AUTO, 4 }, { "U32", NN_AUTO, 4 }, { "I16", NN_AUTO, 2 }, { "U16", NN_AUTO, 2 },
	{ "I8", NN_AUTO, 1 }, { "U8", NN_AUTO, 1 }, { "BOOL", NN_AUTO, 1 }, { "F8_E4M3", NN_AUTO, 1 }, { "F8_E5M2", NN_AUTO, 1 },
};

static const struct type_row *find_type(const char *name)
{
	for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
		if (!strcmp(name, types[i].name))
			return &types[i];
	return NULL;
}

/* Fills dims of *t; the product times unit bytes into *bytes. */
static int read_dims(const json_t *shape, unsigned unit, struct nn_st_tensor *t, uint64_t *bytes)
{
	size_t n = json_array_size(shape);
	if (!json_is_array(shape) || n > NN_ST_MAX_DIMS)
		return -1;
	*bytes = unit;
	t->dims = (int)n;
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(shape, i);
		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return -1;
		t->dim[i] = json_integer_value(v);
		if (__builtin_mul_overflow(*bytes, (uint64_t)t->dim[i], bytes))
			return -1;
	}
	return 0;
}

static int read_offsets(const json_t *o, uint64_t data_at, uint64_t file_bytes, struct nn_st_tensor *t)
{
	const json_t *b = json_array_get(o, 0), *end = json_array_get(o, 1);
	if (json_array_size(o) != 2 || !json_is_integer(b) || !json_is_integer(end))
		return -1;
	json_int_t from = json_integer_value(b), to = json_integer_value(end);
	if (from < 0 || to < from || (uint64_t)to > file_bytes - data_at)
		return -1;
	t->begin = data_at + (uint64_t)from;
	t->end = data_at + (uint64_t)to;
	return 0;
}

static int read_tensor(const char *name, const json_t *o, uint64_t data_at, uint64_t file_bytes, const char *what,
                       struct nn_st_tensor *t, struct assay_err *e)
{
	uint64_t bytes;
	if (!*name || strlen(name) > MAX_NAME || !json_is_object(o))
		return assay_fail(e, ASSAY_E_MODEL, "%s: tensor \"%.100s\": not a description of a tensor", what, name);
	const char *type_name = json_string_value(json_object_get(o, "dtype"));
	const struct type_row *type = find_type(type_name);
	if (!type)
		return assay_fail(e, ASSAY_E_MODEL, "%s: tensor \"%.100s\": dtype \"%.20s\" is unknown", what, name, type_name ? type_name : "");
	if (read_dims(json_object_get(o, "shape"), type->bytes, t, &bytes))
		return assay_fail(e, ASSAY_E_MODEL, "%s: tensor \"%.100s\": bad shape (at most %d sizes, none negative, product within 2^64 bytes)", what, name, NN_ST_MAX_DIMS);
	if (read_offsets(json_object_get(o, "data_offsets"), data_at, file_bytes, t))
		return assay_fail(e, ASSAY_E_MODEL, "%s: tensor \"%.100s\": data_offsets are not inside the file (%llu bytes; truncated?)", what, name, (unsigned long long)file_bytes);
	if (t->end - t->begin != bytes)
		return assay_fail(e, ASSAY_E_MODEL, "%s: tensor \"%.100s\": shape and dtype need %llu bytes, data_offsets give %llu", what, name,
		                  (unsigned long long)bytes, (unsigned long long)(t->end - t->begin));
	t->type = type->type;
	memcpy(t->type_name, type->name, strlen(type->name) + 1);
	t->name = xstrdup(name);
	return 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct nn_st_tensor *x = a, *y = b;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return (x->end > y->end) - (x->end < y->end);
}

static int check_cover(struct nn_st_header *h, uint64_t data_at, uint64_t file_bytes, const char *what, struct assay_err *e)
{
	uint64_t at = data_at;
	if (h->n)
		qsort(h->tensor, h->n, sizeof *h->tensor, by_offset);
	for (size_t i = 0; i < h->n; i++) {
		const struct nn_st_tensor *t = &h->tensor[i];
		if (t->begin != at)
			return assay_fail(e, ASSAY_E_MODEL, "%s: tensor \"%.100s\": its bytes %s", what, t->name,
			                  t->begin < at ? "overlap another tensor's" : "follow a gap that no tensor owns");
		at = t->end;
	}
	if (at != file_bytes)
		return assay_fail(e, ASSAY_E_MODEL, "%s: %llu bytes at the end belong to no tensor", what, (unsigned long long)(file_bytes - at));
	return 0;
}

static int read_all(const json_t *root, uint64_t data_at, uint64_t file_bytes, const char *what, struct nn_st_header *out, struct assay_err *e)
{
	const char *name;
	json_t *o;
	int rc = 0;
	if (!json_is_object(root))
		return assay_fail(e, ASSAY_E_MODEL, "%s: the header must be a JSON object", what);
	out->tensor = xalloc(json_object_size(root) * sizeof *out->tensor);
	json_object_foreach((json_t *)root, name, o) {
		if (!strcmp(name, "__metadata__"))
			continue;
		rc = read_tensor(name, o, data_at, file_bytes, what, &out->tensor[out->n], e);
		if (rc)
			return rc;
		out->n++;
	}
	return check_cover(out, data_at, file_bytes, what, e);
}

int nn_st_header_parse(const void *bytes, size_t avail, uint64_t file_bytes, const char *what, struct nn_st_header *out, struct assay_err *e)
{
	*out = (struct nn_st_header){ 0 };
	const unsigned char *p = bytes;
	uint64_t n = 0;
	if (avail < 8)
		return assay_fail(e, ASSAY_E_MODEL, "%s: too short for a safetensors file (%llu bytes)", what, (unsigned long long)file_bytes);
	for (int i = 7; i >= 0; i--)
		n = n << 8 | p[i];
	if (n > MAX_HEADER_BYTES)
		return assay_fail(e, ASSAY_E_MODEL, "%s: claims a header of %llu bytes (at most %llu): not a safetensors file?", what,
		                  (unsigned long long)n, (unsigned long long)MAX_HEADER_BYTES);
	if (n > avail - 8 || n > file_bytes - 8)
		return assay_fail(e, ASSAY_E_MODEL, "%s: truncated: the header of %llu bytes is not all there", what, (unsigned long long)n);
	json_t *root = assay_json_parse((const char *)p + 8, (size_t)n, what, ASSAY_E_MODEL, e);
	if (!root)
		return ASSAY_E_MODEL;
	int rc = read_all(root, 8 + n, file_bytes, what, out, e);
	json_decref(root);
	if (rc)
		nn_st_header_release(out);
	return rc;
}

void nn_st_header_release(struct nn_st_header *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->tensor[i].name);
	free(h->tensor);
	*h = (struct nn_st_header){ 0 };
}
