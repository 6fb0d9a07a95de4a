/* See event_queue.h. A queue in a flat array: it is drained between steps, so it never wraps. */
#include "engine/event_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void assay_event_queue_release(struct assay_event_queue *q)
{
	free(q->ev);
	*q = (struct assay_event_queue){ 0 };
}

void assay_event_queue_reserve(struct assay_event_queue *q, size_t total)
{
	if (total <= q->cap)
		return;
	q->cap = total < 64 ? 64 : total * 2;
	q->ev = xrealloc(q->ev, q->cap * sizeof *q->ev);
}

struct assay_event *assay_event_queue_push(struct assay_event_queue *q, enum assay_event_kind kind, uint32_t id, int64_t t_ns)
{
	if (q->head + q->n == q->cap && q->head) {
		memmove(q->ev, q->ev + q->head, q->n * sizeof *q->ev);
		q->head = 0;
	}
	assert(q->head + q->n < q->cap);
	struct assay_event *v = &q->ev[q->head + q->n++];
	*v = (struct assay_event){ .kind = kind, .id = id, .t_ns = t_ns, .token = -1, .reported_tokens = -1, .cached_tokens = -1 };
	return v;
}

int assay_event_queue_take(struct assay_event_queue *q, struct assay_event *out, int cap)
{
	int k = q->n < (size_t)cap ? (int)q->n : cap;
	if (k)
		memcpy(out, q->ev + q->head, (size_t)k * sizeof *out);
	q->n -= (size_t)k;
	q->head = q->n ? q->head + (size_t)k : 0;
	return k;
}
