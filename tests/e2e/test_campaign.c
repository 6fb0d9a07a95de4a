/* assay run: steps are processes of their own, one's failure loses no other's result; exit status, resuming, comparisons, what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e.h"

#define SIM "prefill: {fixed_ms: 5, per_token_us: 100}\ndecode: {fixed_ms: %s, per_sequence_us: 0, per_context_token_us: 0}\n"
#define SMALL "prompt_tokens: 8, output_tokens: 6, runs: 5"

static void sim(const char *name, const char *clock, const char *decode_ms)
{
	char text[300];
	snprintf(text, sizeof text, "clock: %s\n" SIM "noise: {run_cv: 0.002, seed: 1}\n", clock, decode_ms);
	e2e_write(name, text);
}

static int set_up(void **state)
{
	(void)state;
	sim("a.yaml", "virtual", "10");
	sim("b.yaml", "virtual", "11");
	sim("real.yaml", "real", "10");
	e2e_write("lost.yaml", "clock: virtual\nprefill: {fixed_ms: 5, per_token_us: 100}\ndecode: {fixed_ms: 10, per_sequence_us: 0, per_context_token_us: 0}\nfaults: [{kind: error, every: 3}]\n");
	e2e_write("failing.yaml", "clock: virtual\n" "prefill: {fixed_ms: 1, per_token_us: 1}\ndecode: {fixed_ms: 1, per_sequence_us: 0, per_context_token_us: 0}\nfaults: [{kind: error, every: 1}]\n");
	e2e_write("met.yaml", "- {metric: ttft_ms, stat: mean, max: 1000}\n");
	e2e_write("missed.yaml", "- {metric: ttft_ms, stat: mean, max: 1}\n");
	return 0;
}

static const char *text(json_t *v, const char *path)
{
	json_t *x = e2e_at(v, path);
	return json_is_string(x) ? json_string_value(x) : "-";
}

/* docs/campaign.schema.json and an XML parser have no objection. */
static void well_formed(const char *dir)
{
	struct e2e r;
	char cwd[1000];
	assert_non_null(getcwd(cwd, sizeof cwd));
	if (access("/usr/bin/python3", X_OK) || system("/usr/bin/python3 -c 'import jsonschema' 2>/dev/null"))
		return;
	e2e_run(&r, "/usr/bin/python3 %s/tools/validate_result.py %s/campaign.json && /usr/bin/python3 -c 'import sys, xml.etree.ElementTree as t; t.parse(sys.argv[1])' %s/junit.xml", cwd, dir, dir);
	if (r.status)
		fail_msg("%s: %s%s", dir, r.out, r.err);
	e2e_release(&r);
}

