/* summary.md of a campaign: a row a step, a row a compared metric, what went wrong, and every step's own summary folded away. Kept under the
 * 1 MiB that a CI page takes. */
#include "report/campaign_summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/term.h"
#include "report/compare_tables.h"
#include "report/face_data.h"
#include "report/markdown.h"
#include "report/report.h"

enum { DETAILS_BYTES = 600000 };

void campaign_summary_init(struct campaign_summary *s)
{
	static const struct { const char *head; bool right; } steps[] = { { "Step", false }, { "State", false }, { "Verdict", false }, { "Cases", true }, { "TTFT P50 ms", true }, { "TPOT P50 ms", true }, { "tok/s", true }, { "RSS peak MiB", true }, { "Targets", true }, { "Time", true } };
	static const struct { const char *head; bool right; } compared[] = { { "Step", false }, { "Baseline", false }, { "Metric", false }, { "Baseline value", true }, { "Value", true }, { "Effect", true }, { "95 % interval", true }, { "Verdict", false }, { "Bound", false } };
	draw_table_init(&s->steps);
	draw_table_init(&s->comparisons);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		draw_table_col(&s->steps, steps[i].head, steps[i].right, 0);
	for (size_t i = 0; i < sizeof compared / sizeof *compared; i++)
		draw_table_col(&s->comparisons, compared[i].head, compared[i].right, 0);
	assay_buf_init(&s->trouble, 1 << 20);
	assay_buf_init(&s->said, 1 << 20);
	assay_buf_init(&s->details, DETAILS_BYTES);
}

/* The first case's numbers; a table with all of them is folded away below. */
static void step_row(struct draw_table *t, const json_t *step, const json_t *result)
{
	static const struct { const char *key, *stat; } cols[] = { { "ttft_ms", "p50" }, { "tpot_ms", "p50" }, { "output_tok_s", "mean" }, { "rss_peak_mib", "mean" } };
	const json_t *points = json_object_get(result, "points"), *targets = json_object_get(json_object_get(step, "result"), "targets"), *p = NULL;
	int64_t pass = assay_json_get_int(targets, "pass", 0), fail = assay_json_get_int(targets, "fail", 0);
	double wall_s = assay_json_get_num(step, "wall_s", NAN);
	char took[24] = "-";
	for (size_t i = 0; i < json_array_size(points) && !face_ok(p); i++)
		p = json_array_get(points, i);
	draw_table_cell(t, "%s", assay_json_get_str(step, "name", "?"));
	draw_table_cell(t, "%s%s", assay_json_get_str(step, "state", "?"), json_is_true(json_object_get(step, "kept")) ? " (kept)" : "");
	draw_table_cell(t, "%s", assay_json_get_str(json_object_get(step, "result"), "verdict", "-"));
	draw_table_cell(t, result ? "%zu" : "-", json_array_size(points));
	for (size_t i = 0; i < sizeof cols / sizeof *cols; i++)
		face_number_cell(t, p, cols[i].key, cols[i].stat);
	draw_table_cell(t, pass + fail ? "%lld of %lld" : "-", (long long)pass, (long long)(pass + fail));
	if (!isnan(wall_s))
		assay_duration_format(took, sizeof took, wall_s);
	draw_table_cell(t, "%s", took);
}

static void percent_cell(struct draw_table *t, double x)
{
	if (isnan(x))
		draw_table_cell(t, "-");
	else
		draw_table_cell(t, "%+.2f%%", x);
}

static void value_cell(struct draw_table *t, double x)
{
	char text[48];
	face_format(text, x, 2);
	draw_table_cell(t, "%s", isnan(x) ? "-" : text);
}

/* "at most 2 % worse: pass" */
static void bound_cell(struct draw_table *t, const json_t *doc, const char *key)
{
	const json_t *g = assay_json_find(assay_json_at(doc, "gate.rows"), "key", key);
	if (g)
		draw_table_cell(t, "at most %g %% worse: %s", assay_json_get_num(g, "bound_pct", NAN), assay_json_get_str(g, "status", "?"));
	else
		draw_table_cell(t, "-");
}

