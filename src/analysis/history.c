/* Documents in, series out; see history.h. */
#include "analysis/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis/change_points.h"
#include "analysis/compare.h"
#include "analysis/history_parts.h"
#include "analysis/machine_id.h"
#include "base/json.h"
#include "base/mem.h"

int assay_history_open(const struct assay_history_options *o, struct assay_history **out, struct assay_err *e)
{
	const char *const *usual = o->metrics;
	size_t n = o->n_metrics;
	if (!usual)
		usual = assay_compare_usual(&n);
	if (n > ASSAY_HISTORY_KEYS)
		return assay_fail(e, ASSAY_E_USAGE, "--metrics: at most %d", ASSAY_HISTORY_KEYS);
	for (size_t i = 0; i < n; i++)
		if (assay_compare_key_ok(usual[i], usual, i, e))
			return e->code;
	struct assay_history *h = xalloc(sizeof *h);
	h->o = *o;
	for (size_t i = 0; i < n; i++)
		h->keys[h->n_keys++] = assay_metric_find(usual[i]);
	h->groups = json_object();
	h->ids = json_object();
	h->left_out = json_array();
	h->warnings = json_array();
	*out = h;
	return 0;
}

void assay_history_close(struct assay_history *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n_results; i++)
		json_decref(h->results[i].row);
	for (size_t i = 0; i < h->n_series; i++)
		free(h->series[i].values);
	free(h->results);
	free(h->series);
	json_decref(h->groups);
	json_decref(h->ids);
	json_decref(h->left_out);
	json_decref(h->warnings);
	free(h);
}

static json_t *text(const char *s)
{
	json_t *v = json_string(s);
	return v ? v : json_string("(not UTF-8)");
}

void assay_history_leave_out(struct assay_history *h, const char *dir, const char *reason)
{
	json_array_append_new(h->left_out, json_pack("{s:o, s:o}", "dir", text(dir), "reason", text(reason)));
}

void assay_history_warn(struct assay_history *h, const char *dir, const char *what)
{
	json_array_append_new(h->warnings, json_pack("{s:o, s:o}", "dir", text(dir), "what", text(what)));
}

/* RFC 3339 to seconds since 1970; NaN. */
static double seconds(const char *s)
{
	struct tm tm = { 0 };
	double sec;
	int n = 0, h = 0, m = 0;
	char sign = '+';
	if (sscanf(s, "%4d-%2d-%2d%*[Tt]%2d:%2d:%lf%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &sec, &n) != 6 || !n || !(sec >= 0 && sec < 61))
		return NAN;
	if (tm.tm_year < 1970 || tm.tm_year > 9999 || (s[n] && strcmp(s + n, "Z") && sscanf(s + n, "%c%2d:%2d", &sign, &h, &m) != 3))
		return NAN;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return (double)timegm(&tm) + sec - (sign == '-' ? -1 : 1) * (h * 3600.0 + m * 60.0);
}

/* config.label is an object, or one "K=V" in older results. NULL when the label is absent. Static storage for the latter. */
static const char *label_of(const json_t *result, const char *key, size_t len)
{
	const json_t *labels = json_object_get(json_object_get(result, "config"), "label");
	const char *old = json_string_value(labels);
	if (old)
		return strlen(old) > len && !strncmp(old, key, len) && old[len] == '=' ? old + len + 1 : NULL;
	return json_string_value(json_object_getn(labels, key, len));
}

static bool wanted(const struct assay_history *h, const json_t *result)
{
	for (size_t i = 0; i < h->o.n_where; i++) {
		const char *w = h->o.where[i], *eq = strchr(w, '='), *has = eq ? label_of(result, w, (size_t)(eq - w)) : NULL;
		if (!has || strcmp(has, eq + 1))
			return false;
	}
	return true;
}

static json_t *copy(const json_t *v)
{
	return v ? json_deep_copy(v) : json_null();
}

/* Tokens of one run of the point. */
static json_t *tokens_a_run(const json_t *point, const char *key)
{
	return assay_json_real(assay_json_get_num(json_object_get(point, "tokens"), key, NAN) / fmax(1, assay_json_get_num(point, "runs_done", 1)));
}

/* Options that make another measurement of it: not the same series. Absent is null, as in results from before the option. New reference. */
static json_t *options_of(const json_t *result)
{
	static const char *const keys[] = { "max_num_seqs", "max_batched_tokens", "block_size", "kv_dtype", "isa", "temperature", "top_k", "top_p", "ignore_eos", "engine_opt" };
	const json_t *config = json_object_get(result, "config");
	json_t *o = json_object();
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		json_object_set_new(o, keys[i], copy(json_object_get(config, keys[i])));
	return o;
}

/* What makes two points values of one series. New reference. */
static json_t *group_of(const struct assay_history *h, const json_t *result, const json_t *point)
{
	const json_t *machine = json_object_get(result, "machine"), *model = json_object_get(result, "model"), *engine = json_object_get(result, "engine");
	bool is_virtual = assay_json_get_bool(json_object_get(result, "clock"), "virtual", 0);
	bool stream = !strcmp(assay_json_get_str(point, "experiment", ""), "soak"); /* as long as its time: its tokens are no work asked for */
	char id[ASSAY_MACHINE_ID_LEN + 1];
	assay_machine_id(machine, id);
	const char *split = h->o.split ? label_of(result, h->o.split, strlen(h->o.split)) : NULL;
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o}, s:o}", "machine", is_virtual ? "virtual clock" : id, "cpu",
	                 is_virtual ? json_null() : copy(json_object_get(json_object_get(machine, "cpu"), "model")), "engine", copy(json_object_get(engine, "name")), "model",
	                 copy(json_object_get(model, "name")), "parameters", copy(json_object_get(model, "parameters")), "dtype", copy(json_object_get(model, "dtype")), "threads",
	                 copy(json_object_get(json_object_get(engine, "effective"), "threads")), "options", options_of(result), "experiment", copy(json_object_get(point, "experiment")), "case",
	                 copy(json_object_get(point, "case")), "work", "requests_per_run", copy(json_object_get(point, "requests_per_run")), "concurrency",
	                 copy(json_object_get(point, "concurrency")), "prompt_tokens", stream ? json_null() : tokens_a_run(point, "prompt"), "output_tokens",
	                 stream ? json_null() : tokens_a_run(point, "output"), "split",
	                 h->o.split ? json_sprintf("%s=%s", h->o.split, split ? split : "(none)") : json_null());
}

