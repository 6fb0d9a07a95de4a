/* See face_findings.h. */
#include "report/face_findings.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

const json_t *face_finding(const json_t *result, const char *id)
{
	return assay_json_find(json_object_get(result, "findings"), "id", id);
}

bool face_answered(const json_t *finding)
{
	return !strcmp(assay_json_get_str(finding, "state", ""), "answered");
}

int face_best_findings(const json_t *result, const json_t **out, int most)
{
	int n = 0;
	size_t i;
	json_t *f;
	json_array_foreach(json_object_get(result, "findings"), i, f) {
		int64_t weight = assay_json_get_int(f, "weight", 0);
		if (!face_answered(f) || weight <= 0)
			continue;
		int k = n < most ? n++ : most;
		for (; k > 0 && assay_json_get_int(out[k - 1], "weight", 0) < weight; k--)
			if (k < most)
				out[k] = out[k - 1];
		if (k < most)
			out[k] = f;
	}
	return n;
}

void face_finding_text(char out[1200], const json_t *finding)
{
	const char *state = assay_json_get_str(finding, "state", "?"), *answer = assay_json_get_str(finding, "answer", "");
	if (face_answered(finding))
		snprintf(out, 1200, "%.640s (%s, confidence %s)", answer, assay_json_get_str(finding, "basis", "?"), assay_json_get_str(finding, "confidence", "?"));
	else if (!strcmp(state, "needs"))
		snprintf(out, 1200, "needs %.400s", assay_json_get_str(finding, "needs", "?"));
	else
		snprintf(out, 1200, "not applicable: %.640s", answer);
}

void face_open_questions(const json_t *result, struct draw_table *t)
{
	size_t i;
	json_t *f;
	char text[1200];
	draw_table_init(t);
	draw_table_col(t, "Question", false, 0);
	draw_table_col(t, "Not answered here", false, 0);
	json_array_foreach(json_object_get(result, "findings"), i, f) {
		if (face_answered(f))
			continue;
		face_finding_text(text, f);
		draw_table_cell(t, "%s", assay_json_get_str(f, "question", "?"));
		draw_table_cell(t, "%s", text);
	}
}
