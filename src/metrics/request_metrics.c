/* What a request's user sees: times and rates of successful requests, and gaps between their tokens. Failed
 * requests give no sample; they count as +inf in the failure column of times. */
#include "metrics/effective.h"
#include "metrics/outcome.h"
#include "metrics/point_builder.h"

#include <math.h>

/* One sample of one request: NaN with a reason where there is none. */
typedef double request_fn(const struct assay_rec_request *r, double after_first, char reason[REASON_BYTES]);

/* Tokens that came after the first event; -1 unknown. */
static double tokens_after_first(const struct assay_run_request *q)
{
	if (q->n_tokens)
		return (double)q->r.output_tokens - q->tokens[0].n_tokens;
	return q->r.events == q->r.output_tokens ? (double)q->r.output_tokens - 1 : -1;
}

static double span_ms(int64_t from, int64_t to, const char *unknown, char reason[REASON_BYTES])
{
	if (from < 0 || to < 0) {
		reason_set(reason, "%s", unknown);
		return NAN;
	}
	return (double)(to - from) / 1e6;
}

static double ttft(const struct assay_rec_request *r, double after_first, char reason[REASON_BYTES])
{
	(void)after_first;
	return span_ms(r->t_intended, r->t_first, "no stamp of the first token", reason);
}

static double ttft_service(const struct assay_rec_request *r, double after_first, char reason[REASON_BYTES])
{
	(void)after_first;
	return span_ms(r->t_sent, r->t_first, "no stamp of the first token", reason);
}

static double e2el(const struct assay_rec_request *r, double after_first, char reason[REASON_BYTES])
{
	(void)after_first;
	return span_ms(r->t_intended, r->t_last, "no stamp of the last token", reason);
}

static double queue(const struct assay_rec_request *r, double after_first, char reason[REASON_BYTES])
{
	(void)after_first;
	return span_ms(r->t_sent, r->t_scheduled, "the engine does not say when it schedules", reason);
}

static double send_lag(const struct assay_rec_request *r, double after_first, char reason[REASON_BYTES])
{
	(void)after_first;
	return span_ms(r->t_intended, r->t_sent, "no stamp of the send", reason);
}

static double tpot(const struct assay_rec_request *r, double after_first, char reason[REASON_BYTES])
{
	if (after_first <= 0) {
		reason_set(reason, after_first < 0 ? "tokens per event unknown" : "no token after the first event");
		return NAN;
	}
	return span_ms(r->t_first, r->t_last, "no stamp of the last token", reason) / after_first;
}

static double decode_rate(const struct assay_rec_request *r, double after_first, char reason[REASON_BYTES])
{
	double ms = tpot(r, after_first, reason);
	if (ms > 0)
		return 1e3 / ms;
	if (ms <= 0)
		reason_set(reason, REASON_TIMER);
	return NAN;
}

static double request_rate(const struct assay_rec_request *r, double after_first, char reason[REASON_BYTES])
{
	double ms = e2el(r, after_first, reason);
	if (ms > 0)
		return r->output_tokens * 1e3 / ms;
	if (ms <= 0)
		reason_set(reason, REASON_TIMER);
	return NAN;
}

static void each_request(const struct point_builder *b, const struct assay_run_visit *v, struct sample_set *s, request_fn *fn)
{
	const struct assay_run_request *q = visit_requests(b, v);
	for (size_t i = 0; i < v->n_requests; i++) {
		char reason[REASON_BYTES];
		if (!assay_end_ok(assay_request_outcome(&q[i], b->ignore_eos)))
			continue;
		double x = fn(&q[i].r, tokens_after_first(&q[i]), reason);
		if (isnan(x))
			sample_missing(s, reason);
		else
			sample_put(s, x);
	}
}

#define REQUEST_SAMPLES(name)                                                                                              \
	static void name##_samples(const struct point_builder *b, const struct assay_run_visit *v, struct sample_set *s)   \
	{                                                                                                                  \
		each_request(b, v, s, name);                                                                               \
	}
REQUEST_SAMPLES(ttft)
REQUEST_SAMPLES(ttft_service)
REQUEST_SAMPLES(e2el)
REQUEST_SAMPLES(queue)
REQUEST_SAMPLES(send_lag)
REQUEST_SAMPLES(tpot)
REQUEST_SAMPLES(decode_rate)
REQUEST_SAMPLES(request_rate)

static void gaps(const struct point_builder *b, const struct assay_run_visit *v, struct sample_set *s)
{
	const struct assay_run_request *q = visit_requests(b, v);
	for (size_t i = 0; i < v->n_requests; i++) {
		if (!assay_end_ok(assay_request_outcome(&q[i], b->ignore_eos)))
			continue;
		sample_next_cluster(s);
		if (!q[i].n_tokens)
			sample_missing(s, "no token stamps kept");
		for (size_t k = 1; k < q[i].n_tokens; k++)
			sample_put(s, (double)(q[i].tokens[k].t_engine - q[i].tokens[k - 1].t_engine) / 1e6);
	}
}

static void read_lags(const struct point_builder *b, const struct assay_run_visit *v, struct sample_set *s)
{
	const struct assay_run_request *q = visit_requests(b, v);
	bool at_end = assay_effective_told_at_end(b->run);
	for (size_t i = 0; i < v->n_requests; i++) {
		if (!assay_end_ok(assay_request_outcome(&q[i], b->ignore_eos)))
			continue;
		sample_next_cluster(s);
		if (at_end)
			sample_missing(s, "the engine told token times at the end of each request (emit=final)");
		for (size_t k = 0; k < q[i].n_tokens && !at_end; k++)
			if (q[i].tokens[k].t_read >= 0)
				sample_put(s, (double)(q[i].tokens[k].t_read - q[i].tokens[k].t_engine) / 1e6);
	}
}

static void hidden_gaps(struct point_builder *b)
{
	double hidden = 0;
	for (size_t i = 0; i < b->n_visits; i++) {
		const struct assay_run_request *q = visit_requests(b, b->visits[i]);
		for (size_t k = 0; k < b->visits[i]->n_requests; k++)
			if (assay_end_ok(assay_request_outcome(&q[k], b->ignore_eos)))
				for (size_t j = 0; j < q[k].n_tokens; j++)
					hidden += q[k].tokens[j].n_tokens - 1;
	}
	point_add_value(b, "itl_hidden", hidden, "");
}

void point_request_metrics(struct point_builder *b)
{
	size_t failed = b->out->failed;
	point_add_distribution(b, "ttft_ms", ttft_samples, false, failed);
	point_add_distribution(b, "ttft_service_ms", ttft_service_samples, false, failed);
	point_add_distribution(b, "itl_ms", gaps, true, 0);
	hidden_gaps(b);
	point_add_distribution(b, "tpot_ms", tpot_samples, false, failed);
	point_add_distribution(b, "e2el_ms", e2el_samples, false, failed);
	point_add_distribution(b, "queue_ms", queue_samples, false, failed);
	point_add_distribution(b, "send_lag_ms", send_lag_samples, false, 0);
	point_add_distribution(b, "read_lag_ms", read_lags, true, 0);
	point_add_distribution(b, "request_tok_s", request_rate_samples, false, 0);
	point_add_distribution(b, "decode_tok_s", decode_rate_samples, false, 0);
}
