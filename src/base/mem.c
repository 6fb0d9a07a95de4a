/* See mem.h. Must not know what the bytes mean. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_die(void *p, size_t n)
{
	if (!p && n) {
		fprintf(stderr, "assay: out of memory (%zu bytes)\n", n);
		abort();
	}
	return p;
}

void *xalloc(size_t n)
{
	return or_die(calloc(1, n ? n : 1), n);
}

void *xrealloc(void *p, size_t n)
{
	return or_die(realloc(p, n ? n : 1), n);
}

char *xstrdup(const char *s)
{
	return or_die(strdup(s), strlen(s) + 1);
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *s = NULL;
	int n = vasprintf(&s, fmt, ap);
	return or_die(n < 0 ? NULL : s, 1);
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

void assay_buf_init(struct assay_buf *b, size_t max_bytes)
{
	*b = (struct assay_buf){ .max_bytes = max_bytes };
}

void assay_buf_release(struct assay_buf *b)
{
	free(b->data);
	assay_buf_init(b, b->max_bytes);
}

int assay_buf_append(struct assay_buf *b, const void *data, size_t n)
{
	if (b->overflow || n > b->max_bytes - b->len_bytes) {
		b->overflow = true;
		return -1;
	}
	if (b->len_bytes + n + 1 > b->cap_bytes) {
		size_t cap = b->cap_bytes ? b->cap_bytes : 256;
		while (cap < b->len_bytes + n + 1)
			cap *= 2;
		b->data = xrealloc(b->data, cap);
		b->cap_bytes = cap;
	}
	if (n)
		memcpy(b->data + b->len_bytes, data, n);
	b->len_bytes += n;
	b->data[b->len_bytes] = 0;
	return 0;
}

int assay_buf_puts(struct assay_buf *b, const char *s)
{
	return assay_buf_append(b, s, strlen(s));
}

int assay_buf_printf(struct assay_buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *s = NULL;
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -1;
	int r = assay_buf_append(b, s, (size_t)n);
	free(s);
	return r;
}
