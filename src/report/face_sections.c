/* See face_sections.h. A table only places what the document holds. */
#include "report/face_sections.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "metrics/definitions.h"
#include "report/face_data.h"

/* ---- one row a metric of a case ---- */
/* The experiment's measured point when there is just one, else NULL. */
static const json_t *only_point(const json_t *result, const char *experiment)
{
	const json_t *only = NULL;
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p) {
		if (!face_is(p, experiment) || !face_ok(p))
			continue;
		if (only)
			return NULL;
		only = p;
	}
	return only;
}

static void latency_rows(const json_t *p, bool with_case, struct draw_table *t)
{
	static const char *const keys[] = { "ttft_ms", "tpot_ms", "itl_ms", "e2el_ms", "request_tok_s" };
	static const char *const stats[] = { "mean", "p50", "p90", "p95", "p99", "std", "min", "max" };
	char label[96];
	face_case(label, p);
	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
		const struct assay_metric *def = assay_metric_find(keys[k]);
		if (!face_metric(p, keys[k]))
			continue;
		if (with_case)
			draw_table_cell(t, "%s", k ? "" : label);
		draw_table_cell(t, "%s", def ? def->title : keys[k]);
		draw_table_cell(t, "%s", def ? def->unit : "");
		draw_table_cell(t, "%lld", (long long)assay_json_get_int(face_metric(p, keys[k]), "n", 0));
		for (size_t s = 0; s < sizeof stats / sizeof *stats; s++)
			face_number_cell(t, p, keys[k], stats[s]);
	}
}

static void fill_latency(const json_t *result, const char *experiment, struct draw_table *t)
{
	static const struct { const char *head; bool right; int keep; } cols[] = {
		{ "Case", false, 0 }, { "Metric", false, 0 }, { "Unit", false, 11 }, { "n", true, 10 }, { "Mean", true, 12 }, { "P50", true, 9 },
		{ "P90", true, 2 }, { "P95", true, 7 }, { "P99", true, 6 }, { "Std", true, 4 }, { "Min", true, 1 }, { "Max", true, 3 },
	};
	size_t i;
	json_t *p;
	bool with_case = !only_point(result, experiment);
	for (size_t c = !with_case; c < sizeof cols / sizeof *cols; c++)
		draw_table_col(t, cols[c].head, cols[c].right, cols[c].keep);
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (face_is(p, experiment) && face_ok(p))
			latency_rows(p, with_case, t);
}

/* ---- one row a case ---- */
struct case_column {
	const char *head;
	const char *key, *stat;   /* stat NULL: key is of the case */
	int keep;
};

static void fill_cases(const json_t *result, const char *experiment, const struct case_column *cols, size_t n, struct draw_table *t)
{
	size_t i;
	json_t *p;
	char asked[48];
	for (size_t c = 0; c < n; c++)
		draw_table_col(t, cols[c].head, true, cols[c].keep);
	draw_table_col(t, "n", true, 7); /* successful requests */
	draw_table_col(t, "Status", false, 9);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		if (!face_is(p, experiment))
			continue;
		for (size_t c = 0; c < n; c++)
			if (cols[c].stat)
				face_number_cell(t, p, cols[c].key, cols[c].stat);
			else
				face_case_cell(t, p, cols[c].key);
		draw_table_cell(t, "%lld", (long long)assay_json_get_int(json_object_get(p, "requests"), "succeeded", 0));
		face_asked(asked, p);
		draw_table_cell(t, "%s%s", assay_json_get_str(p, "status", "?"), asked);
	}
}

static void fill_throughput(const json_t *result, const char *experiment, struct draw_table *t)
{
	static const struct case_column cols[] = {
		{ "Batch", "batch_size", NULL, 0 }, { "Prompt", "prompt_tokens", NULL, 7 }, { "Output", "output_tokens", NULL, 7 }, { "tok/s", "output_tok_s", "mean", 0 },
		{ "Speed-up", "speedup", "mean", 10 }, { "Effic.", "efficiency", "mean", 6 }, { "TTFT ms", "ttft_ms", "p50", 8 }, { "TPOT ms", "tpot_ms", "p50", 8 },
		{ "Wall s", "wall_s", "mean", 5 }, { "req/s", "request_s", "mean", 3 }, { "RSS MiB", "rss_peak_mib", "mean", 2 }, { "MBU", "mbu", "mean", 1 },
		{ "Cost/Mtok", "cost_per_mtok", "mean", 8 },
	};
	bool priced = json_is_number(json_object_get(json_object_get(result, "config"), "price_per_hour"));
	fill_cases(result, experiment, cols, sizeof cols / sizeof *cols - !priced, t);
}