/* The first of the group's series; made when new. Steals group. */
static struct history_series *series_of(struct assay_history *h, json_t *group)
{
	char *key = json_dumps(group, JSON_COMPACT | JSON_SORT_KEYS);
	json_t *known = json_object_get(h->groups, key);
	if (known) {
		json_decref(group);
	} else {
		known = json_pack("{s:I, s:o}", "index", (json_int_t)(h->n_series / h->n_keys), "group", group);
		json_object_set_new(h->groups, key, known);
		h->series = xrealloc(h->series, (h->n_series + h->n_keys) * sizeof *h->series);
		for (size_t k = 0; k < h->n_keys; k++)
			h->series[h->n_series++] = (struct history_series){ .group = group, .metric = h->keys[k] };
	}
	free(key);
	return h->series + (size_t)assay_json_get_int(known, "index", 0) * h->n_keys;
}

/* A point's value: NaN when it is null, zero or negative (it has no logarithm). */
static double value_of(const json_t *point, const char *key)
{
	const json_t *m = json_object_get(json_object_get(point, "metrics"), key);
	double x = assay_json_get_num(m, "value", assay_json_get_num(m, "mean", NAN));
	return x > 0 && isfinite(x) ? x : NAN;
}

static void put(struct history_series *s, size_t result, double x)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->values = xrealloc(s->values, s->cap * sizeof *s->values);
	}
	s->values[s->n++] = (struct history_value){ result, x };
}

/* Values taken. */
static size_t take_points(struct assay_history *h, const json_t *result, const char *dir)
{
	const json_t *points = json_object_get(result, "points");
	size_t taken = 0, failed = 0;
	for (size_t i = 0; i < json_array_size(points); i++) {
		const json_t *p = json_array_get(points, i);
		if (strcmp(assay_json_get_str(p, "status", ""), "ok"))
			continue;
		if (assay_json_get_int(json_object_get(p, "requests"), "failed", 0) > 0) {
			failed++;
			continue;
		}
		struct history_series *s = series_of(h, group_of(h, result, p));
		for (size_t k = 0; k < h->n_keys; k++) {
			double x = value_of(p, h->keys[k]->key);
			if (!isnan(x)) {
				put(&s[k], h->n_results, x);
				taken++;
			}
		}
	}
	if (failed)
		assay_history_warn(h, dir, "points with failed requests were left out: they did other work");
	return taken;
}

