/* See variance.h. Must not judge. */
#include "analysis/variance.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

static double ms_of(const struct assay_rec_step *s)
{
	return (double)(s->t1_ns - s->t0_ns) / 1e6;
}

static uint32_t most_seqs(const struct assay_run *run, const struct assay_run_visit *v)
{
	uint32_t most = 0;
	for (size_t i = 0; i < v->n_steps; i++) {
		const struct assay_rec_step *s = &run->steps[v->first_step + i];
		if (s->kind == ASSAY_STEP_DECODE && s->seqs > most)
			most = s->seqs;
	}
	return most;
}

/* Sums over one run's full decode steps: count, times, and the sum of squares that a straight line over the step's place explains. */
struct part { double n, sum, squares, along; };

static struct part part_of(const struct assay_run *run, const struct assay_run_visit *v)
{
	struct part p = { 0 };
	double sx = 0, sxx = 0, sxy = 0;
	uint32_t most = most_seqs(run, v);
	for (size_t i = 0; i < v->n_steps; i++) {
		const struct assay_rec_step *s = &run->steps[v->first_step + i];
		if (s->kind != ASSAY_STEP_DECODE || s->seqs != most)
			continue;
		double y = ms_of(s), x = p.n++;
		p.sum += y;
		p.squares += y * y;
		sx += x;
		sxx += x * x;
		sxy += x * y;
	}
	double vxx = p.n > 2 ? sxx - sx * sx / p.n : 0, vxy = p.n > 2 ? sxy - sx * p.sum / p.n : 0;
	p.along = vxx > 0 ? vxy * vxy / vxx : 0;
	return p;
}

void assay_variance_point(const struct assay_run *run, size_t point, struct assay_variance *out)
{
	const struct assay_run_point *pt = &run->points[point];
	struct part all = { 0 };
	double within_means = 0;
	*out = (struct assay_variance){ .along = NAN, .between = NAN, .rest = NAN };
	for (size_t i = pt->first_visit; i < pt->first_visit + pt->n_visits; i++) {
		if (run->visits[i].v.repeat < 0)
			continue;
		struct part p = part_of(run, &run->visits[i]);
		if (!(p.n > 0))
			continue;
		all.n += p.n;
		all.sum += p.sum;
		all.squares += p.squares;
		all.along += p.along;
		within_means += p.sum * p.sum / p.n;
		out->runs++;
	}
	out->steps = (size_t)all.n;
	if (all.n < 3)
		return;
	double grand = all.sum * all.sum / all.n, total = all.squares - grand;
	out->mean_ms = all.sum / all.n;
	out->cv = sqrt(fmax(0, total) / (all.n - 1)) / out->mean_ms;
	if (out->cv < 1e-9)
		return;
	out->along = all.along / total;
	out->between = fmax(0, within_means - grand) / total;
	out->rest = fmax(0, 1 - out->along - out->between);
}

/* ---- slow steps ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* What happened between sample i - 1 and i; a rate that other steps have too explains nothing, so each has a floor. */
struct disturbed { bool known_steal, steal, known_switch, switched, known_fault, fault; };

static struct disturbed between(const struct assay_run *run, size_t i)
{
	const struct assay_rec_sample *a = &run->samples[i - 1], *b = &run->samples[i];
	double span_ns = (double)(b->t_ns - a->t_ns);
	struct disturbed d = { a->cpu_steal_ns >= 0 && b->cpu_steal_ns >= 0, false, a->ctx_involuntary >= 0 && b->ctx_involuntary >= 0, false,
			       a->major_faults >= 0 && b->major_faults >= 0, false };
	d.steal = d.known_steal && (double)(b->cpu_steal_ns - a->cpu_steal_ns) > 0.02 * span_ns;
	d.switched = d.known_switch && (double)(b->ctx_involuntary - a->ctx_involuntary) > 20 * span_ns / 1e9;
	d.fault = d.known_fault && b->major_faults > a->major_faults;
	return d;
}

