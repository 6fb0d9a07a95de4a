/* libFuzzer target: what a worker writes, cut into lines and parsed as events; every list of an accepted event is read. The first byte is the size of
 * the pieces in which the rest arrives. */
#include <stddef.h>
#include <stdint.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct worker_lines l = { 0 };
	struct worker_event ev;
	size_t len, piece = size ? data[0] + 1u : 1;
	char *line;
	for (size_t at = 1; at < size; at += piece) {
		worker_lines_push(&l, (const char *)data + at, size - at < piece ? size - at : piece);
		while ((line = worker_lines_next(&l, &len))) {
			if (!worker_event_parse(line, len, &ev, NULL))
				sink += read_all(&ev);
			worker_event_release(&ev);
		}
	}
	worker_lines_release(&l);
	return 0;
}
