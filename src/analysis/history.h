/* Many results of one program over time: series of the comparison's metrics, one for each machine, engine, model, experiment and case; how they
 * spread, drift and jump. Documents are added one at a time and not kept: a value takes a few bytes. Pure; loads and prints nothing. The
 * statistics are in change_points.h and series_stats.h, on logarithms; docs/history.md has the rules and the document. */
#ifndef ASSAY_ANALYSIS_HISTORY_H
#define ASSAY_ANALYSIS_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { ASSAY_HISTORY_TREND = 10, ASSAY_HISTORY_SPREAD = 3, ASSAY_HISTORY_KEYS = 8 }; /* results that a trend and changes, a spread need; keys at most */

struct assay_history_options {
	const char *const *metrics;   /* NULL: the comparison's default family */
	size_t n_metrics;
	const char *const *where;     /* "K=V": labels that a result must have */
	size_t n_where;
	const char *split;            /* label whose values part the series, or NULL */
	bool by_time;                 /* slopes per day, else per result */
	bool include_invalid;
};

struct assay_history;
/* ASSAY_E_USAGE when a metric cannot be compared. The options' strings must outlive it. */
int assay_history_open(const struct assay_history_options *o, struct assay_history **out, struct assay_err *e);
void assay_history_close(struct assay_history *h);

/* Takes the values of a result document. What cannot be used is named in left_out[]: other definitions, INVALID, measured nothing, a copy, no time. */
void assay_history_add(struct assay_history *h, const json_t *result, const char *dir);
/* The caller's own reasons. */
void assay_history_leave_out(struct assay_history *h, const char *dir, const char *reason);
void assay_history_warn(struct assay_history *h, const char *dir, const char *what);

/* The document "assay.history/1"; nothing can be added after it. New reference. */
json_t *assay_history_finish(struct assay_history *h);

#endif
