/* S2's BenchmarkResults as legacy/s2/benchmark_results.json: twelve flat fields. Latency is of single requests
 * (floor-index percentiles, as that suite computes them), throughput of the largest batch; GB = 10^9 bytes. */
#include <math.h>

#include "base/json.h"
#include "report/face_data.h"
#include "report/faces.h"
#include "report/legacy.h"
#include "report/legacy_text.h"

#define MIB (1024.0 * 1024.0)

static int write_s2(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	const json_t *single = face_first(result, "latency"), *batch = legacy_batch_point(result);
	int64_t n = assay_json_get_int(batch, "requests_per_run", -1), max_tokens = face_case_int(batch, "output_tokens", -1);
	(void)run;
	json_t *o = json_object();
	json_object_set_new(o, "model", json_string(face_model(result)));
	json_object_set_new(o, "num_requests", n < 0 ? json_null() : json_integer(n));
	json_object_set_new(o, "max_tokens", max_tokens < 0 ? json_null() : json_integer(max_tokens));
	json_object_set_new(o, "avg_latency_ms", legacy_stat(single, "e2el_ms", "mean"));
	json_object_set_new(o, "p50_latency_ms", legacy_pct(single, "e2el_ms", "floor_index", "p50"));
	json_object_set_new(o, "p95_latency_ms", legacy_pct(single, "e2el_ms", "floor_index", "p95"));
	json_object_set_new(o, "p99_latency_ms", legacy_pct(single, "e2el_ms", "floor_index", "p99"));
	json_object_set_new(o, "throughput_rps", legacy_stat(batch, "request_s", "mean"));
	json_object_set_new(o, "throughput_tps", legacy_stat(batch, "output_tok_s", "mean"));
	json_object_set_new(o, "model_memory_gb", assay_json_real(face_stat(batch, "weights_mib", "mean") * MIB / 1e9));
	json_object_set_new(o, "total_memory_gb", assay_json_real(face_stat(batch, "rss_peak_mib", "mean") * MIB / 1e9));
	json_object_set_new(o, "gpu_utilization_pct", assay_json_real(face_stat(batch, "gpu_util", "mean") * 100));
	int rc = legacy_write_json(dir, "s2", "benchmark_results.json", o, e);
	return rc ? rc : legacy_s2_report(result, dir, e);
}

const struct assay_face legacy_s2 = { "s2", "benchmark_results.json and baseline_report.md: vLLM benchmark suite", true, write_s2 };
