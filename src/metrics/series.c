/* See series.h. Must not know how anything is drawn. */
#include "metrics/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "metrics/effective.h"
#include "metrics/outcome.h"
#include "metrics/point_builder.h"
#include "metrics/steady_window.h"
#include "metrics/summary.h"

enum { least_bins = 5, steps_per_bin = 4 };

double *assay_curve_of(const double *sorted, size_t n, size_t *kept)
{
	*kept = n < ASSAY_CURVE_LEAST ? 0 : n < ASSAY_CURVE_MOST ? n : ASSAY_CURVE_MOST;
	if (!*kept)
		return NULL;
	double *out = xalloc(*kept * sizeof *out);
	for (size_t i = 0; i < *kept; i++)
		out[i] = *kept == n ? sorted[i] : !i ? sorted[0] : assay_percentile_nearest(sorted, n, (double)i / (ASSAY_CURVE_MOST - 1));
	return out;
}

/* ---- which run ---- */

static int by_wall(const void *a, const void *b)
{
	const struct assay_run_visit *x = *(const struct assay_run_visit *const *)a, *y = *(const struct assay_run_visit *const *)b;
	int64_t wx = x->v.t1_ns - x->v.t0_ns, wy = y->v.t1_ns - y->v.t0_ns;
	if (wx != wy)
		return wx < wy ? -1 : 1;
	return (x->v.repeat > y->v.repeat) - (x->v.repeat < y->v.repeat);
}

/* NULL when no measured run ended. */
static const struct assay_run_visit *median_visit(const struct assay_run *run, size_t point)
{
	const struct assay_run_point *p = &run->points[point];
	const struct assay_run_visit **list = xalloc((p->n_visits + 1) * sizeof *list), *median = NULL;
	size_t n = 0;
	for (size_t i = p->first_visit; i < p->first_visit + p->n_visits; i++)
		if (run->visits[i].v.repeat >= 0 && run->visits[i].v.t1_ns >= 0)
			list[n++] = &run->visits[i];
	qsort(list, n, sizeof *list, by_wall);
	if (n)
		median = list[(n - 1) / 2];
	free(list);
	return median;
}

/* ---- bins ---- */

struct bins { int64_t t0, t1, each; struct assay_over_time *out; };

static size_t bin_of(const struct bins *b, int64_t t)
{
	return (size_t)((t - b->t0) / b->each);
}

/* Stamps lie inside their run; of a damaged record they may not. */
static bool inside(const struct bins *b, int64_t t)
{
	return t >= b->t0 && bin_of(b, t) < b->out->bins;
}

/* Calls add(bin, ns of [from, to] that lie in it) for each bin that it touches. */
static void spread(const struct bins *b, int64_t from, int64_t to, double weight, double *sum)
{
	from = from > b->t0 ? from : b->t0;
	to = to < b->t1 ? to : b->t1;
	while (from < to) {
		size_t i = bin_of(b, from);
		int64_t end = b->t0 + (int64_t)(i + 1) * b->each;
		end = end < to ? end : to;
		sum[i] += weight * (double)(end - from);
		from = end;
	}
}

static double length_ns(const struct bins *b, size_t i)
{
	int64_t start = b->t0 + (int64_t)i * b->each;
	return (double)(start + b->each < b->t1 ? b->each : b->t1 - start);
}

/* As many bins as hold about four engine steps each: fewer would hide the course, more would show the steps themselves. */
static void cut(struct bins *b, const struct assay_run_visit *v, double events, double busy_ns)
{
	double wall = (double)(v->v.t1_ns - v->v.t0_ns), at_once = fmax(1, busy_ns / wall);
	int64_t want = (int64_t)fmin(ASSAY_BINS_MOST, fmax(least_bins, events / at_once / steps_per_bin));
	b->t0 = v->v.t0_ns;
	b->t1 = v->v.t1_ns;
	b->each = ((b->t1 - b->t0 + want - 1) / want + 999) / 1000 * 1000; /* whole microseconds: short numbers */
	b->out->bins = (size_t)((b->t1 - b->t0 + b->each - 1) / b->each);
	b->out->repeat = v->v.repeat;
	b->out->bin_s = (double)b->each / 1e9;
	for (size_t i = 0; i < b->out->bins; i++)
		b->out->t_s[i] = ((double)i * (double)b->each + length_ns(b, i) / 2) / 1e9;
}

/* ---- what is in them ---- */

struct gap { size_t bin; double ms; };

static int by_bin(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;
	if (x->bin != y->bin)
		return x->bin < y->bin ? -1 : 1;
	return (x->ms > y->ms) - (x->ms < y->ms);
}

static size_t add_request(const struct bins *b, const struct assay_run_request *q, struct gap *gaps)
{
	size_t n = 0;
	for (size_t k = 0; k < q->n_tokens; k++) {
		int64_t t = q->tokens[k].t_engine;
		if (!inside(b, t))
			continue;
		b->out->output_tok_s[bin_of(b, t)] += q->tokens[k].n_tokens;
		if (k)
			gaps[n++] = (struct gap){ bin_of(b, t), (double)(t - q->tokens[k - 1].t_engine) / 1e6 };
	}
	if (q->r.t_first >= 0)
		spread(b, q->r.t_first, q->r.t_last, 1, b->out->running);
	return n;
}

