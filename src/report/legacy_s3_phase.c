/* S3's phase document as legacy/s3/benchmark_phase_1_validation_<date>.md, first half: environment, latency, memory, throughput, the
 * report's own structure. A target is judged only where the run was held against it (--targets s3-cpu); it is never guessed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/face_sections.h"
#include "report/legacy.h"
#include "report/legacy_text.h"

/* ---- environment ---- */
static void duration(char out[LEGACY_TEXT], const json_t *result)
{
	double s = legacy_duration_s(result);
	if (isnan(s))
		snprintf(out, LEGACY_TEXT, "not measured: %.200s", assay_json_get_str(json_object_get(result, "telemetry"), "reason", "the run has no end"));
	else
		snprintf(out, LEGACY_TEXT, "%.0f seconds", s);
}

static void head(struct assay_buf *b, const json_t *result)
{
	char text[LEGACY_TEXT], engine[LEGACY_TEXT];
	bool whole = !assay_json_get_bool(result, "interrupted", false);
	assay_buf_puts(b, "# Performance Benchmarking - Phase 1: Setup and Validation\n\n");
	assay_buf_printf(b, "**Date**: %.10s  \n**Status**: %s  \n", legacy_time(result).iso, whole ? "COMPLETE" : "INTERRUPTED");
	duration(text, result);
	markdown_text(b, "**Duration**: ", text, "  \n");
	legacy_engine(engine, result);
	markdown_text(b, legacy_has_gpu(result) ? "**Environment**: with GPU (" : "**Environment**: CPU-only (", engine, ")\n\n");
	assay_buf_puts(b, "## Overview\n\n");
	markdown_text(b, "Environment and validation run of ", face_model(result), " ");
	assay_buf_printf(b, "(%zu cases). Percentiles are nearest rank, TTFT is the time to the first token. Verdict of the run: ", json_array_size(json_object_get(result, "points")));
	markdown_text(b, "**", assay_json_get_str(json_object_get(result, "verdict"), "state", "?"), "**.\n\n");
}

static void pair(struct draw_table *t, const char *name, const char *value)
{
	draw_table_cell(t, "%s", name);
	draw_table_cell(t, "%s", value);
}

static void environment(struct assay_buf *b, const json_t *result)
{
	const json_t *machine = json_object_get(result, "machine"), *cpu = json_object_get(machine, "cpu"), *capabilities = json_object_get(json_object_get(result, "engine"), "capabilities");
	char text[LEGACY_TEXT], more[LEGACY_TEXT], line[2 * LEGACY_TEXT + 20];
	struct draw_table t;
	const char *key;
	json_t *v;
	assay_buf_puts(b, "## Environment Verification\n\n### System Information\n\n");
	legacy_table(&t, "Component", "Details", NULL, NULL);
	legacy_machine(text, machine, "os");
	legacy_machine(more, machine, "kernel");
	snprintf(line, sizeof line, "%s (%s)", text, more);
	pair(&t, "Operating System", line);
	pair(&t, "Python Version", "not measured: the program and its engine are C");
	pair(&t, "PyTorch Version", "not measured: the program and its engine are C");
	legacy_gpu(text, result);
	snprintf(line, sizeof line, "%s (GPU: %s)", legacy_has_gpu(result) ? "Yes" : "No", text);
	pair(&t, "CUDA Available", line);
	legacy_machine(text, cpu, "model");
	pair(&t, "CPU", text);
	legacy_machine(text, cpu, "threads");
	pair(&t, "CPU Cores", text);
	legacy_gb(text, assay_json_get_num(json_object_get(machine, "memory"), "total_bytes", NAN), "the inventory of this run does not have it");
	pair(&t, "System Memory", text);
	markdown_table(b, &t);
	assay_buf_puts(b, "### Dependencies Verified\n\n");
	legacy_engine(text, result);
	markdown_text(b, "- Engine opened: ", text, "\n");
	json_object_foreach((json_t *)capabilities, key, v) {
		markdown_text(b, "- Measures ", key, ": ");
		markdown_text(b, "", json_is_string(v) ? json_string_value(v) : "not told", "\n");
	}
	assay_buf_puts(b, "\n");
}

static void configuration(struct assay_buf *b, const json_t *result, const json_t *latency)
{
	const json_t *model = json_object_get(result, "model");
	double parameters = assay_json_get_num(model, "parameters", NAN);
	char text[LEGACY_TEXT];
	assay_buf_puts(b, "## Quick Validation Benchmark Results\n\n### Test Configuration\n\n");
	snprintf(text, sizeof text, isnan(parameters) ? "%.200s (parameters not told)" : "%.200s (%.0fM parameters)", face_model(result), parameters / 1e6);
	legacy_item(b, "Model", text);
	legacy_item(b, "Mode", assay_json_get_bool(json_object_get(result, "config"), "quick", 0) ? "quick (--quick)" : "normal");
	snprintf(text, sizeof text, latency ? "%lld" : "not measured: this run has no measured point of latency (assay latency)", (long long)assay_json_get_int(latency, "warmups_done", 0));
	legacy_item(b, "Warmup Runs", text);
	snprintf(text, sizeof text, latency ? "%lld" : "not measured: this run has no measured point of latency (assay latency)", (long long)assay_json_get_int(latency, "runs_done", 0));
	legacy_item(b, "Test Runs", text);
	legacy_item(b, "Device", "CPU");
	assay_buf_puts(b, "\n");
}

