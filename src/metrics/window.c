/* See window.h. Must not know who offers the load. */
#include "metrics/window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "metrics/log_histogram.h"
#include "metrics/outcome.h"
#include "metrics/summary.h"

struct stat {
	double *x;                         /* the first ASSAY_WINDOW_EXACT samples */
	uint32_t n, *counts, lo, hi;       /* histogram; buckets in use are in [lo, hi] */
	double mean, m2, min, max;         /* Welford 1962 */
};

struct assay_window {
	struct assay_rec_window head;
	struct stat stats[ASSAY_STREAM_METRICS];
	double rss_sum;
	uint32_t rss_n;
};

struct assay_window *assay_window_open(void)
{
	struct assay_window *w = xalloc(sizeof *w);
	for (size_t m = 0; m < ASSAY_STREAM_METRICS; m++) {
		struct stat *s = &w->stats[m];
		s->x = xalloc(ASSAY_WINDOW_EXACT * sizeof *s->x);
		s->counts = xalloc(ASSAY_LOG_BUCKETS * sizeof *s->counts);
		memset(s->x, 0xff, ASSAY_WINDOW_EXACT * sizeof *s->x); /* resident from the start: a run's memory does not grow as windows fill */
		memset(s->counts, 0xff, ASSAY_LOG_BUCKETS * sizeof *s->counts);
		s->hi = ASSAY_LOG_BUCKETS - 1;
	}
	return w;
}

void assay_window_close(struct assay_window *w)
{
	if (!w)
		return;
	for (size_t m = 0; m < ASSAY_STREAM_METRICS; m++) {
		free(w->stats[m].x);
		free(w->stats[m].counts);
	}
	free(w);
}

void assay_window_begin(struct assay_window *w, const struct assay_rec_window *head)
{
	w->head = *head;
	w->head.rss_mean_bytes = w->head.rss_max_bytes = -1;
	w->rss_sum = 0;
	w->rss_n = 0;
	for (size_t m = 0; m < ASSAY_STREAM_METRICS; m++) {
		struct stat *s = &w->stats[m];
		if (s->lo <= s->hi)
			memset(s->counts + s->lo, 0, (s->hi - s->lo + 1) * sizeof *s->counts);
		s->n = 0;
		s->mean = s->m2 = 0;
		s->min = INFINITY;
		s->max = -INFINITY;
		s->lo = ASSAY_LOG_BUCKETS;
		s->hi = 0;
	}
}

struct assay_rec_window *assay_window_head(struct assay_window *w)
{
	return &w->head;
}

static void add(struct assay_window *w, enum assay_stream_metric m, double ns)
{
	struct stat *s = &w->stats[m];
	uint32_t bucket = assay_log_bucket(ns);
	if (s->n < ASSAY_WINDOW_EXACT)
		s->x[s->n] = ns;
	s->n++;
	s->counts[bucket]++;
	s->lo = bucket < s->lo ? bucket : s->lo;
	s->hi = bucket > s->hi ? bucket : s->hi;
	double d = ns - s->mean;
	s->mean += d / s->n;
	s->m2 += d * (ns - s->mean);
	s->min = ns < s->min ? ns : s->min;
	s->max = ns > s->max ? ns : s->max;
}

static void add_span(struct assay_window *w, enum assay_stream_metric m, int64_t from_ns, int64_t to_ns)
{
	if (from_ns >= 0 && to_ns >= 0)
		add(w, m, (double)(to_ns - from_ns));
}

void assay_window_token(struct assay_window *w, uint32_t n, int64_t gap_ns)
{
	w->head.tokens += n;
	if (gap_ns >= 0)
		add(w, ASSAY_STREAM_ITL, (double)gap_ns);
}

