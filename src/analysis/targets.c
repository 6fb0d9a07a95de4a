/* See targets.h. Named sets come from the requirement documents (E1, E3, E5). Must not know files or YAML. */
#include "analysis/targets.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/options.h"

/* ---- named sets ---- */

struct named_row {
	const char *set, *metric, *stat;
	double max, min;           /* NaN = no such bound */
	const char *experiment;    /* NULL = any */
	int batch, prompt, output; /* 0 = any */
	bool informational;
	const char *label;
};

static const struct named_row named[] = {
	{ "s3-cpu", "ttft_ms", "mean", 2000, NAN, "latency", 0, 128, 30, false, "TTFT, mean" },
	{ "s3-cpu", "request_tok_s", "mean", NAN, 20, "latency", 0, 128, 30, false, "Tokens/s per request" },
	{ "s3-cpu", "e2el_ms", "mean", 2500, NAN, "latency", 0, 128, 30, false, "E2E latency, mean" },
	{ "s3-cpu", "request_s", "value", NAN, 0.5, NULL, 1, 0, 30, false, "Requests/s, single" },
	{ "s3-cpu", "output_tok_s", "value", NAN, 20, NULL, 1, 0, 30, false, "Throughput, single" },
	{ "s3-cpu", "e2el_ms", "mean", 1500, NAN, NULL, 1, 0, 30, false, "Latency under throughput, mean" },
	{ "s3-cpu", "failed", "value", 0, NAN, NULL, 0, 0, 0, false, "Failed requests" },
	{ "s4-a100", "e2el_ms", "mean", 2000, NAN, NULL, 1, 0, 50, false, "50 tokens, mean" },
	{ "s4-a100", "output_tok_s", "value", NAN, 400, "throughput", 16, 0, 0, false, "Throughput at batch 16" },
	{ "s4-a100", "gpu_util", "value", NAN, 0.7, "throughput", 16, 0, 0, false, "GPU use at batch 16" },
	{ "s1", "output_tok_s", "value", NAN, 6265, "offline", 0, 0, 0, true, "10 % over S1's 5,695 tok/s" },
};

static const char *const set_names[] = { "s3-cpu", "s4-a100", "s1" };

const char *const *assay_targets_names(int *n)
{
	*n = sizeof set_names / sizeof *set_names;
	return set_names;
}

static void put_int(json_t *o, const char *key, int value)
{
	if (value)
		json_object_set_new(o, key, json_integer(value));
}

static json_t *named_json(const struct named_row *r)
{
	json_t *kase = json_object();
	if (r->experiment)
		json_object_set_new(kase, "experiment", json_string(r->experiment));
	put_int(kase, "batch_size", r->batch);
	put_int(kase, "prompt_tokens", r->prompt);
	put_int(kase, "output_tokens", r->output);
	bool max = !isnan(r->max);
	return json_pack("{s:s, s:s, s:o, s:f, s:b, s:s}", "metric", r->metric, "stat", r->stat, "case", kase, max ? "max" : "min",
	                 max ? r->max : r->min, "informational", r->informational, "label", r->label);
}

json_t *assay_targets_named(const char *name)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < sizeof named / sizeof *named; i++)
		if (!strcmp(named[i].set, name))
			json_array_append_new(rows, named_json(&named[i]));
	if (json_array_size(rows))
		return rows;
	json_decref(rows);
	return NULL;
}

/* ---- judging ---- */

static const char *const stat_names[] = { "value", "mean", "std", "min", "max", "median", "p50", "p90", "p95", "p99" };
enum { n_stats = sizeof stat_names / sizeof *stat_names };

static double stat_of(const struct assay_value *v, const char *stat)
{
	const double x[n_stats] = { v->value, v->value, v->s.std, v->s.min, v->s.max, v->s.linear[ASSAY_P50], v->s.pct[ASSAY_P50],
		v->s.pct[ASSAY_P90], v->s.pct[ASSAY_P95], v->s.pct[ASSAY_P99] };
	for (int i = 0; i < n_stats; i++)
		if (!strcmp(stat, stat_names[i]))
			return x[i];
	return NAN;
}

static bool same_scalar(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	return json_equal(a, b);
}

