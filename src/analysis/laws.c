/* See laws.h. Must not say anything. */
#include "analysis/laws.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/findings_rules.h"

static const struct assay_law_about abouts[ASSAY_LAWS] = {
	{ "batch_step", "batch size", "sequences", "decode step", "ms", "measured points at two batch sizes or more" },
	{ "prompt_ttft", "prompt length", "tokens", "TTFT", "ms", "single requests at prompt lengths that differ by a factor of two or more" },
	{ "output_e2e", "output length", "tokens", "E2E latency", "ms", "single requests at output lengths that differ by a factor of two or more" },
	{ "context_decode", "context length", "tokens", "TPOT", "ms", "single requests at context lengths that differ by a factor of two or more" },
};

/* Points of one request at a time with fixed lengths. */
static bool is_single(const struct facts *f, size_t p)
{
	static const char *const from[] = { "seqlen", "latency", "longdoc" };
	bool known = false;
	for (size_t i = 0; i < 3; i++)
		known |= fact_is(f, p, from[i]);
	return known && fact_measured(f, p) && fact_case(f, p, "batch_size", 0) == 1 && fact_case(f, p, "prompt_tokens", 0) > 0;
}

void series_runs(const struct facts *f, size_t point, const char *key, double n, struct series *to)
{
	const struct assay_value *v = fact_metric(f, point, key);
	for (size_t i = 0; v && i < v->n_per_run; i++)
		series_add(to, n, v->per_run[i], point);
}

void series_by_prompt(const struct facts *f, const char *key, struct series *to)
{
	for (size_t i = 0; i < f->run->n_points; i++)
		if (is_single(f, i))
			series_runs(f, i, key, (double)fact_case(f, i, "prompt_tokens", 0), to);
}

int64_t series_by_output(const struct facts *f, struct series *to)
{
	int64_t prompt = 0;
	size_t most = 0;
	for (size_t i = 0; i <= f->run->n_points; i++) {
		struct series s = { 0 };
		bool last = i == f->run->n_points;
		int64_t want = last ? prompt : is_single(f, i) ? fact_case(f, i, "prompt_tokens", 0) : 0;
		for (size_t k = 0; want && k < f->run->n_points; k++)
			if (is_single(f, k) && fact_case(f, k, "prompt_tokens", 0) == want)
				series_runs(f, k, "e2el_ms", (double)fact_case(f, k, "output_tokens", 0), &s);
		size_t d = series_distinct(&s);
		if (last) {
			*to = s;
			return prompt;
		}
		if (d > most) {
			most = d;
			prompt = want;
		}
		series_release(&s);
	}
	return prompt;
}

/* Mean decode step of each run; where the engine reports no steps, the time per token of its requests. */
static void add_steps(const struct facts *f, size_t point, struct series *to)
{
	const struct assay_run_point *p = &f->run->points[point];
	int64_t batch = fact_case(f, point, "batch_size", 0);
	for (size_t i = p->first_visit; i < p->first_visit + p->n_visits; i++)
		if (f->run->visits[i].v.repeat >= 0)
			series_add(to, (double)batch, fact_step_ms(f, &f->run->visits[i], (uint32_t)batch), point);
	if (f->run->n_steps == 0)
		series_runs(f, point, "tpot_ms", (double)batch, to);
}

/* Both ends of a doubling were measured or lie between measured lengths. */
static bool spans_double(const struct assay_fit *fit)
{
	return fit->known && fit->distinct >= 2 && fit->most_n >= 2 * fit->least_n;
}

static void batch_step(const struct facts *f, struct series *s, struct assay_law *out)
{
	size_t n, *p = fact_batch_points(f, &n);
	for (size_t i = 0; i < n; i++)
		add_steps(f, p[i], s);
	free(p);
	assay_knee_find(s->n, s->y, s->count, &out->knee);
	out->fit = out->knee.law;
	out->known = out->knee.known;
}

static void prompt_ttft(const struct facts *f, struct series *s, struct assay_law *out)
{
	series_by_prompt(f, "ttft_ms", s);
	assay_fit_scaling(s->n, s->y, s->count, &out->fit);
	assay_fit_break(s->n, s->y, s->count, &out->fit, &out->change);
	out->known = spans_double(&out->fit);
}

static void output_e2e(const struct facts *f, struct series *s, struct assay_law *out)
{
	out->prompt_tokens = series_by_output(f, s);
	assay_fit_terms(s->n, s->y, s->count, 2, &out->fit);
	out->known = spans_double(&out->fit);
}

/* Over the context in the middle of the output. */
static void context_decode(const struct facts *f, struct series *s, struct assay_law *out)
{
	for (size_t i = 0; i < f->run->n_points; i++)
		if (is_single(f, i))
			series_runs(f, i, "tpot_ms", (double)fact_case(f, i, "prompt_tokens", 0) + (double)fact_case(f, i, "output_tokens", 0) / 2, s);
	assay_fit_terms(s->n, s->y, s->count, 2, &out->fit);
	out->known = spans_double(&out->fit);
}

/* With the weights of the fit: without them a law could seem worse than none. */
static double r2_of(const struct assay_fit *fit, const struct series *s)
{
	double weights = 0, mean = 0, total = 0, left = 0;
	for (size_t i = 0; i < s->count; i++) {
		double w = s->y[i] > 0 ? 1 / (s->y[i] * s->y[i]) : 0;
		weights += w;
		mean += w * s->y[i];
	}
	mean /= weights;
	for (size_t i = 0; i < s->count; i++) {
		double w = s->y[i] > 0 ? 1 / (s->y[i] * s->y[i]) : 0, e = s->y[i] - assay_fit_at(fit, s->n[i]), d = s->y[i] - mean;
		left += w * e * e;
		total += w * d * d;
	}
	return total > 0 ? 1 - left / total : NAN;
}

void assay_law_fit(const struct assay_run *run, const struct assay_run_metrics *m, enum assay_law_id which, struct assay_law *out)
{
	static void (*const fits[ASSAY_LAWS])(const struct facts *, struct series *, struct assay_law *) = { batch_step, prompt_ttft, output_e2e, context_decode };
	const struct facts f = { .run = run, .m = m };
	struct series s = { 0 };
	*out = (struct assay_law){ .about = &abouts[which] };
	fits[which](&f, &s, out);
	out->r2 = out->fit.known ? r2_of(&out->fit, &s) : NAN;
	out->x = s.n;
	out->y = s.y;
	out->point = s.point;
	out->count = s.count;
}

void assay_law_release(struct assay_law *l)
{
	free(l->x);
	free(l->y);
	free(l->point);
	*l = (struct assay_law){ 0 };
}
