/* report.html: the few numbers on top, verdict, findings, then figures, then every table, then what it was made on. Computes nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/face_sections.h"
#include "report/faces.h"
#include "report/html_figures.h"
#include "report/html_findings.h"
#include "report/html_sheet.h"

/* ---- cards ---- */
static const char *verdict_of(const json_t *o) { return assay_json_get_str(json_object_get(o, "verdict"), "state", "?"); }

/* The measured point of that experiment (NULL: any) whose key is largest, or NULL. */
static const json_t *largest(const json_t *result, const char *experiment, const char *key)
{
	const json_t *best = NULL;
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if ((!experiment || face_is(p, experiment)) && face_ok(p) && !isnan(face_stat(p, key, "mean")) &&
		    (!best || face_stat(p, key, "mean") > face_stat(best, key, "mean")))
			best = p;
	return best;
}

/* A number of a point with its n and its case; nothing where there is none. */
static void card(struct html_page *page, const char *label, const json_t *p, const char *key, const char *stat)
{
	char number[48], name[96], note[200];
	face_number(number, p, key, stat, "");
	if (!p || !*number)
		return;
	face_case(name, p);
	snprintf(note, sizeof note, "n %lld · %.30s%s%.96s", (long long)assay_json_get_int(face_metric(p, key), "n", 0), assay_json_get_str(p, "experiment", "?"), *name ? ", " : "", name);
	html_card(page, label, number, assay_json_get_str(face_metric(p, key), "unit", ""), note, "");
}

static void cards(struct html_page *page, const json_t *result)
{
	static const char *const alone[] = { "latency", "seqlen", "longdoc", "throughput", "memory", "load", "soak", "offline" };
	const char *state = verdict_of(result);
	const json_t *single = NULL, *batch = largest(result, "throughput", "output_tok_s");
	char note[60];
	for (size_t i = 0; i < sizeof alone / sizeof *alone && !single; i++)
		single = face_first(result, alone[i]);
	const json_t *rate = batch ? batch : largest(result, NULL, "output_tok_s");
	if (single && face_is(single, "soak"))
		single = rate = largest(result, "soak", "wall_s"); /* not its probe */
	size_t reasons = json_array_size(json_object_get(json_object_get(result, "verdict"), "reasons"));
	snprintf(note, sizeof note, reasons ? "%zu reason%s, below" : "no reason for doubt was found", reasons, reasons == 1 ? "" : "s");
	html_cards_begin(page);
	html_card(page, "Verdict", state, "", note, !strcmp(state, "VALID") ? "good" : !strcmp(state, "CAUTION") ? "warn" : "bad");
	card(page, "Time to first token (P50)", single, "ttft_ms", "p50");
	card(page, "Time per output token (P50)", single, "tpot_ms", "p50");
	card(page, "End-to-end latency (P50)", single, "e2el_ms", "p50");
	card(page, rate == batch ? "Output throughput, best batch" : "Output throughput", rate, "output_tok_s", "mean");
	card(page, "Peak memory", largest(result, NULL, "rss_peak_mib"), "rss_peak_mib", "mean");
	html_cards_end(page);
}

static void headline(struct html_page *page, const json_t *result)
{
	const json_t *model = json_object_get(result, "model");
	struct assay_buf labels;
	html_para(page, "note", "%s · engine %s%s%s · %s", assay_json_get_str(result, "experiment", "?"), assay_json_get_str(json_object_get(result, "engine"), "name", "?"),
		json_is_string(json_object_get(model, "dtype")) ? " · " : "", assay_json_get_str(model, "dtype", ""), assay_json_get_str(result, "created", "time unknown"));
	assay_buf_init(&labels, (size_t)1 << 20);
	if (face_labels(&labels, result))
		html_para(page, "note", "%s", labels.data);
	assay_buf_release(&labels);
	cards(page, result);
	if (face_synthetic(result))
		html_para(page, "lead", "%s", FACE_SYNTHETIC);
	if (assay_json_get_bool(result, "interrupted", false))
		html_para(page, "warn", "Interrupted: these are the results up to then.");
}

static void verdict(struct html_page *page, const json_t *result)
{
	struct draw_table t;
	html_section_begin(page, "verdict", "Verdict");
	draw_table_init(&t);
	face_verdict_table(json_object_get(result, "verdict"), &t);
	html_para(page, NULL, "%s%s", verdict_of(result), draw_table_rows(&t) ? ", because:" : ": no reason for doubt was found.");
	html_table(page, "Reasons of the verdict", &t);
	html_section_end(page);
}

static void targets(struct html_page *page, const json_t *result)
{
	struct draw_table t;
	if (!json_array_size(json_object_get(result, "targets")))
		return;
	html_section_begin(page, "targets", "Targets");
	draw_table_init(&t);
	face_targets_table(result, &t);
	html_table(page, "Targets", &t);
	html_section_end(page);
}

/* ---- figures ---- */
static void figures(struct html_page *page, const json_t *result)
{
	html_section_begin(page, "figures", "Figures");
	html_markup(page, "<div class=\"figures\">\n");
	html_figures_soak(page, result);
	html_figure_throughput(page, result);
	html_figure_speedup(page, result);
	html_figure_prompt(page, result);
	html_figure_output(page, result);
	html_figure_heat(page, result);
	html_figure_ecdf(page, result);
	html_figure_histogram(page, result, "ttft_ms");
	html_figure_histogram(page, result, "itl_ms");
	html_figure_itl(page, result);
	html_figure_output_rate(page, result);
	html_figure_running(page, result);
	html_figure_kv(page, result);
	html_figure_roofline(page, result);
	html_figure_ceilings(page, result);
	html_figure_memory(page, result);
	html_figure_memory_time(page, result);
	html_figure_use(page, result);
	html_figure_tradeoff(page, result);
	html_figure_intervals(page, result);
	html_markup(page, "</div>\n");
	html_section_end(page);
}

