/* points[] of the result document: one object a case. Only shows what metrics/ and analysis/ found. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "metrics/outcome.h"
#include "result/result_parts.h"

static const char *const pct_name[ASSAY_PCTS] = { "p50", "p90", "p95", "p99" };

json_t *result_interval(double lo, double hi)
{
	return json_pack("[o, o]", assay_json_real(lo), assay_json_real(hi));
}

static json_t *percentiles(const double p[ASSAY_PCTS], bool infinite)
{
	json_t *o = json_object();
	for (int i = 0; i < ASSAY_PCTS; i++)
		json_object_set_new(o, pct_name[i], infinite && isinf(p[i]) ? json_string("inf") : assay_json_real(p[i]));
	return o;
}

static json_t *intervals(const struct assay_summary *s)
{
	json_t *o = json_object();
	for (int i = 0; i < ASSAY_PCTS; i++)
		json_object_set_new(o, pct_name[i], result_interval(s->pct_ci95[i][0], s->pct_ci95[i][1]));
	return o;
}

/* The floors that n is under; empty when it is under none. */
static json_t *needs(const struct assay_summary *s)
{
	json_t *o = json_object();
	for (int i = 0; i < ASSAY_PCTS; i++)
		if (s->need[i])
			json_object_set_new(o, pct_name[i], json_integer((json_int_t)s->need[i]));
	return o;
}

static void put_spread(json_t *o, const struct assay_summary *s)
{
	json_object_set_new(o, "std", assay_json_real(s->std));
	json_object_set_new(o, "min", assay_json_real(s->min));
	json_object_set_new(o, "max", assay_json_real(s->max));
}

static void put_distribution(json_t *o, const struct assay_summary *s)
{
	json_object_set_new(o, "n", json_integer((json_int_t)s->n));
	json_object_set_new(o, "mean", assay_json_real(s->mean));
	put_spread(o, s);
	for (int i = 0; i < ASSAY_PCTS; i++)
		json_object_set_new(o, pct_name[i], assay_json_real(s->pct[i]));
	json_object_set_new(o, "median", assay_json_real(s->linear[ASSAY_P50]));
	json_object_set_new(o, "ci95", result_interval(s->ci95[0], s->ci95[1]));
	json_object_set_new(o, "pct_ci95", intervals(s));
	json_object_set_new(o, "need", needs(s));
	json_object_set_new(o, "linear", percentiles(s->linear, false));
	json_object_set_new(o, "floor_index", percentiles(s->floor_index, false));
	json_object_set_new(o, "with_failures", percentiles(s->with_failures, true));
}

/* A value of a run with its spread over repeats, or one of the whole point. */
static void put_value(json_t *o, const struct assay_value *v)
{
	bool spread = v->n_per_run || v->s.n; /* over runs, or an interval of the point's own (growth over blocks) */
	json_object_set_new(o, "n", json_integer(spread ? (json_int_t)v->s.n : !isnan(v->value)));
	json_object_set_new(o, "value", assay_json_real(v->value));
	if (!spread)
		return;
	put_spread(o, &v->s);
	json_object_set_new(o, "median", assay_json_real(v->s.linear[ASSAY_P50]));
	json_object_set_new(o, "ci95", result_interval(v->s.ci95[0], v->s.ci95[1]));
}

static json_t *value_json(const struct assay_value *v)
{
	json_t *o = json_pack("{s:s}", "unit", v->def->unit);
	if (v->distribution)
		put_distribution(o, &v->s);
	else
		put_value(o, v);
	if (v->n_per_run)
		json_object_set_new(o, "per_run", result_numbers(v->per_run, v->n_per_run));
	json_object_set_new(o, "reason", *v->reason ? json_string(v->reason) : json_null());
	return o;
}

/* null for a case that was never measured: its status says why. */
static json_t *metrics_json(const struct assay_point_metrics *p, const char *status)
{
	bool never = !strcmp(status, "limit") || !strcmp(status, "dropped");
	if ((never && !p->runs_done) || !p->n_values)
		return json_null();
	json_t *o = json_object();
	for (size_t i = 0; i < p->n_values; i++)
		json_object_set_new(o, p->values[i].def->key, value_json(&p->values[i]));
	return o;
}

