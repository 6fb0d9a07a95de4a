/* The tables of the requirement documents S0, S1, S3 and S4 in their own form, from the document of one run.
 * "N/A" stands where the run could not measure; unavailable[] says why. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/face_rows.h"
#include "report/face_sections.h"
#include "report/sheet.h"

#define MIB (1024.0 * 1024.0)

static void scaled_cell(struct draw_table *t, double x, int digits, const char *unit)
{
	char number[48];
	face_format(number, x, digits);
	if (isnan(x))
		draw_table_cell(t, "N/A");
	else
		draw_table_cell(t, "%s%s%s", number, *unit ? " " : "", unit);
}

/* ---- S0: results table, breakdown ---- */
/* Why cells of the results table are N/A: the first reason of each metric in it. */
static void s0_reasons(struct sheet *b, const json_t *result)
{
	static const char *const keys[] = { "e2el_ms", "output_tok_s", "rss_peak_mib", "mbu" };
	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
		size_t i;
		json_t *p;
		json_array_foreach(json_object_get(result, "points"), i, p) {
			if (!face_ok(p) || face_case_int(p, "batch_size", -1) < 0 || !isnan(face_stat(p, keys[k], "mean")))
				continue;
			sheet_para(b, "N/A: %s is not measured: %s", assay_metric_find(keys[k])->title, assay_json_get_str(face_metric(p, keys[k]), "reason", "not known"));
			break;
		}
	}
}

void sheet_s0_results(struct sheet *b, const json_t *result)
{
	static const char *const heads[] = { "Model", "Batch Size", "Seq Len", "Latency (ms)", "Throughput (tok/s)", "Peak Mem (GB)", "Utilization (%)" };
	struct draw_table t;
	size_t i;
	json_t *p;
	draw_table_init(&t);
	for (int c = 0; c < 7; c++)
		draw_table_col(&t, heads[c], c > 0, 0);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		int64_t prompt = face_case_int(p, "prompt_tokens", -1), output = face_case_int(p, "output_tokens", -1), batch = face_case_int(p, "batch_size", -1);
		if (batch < 0 || prompt < 0 || output < 0)
			continue;
		draw_table_cell(&t, "%s", face_model(result));
		draw_table_cell(&t, "%lld", (long long)batch);
		draw_table_cell(&t, "%lld", (long long)(prompt + output));
		if (!face_ok(p)) {
			draw_table_cell(&t, "%s", assay_json_get_str(p, "status", "?"));
			for (int c = 0; c < 3; c++)
				draw_table_cell(&t, "-");
			continue;
		}
		scaled_cell(&t, face_stat(p, "e2el_ms", "mean"), 1, "");
		scaled_cell(&t, face_stat(p, "output_tok_s", "mean"), 1, "");
		scaled_cell(&t, face_stat(p, "rss_peak_mib", "mean") * MIB / 1e9, 3, "");
		scaled_cell(&t, face_stat(p, "mbu", "mean") * 100, 1, "");
	}
	if (!draw_table_rows(&t)) {
		draw_table_release(&t);
		return;
	}
	sheet_heading(b, 2, "Results table");
	sheet_para(b, "Seq Len = prompt + output tokens; latency = mean end-to-end latency of a request; peak memory = resident memory of the process, GB = 10^9 bytes; "
			  "utilization = memory bandwidth used by decode steps (MBU) of what this machine was measured to reach.");
	sheet_table(b, &t);
	s0_reasons(b, result);
}

