/* S3's mm_orch report as legacy/s3/<model>_<local time>.json and .csv, field for field and in its order.
 * Percentiles are linear; std of one sample is 0 and unused parts keep zeros (level 1, size 1), as that format
 * pads. MB = 1024^2, GB = 1024^3 bytes. TTFT is a true TTFT, which that suite's own files are not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/csv.h"
#include "report/face_data.h"
#include "report/face_rows.h"
#include "report/faces.h"
#include "report/legacy.h"
#include "report/legacy_text.h"

#define MIB (1024.0 * 1024.0)
#define GIB (MIB * 1024.0)

/* std as that format has it: 0 for one sample. */
static json_t *std_of(const json_t *p, const char *key)
{
	if (assay_json_get_int(face_metric(p, key), "n", 0) == 1)
		return json_real(0.0);
	return legacy_stat(p, key, "std");
}

static json_t *integer_or_null(int64_t x)
{
	return x < 0 ? json_null() : json_integer(x);
}

static json_t *begin(const json_t *result, const char *test_name)
{
	return json_pack("{s:s, s:s, s:s}", "test_name", test_name, "model_name", face_model(result), "timestamp", legacy_time(result).iso);
}

/* ---- system_info ---- */
static json_t *system_info(const json_t *result)
{
	const json_t *m = json_object_get(result, "machine"), *cpu = json_object_get(m, "cpu"), *gpu = json_array_get(json_object_get(m, "gpus"), 0);
	const char *kernel = assay_json_get_str(m, "kernel", NULL);
	double total = assay_json_get_num(json_object_get(m, "memory"), "total_bytes", NAN), gpu_bytes = assay_json_get_num(gpu, "memory_total_bytes", NAN);
	if (!json_is_object(m))
		return json_null();
	char *platform = kernel ? xasprintf("Linux-%s-%s", kernel, assay_json_get_str(m, "arch", "unknown")) : NULL;
	json_t *o = json_pack("{s:s?, s:n, s:n, s:{s:b, s:s?}, s:{s:s?, s:o}, s:{s:o, s:o}, s:s}", "platform", platform, "python_version", "torch_version",
		"cuda", "available", legacy_has_gpu(result), "version", assay_json_get_str(gpu, "cuda_version", NULL),
		"gpu", "name", assay_json_get_str(gpu, "name", NULL), "memory_gb", assay_json_real(gpu_bytes / GIB),
		"cpu", "count", integer_or_null(assay_json_get_int(cpu, "threads", -1)), "memory_gb", assay_json_real(total / GIB), "timestamp", legacy_time(result).iso);
	free(platform);
	return o;
}

/* ---- latency[] ---- */
static json_t *latency_one(const json_t *result, const json_t *p, const char *test_name)
{
	json_t *o = begin(result, test_name);
	json_object_set_new(o, "ttft", json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "mean_ms", legacy_stat(p, "ttft_ms", "mean"), "std_ms", std_of(p, "ttft_ms"),
		"min_ms", legacy_stat(p, "ttft_ms", "min"), "max_ms", legacy_stat(p, "ttft_ms", "max"), "p50_ms", legacy_pct(p, "ttft_ms", "linear", "p50"),
		"p95_ms", legacy_pct(p, "ttft_ms", "linear", "p95"), "p99_ms", legacy_pct(p, "ttft_ms", "linear", "p99")));
	json_object_set_new(o, "tokens_per_second", json_pack("{s:o, s:o, s:o, s:o}", "mean", legacy_stat(p, "request_tok_s", "mean"), "std", std_of(p, "request_tok_s"),
		"min", legacy_stat(p, "request_tok_s", "min"), "max", legacy_stat(p, "request_tok_s", "max")));
	json_object_set_new(o, "e2e_latency", json_pack("{s:o, s:o, s:o, s:o}", "mean_ms", legacy_stat(p, "e2el_ms", "mean"), "std_ms", std_of(p, "e2el_ms"),
		"min_ms", legacy_stat(p, "e2el_ms", "min"), "max_ms", legacy_stat(p, "e2el_ms", "max")));
	json_object_set_new(o, "config", json_pack("{s:I, s:I, s:o, s:o}", "warmup_runs", (json_int_t)assay_json_get_int(p, "warmups_done", 0),
		"test_runs", (json_int_t)assay_json_get_int(p, "runs_done", 0), "input_length", integer_or_null(face_case_int(p, "prompt_tokens", -1)),
		"output_length", integer_or_null(face_case_int(p, "output_tokens", -1))));
	return o;
}