/* ---- tables ---- */
static void points(struct html_page *page, const json_t *result)
{
	static const struct { const char *head, *key, *stat; } cols[] = {
		{ "TTFT ms", "ttft_ms", "p50" }, { "TPOT ms", "tpot_ms", "p50" }, { "E2E ms", "e2el_ms", "p50" }, { "tok/s", "output_tok_s", "mean" }, { "RSS MiB", "rss_peak_mib", "mean" },
	};
	struct draw_table t;
	char label[96];
	size_t i;
	json_t *p;
	html_section_begin(page, "points", "Points");
	draw_table_init(&t);
	draw_table_col(&t, "Point", true, 0);
	draw_table_col(&t, "Experiment", false, 0);
	draw_table_col(&t, "Case", false, 0);
	draw_table_col(&t, "Status", false, 0);
	draw_table_col(&t, "Verdict", false, 0);
	draw_table_col(&t, "Requests", true, 0);
	for (size_t k = 0; k < sizeof cols / sizeof *cols; k++)
		draw_table_col(&t, cols[k].head, true, 0);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		const json_t *r = json_object_get(p, "requests");
		face_case(label, p);
		draw_table_cell(&t, "%lld", (long long)assay_json_get_int(p, "index", (int64_t)i));
		draw_table_cell(&t, "%s", assay_json_get_str(p, "experiment", "?"));
		draw_table_cell(&t, "%s", label);
		draw_table_cell(&t, "%s", assay_json_get_str(p, "status", "?"));
		draw_table_cell(&t, "%s", verdict_of(p));
		draw_table_cell(&t, "%lld of %lld", (long long)assay_json_get_int(r, "succeeded", 0), (long long)assay_json_get_int(r, "offered", 0));
		for (size_t k = 0; k < sizeof cols / sizeof *cols; k++)
			face_number_cell(&t, p, cols[k].key, cols[k].stat);
	}
	html_table_linked(page, "What was measured: a row a point (latencies are P50)", &t, "point-");
	html_section_end(page);
}

static void say_note(void *arg, const char *text) { html_para(arg, "note", "%s", text); }

static void sections(struct html_page *page, const json_t *result)
{
	int n;
	const struct face_section *s = face_sections(&n);
	for (int i = 0; i < n; i++) {
		struct draw_table t;
		char id[40], title[160];
		if (!face_has(result, s[i].experiment))
			continue;
		face_title(title, result, &s[i]);
		snprintf(id, sizeof id, "table-%.30s", s[i].experiment);
		html_section_begin(page, id, title);
		draw_table_init(&t);
		s[i].fill(result, s[i].experiment, &t);
		if (!draw_table_rows(&t))
			say_note(page, FACE_NO_NUMBERS);
		html_table(page, title, &t);
		face_not_measured(result, s[i].experiment, say_note, page);
		html_section_end(page);
	}
	face_dropped(result, say_note, page);
	if (face_has_marks(result))
		html_para(page, "note", "* n < floor: a percentile stated with 99 %% confidence needs n of 64 (P90), 130 (P95), 662 (P99); the value is what was observed.");
}

static void provenance(struct html_page *page, const json_t *result)
{
	struct draw_table t;
	size_t i;
	json_t *f;
	html_section_begin(page, "provenance", "Provenance");
	html_para(page, NULL, "Every number above follows from the journal of the run; assay verify DIR makes them again and compares. The fingerprint of the journal, kept elsewhere, shows any later change.");
	draw_table_init(&t);
	draw_table_col(&t, "What", false, 0);
	draw_table_col(&t, "Value", false, 0);
	json_array_foreach(json_object_get(result, "files"), i, f) {
		draw_table_cell(&t, "SHA-256 of %s", assay_json_get_str(f, "path", "?"));
		draw_table_cell(&t, "%s", assay_json_get_str(f, "sha256", "?"));
	}
	draw_table_cell(&t, "Result (SHA-256 of result.json with its id empty)");
	draw_table_cell(&t, "%s", assay_json_get_str(result, "id", "?"));
	html_table(page, "Fingerprints", &t);
	html_section_end(page);
}

static void shared(struct html_page *page, const json_t *result)
{
	struct html_sheet h = html_sheet(page);
	sheet_documents(&h.sheet, result);
	sheet_bottleneck(&h.sheet, result, "Bottleneck: MBU and MFU");
	sheet_about(&h.sheet, result);
	html_sheet_end(&h);
}

static int write_html(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	struct html_page page;
	char *path = xasprintf("%s/report.html", dir), *title = xasprintf("%s: %s", assay_json_get_str(result, "experiment", "?"), face_model(result));
	(void)run;
	html_page_init(&page, title);
	headline(&page, result);
	verdict(&page, result);
	targets(&page, result);
	html_findings(&page, result);
	figures(&page, result);
	points(&page, result);
	sections(&page, result);
	shared(&page, result);
	provenance(&page, result);
	int rc = html_page_write(&page, path, e);
	html_page_release(&page);
	free(title);
	free(path);
	return rc;
}

const struct assay_face face_html = { .name = "html", .summary = "report.html: the report with figures, one file that opens offline", .write = write_html };
