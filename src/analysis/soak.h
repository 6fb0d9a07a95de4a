/* What do hours under load say? Does memory grow, does the service slow down, and did something change at once? From the windows of a stream.
 * Pure. */
#ifndef ASSAY_ANALYSIS_SOAK_H
#define ASSAY_ANALYSIS_SOAK_H

#include "analysis/drift.h"
#include "core/run.h"
#include "metrics/trend.h"

enum assay_leak_state { ASSAY_LEAK_UNKNOWN, ASSAY_LEAK_NOT_YET, ASSAY_LEAK_NO, ASSAY_LEAK_UNSURE, ASSAY_LEAK_YES };
const char *assay_leak_name(enum assay_leak_state s);   /* "unknown", "not yet", "no", "cannot be told", "yes" */

struct assay_leak_line { double hours, mib, lo_mib, hi_mib; };
/* Over all windows of the series, whatever their load. */
struct assay_leak {
	enum assay_leak_state state;           /* yes: the lower end of per_1k is above what is allowed; no: its upper end is not */
	struct assay_trend per_1k_kib, per_hour_mib;
	double allowed_kib;                    /* per 1,000 requests: max(0.1 % of RSS, 1 MiB) */
	double first_mib, last_mib, most_mib;  /* RSS of the first and last window, and the most of all; NaN unknown */
	struct assay_leak_line line[2];        /* the slope as a line from its first to its last window; none: line_n = 0 */
	size_t line_n;
};
void assay_soak_leak(const struct assay_run *run, struct assay_leak *out);

/* Series that are looked at, a value a window: median TTFT, TPOT and E2E latency (ms), tokens per second. */
enum assay_soak_series { ASSAY_SOAK_TTFT, ASSAY_SOAK_TPOT, ASSAY_SOAK_E2EL, ASSAY_SOAK_TOK_S, ASSAY_SOAK_SERIES };
const char *assay_soak_series_name(enum assay_soak_series s);    /* "ttft_p50_ms", ... */

/* Whether a point offers the same load all the time, so that a change over time is not the load's. */
bool assay_soak_is_steady(const struct assay_run *run, size_t point);

/* Change over the measured time of one series of one steady point: Theil-Sen over blocks of windows as for leaks, in percent of its median. */
struct assay_soak_trend { size_t windows; double level, pct_per_hour, lo, hi, hours; };
void assay_soak_trend(const struct assay_run *run, size_t point, enum assay_soak_series series, struct assay_soak_trend *out);

/* Relative change of time from the first half of the windows to the second, for the verdict (analysis/drift.h): of TTFT or TPOT. */
void assay_soak_halves(const struct assay_run *run, size_t point, enum assay_soak_series series, struct assay_drift *out);

/* Sudden changes of a series (analysis/change_points.h, level 0.01) of 5 % or more. */
#define ASSAY_SOAK_CHANGES 8
struct assay_soak_change { double hours, before, after, p; };
size_t assay_soak_changes(const struct assay_run *run, size_t point, enum assay_soak_series series, struct assay_soak_change out[ASSAY_SOAK_CHANGES]);

#endif
