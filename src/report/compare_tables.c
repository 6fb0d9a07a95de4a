/* See compare_tables.h. */
#include "report/compare_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "metrics/definitions.h"
#include "report/face_compare.h"
#include "report/face_data.h"

bool compare_is_family(const json_t *row)
{
	return !strcmp(assay_json_get_str(row, "role", ""), "family");
}

const char *compare_unit(const json_t *doc)
{
	const char *method = assay_json_get_str(doc, "method", "");
	return !strcmp(method, "single") ? "one result a side: the unit is the repeat" : !strcmp(method, "paired") ? "the unit is the pair of results" : "several results a side: the unit is the result";
}

void compare_percent(char out[32], double x, const char *sign)
{
	if (isnan(x))
		snprintf(out, 32, "-");
	else if (*sign)
		snprintf(out, 32, fabs(x) < 9.95 ? "%+.2f%%" : "%+.1f%%", x);
	else
		snprintf(out, 32, x < 9.95 ? "%.2f%%" : "%.1f%%", x);
}

void compare_interval(char out[48], const json_t *ci)
{
	const json_t *lo = json_array_get(ci, 0), *hi = json_array_get(ci, 1);
	if (json_is_number(lo) && json_is_number(hi))
		snprintf(out, 48, "%+.1f..%+.1f%%", json_number_value(lo), json_number_value(hi));
	else
		snprintf(out, 48, "-");
}

static void value_cell(struct draw_table *t, const json_t *row, const char *side)
{
	const struct assay_metric *m = assay_metric_find(assay_json_get_str(row, "key", ""));
	double x = assay_json_get_num(row, side, NAN);
	char text[48] = "-";
	if (!isnan(x))
		face_format(text, x, m ? m->digits : 2);
	draw_table_cell(t, "%s", text);
}

static void percent_cell(struct draw_table *t, const json_t *row, const char *key, const char *sign)
{
	char text[32];
	compare_percent(text, assay_json_get_num(row, key, NAN), sign);
	draw_table_cell(t, "%s", text);
}

static void interval_cell(struct draw_table *t, const json_t *row, const char *key)
{
	char text[48];
	compare_interval(text, json_object_get(row, key));
	draw_table_cell(t, "%s", text);
}

static void pairs_cell(struct draw_table *t, const json_t *row)
{
	if (json_is_integer(json_object_get(row, "pairs_needed")))
		draw_table_cell(t, "%lld", (long long)assay_json_get_int(row, "pairs_needed", 0));
	else
		draw_table_cell(t, json_is_null(json_object_get(row, "reason")) ? "> 1,000" : "-");
}

void compare_family_table(const json_t *doc, struct draw_table *t, char head[24])
{
	size_t i;
	json_t *row;
	snprintf(head, 24, "%.3g%% interval", 100 * (1 - assay_json_get_num(doc, "alpha", 0.05)));
	draw_table_init(t);
	draw_table_col(t, "Metric", false, 0);
	draw_table_col(t, "A", true, 3);
	draw_table_col(t, "B", true, 3);
	draw_table_col(t, "Effect", true, 0);
	draw_table_col(t, head, true, 2);
	draw_table_col(t, "Verdict", false, 0);
	draw_table_col(t, "Sees", true, 2);
	draw_table_col(t, "Pairs", true, 1);
	json_array_foreach(json_object_get(doc, "metrics"), i, row) {
		if (!compare_is_family(row))
			continue;
		draw_table_cell(t, "%s", assay_json_get_str(row, "key", "?"));
		value_cell(t, row, "a");
		value_cell(t, row, "b");
		percent_cell(t, row, "effect_pct", "+");
		interval_cell(t, row, "level_ci_pct");
		draw_table_cell(t, "%s", assay_json_get_str(row, "verdict", "?"));
		percent_cell(t, row, "smallest_visible_pct", "");
		pairs_cell(t, row);
	}
}

