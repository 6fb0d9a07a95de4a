/* The files of a history: the document, history.md, history.csv (a row a value), report.html with a plot a series. See face_history.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "draw/csv.h"
#include "draw/file.h"
#include "draw/html.h"
#include "report/face_data.h"
#include "report/face_history.h"
#include "report/markdown.h"

enum { PLOTS = 60, LISTED = 1000, MARKDOWN_SPARK = 24 };

static const char *str(const json_t *o, const char *key) { return assay_json_get_str(o, key, ""); }

static int write_document(const json_t *h, const char *dir, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
	assay_json_print(&b, h, 1);
	assay_buf_puts(&b, "\n");
	return draw_file_write(&b, dir, "history.json", e);
}

static int write_markdown(const json_t *h, const char *dir, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
	struct markdown_sheet s = markdown_sheet(&b);
	assay_buf_puts(&b, "# History\n\n");
	face_history_sheet(&s.sheet, h, MARKDOWN_SPARK, true, LISTED);
	return draw_file_write(&b, dir, "history.md", e);
}

/* ---- CSV ---- */
static bool at(const json_t *list, size_t i)
{
	for (size_t k = 0; k < json_array_size(list); k++)
		if (assay_json_get_int(json_array_get(list, k), "at", -1) == (int64_t)i)
			return true;
	return false;
}

static void csv_series(struct csv *c, const json_t *h, const json_t *s)
{
	static const char *const texts[] = { "machine", "engine", "model", "dtype", "experiment" };
	const json_t *values = json_object_get(s, "values"), *places = json_object_get(s, "result");
	char name[96];
	face_case(name, s);
	for (size_t i = 0; i < json_array_size(values); i++) {
		const json_t *r = json_array_get(json_object_get(h, "results"), (size_t)json_integer_value(json_array_get(places, i)));
		for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
			csv_text(c, str(s, texts[k]));
		csv_text(c, name);
		csv_text(c, str(s, "split"));
		csv_text(c, str(s, "key"));
		csv_text(c, str(s, "unit"));
		csv_text(c, str(r, "created"));
		csv_text(c, str(r, "dir"));
		csv_text(c, str(r, "commit"));
		csv_num(c, json_number_value(json_array_get(values, i)));
		csv_text(c, at(json_object_get(s, "changes"), i) ? "yes" : "");
		csv_text(c, at(json_object_get(s, "outliers"), i) ? "yes" : "");
		csv_end(c);
	}
}

static int write_csv(const json_t *h, const char *dir, struct assay_err *e)
{
	struct csv c;
	csv_init(&c, "machine,engine,model,dtype,experiment,case,split,metric,unit,created,result,commit,value,change,outlier");
	for (size_t i = 0; i < json_array_size(json_object_get(h, "series")); i++)
		csv_series(&c, h, json_array_get(json_object_get(h, "series"), i));
	return csv_write(&c, dir, "history.csv", e);
}

/* ---- HTML ---- */
struct page_sheet { struct sheet sheet; struct html_page *page; };

static struct page_sheet *page_of(struct sheet *s) { return (struct page_sheet *)s; }

static void heading(struct sheet *s, int level, const char *text)
{
	(void)level;
	html_subhead(page_of(s)->page, text);
}

static void para(struct sheet *s, const char *text) { html_para(page_of(s)->page, NULL, "%s", text); }
static void table(struct sheet *s, struct draw_table *t) { html_table(page_of(s)->page, "Series", t); }

/* A series over its results, its levels, changes as lines, outliers as a series of their own. */
static void plot(struct html_page *page, const json_t *h, const json_t *s, const char *id)
{
	const json_t *values = json_object_get(s, "values"), *places = json_object_get(s, "result"), *changes = json_object_get(s, "changes"), *outliers = json_object_get(s, "outliers");
	struct html_chart c;
	char name[96], group[600], title[900], label[400];
	face_case(name, s);
	face_history_group(group, sizeof group, s);
	snprintf(title, sizeof title, "%s%s%s", str(s, "key"), *name ? ", " : "", name);
	snprintf(label, sizeof label, "%s (%s)", str(s, "key"), str(s, "unit"));
	html_chart_init(&c, id, title, (struct html_axis){ "Result, in order of time", false, false }, (struct html_axis){ label, false, false });
	html_chart_series(&c, "results", HTML_LINE);
	for (size_t i = 0; i < json_array_size(values); i++) {
		const json_t *r = json_array_get(json_object_get(h, "results"), (size_t)json_integer_value(json_array_get(places, i)));
		html_chart_point(&c, (double)(i + 1), json_number_value(json_array_get(values, i)));
		snprintf(label, sizeof label, "%.200s %.19s", str(r, "dir"), str(r, "created"));
		html_chart_label(&c, label);
	}
	if (json_array_size(outliers))
		html_chart_series(&c, "outliers", HTML_POINTS);
	for (size_t i = 0; i < json_array_size(outliers); i++)
		html_chart_point(&c, (double)assay_json_get_int(json_array_get(outliers, i), "at", 0) + 1, assay_json_get_num(json_array_get(outliers, i), "value", NAN));
	for (size_t i = 0; i < json_array_size(changes); i++) {
		const json_t *one = json_array_get(changes, i);
		snprintf(label, sizeof label, "%+.1f %% (%s)", assay_json_get_num(one, "effect_pct", NAN), str(one, "change"));
		html_chart_mark_x(&c, (double)assay_json_get_int(one, "at", 0) + 0.5, label);
	}
	html_chart_draw(page, &c, group, NULL, "no value", "measure");
}

/* Series with changes come first; at most PLOTS. */
static void plots(struct html_page *page, const json_t *h)
{
	static char ids[PLOTS][16]; /* they must outlive the page */
	const json_t *list = json_object_get(h, "series");
	size_t drawn = 0, n = json_array_size(list);
	html_section_begin(page, "plots", "Plots");
	html_markup(page, "<div class=\"figures\">\n");
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < n && drawn < PLOTS; i++) {
			const json_t *s = json_array_get(list, i);
			if ((json_array_size(json_object_get(s, "changes")) > 0) != (pass == 0) || json_array_size(json_object_get(s, "values")) < 2)
				continue;
			snprintf(ids[drawn], sizeof ids[drawn], "series-%zu", drawn);
			plot(page, h, s, ids[drawn++]);
		}
	html_markup(page, "</div>\n");
	if (drawn < n)
		html_para(page, "note", "%zu of %zu series are drawn: those with changes first, none of a single result. The others are in history.csv.", drawn, n);
	html_section_end(page);
}

static int write_page(const json_t *h, const char *dir, struct assay_err *e)
{
	static const struct sheet_ops ops = { heading, para, para, para, table };
	struct html_page page;
	html_page_init(&page, "History");
	struct page_sheet s = { { &ops }, &page };
	html_section_begin(&page, "series", "Series");
	face_history_sheet(&s.sheet, h, 0, true, LISTED);
	html_section_end(&page);
	plots(&page, h);
	char *path = xasprintf("%s/report.html", dir);
	int rc = html_page_write(&page, path, e);
	free(path);
	html_page_release(&page);
	return rc;
}

int assay_face_history_write(const json_t *h, const char *dir, struct assay_err *e)
{
	return write_document(h, dir, e) || write_markdown(h, dir, e) || write_csv(h, dir, e) || write_page(h, dir, e) ? e->code : 0;
}
