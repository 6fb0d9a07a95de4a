/* S4's week-2 files: legacy/s4/{latency,throughput,sequence_length}_benchmark.json, baseline_summary.json and
 * baseline_metrics.json (the four merged). Times are seconds. Lengths are tokens, also where the source's
 * field says words; latency_per_request is a request's latency, not elapsed time divided by the batch. */
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "metrics/outcome.h"
#include "report/face_data.h"
#include "report/face_rows.h"
#include "report/faces.h"
#include "report/legacy.h"

static json_t *integer_or_null(int64_t x)
{
	return x < 0 ? json_null() : json_integer(x);
}

static json_t *seconds(const json_t *p, const char *key, const char *stat)
{
	return assay_json_real(face_stat(p, key, stat) / 1e3);
}

static json_t *prompt_text(const json_t *result)
{
	const json_t *t = json_object_get(json_object_get(result, "config"), "prompt");
	return json_is_string(t) ? json_incref((json_t *)t) : json_null();
}

/* A count that is usually whole: an integer then. */
static json_t *count(double x)
{
	return x == floor(x) && x < 1e15 ? json_integer((json_int_t)x) : assay_json_real(x);
}

static double tokens_per_run(const json_t *p)
{
	double runs = assay_json_get_num(p, "runs_done", 0);
	return runs > 0 ? assay_json_get_num(json_object_get(p, "tokens"), "output", NAN) / runs : NAN;
}

static double tokens_per_request(const json_t *p)
{
	double n = assay_json_get_num(json_object_get(p, "requests"), "succeeded", 0);
	return n > 0 ? assay_json_get_num(json_object_get(p, "tokens"), "output", NAN) / n : NAN;
}

/* ---- latency ---- */
static json_t *latencies(const json_t *p, const struct assay_run *run)
{
	const struct assay_run_visit *v;
	json_t *a = json_array();
	for (size_t i = 0; (v = face_measured(p, run, i)); i++)
		for (size_t k = 0; k < v->n_requests; k++) {
			const struct assay_run_request *q = &run->requests[v->first_request + k];
			if (assay_end_ok(assay_request_outcome(q, assay_point_ignores_eos(run, v->v.point))))
				json_array_append_new(a, assay_json_real(face_request_e2el_ms(q) / 1e3));
		}
	return a;
}

static json_t *latency_case(const json_t *result, const struct assay_run *run, const json_t *p)
{
	char label[96];
	face_case(label, p);
	json_t *stats = json_pack("{s:o, s:o, s:o, s:o, s:o}", "mean", seconds(p, "e2el_ms", "mean"), "median", seconds(p, "e2el_ms", "median"), "stdev", seconds(p, "e2el_ms", "std"),
		"min", seconds(p, "e2el_ms", "min"), "max", seconds(p, "e2el_ms", "max"));
	json_t *r = json_pack("{s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "prompt", prompt_text(result), "max_tokens", integer_or_null(face_case_int(p, "output_tokens", -1)),
		"num_runs", (json_int_t)assay_json_get_int(p, "runs_done", 0), "latencies", latencies(p, run), "latency_stats", stats,
		"avg_tokens_generated", assay_json_real(tokens_per_request(p)), "throughput_tokens_per_sec", legacy_stat(p, "request_tok_s", "mean"));
	return json_pack("{s:s, s:o}", "test_case", label, "result", r);
}

static json_t *latency_file(const json_t *result, const struct assay_run *run)
{
	json_t *cases = json_array(), *p;
	size_t i;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (face_is(p, "latency") && face_ok(p))
			json_array_append_new(cases, latency_case(result, run, p));
	return json_pack("{s:s, s:o, s:s}", "model", face_model(result), "test_cases", cases, "timestamp", legacy_time(result).plain);
}

/* ---- throughput ---- */
static json_t *throughput_file(const json_t *result)
{
	json_t *sizes = json_array(), *rows = json_array(), *p;
	const json_t *first = face_first(result, "throughput");
	size_t i;
	json_array_foreach(json_object_get(result, "points"), i, p) {
		if (!face_is(p, "throughput") || !face_ok(p))
			continue;
		json_t *size = integer_or_null(face_case_int(p, "batch_size", -1));
		json_array_append(sizes, size);
		json_array_append_new(rows, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "batch_size", size, "elapsed_time", legacy_stat(p, "wall_s", "mean"),
			"total_tokens", count(tokens_per_run(p)), "throughput", legacy_stat(p, "output_tok_s", "mean"), "tokens_per_request", assay_json_real(tokens_per_request(p)),
			"latency_per_request", seconds(p, "e2el_ms", "mean")));
	}
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s}", "model", face_model(result), "prompt", prompt_text(result),
		"max_tokens", integer_or_null(face_case_int(first, "output_tokens", -1)), "batch_sizes", sizes, "results", rows, "timestamp", legacy_time(result).plain);
}