static void comparison_rows(struct draw_table *t, const char *dir, const json_t *step)
{
	json_t *doc = campaign_comparison(dir, step), *row;
	size_t i;
	json_array_foreach(json_object_get(doc, "metrics"), i, row) {
		const json_t *ci = json_object_get(row, "ci95_pct");
		char interval[48];
		if (!compare_is_family(row))
			continue;
		draw_table_cell(t, "%s", assay_json_get_str(json_object_get(step, "comparison"), "of", "?"));
		draw_table_cell(t, "%s", assay_json_get_str(json_object_get(step, "comparison"), "baseline", "?"));
		draw_table_cell(t, "%s", assay_json_get_str(row, "key", "?"));
		value_cell(t, assay_json_get_num(row, "a", NAN));
		value_cell(t, assay_json_get_num(row, "b", NAN));
		percent_cell(t, assay_json_get_num(row, "effect_pct", NAN));
		compare_interval(interval, ci);
		draw_table_cell(t, "%s", interval);
		draw_table_cell(t, "%s", assay_json_get_str(row, "verdict", "-"));
		bound_cell(t, doc, assay_json_get_str(row, "key", ""));
	}
	json_decref(doc);
}

void campaign_summary_step(struct campaign_summary *s, const char *dir, const json_t *step, const json_t *result)
{
	const json_t *comparison = json_object_get(step, "comparison");
	const char *name = assay_json_get_str(step, "name", "?"), *reason = assay_json_get_str(step, "reason", NULL), *why = assay_json_get_str(comparison, "reason", NULL);
	step_row(&s->steps, step, result);
	comparison_rows(&s->comparisons, dir, step);
	const char *said = assay_json_get_str(step, "note", NULL);
	if (said) {
		markdown_text(&s->said, "- **", name, "** ");
		markdown_text(&s->said, "", said, "\n");
	}
	if (reason) {
		markdown_text(&s->trouble, "- **", name, "** ");
		markdown_text(&s->trouble, "", reason, "\n");
	}
	if (why) {
		markdown_text(&s->trouble, "- **", name, "** compared with ");
		markdown_text(&s->trouble, "", assay_json_get_str(comparison, "baseline", "?"), ": ");
		markdown_text(&s->trouble, "", why, "\n");
	}
	if (!result || s->details.overflow)
		return;
	struct assay_buf one; /* whole or not at all */
	assay_buf_init(&one, DETAILS_BYTES);
	markdown_text(&one, "<details><summary>", name, "</summary>\n\n");
	assay_face_summary(result, &one);
	assay_buf_puts(&one, "\n</details>\n\n");
	if (!one.overflow)
		assay_buf_append(&s->details, one.data, one.len_bytes);
	assay_buf_release(&one);
}

void campaign_summary_print(struct campaign_summary *s, const json_t *campaign, struct assay_buf *out)
{
	const json_t *counts = json_object_get(campaign, "counts");
	markdown_text(out, "## assay run ", assay_json_get_str(campaign, "name", "job"), "");
	assay_buf_printf(out, " — exit status %lld\n\n%lld of %lld steps done, %lld failed, %lld skipped%s\n\n", (long long)assay_json_get_int(campaign, "exit_status", -1), (long long)assay_json_get_int(counts, "done", 0),
	                 (long long)assay_json_get_int(counts, "steps", 0), (long long)assay_json_get_int(counts, "failed", 0), (long long)assay_json_get_int(counts, "skipped", 0),
	                 json_is_true(json_object_get(campaign, "interrupted")) ? "; **interrupted**" : "");
	bool compared = draw_table_rows(&s->comparisons);
	markdown_table(out, &s->steps);
	assay_buf_puts(out, "<sub>Numbers are those of a step's first case.</sub>\n\n");
	if (compared)
		assay_buf_puts(out, "### Against the baselines\n\n");
	markdown_table(out, &s->comparisons);
	if (s->said.data)
		assay_buf_printf(out, "### What was found\n\n%s\n", s->said.data);
	if (s->trouble.data)
		assay_buf_printf(out, "### What went wrong\n\n%s\n", s->trouble.data);
	assay_buf_puts(out, s->details.data ? s->details.data : "");
	if (s->details.overflow)
		assay_buf_puts(out, "The other steps' tables are in their directories.\n");
	assay_buf_release(&s->trouble);
	assay_buf_release(&s->said);
	assay_buf_release(&s->details);
}