size_t compare_detail_table(const json_t *doc, struct draw_table *t, size_t most)
{
	size_t all = 0, i;
	json_t *row;
	draw_table_init(t);
	draw_table_col(t, "Case (detail)", false, 0);
	draw_table_col(t, "Metric", false, 0);
	draw_table_col(t, "Effect", true, 0);
	draw_table_col(t, "95% interval", true, 1);
	json_array_foreach(json_object_get(doc, "metrics"), i, row) {
		char name[96];
		if (compare_is_family(row) || all++ >= most)
			continue;
		face_case(name, row);
		draw_table_cell(t, "%s %s", assay_json_get_str(row, "experiment", ""), name);
		draw_table_cell(t, "%s", assay_json_get_str(row, "key", "?"));
		percent_cell(t, row, "effect_pct", "+");
		interval_cell(t, row, "ci95_pct");
	}
	return all;
}

void compare_notes(const json_t *doc, compare_say_fn *say, void *arg)
{
	const char *last = "";
	char text[400];
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(doc, "metrics"), i, row) {
		const char *reason = assay_json_get_str(row, "reason", NULL), *source = assay_json_get_str(row, "session_source", "");
		if (!compare_is_family(row))
			continue;
		if (reason) {
			snprintf(text, sizeof text, "%.60s: %.250s: it decides nothing", assay_json_get_str(row, "key", "?"), reason);
			say(arg, text);
		}
		if (strcmp(source, last)) {
			snprintf(text, sizeof text, "spread between sessions that is allowed for: %.2f %% (%.250s)", assay_json_get_num(row, "session_sd_pct", 0), source);
			say(arg, text);
		}
		last = source;
	}
}

static void scalar(const json_t *v, char *out, size_t size)
{
	char *s = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
	snprintf(out, size, "%.200s", json_is_string(v) ? json_string_value(v) : s ? s : "?");
	free(s);
}

void assay_face_difference(const json_t *entry, char *out, int size_bytes)
{
	const json_t *va = json_object_get(entry, "a"), *vb = json_object_get(entry, "b");
	const char *what = assay_json_get_str(entry, "what", "?");
	char a[240], b[240];
	scalar(va, a, sizeof a);
	scalar(vb, b, sizeof b);
	if (json_is_null(va) && json_is_null(vb))
		snprintf(out, (size_t)size_bytes, "%.200s", what);
	else if (json_is_null(va) != json_is_null(vb))
		snprintf(out, (size_t)size_bytes, "%.200s: %s in %s", what, json_is_null(va) ? b : a, json_is_null(va) ? "B" : "A");
	else
		snprintf(out, (size_t)size_bytes, "%.200s: %s against %s", what, a, b);
}

void compare_engines_line(const json_t *doc, compare_say_fn *say, void *arg)
{
	const json_t *engines = json_object_get(doc, "engines");
	if (!engines)
		return;
	char *text = xasprintf("A is %s, B is %s.", assay_json_get_str(engines, "a", "?"), assay_json_get_str(engines, "b", "?"));
	say(arg, text);
	free(text);
}

void compare_warnings(const json_t *doc, compare_say_fn *say, void *arg)
{
	size_t i;
	json_t *entry;
	char text[700];
	json_array_foreach(json_object_get(doc, "warnings"), i, entry) {
		assay_face_difference(entry, text, sizeof text);
		say(arg, text);
	}
}

void compare_gate(const json_t *doc, compare_say_fn *say, void *arg)
{
	size_t i;
	json_t *row;
	char text[300];
	json_array_foreach(json_object_get(json_object_get(doc, "gate"), "rows"), i, row) {
		const char *status = assay_json_get_str(row, "status", "?");
		snprintf(text, sizeof text, "%s: %.60s: %+.2f %% worse, bound %g %%%s", !strcmp(status, "fail") ? "REGRESSION" : !strcmp(status, "pass") ? "pass" : "NOT SURE",
			assay_json_get_str(row, "key", "?"), assay_json_get_num(row, "worse_pct", NAN), assay_json_get_num(row, "bound_pct", NAN),
			!strcmp(status, "unsure") ? ": undecided, and the 90 % interval reaches the bound" : "");
		say(arg, text);
	}
}