/* The precedence of exit statuses over steps; what is told of the worst. */
static void test_statuses(void **state)
{
	(void)state;
	static const struct { const char *steps; int status; const char *out; } t[] = {
		{ "{name: x, experiment: latency, engine: 'sim:a.yaml', targets: met.yaml, " SMALL "}", 0, "[1/1] x  VALID" },
		{ "{name: x, experiment: latency, engine: 'sim:a.yaml', targets: missed.yaml, " SMALL "}", 1, "(1 targets missed)" },
		{ "{name: x, experiment: latency, engine: 'sim:a.yaml', targets: [{metric: ttft_ms, stat: mean, max: 1000}], " SMALL "}", 0, "[1/1] x  VALID" },
		{ "{name: x, experiment: latency, engine: 'sim:a.yaml', targets: [{metric: ttft_ms, stat: mean, max: 1}, {metric: tpot_ms, stat: mean, max: 1}], " SMALL "}", 1, "(2 targets missed)" },
		{ "{name: x, experiment: latency, engine: 'replay:nowhere', " SMALL "}", 2, "[1/1] x  failed " },
		{ "{name: x, experiment: latency, engine: 'replay:nowhere', " SMALL "}, {name: y, experiment: latency, engine: 'sim:a.yaml', " SMALL "}", 3, "[2/2] y  VALID" },
		{ "{name: x, experiment: latency, engine: 'sim:failing.yaml', " SMALL "}, {name: y, experiment: latency, engine: 'sim:a.yaml', targets: missed.yaml, " SMALL "}", 3, "no point could be measured" },
		{ "{name: x, experiment: latency, engine: 'replay:nowhere', " SMALL "}, {name: y, experiment: memory, needs: x}", 2, "needs x, which is failed" },
		{ "{name: x, verb: verify, args: [nowhere]}, {name: y, experiment: latency, engine: 'sim:a.yaml', " SMALL "}", 3, "[1/2] x  failed " },
		{ "{name: x, experiment: latency, engine: 'sim:a.yaml', " SMALL "}, {name: y, experiment: latency, engine: 'sim:b.yaml', " SMALL ", compare: {baseline: x, fail_on_regression: 2%}}", 1, "gate fail" },
		{ "{name: x, experiment: latency, engine: 'sim:a.yaml', " SMALL "}, {name: y, experiment: latency, engine: 'sim:b.yaml', " SMALL ", compare: {baseline: x, fail_on_regression: 20%}}", 0, "gate pass" },
		{ "{name: x, experiment: latency, engine: 'sim:a.yaml', " SMALL "}, {name: y, experiment: throughput, batch: [2], engine: 'sim:b.yaml', compare: x}", 1, "not comparable: experiment" },
		{ "{name: x, experiment: latency, engine: 'sim:lost.yaml', " SMALL "}, {name: y, experiment: latency, engine: 'sim:a.yaml', " SMALL ", compare: {baseline: x, fail_on_regression: 20%}}", 4, "a side is INVALID" },
		{ "{name: x, experiment: latency, engine: 'sim:a.yaml', " SMALL ", compare: {baseline: ./none, optional: true, fail_on_regression: 2%}}", 0, "there is no such result yet" },
	};
	struct e2e r;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char job[2000], dir[20];
		snprintf(job, sizeof job, "name: t%zu\nsteps: [%s]\n", i, t[i].steps);
		snprintf(dir, sizeof dir, "s%zu", i);
		e2e_write("job.yaml", job);
		e2e_run(&r, "$A run job.yaml -o %s --no-progress", dir);
		if (r.status != t[i].status || !strstr(r.out, t[i].out) || *r.err)
			fail_msg("%s: status %d\n%s%s", t[i].steps, r.status, r.out, r.err);
		e2e_release(&r);
		snprintf(job, sizeof job, "%s/campaign.json", dir);
		json_t *c = e2e_json(job);
		assert_int_equal(json_integer_value(e2e_at(c, "exit_status")), t[i].status);
		json_decref(c);
	}
	well_formed("s1");
	well_formed("s7");
	well_formed("s9");
	e2e_run(&r, "grep -c 'failure message=\"a side is INVALID' s12/junit.xml; grep -c INVALID s12/summary.md");
	assert_true(r.out[0] == '1' && strlen(r.out) == 4);
	e2e_release(&r);
}

