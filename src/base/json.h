/* The few things every user of Jansson here needs: capped loading with a clear
 * error, and printing whose numbers are the shortest text that reads back the
 * same double (so equal results are equal bytes). Off the timed path only. */
#ifndef ASSAY_BASE_JSON_H
#define ASSAY_BASE_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

/* Parses text; duplicate keys are an error. NULL and *e ("what:line:column: ...") on failure, with
 * the given code. The caller owns the reference. */
json_t *assay_json_parse(const char *text, size_t len_bytes, const char *what, enum assay_code code, struct assay_err *e);
/* The same from a file of at most max_bytes. */
json_t *assay_json_load(const char *path, size_t max_bytes, enum assay_code code, struct assay_err *e);

/* Writes v into *b: indent > 0 pretty-prints with that many spaces, 0 gives one line.
 * UTF-8 is kept (not escaped), keys keep insertion order. -1 when the buffer's cap is hit. */
int assay_json_print(struct assay_buf *b, const json_t *v, int indent);
/* The same into a file of at most max_bytes, which appears whole or not at all. */
int assay_json_save(const char *path, const json_t *v, int indent, size_t max_bytes, struct assay_err *e);

/* Shortest of %.15g, %.16g, %.17g that reads back as x; always valid JSON for a finite x. */
void assay_json_number(double x, char out[32]);

/* A real, or null where x is not finite. New reference. */
json_t *assay_json_real(double x);

/* Gets that never crash: default when the key is absent or of another type. */
double assay_json_get_num(const json_t *o, const char *key, double otherwise); /* integer or real */
int64_t assay_json_get_int(const json_t *o, const char *key, int64_t otherwise);
const char *assay_json_get_str(const json_t *o, const char *key, const char *otherwise);
/* The value at "a.b.c" of nested objects, NULL when a part is absent. Borrowed. */
json_t *assay_json_at(const json_t *o, const char *path);
/* The first object of an array whose KEY is that text; NULL when none is, or list is no array. Borrowed. */
json_t *assay_json_find(const json_t *list, const char *key, const char *text);
int assay_json_get_bool(const json_t *o, const char *key, int otherwise);

#endif
