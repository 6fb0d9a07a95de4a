/* S0's "Baseline Metrics & Performance Measurement" as legacy/s0/baseline_report.md: that template's sections in its order, filled:
 * methodology, scenarios, metrics, configurations, results table, findings, five insights, breakdown, trend, profiling, questions. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "report/face_data.h"
#include "report/face_findings.h"
#include "report/legacy.h"
#include "report/legacy_text.h"

enum { INSIGHTS = 5 };

static void head(struct assay_buf *b, const json_t *result)
{
	const json_t *verdict = json_object_get(result, "verdict");
	char engine[LEGACY_TEXT];
	legacy_engine(engine, result);
	assay_buf_puts(b, "# 4. Baseline Metrics & Performance Measurement\n\n");
	assay_buf_printf(b, "**Status**: %s  \n", assay_json_get_bool(result, "interrupted", false) ? "interrupted: these are the results up to then" : "complete");
	markdown_text(b, "**Verdict**: ", assay_json_get_str(verdict, "state", "?"), "  \n");
	assay_buf_printf(b, "**Last Updated**: %.10s\n\n## Overview\n\n", legacy_time(result).iso);
	markdown_text(b, "Measurement of ", face_model(result), " ");
	markdown_text(b, "on engine ", engine, ", ");
	assay_buf_printf(b, "%zu cases.\n\n", json_array_size(json_object_get(result, "points")));
}

/* "latency (1 case), throughput (6 cases)" with the repeats of each. */
static void methodology(struct assay_buf *b, const json_t *result)
{
	size_t i;
	json_t *p;
	struct draw_table t;
	assay_buf_puts(b, "## 4.1 Measurement Methodology\n\n");
	legacy_table(&t, "Experiment", "Case", "Repeats after warm-up", "Status");
	json_array_foreach(json_object_get(result, "points"), i, p) {
		char label[96];
		face_case(label, p);
		draw_table_cell(&t, "%s", assay_json_get_str(p, "experiment", "?"));
		draw_table_cell(&t, "%s", label);
		draw_table_cell(&t, "%lld, after %lld", (long long)assay_json_get_int(p, "runs_done", 0), (long long)assay_json_get_int(p, "warmups_done", 0));
		draw_table_cell(&t, "%s", assay_json_get_str(p, "status", "?"));
	}
	markdown_table(b, &t);
	assay_buf_puts(b, "Tool: assay. Times are taken from the intended send of a request to the stamps of its tokens; percentiles are nearest rank; every record is in the journal of the "
			  "result, from which `assay verify` recomputes each number. Points are visited in a shuffled order.\n\n");
}

static size_t measured(const json_t *result, const char *experiment, const char *key, int64_t above)
{
	size_t i, n = 0;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p)
		n += face_is(p, experiment) && face_ok(p) && face_case_int(p, key, 1) > above;
	return n;
}

static void scenarios(struct assay_buf *b, const json_t *result)
{
	static const struct { const char *name, *experiment, *key, *command; int64_t above; } rows[] = {
		{ "Single token generation", "latency", "output_tokens", "assay latency", 0 }, { "Batch inference", "throughput", "batch_size", "assay throughput --batch 1,2,4,8,16,32", 1 },
		{ "Variable sequence lengths", "seqlen", "prompt_tokens", "assay seqlen --axes", 0 }, { "Variable batch sizes", "throughput", "batch_size", "assay throughput --batch 1,2,4,8,16,32", 0 },
		{ "Long document processing", "longdoc", "prompt_tokens", "assay longdoc", 0 },
	};
	struct draw_table t;
	assay_buf_puts(b, "## 4.2 Benchmark Scenarios\n\n");
	legacy_table(&t, "Scenario", "Measured", NULL, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t n = measured(result, rows[i].experiment, rows[i].key, rows[i].above);
		draw_table_cell(&t, "%s", rows[i].name);
		if (n)
			draw_table_cell(&t, "%zu case%s", n, n == 1 ? "" : "s");
		else
			draw_table_cell(&t, "not measured: not part of this run (%s)", rows[i].command);
	}
	markdown_table(b, &t);
}

