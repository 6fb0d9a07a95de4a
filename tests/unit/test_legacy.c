/* The other suites' formats: every field, in file order, S3's own numbers, null for what cannot be measured. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/legacy_text.h"
#include "report/report.h"
#include "result_fixture.h"

static char dir[64];

static int write_all(void **state)
{
	struct fx f;
	struct assay_err e = ASSAY_ERR_INIT;
	int n;
	const struct assay_face *const *faces = assay_faces(&n);
	(void)state;
	result_fixture_dir(dir);
	result_fixture(&f, "org/gpt2");
	json_t *doc = assay_result_build(&f.run);
	for (int i = 0; i < n; i++)
		if (faces[i]->legacy && faces[i]->write(doc, &f.run, dir, &e))
			return -1;
	json_decref(doc);
	fx_release(&f);
	return 0;
}

static int drop_all(void **state)
{
	(void)state;
	result_fixture_drop(dir);
	return 0;
}

static json_t *load(const char *name)
{
	char *text = result_fixture_read(dir, name);
	json_t *v = assay_json_parse(text, strlen(text), name, ASSAY_E_DATA, NULL);
	assert_non_null(v);
	free(text);
	return v;
}

/* "a,b,c{d,e},f[g,h]" of an object: its keys in file order, those of inner objects in braces, of the first element of arrays in brackets. */
static void keys_of(struct assay_buf *b, const json_t *v)
{
	const char *key, *gap = "";
	json_t *x;
	json_object_foreach((json_t *)v, key, x) {
		assay_buf_printf(b, "%s%s", gap, key);
		gap = ",";
		if (json_is_object(x)) {
			assay_buf_puts(b, "{");
			keys_of(b, x);
			assay_buf_puts(b, "}");
		} else if (json_is_array(x) && json_is_object(json_array_get(x, 0))) {
			assay_buf_puts(b, "[");
			keys_of(b, json_array_get(x, 0));
			assay_buf_puts(b, "]");
		}
	}
}

static void fields(const json_t *v, const char *want)
{
	struct assay_buf b;
	assay_buf_init(&b, 1 << 16);
	keys_of(&b, v);
	assert_string_equal(b.data, want);
	assay_buf_release(&b);
}

static double at(const json_t *o, const char *a, const char *b)
{
	return assay_json_get_num(json_object_get(o, a), b, NAN);
}

static void near(double x, double want)
{
	if (!(fabs(x - want) <= 1e-6 * fabs(want)))
		fail_msg("%.12g is not %.12g", x, want);
}

#define S3 "legacy/s3/org_gpt2_20260128_170152"

static void s3_fields_in_order(void **state)
{
	(void)state;
	json_t *v = load(S3 ".json");
	fields(v, "report_name,model_name,timestamp,system_info{platform,python_version,torch_version,cuda{available,version},gpu{name,memory_gb},cpu{count,memory_gb},timestamp},"
		  "latency[test_name,model_name,timestamp,ttft{mean_ms,std_ms,min_ms,max_ms,p50_ms,p95_ms,p99_ms},tokens_per_second{mean,std,min,max},e2e_latency{mean_ms,std_ms,min_ms,max_ms},"
		  "config{warmup_runs,test_runs,input_length,output_length}],"
		  "memory[test_name,model_name,timestamp,model_load{gpu_mb,cpu_mb},inference{gpu_peak_mb,gpu_delta_mb,cpu_peak_mb,cpu_delta_mb},kv_cache_mb,quantization{type,memory_reduction_percent},"
		  "config{input_length,output_length,gc_before_measure}],"
		  "throughput[test_name,model_name,timestamp,single{requests_per_second,tokens_per_second},concurrent{requests_per_second,tokens_per_second,level},"
		  "batch{requests_per_second,tokens_per_second,size},latency{mean_ms,p50_ms,p95_ms,p99_ms},summary{duration_seconds,total_requests,total_tokens,failed_requests}],"
		  "metadata{device,quick_mode,warmup_runs,test_runs}");
	assert_string_equal(assay_json_get_str(v, "report_name", ""), "org_gpt2_20260128_170152");
	assert_string_equal(assay_json_get_str(v, "model_name", ""), "org/gpt2");
	assert_string_equal(assay_json_get_str(v, "timestamp", ""), "2026-01-28T17:01:52.123456");
	json_decref(v);
}