static void put_gaps(const struct bins *b, struct gap *gaps, size_t n)
{
	for (size_t i = 0; i < b->out->bins; i++)
		b->out->itl_ms_p50[i] = b->out->itl_ms_max[i] = NAN;
	qsort(gaps, n, sizeof *gaps, by_bin);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && gaps[end].bin == gaps[i].bin;)
			end++;
		b->out->itl_ms_p50[gaps[i].bin] = gaps[i + (end - i - 1) / 2].ms;
		b->out->itl_ms_max[gaps[i].bin] = gaps[end - 1].ms;
	}
}

static void put_kv(const struct bins *b, const struct assay_run *run, const struct assay_run_visit *v)
{
	double page = assay_effective_page_bytes(run), used[ASSAY_BINS_MOST] = { 0 }, time[ASSAY_BINS_MOST] = { 0 };
	bool known = false;
	for (size_t i = 0; i < v->n_steps && !isnan(page); i++) {
		const struct assay_rec_step *s = &run->steps[v->first_step + i];
		known |= s->kv_blocks_used > 0;
		spread(b, s->t0_ns, s->t1_ns, s->kv_blocks_used, used);
		spread(b, s->t0_ns, s->t1_ns, 1, time);
	}
	if (!known)
		b->out->kv_reason = "the engine does not say how much KV cache is in use";
	for (size_t i = 0; i < b->out->bins; i++)
		b->out->kv_used_mib[i] = known && time[i] > 0 ? used[i] / time[i] * page / (1024 * 1024) : NAN;
}

/* The successful requests, packed; owned by the caller. */
static struct assay_run_request *successes(const struct assay_run *run, size_t point, const struct assay_run_visit *v, size_t *n)
{
	const struct assay_run_request *q = &run->requests[v->first_request];
	struct assay_run_request *ok = xalloc((v->n_requests + 1) * sizeof *ok);
	*n = 0;
	for (size_t i = 0; i < v->n_requests; i++)
		if (assay_end_ok(assay_request_outcome(&q[i], assay_point_ignores_eos(run, point))))
			ok[(*n)++] = q[i];
	return ok;
}

static void over_time(const struct assay_run *run, const struct assay_run_visit *v, const struct assay_run_request *ok, size_t n, struct assay_over_time *out)
{
	struct bins b = { .out = out };
	size_t events = 0, n_gaps = 0;
	double busy_ns = 0;
	for (size_t i = 0; i < n; i++) {
		events += ok[i].n_tokens;
		busy_ns += ok[i].r.t_first >= 0 && ok[i].r.t_last >= 0 ? (double)(ok[i].r.t_last - ok[i].r.t_first) : 0;
	}
	if (events < ASSAY_EVENTS_LEAST || v->v.t1_ns <= v->v.t0_ns) {
		out->reason = events < ASSAY_EVENTS_LEAST ? "fewer than 20 token events" : REASON_TIMER;
		return;
	}
	cut(&b, v, (double)events, busy_ns);
	struct gap *gaps = xalloc(events * sizeof *gaps);
	for (size_t i = 0; i < n; i++)
		n_gaps += add_request(&b, &ok[i], gaps + n_gaps);
	put_gaps(&b, gaps, n_gaps);
	free(gaps);
	for (size_t i = 0; i < out->bins; i++) {
		out->output_tok_s[i] /= length_ns(&b, i) / 1e9;
		out->running[i] /= length_ns(&b, i);
	}
	put_kv(&b, run, v);
}

static void steady(const struct assay_run *run, size_t point, const struct assay_run_visit *v, struct assay_steady_span *out)
{
	struct assay_steady w;
	assay_steady_window(&run->requests[v->first_request], v->n_requests, assay_effective_slots(run, point), &w);
	out->reason = w.reason;
	out->t0_s = (double)(w.t0_ns - v->v.t0_ns) / 1e9;
	out->t1_s = (double)(w.t1_ns - v->v.t0_ns) / 1e9;
	out->length_s = (double)w.ns / 1e9;
	out->stretches = w.stretches;
}

void assay_series_compute(const struct assay_run *run, size_t point, struct assay_series *out)
{
	const struct assay_run_visit *v = median_visit(run, point);
	*out = (struct assay_series){ .over = { .reason = "", .kv_reason = "" }, .steady = { .reason = "no run over time" } };
	if (!v) {
		out->over.reason = "no measured run ended";
		return;
	}
	size_t n;
	struct assay_run_request *ok = successes(run, point, v, &n);
	over_time(run, v, ok, n, &out->over);
	if (out->over.bins)
		steady(run, point, v, &out->steady);
	free(ok);
}
