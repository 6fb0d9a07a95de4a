/* Every rule has a run in which it must fire and one in which it must not: simulated engines whose truth is known (and one tiny real
 * model for what only a real engine can tell). A rule that is missing here fails the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "e2e.h"

#define LAW "prefill: {fixed_ms: 5, per_token_us: 200}\n"
#define MEMORY "weights_mib: 100\nkv: {tokens: 8192, bytes_per_token: 36864}\nload_ms: 1234\n"
#define TARGET(max) "- {metric: ttft_ms, stat: mean, case: {experiment: latency}, max: " max "}\n"

enum { RICH, BARE, OVERHEAD, PREFILL, FLAT, PER_SEQ, STEEP, KV_HEAVY, LEAKY, STEADY_MEM, NOISY, STALLS, DRIFTS, LOUD, LENGTHS, GROWS, TIGHT, SOAKED, FAILING, REAL, N_RUNS };
static const struct { const char *sim, *args; } runs[N_RUNS] = {
	[RICH] = { LAW "decode: {fixed_ms: 10, per_sequence_us: 500}\n" MEMORY "ceilings: {read_gb_s: 12, gemm_gflop_s: 2000}\ntelemetry: [{at_ms: 0, power_w: 10, cpu_steal_pct: 0, other_cpu_pct: 0, rss_mib: 300}]\n",
		   "baseline --price-per-hour 3.6 --targets met.yaml" },
	[BARE] = { LAW "decode: {fixed_ms: 10}\n", "latency --prompt-tokens 100 --output-tokens 20 --runs 2" },
	[OVERHEAD] = { LAW "decode: {fixed_ms: 10}\n" MEMORY "ceilings: {read_gb_s: 60, gemm_gflop_s: 2000}\n", "latency --prompt-tokens 100 --output-tokens 20 --runs 5 --targets missed.yaml" },
	[PREFILL] = { "prefill: {fixed_ms: 5, per_token_us: 20000}\ndecode: {fixed_ms: 10}\n" MEMORY "ceilings: {read_gb_s: 12, gemm_gflop_s: 2000}\n", "latency --prompt-tokens 100 --output-tokens 20 --runs 5" },
	[FLAT] = { LAW "decode: {fixed_ms: 10}\n" MEMORY, "throughput --batch 1,4,16 --prompt-tokens 20 --output-tokens 8 --runs 5" },
	[PER_SEQ] = { "prefill: {per_token_us: 1}\ndecode: {per_sequence_us: 10000}\n" MEMORY, "throughput --batch 1,4,16 --prompt-tokens 20 --output-tokens 8 --runs 5" },
	[STEEP] = { "prefill: {fixed_ms: 500, per_token_us: 10}\ndecode: {fixed_ms: 10}\n", "seqlen --axes --prompt-tokens 50,100,200,400 --output-tokens 8,16 --runs 5" },
	[KV_HEAVY] = { LAW "decode: {fixed_ms: 10}\nweights_mib: 1\nkv: {tokens: 8192, bytes_per_token: 360000}\n", "throughput --batch 1,4 --prompt-tokens 20 --output-tokens 8 --runs 2" },
	[LEAKY] = { LAW "decode: {fixed_ms: 10}\n" MEMORY "leak_kib_per_request: 200\n", "memory --runs 60 --prompt-tokens 16 --output-tokens 4" },
	[STEADY_MEM] = { LAW "decode: {fixed_ms: 10}\n" MEMORY, "memory --runs 60 --prompt-tokens 16 --output-tokens 4" },
	[NOISY] = { LAW "decode: {fixed_ms: 10}\nnoise: {run_cv: 0.5, seed: 1}\n", "latency --prompt-tokens 100 --output-tokens 20 --runs 20" },
	[STALLS] = { LAW "decode: {fixed_ms: 10}\nfaults: [{kind: stall, at: 4, ms: 500}]\n", "latency --prompt-tokens 100 --output-tokens 20 --runs 10" },
	[DRIFTS] = { LAW "decode: {fixed_ms: 10}\ndrift_pct_per_min: 200\n", "latency --prompt-tokens 100 --output-tokens 100 --runs 20" },
	[LOUD] = { LAW "decode: {fixed_ms: 10}\ntelemetry: [{at_ms: 0, cpu_steal_pct: 10, other_cpu_pct: 5}]\n", "latency --prompt-tokens 100 --output-tokens 50 --runs 5" },
	[LENGTHS] = { LAW "decode: {fixed_ms: 10}\n", "seqlen --axes --prompt-tokens 50,100,400,800 --output-tokens 8,16,32 --runs 5" },
	[GROWS] = { LAW "decode: {fixed_ms: 10, per_context_token_us: 10}\n", "seqlen --axes --prompt-tokens 50,100,400,800 --output-tokens 8,16,32 --runs 5" },
	[TIGHT] = { LAW "decode: {fixed_ms: 10}\nweights_mib: 1\nkv: {tokens: 256, bytes_per_token: 1000}\n", "throughput --batch 1,4,16 --prompt-tokens 40 --output-tokens 8 --runs 2" },
	[SOAKED] = { LAW "decode: {fixed_ms: 10}\n", "soak --duration 30m --load 50% --probe 10s --output-tokens 16" },
	[FAILING] = { LAW "decode: {fixed_ms: 10}\ndrift_pct_per_min: 1\nfaults: [{kind: error, every: 50}]\n", "soak --duration 30m --load 20% --probe 10s --output-tokens 16" },
	[REAL] = { NULL, "latency --prompt-tokens 8 --output-tokens 4 --runs 3" },
};

/* must = the answer begins so (fires), "~..." = it has that in it, or "!..." = it needs that or does not apply (must not fire). */
static const struct { const char *id; int run; const char *must; } cases[] = {
	{ "phase_split", RICH, "Decode takes" }, { "phase_split", PREFILL, "Prefill takes" },
	{ "bound", RICH, "Decode of one sequence is memory-bound" }, { "bound", OVERHEAD, "Decode of one sequence is overhead-bound" }, { "bound", BARE, "!bytes and FLOPs" },
	{ "bandwidth", RICH, "Yes: " }, { "bandwidth", OVERHEAD, "No: " }, { "headroom", RICH, "At the machine's measured ceilings" }, { "headroom", BARE, "!bytes and FLOPs" },
	{ "layers", RICH, "!per-layer timing" }, { "operators", RICH, "!per-layer timing" }, { "synchronisation", RICH, "!per-layer timing" },
	{ "batch_throughput", RICH, "Output throughput goes from" }, { "batch_throughput", BARE, "!assay throughput --batch" }, { "batch_knee", RICH, "From about batch 9.0" },
	{ "batch_knee", FLAT, "Not within batch 16" }, { "batch_knee", BARE, "!assay throughput --batch" }, { "batch_utilisation", RICH, "Yes: " }, { "batch_utilisation", PER_SEQ, "No: " },
	{ "scaling", RICH, "TTFT grows with prompt length" }, { "scaling", BARE, "!assay baseline" }, { "prompt_scaling", LENGTHS, "About: " }, { "prompt_scaling", STEEP, "No, less: " },
	{ "prompt_scaling", BARE, "!assay seqlen --axes" }, { "output_scaling", LENGTHS, "Each output token adds 10.00" }, { "output_scaling", BARE, "!assay seqlen --axes" },
	{ "context_decode", GROWS, "Time per output token goes from" }, { "context_decode", LENGTHS, "No growth can be told" }, { "context_decode", BARE, "!assay seqlen --axes" },
	{ "weights_kv", RICH, "Weights take 100.0 MiB" }, { "weights_kv", KV_HEAVY, "Weights take 1.0 MiB" }, { "weights_kv", BARE, "!bytes of its weights" },
	{ "fits", RICH, "Yes: all " }, { "fits", TIGHT, "No: 1 of 3 cases did not fit, the first of them batch 16, 40 in, 8 out (" },
	{ "memory_limits", STEADY_MEM, "" }, { "memory_limits", BARE, "!assay memory -m gpt2" }, { "leak", LEAKY, "Yes: resident memory" }, { "leak", STEADY_MEM, "No: resident memory" }, { "leak", BARE, "!assay memory --runs 100" },
	{ "load_overhead", RICH, "Loading takes 1.23 s once" }, { "load_overhead", BARE, "!a load time" },
	{ "consistency", RICH, "Yes: " }, { "consistency", NOISY, "No: " }, { "consistency", BARE, "!assay latency --runs 10" }, { "variance_causes", STALLS, "~1 of 190 steps took over 1.5 times" },
	{ "variance_causes", LENGTHS, "~none of " }, { "disturbed", LOUD, "Yes: other programs used 5.0 %" }, { "disturbed", RICH, "No: " }, { "disturbed", BARE, "!virtual clock" },
	{ "drift", DRIFTS, "Yes: " }, { "drift", RICH, "None that can be told from noise" }, { "drift", BARE, "!assay latency --runs 10" },
	{ "between_results", RICH, "!assay history FOLDER" }, { "idle_gaps", RICH, "No: " }, { "gpu_used", RICH, "!no GPU" }, { "device", REAL, "On the CPU, as asked" }, { "device", RICH, "!computes no model" },
	{ "flash_attention", REAL, "!does not use flash-attn" }, { "model_access", REAL, "No download was needed" }, { "model_access", RICH, "!reads no model files" },
	{ "cost", RICH, "At 3.6 USD an hour" }, { "cost", BARE, "!--price-per-hour" }, { "energy", RICH, "An output token takes" }, { "energy", BARE, "!counter of energy" },
	{ "acceptable", RICH, "Yes: 1 of 1" }, { "acceptable", OVERHEAD, "No: 0 of 1" }, { "acceptable", BARE, "!--targets s3-cpu" },
	{ "opportunity", RICH, "Decode (one request" }, { "opportunity", PREFILL, "Prefill (one request" }, { "opportunity", BARE, "!an engine that reports steps" },
	{ "holds_load", SOAKED, "Yes: at load 50% 0 of" }, { "holds_load", FAILING, "No: at load 20% " }, { "holds_load", RICH, "!soak --duration 1h" },
	{ "load_drift", SOAKED, "No: at load 50% " }, { "load_drift", FAILING, "Yes: at load 20% " }, { "load_drift", RICH, "!soak --duration" },
	{ "best_configuration", RICH, "!assay sweep --vary" }, { "trend", RICH, "!assay history FOLDER" },
};