/* formats.md: the numbers of S3's own file. */
static void s3_test_vector(void **state)
{
	(void)state;
	json_t *v = load(S3 ".json");
	const json_t *l = json_array_get(json_object_get(v, "latency"), 0), *t = json_array_get(json_object_get(v, "throughput"), 0);
	assert_string_equal(assay_json_get_str(l, "test_name", ""), "latency_benchmark");
	near(at(l, "ttft", "mean_ms"), 1396.97473);
	near(at(l, "ttft", "std_ms"), 244.80345);
	near(at(l, "ttft", "min_ms"), 1188.2707);
	near(at(l, "ttft", "max_ms"), 1666.4349);
	near(at(l, "ttft", "p50_ms"), 1336.2186);
	near(at(l, "ttft", "p95_ms"), 1633.41327);
	near(at(l, "ttft", "p99_ms"), 1659.830574);
	assert_string_equal(assay_json_get_str(t, "test_name", ""), "single_throughput");
	near(at(t, "single", "requests_per_second"), 1.28256875);
	near(at(t, "single", "tokens_per_second"), 38.4770625);
	near(at(t, "summary", "duration_seconds"), 2.3390559);
	near(at(t, "summary", "total_requests"), 3);
	near(at(t, "summary", "total_tokens"), 90);
	/* that format's padding */
	assert_true(at(t, "concurrent", "requests_per_second") == 0 && at(t, "concurrent", "level") == 1 && at(t, "batch", "size") == 1);
	t = json_array_get(json_object_get(v, "throughput"), 1);
	assert_string_equal(assay_json_get_str(t, "test_name", ""), "batch_throughput");
	near(at(t, "batch", "size"), 4);
	json_decref(v);
}

static void s3_unmeasurable_is_null(void **state)
{
	(void)state;
	json_t *v = load(S3 ".json");
	const json_t *m = json_array_get(json_object_get(v, "memory"), 0);
	assert_true(json_is_null(json_object_get(json_object_get(m, "model_load"), "gpu_mb")));
	assert_true(json_is_null(json_object_get(json_object_get(m, "inference"), "gpu_peak_mb")));
	assert_true(json_is_null(json_object_get(json_object_get(v, "system_info"), "torch_version")));
	near(at(m, "model_load", "cpu_mb"), 500);
	near(at(m, "inference", "cpu_peak_mb"), 535);
	near(at(m, "inference", "cpu_delta_mb"), 15);
	json_decref(v);
}

static void s3_csv(void **state)
{
	(void)state;
	char *text = result_fixture_read(dir, S3 ".csv");
	assert_ptr_equal(strstr(text, "type,test_name,model_name,timestamp,metric,value\r\nlatency,latency_benchmark,org/gpt2,2026-01-28T17:01:52.123456,ttft_mean_ms,1396.97473"), text);
	assert_non_null(strstr(text, "\r\nmemory,memory_suite,org/gpt2,2026-01-28T17:01:52.123456,model_load_gpu_mb,\r\n"));
	assert_non_null(strstr(text, "\r\nthroughput,single_throughput,org/gpt2,2026-01-28T17:01:52.123456,requests_per_second,1.28256"));
	free(text);
}

static void s0_record(void **state)
{
	(void)state;
	char *text = result_fixture_read(dir, "legacy/s0/metrics.csv");
	assert_ptr_equal(strstr(text, "timestamp,model,batch_size,seq_len,latency_ms,throughput_tokens_per_sec,peak_memory_mb,memory_allocated_mb,gpu_utilization_percent\r\n"
				      "2026-01-28T17:01:52.123456,org/gpt2,1,158,1333.2707,"), text);
	assert_non_null(strstr(text, ",1,80,200.0,80.0,535.0,481.0,\r\n")); /* the memory point: 474 + 6 + 1 */
	free(text);
}

