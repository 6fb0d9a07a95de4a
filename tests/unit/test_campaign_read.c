/* Job files: what they unfold to, and that everything wrong in one is refused where it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/campaign.h"

static void test_refused(void **state)
{
	(void)state;
	static const struct { const char *yaml, *msg; } t[] = {
		{ "", "j: a job is a mapping" }, { "[]", "j: a job is a mapping" }, { "steps: []", "j:1:1: steps: expects a list" }, { "steps: {}", "j:1:1: steps: expects a list" }, { "name: x", "j:1:1: steps: expects a list" },
		{ "stps: []", "j:1:1: unknown key stps (did you mean steps?)" }, { "name: a/b\nsteps: [1]", "j:1:1: name: expects letters" }, { "defaults: 3\nsteps: [{}]", "j:1:1: defaults: expects a mapping" },
		{ "steps: [3]", "j:1:9: step 1: expects a mapping" }, { "steps: [{}]", "j:1:9: a step needs experiment: or verb:" }, { "steps: [{experiment: [latency]}]", "j:1:10: a step needs experiment: or verb:" },
		{ "steps: [{experiment: latnecy}]", "j:1:10: experiment: unknown verb \"latnecy\" (did you mean latency?)" }, { "steps: [{verb: run}]", "j:1:10: verb: a job cannot run a job" },
		{ "steps:\n - experiment: latency\n   rnus: 3", "j:3:4: unknown key rnus (did you mean runs?)" }, { "steps:\n - experiment: latency\n   repaet: x", "j:3:4: unknown key repaet (did you mean repeat?)" },
		{ "steps:\n - experiment: latency\n   prompt-tokens: 3", "j:3:4: unknown key prompt-tokens (did you mean prompt_tokens?)" },
		{ "steps: [{experiment: latency, runs: x}]", "j:1:31: runs: \"x\" is not a whole number" }, { "steps: [{experiment: latency, runs: {a: 1}}]", "j:1:31: runs: expects one whole number" },
		{ "defaults: {runs: 0}\nsteps: [{experiment: latency}]", "j:1:12: runs: \"0\" is out of range" }, { "defaults: {modle: x}\nsteps: [{experiment: latency}]", "j:1:12: unknown key modle (did you mean model?)" },
		{ "steps: [{experiment: latency, output: x}]", "j:1:31: output belongs to assay run" }, { "defaults: {json: true}\nsteps: [{experiment: latency}]", "j:1:12: json belongs to assay run" },
		{ "steps: [{experiment: latency}, {experiment: latency}]", "j:1:32: two steps are named latency" }, { "steps: [{name: a, experiment: latency}, {name: A, experiment: latency}]", "j:1:41: two steps are named A" },
		{ "steps: [{name: a.log, experiment: latency}]", "j:1:9: the name a.log would be that of a file" }, { "steps: [{name: campaign.json, experiment: latency}]", "j:1:9: the name campaign.json" },
		{ "steps: [{name: ../x, experiment: latency}]", "j:1:10: name: expects letters" }, { "steps: [{name: .x, experiment: latency}]", "j:1:10: name: expects letters" }, { "steps: [{name: 7, experiment: latency}]", "j:1:10: name: expects letters" },
		{ "steps: [{experiment: latency, needs: x}]", "j:1:31: needs: no step before this one" }, { "steps: [{experiment: latency, needs: latency}]", "j:1:31: needs: no step before this one" },
		{ "steps: [{name: first, experiment: latency}, {experiment: memory, needs: [frist]}]", "j:1:66: needs: no step before this one is named so (did you mean first?)" },
		{ "steps: [{experiment: latency, repeat: 0}]", "j:1:31: repeat: expects a whole number" }, { "steps: [{experiment: latency, repeat: 101}]", "j:1:31: repeat:" }, { "steps: [{experiment: latency, repeat: two}]", "j:1:31: repeat:" },
		{ "steps: [{experiment: latency, matrix: [a]}]", "j:1:31: matrix: expects options" }, { "steps: [{experiment: latency, matrix: {dtype: f32}}]", "j:1:40: dtype: expects a list" }, { "steps: [{experiment: latency, matrix: {dtype: []}}]", "j:1:40: dtype: expects a list" },
		{ "steps: [{experiment: latency, matrix: {dtpye: [f32]}}]", "j:1:40: unknown key dtpye (did you mean dtype?)" }, { "steps: [{experiment: latency, matrix: {output: [x]}}]", "j:1:40: unknown key output" },
		{ "steps: [{experiment: latency, dtype: f32, matrix: {dtype: [f32]}}]", "j:1:52: dtype stands in the step and in its matrix" }, { "steps: [{experiment: latency, matrix: {dtype: [f32, f23]}}]", "j:1:40: dtype: \"f23\" is not one of" },
		{ "steps: [{experiment: latency, matrix: {dtype: [f32, f32]}}]", "two steps are named latency.f32" }, { "steps: [{experiment: latency, matrix: {seed: [1,2,3,4,5,6,7,8,9,10], runs: [1,2,3,4,5,6,7,8,9,10], threads: [1,2,3,4,5,6,7,8,9,10,11]}}]", "j:1:31: a matrix of more than 1000" },
		{ "steps: [{experiment: latency, args: [x]}]", "j:1:31: args: latency takes no arguments" }, { "steps: [{verb: verify, args: x}]", "j:1:24: args: expects a list" }, { "steps: [{verb: verify, args: [1]}]", "j:1:24: args: item 1: expects text" },
		{ "steps: [{experiment: latency, compare: {}}]", "j:1:31: compare: expects baseline:" }, { "steps: [{verb: doctor, compare: x}]", "j:1:24: compare: doctor leaves no result" },
		{ "steps: [{experiment: latency, compare: {baseline: x, strcit: true}}]", "j:1:54: unknown key strcit (did you mean strict?)" }, { "steps: [{experiment: latency, compare: {baseline: x, strict: 3}}]", "j:1:54: strict: \"3\" is not true or false" },
		{ "steps: [{experiment: latency, compare: {baseline: x, optional: 3}}]", "j:1:54: optional: expects true or false" }, { "steps: [{experiment: latency, compare: later}, {name: later, experiment: latency}]", "j:1:31: compare: later comes later" },
		{ "steps: [{experiment: latency, repeat: 2, compare: latency}]", "j:1:42: compare: latency is this step itself" },
		{ "steps: [{verb: sweep, compare: x}]", "j:1:23: compare: sweep leaves no result" },
		{ "steps: [{verb: sweep, experiment: latency, batch: 3}]", "j:1:44: unknown key batch" },
		{ "steps: [{name: a, experiment: latency, repeat: 2}, {name: b, experiment: latency, compare: a}]", "compare: a has another number of repeats" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct cmd_campaign c;
		struct assay_err e = ASSAY_ERR_INIT;
		if (cmd_campaign_parse(t[i].yaml, strlen(t[i].yaml), "j", NULL, 0, NULL, &c, &e) != ASSAY_E_USAGE || strncmp(e.msg, t[i].msg, strlen(t[i].msg)))
			if (!strstr(e.msg, t[i].msg) || t[i].msg[0] == 'j')
				fail_msg("%s\nsaid:   %s\nwanted: %s", t[i].yaml, e.msg, t[i].msg);
		cmd_campaign_release(&c);
	}
}

/* Every step as "name: words". */
static char *unfold(const char *yaml, const char *const *sets, int n_sets)
{
	struct cmd_campaign c;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_buf b;
	assay_buf_init(&b, 1 << 20);
	if (cmd_campaign_parse(yaml, strlen(yaml), "dir/the job.yaml", sets, n_sets, NULL, &c, &e))
		fail_msg("%s", e.msg);
	assay_buf_printf(&b, "%s\n", c.name);
	for (int i = 0; i < c.n; i++) {
		struct cmd_argv a = { 0 };
		cmd_step_argv(&c.steps[i], &a);
		assay_buf_printf(&b, "%s:", c.steps[i].name);
		for (int k = 1; k < a.n; k++)
			assay_buf_printf(&b, " %s", a.list[k]);
		for (int k = 0; k < c.steps[i].n_needs; k++)
			assay_buf_printf(&b, " <%s", c.steps[c.steps[i].needs[k]].name);
		if (c.steps[i].compare)
			assay_buf_printf(&b, " ~%s", c.steps[i].baseline_step >= 0 ? c.steps[c.steps[i].baseline_step].stem : c.steps[i].baseline);
		assay_buf_puts(&b, "\n");
		cmd_argv_release(&a);
	}
	cmd_campaign_release(&c);
	return b.data;
}

