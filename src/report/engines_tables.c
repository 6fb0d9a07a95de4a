/* See engines_tables.h. */
#include "report/engines_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/file.h"
#include "draw/text.h"
#include "report/compare_tables.h"
#include "report/markdown.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)

struct column { const char *head; bool right; int keep; };

static void columns(struct draw_table *t, const struct column *c, size_t n)
{
	draw_table_init(t);
	for (size_t i = 0; i < n; i++)
		draw_table_col(t, c[i].head, c[i].right, c[i].keep);
}

static void number(struct draw_table *t, double x, const char *unit)
{
	if (isfinite(x))
		draw_table_cell(t, "%.*f%s", fabs(x) < 10 ? 2 : 1, x, unit);
	else
		draw_table_cell(t, "-");
}

static double mean(const json_t *row, const char *key) { return assay_json_get_num(json_object_get(row, key), "mean", NAN); }

/* A row an engine: what it is, whether it answers alike, load and memory. */
static void engine_table(const json_t *doc, struct draw_table *t)
{
	static const struct column c[] = { { "", false, 0 }, { "Engine", false, 0 }, { "Version", false, 2 }, { "State", false, 0 }, { "Answers", false, 0 }, { "Blocks", true, 1 }, { "Load ms", true, 0 },
					   { "RSS peak MiB", true, 0 }, { "Against A", false, 3 } };
	size_t i;
	json_t *g;
	columns(t, c, sizeof c / sizeof *c);
	json_array_foreach(json_object_get(doc, "engines"), i, g) {
		const json_t *comparison = json_object_get(g, "comparison");
		draw_table_cell(t, "%s", assay_json_get_str(g, "label", "?"));
		draw_table_cell(t, "%s", assay_json_get_str(g, "engine", "?"));
		draw_table_cell(t, "%s", assay_json_get_str(g, "version", "-"));
		draw_table_cell(t, "%s", assay_json_get_str(g, "state", "?"));
		draw_table_cell(t, "%s", i ? assay_json_get_str(json_object_get(g, "agreement"), "outcome", "not checked") : "reference");
		draw_table_cell(t, "%zu", json_array_size(json_object_get(g, "blocks")));
		number(t, mean(g, "load_ms"), "");
		number(t, mean(json_object_get(g, "memory"), "rss_peak_mib"), "");
		draw_table_cell(t, "%s", i ? assay_json_get_str(comparison, "verdict", "-") : "-");
	}
}

/* A row a batch size of an engine. */
static void speed_table(const json_t *doc, struct draw_table *t)
{
	static const struct column c[] = { { "Batch", true, 0 }, { "", false, 0 }, { "Engine", false, 0 }, { "TTFT ms", true, 0 }, { "TPOT ms", true, 0 }, { "tok/s", true, 0 }, { "of A", true, 0 } };
	const json_t *engines = json_object_get(doc, "engines"), *sizes = json_object_get(json_object_get(doc, "workload"), "batches");
	size_t i, b;
	json_t *g;
	columns(t, c, sizeof c / sizeof *c);
	for (b = 0; b < json_array_size(sizes); b++)
		json_array_foreach(engines, i, g) {
			const json_t *row = json_array_get(json_object_get(g, "batches"), b);
			draw_table_cell(t, "%lld", (long long)json_integer_value(json_array_get(sizes, b)));
			draw_table_cell(t, "%s", assay_json_get_str(g, "label", "?"));
			draw_table_cell(t, "%s", assay_json_get_str(g, "engine", "?"));
			number(t, mean(row, "ttft_ms"), "");
			number(t, mean(row, "tpot_ms"), "");
			number(t, mean(row, "output_tok_s"), "");
			number(t, assay_json_get_num(row, "ratio", NAN), "x");
		}
}