static bool has_batches(const json_t *result, const char *experiment)
{
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (face_is(p, experiment) && face_case_int(p, "batch_size", 1) > 1)
			return true;
	return false;
}

static void fill_lengths(const json_t *result, const char *experiment, struct draw_table *t)
{
	struct case_column cols[] = {
		{ "Batch", "batch_size", NULL, 2 }, { "Prompt", "prompt_tokens", NULL, 0 }, { "Output", "output_tokens", NULL, 0 }, { "TTFT ms", "ttft_ms", "p50", 9 },
		{ "TPOT ms", "tpot_ms", "p50", 9 }, { "E2E ms", "e2el_ms", "p50", 8 }, { "Prefill tok/s", "prefill_tok_s", "mean", 7 },
		{ "Decode tok/s", "decode_tok_s", "mean", 6 }, { "tok/s", "output_tok_s", "mean", 5 }, { "MFU", "mfu", "mean", 1 }, { "MBU", "mbu", "mean", 1 },
	};
	if (has_batches(result, experiment)) {
		cols[0].keep = 0; /* rows of a grid differ by it, and the batch's rate is its result */
		cols[8].keep = 9;
	}
	fill_cases(result, experiment, cols, sizeof cols / sizeof *cols, t);
}

/* ---- metric and value of one case after the other ---- */
static void fill_values(const json_t *result, const char *experiment, const char *const *keys, size_t n, struct draw_table *t)
{
	size_t i;
	json_t *p;
	char label[96];
	bool with_case = !only_point(result, experiment);
	if (with_case)
		draw_table_col(t, "Case", false, 1);
	draw_table_col(t, "Metric", false, 0);
	draw_table_col(t, "Value", true, 0);
	draw_table_col(t, "Unit", false, 0);
	draw_table_col(t, "n", true, 2);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		if (!face_is(p, experiment) || !face_ok(p))
			continue;
		face_case(label, p);
		for (size_t k = 0; k < n; k++) {
			const struct assay_metric *def = assay_metric_find(keys[k]);
			if (!def || isnan(face_stat(p, keys[k], "mean")))
				continue;
			if (with_case)
				draw_table_cell(t, "%s", label);
			draw_table_cell(t, "%s", def->title);
			face_number_cell(t, p, keys[k], "mean");
			draw_table_cell(t, "%s", def->unit);
			draw_table_cell(t, "%lld", (long long)assay_json_get_int(face_metric(p, keys[k]), "n", 0));
			label[0] = 0;
		}
	}
}

static void fill_memory(const json_t *result, const char *experiment, struct draw_table *t)
{
	static const char *const keys[] = {
		"weights_mib", "kv_pool_mib", "kv_used_mib", "kv_peak_mib", "kv_bytes_per_token", "kv_bytes_per_token_observed", "workspace_mib", "rss_peak_mib", "rss_mean_mib",
		"rss_delta_mib", "pss_mib", "rss_growth_kib_per_1k", "load_ms",
	};
	fill_values(result, experiment, keys, sizeof keys / sizeof *keys, t);
}

static void fill_offline(const json_t *result, const char *experiment, struct draw_table *t)
{
	static const char *const keys[] = {
		"wall_s", "output_tok_s", "output_tok_s_steady", "input_tok_s", "total_tok_s", "request_s", "prefill_tok_s", "inverse_throughput_ms", "ttft_ms", "tpot_ms", "e2el_ms",
		"step_seqs", "preemptions", "kv_peak_mib", "rss_peak_mib", "mbu", "mfu", "cost_per_mtok", "cost_per_mtok_total", "joules_per_output_token", "joules_per_token",
	};
	fill_values(result, experiment, keys, sizeof keys / sizeof *keys, t);
}

