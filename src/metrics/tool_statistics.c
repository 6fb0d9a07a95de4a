/* Statistics as other tools do them, over all measured runs of a point. See other_tools.h. */
#include "metrics/other_tools.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "metrics/outcome.h"
#include "metrics/summary.h"

void assay_tool_put(struct assay_tool_samples *s, double x, double weight)
{
	if (isnan(x) || !(weight > 0))
		return;
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->x = xrealloc(s->x, s->cap * sizeof *s->x);
		s->weight = xrealloc(s->weight, s->cap * sizeof *s->weight);
	}
	s->x[s->n] = x;
	s->weight[s->n++] = weight;
}

static void gather(const struct assay_tool_metric *m, const struct assay_run *run, size_t point, struct assay_tool_samples *to)
{
	const struct assay_run_point *p = &run->points[point];
	bool ignore_eos = assay_point_ignores_eos(run, point);
	for (size_t i = 0; i < p->n_visits; i++) {
		const struct assay_run_visit *v = &run->visits[p->first_visit + i];
		if (v->v.repeat < 0)
			continue;
		if (m->run)
			assay_tool_put(to, m->run(run, v, ignore_eos), 1);
		for (size_t k = 0; m->request && k < v->n_requests; k++) {
			const struct assay_run_request *q = &run->requests[v->first_request + k];
			if (assay_end_ok(assay_request_outcome(q, ignore_eos)))
				m->request(q, to);
		}
	}
}

struct pair { double x, weight; };

static int by_x(const void *a, const void *b)
{
	double x = ((const struct pair *)a)->x, y = ((const struct pair *)b)->x;
	return x < y ? -1 : x > y;
}

static void sort(struct assay_tool_samples *s)
{
	struct pair *p = xalloc((s->n + 1) * sizeof *p);
	for (size_t i = 0; i < s->n; i++)
		p[i] = (struct pair){ s->x[i], s->weight[i] };
	qsort(p, s->n, sizeof *p, by_x);
	for (size_t i = 0; i < s->n; i++) {
		s->x[i] = p[i].x;
		s->weight[i] = p[i].weight;
	}
	free(p);
}

/* Smallest value whose share of the weight reaches p. */
static double inverted(const struct assay_tool_samples *s, double total, double p)
{
	double sum = 0;
	for (size_t i = 0; i < s->n; i++) {
		sum += s->weight[i];
		if (sum >= p * total)
			return s->x[i];
	}
	return s->n ? s->x[s->n - 1] : NAN;
}

void assay_tool_compute(const struct assay_tool *t, const struct assay_tool_metric *m, const struct assay_run *run, size_t point, struct assay_tool_value *out)
{
	static const double at[4] = { 0.5, 0.9, 0.95, 0.99 };
	struct assay_tool_samples s = { 0 };
	double total = 0, sum = 0, squares = 0;
	*out = (struct assay_tool_value){ 0, NAN, NAN, NAN, NAN, { NAN, NAN, NAN, NAN } };
	gather(m, run, point, &s);
	for (size_t i = 0; m->scale != 0 && i < s.n; i++)
		s.x[i] *= m->scale;
	sort(&s);
	for (size_t i = 0; i < s.n; i++) {
		total += s.weight[i];
		sum += s.weight[i] * s.x[i];
	}
	out->n = s.n;
	if (s.n) {
		out->mean = sum / total;
		out->min = s.x[0];
		out->max = s.x[s.n - 1];
		for (size_t i = 0; i < s.n; i++)
			squares += s.weight[i] * (s.x[i] - out->mean) * (s.x[i] - out->mean);
		if (total > t->ddof)
			out->std = sqrt(squares / (total - t->ddof));
		for (int k = 0; k < 4; k++)
			out->pct[k] = t->inverted_cdf ? inverted(&s, total, at[k]) : assay_percentile_linear(s.x, s.n, at[k]);
	}
	free(s.x);
	free(s.weight);
}
