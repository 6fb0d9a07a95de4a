/* See worker_line.h. */
#include "engine/worker_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int worker_lines_push(struct worker_lines *l, const char *bytes, size_t n)
{
	size_t kept = l->end - l->begin;
	if (l->begin) {
		memmove(l->data, l->data + l->begin, kept);
		l->scanned -= l->begin;
		l->begin = 0;
		l->end = kept;
	}
	if (n > l->cap - l->end) {
		size_t want = l->cap ? l->cap : 65536;
		while (want < l->end + n)
			want *= 2;
		l->data = xrealloc(l->data, want);
		l->cap = want;
	}
	memcpy(l->data + l->end, bytes, n);
	l->end += n;
	const char *nl = memchr(l->data + l->scanned, '\n', l->end - l->scanned);
	if (!nl)
		l->scanned = l->end; /* a long line is looked through once */
	size_t first = nl ? (size_t)(nl - l->data) + 1 : l->end;
	return first > WORKER_LINE_MAX || (!nl && first == WORKER_LINE_MAX) ? -1 : 0;
}

char *worker_lines_next(struct worker_lines *l, size_t *len)
{
	if (l->scanned >= l->end)
		return NULL;
	char *nl = memchr(l->data + l->scanned, '\n', l->end - l->scanned), *line = l->data + l->begin;
	if (!nl) {
		l->scanned = l->end;
		return NULL;
	}
	*nl = 0;
	*len = (size_t)(nl - line);
	l->begin = l->scanned = (size_t)(nl - l->data) + 1;
	return line;
}

size_t worker_lines_partial(const struct worker_lines *l) { return l->end - l->begin; }

void worker_lines_release(struct worker_lines *l)
{
	free(l->data);
	*l = (struct worker_lines){ 0 };
}