/* Rules that nothing here can make fire, and why: what would is in tests/unit/test_findings.c, or is another verb's. */
static const char *const one_sided[] = { "layers", "operators", "synchronisation", "between_results", "best_configuration", "trend", "gpu_used", "flash_attention", "idle_gaps" };

static json_t *results[N_RUNS];

static int run_all(void **state)
{
	(void)state;
	e2e_write("met.yaml", TARGET("1000"));
	e2e_write("missed.yaml", TARGET("1"));
	for (int i = 0; i < N_RUNS; i++) {
		struct e2e r;
		char name[64], engine[80] = "-e cpu -m \"$GOLDEN\"";
		if (runs[i].sim) {
			snprintf(name, sizeof name, "c%d.yaml", i);
			e2e_write(name, runs[i].sim);
			snprintf(engine, sizeof engine, "-e sim:%s", name);
		}
		e2e_run(&r, "GOLDEN=$(dirname \"$(dirname \"$A\")\")/tests/golden/gpt2; $A %s %s -o c%d", runs[i].args, engine, i);
		if (r.status > 1 && r.status != 4)
			fprintf(stderr, "assay %s: status %d\n%s", runs[i].args, r.status, r.err);
		e2e_release(&r);
		snprintf(name, sizeof name, "c%d/result.json", i);
		results[i] = e2e_json(name);
		if (!results[i])
			return -1;
	}
	return 0;
}

