/* See live.h. Must not know who looks. */
#include "experiment/live.h"

#include <math.h>

void assay_live_init(struct assay_live *l)
{
	*l = (struct assay_live){ .load_per_s = NAN, .request_s = NAN, .tok_s = NAN, .ttft_p50_ms = NAN, .ttft_p99_ms = NAN, .tpot_p50_ms = NAN, .busy = NAN, .rss_mib = NAN };
}

static void put_percentiles(struct assay_window *w, enum assay_stream_metric m, double *p50_ms, double *p99_ms)
{
	struct assay_rec_dist d;
	bool any = assay_window_dist(w, m, &d);
	*p50_ms = any ? d.p50 / 1e6 : NAN;
	*p99_ms = any ? d.p99 / 1e6 : NAN;
}

void assay_live_window(struct assay_live *l, struct assay_window *w)
{
	const struct assay_rec_window *h = assay_window_head(w);
	double s = (double)(h->t1_ns - h->t0_ns) / 1e9, unused;
	uint64_t ok = (uint64_t)h->ends[ASSAY_END_LENGTH] + h->ends[ASSAY_END_STOP], all = 0;
	for (int i = 0; i < ASSAY_END_N; i++)
		all += h->ends[i];
	l->offered += h->offered;
	l->succeeded += ok;
	l->unsent += h->ends[ASSAY_END_UNSENT];
	l->failed += all - ok - h->ends[ASSAY_END_UNSENT] - h->ends[ASSAY_END_CANCELLED];
	l->windows_closed++;
	l->request_s = s > 0 ? (double)ok / s : NAN;
	l->tok_s = s > 0 ? (double)h->tokens / s : NAN;
	l->busy = s > 0 && h->steps ? (double)h->busy_ns / 1e9 / s : NAN;
	l->rss_mib = h->rss_mean_bytes < 0 ? NAN : (double)h->rss_mean_bytes / 1048576;
	put_percentiles(w, ASSAY_STREAM_TTFT, &l->ttft_p50_ms, &l->ttft_p99_ms);
	put_percentiles(w, ASSAY_STREAM_TPOT, &l->tpot_p50_ms, &unused);
}
