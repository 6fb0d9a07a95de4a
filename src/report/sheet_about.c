/* The last sections of a report: machine, engine, model, configuration, telemetry, definitions of every number
 * shown, samples of text, what is unavailable, and how to do it again. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/text.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/sheet.h"

static void two_columns(struct draw_table *t, const char *a, const char *b)
{
	draw_table_init(t);
	draw_table_col(t, a, false, 0);
	draw_table_col(t, b, false, 0);
}

/* A scalar as it is; bytes also in MiB; a list with spaces; an object as "key value, key value". */
static void put_value(struct assay_buf *b, const char *key, const json_t *v)
{
	size_t i, n = strlen(key);
	const char *name, *gap = "";
	json_t *item;
	if (json_is_string(v)) {
		assay_buf_puts(b, json_string_value(v));
	} else if (json_is_integer(v)) {
		assay_buf_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		if (n > 6 && !strcmp(key + n - 6, "_bytes") && json_integer_value(v) >= 1 << 20)
			assay_buf_printf(b, " (%.1f MiB)", (double)json_integer_value(v) / (1 << 20));
	} else if (json_is_real(v)) {
		assay_buf_printf(b, "%.6g", json_real_value(v));
	} else if (json_is_boolean(v)) {
		assay_buf_puts(b, json_is_true(v) ? "true" : "false");
	} else if (json_is_array(v)) {
		json_array_foreach((json_t *)v, i, item) {
			assay_buf_puts(b, i ? json_is_object(item) ? "; " : " " : "");
			put_value(b, "", item);
		}
	} else if (json_is_object(v)) {
		json_object_foreach((json_t *)v, name, item) {
			assay_buf_printf(b, "%s%s ", gap, name);
			put_value(b, name, item);
			gap = ", ";
		}
	} else {
		assay_buf_puts(b, "-");
	}
}

/* Owned by the caller; bounded, since names and texts come from anywhere. */
static char *value_text(const char *key, const json_t *v)
{
	struct assay_buf b;
	assay_buf_init(&b, (size_t)1 << 16);
	assay_buf_puts(&b, "");
	put_value(&b, key, v);
	return b.data;
}

/* Every field of o; objects inside become "outer.inner" rows. The inventory's reasons stand in unavailable[]. */
static void flatten(struct draw_table *t, const char *prefix, const json_t *o, int depth)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)o, key, v) {
		char *name = xasprintf("%s%s%s", prefix, *prefix ? "." : "", key);
		if (!strcmp(key, "unavailable")) {
			free(name);
			continue;
		}
		if (json_is_object(v) && depth > 0) {
			flatten(t, name, v, depth - 1);
		} else {
			char *text = value_text(key, v);
			draw_table_cell(t, "%s", name);
			draw_table_cell(t, "%.300s", text);
			free(text);
		}
		free(name);
	}
}

static void object_section(struct sheet *b, const char *title, const json_t *o, int depth)
{
	struct draw_table t;
	if (!json_object_size(o))
		return;
	sheet_heading(b, 2, "%s", title);
	two_columns(&t, "Item", "Value");
	flatten(&t, "", o, depth);
	sheet_table(b, &t);
}

static void four_digits(struct draw_table *t, double x)
{
	if (isnan(x))
		draw_table_cell(t, "-");
	else
		draw_table_cell(t, fabs(x) >= 1e4 ? "%.0f" : "%.4g", x);
}

static void telemetry(struct sheet *b, const json_t *result)
{
	const json_t *summary = json_object_get(json_object_get(result, "telemetry"), "summary");
	struct draw_table t;
	const char *key;
	json_t *v;
	draw_table_init(&t);
	draw_table_col(&t, "Series", false, 0);
	draw_table_col(&t, "Mean", true, 0);
	draw_table_col(&t, "Min", true, 0);
	draw_table_col(&t, "Max", true, 0);
	draw_table_col(&t, "Unit", false, 0);
	json_object_foreach((json_t *)summary, key, v) {
		static const char *const stats[] = { "mean", "min", "max" };
		if (isnan(assay_json_get_num(v, "mean", NAN)))
			continue;
		draw_table_cell(&t, "%s", key);
		for (int i = 0; i < 3; i++)
			four_digits(&t, assay_json_get_num(v, stats[i], NAN));
		draw_table_cell(&t, "%s", assay_json_get_str(v, "unit", ""));
	}
	sheet_heading(b, 2, "What the machine did meanwhile");
	if (draw_table_rows(&t))
		sheet_para(b, "%lld samples over %.1f s.", (long long)assay_json_get_int(json_object_get(result, "telemetry"), "samples", 0),
			assay_json_get_num(json_object_get(result, "telemetry"), "duration_s", NAN));
	else
		sheet_para(b, "Not available: %s", assay_json_get_str(json_object_get(result, "telemetry"), "reason", "no samples"));
	sheet_table(b, &t);
}

