/* Every metric against arithmetic: the sim engine's schedule is the truth, the virtual clock makes it exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "e2e.h"

#define ANY (-1)

/* Runs a verb on a sim file; the result document. */
static json_t *run_for(const char *sim, const char *args, int status)
{
	static int n;
	struct e2e r;
	char file[64];
	n++;
	snprintf(file, sizeof file, "sim%d.yaml", n);
	e2e_write(file, sim);
	e2e_run(&r, "$A %s -e sim:%s -o k%d", args, file, n);
	if (status != ANY && r.status != status)
		fail_msg("assay %s: status %d\n%s", args, r.status, r.err);
	e2e_release(&r);
	snprintf(file, sizeof file, "k%d/result.json", n);
	json_t *result = e2e_json(file);
	assert_non_null(result);
	return result;
}

static json_t *run(const char *sim, const char *args)
{
	return run_for(sim, args, 0);
}

/* points[i].metrics.KEY.STAT */
static double value(json_t *result, int point, const char *key, const char *stat)
{
	char path[128];
	snprintf(path, sizeof path, "points.%d.metrics.%s.%s", point, key, stat);
	json_t *v = e2e_at(result, path);
	if (!v)
		fail_msg("no %s", path);
	return json_is_number(v) ? json_number_value(v) : NAN;
}

struct want { const char *key, *stat; double is; };

static void check(json_t *result, int point, const struct want *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double x = value(result, point, w[i].key, w[i].stat), tolerance = 1e-12 * fmax(1, fabs(w[i].is));
		if (isnan(w[i].is) ? !isnan(x) : !(fabs(x - w[i].is) <= tolerance))
			fail_msg("point %d: %s.%s is %.17g, should be %.17g", point, w[i].key, w[i].stat, x, w[i].is);
	}
}
#define CHECK(result, point, w) check(result, point, w, sizeof(w) / sizeof(w)[0])

#define SCHEDULE "prefill: {fixed_ms: 5, per_token_us: 200}\ndecode: {fixed_ms: 10, per_sequence_us: 100, per_context_token_us: 2}\n"
#define MODEL "weights_mib: 100\nkv: {tokens: 8192, bytes_per_token: 36864}\nload_ms: 1234\nceilings: {read_gb_s: 20, gemm_gflop_s: 2000}\n"

static void single_requests(void **state)
{
	(void)state;
	json_t *r = run(SCHEDULE MODEL, "latency --prompt-tokens 128 --output-tokens 32 --runs 3");
	const double ttft = 5 + 128 * 0.2, tpot = 10.1 + 0.002 * (128 + 16), e2el = ttft + 31 * tpot;
	/* a decode step k reads the weights and 128 + k positions, and writes one */
	const double decode_bytes = 31 * (104857600.0 + 36864) + 36864.0 * (31 * 128 + 31 * 16);
	const struct want w[] = {
		{ "ttft_ms", "n", 3 }, { "ttft_ms", "mean", ttft }, { "ttft_ms", "p50", ttft }, { "ttft_ms", "p99", ttft }, { "ttft_ms", "std", 0 },
		{ "ttft_service_ms", "mean", ttft }, { "tpot_ms", "mean", tpot }, { "itl_ms", "n", 93 }, { "itl_ms", "mean", tpot },
		{ "itl_ms", "min", 10.1 + 0.002 * 129 }, { "itl_ms", "max", 10.1 + 0.002 * 159 }, { "itl_ms", "p50", 10.1 + 0.002 * 144 },
		{ "e2el_ms", "mean", e2el }, { "queue_ms", "max", 0 }, { "send_lag_ms", "max", 0 }, { "read_lag_ms", "max", 0 },
		{ "request_tok_s", "mean", 32e3 / e2el }, { "decode_tok_s", "mean", 1e3 / tpot }, { "prefill_tok_s", "value", 128e3 / ttft },
		{ "wall_s", "value", e2el / 1e3 }, { "output_tok_s", "value", 32e3 / e2el }, { "output_tok_s_steady", "value", 1e3 / tpot },
		{ "input_tok_s", "value", 128e3 / e2el }, { "total_tok_s", "value", 160e3 / e2el }, { "request_s", "value", 1e3 / e2el },
		{ "load_ms", "value", 1234 }, { "weights_mib", "value", 100 }, { "kv_pool_mib", "value", 288 }, { "kv_bytes_per_token", "value", 36864 },
		{ "kv_bytes_per_token_observed", "value", 36864 }, { "kv_peak_mib", "value", 159 * 36864 / 1048576.0 }, { "rss_peak_mib", "value", 388 },
		{ "mbu", "value", decode_bytes / (31 * tpot / 1e3) / 20e9 }, { "mfu", "value", 2.0 * 124439808 * 128 / (ttft / 1e3) / 2000e9 },
		{ "cpu_util", "value", NAN }, { "gpu_util", "value", NAN },
	};
	CHECK(r, 0, w);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.requests.succeeded")), 3);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.tokens.output")), 96);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.tokens.prompt")), 384);
	assert_string_equal(json_string_value(e2e_at(r, "engine.name")), "sim");
	json_decref(r);
}