/* On a real clock a row has the time when its run began; a text prompt's length is that of the run's request. */
static void s0_row_is_of_its_run(void **state)
{
	struct fx f;
	struct assay_err e = ASSAY_ERR_INIT;
	int n;
	const struct assay_face *const *faces = assay_faces(&n);
	(void)state;
	fx_init(&f, "{\"created\": \"2026-02-28T23:59:59.900000+01:00\", \"clock\": {\"wall_ns\": 0, \"mono_ns\": 1000000000}}");
	fx_point(&f, "{\"index\": 0, \"experiment\": \"latency\", \"case\": {\"batch_size\": 1, \"prompt_tokens\": \"3:5\", \"output_tokens\": 2}, \"runs\": 2}", "{\"index\": 0, \"status\": \"ok\"}");
	for (int i = 0; i < 2; i++) {
		int64_t t = 1050 * MS + i * 100 * MS;
		fx_visit(&f, i, t, t + 20 * MS);
		fx_request(&f, i ? 5 : 3, 2, t, t + 10 * MS, 10 * MS);
	}
	fx_point(&f, "{\"index\": 1, \"experiment\": \"latency\", \"case\": {\"batch_size\": 1, \"prompt_tokens\": 3, \"output_tokens\": 4}, \"runs\": 1}", "{\"index\": 1, \"status\": \"ok\"}");
	fx_visit(&f, 0, 2000 * MS, 2030 * MS);
	fx_request(&f, 3, 4, 2000 * MS, 2000 * MS, 10 * MS);
	fx_done(&f);
	json_t *doc = assay_result_build(&f.run);
	for (int i = 0; i < n; i++)
		if (!strcmp(faces[i]->name, "s0") || !strcmp(faces[i]->name, "s3"))
			assert_int_equal(faces[i]->write(doc, &f.run, dir, &e), 0);
	json_t *s3 = load("legacy/s3/unknown_20260228_235959.json");
	assert_string_equal(assay_json_get_str(json_array_get(json_object_get(s3, "latency"), 0), "test_name", ""), "latency_in3:5_out2");
	assert_string_equal(assay_json_get_str(json_array_get(json_object_get(s3, "latency"), 1), "test_name", ""), "latency_in3_out4");
	json_decref(s3);
	char *text = result_fixture_read(dir, "legacy/s0/metrics.csv");
	assert_non_null(strstr(text, "\r\n2026-02-28T23:59:59.950000,unknown,1,5,20.0,"));
	assert_non_null(strstr(text, "\r\n2026-03-01T00:00:00.050000,unknown,1,7,20.0,"));
	free(text);
	json_decref(doc);
	fx_release(&f);
}

static void s2_record(void **state)
{
	(void)state;
	json_t *v = load("legacy/s2/benchmark_results.json");
	fields(v, "model,num_requests,max_tokens,avg_latency_ms,p50_latency_ms,p95_latency_ms,p99_latency_ms,throughput_rps,throughput_tps,model_memory_gb,total_memory_gb,gpu_utilization_pct");
	near(assay_json_get_num(v, "p50_latency_ms", 0), 1481.2186); /* sorted[floor(3 * 0.5)] */
	near(assay_json_get_num(v, "model_memory_gb", 0), 0.497025024);
	assert_int_equal(assay_json_get_int(v, "num_requests", 0), 8);
	assert_true(json_is_null(json_object_get(v, "gpu_utilization_pct")));
	json_decref(v);
}

static void s4_files(void **state)
{
	(void)state;
	json_t *l = load("legacy/s4/latency_benchmark.json"), *t = load("legacy/s4/throughput_benchmark.json"), *q = load("legacy/s4/sequence_length_benchmark.json");
	json_t *s = load("legacy/s4/baseline_summary.json"), *all = load("legacy/s4/baseline_metrics.json");
	fields(l, "model,test_cases[test_case,result{prompt,max_tokens,num_runs,latencies,latency_stats{mean,median,stdev,min,max},avg_tokens_generated,throughput_tokens_per_sec}],timestamp");
	fields(t, "model,prompt,max_tokens,batch_sizes,results[batch_size,elapsed_time,total_tokens,throughput,tokens_per_request,latency_per_request],timestamp");
	fields(q, "model,prompt_length_experiment[prompt_words,output_tokens,elapsed_time,generated_tokens,throughput],"
		  "output_length_experiment[output_tokens,elapsed_time,generated_tokens,throughput,time_per_token],timestamp");
	fields(s, "timestamp,summary{baseline_latency_seconds,baseline_throughput_tokens_per_sec,batch_size_1_throughput,max_batch_throughput,max_batch_size_tested,avg_time_per_token_ms,performance_rating}");
	assert_string_equal(assay_json_get_str(l, "timestamp", ""), "2026-01-28 17:01:52");
	assert_int_equal(json_array_size(json_object_get(t, "results")), 2); /* the limit has no row */
	assert_int_equal(json_array_size(json_object_get(q, "prompt_length_experiment")), 2);
	assert_int_equal(json_array_size(json_object_get(q, "output_length_experiment")), 2);
	near(at(s, "summary", "max_batch_size_tested"), 4);
	near(at(s, "summary", "avg_time_per_token_ms"), 5);
	assert_string_equal(assay_json_get_str(json_object_get(s, "summary"), "performance_rating", ""), "low");
	assert_true(json_equal(json_object_get(all, "latency_benchmark"), l));
	assert_true(json_equal(json_object_get(all, "baseline_summary"), s));
	assert_int_equal(json_object_size(all), 4);
	json_decref(l);
	json_decref(t);
	json_decref(q);
	json_decref(s);
	json_decref(all);
}

