/* The metrics of a point whose requests came as a stream: from its windows and their merged histograms. Percentiles are within 0.1 %, and say so;
 * the mean's interval is over windows, because requests that follow each other are not independent. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "metrics/log_histogram.h"
#include "metrics/point_builder.h"
#include "metrics/stream_rows.h"

static const double pcts[ASSAY_PCTS] = { 0.50, 0.90, 0.95, 0.99 };

/* Windows of the point, probe and tail included: everything that it measured. */
static bool is_of(const struct point_builder *b, const struct assay_run_window *w)
{
	return w->w.point == b->point;
}

/* Means and squares of two parts put together (Chan, Golub, LeVeque 1979). */
static void merge(struct assay_rec_dist *to, double *n, const struct assay_rec_dist *d)
{
	double all = *n + d->n, delta = d->mean - to->mean;
	to->mean += delta * d->n / all;
	to->m2 += d->m2 + delta * delta * *n * d->n / all;
	to->min = fmin(to->min, d->min);
	to->max = fmax(to->max, d->max);
	*n = all;
}

/* 95 % interval of the mean over whole windows. */
static void mean_interval(const struct point_builder *b, enum assay_stream_metric m, struct assay_summary *s)
{
	size_t rows_n, n = 0;
	struct assay_stream_row *rows = assay_stream_rows(b->run, b->point, &rows_n);
	double *x = xalloc((rows_n + 1) * sizeof *x);
	struct assay_summary over;
	for (size_t i = 0; i < rows_n; i++)
		if (rows[i].w->d[m].n)
			x[n++] = rows[i].w->d[m].mean / 1e6;
	assay_summarise(x, n, 0, &over);
	s->ci95[0] = n < 6 ? NAN : s->mean + over.ci95[0] - over.mean;
	s->ci95[1] = n < 6 ? NAN : s->mean + over.ci95[1] - over.mean;
	free(x);
	free(rows);
}

static void percentiles(const uint64_t *counts, uint64_t n, uint64_t failed, struct assay_summary *s)
{
	for (int i = 0; i < ASSAY_PCTS; i++) {
		uint64_t rank = (uint64_t)ceil((double)(n + failed) * pcts[i] - 1e-6);
		s->pct[i] = fmin(s->max, fmax(s->min, assay_log_percentile(counts, pcts[i]) / 1e6)); /* a bucket may reach beyond what was seen */
		s->with_failures[i] = rank > n ? INFINITY : fmin(s->max, fmax(s->min, assay_log_at_rank(counts, rank ? rank : 1) / 1e6));
	}
	s->linear[ASSAY_P50] = s->pct[ASSAY_P50];
}

static void add_distribution(struct point_builder *b, const char *key, enum assay_stream_metric m, size_t failed, const char *none)
{
	const uint64_t *counts = b->run->histograms ? b->run->histograms[b->point].counts[m] : NULL;
	struct assay_rec_dist all = { .min = INFINITY, .max = -INFINITY };
	double n = 0;
	for (size_t i = 0; i < b->run->n_windows; i++)
		if (is_of(b, &b->run->windows[i]) && b->run->windows[i].d[m].n)
			merge(&all, &n, &b->run->windows[i].d[m]);
	point_add_value(b, key, NAN, none);
	struct assay_value *v = &b->out->values[b->out->n_values - 1];
	struct assay_summary *s = &v->s;
	v->distribution = true;
	if (!n || !counts || *b->missing)
		return;
	s->n = s->units = (size_t)n;
	s->failed = failed;
	s->mean = all.mean / 1e6;
	s->std = n > 1 ? sqrt(all.m2 / (n - 1)) / 1e6 : NAN;
	s->min = all.min / 1e6;
	s->max = all.max / 1e6;
	percentiles(counts, (uint64_t)n, failed, s);
	mean_interval(b, m, s);
	assay_summary_needs(s);
	v->value = s->mean;
	reason_set(v->reason, "percentiles from a log histogram, within 0.1 %%");
}

/* ---- rates: a value per visit ---- */

