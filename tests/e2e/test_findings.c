/* Findings of simulated engines whose laws are known: the answers are the laws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "e2e.h"

static int n_runs;

static json_t *run(const char *sim, const char *args)
{
	struct e2e r;
	char file[64];
	n_runs++;
	snprintf(file, sizeof file, "f%d.yaml", n_runs);
	e2e_write(file, sim);
	e2e_run(&r, "$A %s -e sim:%s -o f%d", args, file, n_runs);
	if (r.status)
		fail_msg("assay %s: status %d\n%s", args, r.status, r.err);
	e2e_release(&r);
	snprintf(file, sizeof file, "f%d/result.json", n_runs);
	json_t *result = e2e_json(file);
	assert_non_null(result);
	return result;
}

static json_t *finding(json_t *result, const char *id)
{
	size_t i;
	json_t *f;
	json_array_foreach(json_object_get(result, "findings"), i, f)
		if (!strcmp(json_string_value(json_object_get(f, "id")), id))
			return f;
	fail_msg("no finding %s", id);
	return NULL;
}

static const char *text(json_t *f, const char *key)
{
	const char *s = json_string_value(json_object_get(f, key));
	return s ? s : "";
}

static void says(json_t *result, const char *id, const char *confidence, const char *part)
{
	json_t *f = finding(result, id);
	if (strcmp(text(f, "state"), "answered") || strcmp(text(f, "confidence"), confidence) || !strstr(text(f, "answer"), part))
		fail_msg("%s: %s, %s, \"%s\"%s; should say \"%s\"", id, text(f, "state"), text(f, "confidence"), text(f, "answer"), text(f, "needs"), part);
}

static void needs(json_t *result, const char *id, const char *part)
{
	json_t *f = finding(result, id);
	if (strcmp(text(f, "state"), "needs") || !strstr(text(f, "needs"), part))
		fail_msg("%s: %s \"%s\" \"%s\"; should need \"%s\"", id, text(f, "state"), text(f, "answer"), text(f, "needs"), part);
}

/* analysis.PATH is `want`, to rounding; NaN = null. */
static void is(json_t *result, const char *path, double want)
{
	char *full = xasprintf("analysis.%s", path);
	json_t *v = e2e_at(result, full);
	if (!v || (isnan(want) ? !json_is_null(v) : !json_is_number(v) || fabs(json_number_value(v) - want) > 1e-9 * (1 + fabs(want))))
		fail_msg("%s is %s, should be %g", full, v ? json_is_null(v) ? "null" : "another value" : "absent", want);
	free(full);
}

static void is_text(json_t *result, const char *path, const char *want)
{
	char *full = xasprintf("analysis.%s", path);
	const char *s = json_string_value(e2e_at(result, full));
	assert_string_equal(s ? s : "(absent)", want);
	free(full);
}

/* TTFT = 5 + 0.2 n; a token costs 10.5 ms: both slopes and their ratio. */
static void lengths(void **state)
{
	(void)state;
	json_t *r = run("prefill: {fixed_ms: 5, per_token_us: 200}\ndecode: {fixed_ms: 10, per_sequence_us: 500}\n", "seqlen --axes --prompt-tokens 10,50,200,800 --output-tokens 16,32,64 --runs 5");
	says(r, "prompt_scaling", "high", "About: from 400 to 800 prompt tokens TTFT takes 1.94 (95 %: 1.94 to 1.94) times as long; 5 ms are fixed and each prompt token adds 0.2 ms.");
	says(r, "output_scaling", "high", "Each output token adds 10.50 (95 %: 10.50 to 10.50) ms to a request of 10 prompt tokens, as much as 52.5 prompt tokens");
	says(r, "consistency", "high", "Yes: end-to-end latency of 5 runs");
	needs(r, "batch_knee", "assay throughput --batch 1,4,16 -m gpt2 -e sim:f1.yaml");
	is_text(r, "reasons.batch_step", "needs measured points at two batch sizes or more");
	is_text(r, "fits.0.id", "prompt_ttft");
	is(r, "fits.0.terms.a.value", 5);
	is(r, "fits.0.terms.b.value", 0.2);
	is(r, "fits.0.terms.b.ci95.1", 0.2);
	is(r, "fits.0.x_range.1", 800);
	is(r, "fits.0.observed.0.mean", 7);
	is(r, "fits.0.r2", 1);
	is_text(r, "fits.1.id", "output_e2e");
	is(r, "fits.1.terms.b.value", 10.5);
	is(r, "fits.1.prompt_tokens", 10);
	is_text(r, "fits.2.id", "context_decode");
	is(r, "fits.2.terms.b.value", 0);
	needs(r, "bound", "bytes and FLOPs");
	assert_string_equal(text(finding(r, "disturbed"), "state"), "not_applicable");
	json_decref(r);
}

