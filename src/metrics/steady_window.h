/* The part of a run in which all slots work: fixed by rule before looking (decisions.md). Pure. */
#ifndef ASSAY_METRICS_STEADY_WINDOW_H
#define ASSAY_METRICS_STEADY_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "core/run.h"

struct assay_steady {
	int64_t ns;            /* length of the window (several stretches added up) */
	uint64_t tokens;       /* generated inside it: stamps in (start, end] of a stretch */
	int64_t t0_ns, t1_ns;  /* start of the first stretch, end of the last one */
	size_t stretches;
	const char *reason;    /* "" or why there is none */
};

/* Requests of one visit. slots: how many can run at once, 0 = as many as there are requests. A batch (requests of equal output that all
 * have a slot): from the moment that all have their first token to the first finish. Anything else: while at least 95 % of
 * min(slots, n) are between their first and their last token. */
void assay_steady_window(const struct assay_run_request *q, size_t n, size_t slots, struct assay_steady *out);

#endif