/* ---- the Markdown documents ---- */

static void has(const char *text, const char *part)
{
	if (strstr(text, part))
		return;
	fprintf(stderr, "%s\n", text);
	fail_msg("\"%s\" is missing in the text above", part);
}

/* Filled to the last cell: no placeholder of the templates, no number that is none; tables are whole. */
static void is_filled(const char *text)
{
	static const char *const never[] = { "nan", "inf ", "Pending", "To be filled", "To be written", "To be completed", "[Name]", "(null)", "TODO", "<script" };
	char *copy = xstrdup(text), *save = NULL;
	int cells = 0;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (strstr(text, never[i]))
			fail_msg("\"%s\" in:\n%s", never[i], text);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		int bars = 0;
		for (const char *p = line; *p; p++)
			bars += *p == '|';
		if (*line != '|')
			cells = 0;
		else if (!cells)
			cells = bars;
		else if (bars != cells)
			fail_msg("row of another width: %s", line);
		if (strstr(line, "|  |"))
			fail_msg("empty cell: %s", line);
	}
	free(copy);
}

static void s3_document(void **state)
{
	static const char *const parts[] = {
		"# Performance Benchmarking - Phase 1: Setup and Validation\n", "**Date**: 2026-01-28  \n**Status**: COMPLETE", "- **Model:** org/gpt2 (124M parameters)", "- **Test Runs:** 3\n",
		"| TTFT Mean | 1396.97 ms | &#60;2,000 ms | not judged |", "| TTFT Std | 244.80 ms | - | High (17.5 % of the mean; the plan allows 10) |", "| TTFT P50 | 1336.22 ms | - | Good |",
		"| TTFT P95 | 1666.43 ms | - | n &#60; 130: too few for this percentile |", "| CPU Peak | 535.0 MiB |", "| CPU Delta | 15.00 MiB |", "| GPU Peak | N/A | CPU-only |",
		"| Requests/s | 1.283 req/s | >0.5 | not judged |", "| Tokens/s | 38.5 tok/s | >20 | not judged |", "| Total Requests | 3 | - | Complete |\n| Failed Requests | 0 | 0 | Perfect |",
		"**The two right columns are the document's expectations, not measured.**", "| TTFT | 1396.97 ms | 100-200 ms (7-14x faster) | 50-100 ms (14-28x faster) |",
		"| Environment setup complete | Pass |", "| Performance reasonable | not judged |", "### Overall Assessment\n\n**VALIDATION SUCCESSFUL**", "### Positive Findings\n\n1. **Stable Performance**: ",
		"**No GPU Metrics**: none: no NVIDIA driver", "### Recommendations\n\n1. ", "## Next Steps\n\n1. **Phase 2, latency benchmarks", "## Conclusion\n\nPhase 1 is complete: 8 of 9 cases",
	};
	(void)state;
	char *text = result_fixture_read(dir, "legacy/s3/benchmark_phase_1_validation_2026_01_28.md");
	is_filled(text);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		has(text, parts[i]);
	free(text);
}

/* Held against the targets, the rows are judged. */
static void s3_document_is_judged(void **state)
{
	struct fx f;
	struct assay_err e = ASSAY_ERR_INIT;
	(void)state;
	result_fixture(&f, "gpt2");
	json_object_set_new(f.run.header, "targets", json_pack("[{s:s, s:s, s:{s:s}, s:f}, {s:s, s:s, s:{s:s}, s:f}]", "metric", "ttft_ms", "stat", "mean", "case", "experiment", "latency", "max", 2000.0,
		"metric", "request_tok_s", "stat", "mean", "case", "experiment", "latency", "min", 20.5));
	json_t *doc = assay_result_build(&f.run);
	assert_int_equal(legacy_s3_phase(doc, dir, &e), 0);
	char *text = result_fixture_read(dir, "legacy/s3/benchmark_phase_1_validation_2026_01_28.md");
	has(text, "| TTFT Mean | 1396.97 ms | at most 2000 | Pass |");
	has(text, "| Tokens/s Mean | 19.8 tok/s | at least 20.5 | FAIL |");
	has(text, "| E2E Latency Mean | 1542.0 ms | &#60;2,500 ms | not judged |");
	has(text, "| Performance reasonable | FAIL | verdict ");
	has(text, "**VALIDATION FAILED**");
	free(text);
	json_decref(doc);
	fx_release(&f);
}