typedef double window_fn(const struct assay_rec_window *w);
static double requests(const struct assay_rec_window *w)
{
	return (double)w->ends[ASSAY_END_LENGTH] + w->ends[ASSAY_END_STOP];
}
static double offered(const struct assay_rec_window *w)
{
	return w->offered;
}
static double output(const struct assay_rec_window *w)
{
	return (double)w->output_tokens;
}
static double input(const struct assay_rec_window *w)
{
	return (double)w->prompt_tokens;
}
static double total(const struct assay_rec_window *w)
{
	return (double)w->prompt_tokens + (double)w->output_tokens;
}
static double busy_s(const struct assay_rec_window *w)
{
	return (double)w->busy_ns / 1e9;
}

/* A sum over the windows of a visit, divided by their time. What came after the last arrival is no load: it counts in neither. */
static double rate(const struct point_builder *b, const struct assay_run_visit *v, window_fn *fn, char reason[REASON_BYTES])
{
	double sum = 0;
	uint64_t ns = 0; /* of hostile times: may wrap */
	for (size_t i = 0; i < b->run->n_windows; i++) {
		const struct assay_run_window *w = &b->run->windows[i];
		if (!is_of(b, w) || w->w.repeat != v->v.repeat || w->w.flags & ASSAY_WINDOW_TAIL)
			continue;
		sum += fn(&w->w);
		ns += (uint64_t)(w->w.t1_ns - w->w.t0_ns);
	}
	return rate_per_s(sum, (int64_t)ns, reason);
}

#define WINDOW_RATE(name, fn)                                                                                       \
	static double name(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES]) \
	{                                                                                                             \
		return rate(b, v, fn, reason);                                                                        \
	}
WINDOW_RATE(offered_rate, offered)
WINDOW_RATE(request_rate, requests)
WINDOW_RATE(output_rate, output)
WINDOW_RATE(input_rate, input)
WINDOW_RATE(total_rate, total)
WINDOW_RATE(busy_share, busy_s)

static double wall(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	(void)b;
	int64_t ns = visit_wall_ns(v, reason);
	return ns < 0 ? NAN : (double)ns / 1e9;
}

static bool has_steps(const struct point_builder *b)
{
	for (size_t i = 0; i < b->run->n_windows; i++)
		if (is_of(b, &b->run->windows[i]) && b->run->windows[i].w.steps)
			return true;
	return false;
}

void point_stream_count(struct point_builder *b)
{
	struct assay_point_metrics *p = b->out;
	for (size_t i = 0; i < b->run->n_windows; i++) {
		const struct assay_rec_window *w = &b->run->windows[i].w;
		if (!is_of(b, &b->run->windows[i]))
			continue;
		p->offered += w->offered;
		p->failed += (size_t)assay_window_failed_count(w);
		for (int k = 0; k < ASSAY_END_N; k++) {
			p->end_states[k] += w->ends[k];
			p->succeeded += assay_end_ok((enum assay_end)k) ? w->ends[k] : 0;
		}
		p->prompt_tokens += (uint64_t)w->prompt_tokens;
		p->output_tokens += (uint64_t)w->output_tokens;
	}
}

void point_stream_metrics(struct point_builder *b)
{
	size_t failed = b->out->failed;
	add_distribution(b, "ttft_ms", ASSAY_STREAM_TTFT, failed, "no request succeeded");
	add_distribution(b, "ttft_service_ms", ASSAY_STREAM_TTFT_SERVICE, failed, "no request succeeded");
	add_distribution(b, "itl_ms", ASSAY_STREAM_ITL, 0, "no gap between tokens was seen");
	add_distribution(b, "tpot_ms", ASSAY_STREAM_TPOT, failed, "no token after the first event");
	add_distribution(b, "e2el_ms", ASSAY_STREAM_E2EL, failed, "no request succeeded");
	add_distribution(b, "queue_ms", ASSAY_STREAM_QUEUE, failed, "the engine does not say when it schedules");
	add_distribution(b, "send_lag_ms", ASSAY_STREAM_SEND_LAG, 0, "no request succeeded");
	point_add_per_run(b, "wall_s", wall);
	point_add_per_run(b, "offered_s", offered_rate);
	point_add_per_run(b, "request_s", request_rate);
	point_add_per_run(b, "output_tok_s", output_rate);
	point_add_per_run(b, "input_tok_s", input_rate);
	point_add_per_run(b, "total_tok_s", total_rate);
	if (has_steps(b))
		point_add_per_run(b, "engine_busy", busy_share);
	else
		point_add_value(b, "engine_busy", NAN, "the engine reports no steps");
}