/* ---- value, target, status ---- */
struct phase_row {
	const char *name, *key, *stat;
	const char *bound;             /* the document's own target, NULL = it has none */
};

/* Pass or FAIL where the run was held against the target; else why not. Rows without a target: Good where the number can be stated. */
static void status(struct draw_table *t, const json_t *result, const json_t *p, const struct phase_row *r)
{
	const json_t *target = face_target_of(result, p, r->key, r->stat), *need = json_object_get(json_object_get(face_metric(p, r->key), "need"), r->stat);
	double mean = face_stat(p, r->key, "mean"), std = face_stat(p, r->key, "std");
	if (!p || isnan(face_stat(p, r->key, r->stat)))
		draw_table_cell(t, "not measured");
	else if (target)
		draw_table_cell(t, "%s", face_status(target));
	else if (r->bound)
		draw_table_cell(t, "not judged");
	else if (need)
		draw_table_cell(t, "n < %lld: too few for this percentile", (long long)json_integer_value(need));
	else if (!strcmp(r->stat, "std"))
		draw_table_cell(t, "%s (%.1f %% of the mean; the plan allows 10)", std <= 0.1 * mean ? "Good" : "High", 100 * std / mean);
	else
		draw_table_cell(t, "Good");
}

static void rows(struct assay_buf *b, const json_t *result, const json_t *p, const char *experiment, const struct phase_row *r, size_t n)
{
	struct draw_table t;
	char text[LEGACY_TEXT], bound[64];
	bool unjudged = false;
	legacy_table(&t, "Metric", "Value", "Target (CPU)", "Status");
	for (size_t i = 0; i < n; i++) {
		const json_t *target = face_target_of(result, p, r[i].key, r[i].stat);
		legacy_measured(text, p, experiment, r[i].key, r[i].stat);
		face_bound(bound, target);
		pair(&t, r[i].name, text);
		draw_table_cell(&t, "%s", target ? bound : r[i].bound ? r[i].bound : "-");
		status(&t, result, p, &r[i]);
		unjudged = unjudged || (r[i].bound && !target);
	}
	if (!strcmp(experiment, "throughput") && p) {
		const json_t *requests = json_object_get(p, "requests");
		int64_t offered = assay_json_get_int(requests, "offered", 0), failed = assay_json_get_int(requests, "failed", 0);
		draw_table_cell(&t, "Total Requests");
		draw_table_cell(&t, "%lld", (long long)offered);
		draw_table_cell(&t, "-");
		draw_table_cell(&t, "%s", assay_json_get_int(requests, "succeeded", 0) + failed == offered ? "Complete" : "incomplete");
		draw_table_cell(&t, "Failed Requests");
		draw_table_cell(&t, "%lld", (long long)failed);
		draw_table_cell(&t, "0");
		draw_table_cell(&t, "%s", failed ? "FAIL" : "Perfect");
	}
	markdown_table(b, &t);
	if (p && unjudged)
		assay_buf_puts(b, "Not judged: the document's targets are of prompts of 128 and outputs of 30 tokens; this judges all of them: "
				  "`assay latency --prompt-tokens 128 --output-tokens 30 --targets s3-cpu`\n\n");
}

static void section(struct assay_buf *b, const char *title, const json_t *p)
{
	char label[96];
	face_case(label, p);
	assay_buf_printf(b, "### %s", title);
	markdown_text(b, *label ? " (" : "", label, *label ? ")\n\n" : "\n\n");
}

static void analysis(struct assay_buf *b, const json_t *result, const char *const *ids, size_t n)
{
	assay_buf_puts(b, "**Analysis**:\n\n");
	for (size_t i = 0; i < n; i++)
		legacy_finding(b, result, ids[i]);
	assay_buf_puts(b, "\n");
}

