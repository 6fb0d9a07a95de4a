/* summary.md: a screenful of Markdown for a CI page (GitHub's step summary): what was measured, the verdict, a row a case, what was missed.
 * The whole story is in report.md. Computes nothing. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "draw/file.h"
#include "report/face_data.h"
#include "report/face_sections.h"
#include "report/faces.h"
#include "report/markdown.h"

enum { CASES_SHOWN = 24, REASONS_SHOWN = 8 };

static void title(struct assay_buf *b, const json_t *result)
{
	const json_t *model = json_object_get(result, "model");
	markdown_text(b, "### assay ", assay_json_get_str(result, "experiment", "?"), ": ");
	markdown_text(b, "", face_model(result), "");
	if (json_is_string(json_object_get(model, "dtype")))
		markdown_text(b, " (", assay_json_get_str(model, "dtype", ""), ")");
	markdown_text(b, " on ", assay_json_get_str(json_object_get(result, "engine"), "name", "?"), "");
	markdown_text(b, " — **", assay_json_get_str(json_object_get(result, "verdict"), "state", "?"), "**\n\n");
	if (assay_json_get_bool(result, "interrupted", false))
		assay_buf_puts(b, "**interrupted**: the results up to then\n\n");
}

static void cases(struct assay_buf *b, const json_t *result)
{
	static const struct { const char *head, *key, *stat; } cols[] = {
		{ "TTFT P50 ms", "ttft_ms", "p50" }, { "TTFT P99 ms", "ttft_ms", "p99" }, { "TPOT P50 ms", "tpot_ms", "p50" }, { "E2E P50 ms", "e2el_ms", "p50" }, { "tok/s", "output_tok_s", "mean" },
		{ "RSS peak MiB", "rss_peak_mib", "mean" },
	};
	enum { COLS = sizeof cols / sizeof *cols };
	const json_t *points = json_object_get(result, "points");
	struct draw_table t;
	draw_table_init(&t);
	draw_table_col(&t, "Case", false, 0);
	for (int k = 0; k < COLS; k++)
		draw_table_col(&t, cols[k].head, true, 0);
	draw_table_col(&t, "n", true, 0);
	draw_table_col(&t, "Status", false, 0);
	for (size_t i = 0; i < json_array_size(points) && i < CASES_SHOWN; i++) {
		const json_t *p = json_array_get(points, i);
		char label[96];
		face_case(label, p);
		draw_table_cell(&t, "%s %s", assay_json_get_str(p, "experiment", ""), label);
		for (int k = 0; k < COLS; k++)
			face_number_cell(&t, p, cols[k].key, cols[k].stat);
		draw_table_cell(&t, "%lld", (long long)assay_json_get_int(json_object_get(p, "requests"), "succeeded", 0));
		draw_table_cell(&t, "%s", assay_json_get_str(p, "status", "?"));
	}
	markdown_table(b, &t);
	if (json_array_size(points) > CASES_SHOWN)
		assay_buf_printf(b, "and %zu more cases\n\n", json_array_size(points) - CASES_SHOWN);
}

static void targets(struct assay_buf *b, const json_t *result)
{
	const json_t *list = json_object_get(result, "targets");
	struct draw_table t;
	if (!json_array_size(list))
		return;
	assay_buf_puts(b, "**Targets**\n\n");
	draw_table_init(&t);
	face_targets_table(result, &t);
	markdown_table(b, &t);
}

static void reasons(struct assay_buf *b, const json_t *result)
{
	const json_t *list = json_object_get(json_object_get(result, "verdict"), "reasons");
	for (size_t i = 0; i < json_array_size(list) && i < REASONS_SHOWN; i++) {
		const json_t *r = json_array_get(list, i);
		markdown_text(b, "- ", assay_json_get_str(r, "state", ""), " ");
		markdown_text(b, "", assay_json_get_str(r, "code", ""), ": ");
		markdown_text(b, "", assay_json_get_str(r, "measured", ""), " ");
		markdown_text(b, "(bound ", assay_json_get_str(r, "bound", ""), ")\n");
	}
	assay_buf_puts(b, json_array_size(list) ? "\n" : "");
}

void assay_face_summary(const json_t *result, struct assay_buf *out)
{
	title(out, result);
	cases(out, result);
	targets(out, result);
	reasons(out, result);
	assay_buf_puts(out, face_has_marks(result) ? "<sub>* n is too small to state this percentile with 99 % confidence</sub>\n\n" : "");
	markdown_text(out, "<sub>", assay_json_get_str(json_object_get(json_object_get(result, "machine"), "cpu"), "model", "CPU unknown"), " · ");
	markdown_text(out, "", assay_json_get_str(result, "created", "time unknown"), " · result ");
	markdown_text(out, "", assay_json_get_str(result, "id", "?"), "</sub>\n");
}

static int write_summary(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	struct assay_buf b;
	(void)run;
	assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
	assay_face_summary(result, &b);
	return draw_file_write(&b, dir, "summary.md", e);
}

const struct assay_face face_summary = { "summary", "summary.md: one screen of Markdown for a CI page", false, write_summary, "summary.md" };
