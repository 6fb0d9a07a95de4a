/* One window of a stream under way: takes what happens, gives the records that sum it up (core/record.h, "a stream"). Everything it needs is
 * allocated and touched at open, so that a run's memory does not grow with what it sums up. The same code makes the records in a run and checks them in `assay verify`. Pure: no clock. */
#ifndef ASSAY_METRICS_WINDOW_H
#define ASSAY_METRICS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "core/record.h"

#define ASSAY_WINDOW_EXACT 65536 /* samples of a metric that a window keeps; with more its percentiles are the histogram's */

struct assay_window;
struct assay_window *assay_window_open(void);
void assay_window_close(struct assay_window *w);

/* Forgets everything; head names the window: index, point, repeat, t0, elapsed, wall, load. */
void assay_window_begin(struct assay_window *w, const struct assay_rec_window *head);
/* The record so far, for what the caller counts himself: offered, most_live, kept_requests, next_id, flags, CPU, live_end, t1. */
struct assay_rec_window *assay_window_head(struct assay_window *w);
/* n tokens arrived after gap_ns from the event before of the same request; gap_ns < 0: its first event. */
void assay_window_token(struct assay_window *w, uint32_t n, int64_t gap_ns);
/* A request ended: its end state, and the times of a success. first_tokens: tokens of its first event, 0 unknown. */
void assay_window_ended(struct assay_window *w, const struct assay_rec_request *q, uint32_t first_tokens);
/* An engine step ended; the engine was busy for so long in this window. */
void assay_window_step(struct assay_window *w);
void assay_window_busy(struct assay_window *w, int64_t ns);
/* A reading of resident memory; < 0 is none. */
void assay_window_rss(struct assay_window *w, int64_t rss_bytes);
/* What one metric amounts to so far; false without a sample (*out is then all 0). Sorts what is kept. */
bool assay_window_dist(struct assay_window *w, enum assay_stream_metric m, struct assay_rec_dist *out);
/* Gives DIST and BUCKETS, then WINDOW, to put. Sorts samples: call it between events, not in the middle of one. */
void assay_window_put(struct assay_window *w, void (*put)(void *arg, const struct assay_record *r), void *arg);

#endif