/* What was judged of B, C, ... against A; the unit is the block. */
static void judged_table(const json_t *doc, struct draw_table *t)
{
	static const struct column c[] = { { "", false, 0 }, { "Engine", false, 0 }, { "Metric", false, 0 }, { "Effect", true, 0 }, { "95 % interval", true, 0 }, { "Verdict", false, 0 } };
	size_t i, k;
	json_t *g, *m;
	columns(t, c, sizeof c / sizeof *c);
	json_array_foreach(json_object_get(doc, "engines"), i, g)
		json_array_foreach(json_object_get(json_object_get(g, "comparison"), "metrics"), k, m) {
			char effect[32], interval[48];
			compare_percent(effect, assay_json_get_num(m, "effect_pct", NAN), "+");
			compare_interval(interval, json_object_get(m, "ci95_pct"));
			draw_table_cell(t, "%s", assay_json_get_str(g, "label", "?"));
			draw_table_cell(t, "%s", assay_json_get_str(g, "engine", "?"));
			draw_table_cell(t, "%s", assay_json_get_str(m, "key", "?"));
			draw_table_cell(t, "%s", effect);
			draw_table_cell(t, "%s", interval);
			draw_table_cell(t, "%s", assay_json_get_str(m, "verdict", "-"));
		}
}

static void expected_table(const json_t *doc, struct draw_table *t)
{
	static const struct column c[] = { { "Documents", false, 0 }, { "Engine", false, 0 }, { "Batch", true, 0 }, { "Expected", true, 0 }, { "Measured", true, 0 }, { "", false, 0 } };
	size_t i;
	json_t *x;
	columns(t, c, sizeof c / sizeof *c);
	json_array_foreach(json_object_get(doc, "expectations"), i, x) {
		const json_t *range = json_object_get(x, "expected"), *batch = json_object_get(x, "batch");
		double low = json_number_value(json_array_get(range, 0)), high = json_number_value(json_array_get(range, 1));
		draw_table_cell(t, "%s", assay_json_get_str(x, "name", "?"));
		draw_table_cell(t, "%s%s%s", assay_json_get_str(x, "label", ""), json_is_string(json_object_get(x, "label")) ? " " : "", assay_json_get_str(x, "engine", "?"));
		if (json_is_integer(batch))
			draw_table_cell(t, "%lld%s", (long long)json_integer_value(batch), json_is_true(json_object_get(x, "batch_in_document")) ? "" : "*");
		else
			draw_table_cell(t, "-");
		if (low < high)
			draw_table_cell(t, "%g-%gx", low, high);
		else
			draw_table_cell(t, "%gx", low);
		number(t, assay_json_get_num(x, "measured", NAN), "x");
		draw_table_cell(t, "%s", assay_json_get_str(x, "outcome", assay_json_get_str(x, "reason", "-")));
	}
}

/* ---- sentences ---- */

/* What must be read before any number: engines that disagree. Empty when none does. */
static void warning(const json_t *doc, struct assay_buf *out)
{
	const json_t *list = json_object_get(doc, "disagree");
	for (size_t i = 0; i < json_array_size(list); i++)
		assay_buf_printf(out, "%s%s", i ? ", " : "", json_string_value(json_array_get(list, i)));
	if (json_array_size(list))
		assay_buf_puts(out, " does not give A's answers (check/): it does not do the same work, and its numbers are not to be held against A's.");
}

static void subject(const json_t *doc, struct assay_buf *out)
{
	const json_t *model = json_object_get(doc, "model"), *w = json_object_get(doc, "workload"), *order = json_object_get(w, "order");
	assay_buf_printf(out, "%s, %s, %lld -> %lld tokens, %lld runs a batch size and block, %lld blocks each (", assay_json_get_str(model, "name", "?"), assay_json_get_str(model, "dtype", "?"),
			 (long long)assay_json_get_int(w, "prompt_tokens", 0), (long long)assay_json_get_int(w, "output_tokens", 0), (long long)assay_json_get_int(w, "runs", 0),
			 (long long)assay_json_get_int(w, "rounds", 0));
	for (size_t i = 0; i < json_array_size(order); i++)
		assay_buf_printf(out, "%s%s", i ? " " : "", json_string_value(json_array_get(order, i)));
	assay_buf_puts(out, "), one engine in memory at a time, the load outside the timing");
}