/* Prefills one after the other, then decodes over the whole batch. */
static void batches(void **state)
{
	(void)state;
	json_t *r = run("prefill: {fixed_ms: 2, per_token_us: 100}\ndecode: {fixed_ms: 10, per_sequence_us: 500}\n",
			"throughput --batch 1,2,4 --prompt-tokens 20 --output-tokens 11 --runs 2");
	double alone = 4 + 10 * 10.5;
	for (int i = 0; i < 3; i++) {
		int b = 1 << i;
		double step = 10 + 0.5 * b, wall = 4.0 * b + 10 * step, tok_s = 11e3 * b / wall;
		const struct want w[] = {
			{ "wall_s", "value", wall / 1e3 }, { "output_tok_s", "value", tok_s }, { "output_tok_s_steady", "value", b * 1e3 / step },
			{ "ttft_ms", "n", 2 * b }, { "ttft_ms", "min", 4 }, { "ttft_ms", "max", 4.0 * b }, { "ttft_ms", "mean", 4 * (b + 1) / 2.0 },
			{ "queue_ms", "max", 4.0 * (b - 1) }, { "e2el_ms", "min", wall }, { "e2el_ms", "max", wall },
			{ "tpot_ms", "min", step }, { "tpot_ms", "max", step + 4 * (b - 1) / 10.0 }, { "speedup", "value", tok_s / (11e3 / alone) },
			{ "efficiency", "value", tok_s / (11e3 / alone) / b }, { "decode_step_ms", "mean", step }, { "request_s", "value", b * 1e3 / wall },
			{ "inverse_throughput_ms", "value", wall / b }, { "prefill_tok_s", "value", 5000 }, { "weights_mib", "value", NAN }, { "mbu", "value", NAN },
		};
		CHECK(r, i, w);
	}
	json_decref(r);
}

/* Two slots, four requests: two wait until two leave. */
static void queueing(void **state)
{
	(void)state;
	json_t *r = run("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\nmax_batch: 2\n", "throughput --batch 4 --prompt-tokens 4 --output-tokens 3 --runs 1");
	/* 1, 2: first tokens; 12, 22: decodes; 23, 24: the others' first tokens; 34, 44 */
	const struct want w[] = {
		{ "wall_s", "value", 0.044 }, { "ttft_ms", "min", 1 }, { "ttft_ms", "p50", 2 }, { "ttft_ms", "max", 24 }, { "ttft_ms", "mean", 12.5 },
		{ "queue_ms", "min", 0 }, { "queue_ms", "max", 23 }, { "queue_ms", "mean", (0 + 1 + 22 + 23) / 4.0 }, { "e2el_ms", "p50", 22 },
		{ "e2el_ms", "max", 44 }, { "output_tok_s", "value", 12e3 / 44 },
	};
	CHECK(r, 0, w);
	json_decref(r);
}

/* Every third request fails: counted as offered, never as work; a percentile that falls on one is infinite. */
static void failures(void **state)
{
	(void)state;
	json_t *r = run_for("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\nfaults:\n  - {kind: error, every: 3}\n", "latency --prompt-tokens 4 --output-tokens 3 --runs 30 --warmup 0", 4);
	const struct want w[] = { { "ttft_ms", "n", 20 }, { "ttft_ms", "mean", 1 }, { "e2el_ms", "mean", 21 }, { "e2el_ms", "p99", 21 } };
	CHECK(r, 0, w);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.requests.offered")), 30);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.requests.failed")), 10);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.requests.end_states.error_event")), 10);
	assert_true(value(r, 0, "e2el_ms", "with_failures.p50") == 21);
	assert_string_equal(json_string_value(e2e_at(r, "points.0.metrics.e2el_ms.with_failures.p90")), "inf");
	assert_string_equal(json_string_value(e2e_at(r, "verdict.state")), "INVALID");
	json_decref(r);
}