/* ---- sequence length ---- */
static json_t *length_row(const json_t *p, bool prompt_axis)
{
	json_t *o = json_object();
	if (prompt_axis)
		json_object_set_new(o, "prompt_words", integer_or_null(face_case_int(p, "prompt_tokens", -1)));
	json_object_set_new(o, "output_tokens", integer_or_null(face_case_int(p, "output_tokens", -1)));
	json_object_set_new(o, "elapsed_time", seconds(p, "e2el_ms", "mean"));
	json_object_set_new(o, "generated_tokens", count(tokens_per_request(p)));
	json_object_set_new(o, "throughput", legacy_stat(p, "request_tok_s", "mean"));
	if (!prompt_axis)
		json_object_set_new(o, "time_per_token", seconds(p, "tpot_ms", "mean"));
	return o;
}

static json_t *length_axis(const json_t *result, bool prompt_axis)
{
	struct face_axes axes = face_axes(result);
	json_t *a = json_array(), *p;
	size_t i;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (face_ok(p) && face_on_axis(&axes, p, prompt_axis) && !face_repeated(result, p))
			json_array_append_new(a, length_row(p, prompt_axis));
	return a;
}

static json_t *length_file(const json_t *result)
{
	return json_pack("{s:s, s:o, s:o, s:s}", "model", face_model(result), "prompt_length_experiment", length_axis(result, true),
		"output_length_experiment", length_axis(result, false), "timestamp", legacy_time(result).plain);
}

/* ---- summary ---- */
static json_t *rating(double tokens_per_second)
{
	if (isnan(tokens_per_second))
		return json_null();
	return json_string(tokens_per_second < 30 ? "low" : tokens_per_second < 60 ? "moderate" : "good");
}

static json_t *summary_file(const json_t *result)
{
	const json_t *single = face_first(result, "latency"), *one = NULL;
	double best = NAN, rate = face_stat(single, "request_tok_s", "mean");
	int64_t largest = -1;
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p) {
		int64_t batch = face_case_int(p, "batch_size", -1);
		double x = face_stat(p, "output_tok_s", "mean");
		if (!face_is(p, "throughput") || !face_ok(p))
			continue;
		one = batch == 1 && !one ? p : one;
		best = isnan(best) || x > best ? x : best;
		largest = batch > largest ? batch : largest;
	}
	json_t *s = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "baseline_latency_seconds", seconds(single, "e2el_ms", "mean"), "baseline_throughput_tokens_per_sec", assay_json_real(rate),
		"batch_size_1_throughput", legacy_stat(one, "output_tok_s", "mean"), "max_batch_throughput", assay_json_real(best), "max_batch_size_tested", integer_or_null(largest),
		"avg_time_per_token_ms", legacy_stat(single, "tpot_ms", "mean"), "performance_rating", rating(rate));
	return json_pack("{s:s, s:o}", "timestamp", legacy_time(result).plain, "summary", s);
}

static int write_s4(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	static const char *const names[] = { "latency_benchmark", "throughput_benchmark", "sequence_length_benchmark", "baseline_summary" };
	json_t *docs[] = { latency_file(result, run), throughput_file(result), length_file(result), summary_file(result) };
	json_t *all = json_object();
	int rc = 0;
	for (int i = 0; i < 4; i++) {
		char file[64];
		snprintf(file, sizeof file, "%s.json", names[i]);
		json_object_set(all, names[i], docs[i]);
		if (rc)
			json_decref(docs[i]);
		else
			rc = legacy_write_json(dir, "s4", file, docs[i], e);
	}
	if (rc)
		json_decref(all);
	else
		rc = legacy_write_json(dir, "s4", "baseline_metrics.json", all, e);
	return rc;
}

const struct assay_face legacy_s4 = { "s4", "four benchmark files and baseline_metrics.json: week-2 profiling", true, write_s4 };