/* The sample that ends the stretch in which t lies; 0 = none. Samples are in time order. */
static size_t sample_after(const struct assay_run *run, int64_t t)
{
	size_t lo = 0, hi = run->n_samples;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (run->samples[mid].t_ns < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < run->n_samples ? lo : 0;
}

struct counts { double known[2], hit[2]; };

static void count(struct counts *c, bool known, bool hit, bool slow)
{
	for (int k = 0; k <= slow && known; k++) {
		c->known[k]++;
		c->hit[k] += hit;
	}
}

static double share(const struct counts *c, int slow)
{
	return c->known[slow] > 0 ? c->hit[slow] / c->known[slow] : NAN;
}

struct tally { struct counts steal, switches, fault; double time_ms, slow_ms; };

static void add_step(const struct assay_run *run, const struct assay_rec_step *s, double median, struct assay_outliers *out, struct tally *t)
{
	bool slow = ms_of(s) > 1.5 * median;
	size_t i = sample_after(run, (s->t0_ns + s->t1_ns) / 2);
	out->steps++;
	out->slow += slow;
	out->preempted += slow && s->preempted > 0;
	t->time_ms += ms_of(s);
	t->slow_ms += slow ? ms_of(s) - median : 0;
	if (!i)
		return;
	struct disturbed d = between(run, i);
	out->sampled++;
	out->slow_sampled += slow;
	count(&t->steal, d.known_steal, d.steal, slow);
	count(&t->switches, d.known_switch, d.switched, slow);
	count(&t->fault, d.known_fault, d.fault, slow);
}

/* Steps of equal work are compared: full decode steps of one run. */
static void add_visit(const struct assay_run *run, const struct assay_run_visit *v, struct assay_outliers *out, struct tally *t)
{
	double *x = xalloc(v->n_steps * sizeof *x);
	uint32_t most = most_seqs(run, v);
	size_t n = 0;
	for (size_t i = 0; i < v->n_steps; i++) {
		const struct assay_rec_step *s = &run->steps[v->first_step + i];
		if (s->kind == ASSAY_STEP_DECODE && s->seqs == most)
			x[n++] = ms_of(s);
	}
	qsort(x, n, sizeof *x, by_value);
	for (size_t i = 0; i < v->n_steps && n >= 5; i++) {
		const struct assay_rec_step *s = &run->steps[v->first_step + i];
		if (s->kind == ASSAY_STEP_DECODE && s->seqs == most)
			add_step(run, s, x[n / 2], out, t);
	}
	free(x);
}

void assay_variance_outliers(const struct assay_run *run, struct assay_outliers *out)
{
	struct tally t = { 0 };
	*out = (struct assay_outliers){ 0 };
	for (size_t i = 0; i < run->n_visits; i++)
		if (run->visits[i].v.repeat >= 0)
			add_visit(run, &run->visits[i], out, &t);
	out->slow_time_share = t.time_ms > 0 ? t.slow_ms / t.time_ms : NAN;
	out->steal_slow = share(&t.steal, 1);
	out->steal_all = share(&t.steal, 0);
	out->switch_slow = share(&t.switches, 1);
	out->switch_all = share(&t.switches, 0);
	out->fault_slow = share(&t.fault, 1);
	out->fault_all = share(&t.fault, 0);
}

/* ---- gaps between steps ---- */

void assay_variance_idle(const struct assay_run *run, size_t point, struct assay_idle *out)
{
	*out = (struct assay_idle){ 0 };
	for (size_t i = 0; i < run->n_visits; i++) {
		const struct assay_run_visit *v = &run->visits[i];
		if (v->v.repeat < 0 || (point != SIZE_MAX && v->v.point != point) || v->n_steps < 2)
			continue;
		const struct assay_rec_step *s = &run->steps[v->first_step];
		out->span_s += (double)(s[v->n_steps - 1].t1_ns - s[0].t0_ns) / 1e9;
		for (size_t k = 1; k < v->n_steps; k++) {
			double gap_ms = fmax(0, (double)(s[k].t0_ns - s[k - 1].t1_ns) / 1e6);
			out->gaps++;
			out->idle_s += gap_ms / 1e3;
			out->longest_ms = fmax(out->longest_ms, gap_ms);
		}
	}
	out->per_step_us = out->gaps ? out->idle_s * 1e6 / (double)out->gaps : 0;
}
