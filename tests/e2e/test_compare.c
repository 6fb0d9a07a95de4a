/* assay compare from a user's side: verdicts, exit statuses, the JSON document, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e.h"

#define GATE "--fail-on-regression 2% "

/* A sim of that slowness (1 = base) and noise seed, measured by `verb` into directory `name`. */
static void measure(const char *name, double slow, int seed, const char *verb, const char *extra)
{
	char yaml[400], file[64];
	struct e2e r;
	snprintf(yaml, sizeof yaml, "prefill: {fixed_ms: %g, per_token_us: %g}\ndecode: {fixed_ms: %g, per_sequence_us: %g}\nnoise: {run_cv: 0.005, seed: %d}\n%s", 4 * slow, 100 * slow, 10 * slow, 100 * slow, seed, extra);
	snprintf(file, sizeof file, "%s.yaml", name);
	e2e_write(file, yaml);
	e2e_run(&r, "$A %s -e sim:%s --output-tokens 8 --runs 12 -o %s", verb, file, name);
	if (r.status != 0 && r.status != 4)
		fail_msg("%s: %d %s", name, r.status, r.err);
	e2e_release(&r);
}

static int set_up(void **state)
{
	(void)state;
	measure("a1", 1, 1, "latency --prompt-tokens 16,32", "");
	measure("a2", 1, 2, "latency --prompt-tokens 16,32", "");
	measure("a3", 1, 3, "latency --prompt-tokens 16,32", "");
	measure("b1", 1.05, 4, "latency --prompt-tokens 16,32", "");
	measure("b2", 1.05, 5, "latency --prompt-tokens 16,32", "");
	measure("short", 1, 6, "latency --prompt-tokens 8", "");
	measure("batches", 1, 7, "throughput --prompt-tokens 16 --batch 1", "");
	measure("opt", 1, 8, "latency --prompt-tokens 16,32 -m opt-125m", "");
	measure("bad", 1, 9, "latency --prompt-tokens 16,32", "faults: [{kind: error, every: 2}]\n");
	return 0;
}

static void test_statuses(void **state)
{
	(void)state;
	static const struct { const char *args; int status; const char *out, *err; } t[] = {
		{ "a1 a2", 0, "B against A: SAME", "" },
		{ "a1 a1", 0, "B against A: SAME", "" },
		{ "a1 b1", 0, "B against A: SLOWER", "" },
		{ "b1 a1", 0, "B against A: FASTER", "" },
		{ GATE "a1 b1", 1, "REGRESSION: ttft_ms", "" },
		{ "a1 b1 --fail-on-regression 10", 0, "pass: ttft_ms", "" },
		{ GATE "b1 a1", 0, "pass: ttft_ms", "" },
		{ GATE "a1 a2", 0, "pass: ttft_ms", "" },
		{ "a1 b1 --fail-on output_tok_s:3%", 1, "REGRESSION: output_tok_s", "" },
		{ "a1 b1 --fail-on output_tok_s:9%", 0, "pass: output_tok_s", "" },
		{ "a1 b1 --min-effect 20%", 0, "SAME", "" },
		{ "a1 a2 --fail-on-regression 0% --min-effect 0.1%", 0, "NOT SURE", "undecided" },
		{ "a1 a2 --fail-on-regression 0% --min-effect 0.1% --strict", 1, "NOT SURE", "" },
		{ "a1 a2 a3 -- b1 b2 " GATE, 1, "the unit is the result", "" },
		{ "a1 a2 -- a3 b2 --metrics tpot_ms", 0, "tpot_ms", "" },
		{ "a1 opt --across model", 0, "model: gpt2 against opt-125m", "" },
		{ "a1 bad " GATE, 4, "failed requests a run", "INVALID" },
		{ "a1 short", 2, NULL, "not comparable: cases: none was measured on both sides" },
		{ "a1 batches", 2, NULL, "not comparable: experiment: latency against throughput" },
		{ "a1 opt", 2, NULL, "not comparable: model: gpt2 against opt-125m; model family: gpt2 against opt" },
		{ "a1", 2, NULL, "compare needs two results" },
		{ "a1 a2 b1", 2, NULL, "compare needs two results" },
		{ "-- a1 a2", 2, NULL, "compare needs two results" },
		{ "a1 -- b1 b2", 2, NULL, "1 results against 2" },
		{ "a1 a2 a3 -- b1 b2 --paired", 2, NULL, "3 results against 2" },
		{ "a1 a2 a3 -- b1 b2 a1 --paired", 2, NULL, "--paired: 3 pairs" },
		{ "a1 b1 --sequential", 2, NULL, "--sequential is for --paired" },
		{ "a1 a1 -- b1 b2", 2, NULL, "a copy is no second measurement" },
		{ "a1 nowhere", 2, NULL, "nowhere: no such directory" },
		{ "a1 .", 2, NULL, "holds no result.json" },
		{ "a1 b1 --metrics ttft", 2, NULL, "unknown metric \"ttft\"" },
		{ "a1 b1 --min-effect x", 2, NULL, "--min-effect: \"x\" is not a percentage" },
		{ "a1 b1 --fail-on ttft_ms", 2, NULL, "is not KEY:X%" },
		{ "a1 b1 --fail-on load_ms:2%", 2, NULL, "load_ms is not among the compared metrics" },
		{ "a1 b1 --metrcs ttft_ms", 2, NULL, "did you mean --metrics?" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		e2e_run(&r, "$A compare %s", t[i].args);
		if (r.status != t[i].status || (t[i].out ? !strstr(r.out, t[i].out) : *r.out) || !strstr(r.err, t[i].err) || (!*t[i].err && *r.err))
			fail_msg("compare %s: status %d\n%s%s\nwanted %d %s %s", t[i].args, r.status, r.out, r.err, t[i].status, t[i].out ? t[i].out : "(nothing)", t[i].err);
		e2e_release(&r);
	}
}

/* Numbers that somebody changed are compared, and said to be. */
static void test_edited(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "cp -r a2 edited && sed -i 's/\"seed\": 0/\"seed\": 5/' edited/result.json && $A compare a1 edited");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.err, "assay: edited: edited: its id is not the hash of what it says"));
	e2e_release(&r);
}