static void token_counts_must_agree(void **state)
{
	(void)state;
	json_t *r = run_for("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\nfaults:\n  - {kind: short, at: 2}\n  - {kind: extra, at: 4}\n",
			    "latency --prompt-tokens 4 --output-tokens 3 --runs 20 --warmup 0", 4);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.requests.end_states.count_mismatch")), 2);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.tokens.output")), 18 * 3);
	assert_string_equal(json_string_value(e2e_at(r, "verdict.state")), "INVALID");
	json_decref(r);
}

static void stall_shows_in_the_tail_only(void **state)
{
	(void)state;
	json_t *r = run("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\nfaults:\n  - {kind: stall, at: 5, ms: 400}\n",
			"latency --prompt-tokens 4 --output-tokens 3 --runs 20 --warmup 0");
	const struct want w[] = { { "itl_ms", "max", 410 }, { "itl_ms", "p50", 10 }, { "e2el_ms", "max", 421 }, { "e2el_ms", "p50", 21 },
				  { "ttft_ms", "max", 1 }, { "itl_ms", "mean", 10 + 400 / 40.0 } };
	CHECK(r, 0, w);
	json_decref(r);
}

static void limits_are_results(void **state)
{
	(void)state;
	json_t *r = run("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 1}\n", "seqlen --prompt-tokens 100,1000 --output-tokens 10,50 --runs 1");
	assert_string_equal(json_string_value(e2e_at(r, "points.2.status")), "ok");
	assert_string_equal(json_string_value(e2e_at(r, "points.3.status")), "limit");
	assert_string_equal(json_string_value(e2e_at(r, "points.3.reason")), "context: needs 1050 tokens (prompt + output), has 1024");
	assert_true(json_is_null(e2e_at(r, "points.3.metrics")) || json_is_null(e2e_at(r, "points.3.metrics.ttft_ms")));
	assert_true(strcmp(json_string_value(e2e_at(r, "verdict.state")), "INVALID") != 0);
	json_decref(r);
}

static void offline_preset_is_exact(void **state)
{
	(void)state;
	json_t *r = run("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10, per_sequence_us: 20}\n", "offline --preset s1 -m qwen2-1.5b");
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.tokens.output")), 144831);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.tokens.prompt")), 2048);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.requests.succeeded")), 256);
	double tokens = value(r, 0, "output_tok_s", "value") * value(r, 0, "wall_s", "value");
	assert_true(fabs(tokens - 144831) < 1e-6);
	json_decref(r);
}

/* The first five outputs of nanovllm are 845 312 607 843 500 (formats.md); no face may show them as the preset. */
static void part_of_a_preset_says_so(void **state)
{
	(void)state;
	json_t *r = run("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\n", "offline --preset nanovllm --first 5 -m qwen2-1.5b");
	assert_string_equal(json_string_value(e2e_at(r, "points.0.case.preset")), "nanovllm (first 5 of 256)");
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.tokens.output")), 845 + 312 + 607 + 843 + 500);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.requests.succeeded")), 5);
	json_decref(r);
	struct e2e shown;
	e2e_run(&shown, "$A offline --preset nanovllm --first 5 -m qwen2-1.5b -e null -o part");
	if (shown.status || !strstr(shown.out, "preset nanovllm (first 5 of 256)"))
		fail_msg("%s", shown.out);
	e2e_release(&shown);
}

/* Refused before anything loads or is written: exit 2, one line. */
static void impossible_asks(void **state)
{
	(void)state;
	static const struct { const char *line, *part; } t[] = {
		{ "$A offline --preset s1 -e null -o no", "3 of " }, { "$A offline --preset nanovllm -e null -o no", "146 of " },
		{ "$A offline --preset s1 -m qwen2-1.5b -e null --prompt x -o no", "its prompts are fixed" },
		{ "$A offline --preset s1 -m qwen2-1.5b -e null --requests 3 -o no", "leave --requests out" },
		{ "$A offline --first 3 -e null -o no", "--first: it takes a part of a --preset" }, { "$A offline --preset s1 --first 257 -e null -o no", "first" },
		{ "$A offline --preset s1 -m qwen2-1.5b -e null --output 5:6 -o no", "leave --output-tokens out" },
		{ "$A latency -e null --prompt 'Hello there' -o no", "takes no text" },
		{ "$A latency --prompt-tokens 1,2 --output-tokens 1,2,3 -e null -o no", "--prompt-tokens has 2 values" },
		{ "$A baseline --only latency --skip latency -e null -o no", "nothing to measure" },
		{ "$A baseline --only longdoc -e null -o no", "longdoc is part of --full" },
	};
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct e2e r;
		e2e_run(&r, "%s; s=$?; test -e no && exit 99; exit $s", t[i].line);
		if (r.status != 2 || !strstr(r.err, t[i].part) || r.out[0])
			fail_msg("%s: status %d, %s", t[i].line, r.status, r.err);
		e2e_release(&r);
	}
}

