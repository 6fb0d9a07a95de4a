/* The windows of a stream as rows of a series: what stands for the whole run where single requests are not read back. Pure. */
#ifndef ASSAY_METRICS_STREAM_ROWS_H
#define ASSAY_METRICS_STREAM_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/run.h"
#include "metrics/trend.h"

/* Whether a point's requests came as a stream. */
bool assay_stream_point(const struct assay_run *run, size_t point);

struct assay_stream_row {
	const struct assay_run_window *w;
	double hours;          /* measured time of the series at its middle */
	double served_k;       /* thousand sent requests that ended before its end, over the whole series */
	double rss_kib;        /* mean of its readings; NaN unknown */
};
/* The whole windows (no probe, no tail, none that was cut) of one point, or of all (point SIZE_MAX), in time order. Owned by the caller. */
struct assay_stream_row *assay_stream_rows(const struct assay_run *run, size_t point, size_t *n);

/* "series", "short", "tail" or "probe". */
const char *assay_window_part(const struct assay_rec_window *w);
/* Requests that ended in a window, whatever way. */
uint64_t assay_window_ended_count(const struct assay_rec_window *w);
/* Those that did not succeed; a request that a stop cancelled is neither. */
uint64_t assay_window_failed_count(const struct assay_rec_window *w);

/* Measured time of the series, ns: the end of its last window that is no probe and no tail; 0 without one. */
int64_t assay_stream_elapsed(const struct assay_run *run);
/* The point of the first load that is no probe; SIZE_MAX: none was declared. */
size_t assay_stream_first_point(const struct assay_run *run);
static inline bool assay_stream_began(const struct assay_run *run)
{
	return assay_stream_first_point(run) != SIZE_MAX;
}

/* The longest run of rows that one process measured: a run that was taken up again goes on with other memory. Its first row, *count of them. */
size_t assay_stream_longest_part(const struct assay_run *run, const struct assay_stream_row *rows, size_t n, size_t *count);

/* Growth of resident memory per thousand requests (KiB) and per hour (MiB), by the leak rule (metrics/trend.h), over the
 * longest part. */
void assay_stream_growth(const struct assay_run *run, size_t point, struct assay_trend *per_1k_kib, struct assay_trend *per_hour_mib);

#endif