static void s2_document(void **state)
{
	static const char *const parts[] = {
		"# Baseline Benchmark Report: org/gpt2\n", "**Date:** 2026-01-28  \n**GPU:** none: no NVIDIA driver  \n**CPU:** Some CPU  \n**CUDA:** not measured: no GPU",
		"- **Batch Size:** 8 requests at once", "- **Max Tokens:** 16\n", "### Latency\n\nSingle requests (128 -> 30):\n\n- **Average:** 1542.0 ms\n- **P50:** 1481.2 ms\n", "- **P99:** 1811.4 ms",
		"- **Tokens per second:** 196.9 tok/s", "- **Model:** 0.50 GB", "- **Total (resident, peak):** not measured: ", "## Conclusions\n\n- ", "- Which configuration is best? needs ",
	};
	(void)state;
	char *text = result_fixture_read(dir, "legacy/s2/baseline_report.md");
	is_filled(text);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		has(text, parts[i]);
	free(text);
}

static void s0_document(void **state)
{
	static const char *const parts[] = {
		"# 4. Baseline Metrics & Performance Measurement\n\n**Status**: complete  \n", "**Last Updated**: 2026-01-28", "| Batch inference | 1 case |", "| Long document processing | not measured: not part of this run (assay longdoc) |",
		"| Latency, end to end (mean) | 1542.0 ms |", "| Latency per layer | not measured: per-layer timing", "- **Batch sizes:** 1, 4, 32, 8\n", "- **Sequence lengths (prompt + output):** 158, 94, 26, 66, 82, 80, 48\n",
		"- **GPU:** none: no NVIDIA driver\n- **CPU:** Some CPU, 2 cores\n- **Memory:** 8.59 GB in all; available: not measured: ", "| org/gpt2 | 1 | 158 | 1542.0 | 19.8 | N/A | N/A |", "N/A: MBU (decode) is not measured: ",
		"### Performance Summary\n\n- ", "### Bottleneck Analysis\n\n- ", "### Scaling Characteristics\n\n- ", "## Key Insights\n\n1. ", "\n5. ", "### Trend over repeats", "- **Is memory bandwidth a bottleneck?** needs ",
	};
	(void)state;
	char *text = result_fixture_read(dir, "legacy/s0/baseline_report.md");
	is_filled(text);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		has(text, parts[i]);
	assert_true(strstr(text, "## 4.1") < strstr(text, "## 4.2") && strstr(text, "## 4.2") < strstr(text, "## 4.5") && strstr(text, "## 4.5") < strstr(text, "## Findings"));
	free(text);
}

/* A run with nothing in it still gives whole files. */
static void empty_run(void **state)
{
	struct fx f;
	struct assay_err e = ASSAY_ERR_INIT;
	int n;
	const struct assay_face *const *faces = assay_faces(&n);
	(void)state;
	fx_init(&f, "{}");
	json_t *doc = assay_result_build(&f.run);
	for (int i = 0; i < n; i++)
		assert_int_equal(faces[i]->write(doc, &f.run, dir, &e), 0);
	json_t *v = load("legacy/s2/benchmark_results.json");
	assert_true(json_is_null(json_object_get(v, "avg_latency_ms")));
	assert_true(json_is_null(json_object_get(v, "throughput_tps")));
	json_decref(v);
	v = load("legacy/s3/unknown_19700101_000000.json");
	assert_true(json_is_null(json_object_get(v, "system_info")));
	assert_int_equal(json_array_size(json_object_get(v, "latency")), 0);
	json_decref(v);
	static const char *const documents[] = { "legacy/s0/baseline_report.md", "legacy/s2/baseline_report.md", "legacy/s3/benchmark_phase_1_validation_1970_01_01.md" };
	for (int i = 0; i < 3; i++) {
		char *text = result_fixture_read(dir, documents[i]);
		is_filled(text);
		has(text, "not measured: ");
		free(text);
	}
	json_decref(doc);
	fx_release(&f);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, write_all, drop_all)
	const struct CMUnitTest tests[] = {
		T(s3_fields_in_order), T(s3_test_vector), T(s3_unmeasurable_is_null), T(s3_csv), T(s0_record), T(s0_row_is_of_its_run), T(s2_record), T(s4_files), T(s3_document), T(s3_document_is_judged), T(s2_document), T(s0_document), T(empty_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
