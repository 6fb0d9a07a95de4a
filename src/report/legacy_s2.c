/* S2's BenchmarkResults as legacy/s2/benchmark_results.json: twelve flat fields. Latency is of single requests
 * (floor-index percentiles, as that suite computes them), throughput of the largest batch; GB = 10^9 bytes. */
#include <math.h>

#include "base/json.h"
#include "report/face_data.h"
#include "report/face_rows.h"
#include "report/faces.h"
#include "report/legacy.h"

#define MIB (1024.0 * 1024.0)

/* The measured point of most requests a run: throughput's largest batch, else the offline batch, else single requests. */
static const json_t *batch_point(const json_t *result)
{
	const json_t *best = NULL;
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p) {
		bool candidate = face_ok(p) && (face_is(p, "throughput") || face_is(p, "offline"));
		if (candidate && (!best || assay_json_get_int(p, "requests_per_run", 0) > assay_json_get_int(best, "requests_per_run", 0)))
			best = p;
	}
	return best ? best : face_first(result, "latency");
}

static int write_s2(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	const json_t *single = face_first(result, "latency"), *batch = batch_point(result);
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
	return legacy_write_json(dir, "s2", "benchmark_results.json", o, e);
}

const struct assay_face legacy_s2 = { "s2", "benchmark_results.json: vLLM benchmark suite", true, write_s2 };