static json_t *requests_json(const struct assay_point_metrics *p)
{
	json_t *ends = json_object();
	for (int i = 0; i < ASSAY_END_N; i++)
		if (p->end_states[i])
			json_object_set_new(ends, assay_end_name(i), json_integer((json_int_t)p->end_states[i]));
	return json_pack("{s:I, s:I, s:I, s:o}", "offered", (json_int_t)p->offered, "succeeded", (json_int_t)p->succeeded, "failed", (json_int_t)p->failed, "end_states", ends);
}

static json_t *visits_json(const struct assay_run *run, const struct assay_run_point *p)
{
	json_t *a = json_array();
	for (size_t i = p->first_visit; i < p->first_visit + p->n_visits; i++) {
		const struct assay_rec_visit *v = &run->visits[i].v;
		json_array_append_new(a, json_pack("{s:I, s:I, s:I, s:o}", "order", (json_int_t)v->order, "repeat", (json_int_t)v->repeat, "t0_ns", (json_int_t)v->t0_ns,
			"t1_ns", v->t1_ns < 0 ? json_null() : json_integer(v->t1_ns)));
	}
	return a;
}

json_t *result_verdict(const struct assay_verdict *v)
{
	json_t *reasons = json_array();
	for (size_t i = 0; i < v->n; i++) {
		const struct assay_reason *r = &v->reasons[i];
		json_array_append_new(reasons, json_pack("{s:s, s:s, s:s, s:s, s:s}", "state", assay_verdict_name(r->state), "code", r->code, "measured", r->measured,
			"bound", r->bound, "advice", r->advice));
	}
	return json_pack("{s:s, s:o}", "state", assay_verdict_name(v->state), "reasons", reasons);
}

static void put_copy(json_t *to, const json_t *from, const char *key)
{
	json_t *v = json_object_get(from, key);
	json_object_set(to, key, v ? v : json_null());
}

/* Most requests at once: all of a run unless the point says fewer. */
static json_t *concurrency(const json_t *info)
{
	int64_t all = assay_json_get_int(info, "requests_per_run", 0), most = assay_json_get_int(info, "concurrency", assay_json_get_int(info, "in_flight", 0));
	most = most > 0 ? most : all;
	return most > 0 ? json_integer(most) : json_null();
}

static json_t *point_json(const struct assay_run *run, const struct assay_run_metrics *m, size_t i)
{
	const struct assay_run_point *p = &run->points[i];
	const struct assay_point_metrics *pm = &m->points[i];
	const char *status = assay_point_status(run, i), *reason = assay_point_status_reason(run, i);
	struct assay_verdict v;
	json_t *o = json_object();
	put_copy(o, p->info, "index");
	put_copy(o, p->info, "experiment");
	put_copy(o, p->info, "case");
	json_object_set_new(o, "status", json_string(status));
	json_object_set_new(o, "reason", *reason ? json_string(reason) : json_null());
	put_copy(o, p->info, "runs");
	put_copy(o, p->info, "warmup");
	put_copy(o, p->info, "requests_per_run");
	json_object_set_new(o, "concurrency", concurrency(p->info));
	json_object_set_new(o, "runs_done", json_integer(pm->runs_done));
	json_object_set_new(o, "warmups_done", json_integer(pm->warmups_done));
	json_object_set_new(o, "requests", requests_json(pm));
	json_object_set_new(o, "tokens", json_pack("{s:I, s:I}", "prompt", (json_int_t)pm->prompt_tokens, "output", (json_int_t)pm->output_tokens));
	json_t *metrics = metrics_json(pm, status);
	json_object_set_new(o, "metrics", metrics);
	json_object_set_new(o, "series", json_is_null(metrics) ? json_null() : result_series(run, m, i));
	assay_verdict_point(run, m, i, &v);
	json_object_set_new(o, "verdict", result_verdict(&v));
	assay_verdict_release(&v);
	json_object_set_new(o, "visit", visits_json(run, p));
	return o;
}

json_t *result_points(const struct assay_run *run, const struct assay_run_metrics *m)
{
	json_t *a = json_array();
	for (size_t i = 0; i < run->n_points; i++)
		if (!assay_json_get_bool(run->points[i].info, "undeclared", 0))
			json_array_append_new(a, point_json(run, m, i));
	return a;
}
