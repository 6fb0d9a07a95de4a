/* See drift.h. Must not judge. */
#include "analysis/drift.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "metrics/summary.h"

enum { least_half = 3, blocks = 10, least_steps = 4 };

struct part { double mean, var; size_t n; };

static struct part part_of(const double *x, size_t n)
{
	struct part p = { 0, 0, n };
	for (size_t i = 0; i < n; i++)
		p.mean += x[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		p.var += (x[i] - p.mean) * (x[i] - p.mean) / (double)(n - 1);
	return p;
}

/* Welch 1947: difference of means with unequal variances, in shares of the first mean. */
static void welch(struct part a, struct part b, struct assay_drift *out)
{
	double va = a.var / (double)a.n, vb = b.var / (double)b.n, half = 0;
	if (!(a.mean > 0))
		return;
	if (va + vb > 0) {
		double df = (va + vb) * (va + vb) / (va * va / (double)(a.n - 1) + vb * vb / (double)(b.n - 1));
		half = assay_t_quantile(0.975, df) * sqrt(va + vb);
	}
	out->known = true;
	out->change = (b.mean - a.mean) / a.mean;
	out->lo = out->change - half / a.mean;
	out->hi = out->change + half / a.mean;
}

void assay_drift_halves(const double *x, size_t n, struct assay_drift *out)
{
	double *y = xalloc(n * sizeof *y);
	size_t k = 0;
	*out = (struct assay_drift){ 0 };
	for (size_t i = 0; i < n; i++)
		if (!isnan(x[i]))
			y[k++] = x[i];
	size_t half = k / 2;
	if (half >= least_half)
		welch(part_of(y, half), part_of(y + k - half, half), out);
	free(y);
}

void assay_drift_repeats(const struct assay_point_metrics *p, struct assay_drift *out)
{
	const struct assay_value *v = assay_point_value(p, "output_tok_s");
	size_t n = v ? v->n_per_run : 0;
	double *time = xalloc(n * sizeof *time);
	for (size_t i = 0; i < n; i++)
		time[i] = 1 / v->per_run[i];
	assay_drift_halves(time, n, out);
	free(time);
}

/* The decode steps of a visit in which as many sequences ran as ever did; count in *n. Owned by the caller. */
static const struct assay_rec_step **full_steps(const struct assay_run *run, const struct assay_run_visit *v, size_t *n)
{
	const struct assay_rec_step *s = run->steps + v->first_step, **full = xalloc(v->n_steps * sizeof *full);
	uint32_t most = 0;
	*n = 0;
	for (size_t i = 0; i < v->n_steps; i++)
		if (s[i].kind == ASSAY_STEP_DECODE && s[i].seqs > most)
			most = s[i].seqs;
	for (size_t i = 0; i < v->n_steps; i++)
		if (s[i].kind == ASSAY_STEP_DECODE && s[i].seqs == most)
			full[(*n)++] = &s[i];
	return full;
}

/* Block means of step times of one visit; false when steps are too few or the work grows. */
static bool visit_blocks(const struct assay_run *run, const struct assay_run_visit *v, double mean[blocks])
{
	size_t n;
	const struct assay_rec_step **full = full_steps(run, v, &n);
	size_t size = n / blocks;
	double bytes[2] = { 0, 0 };
	bool ok = size >= least_steps;
	for (size_t b = 0; b < blocks && ok; b++) {
		mean[b] = 0;
		for (size_t i = b * size; i < (b + 1) * size; i++) {
			mean[b] += (double)(full[i]->t1_ns - full[i]->t0_ns) / (double)size;
			bytes[b >= blocks / 2] += (double)full[i]->weight_bytes + (double)full[i]->kv_read_bytes;
		}
	}
	free(full);
	return ok && bytes[0] > 0 && bytes[1] < 1.01 * bytes[0] && bytes[0] < 1.01 * bytes[1];
}

void assay_drift_within(const struct assay_run *run, size_t point, struct assay_drift *out)
{
	const struct assay_run_point *p = &run->points[point];
	double *change = xalloc(p->n_visits * sizeof *change), mean[blocks];
	struct assay_drift one;
	size_t n = 0;
	*out = (struct assay_drift){ 0 };
	for (size_t i = 0; i < p->n_visits; i++) {
		const struct assay_run_visit *v = &run->visits[p->first_visit + i];
		if (v->v.repeat < 0 || !visit_blocks(run, v, mean))
			continue;
		assay_drift_halves(mean, blocks, &one);
		if (one.known && !n)
			*out = one;
		if (one.known)
			change[n++] = one.change;
	}
	if (n >= 3) {
		struct part all = part_of(change, n);
		double half = assay_t_quantile(0.975, (double)(n - 1)) * sqrt(all.var / (double)n);
		*out = (struct assay_drift){ true, all.mean, all.mean - half, all.mean + half };
	}
	free(change);
}