/* b* = (sqrt(2a(a+c)) - a) / c with a = 10, c = 0.5: 8.99; 1/c = 2,000 tok/s. */
static void knee(void **state)
{
	(void)state;
	const char *args = "throughput --batch 1,2,4,8,16,32 --prompt-tokens 20 --output-tokens 11 --runs 5";
	json_t *r = run("prefill: {fixed_ms: 2, per_token_us: 100}\ndecode: {fixed_ms: 10, per_sequence_us: 500}\n", args);
	says(r, "batch_knee", "high", "From about batch 9.0 (95 %: 9.0 to 9.0): a decode step takes 10 ms and 0.5 ms more for each sequence, so by this law decode cannot pass 2000.0 tok/s; "
				      "95 % of that was not reached (62 % at best).");
	is_text(r, "fits.0.id", "batch_step");
	is(r, "fits.0.terms.a.value", 10);
	is(r, "fits.0.terms.b.value", 0.5);
	is(r, "fits.0.terms.q", NAN);
	is(r, "fits.0.knee.batch.value", (sqrt(2 * 10 * 10.5) - 10) / 0.5);
	is(r, "fits.0.knee.limit_tok_s", 2000);
	is(r, "fits.0.knee.saturation_batch", NAN);
	is(r, "fits.0.knee.reached_share", 32 / 26.0 * 0.5);
	is(r, "fits.0.n", 30);
	is(r, "fits.0.points.5", 5);
	is(r, "idle.0.share", 0);
	is(r, "outliers.slow", 0);
	json_decref(r);
	r = run("prefill: {fixed_ms: 2, per_token_us: 100}\ndecode: {fixed_ms: 10}\n", args);
	says(r, "batch_knee", "high", "Not within batch 32: a decode step takes 10 ms whatever the batch");
	is(r, "fits.0.knee", NAN);
	json_decref(r);
	r = run("prefill: {fixed_ms: 2, per_token_us: 100}\ndecode: {fixed_ms: 1, per_sequence_us: 1000}\n", args);
	says(r, "batch_knee", "high", "95 % of that was reached at batch 32.");
	is(r, "fits.0.knee.saturation_batch", 32);
	json_decref(r);
}

#define MODEL "weights_mib: 100\nkv: {tokens: 8192, bytes_per_token: 36864}\nload_ms: 1234\n"

/* 105 MB in 10 ms = 10.5 GB/s: near a ceiling of 12, far from one of 60. */
static void roof(void **state)
{
	(void)state;
	const char *args = "latency --prompt-tokens 128 --output-tokens 32 --runs 5", *step = "prefill: {fixed_ms: 5, per_token_us: 200}\ndecode: {fixed_ms: 10}\n" MODEL;
	char *sim = xasprintf("%sceilings: {read_gb_s: 12, gemm_gflop_s: 2000}\n", step);
	json_t *r = run(sim, args);
	says(r, "bound", "low", "Decode of one sequence is memory-bound (92 % of bandwidth");
	says(r, "bandwidth", "low", "Yes: decode of one sequence moves 0.11 GB a token");
	says(r, "weights_kv", "high", "Weights take 100.0 MiB, the KV cache 36864 bytes a token");
	says(r, "load_overhead", "high", "Loading takes 1.23 s once");
	says(r, "phase_split", "high", "Decode takes 91 % of the engine's time");
	assert_string_equal(text(finding(r, "bound"), "basis"), "modelled");
	is_text(r, "roofline.1.phase", "decode");
	is_text(r, "roofline.1.bound", "memory-bound");
	is_text(r, "roofline.1.ceiling_type", "f32");
	is(r, "roofline.1.ceiling_read_gb_s", 12);
	is(r, "roofline.1.steps", 5 * 31);
	is(r, "roofline.1.share_memory", json_number_value(e2e_at(r, "analysis.roofline.1.read_gb_s")) / 12);
	is(r, "roofline.1.share_compute", json_number_value(e2e_at(r, "analysis.roofline.1.gflop_s")) / 2000);
	is(r, "roofline.1.intensity_flop_per_byte", json_number_value(e2e_at(r, "analysis.roofline.1.gflop_s")) / json_number_value(e2e_at(r, "analysis.roofline.1.read_gb_s")));
	json_decref(r);
	free(sim);
	sim = xasprintf("%sceilings: {read_gb_s: 60, gemm_gflop_s: 2000}\n", step);
	r = run(sim, args);
	says(r, "bound", "low", "Decode of one sequence is overhead-bound (1");
	says(r, "bandwidth", "low", "No:");
	json_decref(r);
	free(sim);
	r = run(step, args);
	needs(r, "bound", "add ceilings:");
	is_text(r, "roofline.1.bound", "unknown");
	is(r, "roofline.1.headroom", NAN);
	json_decref(r);
}