/* Nothing is run, and nothing made, when any step would be refused. */
static void test_refused_before_the_first(void **state)
{
	(void)state;
	static const struct { const char *step, *err; } t[] = {
		{ "{experiment: throughput, model: gtp2}", "job.yaml:1:63: step throughput: model \"gtp2\" is unknown" },
		{ "{experiment: throughput, targets: nowhere.yaml}", "step throughput: --targets: \"nowhere.yaml\" is neither a file" },
		{ "{experiment: throughput, targets: [{metric: ttft_sm, max: 1}]}", "job.yaml:1:107: unknown metric" },
		{ "{experiment: throughput, engine: 'sim:nowhere.yaml'}", "step throughput: nowhere.yaml: cannot open" }, { "{experiment: throughput, engine: 'sim:met.yaml'}", "step throughput: met.yaml:1:1: " },
		{ "{experiment: throughput, engine: smi}", "step throughput: --engine: unknown engine \"smi\"" },
		{ "{experiment: throughput, rnus: 3}", "job.yaml:1:88: unknown key rnus" },
		{ "{experiment: offline, preset: s1}", "step offline: " }, /* three requests do not fit gpt2's context */
		{ "{verb: sweep, experiment: thruput, vary: {seed: [1, 2]}}", "step sweep: sweep: --experiment: \"thruput\" is no experiment" },
		{ "{verb: sweep, experiment: latency, vary: {runs: [1, x]}}", "step sweep: sweep: --vary" },
		{ "{experiment: throughput, compare: {baseline: ./none}}", "compare: baseline ./none: neither a step nor a directory" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		char job[500];
		snprintf(job, sizeof job, "steps: [{experiment: latency, engine: 'sim:a.yaml', runs: 3}, %s]", t[i].step);
		e2e_write("job.yaml", job);
		e2e_run(&r, "$A run job.yaml -o refused; s=$?; test -e refused && echo made; exit $s");
		if (r.status != 2 || *r.out || !strstr(r.err, t[i].err))
			fail_msg("%s: status %d\n%s%s", t[i].step, r.status, r.out, r.err);
		e2e_release(&r);
	}
}

static void test_files(void **state)
{
	(void)state;
	struct e2e r;
	e2e_write("job.yaml", "name: files\ndefaults: {engine: 'sim:a.yaml', " SMALL "}\nsteps:\n- {name: one, experiment: latency, matrix: {model: [gpt2, opt-125m]}}\n"
	                      "- {name: two, experiment: throughput, engine: 'sim:b.yaml', batch: [1, 2], prompt_tokens: 8, output_tokens: 6, repeat: 2, label: {why: \"a|b <c>\"}}\n");
	e2e_run(&r, "GITHUB_STEP_SUMMARY=page.md $A run job.yaml -o files --json; cp page.md kept.md; cmp page.md files/summary.md");
	json_t *c = json_loads(r.out, 0, NULL), *disk = e2e_json("files/campaign.json");
	assert_int_equal(json_equal(c, disk), 1);
	assert_int_equal(json_array_size(e2e_at(c, "steps")), 4);
	assert_string_equal(text(c, "steps.1.name"), "one.opt-125m");
	assert_string_equal(text(c, "steps.3.directory"), "two.r2");
	assert_string_equal(text(c, "steps.0.result.verdict"), "VALID");
	assert_non_null(strstr(r.err, "[4/4] two.r2"));
	e2e_release(&r);
	json_decref(c);
	json_decref(disk);
	well_formed("files");
	e2e_run(&r, "grep -c '## assay run' page.md; grep -c '^| two.r2 | done | VALID | 2 |' page.md; grep -c '\"step\":\"one.gpt2\"' files/results.jsonl; $A verify files --json | grep -c '\"ok\": true'; grep -o ' tests=\"[0-9]*\"' files/junit.xml | head -1");
	int page = 0, rows = 0, lines = 0, verified = 0, tests = 0;
	if (sscanf(r.out, "%d %d %d %d tests=\"%d\"", &page, &rows, &lines, &verified, &tests) != 5 || page != 1 || rows != 1 || lines < 20 || verified < 1 || tests != 4 + 4 + 6)
		fail_msg("%s%s", r.out, r.err); /* a run and a verdict each, and six points */
	e2e_release(&r);
	e2e_run(&r, "$A run job.yaml -o files");
	assert_int_equal(r.status, 2);
	assert_non_null(strstr(r.err, "already holds something"));
	e2e_release(&r);
}

/* Whether the line of a step says that it was kept; its verdict is not looked at: on a real clock it is the machine's. */
static int kept(const char *out, const char *step)
{
	const char *line = strstr(out, step), *end = line ? strchr(line, '\n') : NULL, *word = line ? strstr(line, " kept ") : NULL;
	return line ? word && word < end : -1;
}

/* A killed campaign goes on: finished steps are not measured again, the one under way is; changed steps too. */
static void test_resume(void **state)
{
	(void)state;
	struct e2e r;
	e2e_write("job.yaml", "name: r\nsteps:\n- {name: a, experiment: latency, engine: 'sim:a.yaml', " SMALL "}\n- {name: b, experiment: latency, engine: 'sim:real.yaml', prompt_tokens: 8, output_tokens: 20, runs: 20}\n"
	                      "- {name: c, experiment: latency, engine: 'sim:a.yaml', " SMALL "}\n");
	e2e_run(&r, "$A run job.yaml -o k & p=$!; while ! test -s k/b/journal.bin; do sleep 0.02; done; c=$(cat /proc/$p/task/$p/children); $A run job.yaml -o k --resume; kill -KILL $p; wait $p; "
	            "while kill -0 $c 2>/dev/null; do sleep 0.02; done; test -e k/c && echo early; exit 0");
	assert_non_null(strstr(r.err, "k: in use"));
	assert_null(strstr(r.out, "early"));
	e2e_release(&r);
	e2e_run(&r, "$A run job.yaml -o k --resume --set b.output_tokens=4 --set b.runs=5 --no-progress; s=$?; ls -d k/*.old-*; exit $s");
	if (r.status || kept(r.out, "[1/3] a") != 1 || kept(r.out, "[2/3] b") != 0 || kept(r.out, "[3/3] c") != 0 || !strstr(r.out, "k/b.old-1"))
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	e2e_run(&r, "$A run job.yaml -o k --resume --set b.output_tokens=4 --set b.runs=5 --set c.runs=6 --no-progress");
	if (r.status || kept(r.out, "[2/3] b") != 1 || kept(r.out, "[3/3] c") != 0)
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	well_formed("k");
	e2e_write("job.yaml", "steps: [{name: a, experiment: latency, engine: 'sim:a.yaml', targets: [{metric: ttft_ms, stat: mean, max: 9}], " SMALL "}]");
	e2e_run(&r, "$A run job.yaml -o t --no-progress; $A run job.yaml -o t --resume --no-progress; sed -i 's/max: 9/max: 1/' job.yaml; $A run job.yaml -o t --resume --no-progress");
	if (r.status != 1 || !strstr(r.out, "kept") || !strstr(r.out, "(1 targets missed)"))
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	e2e_run(&r, "$A run job.yaml --resume");
	assert_int_equal(r.status, 2);
	e2e_release(&r);
}

/* Ctrl-C: the step under way saves what it has, the rest is left, the directory can go on. */
static void test_interrupted(void **state)
{
	(void)state;
	struct e2e r;
	e2e_write("job.yaml", "name: i\nsteps:\n- {name: a, experiment: latency, engine: 'sim:real.yaml', prompt_tokens: 8, output_tokens: 20, runs: 200}\n- {name: b, experiment: latency, engine: 'sim:a.yaml', " SMALL "}\n");
	e2e_run(&r, "$A run job.yaml -o i & p=$!; while ! test -s i/a/journal.bin; do sleep 0.02; done; sleep 0.2; kill -INT $p; wait $p");
	assert_int_equal(r.status, 130);
	assert_non_null(strstr(r.out, "next     assay run job.yaml --output i --resume"));
	assert_non_null(strstr(r.err, "the results so far are in i"));
	e2e_release(&r);
	json_t *c = e2e_json("i/campaign.json"), *a = e2e_json("i/a/result.json");
	assert_string_equal(text(c, "steps.0.state"), "interrupted");
	assert_string_equal(text(c, "steps.1.state"), "pending");
	assert_true(json_is_true(e2e_at(c, "interrupted")) && json_is_true(e2e_at(a, "interrupted")));
	json_decref(c);
	json_decref(a);
	well_formed("i");
}

/* What can go on by itself does: hours of a soak, configurations of a sweep are not measured again. */
static void test_goes_on(void **state)
{
	(void)state;
	static const struct { const char *name, *step, *begun; } t[] = {
		{ "soak", "{name: x, experiment: soak, engine: 'sim:real.yaml', duration: 2s, probe: 500ms, window: 1s, output_tokens: 8}", "x/journal.bin" },
		{ "sweep", "{name: x, verb: sweep, experiment: latency, vary: {seed: [1, 2, 3]}, engine: 'sim:real.yaml', prompt_tokens: 8, output_tokens: 10, runs: 5, confirm: false}", "x/configs/*/result.json" },
	};
	for (size_t i = 0; i < 2; i++) {
		struct e2e r;
		char job[500];
		snprintf(job, sizeof job, "steps: [%s]", t[i].step);
		e2e_write("job.yaml", job);
		e2e_run(&r, "$A run job.yaml -o go-%s --no-progress & p=$!; while ! test -s go-%s/%s; do sleep 0.02; done; sleep %s; kill -INT $p; wait $p", t[i].name, t[i].name, t[i].begun, i ? "0.1" : "1.5");
		if (r.status != 130)
			fail_msg("%s: status %d\n%s%s", t[i].name, r.status, r.out, r.err);
		e2e_release(&r);
		e2e_run(&r, "$A run job.yaml -o go-%s --resume --no-progress; s=$?; ls -d go-%s/*.old-* 2>/dev/null; grep -c -e '--resume' go-%s/campaign.json; exit $s", t[i].name, t[i].name, t[i].name);
		if (r.status > 1 || strstr(r.out, "old-") || !strstr(r.out, "\n1\n") || kept(r.out, "[1/1] x") != 0) /* 1: a sweep that may name no best */
			fail_msg("%s: status %d\n%s%s", t[i].name, r.status, r.out, r.err);
		e2e_release(&r);
	}
}

/* The faces that --format must name: verify makes them again; a page of CI gets the summary of a single run too. */
static void test_faces_on_request(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "GITHUB_STEP_SUMMARY=one.md $A latency -e sim:a.yaml --runs 5 -o faces --format md,junit,summary,jsonl,openmetrics >/dev/null && ls faces | tr '\n' ' ' && tail -n 1 faces/openmetrics.txt && head -c 18 one.md && $A verify faces");
	if (r.status || !strstr(r.out, "journal.bin junit.xml manifest.json openmetrics.txt records.jsonl report.md result.json results.jsonl summary.md # EOF\n### assay latency:ok: faces: 9 files hold"))
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	e2e_run(&r, "sed -i 's/\"n\":5/\"n\":6/' faces/results.jsonl; rm faces/junit.xml; $A verify faces; s=$?; $A report faces --format junit >/dev/null; $A report faces --format jsonl >/dev/null; $A verify faces && exit $s");
	if (r.status != 1 || !strstr(r.out, "results.jsonl: line 1") || !strstr(r.out, "junit.xml: missing"))
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	e2e_run(&r, "$A latency -e sim:b.yaml --runs 5 -o faces3 >/dev/null; GITHUB_STEP_SUMMARY=two.md $A compare faces faces3 --json >/dev/null; grep -c '^# B against A: SLOWER' two.md");
	assert_string_equal(r.out, "1\n");
	e2e_release(&r);
	e2e_run(&r, "GITHUB_STEP_SUMMARY=/nowhere/x $A latency -e sim:a.yaml --runs 5 -o faces2; ls faces2");
	assert_non_null(strstr(r.err, "GITHUB_STEP_SUMMARY /nowhere/x: cannot append"));
	assert_null(strstr(r.out, "junit.xml"));
	e2e_release(&r);
}

