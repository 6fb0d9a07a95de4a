/* report-NAME.json and .md: the records of a result under another tool's definitions, beside our own numbers. All that is computed
 * is in metrics/other_tools; here it is only placed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "draw/file.h"
#include "draw/text.h"
#include "metrics/other_tools.h"
#include "report/face_data.h"
#include "report/face_definitions.h"
#include "report/face_rows.h"
#include "report/faces.h"
#include "report/markdown.h"

/* ---- the document ---- */

static const char *percentile_name(const struct assay_tool *t)
{
	return t->inverted_cdf ? "inverted CDF, weighted where the metric is (no interpolation)" : "linear interpolation (numpy's default)";
}

static json_t *metric_json(const struct assay_tool *t, const struct assay_tool_metric *m, const struct assay_run *run, size_t point)
{
	static const char *const pct[] = { "p50", "p90", "p95", "p99" };
	struct assay_tool_value v;
	assay_tool_compute(t, m, run, point, &v);
	json_t *o = json_pack("{s:s, s:s?, s:I, s:o, s:o, s:o, s:o}", "unit", m->unit, "ours", m->ours, "n", (json_int_t)v.n, "mean", assay_json_real(v.mean), "std", assay_json_real(v.std),
		"min", assay_json_real(v.min), "max", assay_json_real(v.max));
	for (int i = 0; i < 4; i++)
		json_object_set_new(o, pct[i], assay_json_real(v.pct[i]));
	json_object_set_new(o, "reason", v.n ? json_null() : json_string(m->request || m->run ? "no successful request has it" : m->what));
	return o;
}

static json_t *point_json(const struct assay_tool *t, const json_t *p, const struct assay_run *run)
{
	json_t *metrics = json_object();
	size_t point = (size_t)(face_run_point(p, run) - run->points);
	for (const struct assay_tool_metric *m = t->metrics; m->name; m++)
		json_object_set_new(metrics, m->name, metric_json(t, m, run, point));
	return json_pack("{s:O, s:O, s:O, s:o}", "index", json_object_get(p, "index"), "experiment", json_object_get(p, "experiment"), "case", json_object_get(p, "case"), "metrics", metrics);
}

static json_t *document(const struct assay_tool *t, const json_t *result, const struct assay_run *run)
{
	json_t *definitions = json_object(), *missing = json_array(), *points = json_array(), *p;
	size_t i;
	for (const struct assay_tool_metric *m = t->metrics; m->name; m++) {
		if (m->request || m->run)
			json_object_set_new(definitions, m->name, json_string(m->what));
		else
			json_array_append_new(missing, json_pack("{s:s, s:s}", "what", m->name, "reason", m->what));
	}
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (face_ok(p) && face_run_point(p, run))
			json_array_append_new(points, point_json(t, p, run));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "schema", "assay.definitions/1", "result", assay_json_get_str(result, "id", ""), "tool", t->name, "title", t->title,
		"percentile", percentile_name(t), "std", t->ddof ? "of the sample (n - 1)" : "of the population (n)", "note", t->note, "definitions", definitions, "points", points,
		"unavailable", missing);
}

/* ---- tables ---- */

static void number_cell(struct draw_table *t, double x)
{
	char text[48];
	face_format(text, x, fabs(x) < 10 ? 3 : 2);
	draw_table_cell(t, "%s", isnan(x) ? "-" : text);
}

/* Our own number; with its unit where theirs is another. */
static void ours_cell(struct draw_table *t, const json_t *point, const json_t *theirs, const char *stat)
{
	const char *key = assay_json_get_str(theirs, "ours", ""), *unit = assay_json_get_str(face_metric(point, key), "unit", "");
	char text[48];
	face_number(text, point, key, stat, "");
	draw_table_cell(t, "%s%s%s", *text ? text : "-", *text && strcmp(unit, assay_json_get_str(theirs, "unit", "")) ? " " : "",
		*text && strcmp(unit, assay_json_get_str(theirs, "unit", "")) ? unit : "");
}