static json_t *latency_all(const json_t *result)
{
	json_t *a = json_array(), *p;
	size_t i, n = 0;
	json_array_foreach(json_object_get(result, "points"), i, p)
		n += face_is(p, "latency") && face_ok(p);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		char name[80] = "latency_benchmark";
		if (!face_is(p, "latency") || !face_ok(p))
			continue;
		const char *range = assay_json_get_str(json_object_get(p, "case"), "prompt_tokens", NULL); /* text prompts: "3:5" */
		if (n > 1 && range)
			snprintf(name, sizeof name, "latency_in%.30s_out%lld", range, (long long)face_case_int(p, "output_tokens", -1));
		else if (n > 1)
			snprintf(name, sizeof name, "latency_in%lld_out%lld", (long long)face_case_int(p, "prompt_tokens", -1), (long long)face_case_int(p, "output_tokens", -1));
		json_array_append_new(a, latency_one(result, p, name));
	}
	return a;
}

/* ---- memory[]: one suite result where the engine runs in this process ---- */
static json_t *mb(double bytes)
{
	return assay_json_real(bytes / MIB);
}

static double load_bytes(const struct assay_run *run)
{
	const struct assay_rec_memory *start = face_memory(run, 0, 0, ASSAY_MEM_START), *loaded = face_memory(run, 0, 0, ASSAY_MEM_LOADED);
	return start && loaded && start->rss_bytes >= 0 && loaded->rss_bytes >= 0 ? (double)(loaded->rss_bytes - start->rss_bytes) : NAN;
}

static json_t *memory_all(const json_t *result, const struct assay_run *run)
{
	const json_t *p = face_first(result, "memory");
	const char *dtype = assay_json_get_str(json_object_get(result, "model"), "dtype", "");
	bool quantised = !strncmp(dtype, "int", 3);
	if (!p)
		return json_array();
	json_t *o = begin(result, "memory_suite");
	json_object_set_new(o, "model_load", json_pack("{s:n, s:o}", "gpu_mb", "cpu_mb", mb(load_bytes(run))));
	json_object_set_new(o, "inference", json_pack("{s:n, s:n, s:o, s:o}", "gpu_peak_mb", "gpu_delta_mb", "cpu_peak_mb", legacy_stat(p, "rss_peak_mib", "max"),
		"cpu_delta_mb", legacy_stat(p, "rss_delta_mib", "max")));
	json_object_set_new(o, "kv_cache_mb", legacy_stat(p, "kv_peak_mib", "max"));
	json_object_set_new(o, "quantization", json_pack("{s:s?, s:o}", "type", quantised ? dtype : NULL, "memory_reduction_percent", quantised ? json_null() : json_real(0.0)));
	json_object_set_new(o, "config", json_pack("{s:o, s:o, s:b}", "input_length", integer_or_null(face_case_int(p, "prompt_tokens", -1)),
		"output_length", integer_or_null(face_case_int(p, "output_tokens", -1)), "gc_before_measure", 0));
	return json_pack("[o]", o);
}

/* ---- throughput[] ---- */
enum mode { SINGLE, CONCURRENT, BATCH };

static json_t *rates(const json_t *p, bool used, const char *name, int64_t n)
{
	json_t *o = json_object();
	json_object_set_new(o, "requests_per_second", used ? legacy_stat(p, "request_s", "mean") : json_real(0.0));
	json_object_set_new(o, "tokens_per_second", used ? legacy_stat(p, "output_tok_s", "mean") : json_real(0.0));
	if (name)
		json_object_set_new(o, name, json_integer(used ? n : 1));
	return o;
}

/* Wall time of all measured runs, s. */
static json_t *duration(const json_t *p)
{
	double sum = 0;
	for (size_t i = 0; i < json_array_size(json_object_get(face_metric(p, "wall_s"), "per_run")); i++)
		sum += face_per_run(p, "wall_s", i);
	return assay_json_real(sum > 0 ? sum : NAN);
}

static json_t *throughput_one(const json_t *result, const json_t *p, enum mode mode, int64_t n)
{
	static const char *const names[] = { "single_throughput", "concurrent_throughput", "batch_throughput" };
	const json_t *requests = json_object_get(p, "requests");
	json_t *o = begin(result, names[mode]);
	json_object_set_new(o, "single", rates(p, mode == SINGLE, NULL, 1));
	json_object_set_new(o, "concurrent", rates(p, mode == CONCURRENT, "level", n));
	json_object_set_new(o, "batch", rates(p, mode == BATCH, "size", n));
	json_object_set_new(o, "latency", json_pack("{s:o, s:o, s:o, s:o}", "mean_ms", legacy_stat(p, "e2el_ms", "mean"), "p50_ms", legacy_pct(p, "e2el_ms", "linear", "p50"),
		"p95_ms", legacy_pct(p, "e2el_ms", "linear", "p95"), "p99_ms", legacy_pct(p, "e2el_ms", "linear", "p99")));
	json_object_set_new(o, "summary", json_pack("{s:o, s:I, s:I, s:I}", "duration_seconds", duration(p), "total_requests", (json_int_t)assay_json_get_int(requests, "offered", 0),
		"total_tokens", (json_int_t)assay_json_get_int(json_object_get(p, "tokens"), "output", 0), "failed_requests", (json_int_t)assay_json_get_int(requests, "failed", 0)));
	return o;
}

