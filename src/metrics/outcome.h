/* What became of a request and of a point: the rules of success, applied to records. Pure. */
#ifndef ASSAY_METRICS_OUTCOME_H
#define ASSAY_METRICS_OUTCOME_H

#include <stdbool.h>

#include "core/run.h"

/* The end state after reconciliation: an engine's "length" or "stop" stands only if the tokens that arrived, the tokens that the engine
 * reports and (length, or any end when end tokens are ignored) the tokens asked for agree and are at least one; else COUNT_MISMATCH. */
enum assay_end assay_request_outcome(const struct assay_run_request *q, bool ignore_eos);

/* Whether the requests of this point ignore end tokens: the point's own "ignore_eos", else the run's configuration, else false. */
bool assay_point_ignores_eos(const struct assay_run *run, size_t point);

/* "ok", "limit", "error", "dropped", "interrupted"; a point without an end record is "interrupted". */
const char *assay_point_status(const struct assay_run *run, size_t point);
/* The reason that came with the status, or "". */
const char *assay_point_status_reason(const struct assay_run *run, size_t point);

/* Cases that look for a limit of memory are measured once, at the edge: they say nothing of ordinary times. */
bool assay_point_seeks_limit(const struct assay_run *run, size_t point);

/* A record's "-1" in an unsigned field. */
#define ASSAY_COUNT_UNKNOWN UINT32_MAX

#endif