static bool matches(const json_t *kase, const struct assay_run *run, size_t point)
{
	const json_t *info = run->points[point].info, *have = json_object_get(info, "case");
	const char *key;
	json_t *want;
	json_object_foreach((json_t *)kase, key, want) {
		const json_t *x = !strcmp(key, "experiment") ? json_object_get(info, key) : json_object_get(have, key);
		if (!x || !same_scalar(want, x))
			return false;
	}
	return true;
}

static double actual_of(const struct assay_point_metrics *p, const char *metric, const char *stat)
{
	if (!strcmp(metric, "failed"))
		return p->offered ? (double)p->failed : NAN;
	const struct assay_value *v = assay_point_value(p, metric);
	return v ? stat_of(v, stat) : NAN;
}

/* Where several points match, the worst speaks. */
static json_t *judge_row(const json_t *row, const struct assay_run *run, const struct assay_run_metrics *m, int *failed)
{
	const char *metric = assay_json_get_str(row, "metric", ""), *stat = assay_json_get_str(row, "stat", "mean");
	double max = assay_json_get_num(row, "max", NAN), min = assay_json_get_num(row, "min", NAN), worst = NAN;
	json_int_t at = -1;
	for (size_t i = 0; i < m->n_points; i++) {
		double x = matches(json_object_get(row, "case"), run, i) ? actual_of(&m->points[i], metric, stat) : NAN;
		if (!isnan(x) && (isnan(worst) || (isnan(max) ? x < worst : x > worst))) {
			worst = x;
			at = (json_int_t)i;
		}
	}
	bool pass = !(worst > max) && !(worst < min), informational = assay_json_get_bool(row, "informational", 0);
	const char *status = isnan(worst) ? "not_measured" : informational ? "informational" : pass ? "pass" : "fail";
	*failed += !strcmp(status, "fail");
	json_t *out = json_pack("{s:s, s:s, s:O, s:o, s:o, s:s, s:O?}", "metric", metric, "stat", stat, "case", json_object_get(row, "case"), "bound",
	                        isnan(max) ? json_pack("{s:f}", "min", min) : json_pack("{s:f}", "max", max), "actual", assay_json_real(worst),
	                        "status", status, "label", json_object_get(row, "label"));
	json_object_set_new(out, "met", isnan(worst) ? json_null() : json_boolean(pass));
	json_object_set_new(out, "point", at < 0 ? json_null() : json_integer(at));
	return out;
}

json_t *assay_targets_judge(const json_t *rows, const struct assay_run *run, const struct assay_run_metrics *m, int *failed)
{
	json_t *out = json_array();
	size_t i;
	json_t *row;
	*failed = 0;
	json_array_foreach((json_t *)rows, i, row)
		json_array_append_new(out, judge_row(row, run, m, failed));
	return out;
}

/* ---- users' files ---- */

static const char *const row_keys[] = { "metric", "stat", "case", "max", "min", "informational", "label" };
static const char *const case_keys[] = { "experiment", "batch_size", "prompt_tokens", "output_tokens", "asked_prompt_tokens", "asked_output_tokens",
	"seq_len", "axis", "limit", "preset", "requests", "input", "output", "prompts", "runs_asked", "tokens" };
#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

struct place { const char *(*where)(const json_t *, void *); void *arg; struct assay_err *e; };

static const char *at(const struct place *p, const json_t *node)
{
	const char *s = p->where ? p->where(node, p->arg) : NULL;
	return s ? s : "targets";
}

static int unknown(const struct place *p, const json_t *node, const char *what, const char *name, const char *const *names, int n)
{
	const char *near = assay_nearest(name, names, n);
	return assay_fail(p->e, ASSAY_E_USAGE, "%s: unknown %s \"%.60s\"%s%s%s", at(p, node), what, name, near ? ": did you mean \"" : "",
	                  near ? near : "", near ? "\"?" : "");
}

