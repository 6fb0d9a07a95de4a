/* See face_history.h. The text is written to a sheet; the terminal is one of them. */
#include "report/face_history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/chart.h"
#include "draw/text.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/sheet.h"

enum { SPARK_COLUMNS = 14, SHOWN_ON_TERMINAL = 20 };

static const char *str(const json_t *o, const char *key) { return assay_json_get_str(o, key, "?"); }

/* ---- pieces ---- */
void face_history_group(char *out, size_t size, const json_t *s)
{
	const char *dtype = assay_json_get_str(s, "dtype", NULL), *cpu = assay_json_get_str(s, "cpu", NULL), *split = assay_json_get_str(s, "split", NULL);
	int64_t threads = assay_json_get_int(s, "threads", 0);
	char count[400] = "";
	const char *key;
	json_t *v;
	if (threads)
		snprintf(count, sizeof count, ", %lld threads", (long long)threads);
	json_object_foreach(json_object_get(s, "options"), key, v) { /* those that differ between series */
		char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		snprintf(count + strlen(count), sizeof count - strlen(count), ", %.40s %.60s", key, text ? text : "?");
		free(text);
	}
	snprintf(out, size, "%.60s: %.100s%s%.20s%s on engine %.40s%s, %s%.40s%s%.100s%s%s%.100s", str(s, "experiment"), str(s, "model"), dtype ? " (" : "", dtype ? dtype : "", dtype ? ")" : "",
	         str(s, "engine"), count, cpu ? "machine " : "", str(s, "machine"), cpu ? " (" : "", cpu ? cpu : "", cpu ? ")" : "", split ? ", " : "", split ? split : "");
}

static void number(char out[48], const json_t *s, double x)
{
	const struct assay_metric *m = assay_metric_find(str(s, "key"));
	if (isnan(x))
		snprintf(out, 48, "-");
	else
		face_format(out, x, m ? m->digits : 2);
}

static const char *title_of(const json_t *s)
{
	const struct assay_metric *m = assay_metric_find(str(s, "key"));
	return m ? m->title : str(s, "key");
}

void face_history_change(char *out, size_t size, const json_t *s, const json_t *c)
{
	char name[96], before[48], after[48];
	face_case(name, s);
	number(before, s, assay_json_get_num(c, "before", NAN));
	number(after, s, assay_json_get_num(c, "after", NAN));
	snprintf(out, size, "%.30s %s%s%.60s %+.1f %% (%s) from %.200s (%.19s): %s -> %s %s, p %.2g", str(s, "experiment"), name, *name ? ": " : "", title_of(s), assay_json_get_num(c, "effect_pct", NAN),
	         str(c, "change"), str(c, "dir"), str(c, "created"), before, after, str(s, "unit"), assay_json_get_num(c, "p", NAN));
}

static bool same_group(const json_t *a, const json_t *b)
{
	static const char *const keys[] = { "machine", "engine", "model", "parameters", "dtype", "threads", "options", "experiment", "split" };
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])))
			return false;
	return true;
}

static void trend_cell(struct draw_table *t, const json_t *trend)
{
	const char *change = assay_json_get_str(trend, "change", NULL);
	if (!change)
		draw_table_cell(t, "needs %d", 10);
	else if (!strcmp(change, "none"))
		draw_table_cell(t, "none");
	else
		draw_table_cell(t, "%+.2g%% %s", assay_json_get_num(trend, "slope_pct", NAN), change);
}

static void changes_cell(struct draw_table *t, const json_t *s)
{
	const json_t *list = json_object_get(s, "changes"), *last = json_array_get(list, json_array_size(list) - 1);
	if (json_is_string(json_object_get(s, "needs")))
		draw_table_cell(t, "needs 10");
	else if (!last)
		draw_table_cell(t, "none");
	else
		draw_table_cell(t, "%zu: %+.1f%%", json_array_size(list), assay_json_get_num(last, "effect_pct", NAN));
}

static void spark_cell(struct draw_table *t, const json_t *s, int columns, bool utf8)
{
	const json_t *values = json_object_get(s, "values");
	size_t n = json_array_size(values);
	double *x = xalloc((n + 1) * sizeof *x);
	struct assay_buf b;
	assay_buf_init(&b, 4096);
	for (size_t i = 0; i < n; i++)
		x[i] = json_number_value(json_array_get(values, i));
	draw_chart_spark(&b, x, n, columns, false, utf8);
	draw_table_cell(t, "%s", b.data ? b.data : "");
	assay_buf_release(&b);
	free(x);
}

static void row(struct draw_table *t, const json_t *s, int spark, bool utf8)
{
	double sd = assay_json_get_num(s, "sd_within_pct", NAN);
	char name[96], median[48];
	face_case(name, s);
	number(median, s, assay_json_get_num(s, "median", NAN));
	draw_table_cell(t, "%s", name);
	draw_table_cell(t, "%s", str(s, "key"));
	draw_table_cell(t, "%lld", (long long)assay_json_get_int(s, "n", 0));
	draw_table_cell(t, "%s", median);
	draw_table_cell(t, isnan(sd) ? "-" : "%.2f%%", sd);
	changes_cell(t, s);
	trend_cell(t, json_object_get(s, "trend"));
	draw_table_cell(t, "%zu", json_array_size(json_object_get(s, "outliers")));
	if (spark)
		spark_cell(t, s, spark, utf8);
}

