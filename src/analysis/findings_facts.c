/* What rules read of a run. See findings_rules.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/findings_rules.h"
#include "base/json.h"
#include "base/mem.h"
#include "metrics/outcome.h"

bool fact_is(const struct facts *f, size_t point, const char *experiment)
{
	return !strcmp(assay_json_get_str(f->run->points[point].info, "experiment", ""), experiment);
}

bool fact_measured(const struct facts *f, size_t point)
{
	return f->m->points[point].succeeded > 0 && !assay_point_seeks_limit(f->run, point);
}

int64_t fact_case(const struct facts *f, size_t point, const char *key, int64_t otherwise)
{
	return assay_json_get_int(json_object_get(f->run->points[point].info, "case"), key, otherwise);
}

const struct assay_value *fact_metric(const struct facts *f, size_t point, const char *key)
{
	return assay_point_value(&f->m->points[point], key);
}

double fact_value(const struct facts *f, size_t point, const char *key)
{
	const struct assay_value *v = fact_metric(f, point, key);
	return !v ? NAN : v->distribution ? v->s.n ? v->s.mean : NAN : v->value;
}

size_t fact_first(const struct facts *f, const char *experiment)
{
	for (size_t i = 0; i < f->run->n_points; i++)
		if (fact_is(f, i, experiment) && fact_measured(f, i))
			return i;
	return SIZE_MAX;
}

size_t fact_typical(const struct facts *f)
{
	static const char *const order[] = { "latency", "throughput", "seqlen", "longdoc", "offline", "memory" };
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		size_t p = fact_first(f, order[i]);
		if (p != SIZE_MAX)
			return p;
	}
	return SIZE_MAX;
}

void fact_label(const struct facts *f, size_t point, char out[96])
{
	const json_t *kase = json_object_get(f->run->points[point].info, "case");
	int64_t batch = fact_case(f, point, "batch_size", 0), prompt = fact_case(f, point, "prompt_tokens", 0), output = fact_case(f, point, "output_tokens", 0);
	const char *input = assay_json_get_str(kase, "input", NULL), *preset = assay_json_get_str(kase, "preset", NULL);
	if (json_object_get(kase, "load"))
		snprintf(out, 96, "load %.48s", assay_json_get_str(kase, "load", "?"));
	else if (preset)
		snprintf(out, 96, "%.40s", preset);
	else if (input)
		snprintf(out, 96, "%lld requests, %.20s in, %.20s out", (long long)fact_case(f, point, "requests", 0), input, assay_json_get_str(kase, "output", "?"));
	else if (batch > 1)
		snprintf(out, 96, "batch %lld, %lld in, %lld out", (long long)batch, (long long)prompt, (long long)output);
	else if (prompt)
		snprintf(out, 96, "one request, %lld in, %lld out", (long long)prompt, (long long)output);
	else
		snprintf(out, 96, "%.40s", assay_json_get_str(f->run->points[point].info, "experiment", "?"));
}

size_t *fact_batch_points(const struct facts *f, size_t *n)
{
	static const char *const from[] = { "throughput", "seqlen" };
	size_t *list = xalloc((f->run->n_points + 1) * sizeof *list);
	*n = 0;
	for (size_t e = 0; e < 2 && *n < 2; e++) {
		size_t first = fact_first(f, from[e]);
		*n = 0;
		for (size_t i = 0; first != SIZE_MAX && i < f->run->n_points; i++) {
			if (!fact_is(f, i, from[e]) || !fact_measured(f, i) || fact_case(f, i, "batch_size", 0) < 1 ||
			    fact_case(f, i, "prompt_tokens", 0) != fact_case(f, first, "prompt_tokens", 0) ||
			    fact_case(f, i, "output_tokens", 0) != fact_case(f, first, "output_tokens", 0))
				continue;
			size_t k = (*n)++;
			for (; k > 0 && fact_case(f, list[k - 1], "batch_size", 0) > fact_case(f, i, "batch_size", 0); k--)
				list[k] = list[k - 1];
			list[k] = i;
		}
	}
	return list;
}

double fact_step_ms(const struct facts *f, const struct assay_run_visit *v, uint32_t seqs)
{
	double ms = 0;
	size_t n = 0;
	for (size_t i = 0; i < v->n_steps; i++) {
		const struct assay_rec_step *s = &f->run->steps[v->first_step + i];
		if (s->kind != ASSAY_STEP_DECODE || s->seqs != seqs)
			continue;
		ms += (double)(s->t1_ns - s->t0_ns) / 1e6;
		n++;
	}
	return n ? ms / (double)n : NAN;
}

void series_add(struct series *s, double n, double y, size_t point)
{
	if (isnan(n) || isnan(y))
		return;
	if (s->count == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 32;
		s->n = xrealloc(s->n, s->cap * sizeof *s->n);
		s->y = xrealloc(s->y, s->cap * sizeof *s->y);
		s->point = xrealloc(s->point, s->cap * sizeof *s->point);
	}
	s->n[s->count] = n;
	s->y[s->count] = y;
	s->point[s->count++] = point;
}

void series_release(struct series *s)
{
	free(s->n);
	free(s->y);
	free(s->point);
	*s = (struct series){ 0 };
}

size_t series_distinct(const struct series *s)
{
	size_t d = 0;
	for (size_t i = 0; i < s->count; i++) {
		size_t k = 0;
		while (k < i && s->n[k] != s->n[i])
			k++;
		d += k == i;
	}
	return d;
}

void law_evidence(const struct facts *f, struct assay_finding *o, const struct assay_law *l)
{
	for (size_t i = 0; i < l->count; i++)
		finding_evidence(f, o, l->point[i]);
}

void series_evidence(const struct facts *f, struct assay_finding *o, const struct series *s)
{
	for (size_t i = 0; i < s->count; i++)
		finding_evidence(f, o, s->point[i]);
}