static int drop_all(void **state)
{
	(void)state;
	for (int i = 0; i < N_RUNS; i++)
		json_decref(results[i]);
	return 0;
}

static const char *text(json_t *f, const char *key)
{
	const char *s = json_string_value(json_object_get(f, key));
	return s ? s : "";
}

static json_t *finding(int run, const char *id)
{
	size_t i;
	json_t *f;
	json_array_foreach(json_object_get(results[run], "findings"), i, f)
		if (!strcmp(text(f, "id"), id))
			return f;
	fail_msg("no finding %s", id);
	return NULL;
}

static void as_the_truth_is(void **state)
{
	int wrong = 0;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *f = finding(cases[i].run, cases[i].id);
		bool fires = !strcmp(text(f, "state"), "answered"), must = cases[i].must[0] != '!';
		const char *begins = cases[i].must, *part = cases[i].must + 1;
		bool said = *begins == '~' ? strstr(text(f, "answer"), part) != NULL : must ? !strncmp(text(f, "answer"), begins, strlen(begins)) : strstr(text(f, "needs"), part) || strstr(text(f, "answer"), part);
		if (fires == must && said)
			continue;
		fprintf(stderr, "%s in run %d (%s): %s \"%s\" \"%s\"; should %s: %s\n", cases[i].id, cases[i].run, runs[cases[i].run].args, text(f, "state"), text(f, "answer"), text(f, "needs"),
			must ? "say" : "not fire", cases[i].must);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* Two different outcomes for each rule, but for those that are named. */
static void no_rule_is_left_out(void **state)
{
	size_t i;
	json_t *f;
	(void)state;
	json_array_foreach(json_object_get(results[RICH], "findings"), i, f) {
		int rows = 0, need = 2;
		for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
			rows += !strcmp(cases[k].id, text(f, "id"));
		for (size_t k = 0; k < sizeof one_sided / sizeof *one_sided; k++)
			need -= !strcmp(one_sided[k], text(f, "id"));
		if (rows < need)
			fail_msg("finding %s has %d of %d cases here", text(f, "id"), rows, need);
	}
}

/* docs/findings.md has a row for each rule. */
static void documented(void **state)
{
	struct e2e r;
	size_t i;
	json_t *f;
	(void)state;
	json_array_foreach(json_object_get(results[RICH], "findings"), i, f) {
		e2e_run(&r, "grep -q '^| .*`%s`.* |' \"$(dirname \"$(dirname \"$A\")\")/docs/findings.md\"", text(f, "id"));
		if (r.status)
			fail_msg("docs/findings.md has no row for %s", text(f, "id"));
		e2e_release(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_the_truth_is), cmocka_unit_test(no_rule_is_left_out), cmocka_unit_test(documented) };
	return cmocka_run_group_tests(tests, run_all, drop_all);
}