/* A metric is in use when a point has a number for it. */
static bool in_use(const json_t *result, const char *key)
{
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (!isnan(face_stat(p, key, "mean")))
			return true;
	return false;
}

static void definitions(struct sheet *b, const json_t *result)
{
	size_t n;
	const struct assay_metric *m = assay_metric_table(&n);
	struct draw_table t;
	draw_table_init(&t);
	draw_table_col(&t, "Key", false, 0);
	draw_table_col(&t, "Unit", false, 0);
	draw_table_col(&t, "Definition", false, 0);
	for (size_t i = 0; i < n; i++) {
		if (!in_use(result, m[i].key))
			continue;
		draw_table_cell(&t, "%s", m[i].key);
		draw_table_cell(&t, "%s", m[i].unit);
		draw_table_cell(&t, "%s", m[i].definition);
	}
	sheet_heading(b, 2, "Definitions used (version %s)", assay_json_get_str(result, "definitions", "?"));
	sheet_para(b, "Percentiles are nearest rank; std is of the sample (n-1).");
	sheet_table(b, &t);
}

static void samples(struct sheet *b, const json_t *result)
{
	size_t i;
	json_t *n;
	bool any = false;
	json_array_foreach(json_object_get(result, "notes"), i, n) {
		if (strcmp(assay_json_get_str(n, "code", ""), "sample_text"))
			continue;
		if (!any)
			sheet_heading(b, 2, "What the model wrote");
		any = true;
		sheet_para(b, "Prompt: %s", assay_json_get_str(n, "prompt", ""));
		b->ops->quote(b, assay_json_get_str(n, "text", ""));
	}
}

static void notes(struct sheet *b, const json_t *result)
{
	size_t i;
	json_t *n;
	struct draw_table t;
	two_columns(&t, "Note", "Details");
	json_array_foreach(json_object_get(result, "notes"), i, n) {
		const char *code = assay_json_get_str(n, "code", "?");
		if (!strcmp(code, "sample_text") || !strcmp(code, "unavailable") || !strcmp(code, "command"))
			continue;
		json_t *rest = json_copy(n);
		json_object_del(rest, "code");
		char *text = value_text("", rest);
		draw_table_cell(&t, "%s", code);
		draw_table_cell(&t, "%.400s", text);
		free(text);
		json_decref(rest);
	}
	if (draw_table_rows(&t))
		sheet_heading(b, 2, "Notes");
	sheet_table(b, &t);
}

static void unavailable(struct sheet *b, const json_t *result)
{
	size_t i;
	json_t *u;
	struct draw_table t;
	two_columns(&t, "What", "Reason");
	json_array_foreach(json_object_get(result, "unavailable"), i, u) {
		draw_table_cell(&t, "%s", assay_json_get_str(u, "what", "?"));
		draw_table_cell(&t, "%s", assay_json_get_str(u, "reason", "?"));
	}
	if (draw_table_rows(&t))
		sheet_heading(b, 2, "Not available here");
	sheet_table(b, &t);
}

static void command(struct sheet *b, const json_t *result)
{
	size_t i;
	json_t *w;
	struct assay_buf line;
	assay_buf_init(&line, (size_t)1 << 20);
	json_array_foreach(json_object_get(result, "command"), i, w) {
		assay_buf_puts(&line, i ? " " : "");
		assay_buf_puts(&line, json_is_string(w) ? json_string_value(w) : "?");
	}
	sheet_heading(b, 2, "Command");
	b->ops->code(b, line.data ? line.data : "unknown");
	sheet_para(b, "Result %s", assay_json_get_str(result, "id", ""));
	assay_buf_release(&line);
}

void sheet_about(struct sheet *out, const json_t *result)
{
	samples(out, result);
	telemetry(out, result);
	object_section(out, "Machine", json_object_get(result, "machine"), 2);
	object_section(out, "Model", json_object_get(result, "model"), 1);
	object_section(out, "Engine", json_object_get(result, "engine"), 1);
	object_section(out, "Configuration", json_object_get(result, "config"), 0);
	object_section(out, "Assay", json_object_get(result, "assay"), 0);
	object_section(out, "Provenance", json_object_get(result, "provenance"), 1);
	definitions(out, result);
	notes(out, result);
	unavailable(out, result);
	command(out, result);
}
