/* analysis.fits[] of the result document: the laws that findings state (analysis/laws.h), as data. Only shows what analysis/ found. */
#include <math.h>

#include "analysis/laws.h"
#include "base/json.h"
#include "result/result_parts.h"

/* {value, ci95}. */
static json_t *estimate(double value, double lo, double hi)
{
	return json_pack("{s:o, s:o}", "value", assay_json_real(value), "ci95", result_interval(lo, hi));
}

/* Terms that were not kept are null. */
static json_t *terms(const struct assay_fit *f)
{
	static const char *const names[ASSAY_FIT_TERMS] = { "a", "b", "q" };
	json_t *o = json_object();
	for (int i = 0; i < ASSAY_FIT_TERMS; i++)
		json_object_set_new(o, names[i], i < f->terms ? estimate(f->k[i], f->lo[i], f->hi[i]) : json_null());
	return o;
}

static void append_once(json_t *list, int64_t x)
{
	size_t i;
	json_t *v;
	json_array_foreach(list, i, v)
		if (json_integer_value(v) == x)
			return;
	json_array_append_new(list, json_integer(x));
}

static json_t *points(const struct assay_run *run, const struct assay_law *l)
{
	json_t *a = json_array();
	for (size_t i = 0; i < l->count; i++)
		append_once(a, assay_json_get_int(run->points[l->point[i]].info, "index", (int64_t)l->point[i]));
	return a;
}

/* The values at one x together: {x, n, mean, min, max}, smallest x first. */
static json_t *observed(const struct assay_law *l)
{
	json_t *a = json_array();
	for (double x = -INFINITY;;) {
		double next = INFINITY, sum = 0, min = INFINITY, max = -INFINITY;
		json_int_t n = 0;
		for (size_t i = 0; i < l->count; i++)
			if (l->x[i] > x)
				next = fmin(next, l->x[i]);
		if (isinf(next))
			return a;
		x = next;
		for (size_t i = 0; i < l->count; i++)
			if (l->x[i] == x) {
				n++;
				sum += l->y[i];
				min = fmin(min, l->y[i]);
				max = fmax(max, l->y[i]);
			}
		json_array_append_new(a, json_pack("{s:f, s:I, s:o, s:o, s:o}", "x", x, "n", n, "mean", assay_json_real(sum / (double)n), "min", assay_json_real(min), "max",
			assay_json_real(max)));
	}
}

static json_t *knee(const struct assay_knee *k)
{
	if (!k->bends)
		return json_null();
	return json_pack("{s:o, s:b, s:o, s:o, s:o}", "batch", estimate(k->knee.value, k->knee.lo, k->knee.hi), "clear", k->clear, "limit_tok_s",
		assay_json_real(1e3 * k->most_per_time), "saturation_batch", assay_json_real(k->saturation), "reached_share", assay_json_real(k->reached));
}

static json_t *change(const struct assay_break *b)
{
	if (!b->found)
		return json_null();
	return json_pack("{s:f, s:o, s:o}", "at", b->at, "slope_before", assay_json_real(b->slope_before), "slope_after", assay_json_real(b->slope_after));
}

static json_t *axis(const char *name, const char *unit)
{
	return json_pack("{s:s, s:s}", "name", name, "unit", unit);
}

static json_t *fit(const struct assay_run *run, const struct assay_law *l)
{
	static const char *const laws[] = { "", "a", "a + b x", "a + b x + q x^2" };
	const struct assay_fit *f = &l->fit;
	json_t *o = json_pack("{s:s, s:s, s:o, s:o}", "id", l->about->id, "law", laws[f->terms], "x", axis(l->about->x, l->about->x_unit), "y", axis(l->about->y, l->about->y_unit));
	json_object_set_new(o, "terms", terms(f));
	json_object_set_new(o, "points", points(run, l));
	json_object_set_new(o, "n", json_integer((json_int_t)f->n));
	json_object_set_new(o, "x_range", result_interval(f->least_n, f->most_n));
	json_object_set_new(o, "observed", observed(l));
	json_object_set_new(o, "r2", assay_json_real(l->r2));
	json_object_set_new(o, "largest_residual", assay_json_real(f->worst));
	json_object_set_new(o, "knee", knee(&l->knee));
	json_object_set_new(o, "break", change(&l->change));
	json_object_set_new(o, "prompt_tokens", l->prompt_tokens ? json_integer(l->prompt_tokens) : json_null());
	return o;
}

json_t *result_fits(const struct assay_run *run, const struct assay_run_metrics *m, json_t *reasons)
{
	json_t *a = json_array();
	for (int i = 0; i < ASSAY_LAWS; i++) {
		struct assay_law l;
		assay_law_fit(run, m, (enum assay_law_id)i, &l);
		if (l.known)
			json_array_append_new(a, fit(run, &l));
		else
			json_object_set_new(reasons, l.about->id, json_pack("s+", "needs ", l.about->needs));
		assay_law_release(&l);
	}
	return a;
}
