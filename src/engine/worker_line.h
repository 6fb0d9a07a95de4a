/* Bytes from a worker cut into lines. Push bytes in, take whole lines out; a line over the cap is a fault, never memory. No I/O. */
#ifndef ASSAY_ENGINE_WORKER_LINE_H
#define ASSAY_ENGINE_WORKER_LINE_H

#include <stddef.h>

#define WORKER_LINE_MAX ((size_t)16 << 20) /* with its newline */

struct worker_lines { char *data; size_t begin, scanned, end, cap; }; /* [begin, end) is not taken yet; no newline before scanned */

/* 0, or -1 when a line is longer than WORKER_LINE_MAX (then nothing more can be taken). */
int worker_lines_push(struct worker_lines *l, const char *bytes, size_t n);
/* The next whole line without its newline, NUL-terminated, valid until the next push; NULL when there is none yet. */
char *worker_lines_next(struct worker_lines *l, size_t *len);
/* Bytes of a line whose end has not come. */
size_t worker_lines_partial(const struct worker_lines *l);
void worker_lines_release(struct worker_lines *l);

#endif
