/* Inside of a history: what is kept of results, and one series judged. */
#ifndef ASSAY_ANALYSIS_HISTORY_PARTS_H
#define ASSAY_ANALYSIS_HISTORY_PARTS_H

#include "analysis/history.h"
#include "metrics/definitions.h"

struct history_result { json_t *row; double t_s; size_t place; };   /* {dir, created, id, verdict, ...}; place: in time order, set at the end */
struct history_value { size_t result; double x; };
struct history_series { const json_t *group; const struct assay_metric *metric; struct history_value *values; size_t n, cap; };

struct assay_history {
	struct assay_history_options o;
	const struct assay_metric *keys[ASSAY_HISTORY_KEYS];
	size_t n_keys;
	struct history_result *results; size_t n_results, cap_results;
	struct history_series *series; size_t n_series;  /* group g has series g * n_keys ... */
	json_t *groups;        /* text -> {index, group{}} */
	json_t *ids;           /* id -> dir */
	json_t *left_out, *warnings;
	size_t filtered;
};

/* One series as JSON; values in time order. New reference. */
json_t *history_series_json(const struct history_series *s, const struct history_result *results, bool by_time);

#endif