/* say(arg, line) for each thing that stands behind a number: failures first. */
static void each_note(const json_t *doc, compare_say_fn *say, void *arg)
{
	size_t i, k;
	json_t *g, *n;
	json_array_foreach(json_object_get(doc, "engines"), i, g) {
		const json_t *agreement = json_object_get(g, "agreement"), *comparison = json_object_get(g, "comparison");
		const char *why[] = { assay_json_get_str(g, "reason", ""), assay_json_get_str(agreement, "reason", ""), i ? assay_json_get_str(comparison, "reason", "") : "" };
		static const char *const what[] = { "failed", "answers", "not compared" };
		for (k = 0; k < 3; k++)
			if (*why[k]) {
				char *text = xasprintf("%s %s: %s: %s", assay_json_get_str(g, "label", "?"), assay_json_get_str(g, "engine", "?"), what[k], why[k]);
				say(arg, text);
				free(text);
			}
		json_array_foreach(json_object_get(g, "notes"), k, n) {
			char *text = xasprintf("%s %s: %s", assay_json_get_str(g, "label", "?"), assay_json_get_str(g, "engine", "?"), json_is_string(n) ? json_string_value(n) : "?");
			say(arg, text);
			free(text);
		}
	}
}

static const struct { const char *title, *under; void (*fill)(const json_t *doc, struct draw_table *t); } parts[] = {
	{ "Engines", "Memory is of assay's own process for the embedded engine, of the worker's process group for a worker.", engine_table },
	{ "Speed", NULL, speed_table },
	{ "Against A", "The unit is the block.", judged_table },
	{ "What the documents expect: tok/s against PyTorch", "* the documents name no batch size.", expected_table },
};
enum { PARTS = sizeof parts / sizeof *parts };

/* ---- terminal ---- */

struct lines { struct assay_buf *out; int width; };

static void say_line(void *arg, const char *text)
{
	struct lines *l = arg;
	draw_text_wrap(l->out, text, "- ", "  ", l->width);
}

void assay_engines_text(const json_t *doc, struct assay_buf *out, int width, bool colour)
{
	struct assay_buf b;
	assay_buf_init(&b, 1 << 16);
	warning(doc, &b);
	if (b.len_bytes)
		draw_text_wrap(out, b.data, "DISAGREE: ", "  ", width);
	assay_buf_release(&b);
	assay_buf_init(&b, 1 << 16);
	subject(doc, &b);
	draw_text_wrap(out, b.data, "", "", width);
	assay_buf_release(&b);
	for (int i = 0; i < PARTS; i++) {
		struct draw_table t;
		parts[i].fill(doc, &t);
		if (draw_table_rows(&t)) {
			assay_buf_puts(out, "\n");
			draw_text_wrap(out, parts[i].title, "", "", width);
			draw_table_text(&t, out, width, colour);
			if (parts[i].under)
				draw_text_wrap(out, parts[i].under, "", "", width);
		}
		draw_table_release(&t);
	}
	assay_buf_puts(out, "\nNotes\n");
	each_note(doc, say_line, &(struct lines){ out, width });
}

/* ---- Markdown ---- */

static void say_item(void *arg, const char *text) { markdown_text(arg, "- ", text, "\n"); }

void assay_engines_markdown(const json_t *doc, struct assay_buf *out)
{
	struct assay_buf b;
	assay_buf_puts(out, "# Engines compared\n\n");
	assay_buf_init(&b, 1 << 16);
	warning(doc, &b);
	if (b.len_bytes)
		markdown_text(out, "**DISAGREE**: ", b.data, "\n\n");
	assay_buf_release(&b);
	assay_buf_init(&b, 1 << 16);
	subject(doc, &b);
	markdown_text(out, "", b.data, "\n\n");
	assay_buf_release(&b);
	for (int i = 0; i < PARTS; i++) {
		struct draw_table t;
		parts[i].fill(doc, &t);
		if (draw_table_rows(&t)) {
			assay_buf_printf(out, "## %s\n\n", parts[i].title);
			markdown_table(out, &t);
			if (parts[i].under)
				markdown_text(out, "", parts[i].under, "\n\n");
		} else {
			draw_table_release(&t);
		}
	}
	assay_buf_puts(out, "## Notes\n\n");
	each_note(doc, say_item, out);
}

int assay_engines_write(const json_t *doc, const char *dir, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, FILE_BYTES_MAX);
	assay_json_print(&b, doc, 1);
	assay_buf_puts(&b, "\n");
	int rc = draw_file_write(&b, dir, "engines.json", e);
	if (rc)
		return rc;
	assay_buf_init(&b, FILE_BYTES_MAX);
	assay_engines_markdown(doc, &b);
	return draw_file_write(&b, dir, "engines.md", e);
}