void sheet_s0_breakdown(struct sheet *b, const json_t *result)
{
	static const char *const keys[] = { "queue_ms", "ttft_ms", "prefill_tok_s", "tpot_ms", "decode_tok_s", "decode_step_ms", "step_seqs", "mbu", "mfu", "cpu_util", "gpu_util" };
	const json_t *p = face_first(result, "latency");
	struct draw_table t;
	char label[96];
	p = p ? p : face_first(result, "throughput");
	if (!p)
		return;
	face_case(label, p);
	sheet_heading(b, 3, "Performance breakdown (%s)", label);
	draw_table_init(&t);
	draw_table_col(&t, "Part", false, 0);
	draw_table_col(&t, "Value", true, 0);
	draw_table_col(&t, "Unit", false, 0);
	draw_table_col(&t, "n", true, 0);
	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
		const struct assay_metric *def = assay_metric_find(keys[k]);
		char number[48];
		if (!def || !face_metric(p, keys[k]))
			continue;
		face_number(number, p, keys[k], "mean", "");
		draw_table_cell(&t, "%s", def->title);
		if (*number)
			draw_table_cell(&t, "%s", number);
		else
			draw_table_cell(&t, "not measured: %s", assay_json_get_str(face_metric(p, keys[k]), "reason", "not known"));
		draw_table_cell(&t, "%s", def->unit);
		draw_table_cell(&t, "%lld", (long long)assay_json_get_int(face_metric(p, keys[k]), "n", 0));
	}
	sheet_table(b, &t);
}

static void s0(struct sheet *out, const json_t *result)
{
	sheet_s0_results(out, result);
	sheet_s0_breakdown(out, result);
}

/* ---- S1: metric and value of the offline batch, load phases, KV blocks ---- */
static void pair(struct draw_table *t, const char *name, double x, int digits, const char *unit)
{
	draw_table_cell(t, "%s", name);
	scaled_cell(t, x, digits, unit);
}

static void s1_metrics(struct sheet *b, const json_t *result, const json_t *p)
{
	const json_t *load = json_object_get(json_object_get(result, "engine"), "load");
	double tokens = assay_json_get_num(json_object_get(p, "tokens"), "output", NAN), runs = assay_json_get_num(p, "runs_done", NAN);
	double sequences = assay_json_get_num(json_object_get(p, "requests"), "succeeded", NAN);
	struct draw_table t;
	draw_table_init(&t);
	draw_table_col(&t, "Metric", false, 0);
	draw_table_col(&t, "Value", true, 0);
	pair(&t, "Total Tokens Generated (a run)", tokens / runs, 0, "");
	pair(&t, "Execution Time", face_stat(p, "wall_s", "mean"), 2, "s");
	pair(&t, "Throughput", face_stat(p, "output_tok_s", "mean"), 2, "tok/s");
	pair(&t, "Avg Tokens/Sequence", sequences > 0 ? tokens / sequences : NAN, 2, "");
	pair(&t, "Model Load Time", assay_json_get_num(load, "total_ms", NAN) / 1e3, 3, "s");
	pair(&t, "Warmup Time", assay_json_get_num(load, "warmup_ms", NAN) / 1e3, 3, "s");
	pair(&t, "Input speed (prefill steps)", face_stat(p, "prefill_tok_s", "mean"), 2, "tok/s");
	pair(&t, "Output speed (steady window)", face_stat(p, "output_tok_s_steady", "mean"), 2, "tok/s");
	pair(&t, "Wall time / sequences (inverse throughput)", face_stat(p, "inverse_throughput_ms", "mean"), 2, "ms");
	pair(&t, "Latency of a sequence (mean)", face_stat(p, "e2el_ms", "mean"), 1, "ms");
	sheet_table(b, &t);
}

static void s1_system(struct sheet *b, const json_t *result)
{
	const json_t *engine = json_object_get(result, "engine"), *load = json_object_get(engine, "load"), *eff = json_object_get(engine, "effective"), *model = json_object_get(result, "model");
	struct draw_table t;
	const char *key;
	json_t *v;
	sheet_heading(b, 3, "Model initialization");
	draw_table_init(&t);
	draw_table_col(&t, "Phase", false, 0);
	draw_table_col(&t, "ms", true, 0);
	json_object_foreach((json_t *)load, key, v) {
		draw_table_cell(&t, "%s", key);
		scaled_cell(&t, json_is_number(v) ? json_number_value(v) : NAN, 1, "");
	}
	sheet_table(b, &t);
	sheet_heading(b, 3, "Memory and KV cache");
	draw_table_init(&t);
	draw_table_col(&t, "Item", false, 0);
	draw_table_col(&t, "Value", true, 0);
	pair(&t, "Weights", assay_json_get_num(model, "weight_bytes", NAN) / 1e9, 3, "GB");
	pair(&t, "KV blocks", assay_json_get_num(eff, "kv_blocks", NAN), 0, "");
	pair(&t, "Block size", assay_json_get_num(eff, "block_size", NAN), 0, "tokens");
	pair(&t, "KV bytes per token", assay_json_get_num(model, "kv_bytes_per_token", NAN), 0, "B");
	pair(&t, "Total KV cache size", assay_json_get_num(eff, "kv_pool_bytes", NAN) / 1e9, 3, "GB");
	pair(&t, "GPU blocks", NAN, 0, "");
	sheet_table(b, &t);
}