void assay_window_ended(struct assay_window *w, const struct assay_rec_request *q, uint32_t first_tokens)
{
	struct assay_rec_window *h = &w->head;
	if (q->end_state < ASSAY_END_N)
		h->ends[q->end_state]++;
	if (!assay_end_ok((enum assay_end)q->end_state))
		return;
	h->prompt_tokens += q->prompt_tokens;
	h->output_tokens += q->output_tokens;
	h->cached_tokens += q->cached_tokens == ASSAY_COUNT_UNKNOWN ? 0 : q->cached_tokens;
	add_span(w, ASSAY_STREAM_TTFT, q->t_intended, q->t_first);
	add_span(w, ASSAY_STREAM_TTFT_SERVICE, q->t_sent, q->t_first);
	add_span(w, ASSAY_STREAM_E2EL, q->t_intended, q->t_last);
	add_span(w, ASSAY_STREAM_QUEUE, q->t_sent, q->t_scheduled);
	add_span(w, ASSAY_STREAM_SEND_LAG, q->t_intended, q->t_sent);
	if (first_tokens && q->output_tokens > first_tokens && q->t_first >= 0 && q->t_last >= 0)
		add(w, ASSAY_STREAM_TPOT, (double)(q->t_last - q->t_first) / (q->output_tokens - first_tokens));
}

void assay_window_step(struct assay_window *w)
{
	w->head.steps++;
}

void assay_window_busy(struct assay_window *w, int64_t ns)
{
	w->head.busy_ns += ns;
}

void assay_window_rss(struct assay_window *w, int64_t rss_bytes)
{
	if (rss_bytes < 0)
		return;
	w->rss_sum += (double)rss_bytes;
	w->head.rss_mean_bytes = (int64_t)(w->rss_sum / ++w->rss_n);
	if (rss_bytes > w->head.rss_max_bytes)
		w->head.rss_max_bytes = rss_bytes;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Nearest rank in the window's own histogram. */
static double bucket_percentile(const struct stat *s, double p)
{
	uint64_t rank = ((uint64_t)s->n * (uint64_t)llround(p * 1e6) + 999999) / 1000000, below = 0;
	for (uint32_t i = s->lo; i <= s->hi; i++) {
		below += s->counts[i];
		if (below >= rank)
			return assay_log_value(i);
	}
	return NAN;
}

bool assay_window_dist(struct assay_window *w, enum assay_stream_metric m, struct assay_rec_dist *out)
{
	struct stat *s = &w->stats[m];
	*out = (struct assay_rec_dist){ 0 };
	if (!s->n)
		return false;
	struct assay_rec_dist d = { .window = w->head.index, .metric = m, .n = s->n, .exact = s->n <= ASSAY_WINDOW_EXACT, .mean = s->mean, .m2 = s->m2,
				    .min = s->min, .max = s->max };
	if (d.exact) {
		qsort(s->x, s->n, sizeof *s->x, by_value);
		d.p50 = assay_percentile_nearest(s->x, s->n, 0.50);
		d.p95 = assay_percentile_nearest(s->x, s->n, 0.95);
		d.p99 = assay_percentile_nearest(s->x, s->n, 0.99);
	} else {
		d.p50 = bucket_percentile(s, 0.50);
		d.p95 = bucket_percentile(s, 0.95);
		d.p99 = bucket_percentile(s, 0.99);
	}
	*out = d;
	return true;
}

static void put_buckets(const struct stat *s, uint32_t window, uint32_t metric, void (*put)(void *, const struct assay_record *), void *arg)
{
	struct assay_record r = { .type = ASSAY_REC_BUCKETS };
	struct assay_rec_buckets *b = &r.u.buckets;
	*b = (struct assay_rec_buckets){ .window = window, .metric = metric };
	for (uint32_t i = s->lo; i <= s->hi; i++) {
		if (!s->counts[i])
			continue;
		b->b[b->n].bucket = i;
		b->b[b->n++].count = s->counts[i];
		if (b->n < ASSAY_BUCKETS_EACH)
			continue;
		put(arg, &r);
		*b = (struct assay_rec_buckets){ .window = window, .metric = metric };
	}
	if (b->n)
		put(arg, &r);
}

void assay_window_put(struct assay_window *w, void (*put)(void *arg, const struct assay_record *r), void *arg)
{
	struct assay_record r = { .type = ASSAY_REC_DIST };
	for (uint32_t m = 0; m < ASSAY_STREAM_METRICS; m++) {
		if (!assay_window_dist(w, (enum assay_stream_metric)m, &r.u.dist))
			continue;
		put(arg, &r);
		put_buckets(&w->stats[m], w->head.index, m, put, arg);
	}
	r = (struct assay_record){ .type = ASSAY_REC_WINDOW };
	r.u.window = w->head;
	put(arg, &r);
}