static void fill_soak(const json_t *result, const char *experiment, struct draw_table *t)
{
	static const struct case_column cols[] = {
		{ "Load", "load", NULL, 0 }, { "Offered/s", "offered_s", "mean", 7 }, { "req/s", "request_s", "mean", 9 }, { "tok/s", "output_tok_s", "mean", 10 },
		{ "TTFT P50 ms", "ttft_ms", "p50", 10 }, { "TTFT P99 ms", "ttft_ms", "p99", 8 }, { "TPOT P50 ms", "tpot_ms", "p50", 9 }, { "E2E P99 ms", "e2el_ms", "p99", 4 },
		{ "Busy", "engine_busy", "mean", 3 }, { "RSS MiB", "rss_peak_mib", "mean", 5 },
	};
	fill_cases(result, experiment, cols, sizeof cols / sizeof *cols, t);
}

void face_title(char out[160], const json_t *result, const struct face_section *s)
{
	const json_t *only = s->by_case ? NULL : only_point(result, s->experiment);
	char label[96];
	face_case(label, only);
	snprintf(out, 160, "%s%s%s", s->title, *label ? ": " : "", label);
}

const struct face_section *face_sections(int *n)
{
	static const struct face_section list[] = {
		{ "Latency of single requests", "latency", false, fill_latency },
		{ "Throughput by batch size", "throughput", true, fill_throughput },
		{ "Sequence length", "seqlen", true, fill_lengths },
		{ "Long documents", "longdoc", true, fill_lengths },
		{ "Memory", "memory", false, fill_memory },
		{ "Offline batch", "offline", false, fill_offline },
		{ "Load over time", "soak", true, fill_soak },
	};
	*n = (int)(sizeof list / sizeof *list);
	return list;
}

void face_verdict_table(const json_t *verdict, struct draw_table *t)
{
	static const char *const keys[] = { "state", "code", "measured", "bound", "advice" };
	size_t i;
	json_t *r;
	draw_table_col(t, "State", false, 0);
	draw_table_col(t, "Reason", false, 0);
	draw_table_col(t, "Measured", false, 3);
	draw_table_col(t, "Bound", false, 2);
	draw_table_col(t, "What to do", false, 1);
	json_array_foreach(json_object_get(verdict, "reasons"), i, r)
		for (int k = 0; k < 5; k++)
			draw_table_cell(t, "%s", assay_json_get_str(r, keys[k], ""));
}

void face_bound(char out[64], const json_t *target)
{
	const json_t *b = json_object_get(target, "bound");
	double max = assay_json_get_num(b, "max", NAN), min = assay_json_get_num(b, "min", NAN);
	if (!isnan(max))
		snprintf(out, 64, "at most %.6g", max);
	else if (!isnan(min))
		snprintf(out, 64, "at least %.6g", min);
	else
		snprintf(out, 64, "-");
}

const char *face_status(const json_t *target)
{
	static const char *const words[][2] = { { "pass", "Pass" }, { "fail", "FAIL" }, { "not_measured", "not measured" }, { "informational", "informational" } };
	const char *status = assay_json_get_str(target, "status", "-");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(status, words[i][0]))
			return words[i][1];
	return "-";
}

/* What the row's case asks for, or the point that was worst. */
static void target_case(char out[96], const json_t *result, const json_t *row)
{
	const json_t *p = json_array_get(json_object_get(result, "points"), (size_t)assay_json_get_int(row, "point", -1));
	char label[96];
	face_case(label, p ? p : row);
	const char *experiment = p ? assay_json_get_str(p, "experiment", "") : "";
	snprintf(out, 96, "%.30s%s%.60s", experiment, *experiment && *label ? " " : "", label);
}

const json_t *face_target_of(const json_t *result, const json_t *p, const char *key, const char *stat)
{
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(result, "targets"), i, row) {
		const char *of = assay_json_get_str(row, "stat", "mean");
		bool same = !strcmp(of, stat) || (!strcmp(of, "value") && !strcmp(stat, "mean"));
		if (same && !strcmp(assay_json_get_str(row, "metric", ""), key) && assay_json_get_int(row, "point", -1) == assay_json_get_int(p, "index", -2))
			return row;
	}
	return NULL;
}