static void s1(struct sheet *out, const json_t *result)
{
	const json_t *p = face_first(result, "offline");
	if (p) {
		sheet_heading(out, 2, "Offline batch: metric and value");
		s1_metrics(out, result, p);
	}
	s1_system(out, result);
}

/* ---- S3: Metric | Value | Target | Status ---- */
struct s3_row { const char *name, *key, *stat; };

static void s3_section(struct sheet *b, const json_t *result, const char *title, const json_t *p, const struct s3_row *rows, size_t n)
{
	struct draw_table t;
	char label[96], number[48], bound[64];
	face_case(label, p);
	sheet_heading(b, 3, "%s (%s)", title, label);
	draw_table_init(&t);
	draw_table_col(&t, "Metric", false, 0);
	draw_table_col(&t, "Value", true, 0);
	draw_table_col(&t, "Target", true, 0);
	draw_table_col(&t, "Status", false, 0);
	for (size_t i = 0; i < n; i++) {
		const struct assay_metric *def = rows[i].key ? assay_metric_find(rows[i].key) : NULL;
		face_number(number, p, rows[i].key ? rows[i].key : "", rows[i].stat, "N/A");
		draw_table_cell(&t, "%s", rows[i].name);
		draw_table_cell(&t, "%s%s%s", number, def && strcmp(number, "N/A") ? " " : "", def && strcmp(number, "N/A") ? def->unit : "");
		const json_t *target = rows[i].key ? face_target_of(result, p, rows[i].key, rows[i].stat) : NULL;
		face_bound(bound, target);
		draw_table_cell(&t, "%s", bound);
		draw_table_cell(&t, "%s", face_status(target));
	}
	sheet_table(b, &t);
}

/* S3's own estimates for GPUs beside what was measured; only shown to those who ask for S3's targets. */
static void s3_expectations(struct sheet *b, const json_t *result)
{
	static const struct { const char *name, *experiment, *key, *t4, *a100; } rows[] = {
		{ "TTFT (ms)", "latency", "ttft_ms", "100-200", "50-100" },
		{ "Tokens/s", "latency", "request_tok_s", "200-400", "400-800" },
		{ "Requests/s", "throughput", "request_s", "10-20", "30-50" },
	};
	struct draw_table t;
	if (strcmp(assay_json_get_str(json_object_get(result, "config"), "targets", ""), "s3-cpu"))
		return;
	draw_table_init(&t);
	draw_table_col(&t, "Metric", false, 0);
	draw_table_col(&t, "This run", true, 0);
	draw_table_col(&t, "T4 (S3's estimate)", true, 0);
	draw_table_col(&t, "A100 (S3's estimate)", true, 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char number[48];
		face_number(number, face_first(result, rows[i].experiment), rows[i].key, "mean", "N/A");
		draw_table_cell(&t, "%s", rows[i].name);
		draw_table_cell(&t, "%s", number);
		draw_table_cell(&t, "%s", rows[i].t4);
		draw_table_cell(&t, "%s", rows[i].a100);
	}
	sheet_heading(b, 3, "Expectations (estimates of the S3 document, not measurements)");
	sheet_table(b, &t);
}

