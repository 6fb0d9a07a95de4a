/* report.md, in the order of report.html: headline, verdict, targets, findings, the numbers by experiment, the tables in the
 * requirement documents' own form, then what it was measured on and what the words mean. Computes nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/file.h"
#include "draw/text.h"
#include "report/face_data.h"
#include "report/face_sections.h"
#include "report/face_soak.h"
#include "report/faces.h"
#include "report/markdown.h"

#define REPORT_BYTES_MAX ((size_t)64 << 20)

static void say_bullet(void *arg, const char *text)
{
	markdown_text(arg, "- ", text, "\n");
}

/* The first lines: what, how far to trust it, and the few numbers that everyone asks for. */
static void headline(struct assay_buf *b, const json_t *result)
{
	static const struct { const char *experiment, *key, *stat, *words; } rows[] = {
		{ "latency", "ttft_ms", "p50", "TTFT (P50)" }, { "latency", "tpot_ms", "p50", "time per output token (P50)" },
		{ "latency", "e2el_ms", "p50", "end-to-end latency (P50)" }, { "offline", "output_tok_s", "mean", "offline output throughput" }, { "offline", "cost_per_mtok", "mean", "cost of a million output tokens" },
	};
	char text[300], number[48];
	markdown_text(b, "# Baseline: ", face_model(result), "\n\n");
	snprintf(text, sizeof text, "**%.20s**", assay_json_get_str(json_object_get(result, "verdict"), "state", "?"));
	assay_buf_printf(b, "Verdict: %s · ", text);
	markdown_text(b, "experiment ", assay_json_get_str(result, "experiment", "?"), "");
	markdown_text(b, " · engine ", assay_json_get_str(json_object_get(result, "engine"), "name", "?"), "");
	if (json_is_string(json_object_get(json_object_get(result, "model"), "dtype")))
		markdown_text(b, " · ", assay_json_get_str(json_object_get(result, "model"), "dtype", ""), "");
	markdown_text(b, " · ", assay_json_get_str(result, "created", "time unknown"), "\n\n");
	struct assay_buf labels;
	assay_buf_init(&labels, (size_t)1 << 20);
	if (face_labels(&labels, result))
		markdown_text(b, "", labels.data, "\n\n");
	assay_buf_release(&labels);
	if (face_synthetic(result))
		assay_buf_puts(b, "> **" FACE_SYNTHETIC "**\n\n");
	if (assay_json_get_bool(result, "interrupted", false))
		assay_buf_puts(b, "> **interrupted**: these are the results up to then\n\n");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const json_t *p = face_first(result, rows[i].experiment);
		face_case(text, p);
		face_number(number, p, rows[i].key, rows[i].stat, "");
		if (!p || !*number)
			continue;
		assay_buf_printf(b, "- %s: **%s %s**, n %lld (", rows[i].words, number, assay_json_get_str(face_metric(p, rows[i].key), "unit", ""),
			(long long)assay_json_get_int(face_metric(p, rows[i].key), "n", 0));
		markdown_text(b, "", text, ")\n");
	}
	face_s4_lines(result, say_bullet, b);
	assay_buf_puts(b, "\n");
}

static void verdict(struct assay_buf *b, const json_t *result)
{
	struct draw_table t;
	assay_buf_puts(b, "## Verdict\n\n");
	draw_table_init(&t);
	face_verdict_table(json_object_get(result, "verdict"), &t);
	assay_buf_printf(b, "**%.20s**%s\n\n", assay_json_get_str(json_object_get(result, "verdict"), "state", "?"), draw_table_rows(&t) ? ", because:" : ": no reason for doubt was found.");
	markdown_table(b, &t);
}

static void targets(struct assay_buf *b, const json_t *result)
{
	struct draw_table t;
	if (!json_array_size(json_object_get(result, "targets")))
		return;
	assay_buf_puts(b, "## Targets\n\n");
	draw_table_init(&t);
	face_targets_table(result, &t);
	markdown_table(b, &t);
}

static void sections(struct assay_buf *b, const json_t *result)
{
	int n;
	const struct face_section *s = face_sections(&n);
	for (int i = 0; i < n; i++) {
		struct draw_table t;
		if (!face_has(result, s[i].experiment))
			continue;
		char text[160];
		face_title(text, result, &s[i]);
		markdown_text(b, "## ", text, "\n\n");
		draw_table_init(&t);
		s[i].fill(result, s[i].experiment, &t);
		if (!draw_table_rows(&t))
			say_bullet(b, FACE_NO_NUMBERS);
		markdown_table(b, &t);
		if (!strcmp(s[i].experiment, "soak"))
			face_soak_sentences(result, say_bullet, b);
		face_not_measured(result, s[i].experiment, say_bullet, b);
		assay_buf_puts(b, "\n");
	}
	face_dropped(result, say_bullet, b);
	face_commands(result, say_bullet, b);
	if (face_has_marks(result))
		assay_buf_puts(b, "\\* n < floor: a percentile stated with 99 % confidence needs n of 64 (P90), 130 (P95), 662 (P99); the value is what was observed.\n\n");
}

static int write_markdown(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	struct assay_buf b;
	struct markdown_sheet sheet = markdown_sheet(&b);
	(void)run;
	assay_buf_init(&b, REPORT_BYTES_MAX);
	headline(&b, result);
	verdict(&b, result);
	targets(&b, result);
	markdown_findings(&b, result);
	sections(&b, result);
	sheet_documents(&sheet.sheet, result);
	sheet_about(&sheet.sheet, result);
	return draw_file_write(&b, dir, "report.md", e);
}

const struct assay_face face_markdown = { "md", "report.md: verdict, tables, machine, definitions", false, write_markdown };