/* Why a document cannot be used; NULL when it can. */
static const char *refused(const struct assay_history *h, const json_t *result, char *why, size_t size)
{
	const char *definitions = assay_json_get_str(result, "definitions", "none"), *id = assay_json_get_str(result, "id", "");
	const json_t *verdict = json_object_get(result, "verdict"), *same = json_object_get(h->ids, id);
	if (strcmp(definitions, ASSAY_DEFINITIONS_VERSION))
		snprintf(why, size, "definitions version %.40s, this assay has %s: not comparable", definitions, ASSAY_DEFINITIONS_VERSION);
	else if (same)
		snprintf(why, size, "a copy of %.300s", json_string_value(same));
	else if (isnan(seconds(assay_json_get_str(result, "created", ""))))
		snprintf(why, size, "its time of creation cannot be read");
	else if (!h->o.include_invalid && !strcmp(assay_json_get_str(verdict, "state", ""), "INVALID"))
		snprintf(why, size, "INVALID: %.100s (--include-invalid takes it)", assay_json_get_str(json_array_get(json_object_get(verdict, "reasons"), 0), "code", "no reason given"));
	else
		return NULL;
	return why;
}

void assay_history_add(struct assay_history *h, const json_t *result, const char *dir)
{
	const char *id = assay_json_get_str(result, "id", ""), *created = assay_json_get_str(result, "created", "");
	char why[500];
	if (!wanted(h, result)) {
		h->filtered++;
		return;
	}
	if (refused(h, result, why, sizeof why)) {
		assay_history_leave_out(h, dir, why);
		return;
	}
	if (!take_points(h, result, dir)) {
		assay_history_leave_out(h, dir, "no point was measured that has one of the metrics");
		return;
	}
	if (assay_json_get_bool(result, "interrupted", 0))
		assay_history_warn(h, dir, "interrupted: only its finished points are used");
	if (h->n_results == h->cap_results) {
		h->cap_results = h->cap_results ? 2 * h->cap_results : 64;
		h->results = xrealloc(h->results, h->cap_results * sizeof *h->results);
	}
	const json_t *config = json_object_get(result, "config");
	json_t *row = json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:o}", "dir", text(dir), "created", created, "id", id, "verdict", assay_json_get_str(json_object_get(result, "verdict"), "state", "?"),
	                        "commit", copy(json_object_get(json_object_get(result, "assay"), "commit")), "label", copy(json_object_get(config, "label")), "note", copy(json_object_get(config, "note")));
	h->results[h->n_results++] = (struct history_result){ row, seconds(created), 0 };
	if (*id)
		json_object_set_new(h->ids, id, text(dir));
}

static int by_time(const void *a, const void *b)
{
	const struct history_result *const *x = a, *const *y = b;
	if ((*x)->t_s != (*y)->t_s)
		return (*x)->t_s < (*y)->t_s ? -1 : 1;
	return strcmp(assay_json_get_str((*x)->row, "dir", ""), assay_json_get_str((*y)->row, "dir", ""));
}

/* results[] in time order; sets every place. */
static json_t *results_json(struct assay_history *h)
{
	struct history_result **order = xalloc((h->n_results + 1) * sizeof *order);
	json_t *list = json_array();
	for (size_t i = 0; i < h->n_results; i++)
		order[i] = &h->results[i];
	if (h->n_results)
		qsort(order, h->n_results, sizeof *order, by_time);
	for (size_t i = 0; i < h->n_results; i++) {
		order[i]->place = i;
		json_array_append(list, order[i]->row);
	}
	free(order);
	return list;
}

/* Of each group's options only those that are not the same in all groups: that is what tells them apart. */
static void keep_varying(struct assay_history *h)
{
	const json_t *first = h->n_series ? json_object_get(h->series[0].group, "options") : NULL;
	json_t *same = json_object(), *v;
	const char *key;
	json_object_foreach((json_t *)first, key, v) {
		bool all = true;
		for (size_t g = 0; g < h->n_series; g += h->n_keys)
			all = all && json_equal(v, json_object_get(json_object_get(h->series[g].group, "options"), key));
		if (all)
			json_object_set(same, key, v);
	}
	for (size_t g = 0; g < h->n_series; g += h->n_keys)
		json_object_foreach(same, key, v)
			json_object_del(json_object_get(h->series[g].group, "options"), key);
	json_decref(same);
}

json_t *assay_history_finish(struct assay_history *h)
{
	keep_varying(h);
	json_t *results = results_json(h), *series = json_array();
	size_t tested = 0;
	for (size_t i = 0; i < h->n_series; i++) {
		if (!h->series[i].n)
			continue;
		json_array_append_new(series, history_series_json(&h->series[i], h->results, h->o.by_time));
		tested += h->series[i].n >= ASSAY_HISTORY_TREND;
	}
	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:o, s:O, s:O, s:I, s:o}", "schema", "assay.history/1", "by", h->o.by_time ? "time" : "order", "level", assay_json_real(ASSAY_CHANGE_LEVEL),
	                 "results", results, "tested", (json_int_t)tested, "expected_false", assay_json_real(ASSAY_CHANGE_LEVEL * (double)tested), "left_out", h->left_out, "warnings", h->warnings,
	                 "filtered", (json_int_t)h->filtered, "series", series);
}