/* The series from *i on that belong to one group; *i moves behind them. */
static void group_table(struct draw_table *t, const json_t *list, size_t *i, int spark, bool utf8)
{
	static const struct { const char *head; bool right; int keep; } cols[] = {
		{ "Case", false, 0 }, { "Metric", false, 0 }, { "n", true, 0 }, { "Median", true, 0 }, { "sd", true, 2 }, { "Changes", false, 3 }, { "Trend", false, 4 }, { "Outliers", true, 1 },
	};
	const json_t *first = json_array_get(list, *i);
	draw_table_init(t);
	for (size_t c = 0; c < sizeof cols / sizeof *cols; c++)
		draw_table_col(t, cols[c].head, cols[c].right, cols[c].keep);
	if (spark)
		draw_table_col(t, "Course", false, 5);
	for (; *i < json_array_size(list) && same_group(first, json_array_get(list, *i)); (*i)++)
		row(t, json_array_get(list, *i), spark, utf8);
}

/* ---- the text ---- */
static void changes(struct sheet *s, const json_t *h, size_t shown)
{
	const json_t *list = json_object_get(h, "series");
	char text[800];
	size_t all = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i), *cs = json_object_get(one, "changes");
		for (size_t k = 0; k < json_array_size(cs); k++) {
			if (!all)
				sheet_heading(s, 2, "Changes of level");
			if (all++ >= shown)
				continue;
			face_history_change(text, sizeof text, one, json_array_get(cs, k));
			sheet_para(s, "%s", text);
		}
	}
	if (all > shown)
		sheet_para(s, "and %zu more (--json)", all - shown);
}

static void said_of_files(struct sheet *s, const json_t *list, const char *title, const char *key, size_t shown)
{
	size_t n = json_array_size(list);
	if (n)
		sheet_heading(s, 2, "%s", title);
	for (size_t i = 0; i < n && i < shown; i++)
		sheet_para(s, "%s: %s", str(json_array_get(list, i), "dir"), str(json_array_get(list, i), key));
	if (n > shown)
		sheet_para(s, "and %zu more (--json)", n - shown);
}

static void notes(struct sheet *s, const json_t *h)
{
	double tested = assay_json_get_num(h, "tested", 0);
	sheet_para(s, "sd: of one result around its level. Changes and the trend since the last one need 10 results. Trend: %s, where its 99 %% interval excludes 0.",
	           !strcmp(str(h, "by"), "time") ? "per day" : "per result");
	if (tested > 0)
		sheet_para(s, "%.0f series were looked at: where nothing changed and results do not depend on each other, %.2g of them would show a change by accident (level %g).", tested,
		           assay_json_get_num(h, "expected_false", 0), assay_json_get_num(h, "level", 0));
}

void face_history_sheet(struct sheet *s, const json_t *h, int spark, bool utf8, size_t shown)
{
	const json_t *list = json_object_get(h, "series"), *results = json_object_get(h, "results");
	size_t n = json_array_size(results), filtered = (size_t)assay_json_get_int(h, "filtered", 0);
	char text[600];
	sheet_para(s, "%zu results%s%.19s%s%.19s; %zu left out%s", n, n ? ", " : "", n ? str(json_array_get(results, 0), "created") : "", n ? " to " : "",
	           n ? str(json_array_get(results, n - 1), "created") : "", json_array_size(json_object_get(h, "left_out")), filtered ? "; others do not have the labels asked for" : "");
	for (size_t i = 0; i < json_array_size(list);) {
		struct draw_table t;
		face_history_group(text, sizeof text, json_array_get(list, i));
		sheet_heading(s, 2, "%s", text);
		group_table(&t, list, &i, spark, utf8);
		sheet_table(s, &t);
	}
	changes(s, h, shown);
	said_of_files(s, json_object_get(h, "left_out"), "Left out", "reason", shown);
	said_of_files(s, json_object_get(h, "warnings"), "Used, with doubt", "what", shown);
	sheet_heading(s, 2, "How to read it");
	notes(s, h);
}

/* ---- terminal ---- */
struct terminal_sheet { struct sheet sheet; struct assay_buf *out; int width; bool colour; };

static struct terminal_sheet *of(struct sheet *s) { return (struct terminal_sheet *)s; }

static void heading(struct sheet *s, int level, const char *text)
{
	(void)level;
	assay_buf_printf(of(s)->out, "\n%s", of(s)->colour ? "\033[1m" : "");
	draw_text_wrap(of(s)->out, text, "", "  ", of(s)->width);
	assay_buf_puts(of(s)->out, of(s)->colour ? "\033[0m" : "");
}

static void para(struct sheet *s, const char *text) { draw_text_wrap(of(s)->out, text, "", "  ", of(s)->width); }

static void table(struct sheet *s, struct draw_table *t)
{
	if (draw_table_rows(t))
		draw_table_text(t, of(s)->out, of(s)->width, of(s)->colour);
	draw_table_release(t);
}

void assay_face_history(const json_t *history, struct assay_buf *out, const struct assay_term *term)
{
	static const struct sheet_ops ops = { heading, para, para, para, table };
	struct terminal_sheet s = { { &ops }, out, term->width, term->colour };
	face_history_sheet(&s.sheet, history, SPARK_COLUMNS, term->utf8, SHOWN_ON_TERMINAL);
}
