/* S2's baseline report as legacy/s2/baseline_report.md: its headings, filled. Latency is of single requests (floor-index percentiles,
 * as that suite computes them), throughput of the largest batch; GB = 10^9 bytes. Computes nothing but those units. */
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "report/face_data.h"
#include "report/face_findings.h"
#include "report/legacy.h"
#include "report/legacy_text.h"

#define MIB (1024.0 * 1024.0)

static void head(struct assay_buf *b, const json_t *result)
{
	const json_t *machine = json_object_get(result, "machine"), *gpu = json_array_get(json_object_get(machine, "gpus"), 0);
	char text[LEGACY_TEXT];
	markdown_text(b, "# Baseline Benchmark Report: ", face_model(result), "\n\n");
	assay_buf_printf(b, "**Date:** %.10s  \n", legacy_time(result).iso);
	legacy_gpu(text, result);
	markdown_text(b, "**GPU:** ", text, "  \n");
	legacy_machine(text, json_object_get(machine, "cpu"), "model");
	markdown_text(b, "**CPU:** ", text, "  \n");
	markdown_text(b, "**CUDA:** ", assay_json_get_str(gpu, "cuda_version", gpu ? "not measured: the driver does not tell" : "not measured: no GPU"), "  \n");
	legacy_engine(text, result);
	markdown_text(b, "**Engine Version:** ", text, "  \n");
	markdown_text(b, "**Verdict:** ", assay_json_get_str(json_object_get(result, "verdict"), "state", "?"), "\n\n");
}

static void configuration(struct assay_buf *b, const json_t *result, const json_t *batch)
{
	const json_t *model = json_object_get(result, "model"), *eff = json_object_get(json_object_get(result, "engine"), "effective");
	char text[LEGACY_TEXT], label[96];
	assay_buf_puts(b, "## Test Configuration\n\n");
	legacy_item(b, "Model", face_model(result));
	legacy_item(b, "Type of the weights", assay_json_get_str(model, "dtype", "not told by the engine"));
	face_case(label, batch);
	snprintf(text, sizeof text, batch ? "%lld requests at once (%s)" : "not measured: no batch was run (assay throughput)", (long long)assay_json_get_int(batch, "requests_per_run", 0), label);
	legacy_item(b, "Batch Size", text);
	face_format(text, (double)face_case_int(batch, "output_tokens", 0), 0);
	legacy_item(b, "Max Tokens", face_case_int(batch, "output_tokens", -1) >= 0 ? text : assay_json_get_str(json_object_get(batch, "case"), "output", "not measured: no batch was run"));
	double pool = assay_json_get_num(eff, "kv_pool_bytes", NAN);
	snprintf(text, sizeof text, isnan(pool) ? "not applicable: this engine takes no share of a GPU's memory" : "not applicable: this engine takes no share of a GPU's memory; its KV pool is %.2f GB", pool / 1e9);
	legacy_item(b, "GPU Memory Utilization", text);
	assay_buf_puts(b, "\n");
}

static void results(struct assay_buf *b, const json_t *result, const json_t *single, const json_t *batch)
{
	static const struct { const char *name, *pct; } pcts[] = { { "P50", "p50" }, { "P95", "p95" }, { "P99", "p99" } };
	char text[LEGACY_TEXT], label[96];
	face_case(label, single);
	assay_buf_puts(b, "## Results\n\n### Latency\n\n");
	markdown_text(b, "Single requests", *label ? " (" : "", "");
	markdown_text(b, "", label, *label ? "):\n\n" : ":\n\n");
	legacy_measured(text, single, "latency", "e2el_ms", "mean");
	legacy_item(b, "Average", text);
	for (int i = 0; i < 3; i++) {
		legacy_measured_pct(text, single, "latency", "e2el_ms", "floor_index", pcts[i].pct);
		legacy_item(b, pcts[i].name, text);
	}
	assay_buf_puts(b, "\n### Throughput\n\n");
	legacy_measured(text, batch, "throughput", "request_s", "mean");
	legacy_item(b, "Requests per second", text);
	legacy_measured(text, batch, "throughput", "output_tok_s", "mean");
	legacy_item(b, "Tokens per second", text);
	assay_buf_puts(b, "\n### Memory\n\n");
	double total = face_stat(batch, "rss_peak_mib", "mean") * MIB, all = assay_json_get_num(json_object_get(json_object_get(result, "machine"), "memory"), "total_bytes", NAN);
	legacy_gb(text, face_stat(batch, "weights_mib", "mean") * MIB, assay_json_get_str(face_metric(batch, "weights_mib"), "reason", "no batch was run"));
	legacy_item(b, "Model", text);
	legacy_gb(text, total, assay_json_get_str(face_metric(batch, "rss_peak_mib"), "reason", "no batch was run"));
	legacy_item(b, "Total (resident, peak)", text);
	snprintf(text, sizeof text, isnan(total / all) ? "not measured: total or peak is not known" : "%.1f %% of the machine's memory", 100 * total / all);
	legacy_item(b, "Utilization", text);
	assay_buf_puts(b, "\n");
}

int legacy_s2_report(const json_t *result, const char *dir, struct assay_err *e)
{
	const json_t *best[5], *batch = legacy_batch_point(result);
	struct assay_buf b;
	assay_buf_init(&b, (size_t)16 << 20);
	head(&b, result);
	configuration(&b, result, batch);
	results(&b, result, face_first(result, "latency"), batch);
	assay_buf_puts(&b, "## Conclusions\n\n");
	int n = face_best_findings(result, best, 5);
	for (int i = 0; i < n; i++)
		legacy_finding(&b, result, assay_json_get_str(best[i], "id", ""));
	if (!n)
		assay_buf_puts(&b, "- Nothing was measured that answers a question.\n");
	legacy_finding(&b, result, "gpu_used");
	legacy_finding(&b, result, "best_configuration");
	return legacy_write_text(&b, dir, "s2", "baseline_report.md", e);
}
