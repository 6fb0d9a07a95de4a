/* The jobs of examples/: each whole on the sim engine, one on the embedded engine with a tiny model; each holds what its document asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e.h"

static char root[1000];

static int set_up(void **state)
{
	(void)state;
	e2e_write("sim.yaml", "clock: virtual\nprefill: {fixed_ms: 5, per_token_us: 100}\ndecode: {fixed_ms: 4, per_sequence_us: 100, per_context_token_us: 0.5}\nnoise: {cv: 0.01, run_cv: 0.002, seed: 3}\n");
	return getcwd(root, sizeof root) ? 0 : -1;
}

/* Every file of the folder is in a test: this many. */
static void test_all_are_here(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "ls %s/examples | tr '\\n' ' '", root);
	assert_string_equal(r.out, "campaign.yaml ci.yaml engines.yaml s0.yaml s1.yaml s2.yaml s3-stress.yaml s3.yaml s4.yaml ");
	e2e_release(&r);
}

static void test_on_sim(void **state)
{
	(void)state;
	static const struct { const char *name, *more; int steps; const char *file, *has; } t[] = {
		{ "s0", "", 9, "grid.qwen2-5-0-5b/legacy/s0/metrics.csv", "qwen2.5-0.5b,32,4096" },
		{ "s1", "--only baseline", 1, "baseline/result.json", "144831" },
		{ "s2", "", 10, "summary.md", "best in request_s" },
		{ "s3", "", 4, "summary.md", "| Latency under throughput, mean | throughput batch 1, 10 -> 30 |" },
		{ "s3-stress", "--only half,full,batches --set half.duration=10m --set batches.duration=5m", 3, "batches/report.md", "closed:32" },
		{ "s4", "", 6, "throughput/legacy/s4/throughput_benchmark.json", "\"batch_size\": 32" },
		{ "ci", "", 6, "campaign.json", "there is no such result yet" },
		{ "engines", "--only nanovllm,s2", 4, "nanovllm/result.json", "133966" },
		{ "campaign", "--only latency,batch,one-thread", 11, "summary.md", "### Against the baselines" }, /* its machine is a real one */
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		char name[60];
		e2e_run(&r, "$A run %s/examples/%s.yaml -o %s --set engine=sim:sim.yaml --no-progress %s && grep -c '%s' %s/%s", root, t[i].name, t[i].name, t[i].more, t[i].has, t[i].name, t[i].file);
		if (r.status)
			fail_msg("%s: status %d\n%s%s", t[i].name, r.status, r.out, r.err);
		e2e_release(&r);
		snprintf(name, sizeof name, "%s/campaign.json", t[i].name);
		json_t *c = e2e_json(name);
		if (json_integer_value(e2e_at(c, "counts.done")) != t[i].steps)
			fail_msg("%s: %lld steps", t[i].name, (long long)json_integer_value(e2e_at(c, "counts.done")));
		json_decref(c);
	}
}

/* The gate of ci.yaml: the same engine passes against itself, a slower one fails. */
static void test_gate(void **state)
{
	(void)state;
	struct e2e r;
	e2e_write("slow.yaml", "clock: virtual\nprefill: {fixed_ms: 5, per_token_us: 100}\ndecode: {fixed_ms: 4.5, per_sequence_us: 100, per_context_token_us: 0.5}\nnoise: {cv: 0.01, run_cv: 0.002, seed: 3}\n");
	e2e_run(&r, "$A run %s/examples/ci.yaml -o same --baseline ci --set engine=sim:sim.yaml --no-progress; a=$?; $A run %s/examples/ci.yaml -o slower --baseline ci --set engine=sim:slow.yaml --no-progress; echo $a $?", root, root);
	if (!strstr(r.out, "\n0 1\n") || !strstr(r.out, "gate fail (ttft_ms"))
		fail_msg("%s%s", r.out, r.err);
	e2e_release(&r);
}

/* Not a number of a simulation: the embedded engine, with weights of a few kilobytes. */
static void test_on_the_engine(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "$A run %s/examples/s3.yaml -o real --set model=%s/tests/golden/gpt2 --set prompt_tokens=8 --set output_tokens=6 --no-progress; s=$?; ls real/latency/legacy/s3; exit $s", root, root);
	/* 0, or 4: a sanitizer's or a debug build is INVALID */
	if ((r.status != 0 && r.status != 4) || !strstr(r.out, "[4/4] throughput") || !strstr(r.out, ".json"))
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_all_are_here), cmocka_unit_test(test_on_sim), cmocka_unit_test(test_gate), cmocka_unit_test(test_on_the_engine) };
	return cmocka_run_group_tests_name("examples", tests, set_up, NULL);
}