static bool is_one_of(const char *name, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static int check_metric(const struct place *p, const json_t *node)
{
	const char *names[256] = { "failed" };
	size_t n;
	const struct assay_metric *t = assay_metric_table(&n);
	if (!json_is_string(node))
		return assay_fail(p->e, ASSAY_E_USAGE, "%s: metric: give a metric's key, such as ttft_ms", at(p, node));
	for (size_t i = 0; i < n && i < 255; i++)
		names[i + 1] = t[i].key;
	const char *name = json_string_value(node);
	return is_one_of(name, names, (int)n + 1) ? 0 : unknown(p, node, "metric", name, names, (int)n + 1);
}

static int check_stat(const struct place *p, const json_t *node)
{
	if (!json_is_string(node))
		return assay_fail(p->e, ASSAY_E_USAGE, "%s: stat: give one of value, mean, std, min, max, median, p50, p90, p95, p99", at(p, node));
	const char *name = json_string_value(node);
	return is_one_of(name, stat_names, n_stats) ? 0 : unknown(p, node, "stat", name, stat_names, n_stats);
}

static int check_case(const struct place *p, const json_t *kase)
{
	const char *key;
	json_t *v;
	if (!json_is_object(kase))
		return assay_fail(p->e, ASSAY_E_USAGE, "%s: case: give a mapping, such as {experiment: latency, prompt_tokens: 128}", at(p, kase));
	json_object_foreach((json_t *)kase, key, v) {
		if (!is_one_of(key, case_keys, COUNT(case_keys)))
			return unknown(p, v, "case key", key, case_keys, COUNT(case_keys));
		if (!json_is_number(v) && !json_is_string(v))
			return assay_fail(p->e, ASSAY_E_USAGE, "%s: case.%s: give a number or a name", at(p, v), key);
	}
	return 0;
}

static int check_bounds(const struct place *p, const json_t *row)
{
	const json_t *max = json_object_get(row, "max"), *min = json_object_get(row, "min");
	if (!max == !min)
		return assay_fail(p->e, ASSAY_E_USAGE, "%s: give either max or min (for both, one row each)", at(p, row));
	if (!json_is_number(max ? max : min))
		return assay_fail(p->e, ASSAY_E_USAGE, "%s: %s: give a number", at(p, max ? max : min), max ? "max" : "min");
	return 0;
}

static int check_row(const struct place *p, const json_t *row)
{
	const char *key;
	json_t *v;
	int bad;
	if (!json_is_object(row))
		return assay_fail(p->e, ASSAY_E_USAGE, "%s: a target is a mapping: {metric: ttft_ms, stat: mean, case: {experiment: latency}, max: 2000}", at(p, row));
	json_object_foreach((json_t *)row, key, v)
		if (!is_one_of(key, row_keys, COUNT(row_keys)))
			return unknown(p, v, "key", key, row_keys, COUNT(row_keys));
	v = json_object_get(row, "metric");
	if ((bad = check_metric(p, v ? v : row)))
		return bad;
	if ((v = json_object_get(row, "stat")) && (bad = check_stat(p, v)))
		return bad;
	if ((v = json_object_get(row, "case")) && (bad = check_case(p, v)))
		return bad;
	if ((v = json_object_get(row, "label")) && !json_is_string(v))
		return assay_fail(p->e, ASSAY_E_USAGE, "%s: label: give text", at(p, v));
	if ((v = json_object_get(row, "informational")) && !json_is_boolean(v))
		return assay_fail(p->e, ASSAY_E_USAGE, "%s: informational: give true or false", at(p, v));
	return check_bounds(p, row);
}

/* A row with every key that judging reads. */
static json_t *complete(const json_t *row)
{
	json_t *o = json_deep_copy(row);
	if (!json_object_get(o, "stat"))
		json_object_set_new(o, "stat", json_string("mean"));
	if (!json_object_get(o, "case"))
		json_object_set_new(o, "case", json_object());
	return o;
}

json_t *assay_targets_check(const json_t *doc, const char *(*where)(const json_t *, void *), void *arg, struct assay_err *e)
{
	struct place p = { where, arg, e };
	const json_t *list = json_is_object(doc) ? json_object_get(doc, "targets") : doc;
	if (!json_is_array(list) || !json_array_size(list)) {
		assay_fail(e, ASSAY_E_USAGE, "%s: give a list of targets: - {metric: ttft_ms, stat: mean, case: {experiment: latency}, max: 2000}", at(&p, doc));
		return NULL;
	}
	json_t *rows = json_array(), *row;
	size_t i;
	json_array_foreach((json_t *)list, i, row) {
		if (check_row(&p, row)) {
			json_decref(rows);
			return NULL;
		}
		json_array_append_new(rows, complete(row));
	}
	return rows;
}
