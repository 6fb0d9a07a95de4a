/* A parsed GGUF file (version 2 or 3): metadata and where each tensor lies.
 * Works over bytes that the caller holds (a mapped file, a test's array) and
 * points into them; knows nothing of models or tokenizers.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
#ifndef ASSAY_NN_GGUF_H
#define ASSAY_NN_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum nn_gguf_kind {
	NN_GGUF_U8 = 0, NN_GGUF_I8, NN_GGUF_U16, NN_GGUF_I16, NN_GGUF_U32, NN_GGUF_I32, NN_GGUF_F32,
	NN_GGUF_BOOL, NN_GGUF_STRING, NN_GGUF_ARRAY, NN_GGUF_U64, NN_GGUF_I64, NN_GGUF_F64, NN_GGUF_KINDS,
};

struct nn_gguf_str { const char *s; size_t len_bytes; }; /* no terminating NUL */

struct nn_gguf_kv {
	struct nn_gguf_str key;
	enum nn_gguf_kind kind;    /* of the value, or of an array's elements */
	bool array;
	uint64_t count;            /* elements; 1 when not an array */
	const uint8_t *data;       /* first element; strings: 8-byte length, then bytes, each */
	size_t size_bytes;
};

struct nn_gguf_tensor {
	struct nn_gguf_str name;
	int n_dims;
	uint64_t dims[4];          /* dims[0] = columns (adjacent in memory); unused = 1 */
	uint32_t type;             /* ggml type number, see quants.h */
	const uint8_t *data;       /* checked to lie inside the file for every type that quants.h can size */
	uint64_t size_bytes;       /* 0 for a type whose size is not known here */
};

struct nn_gguf {
	const char *what;          /* name for messages; the caller's */
	uint32_t version;
	struct nn_gguf_kv *kv;     /* sorted by key, no key twice */
	size_t n_kv;
	struct nn_gguf_tensor *tensor; /* sorted by name, no name twice */
	size_t n_tensors;
};

/* Checks everything that can be checked without reading weights. ASSAY_E_MODEL says what is wrong and
 * where. The bytes and `what` must outlive *out; _release frees only the tables. */
int nn_gguf_parse(const void *bytes, size_t size_bytes, const char *what, struct nn_gguf *out, struct assay_err *e);
void nn_gguf_release(struct nn_gguf *g);

/* A whole file mapped read-only and parsed. */
struct nn_gguf_file {
	struct nn_gguf g;
	void *map;
	size_t size_bytes;
	char *path;
};
int nn_gguf_map(const char *path, struct nn_gguf_file *out, struct assay_err *e);
void nn_gguf_unmap(struct nn_gguf_file *f);

/* NULL when absent. */
const struct nn_gguf_kv *nn_gguf_find(const struct nn_gguf *g, const char *key);
const struct nn_gguf_tensor *nn_gguf_find_tensor(const struct nn_gguf *g, const char *name);
bool nn_gguf_str_is(struct nn_gguf_str a, const char *b);

/* Typed reads: 1 found, 0 absent (*out untouched), ASSAY_E_MODEL when the value has another type or range. */
int nn_gguf_get_uint(const struct nn_gguf *g, const char *key, uint64_t *out, struct assay_err *e);
int nn_gguf_get_num(const struct nn_gguf *g, const char *key, double *out, struct assay_err *e); /* finite; integers too */
int nn_gguf_get_str(const struct nn_gguf *g, const char *key, struct nn_gguf_str *out, struct assay_err *e);
/* An array of elements of one kind; *out = the row. */
int nn_gguf_get_array(const struct nn_gguf *g, const char *key, enum nn_gguf_kind kind, const struct nn_gguf_kv **out, struct assay_err *e);

/* Walks a string array: start with at = kv->data; call at most kv->count times. */
struct nn_gguf_str nn_gguf_next_str(const uint8_t **at);
/* Element i of an I32/U32 array. */
int32_t nn_gguf_i32_at(const struct nn_gguf_kv *kv, uint64_t i);

#endif