static json_t *throughput_all(const json_t *result)
{
	json_t *a = json_array(), *p;
	size_t i;
	json_array_foreach(json_object_get(result, "points"), i, p) {
		int64_t batch = face_case_int(p, "batch_size", 1);
		if (!face_ok(p))
			continue;
		if (face_is(p, "throughput"))
			json_array_append_new(a, throughput_one(result, p, batch > 1 ? BATCH : SINGLE, batch));
		else if (face_is(p, "offline"))
			json_array_append_new(a, throughput_one(result, p, CONCURRENT, assay_json_get_int(p, "concurrency", assay_json_get_int(p, "requests_per_run", 1))));
	}
	return a;
}

static json_t *metadata(const json_t *result)
{
	const json_t *first = face_first(result, "latency");
	if (!first)
		first = json_array_get(json_object_get(result, "points"), 0);
	return json_pack("{s:s, s:b, s:I, s:I}", "device", "cpu", "quick_mode", assay_json_get_bool(json_object_get(result, "config"), "quick", 0),
		"warmup_runs", (json_int_t)assay_json_get_int(first, "warmup", 0), "test_runs", (json_int_t)assay_json_get_int(first, "runs", 0));
}

/* ---- CSV ---- */
static const json_t *dig(const json_t *o, const char *a, const char *b)
{
	return json_object_get(json_object_get(o, a), b);
}

static void long_row(struct csv *c, const char *type, const json_t *test, const char *metric, const json_t *value)
{
	csv_text(c, type);
	csv_text(c, assay_json_get_str(test, "test_name", ""));
	csv_text(c, assay_json_get_str(test, "model_name", ""));
	csv_text(c, assay_json_get_str(test, "timestamp", ""));
	csv_text(c, metric);
	csv_num(c, json_is_number(value) ? json_number_value(value) : NAN);
	csv_end(c);
}

static const json_t *largest(const json_t *test, const char *key)
{
	const json_t *best = dig(test, "single", key), *b = dig(test, "concurrent", key), *c = dig(test, "batch", key);
	best = json_number_value(b) > json_number_value(best) ? b : best;
	return json_number_value(c) > json_number_value(best) ? c : best;
}

static void csv_rows(struct csv *c, const json_t *report)
{
	size_t i;
	json_t *t;
	json_array_foreach(json_object_get(report, "latency"), i, t) {
		long_row(c, "latency", t, "ttft_mean_ms", dig(t, "ttft", "mean_ms"));
		long_row(c, "latency", t, "tokens_per_second", dig(t, "tokens_per_second", "mean"));
		long_row(c, "latency", t, "e2e_latency_mean_ms", dig(t, "e2e_latency", "mean_ms"));
	}
	json_array_foreach(json_object_get(report, "memory"), i, t) {
		long_row(c, "memory", t, "model_load_gpu_mb", dig(t, "model_load", "gpu_mb"));
		long_row(c, "memory", t, "inference_gpu_peak_mb", dig(t, "inference", "gpu_peak_mb"));
	}
	json_array_foreach(json_object_get(report, "throughput"), i, t) {
		long_row(c, "throughput", t, "requests_per_second", largest(t, "requests_per_second"));
		long_row(c, "throughput", t, "tokens_per_second", largest(t, "tokens_per_second"));
	}
}

static int write_s3(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	struct legacy_time t = legacy_time(result);
	struct csv c;
	char *slug = legacy_slug(result), *name = xasprintf("%s_%s", slug, t.compact);
	char *json_name = xasprintf("%s.json", name), *csv_name = xasprintf("%s.csv", name);
	json_t *o = json_pack("{s:s, s:s, s:s}", "report_name", name, "model_name", face_model(result), "timestamp", t.iso);
	json_object_set_new(o, "system_info", system_info(result));
	json_object_set_new(o, "latency", latency_all(result));
	json_object_set_new(o, "memory", memory_all(result, run));
	json_object_set_new(o, "throughput", throughput_all(result));
	json_object_set_new(o, "metadata", metadata(result));
	csv_init(&c, "type,test_name,model_name,timestamp,metric,value");
	csv_rows(&c, o);
	int rc = legacy_write(dir, "s3", csv_name, c.b.data, c.b.len_bytes, e);
	csv_release(&c);
	if (rc)
		json_decref(o);
	else
		rc = legacy_write_json(dir, "s3", json_name, o, e);
	if (!rc)
		rc = legacy_s3_phase(result, dir, e);
	free(csv_name);
	free(json_name);
	free(name);
	free(slug);
	return rc;
}

const struct assay_face legacy_s3 = { "s3", "<model>_<time>.json, .csv and phase document: mm_orch report", true, write_s3 };