/* A row a metric of each point: theirs, and our mean and P99 beside it. */
static void fill(const json_t *doc, const json_t *result, struct draw_table *t)
{
	static const struct { const char *head, *stat; int keep; } cols[] = { { "Mean", "mean", 0 }, { "Std", "std", 2 }, { "P50", "p50", 6 }, { "P90", "p90", 1 }, { "P99", "p99", 5 } };
	size_t i;
	const char *key;
	json_t *p, *m;
	draw_table_col(t, "Case", false, 0);
	draw_table_col(t, "Metric", false, 0);
	draw_table_col(t, "Unit", false, 4);
	draw_table_col(t, "n", true, 7);
	for (size_t c = 0; c < sizeof cols / sizeof *cols; c++)
		draw_table_col(t, cols[c].head, true, cols[c].keep);
	draw_table_col(t, "assay mean", true, 8);
	draw_table_col(t, "assay P99", true, 3);
	json_array_foreach(json_object_get(doc, "points"), i, p) {
		const json_t *mine = json_array_get(json_object_get(result, "points"), (size_t)assay_json_get_int(p, "index", 0));
		char label[96];
		face_case(label, p);
		json_object_foreach(json_object_get(p, "metrics"), key, m) {
			if (!assay_json_get_int(m, "n", 0))
				continue;
			draw_table_cell(t, "%s%s%s", *label ? assay_json_get_str(p, "experiment", "?") : "", *label ? " " : "", label);
			label[0] = 0;
			draw_table_cell(t, "%s", key);
			draw_table_cell(t, "%s", assay_json_get_str(m, "unit", ""));
			draw_table_cell(t, "%lld", (long long)assay_json_get_int(m, "n", 0));
			for (size_t c = 0; c < sizeof cols / sizeof *cols; c++)
				number_cell(t, assay_json_get_num(m, cols[c].stat, NAN));
			ours_cell(t, mine, m, "mean");
			ours_cell(t, mine, m, "p99");
		}
	}
}

static void definitions_table(struct sheet *s, const struct assay_tool *t)
{
	struct draw_table table;
	draw_table_init(&table);
	draw_table_col(&table, "Metric", false, 0);
	draw_table_col(&table, "How it is counted", false, 0);
	draw_table_col(&table, "Nearest of ours", false, 0);
	for (const struct assay_tool_metric *m = t->metrics; m->name; m++) {
		draw_table_cell(&table, "%s", m->name);
		draw_table_cell(&table, "%s%s", m->request || m->run ? "" : "not recomputed: ", m->what);
		draw_table_cell(&table, "%s", m->ours ? m->ours : "-");
	}
	sheet_table(s, &table);
}

static void markdown(struct assay_buf *b, const struct assay_tool *t, const json_t *doc, const json_t *result)
{
	struct markdown_sheet m = markdown_sheet(b);
	struct draw_table table;
	markdown_text(b, "# The same records as ", t->title, " counts them\n\n");
	sheet_para(&m.sheet, "Recomputed from the journal of result %s. assay's own numbers are in report.md and do not change; they stand here in the last two columns. Warm-ups are left out; "
		"requests of all measured runs are pooled, throughput has one value a run.", assay_json_get_str(result, "id", "?"));
	draw_table_init(&table);
	fill(doc, result, &table);
	sheet_table(&m.sheet, &table);
	sheet_heading(&m.sheet, 2, "Definitions");
	sheet_para(&m.sheet, "Percentiles: %s. Standard deviation: %s. Times run from the actual send (assay's from the intended one). %s", percentile_name(t),
		assay_json_get_str(doc, "std", ""), t->note);
	definitions_table(&m.sheet, t);
}

/* ---- the faces ---- */

static int write_one(const char *tool, const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	const struct assay_tool *t = assay_tool_find(tool);
	json_t *doc = document(t, result, run);
	struct assay_buf b;
	char name[64];
	assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
	int rc = !doc || assay_json_print(&b, doc, 2) ? assay_fail(e, ASSAY_E_INTERNAL, "report-%s.json: cannot be printed", tool) : 0;
	if (rc)
		assay_buf_release(&b);
	snprintf(name, sizeof name, "report-%.20s.json", tool);
	if (!rc)
		rc = draw_file_write(&b, dir, name, e);
	if (!rc) {
		assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
		markdown(&b, t, doc, result);
		snprintf(name, sizeof name, "report-%.20s.md", tool);
		rc = draw_file_write(&b, dir, name, e);
	}
	json_decref(doc);
	return rc;
}

#define FACE(tool)                                                                                                                  \
	static int write_##tool(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)            \
	{                                                                                                                           \
		return write_one(#tool, result, run, dir, e);                                                                       \
	}                                                                                                                           \
	const struct assay_face definitions_##tool = { "definitions-" #tool, "report-" #tool ".json and .md", false, write_##tool, "report-" #tool ".json" };
FACE(vllm)
FACE(sglang)
FACE(guidellm)
FACE(aiperf)
FACE(llmperf)

void assay_definitions_terminal(const char *tool, const json_t *result, const struct assay_run *run, FILE *out, const struct assay_term *term)
{
	const struct assay_tool *t = assay_tool_find(tool);
	json_t *doc = document(t, result, run);
	struct draw_table table;
	struct assay_buf b;
	assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
	assay_buf_printf(&b, "\nAs %s counts the same records\n", t->title);
	draw_table_init(&table);
	fill(doc, result, &table);
	draw_table_text(&table, &b, term->width, term->colour);
	draw_table_release(&table);
	draw_text_wrap(&b, t->note, "", "  ", term->width);
	fwrite(b.data, 1, b.len_bytes, out);
	assay_buf_release(&b);
	json_decref(doc);
}
