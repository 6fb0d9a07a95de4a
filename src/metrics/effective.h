/* What metrics need of the engine's options in force. Pure. */
#ifndef ASSAY_METRICS_EFFECTIVE_H
#define ASSAY_METRICS_EFFECTIVE_H

#include "core/run.h"

/* How many requests can run at once: the least of what the point and the engine's options allow; 0 = no limit known. */
size_t assay_effective_slots(const struct assay_run *run, size_t point);
/* Token times came with a request's end (worker, emit=final): when they were read says nothing of a token. */
bool assay_effective_told_at_end(const struct assay_run *run);
/* Bytes of one KV page; NaN = unknown. */
double assay_effective_page_bytes(const struct assay_run *run);

#endif