static void latency_and_throughput(struct assay_buf *b, const json_t *result, const json_t *p, bool throughput)
{
	static const struct phase_row latency[] = {
		{ "TTFT Mean", "ttft_ms", "mean", "<2,000 ms" }, { "TTFT Std", "ttft_ms", "std", NULL }, { "TTFT P50", "ttft_ms", "p50", NULL }, { "TTFT P95", "ttft_ms", "p95", NULL },
		{ "TTFT P99", "ttft_ms", "p99", NULL }, { "Tokens/s Mean", "request_tok_s", "mean", ">20" }, { "Tokens/s Std", "request_tok_s", "std", NULL },
		{ "E2E Latency Mean", "e2el_ms", "mean", "<2,500 ms" },
	};
	static const struct phase_row load[] = {
		{ "Requests/s", "request_s", "mean", ">0.5" }, { "Tokens/s", "output_tok_s", "mean", ">20" }, { "Mean Latency", "e2el_ms", "mean", "<1,500 ms" },
		{ "P50 Latency", "e2el_ms", "p50", NULL }, { "P95 Latency", "e2el_ms", "p95", NULL }, { "P99 Latency", "e2el_ms", "p99", NULL },
	};
	static const char *const about_latency[] = { "consistency", "phase_split", "prompt_scaling", "acceptable" }, *const about_load[] = { "batch_throughput", "batch_knee", "idle_gaps" };
	section(b, throughput ? "Throughput Results" : "Latency Results", p);
	if (throughput)
		rows(b, result, p, "throughput", load, sizeof load / sizeof *load);
	else
		rows(b, result, p, "latency", latency, sizeof latency / sizeof *latency);
	analysis(b, result, throughput ? about_load : about_latency, throughput ? 3 : 4);
}

static void memory(struct assay_buf *b, const json_t *result, const json_t *p)
{
	static const struct { const char *name, *key, *stat, *notes; } list[] = {
		{ "CPU Peak", "rss_peak_mib", "max", "resident memory of the process" }, { "CPU Delta", "rss_delta_mib", "max", "added by a run" },
		{ "KV Cache", "kv_peak_mib", "max", "most in use at once" }, { "Growth", "rss_growth_kib_per_1k", "mean", "for 1,000 requests" },
	};
	static const char *const about[] = { "weights_kv", "leak", "memory_limits" };
	struct draw_table t;
	char text[LEGACY_TEXT];
	section(b, "Memory Results", p);
	legacy_table(&t, "Metric", "Value", "Notes", NULL);
	for (int i = 0; i < 2; i++) {
		draw_table_cell(&t, "%s", i ? "GPU Delta" : "GPU Peak");
		draw_table_cell(&t, legacy_has_gpu(result) ? "not measured: this engine does not use the GPU" : "N/A");
		draw_table_cell(&t, legacy_has_gpu(result) ? "the GPU was left unused" : "CPU-only");
	}
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		legacy_measured(text, p, "memory", list[i].key, list[i].stat);
		pair(&t, list[i].name, text);
		draw_table_cell(&t, "%s", list[i].notes);
	}
	markdown_table(b, &t);
	analysis(b, result, about, sizeof about / sizeof *about);
}

/* ---- the report itself ---- */
static void structure(struct assay_buf *b, const json_t *result, const char *report)
{
	size_t latency = 0, mem = 0, throughput = 0, i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p) {
		latency += face_ok(p) && face_is(p, "latency");
		mem += face_ok(p) && face_is(p, "memory");
		throughput += face_ok(p) && (face_is(p, "throughput") || face_is(p, "offline"));
	}
	assay_buf_puts(b, "## Report Generation Validation\n\n### Report File\n\n");
	markdown_text(b, "- Generated: `legacy/s3/", report, ".json`\n\n### Report Structure Validation\n\n");
	assay_buf_printf(b, "- `report_name`, `model_name`, `timestamp`, `system_info`, `metadata`: present\n- `latency`: %zu test results\n- `memory`: %zu test results\n"
			    "- `throughput`: %zu test results\n- Fields that this run could not measure are null, never 0; unused parts of a test keep zeros, as that format pads.\n\n",
			 latency, mem ? (size_t)1 : (size_t)0, throughput);
}

int legacy_s3_phase(const json_t *result, const char *dir, struct assay_err *e)
{
	struct legacy_time when = legacy_time(result);
	char *slug = legacy_slug(result), *report = xasprintf("%s_%s", slug, when.compact);
	char *name = xasprintf("benchmark_phase_1_validation_%.4s_%.2s_%.2s.md", when.iso, when.iso + 5, when.iso + 8);
	const json_t *latency = face_first(result, "latency");
	struct assay_buf b;
	assay_buf_init(&b, (size_t)16 << 20);
	head(&b, result);
	environment(&b, result);
	configuration(&b, result, latency);
	latency_and_throughput(&b, result, latency, false);
	memory(&b, result, face_first(result, "memory"));
	latency_and_throughput(&b, result, face_first(result, "throughput"), true);
	structure(&b, result, report);
	legacy_s3_judgement(&b, result, report, name);
	int rc = legacy_write_text(&b, dir, "s3", name, e);
	free(name);
	free(report);
	free(slug);
	return rc;
}