/* offline --output A:B is a range of lengths, -o stays the directory. */
static void offline_lengths(void **state)
{
	(void)state;
	json_t *r = run("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\n", "offline --requests 20 --input 7 --output 30:30");
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.tokens.output")), 600);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.tokens.prompt")), 140);
	const struct want w[] = { { "wall_s", "value", (20 + 29 * 10) / 1e3 } };
	CHECK(r, 0, w);
	json_decref(r);
}

static void noise_repeats_bit_for_bit(void **state)
{
	(void)state;
	static const char sim[] = SCHEDULE MODEL "noise: {cv: 0.1, run_cv: 0.05, ar1: 0.3, seed: 11}\ndrift_pct_per_min: 5\n";
	json_t *a = run(sim, "baseline --quick"), *b = run(sim, "baseline --quick");
	assert_int_equal(json_array_size(e2e_at(a, "points")), 13);
	assert_true(json_equal(e2e_at(a, "points"), e2e_at(b, "points")));
	for (int i = 0; i < 13; i++) {
		char path[32];
		snprintf(path, sizeof path, "points.%d.status", i);
		assert_string_equal(json_string_value(e2e_at(a, path)), "ok");
	}
	assert_true(value(a, 0, "e2el_ms", "std") > 0);
	json_decref(a);
	json_decref(b);
}

static void growth_as_stated(void **state)
{
	(void)state;
	json_t *r = run("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 1}\nweights_mib: 50\nleak_kib_per_request: 1024\n", "memory --runs 20 --no-limits");
	const struct want w[] = { { "rss_peak_mib", "value", 50 + 21 } }; /* one warm-up, twenty runs, 1 MiB each */
	assert_true(fabs(value(r, 0, "rss_peak_mib", "max") - w[0].is) < 1e-9 || fabs(value(r, 0, "rss_peak_mib", "value") - w[0].is) < 1e-9);
	json_decref(r);
}

static void real_clock(void **state)
{
	(void)state;
	json_t *r = run_for("clock: real\nprefill: {fixed_ms: 20}\ndecode: {fixed_ms: 5}\n", "latency --prompt-tokens 4 --output-tokens 5 --runs 5 --warmup 0", ANY);
	assert_true(value(r, 0, "ttft_ms", "min") >= 20 && value(r, 0, "tpot_ms", "min") >= 5);
	assert_true(value(r, 0, "ttft_ms", "p50") < 200);
	json_decref(r);
}

/* null: what is left is assay itself. */
static void null_engine(void **state)
{
	(void)state;
	struct e2e e;
	e2e_run(&e, "$A latency -e null --prompt-tokens 16 --output-tokens 64 --runs 50 --warmup 0 -o null0");
	assert_true(e.status == 0);
	e2e_release(&e);
	json_t *r = e2e_json("null0/result.json");
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.requests.succeeded")), 50);
	assert_int_equal(json_integer_value(e2e_at(r, "points.0.tokens.output")), 50 * 64);
	assert_true(value(r, 0, "e2el_ms", "p50") < 5);
	assert_true(isnan(value(r, 0, "load_ms", "value")) && json_is_null(e2e_at(r, "engine.load.total_ms"))); /* it loads nothing */
	json_decref(r);
}

/* 3 > 4 > 1 > 0: an engine that answers nothing, a verdict, a target. Whatever was measured is saved. */
static void exit_statuses(void **state)
{
	(void)state;
	static const struct { const char *sim, *args; int status; } t[] = {
		{ "", "", 0 }, { "", "--targets met.yaml", 0 }, { "", "--targets missed.yaml", 1 }, { "", "--targets none.yaml", 0 },
		{ "faults: [{kind: error, every: 5}]\n", "--targets missed.yaml", 4 }, { "faults: [{kind: short, at: 3}]\n", "", 4 },
		{ "faults: [{kind: error, every: 1}]\n", "--targets missed.yaml", 3 }, { "", "--prompt-tokens 4,5000", 0 }, { "", "--prompt-tokens 5000", 3 },
	};
	e2e_write("met.yaml", "- {metric: ttft_ms, max: 1000}\n");
	e2e_write("missed.yaml", "- {metric: ttft_ms, max: 1}\n- {metric: mbu, min: 0.5}\n- {metric: failed, max: 1000}\n- {metric: e2el_ms, max: 1}\n");
	e2e_write("none.yaml", "- {metric: mbu, min: 0.5}\n");
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		char sim[200], args[120];
		snprintf(sim, sizeof sim, "prefill: {fixed_ms: 5}\ndecode: {fixed_ms: 2}\n%s", t[i].sim);
		snprintf(args, sizeof args, "latency %s", t[i].args);
		json_decref(run_for(sim, args, t[i].status));
	}
}

