/* The files of a comparison: comparison.json (the document), comparison.md and report.html. See compare_tables.h. Computes nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "draw/file.h"
#include "report/compare_tables.h"
#include "report/html_sheet.h"
#include "report/markdown.h"
#include "report/svg_figures.h"

enum { rows_most = 2000 };
#define FILE_BYTES_MAX ((size_t)64 << 20)

static void say_para(void *arg, const char *text) { sheet_para(arg, "%s", text); }

/* Which results, and of pairs which words. */
static void sides(struct sheet *s, const json_t *doc)
{
	static const char *const names[] = { "a", "b" };
	struct draw_table t;
	const json_t *pairs = json_object_get(doc, "pairs");
	size_t i;
	json_t *r;
	draw_table_init(&t);
	draw_table_col(&t, "Side", false, 0);
	draw_table_col(&t, "What", false, 0);
	draw_table_col(&t, "When", false, 0);
	draw_table_col(&t, "Command", false, 0);
	for (size_t k = 0; k < 2; k++) {
		if (json_is_string(json_object_get(pairs, names[k]))) {
			draw_table_cell(&t, "%c", 'A' + (int)k);
			draw_table_cell(&t, "%s", assay_json_get_str(pairs, names[k], ""));
			draw_table_cell(&t, "-");
			draw_table_cell(&t, "assay %s %s", assay_json_get_str(pairs, "experiment", ""), assay_json_get_str(pairs, "with", ""));
		}
		json_array_foreach(json_object_get(json_object_get(doc, "sides"), names[k]), i, r) {
			draw_table_cell(&t, "%c", 'A' + (int)k);
			draw_table_cell(&t, "%s", assay_json_get_str(r, "dir", "?"));
			draw_table_cell(&t, "%s", assay_json_get_str(r, "created", "-"));
			draw_table_cell(&t, "%s", assay_json_get_str(r, "command", "-"));
		}
	}
	if (draw_table_rows(&t))
		sheet_heading(s, 2, "What was compared");
	sheet_table(s, &t);
}

/* Of pairs: what each look said. */
static void looks(struct sheet *s, const json_t *doc)
{
	struct draw_table t;
	const json_t *pairs = json_object_get(doc, "pairs");
	size_t i;
	json_t *look;
	if (!pairs)
		return;
	sheet_heading(s, 2, "Looks");
	sheet_para(s, "%lld pairs were measured in turn, of at most %lld. Each look has its own level, so that looking several times does not raise the odds of a false alarm.",
		(long long)assay_json_get_int(pairs, "measured", 0), (long long)assay_json_get_int(pairs, "max", 0));
	draw_table_init(&t);
	draw_table_col(&t, "Pairs", true, 0);
	draw_table_col(&t, "Verdict", false, 0);
	json_array_foreach(json_object_get(pairs, "looks"), i, look) {
		draw_table_cell(&t, "%lld", (long long)assay_json_get_int(look, "pairs", 0));
		draw_table_cell(&t, "%s", assay_json_get_str(look, "verdict", "?"));
	}
	sheet_table(s, &t);
}

static void metrics(struct sheet *s, const json_t *doc)
{
	struct draw_table t;
	char head[24];
	sheet_heading(s, 2, "Metrics");
	compare_family_table(doc, &t, head);
	sheet_table(s, &t);
	sheet_para(s, COMPARE_COLUMNS, assay_json_get_num(doc, "min_effect_pct", 1));
	compare_notes(doc, say_para, s);
}

static void cases(struct sheet *s, const json_t *doc)
{
	struct draw_table t;
	size_t all = compare_detail_table(doc, &t, rows_most), shown = draw_table_rows(&t);
	if (shown) {
		sheet_heading(s, 2, "Cases");
		sheet_para(s, "%s", COMPARE_DETAILS);
	}
	sheet_table(s, &t);
	if (all > shown)
		sheet_para(s, "%zu more in comparison.json.", all - shown);
}

