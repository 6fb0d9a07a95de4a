/* The findings of report.md: the five that a reader wants first, the others by group, the unanswered folded at the end. Computes nothing. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "report/face_findings.h"
#include "report/markdown.h"

enum { insights = 5 };

/* "3, 4, 5" or "0-12". */
static void evidence_text(char out[120], const json_t *f)
{
	const json_t *a = json_object_get(f, "evidence");
	size_t n = json_array_size(a), len = 0;
	snprintf(out, 120, "-");
	for (size_t i = 0; i < n && len < 100; i++) {
		size_t last = i;
		while (last + 1 < n && json_integer_value(json_array_get(a, last + 1)) == json_integer_value(json_array_get(a, last)) + 1)
			last++;
		len += (size_t)snprintf(out + len, 120 - len, "%s%lld", len ? ", " : "", (long long)json_integer_value(json_array_get(a, i)));
		if (last > i + 1)
			len += (size_t)snprintf(out + len, 120 - len, "-%lld", (long long)json_integer_value(json_array_get(a, last)));
		i = last > i + 1 ? last : i;
	}
}

/* "- **Question** Answer *(confidence high, measured, points 0-3)* **Next:** ..." */
static void item(struct assay_buf *b, const char *bullet, const json_t *f)
{
	char points[120], how[200];
	const char *next = assay_json_get_str(f, "next_step", "");
	evidence_text(points, f);
	snprintf(how, sizeof how, "(confidence %.10s, %.10s, points %.110s)", assay_json_get_str(f, "confidence", "?"), assay_json_get_str(f, "basis", "?"), points);
	assay_buf_puts(b, bullet);
	markdown_text(b, "**", assay_json_get_str(f, "question", "?"), "** ");
	markdown_text(b, "", assay_json_get_str(f, "answer", "?"), " ");
	markdown_text(b, "", how, "");
	if (*next && strcmp(next, "nothing to do"))
		markdown_text(b, " *Next:* ", next, "");
	assay_buf_puts(b, "\n");
}

static bool among(const json_t *f, const json_t *const *best, int n)
{
	for (int i = 0; i < n; i++)
		if (best[i] == f)
			return true;
	return false;
}

/* The answers of a group but those that were told before; false when there is none. */
static bool group_rest(struct assay_buf *b, const json_t *result, const char *title, const char *name, const json_t *const *best, int n)
{
	size_t i;
	json_t *f;
	bool any = false;
	json_array_foreach(json_object_get(result, "findings"), i, f) {
		if (!face_answered(f) || strcmp(assay_json_get_str(f, "group", ""), name) || among(f, best, n))
			continue;
		if (!any)
			assay_buf_printf(b, "### %s\n\n", title);
		any = true;
		item(b, "- ", f);
	}
	if (any)
		assay_buf_puts(b, "\n");
	return any;
}

static void open_questions(struct assay_buf *b, const json_t *result)
{
	struct draw_table t;
	face_open_questions(result, &t);
	size_t open = draw_table_rows(&t);
	if (!open) {
		draw_table_release(&t);
		return;
	}
	assay_buf_printf(b, "<details><summary>Open questions: %zu that this run does not answer, and what each needs</summary>\n\n", open);
	markdown_table(b, &t);
	assay_buf_puts(b, "</details>\n\n");
}

void markdown_findings(struct assay_buf *b, const json_t *result)
{
	static const struct { const char *title, *group; } groups[] = {
		{ "Performance Summary", "performance" }, { "Bottleneck Analysis", "bottleneck" }, { "Scaling Characteristics", "scaling" }, { "Memory", "memory" },
		{ "Machine and steadiness", "machine" }, { "Choice", "choice" },
	};
	const json_t *best[insights];
	struct markdown_sheet sheet = markdown_sheet(b);
	int n = face_best_findings(result, best, insights);
	if (!json_array_size(json_object_get(result, "findings")))
		return;
	assay_buf_puts(b, "## Findings\n\nConfidence: high = the interval clears the bound of the question and the points are VALID; medium = only the estimate does, or a point is CAUTION; "
			  "low = a point is INVALID, or the answer rests on counted bytes and FLOPs (modelled). Points: `index` in result.json.\n\n");
	if (!strcmp(assay_json_get_str(json_object_get(result, "verdict"), "state", ""), "INVALID"))
		assay_buf_puts(b, "> **The verdict is INVALID:** these answers describe a run that was disturbed or broken, not what the engine can do.\n\n");
	if (n)
		assay_buf_puts(b, "### Key Insights\n\n");
	for (int i = 0; i < n; i++) {
		char number[16];
		snprintf(number, sizeof number, "%d. ", i + 1);
		item(b, number, best[i]);
	}
	if (n)
		assay_buf_puts(b, "\n");
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		bool said = group_rest(b, result, groups[i].title, groups[i].group, best, n);
		if (!strcmp(groups[i].group, "bottleneck"))
			sheet_bottleneck(&sheet.sheet, result, said ? NULL : groups[i].title);
	}
	open_questions(b, result);
}