/* Steps that grow with their context, as stated, are no drift; a schedule that slows down with time is. */
static void drift_is_of_time(void **state)
{
	(void)state;
	static const char sim[] = "prefill: {fixed_ms: 5}\ndecode: {fixed_ms: 10, per_sequence_us: 500, per_context_token_us: 2}\nweights_mib: 100\nkv: {tokens: 9000, bytes_per_token: 1024}\n";
	char slowing[400];
	json_t *r = run(sim, "throughput --batch 16 --runs 5");
	assert_string_equal(json_string_value(e2e_at(r, "verdict.state")), "VALID");
	json_decref(r);
	snprintf(slowing, sizeof slowing, "%sdrift_pct_per_min: 60\n", sim);
	r = run(slowing, "throughput --batch 16 --runs 6");
	assert_string_equal(json_string_value(e2e_at(r, "verdict.reasons.0.code")), "drift");
	json_decref(r);
}

/* Telemetry that the sim file states is that of the run: shown, and judged. */
static void stated_telemetry(void **state)
{
	(void)state;
	json_t *r = run("prefill: {fixed_ms: 500}\ndecode: {fixed_ms: 20}\ntelemetry: [{at_ms: 0, cpu_steal_pct: 10, other_cpu_pct: 5, rss_mib: 30000}]\n", "latency");
	assert_true(fabs(json_number_value(e2e_at(r, "telemetry.summary.steal_pct.mean")) - 10) < 1e-9);
	assert_true(fabs(json_number_value(e2e_at(r, "telemetry.summary.rss_mib.max")) - 30000) < 1e-9);
	assert_true(json_is_null(e2e_at(r, "telemetry.reason")));
	assert_true(fabs(value(r, 0, "cpu_util", "value") - 0.85) < 1e-6);
	assert_string_equal(json_string_value(e2e_at(r, "verdict.reasons.0.code")), "cpu_steal");
	json_decref(r);
	struct e2e grep;
	e2e_run(&grep, "grep -h '^| rss_mib | 30000 | 30000 | 30000 | MiB |' k*/report.md");
	assert_int_equal(grep.status, 0); /* not 3e+04 */
	e2e_release(&grep);
}

/* A virtual clock has no machine beside it, and every null says so. */
static void virtual_clock_is_the_reason(void **state)
{
	(void)state;
	static const char *const keys[] = { "rss_mean_mib", "pss_mib", "mbu", "mfu", "cpu_util", "gpu_util" };
	json_t *r = run("prefill: {fixed_ms: 5}\ndecode: {fixed_ms: 2}\nkv: {tokens: 9000, bytes_per_token: 100}\nweights_mib: 10\n", "latency");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		char path[80];
		snprintf(path, sizeof path, "points.0.metrics.%s.reason", keys[i]);
		assert_true(isnan(value(r, 0, keys[i], "value")));
		assert_non_null(strstr(json_string_value(e2e_at(r, path)), "virtual clock"));
	}
	json_decref(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_requests), cmocka_unit_test(batches), cmocka_unit_test(queueing), cmocka_unit_test(failures),
		cmocka_unit_test(token_counts_must_agree), cmocka_unit_test(stall_shows_in_the_tail_only), cmocka_unit_test(limits_are_results),
		cmocka_unit_test(offline_preset_is_exact), cmocka_unit_test(part_of_a_preset_says_so), cmocka_unit_test(impossible_asks), cmocka_unit_test(offline_lengths), cmocka_unit_test(noise_repeats_bit_for_bit), cmocka_unit_test(growth_as_stated),
		cmocka_unit_test(real_clock), cmocka_unit_test(null_engine), cmocka_unit_test(exit_statuses), cmocka_unit_test(drift_is_of_time), cmocka_unit_test(stated_telemetry), cmocka_unit_test(virtual_clock_is_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