/* What the page and the Markdown share. */
static void shared(struct sheet *s, const json_t *doc)
{
	metrics(s, doc);
	if (json_array_size(json_object_get(json_object_get(doc, "gate"), "rows"))) {
		sheet_heading(s, 2, "Bounds");
		compare_gate(doc, say_para, s);
	}
	if (json_array_size(json_object_get(doc, "warnings"))) {
		sheet_heading(s, 2, "Also different, and perhaps the cause of an effect");
		compare_warnings(doc, say_para, s);
	}
	cases(s, doc);
	looks(s, doc);
	sides(s, doc);
	compare_engines_line(doc, say_para, s);
}

/* ---- the page ---- */

/* Class of a verdict: SAME and what is not decided have none. */
static const char *state_of(const char *verdict)
{
	return !strcmp(verdict, "FASTER") || !strcmp(verdict, "BETTER") ? "good" : !strcmp(verdict, "SLOWER") || !strcmp(verdict, "WORSE") ? "bad" : !strcmp(verdict, "UNDECIDED") ? "warn" : "";
}

static void cards(struct html_page *page, const json_t *doc)
{
	const char *verdict = assay_json_get_str(doc, "verdict", "?");
	size_t i;
	json_t *row;
	html_cards_begin(page);
	html_card(page, "B against A", verdict, "", compare_unit(doc), state_of(verdict));
	json_array_foreach(json_object_get(doc, "metrics"), i, row) {
		char effect[32], ci[48], note[120];
		const char *each = assay_json_get_str(row, "verdict", "?");
		if (!compare_is_family(row))
			continue;
		compare_percent(effect, assay_json_get_num(row, "effect_pct", NAN), "+");
		compare_interval(ci, json_object_get(row, "level_ci_pct"));
		snprintf(note, sizeof note, "%.20s · %s", each, ci);
		html_card(page, assay_json_get_str(row, "key", "?"), effect, "", note, state_of(each));
	}
	html_cards_end(page);
}

static void forest(struct html_page *page, const json_t *doc)
{
	struct assay_buf svg;
	struct draw_table t;
	char head[24];
	assay_buf_init(&svg, (size_t)1 << 20);
	html_section_begin(page, "effects", "Effects");
	if (svg_forest(doc, &svg)) {
		compare_family_table(doc, &t, head);
		html_figure_svg(page, "forest", "Effect of B against A, by metric", "A mark is the effect, its line the interval. A mark outside the shaded band whose line is clear of zero: FASTER or SLOWER. "
			"A line inside the band: SAME. Else undecided: more pairs shorten the line.", &svg, &t);
	} else {
		html_no_figure(page, "Effect of B against A", "no metric could be judged", "Measure both sides with more runs");
	}
	html_section_end(page);
	assay_buf_release(&svg);
}

static int write_page(const json_t *doc, const char *dir, struct assay_err *e)
{
	struct html_page page;
	char *path = xasprintf("%s/report.html", dir), *title = xasprintf("B against A: %s", assay_json_get_str(doc, "verdict", "?"));
	html_page_init(&page, title);
	cards(&page, doc);
	forest(&page, doc);
	struct html_sheet h = html_sheet(&page);
	shared(&h.sheet, doc);
	html_sheet_end(&h);
	int rc = html_page_write(&page, path, e);
	html_page_release(&page);
	free(title);
	free(path);
	return rc;
}

/* ---- the others ---- */

void assay_comparison_markdown(const json_t *doc, struct assay_buf *out)
{
	struct markdown_sheet md = markdown_sheet(out);
	markdown_text(out, "# B against A: ", assay_json_get_str(doc, "verdict", "?"), "\n\n");
	markdown_text(out, "", compare_unit(doc), "\n\n");
	shared(&md.sheet, doc);
}

int assay_comparison_write(const json_t *doc, const char *dir, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, FILE_BYTES_MAX);
	assay_json_print(&b, doc, 2);
	if (draw_file_write(&b, dir, "comparison.json", e))
		return e->code;
	assay_buf_init(&b, FILE_BYTES_MAX);
	assay_comparison_markdown(doc, &b);
	if (draw_file_write(&b, dir, "comparison.md", e))
		return e->code;
	return write_page(doc, dir, e);
}
