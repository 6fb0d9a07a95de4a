/* See face_overlay.h. Order: which results, the figures, the numbers. */
#include "report/face_overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "draw/file.h"
#include "draw/html.h"
#include "draw/text.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/markdown.h"
#include "report/overlay_parts.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)
#define MARKS "* n is under the floor at which that percentile can be stated with 99 % confidence; the value is what was observed."
#define NO_VERDICT "Numbers side by side: whether two of them differ, or only seem to, is what assay compare says."

static const char *of(const json_t *result, const char *part, const char *key)
{
	return assay_json_get_str(json_object_get(result, part), key, "-");
}

static void results_table(const struct assay_overlay_side *sides, size_t n, struct draw_table *t)
{
	static const char *const heads[] = { "Result", "Directory", "Experiment", "Model", "dtype", "Engine", "Host", "When", "Verdict" };
	draw_table_init(t);
	for (size_t k = 0; k < sizeof heads / sizeof *heads; k++)
		draw_table_col(t, heads[k], false, k == 0 || k == 1 ? 0 : (int)(9 - k));
	for (size_t i = 0; i < n; i++) {
		const json_t *r = sides[i].result;
		draw_table_cell(t, "%c", 'A' + (int)i);
		draw_table_cell(t, "%s", sides[i].dir);
		draw_table_cell(t, "%s", assay_json_get_str(r, "experiment", "-"));
		draw_table_cell(t, "%s", face_model(r));
		draw_table_cell(t, "%s", of(r, "model", "dtype"));
		draw_table_cell(t, "%s", of(r, "engine", "name"));
		draw_table_cell(t, "%s", of(r, "machine", "host"));
		draw_table_cell(t, "%s", assay_json_get_str(r, "created", "-"));
		draw_table_cell(t, "%s", of(r, "verdict", "state"));
	}
}

static const struct { const char *key, *stat, *suffix; } rows[] = {
	{ "ttft_ms", "p50", " P50" }, { "ttft_ms", "p99", " P99" }, { "tpot_ms", "p50", " P50" }, { "e2el_ms", "p50", " P50" }, { "output_tok_s", "mean", "" }, { "rss_peak_mib", "mean", "" },
};

/* The rows of one case; none where no result has a value. */
static void case_rows(const struct assay_overlay_side *sides, size_t n, const json_t *like, struct draw_table *t)
{
	const json_t *found[ASSAY_OVERLAY_MOST];
	char label[96], number[48];
	face_case(label, like);
	for (size_t i = 0; i < n; i++)
		found[i] = overlay_point(sides[i].result, like);
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		const struct assay_metric *def = assay_metric_find(rows[k].key);
		bool any = false;
		for (size_t i = 0; i < n; i++) {
			face_number(number, found[i], rows[k].key, rows[k].stat, "");
			any |= *number != 0;
		}
		if (!any)
			continue;
		draw_table_cell(t, "%s %s", assay_json_get_str(like, "experiment", "?"), label);
		draw_table_cell(t, "%s%s", def->title, rows[k].suffix);
		draw_table_cell(t, "%s", def->unit);
		for (size_t i = 0; i < n; i++)
			face_number_cell(t, found[i], rows[k].key, rows[k].stat);
	}
}

/* How many results have this case. */
static size_t owners(const struct assay_overlay_side *sides, size_t n, const json_t *like)
{
	size_t have = 0;
	for (size_t i = 0; i < n; i++)
		have += overlay_point(sides[i].result, like) != NULL;
	return have;
}

/* No earlier result, and no earlier point of result i, has the case of p. */
static bool is_first(const struct assay_overlay_side *sides, size_t i, const json_t *p)
{
	return !owners(sides, i, p) && overlay_point(sides[i].result, p) == p;
}

static void numbers_table(const struct assay_overlay_side *sides, size_t n, struct draw_table *t)
{
	static const char *const letters[ASSAY_OVERLAY_MOST] = { "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L" };
	draw_table_init(t);
	draw_table_col(t, "Case", false, 0);
	draw_table_col(t, "Metric", false, 0);
	draw_table_col(t, "Unit", false, 1);
	for (size_t i = 0; i < n; i++)
		draw_table_col(t, letters[i], true, (int)(n - i) + 1);
	for (int shared = 1; shared >= 0; shared--) /* what can be compared comes first */
		for (size_t i = 0; i < n; i++) {
			size_t k;
			json_t *p;
			json_array_foreach(json_object_get(sides[i].result, "points"), k, p)
				if (is_first(sides, i, p) && (owners(sides, n, p) > 1) == shared)
					case_rows(sides, n, p, t);
		}
}

static bool any_marks(const struct assay_overlay_side *sides, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (face_has_marks(sides[i].result))
			return true;
	return false;
}

static int write_page(const struct assay_overlay_side *sides, size_t n, const char *dir, struct assay_err *e)
{
	struct html_page page;
	struct draw_table t;
	char *path = xasprintf("%s/report.html", dir), *title = xasprintf("%zu results", n);
	html_page_init(&page, title);
	html_section_begin(&page, "results", "Results");
	html_para(&page, NULL, "%s", NO_VERDICT);
	results_table(sides, n, &t);
	html_table(&page, "Where each is from", &t);
	html_section_end(&page);
	overlay_figures(&page, sides, n);
	html_section_begin(&page, "numbers", "Numbers");
	numbers_table(sides, n, &t);
	html_table(&page, "A row a metric of a case, a column a result", &t);
	if (any_marks(sides, n))
		html_para(&page, "note", "%s", MARKS);
	html_section_end(&page);
	int rc = html_page_write(&page, path, e);
	html_page_release(&page);
	free(title);
	free(path);
	return rc;
}

static int write_markdown(const struct assay_overlay_side *sides, size_t n, const char *dir, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, FILE_BYTES_MAX);
	assay_buf_printf(&b, "# %zu results\n\n", n);
	struct markdown_sheet md = markdown_sheet(&b);
	struct draw_table t;
	sheet_heading(&md.sheet, 2, "Results");
	sheet_para(&md.sheet, "%s", NO_VERDICT);
	results_table(sides, n, &t);
	sheet_table(&md.sheet, &t);
	sheet_heading(&md.sheet, 2, "Numbers");
	numbers_table(sides, n, &t);
	sheet_table(&md.sheet, &t);
	if (any_marks(sides, n))
		sheet_para(&md.sheet, "%s", MARKS);
	return draw_file_write(&b, dir, "report.md", e);
}

int assay_overlay_write(const struct assay_overlay_side *sides, size_t n, const char *dir, struct assay_err *e)
{
	return write_markdown(sides, n, dir, e) ? e->code : write_page(sides, n, dir, e);
}

void assay_overlay_text(const struct assay_overlay_side *sides, size_t n, struct assay_buf *out, int width, bool colour)
{
	struct draw_table t;
	results_table(sides, n, &t);
	draw_table_text(&t, out, width, colour);
	draw_table_release(&t);
	draw_text_wrap(out, NO_VERDICT, "", "", width);
}
