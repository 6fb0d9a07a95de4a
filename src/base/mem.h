/* Memory: allocations of sizes we chose (abort when they fail), checked size
 * arithmetic for sizes that came from input, and one growing buffer that is
 * born with its maximum. */
#ifndef ASSAY_BASE_MEM_H
#define ASSAY_BASE_MEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Never NULL; zeroed; the caller frees with free(). For sizes chosen by us only. */
void *xalloc(size_t size_bytes);
void *xrealloc(void *p, size_t size_bytes);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/* a*b and a+b in size_t; false when the true value does not fit. */
static inline bool size_mul(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool size_add(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }

/* A byte buffer that may not outgrow max_bytes. Owner calls _release. */
struct assay_buf {
	char *data;       /* always NUL-terminated once anything was appended */
	size_t len_bytes, cap_bytes, max_bytes;
	bool overflow;    /* an append did not fit; further appends are refused */
};

void assay_buf_init(struct assay_buf *b, size_t max_bytes);
void assay_buf_release(struct assay_buf *b);
/* 0, or -1 when the data would pass max_bytes (nothing is appended then, overflow is set). */
int assay_buf_append(struct assay_buf *b, const void *data, size_t n);
int assay_buf_puts(struct assay_buf *b, const char *s);
int assay_buf_printf(struct assay_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