static void metrics(struct assay_buf *b, const json_t *result)
{
	static const struct { const char *name, *key, *stat; } rows[] = {
		{ "Latency, end to end (mean)", "e2el_ms", "mean" }, { "Latency, end to end (P95)", "e2el_ms", "p95" }, { "Throughput", "output_tok_s", "mean" }, { "Memory, peak", "rss_peak_mib", "max" },
		{ "Memory, average", "rss_mean_mib", "mean" }, { "Memory bandwidth utilization (decode)", "mbu", "mean" }, { "GPU utilization", "gpu_util", "mean" },
	};
	const json_t *p = face_first(result, "latency");
	struct draw_table t;
	char text[LEGACY_TEXT], label[96];
	const char *experiment = p ? "latency" : "throughput";
	p = p ? p : face_first(result, "throughput");
	face_case(label, p);
	markdown_text(b, "## 4.3 Performance Metrics", *label ? " (" : "", "");
	markdown_text(b, "", label, *label ? ")\n\n" : "\n\n");
	legacy_table(&t, "Metric", "Value", NULL, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		legacy_measured(text, p, experiment, rows[i].key, rows[i].stat);
		draw_table_cell(&t, "%s", rows[i].name);
		draw_table_cell(&t, "%s", text);
	}
	draw_table_cell(&t, "Latency per layer");
	draw_table_cell(&t, "not measured: %s", assay_json_get_str(face_finding(result, "layers"), "needs", "no findings in this result"));
	markdown_table(b, &t);
}

/* Distinct values of a case's key, in the order of the points. */
static void distinct(struct assay_buf *b, const json_t *result, const char *name, const char *key)
{
	json_t *seen = json_object(), *p;
	size_t i;
	assay_buf_printf(b, "- **%s:** ", name);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		char text[32];
		int64_t x = face_case_int(p, key, -1), more = strcmp(key, "prompt_tokens") ? 0 : face_case_int(p, "output_tokens", 0);
		snprintf(text, sizeof text, "%lld", (long long)(x + more));
		if (x < 0 || json_object_get(seen, text))
			continue;
		assay_buf_printf(b, "%s%s", json_object_size(seen) ? ", " : "", text);
		json_object_set_new(seen, text, json_true());
	}
	if (!json_object_size(seen))
		assay_buf_puts(b, "not measured: no case names one");
	assay_buf_puts(b, "\n");
	json_decref(seen);
}

static void configurations(struct assay_buf *b, const json_t *result)
{
	const json_t *model = json_object_get(result, "model"), *machine = json_object_get(result, "machine"), *gpu = json_array_get(json_object_get(machine, "gpus"), 0);
	const json_t *cpu = json_object_get(machine, "cpu"), *memory = json_object_get(machine, "memory");
	char text[LEGACY_TEXT], more[LEGACY_TEXT], line[2 * LEGACY_TEXT + 40];
	double parameters = assay_json_get_num(model, "parameters", NAN);
	assay_buf_puts(b, "## Test Configurations\n\n");
	snprintf(line, sizeof line, isnan(parameters) ? "%.200s" : "%.200s, %.0f M parameters, %s", face_model(result), parameters / 1e6, assay_json_get_str(model, "dtype", "type not told"));
	legacy_item(b, "Model", line);
	distinct(b, result, "Batch sizes", "batch_size");
	distinct(b, result, "Sequence lengths (prompt + output)", "prompt_tokens");
	assay_buf_puts(b, "\n### Hardware Specifications\n\n");
	legacy_gpu(text, result);
	legacy_item(b, "GPU", text);
	legacy_machine(text, cpu, "model");
	legacy_machine(more, cpu, "cores");
	snprintf(line, sizeof line, "%s, %s cores", text, more);
	legacy_item(b, "CPU", line);
	legacy_gb(text, assay_json_get_num(memory, "total_bytes", NAN), "the inventory of this run does not have it");
	legacy_gb(more, assay_json_get_num(memory, "available_bytes", NAN), "the inventory of this run does not have it");
	snprintf(line, sizeof line, "%s in all; available: %s", text, more);
	legacy_item(b, "Memory", line);
	legacy_item(b, "Driver (CUDA, cuDNN)", assay_json_get_str(gpu, "cuda_version", gpu ? "not measured: the driver does not tell" : "not measured: no GPU"));
	assay_buf_puts(b, "\n");
}

