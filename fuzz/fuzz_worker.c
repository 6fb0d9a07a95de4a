/* libFuzzer target: what a worker writes, cut into lines and parsed as events; every list of an accepted event is read. The first byte is the size of
 * the pieces in which the rest arrives. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/worker_event.h"
#include "engine/worker_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile int64_t sink; /* what is read is used */

static int64_t read_all(const struct worker_event *ev)
{
	int64_t sum = 0, r;
	int32_t first;
	for (size_t i = 0; i < worker_event_n_tok(ev); i++)
		sum += (int64_t)worker_event_tok(ev, i, &r, &first) + (r & 1) + (first & 1);
	for (size_t i = 0; i < worker_event_n_ts(ev); i++)
		sum += worker_event_ts(ev, i) & 1;
	for (size_t i = 0; i < worker_event_n_failed(ev); i++)
		sum += worker_event_failed(ev, i) & 1;
	return sum;
}

/* A list of tokens at a line's end is read another way than one before it: both must say the same. */
static void compare(const char *line, size_t len, const struct worker_event *ev, int rc)
{
	static const char more[] = ",\"zz\":0}";
	struct worker_event other;
	int64_t a, b;
	int32_t x, y;
	if (!len || line[len - 1] != '}' || strstr(line, "zz\""))
		return;
	char *longer = malloc(len + sizeof more);
	memcpy(longer, line, len - 1);
	memcpy(longer + len - 1, more, sizeof more);
	if (!worker_event_parse(longer, strlen(longer), &other, NULL) != !rc || (!rc && worker_event_n_tok(ev) != worker_event_n_tok(&other)))
		abort();
	for (size_t i = 0; !rc && i < worker_event_n_tok(ev); i++)
		if (worker_event_tok(ev, i, &a, &x) != worker_event_tok(&other, i, &b, &y) || a != b || x != y)
			abort();
	worker_event_release(&other);
	free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct worker_lines l = { 0 };
	struct worker_event ev;
	size_t len, piece = size ? data[0] + 1u : 1;
	char *line;
	for (size_t at = 1; at < size; at += piece) {
		worker_lines_push(&l, (const char *)data + at, size - at < piece ? size - at : piece);
		while ((line = worker_lines_next(&l, &len))) {
			int rc = worker_event_parse(line, len, &ev, NULL);
			if (!rc)
				sink += read_all(&ev);
			if (memchr(line, 0, len) == NULL)
				compare(line, len, &ev, rc);
			worker_event_release(&ev);
		}
	}
	worker_lines_release(&l);
	return 0;
}