static void test_json(void **state)
{
	(void)state;
	static const char *const top[] = { "comparable", "differences", "metrics", "verdict", "warnings", "method", "alpha", "min_effect_pct", "sides", "schema" };
	static const char *const row[] = { "key", "case", "a", "b", "effect_pct", "ci95_pct", "verdict", "pairs_needed" };
	struct e2e r;
	e2e_run(&r, "$A compare a1 b1 --json");
	json_t *c = json_loads(r.out, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(c);
	assert_int_equal(r.status, 0);
	assert_int_equal(json_object_size(c), sizeof top / sizeof *top);
	for (size_t i = 0; i < sizeof top / sizeof *top; i++)
		assert_non_null(json_object_get(c, top[i]));
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		assert_non_null(json_object_get(e2e_at(c, "metrics.0"), row[i]));
	assert_true(json_is_true(e2e_at(c, "comparable")));
	assert_string_equal(json_string_value(e2e_at(c, "verdict")), "SLOWER");
	assert_string_equal(json_string_value(e2e_at(c, "metrics.0.verdict")), "SLOWER");
	assert_true(json_real_value(e2e_at(c, "metrics.0.ci95_pct.0")) < 5 && json_real_value(e2e_at(c, "metrics.0.ci95_pct.1")) > 5); /* the truth is 5 % */
	json_decref(c);
	e2e_release(&r);
	e2e_run(&r, "$A compare a1 opt --json");
	c = json_loads(r.out, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(r.status, 2);
	assert_true(json_is_false(e2e_at(c, "comparable")));
	assert_true(json_is_null(e2e_at(c, "verdict")));
	assert_string_equal(json_string_value(e2e_at(c, "differences.0.what")), "model");
	json_decref(c);
	e2e_release(&r);
}

/* Interleaved pairs: a 5 % slow-down is found at the first look, equal programs are shown equal, what cannot be measured is refused. */
static void test_pairs(void **state)
{
	(void)state;
	static const struct { const char *args; int status; const char *out, *err; } t[] = {
		{ "--a sim:a1.yaml --b sim:b1.yaml -o p1 " GATE, 1, "B against A: SLOWER", "" },
		{ "--a 'sim:a1.yaml -q' --b '-e sim:a2.yaml' -o p2 --max-pairs 20 " GATE, 0, "B against A: SAME", "" },
		{ "--a sim:a1.yaml --b sim:b1.yaml -o p1", 2, NULL, "already holds something" },
		{ "--a sim:a1.yaml --b '--engine nul' -o p3", 2, NULL, "--b: --engine: unknown engine \"nul\"" },
		{ "--a nul --b sim:a1.yaml -o p4", 2, NULL, "--a: --engine: unknown engine \"nul\"" },
		{ "--a sim:a1.yaml --b 'sim:b1.yaml --prompt-tokens 7' -o p5", 2, NULL, "not comparable: cases" },
		{ "--a 'sim:a1.yaml -o elsewhere' --b null -o p10", 2, NULL, "--a: --output: every visit is a result of its own" },
		{ "--a null --b 'null --save-as x' -o p11", 2, NULL, "--b: --save-as: every visit" },
		{ "--a null --b null --with=--dry-run -o p12", 2, NULL, "--a: --dry-run: every visit" },
		{ "--a sim:a1.yaml -o p6", 2, NULL, "pairs needs --a" },
		{ "--a '' --b '' --with '-e sim:a1.yaml -q' --max-pairs 10 -o p9", 0, "B against A: SAME", "" },
		{ "--a \"'sim:a1.yaml\" --b null -o p7", 2, NULL, "--a: a quote is not closed" },
		{ "--a null --b null --max-pairs 12 -o p8", 2, NULL, "--max-pairs" },
	};
	struct e2e r;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		e2e_run(&r, "$A pairs --with '--prompt-tokens 16 --output-tokens 8' %s", t[i].args);
		if (r.status != t[i].status || (t[i].out ? !strstr(r.out, t[i].out) : *r.out) || !strstr(r.err, t[i].err))
			fail_msg("pairs %s: status %d\n%s%s", t[i].args, r.status, r.out, r.err);
		e2e_release(&r);
	}
	e2e_expect(0, "$A compare p1/visits/001-A p1/visits/001-A", "the same result stands on both sides", "");
	e2e_expect(0, "$A verify p1", "ok: p1/comparison.json: follows from the results below it", "");
	e2e_expect(1, "cp -r p1 p1e; sed -i '0,/\"effect_pct\": /s//\"effect_pct\": 1/' p1e/comparison.json; $A verify p1e", "effect_pct: found", "");
	e2e_expect(1, "rm -r p1e; cp -r p1 p1e; rm -r p1e/visits/007-B; $A verify p1e", "007-B: no result there", "");
	e2e_expect(1, "rm -r p1e; cp -r p1 p1e; sed -i 's/\"measured\": 10/\"measured\": 101/' p1e/comparison.json; $A verify p1e", "of no pairs", "");
	assert_int_not_equal(access("p3", F_OK), 0); /* refused before A was measured */
	json_t *c = e2e_json("p1/comparison.json");
	assert_int_equal(json_integer_value(e2e_at(c, "pairs.measured")), 10);
	assert_string_equal(json_string_value(e2e_at(c, "pairs.looks.0.verdict")), "SLOWER");
	assert_string_equal(json_string_value(e2e_at(c, "method")), "paired");
	assert_string_equal(json_string_value(e2e_at(c, "gate.status")), "fail");
	json_decref(c);
	e2e_run(&r, "grep -c 'data-figure=\"forest\"' p1/report.html; grep -c '## Looks' p1/comparison.md");
	assert_string_equal(r.out, "1\n1\n");
	e2e_release(&r);
	e2e_run(&r, "$A compare a1 short --json >refused.json; $A compare a1 a2 a3 -- b1 b2 --fail-on-regression 2%% --json >several.json");
	e2e_release(&r);
	e2e_schema("p1/comparison.json p2/comparison.json refused.json several.json");
	e2e_run(&r, "ls p1/visits | grep -v log | tr '\\n' ' '; ls p4"); /* A B B A ...; nothing where nothing was */
	assert_non_null(strstr(r.out, "001-A 002-B 003-B 004-A 005-A"));
	assert_int_not_equal(r.status, 0);
	e2e_release(&r);
}

/* -o saves the document and two faces; a directory's name cannot become markup, and nothing is overwritten. */
static void test_output(void **state)
{
	(void)state;
	struct e2e r;
	static const char *const parts[] = { "grep -c 'data-figure=\"forest\"' s1/report.html", "grep -c '^| ttft_ms |' s1/comparison.md", "grep -c '&#60;script&#62;alert(7)' s1/report.html" };
	e2e_run(&r, "mkdir -p 'k' && cp -r b1 'k/<script>alert(7)<' && $A compare a1 'k/<script>alert(7)<' -o s1 && ls s1");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "report  s1/report.html\ncomparison.json\ncomparison.md\nreport.html\n"));
	e2e_release(&r);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		e2e_run(&r, "%s", parts[i]);
		if (r.status || atoi(r.out) < 1)
			fail_msg("%s: %s", parts[i], r.out);
		e2e_release(&r);
	}
	e2e_run(&r, "grep -c '<script>alert(7)' s1/report.html s1/comparison.md");
	assert_string_equal(r.out, "s1/report.html:0\ns1/comparison.md:0\n");
	e2e_release(&r);
	json_t *c = e2e_json("s1/comparison.json");
	assert_string_equal(json_string_value(e2e_at(c, "verdict")), "SLOWER");
	assert_string_equal(json_string_value(e2e_at(c, "sides.b.0.dir")), "k/<script>alert(7)<");
	assert_non_null(strstr(json_string_value(e2e_at(c, "sides.a.0.command")), "-e sim:a1.yaml"));
	json_decref(c);
	e2e_schema("s1/comparison.json");
	e2e_run(&r, "$A compare a1 b1 -o s1");
	assert_int_equal(r.status, 2);
	assert_string_equal(r.out, "");
	assert_non_null(strstr(r.err, "already holds something"));
	e2e_release(&r);
	e2e_run(&r, "$A compare a1 short -o s2; ls s2");
	assert_int_not_equal(r.status, 0);
	assert_string_equal(r.out, "");
	e2e_release(&r);
}

/* No line is wider than the terminal that users have. */
static void test_width(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "%s", "$A compare a1 b1 " GATE);
	for (char *p = strtok(r.out, "\n"); p; p = strtok(NULL, "\n"))
		if (strlen(p) > 80)
			fail_msg("%zu columns: %s", strlen(p), p);
	e2e_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_statuses), cmocka_unit_test(test_edited), cmocka_unit_test(test_json), cmocka_unit_test(test_pairs), cmocka_unit_test(test_output), cmocka_unit_test(test_width) };
	return cmocka_run_group_tests_name("compare", tests, set_up, NULL);
}
