/* The findings of report.md: every question with its answer, and S0's summary, filled. Computes nothing. */
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

static void answered(struct assay_buf *b, const json_t *result)
{
	struct face_table t;
	size_t i;
	json_t *f;
	static const char *const heads[] = { "Question", "Answer", "Basis", "Confidence", "Points", "Next step" };
	face_table_init(&t);
	for (int c = 0; c < 6; c++)
		face_table_col(&t, heads[c], false, 0);
	json_array_foreach(json_object_get(result, "findings"), i, f) {
		char points[120];
		if (!face_answered(f))
			continue;
		evidence_text(points, f);
		face_table_cell(&t, "%s", assay_json_get_str(f, "question", "?"));
		face_table_cell(&t, "%s", assay_json_get_str(f, "answer", "?"));
		face_table_cell(&t, "%s", assay_json_get_str(f, "basis", "-"));
		face_table_cell(&t, "%s", assay_json_get_str(f, "confidence", "-"));
		face_table_cell(&t, "%s", points);
		face_table_cell(&t, "%s", assay_json_get_str(f, "next_step", "-"));
	}
	markdown_table(b, &t);
}

static void open_questions(struct assay_buf *b, const json_t *result)
{
	struct face_table t;
	size_t i;
	json_t *f;
	face_table_init(&t);
	face_table_col(&t, "Question", false, 0);
	face_table_col(&t, "Not answered here", false, 0);
	json_array_foreach(json_object_get(result, "findings"), i, f) {
		char text[1200];
		if (face_answered(f))
			continue;
		face_finding_text(text, f);
		face_table_cell(&t, "%s", assay_json_get_str(f, "question", "?"));
		face_table_cell(&t, "%s", text);
	}
	if (face_table_rows(&t))
		assay_buf_puts(b, "### Open questions\n\n");
	markdown_table(b, &t);
}

void markdown_findings(struct assay_buf *b, const json_t *result)
{
	if (!json_array_size(json_object_get(result, "findings")))
		return;
	assay_buf_puts(b, "## Findings\n\nConfidence: high = the interval clears the bound of the question and the points are VALID; medium = only the estimate does, or a point is CAUTION; "
			  "low = a point is INVALID, or the answer rests on counted bytes and FLOPs (modelled). Points: `index` in result.json.\n\n");
	if (!strcmp(assay_json_get_str(json_object_get(result, "verdict"), "state", ""), "INVALID"))
		assay_buf_puts(b, "> **The verdict is INVALID:** these answers describe a run that was disturbed or broken, not what the engine can do.\n\n");
	answered(b, result);
	open_questions(b, result);
}

static void group(struct assay_buf *b, const json_t *result, const char *title, const char *name)
{
	size_t i;
	json_t *f;
	assay_buf_printf(b, "### %s\n\n", title);
	json_array_foreach(json_object_get(result, "findings"), i, f) {
		char text[1200];
		if (strcmp(assay_json_get_str(f, "group", ""), name))
			continue;
		face_finding_text(text, f);
		markdown_text(b, "- **", assay_json_get_str(f, "question", "?"), "** ");
		markdown_text(b, "", text, "\n");
	}
	assay_buf_puts(b, "\n");
}

void markdown_s0_findings(struct assay_buf *b, const json_t *result)
{
	const json_t *best[insights];
	int n = face_best_findings(result, best, insights);
	if (!json_array_size(json_object_get(result, "findings")))
		return;
	group(b, result, "Performance Summary", "performance");
	group(b, result, "Bottleneck Analysis", "bottleneck");
	group(b, result, "Scaling Characteristics", "scaling");
	assay_buf_puts(b, "### Key Insights\n\n");
	for (int i = 0; i < n; i++) {
		assay_buf_printf(b, "%d. ", i + 1);
		markdown_text(b, "", assay_json_get_str(best[i], "answer", ""), "");
		markdown_text(b, json_is_string(json_object_get(best[i], "next_step")) ? " Next: " : "", assay_json_get_str(best[i], "next_step", ""), "\n");
	}
	assay_buf_puts(b, n ? "\n" : "None: nothing was measured that answers a question.\n\n");
}