/* 20 steps of 10.5 ms and a prefill of 25 ms a run are too short for joules, 400 are not: 10 W x 4.2145 s / 400. */
static void costs(void **state)
{
	(void)state;
	const char *sim = "prefill: {fixed_ms: 5, per_token_us: 200}\ndecode: {fixed_ms: 10, per_sequence_us: 500}\ntelemetry: [{at_ms: 0, power_w: 10}]\n";
	json_t *r = run(sim, "latency --prompt-tokens 100 --output-tokens 400 --runs 5 --price-per-hour 3.6 --currency EUR");
	says(r, "energy", "high", "An output token takes 0.105 J (one request, 100 in, 400 out)");
	says(r, "cost", "high", "At 3.6 EUR an hour a million output tokens cost 10.5 EUR (one request, 100 in, 400 out)");
	json_decref(r);
	r = run(sim, "latency --prompt-tokens 100 --output-tokens 20 --runs 5");
	needs(r, "energy", "run too short: 2 updates of the energy counter, needs 20");
	needs(r, "cost", "assay baseline --price-per-hour 1.50 --currency EUR -m gpt2 -e sim:");
	json_decref(r);
}

/* A file of the result "faces", which has every part; owned. */
static char *draw_file(const char *name, const char *const *parts, size_t n)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_buf b;
	char path[300];
	snprintf(path, sizeof path, "%s/faces/%s", e2e_dir(), name);
	assay_buf_init(&b, 1 << 22);
	assert_int_equal(assay_fs_read(path, &b, ASSAY_E_DATA, &e), 0);
	for (size_t i = 0; i < n; i++)
		if (!strstr(b.data, parts[i]))
			fail_msg("%s lacks %s", name, parts[i]);
	return b.data;
}

/* The report and the terminal carry them, and S0's template is filled. */
static void faces(void **state)
{
	(void)state;
	static const char *const parts[] = { "## Findings", "<details><summary>Open questions: ", "### Performance Summary", "### Bottleneck Analysis", "### Scaling Characteristics", "### Key Insights", "\n5. ",
					     "needs per-layer timing", "| Decode: MBU | Prefill: MFU |" };
	static const char *const figures[] = { "data-figure=\"throughput\"", "data-figure=\"speedup\"", "\"label\":\"knee ", "data-figure=\"prompt\"", "data-figure=\"output\"", "data-figure=\"ecdf\"",
					       "data-figure=\"spread-itl\"", "data-figure=\"itl\"", "data-figure=\"rate\"", "\"label\":\"steady window\"", "data-figure=\"running\"",
					       "data-figure=\"roofline\"", "data-figure=\"memory\"", "data-figure=\"tradeoff\"", "Utilisation over time:</b> virtual clock" };
	struct e2e r;
	e2e_write("faces.yaml", "prefill: {fixed_ms: 5, per_token_us: 200}\ndecode: {fixed_ms: 10, per_sequence_us: 500}\n" MODEL "ceilings: {read_gb_s: 20, gemm_gflop_s: 2000}\n");
	e2e_run(&r, "$A baseline --quick -e sim:faces.yaml -o faces");
	assert_int_equal(r.status, 0);
	const char *at = strstr(r.out, "\nFindings\n");
	assert_non_null(at);
	assert_true(at < strstr(r.out, "Verdict:"));
	e2e_release(&r);
	char *report = draw_file("report.md", parts, sizeof parts / sizeof *parts);
	const char *bottleneck = strstr(report, "Bottleneck");
	assert_true(bottleneck && !strstr(bottleneck + 1, "Bottleneck")); /* in one place */
	assert_true(strstr(report, "## Verdict") < strstr(report, "## Findings") && strstr(report, "## Findings") < strstr(report, "## Latency"));
	free(report);
	free(draw_file("report.html", figures, sizeof figures / sizeof *figures));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lengths), cmocka_unit_test(knee), cmocka_unit_test(roof), cmocka_unit_test(costs), cmocka_unit_test(faces) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