static void test_unfolds(void **state)
{
	(void)state;
	static const struct { const char *yaml, *set, *want; } t[] = {
		{ "steps: [{experiment: latency}]", NULL, "the-job\nlatency: latency\n" },
		{ "name: n\ndefaults: {runs: 3, batch: [1, 2], quick: true}\nsteps: [{experiment: latency, runs: 4}, {experiment: throughput}]", NULL,
		  "n\nlatency: latency --quick=true --runs=4\nthroughput: throughput --quick=true --batch=1,2 --runs=3\n" },
		{ "steps: [{name: m, experiment: latency, matrix: {model: [org/a-b, c.gguf], dtype: [f32, bf16]}}]", NULL,
		  "the-job\nm.org-a-b.f32: latency --model=org/a-b --dtype=f32\nm.org-a-b.bf16: latency --model=org/a-b --dtype=bf16\nm.c-gguf.f32: latency --model=c.gguf --dtype=f32\nm.c-gguf.bf16: latency --model=c.gguf --dtype=bf16\n" },
		{ "steps: [{experiment: latency, engine: 'sim:f.yaml', matrix: {seed: [1, 2]}, repeat: 2}]", NULL, /* the repeats go round */
		  "the-job\nlatency.1.r1: latency --engine=sim:f.yaml@1 --seed=1\nlatency.2.r1: latency --engine=sim:f.yaml@1 --seed=2\nlatency.1.r2: latency --engine=sim:f.yaml@2 --seed=1\nlatency.2.r2: latency --engine=sim:f.yaml@2 --seed=2\n" },
		{ "steps: [{name: a, experiment: latency, matrix: {dtype: [f32, bf16]}}, {name: b, experiment: latency, matrix: {dtype: [f32, bf16]}, needs: a.f32, compare: a}]", NULL,
		  "the-job\na.f32: latency --dtype=f32\na.bf16: latency --dtype=bf16\nb.f32: latency --dtype=f32 <a.f32 ~a.f32\nb.bf16: latency --dtype=bf16 <a.f32 ~a.bf16\n" },
		{ "steps: [{name: a, experiment: latency, matrix: {dtype: [f32, bf16]}, compare: a.f32}]", NULL, "the-job\na.f32: latency --dtype=f32\na.bf16: latency --dtype=bf16 ~a.f32\n" },
		{ "steps: [{name: a, experiment: latency, repeat: 2}, {name: b, experiment: latency, repeat: 2, compare: {baseline: a, fail_on_regression: 2%}}, {name: c, experiment: memory, compare: ./old}]", NULL,
		  "the-job\na.r1: latency\na.r2: latency\nb.r1: latency\nb.r2: latency ~a\nc: memory ~./old\n" },
		{ "steps: [{name: a, experiment: latency, runs: 3, label: {x: 1, y: z}}, {name: b, experiment: memory, needs: [a]}]", "a.runs=9", "the-job\na: latency --label=x=1 --label=y=z --runs=9\nb: memory <a\n" },
		{ "steps: [{name: m, experiment: latency, matrix: {dtype: [f32, bf16], seed: [1, 2]}}]", "dtype=f16", "the-job\nm.1: latency --dtype=f16 --seed=1\nm.2: latency --dtype=f16 --seed=2\n" },
		{ "steps: [{verb: pairs, a: null, b: '--seed 1', experiment: throughput}, {verb: verify, args: [x, y]}]", NULL, "the-job\npairs: pairs --b=--seed 1 --experiment=throughput\nverify: verify x y\n" },
		{ "steps: [{verb: sweep, experiment: throughput, runs: 2, vary: {batch: [1, 4], dtype: [f32, bf16]}}]", NULL, "the-job\nsweep: sweep --runs=2 --experiment=throughput --vary=batch=1,4 --vary=dtype=f32,bf16\n" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char *got = unfold(t[i].yaml, &t[i].set, t[i].set != NULL);
		assert_string_equal(got, t[i].want);
		free(got);
	}
}

static void test_sets_are_used(void **state)
{
	(void)state;
	static const struct { const char *set, *msg; } t[] = {
		{ "runs", "--set: \"runs\" is not of the form" }, { "=3", "--set: \"=3\" is not of the form" }, { "rnus=3", "--set rnus=3: no step has such an option" }, { "other.runs=3", "--set other.runs=3: no step" },
		{ "runs=0", "--set, step latency: --runs: \"0\" is out of range" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct cmd_campaign c;
		struct assay_err e = ASSAY_ERR_INIT;
		static const char yaml[] = "steps: [{experiment: latency}]";
		assert_int_equal(cmd_campaign_parse(yaml, strlen(yaml), "j", &t[i].set, 1, NULL, &c, &e), ASSAY_E_USAGE);
		if (strncmp(e.msg, t[i].msg, strlen(t[i].msg)))
			fail_msg("%s: %s", t[i].set, e.msg);
		cmd_campaign_release(&c);
	}
}

/* A key of a step that were also an option of a verb could not be told apart. */
static void test_keys_are_no_options(void **state)
{
	(void)state;
	static const char *const keys[] = { "name", "verb", "args", "needs", "repeat", "matrix", "compare" };
	int n;
	const struct assay_verb *const *verbs = cmd_verbs(&n);
	for (int i = 0; i < n; i++)
		for (int t = 0; verbs[i]->tables[t]; t++)
			for (const struct assay_opt *row = verbs[i]->tables[t]; row->name; row++)
				for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
					if (!strcmp(row->name, keys[k]))
						fail_msg("%s --%s is a key of jobs", verbs[i]->name, row->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_refused), cmocka_unit_test(test_unfolds), cmocka_unit_test(test_sets_are_used), cmocka_unit_test(test_keys_are_no_options) };
	return cmocka_run_group_tests_name("campaign jobs", tests, NULL, NULL);
}