static void s3(struct sheet *out, const json_t *result)
{
	static const struct s3_row latency[] = {
		{ "TTFT Mean", "ttft_ms", "mean" }, { "TTFT Std", "ttft_ms", "std" }, { "TTFT P50", "ttft_ms", "p50" }, { "TTFT P95", "ttft_ms", "p95" },
		{ "TTFT P99", "ttft_ms", "p99" }, { "Tokens/s Mean", "request_tok_s", "mean" }, { "Tokens/s Std", "request_tok_s", "std" },
		{ "E2E Latency Mean", "e2el_ms", "mean" },
	};
	static const struct s3_row memory[] = {
		{ "GPU Peak", NULL, "mean" }, { "GPU Delta", NULL, "mean" }, { "CPU Peak", "rss_peak_mib", "max" }, { "CPU Delta", "rss_delta_mib", "max" },
		{ "KV Cache", "kv_peak_mib", "max" }, { "Growth", "rss_growth_kib_per_1k", "mean" },
	};
	static const struct s3_row throughput[] = {
		{ "Requests/s", "request_s", "mean" }, { "Tokens/s", "output_tok_s", "mean" }, { "Mean Latency", "e2el_ms", "mean" }, { "P50 Latency", "e2el_ms", "p50" },
		{ "P95 Latency", "e2el_ms", "p95" }, { "P99 Latency", "e2el_ms", "p99" },
	};
	const json_t *l = face_first(result, "latency"), *m = face_first(result, "memory"), *t = face_first(result, "throughput");
	if (!l && !m && !t)
		return;
	sheet_heading(out, 2, "Value, target, status");
	if (l)
		s3_section(out, result, "Latency", l, latency, sizeof latency / sizeof *latency);
	if (m)
		s3_section(out, result, "Memory", m, memory, sizeof memory / sizeof *memory);
	if (t)
		s3_section(out, result, "Throughput", t, throughput, sizeof throughput / sizeof *throughput);
	if (t)
		sheet_para(out, "Total requests %lld, failed %lld.", (long long)assay_json_get_int(json_object_get(t, "requests"), "offered", 0),
			(long long)assay_json_get_int(json_object_get(t, "requests"), "failed", 0));
	s3_expectations(out, result);
}

/* ---- S4: what a longer prompt and a longer output cost ---- */
static void s4_axis(struct sheet *b, const json_t *result, bool prompt_axis)
{
	struct face_axes axes = face_axes(result);
	struct draw_table t;
	size_t i;
	json_t *p;
	draw_table_init(&t);
	draw_table_col(&t, "Prompt tokens", true, 0);
	draw_table_col(&t, "Output tokens", true, 0);
	draw_table_col(&t, "TTFT (ms)", true, 0);
	draw_table_col(&t, "Time (s)", true, 0);
	draw_table_col(&t, "Tokens/s", true, 0);
	draw_table_col(&t, "Time per token (ms)", true, 0);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		if (!face_ok(p) || !face_on_axis(&axes, p, prompt_axis) || face_repeated(result, p))
			continue;
		face_case_cell(&t, p, "prompt_tokens");
		face_case_cell(&t, p, "output_tokens"); /* clipped to the context it is not that of the other rows */
		face_number_cell(&t, p, "ttft_ms", "mean");
		scaled_cell(&t, face_stat(p, "e2el_ms", "mean") / 1e3, 3, "");
		face_number_cell(&t, p, "request_tok_s", "mean");
		face_number_cell(&t, p, "tpot_ms", "mean");
	}
	if (draw_table_rows(&t))
		sheet_heading(b, 3, "%s (%s %lld)", prompt_axis ? "Prompt length" : "Output length", prompt_axis ? "output" : "prompt",
			(long long)(prompt_axis ? axes.output : axes.prompt));
	sheet_table(b, &t);
}

static void s4(struct sheet *out, const json_t *result)
{
	if (!face_first(result, "seqlen"))
		return;
	sheet_heading(out, 2, "Impact of sequence length");
	s4_axis(out, result, true);
	s4_axis(out, result, false);
}

void sheet_documents(struct sheet *s, const json_t *result)
{
	s0(s, result);
	sheet_trend(s, result);
	s1(s, result);
	s3(s, result);
	s4(s, result);
	sheet_validation(s, result);
}
