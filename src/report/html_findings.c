/* See html_findings.h. */
#include "report/html_findings.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "report/face_findings.h"

enum { insights = 5, links = 12 };

static void evidence(struct html_page *p, const json_t *finding)
{
	const json_t *points = json_object_get(finding, "evidence"), *index;
	size_t i, n = json_array_size(points);
	char target[40], text[24];
	html_textf(p, n == 1 ? "point" : n ? "points" : "no points");
	for (i = 0; i < n && i < links; i++) {
		index = json_array_get(points, i);
		snprintf(target, sizeof target, "point-%lld", (long long)json_integer_value(index));
		snprintf(text, sizeof text, "%lld", (long long)json_integer_value(index));
		html_markup(p, " ");
		html_link(p, target, text);
	}
	if (n > links)
		html_textf(p, " and %zu more", n - links);
}

static void answer(struct html_page *p, const json_t *f)
{
	const char *next = assay_json_get_str(f, "next_step", "");
	html_markup(p, "<article class=\"finding\">\n");
	html_subhead(p, assay_json_get_str(f, "question", "?"));
	html_para(p, NULL, "%s", assay_json_get_str(f, "answer", "?"));
	html_markup(p, "<p class=\"note\">");
	html_textf(p, "Confidence %s · %s · ", assay_json_get_str(f, "confidence", "?"), assay_json_get_str(f, "basis", "?"));
	evidence(p, f);
	html_markup(p, "</p>\n");
	if (*next && strcmp(next, "nothing to do"))
		html_para(p, NULL, "Next: %s", next);
	html_markup(p, "</article>\n");
}

static void in_short(struct html_page *p, const json_t *result)
{
	const json_t *best[insights];
	int n = face_best_findings(result, best, insights);
	html_markup(p, n ? "<ol class=\"lead\">\n" : "");
	for (int i = 0; i < n; i++) {
		html_markup(p, "<li><b>");
		html_text(p, assay_json_get_str(best[i], "question", "?"));
		html_markup(p, "</b> ");
		html_text(p, assay_json_get_str(best[i], "answer", "?"));
		html_markup(p, "</li>\n");
	}
	html_markup(p, n ? "</ol>\n" : "");
}

static void open_questions(struct html_page *p, const json_t *result)
{
	struct draw_table t;
	char text[120];
	face_open_questions(result, &t);
	if (!draw_table_rows(&t)) {
		draw_table_release(&t);
		return;
	}
	snprintf(text, sizeof text, "Open questions: %zu that this run does not answer, and what each needs", draw_table_rows(&t));
	html_details_begin(p, text);
	html_table(p, "Open questions", &t);
	html_details_end(p);
}

void html_findings(struct html_page *p, const json_t *result)
{
	size_t i;
	json_t *f;
	if (!json_array_size(json_object_get(result, "findings")))
		return;
	html_section_begin(p, "findings", "Findings");
	if (!strcmp(assay_json_get_str(json_object_get(result, "verdict"), "state", ""), "INVALID"))
		html_para(p, "warn", "The verdict is INVALID: these answers describe a run that was disturbed or broken, not what the engine can do.");
	in_short(p, result);
	html_para(p, "note", "Confidence: high = the interval clears the bound of the question and the points are VALID; medium = only the estimate does, or a point is CAUTION; low = a point is "
			     "INVALID, or the answer rests on counted bytes and FLOPs (modelled).");
	html_markup(p, "<div class=\"figures\">\n");
	json_array_foreach(json_object_get(result, "findings"), i, f)
		if (face_answered(f))
			answer(p, f);
	html_markup(p, "</div>\n");
	open_questions(p, result);
	html_section_end(p);
}
