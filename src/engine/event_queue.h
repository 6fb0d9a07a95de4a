/* Events between an engine's step and the polls that fetch them. Grows only in _reserve, which engines call from
 * submit, so that poll allocates nothing. */
#ifndef ASSAY_ENGINE_EVENT_QUEUE_H
#define ASSAY_ENGINE_EVENT_QUEUE_H

#include <stddef.h>

#include "engine/engine.h"

struct assay_event_queue { struct assay_event *ev; size_t head, n, cap; };

void assay_event_queue_release(struct assay_event_queue *q);
/* Room for `total` events in the queue at once. */
void assay_event_queue_reserve(struct assay_event_queue *q, size_t total);
/* The next slot, zeroed but for the unknowns (-1); within what was reserved. */
struct assay_event *assay_event_queue_push(struct assay_event_queue *q, enum assay_event_kind kind, uint32_t id, int64_t t_ns);
int assay_event_queue_take(struct assay_event_queue *q, struct assay_event *out, int cap);

#endif