void face_targets_table(const json_t *result, struct draw_table *t)
{
	size_t i;
	json_t *row;
	draw_table_col(t, "Metric", false, 0);
	draw_table_col(t, "Case", false, 1);
	draw_table_col(t, "Value", true, 0);
	draw_table_col(t, "Target", false, 2);
	draw_table_col(t, "Status", false, 0);
	json_array_foreach(json_object_get(result, "targets"), i, row) {
		const char *key = assay_json_get_str(row, "metric", "?"), *label = assay_json_get_str(row, "label", NULL), *stat = assay_json_get_str(row, "stat", "");
		const struct assay_metric *def = assay_metric_find(key);
		double actual = assay_json_get_num(row, "actual", NAN);
		char text[96], number[48];
		face_format(number, actual, def ? def->digits : 0);
		if (label)
			draw_table_cell(t, "%s", label);
		else
			draw_table_cell(t, "%s%s%s", def ? def->title : key, strcmp(stat, "value") ? " " : "", strcmp(stat, "value") ? stat : "");
		target_case(text, result, row);
		draw_table_cell(t, "%s", text);
		if (isnan(actual))
			draw_table_cell(t, "N/A");
		else
			draw_table_cell(t, "%s%s%s", number, def ? " " : "", def ? def->unit : "");
		face_bound(text, row);
		draw_table_cell(t, "%s", text);
		draw_table_cell(t, "%s", face_status(row));
	}
}

void face_not_measured(const json_t *result, const char *experiment, void (*say)(void *arg, const char *sentence), void *arg)
{
	size_t i;
	json_t *p;
	char label[96], text[400];
	json_array_foreach(json_object_get(result, "points"), i, p) {
		const char *status = assay_json_get_str(p, "status", "?"), *reason = assay_json_get_str(p, "reason", NULL);
		if (!face_is(p, experiment) || !strcmp(status, "ok"))
			continue;
		face_case(label, p);
		snprintf(text, sizeof text, "%s: %s%s%s", label, status, reason ? ": " : "", reason ? reason : "");
		say(arg, text);
	}
}

void face_dropped(const json_t *result, void (*say)(void *arg, const char *sentence), void *arg)
{
	int64_t asked = 0, done = 0;
	size_t i, points = 0;
	json_t *n;
	char text[200];
	json_array_foreach(json_object_get(result, "notes"), i, n) {
		if (strcmp(assay_json_get_str(n, "code", ""), "dropped") || !strncmp(assay_json_get_str(n, "reason", ""), "--abort-on", strlen("--abort-on")))
			continue;
		asked += assay_json_get_int(n, "runs_asked", 0);
		done += assay_json_get_int(n, "runs_done", 0);
		points++;
	}
	if (!points)
		return;
	snprintf(text, sizeof text, "To keep the time budget %lld of %lld runs were dropped, in %zu of %zu points: notes[] in result.json says which", (long long)(asked - done),
		 (long long)asked, points, json_array_size(json_object_get(result, "points")));
	say(arg, text);
}

void face_s4_latency(const json_t *result, void (*say)(void *arg, const char *line), void *arg)
{
	const json_t *first = face_first(result, "latency");
	char text[160], number[48];
	if (!first)
		return;
	face_format(number, face_stat(first, "e2el_ms", "mean") / 1e3, 3);
	snprintf(text, sizeof text, "Average latency: %s s", number);
	say(arg, text);
	face_format(number, face_stat(first, "request_tok_s", "mean"), 1);
	snprintf(text, sizeof text, "Average throughput: %s tokens/sec", number);
	say(arg, text);
}

bool face_s4_batch(char out[160], const json_t *point)
{
	double rate = face_stat(point, "output_tok_s", "mean"), speedup = face_stat(point, "speedup", "mean");
	char number[48];
	if (!face_is(point, "throughput") || isnan(rate))
		return false;
	face_format(number, rate, 1);
	int n = snprintf(out, 160, "Batch size %lld: Throughput = %s tokens/sec", (long long)face_case_int(point, "batch_size", 0), number);
	face_format(number, speedup, 1);
	if (!isnan(speedup))
		snprintf(out + n, 160 - (size_t)n, " (%sx)", number);
	return true;
}

void face_s4_lines(const json_t *result, void (*say)(void *arg, const char *line), void *arg)
{
	size_t i;
	json_t *p;
	char text[160];
	face_s4_latency(result, say, arg);
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (face_s4_batch(text, p))
			say(arg, text);
}