/* The same steps of an earlier campaign are the baseline. */
static void test_earlier_campaign(void **state)
{
	(void)state;
	struct e2e r;
	e2e_write("job.yaml", "name: w\ndefaults: {engine: 'sim:a.yaml', " SMALL "}\nsteps:\n- {name: one, experiment: latency, repeat: 2, compare: {baseline: week2, optional: true, fail_on_regression: 2%}}\n");
	e2e_run(&r, "$A run job.yaml -o week2 --no-progress && $A run job.yaml -o week3 --no-progress && $A run job.yaml -o week4 --set engine=sim:b.yaml --no-progress; s=$?; $A run job.yaml -o week5 --baseline week4 --no-progress; "
	            "test $? = 0 && exit $s");
	if (r.status != 1 || !strstr(r.out, "against week2: there is no such result yet") || !strstr(r.out, "against week2: SAME") || !strstr(r.out, "gate fail") || !strstr(r.out, "against week4: FASTER, gate pass"))
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	json_t *c = e2e_json("week4/campaign.json");
	assert_string_equal(text(c, "steps.1.comparison.gate"), "fail");
	assert_true(json_is_null(e2e_at(c, "steps.0.comparison"))); /* the repeats are compared together */
	json_decref(c);
	e2e_write("more.yaml", "defaults: {engine: 'sim:a.yaml', " SMALL "}\nsteps:\n- {name: new, experiment: latency, compare: {baseline: week2, optional: true}}\n");
	e2e_run(&r, "$A run more.yaml -o more --no-progress");
	if (r.status || !strstr(r.out, "against week2: there is no such result yet"))
		fail_msg("status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	e2e_run(&r, "$A run job.yaml -o week4 --resume --only oen; $A run job.yaml --dry-run");
	assert_non_null(strstr(r.err, "--only: no step is named oen (did you mean one?)"));
	assert_non_null(strstr(r.out, "assay latency --engine=sim:a.yaml@2 --prompt-tokens=8 --output-tokens=6 --runs=5"));
	e2e_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses), cmocka_unit_test(test_refused_before_the_first), cmocka_unit_test(test_files), cmocka_unit_test(test_resume), cmocka_unit_test(test_interrupted), cmocka_unit_test(test_goes_on), cmocka_unit_test(test_faces_on_request),
		cmocka_unit_test(test_earlier_campaign),
	};
	return cmocka_run_group_tests_name("campaign", tests, set_up, NULL);
}