static void group(struct assay_buf *b, const json_t *result, const char *title, const char *name)
{
	size_t i;
	json_t *f;
	assay_buf_printf(b, "### %s\n\n", title);
	json_array_foreach(json_object_get(result, "findings"), i, f)
		if (!strcmp(assay_json_get_str(f, "group", ""), name))
			legacy_finding(b, result, assay_json_get_str(f, "id", ""));
	assay_buf_puts(b, "\n");
}

static void insights(struct assay_buf *b, const json_t *result)
{
	const json_t *best[INSIGHTS];
	int n = face_best_findings(result, best, INSIGHTS);
	assay_buf_puts(b, "## Key Insights\n\n");
	for (int i = 0; i < n; i++) {
		assay_buf_printf(b, "%d. ", i + 1);
		markdown_text(b, "", assay_json_get_str(best[i], "answer", ""), "\n");
	}
	assay_buf_puts(b, n ? "\n" : "None: nothing was measured that answers a question.\n\n");
}

static void profiling(struct assay_buf *b, const json_t *result)
{
	static const char *const ids[] = { "layers", "operators", "bandwidth", "synchronisation" };
	assay_buf_puts(b, "## 4.5 Profiling Data\n\nLayer-by-layer timing, kernel execution times, memory access patterns, synchronization points:\n\n");
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		legacy_finding(b, result, ids[i]);
	assay_buf_puts(b, "\n");
}

static void questions(struct assay_buf *b, const json_t *result)
{
	static const char *const asked[] = { "layers", "operators", "bandwidth", "scaling", "variance_causes" };
	assay_buf_puts(b, "## Questions for Investigation\n\n");
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		char text[1200];
		face_finding_text(text, face_finding(result, asked[i]));
		markdown_text(b, "- **", assay_json_get_str(face_finding(result, asked[i]), "question", asked[i]), "** ");
		markdown_text(b, "", text, "\n");
	}
	assay_buf_puts(b, "\n");
	assay_buf_puts(b, "## Next Steps\n\n");
	const json_t *best[INSIGHTS];
	int n = face_best_findings(result, best, INSIGHTS);
	for (int i = 0; i < n; i++)
		if (json_is_string(json_object_get(best[i], "next_step")))
			markdown_text(b, "- ", assay_json_get_str(best[i], "next_step", ""), "\n");
	assay_buf_puts(b, "- After a change run the same command again and compare: assay compare BASELINE NEW\n");
}

int legacy_s0_report(const json_t *result, const char *dir, struct assay_err *e)
{
	struct assay_buf b;
	struct markdown_sheet sheet = markdown_sheet(&b);
	assay_buf_init(&b, (size_t)64 << 20);
	head(&b, result);
	methodology(&b, result);
	scenarios(&b, result);
	metrics(&b, result);
	assay_buf_puts(&b, "## 4.4 Results Analysis\n\n");
	sheet_s0_breakdown(&sheet.sheet, result);
	sheet_trend(&sheet.sheet, result);
	assay_buf_puts(&b, "Results table, bottlenecks and insights: below.\n\n");
	profiling(&b, result);
	configurations(&b, result);
	sheet_s0_results(&sheet.sheet, result);
	assay_buf_puts(&b, "## Findings\n\n");
	group(&b, result, "Performance Summary", "performance");
	group(&b, result, "Bottleneck Analysis", "bottleneck");
	sheet_bottleneck(&sheet.sheet, result, NULL);
	group(&b, result, "Scaling Characteristics", "scaling");
	insights(&b, result);
	questions(&b, result);
	return legacy_write_text(&b, dir, "s0", "baseline_report.md", e);
}
