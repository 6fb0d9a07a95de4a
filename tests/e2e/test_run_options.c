/* Options of every measuring verb: the user's commands around it, a bound on its time, conditions that end it, options of one engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "e2e.h"

static int set_up(void **state)
{
	(void)state;
	e2e_write("sim.yaml", "clock: virtual\nprefill: {fixed_ms: 5, per_token_us: 100}\ndecode: {fixed_ms: 10, per_sequence_us: 100, per_context_token_us: 0}\n");
	e2e_write("slow.yaml", "clock: real\nprefill: {fixed_ms: 5, per_token_us: 1}\ndecode: {fixed_ms: 5, per_sequence_us: 1, per_context_token_us: 0}\n");
	return 0;
}

/* The nth note of a code; borrowed. */
static json_t *note(json_t *doc, const char *code, size_t nth)
{
	size_t i;
	json_t *n;
	json_array_foreach(e2e_at(doc, "notes"), i, n)
		if (!strcmp(json_string_value(e2e_at(n, "code")), code) && !nth--)
			return n;
	return NULL;
}

static int64_t number(json_t *v, const char *path)
{
	json_t *x = v ? e2e_at(v, path) : NULL;
	return json_is_integer(x) ? json_integer_value(x) : -99;
}

static const char *text(json_t *v, const char *path)
{
	json_t *x = v ? e2e_at(v, path) : NULL;
	return json_is_string(x) ? json_string_value(x) : "(none)";
}

static void test_commands(void **state)
{
	(void)state;
	static const struct { const char *which; int status; const char *last; int repeat; } want[] = {
		{ "setup", 0, "two", -99 }, { "prepare", 0, "(none)", -1 }, { "prepare", 0, "(none)", 0 }, { "prepare", 0, "(none)", 1 }, { "cleanup", 5, "b", -99 },
	};
	struct e2e r;
	e2e_run(&r, "$A latency -e sim:sim.yaml --runs 2 -o a --json --setup 'echo one; echo two; echo' --prepare 'echo x >>visits' --cleanup 'echo a; echo b >&2; exit 5' "
	            "&& cat a/commands.log && cat visits && $A verify a");
	assert_int_equal(r.status, 0);
	assert_true(r.out[0] == '{' && !strstr(r.out, "\none\n\n")); /* the document alone, then the log */
	assert_non_null(strstr(r.out, "# setup: echo one; echo two; echo\none\ntwo\n\n# prepare: echo x >>visits\n# prepare"));
	assert_non_null(strstr(r.out, "# cleanup: echo a; echo b >&2; exit 5\na\nb\nx\nx\nx\nok: a"));
	assert_non_null(strstr(r.err, "assay: --cleanup: the command failed with exit status 5: b\n"));
	json_t *doc = e2e_json("a/result.json");
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		json_t *n = note(doc, "command", i);
		assert_string_equal(text(n, "which"), want[i].which);
		assert_int_equal(number(n, "exit_status"), want[i].status);
		assert_string_equal(text(n, "last_line"), want[i].last);
		assert_int_equal(number(n, "repeat"), want[i].repeat);
		assert_true(json_real_value(e2e_at(n, "duration_ms")) > 0);
	}
	assert_null(note(doc, "command", 5));
	assert_string_equal(text(doc, "config.prepare"), "echo x >>visits");
	json_decref(doc);
	e2e_release(&r);
}

/* A command that fails stops what it was for, and nothing else; the engine is not even opened after a setup that failed. */
static void test_failures(void **state)
{
	(void)state;
	static const struct { const char *line; int status; const char *out, *err; } t[] = {
		{ "$A latency -e sim:sim.yaml -o f1 --setup 'echo fine; echo broken >&2; exit 7' --cleanup 'touch f1.clean'; s=$?; ls f1.clean; ls f1; exit $s", 3, "f1.clean\n",
		  "assay: --setup: the command failed with exit status 7: broken\n" },
		{ "$A latency -e sim:absent.yaml -o f2 --setup 'touch f2.ran' --cleanup 'echo c >>f2.clean'; s=$?; cat f2.clean; exit $s", 2, "c\n", "absent.yaml" },
		{ "$A latency -e simm:x -o f3 --setup 'touch f3.ran'; s=$?; ls f3.ran; exit $s", 2, "", "unknown engine" },
		{ "$A latency -e sim:sim.yaml -o f4 --setup 'kill -9 $$'", 3, "", "--setup: the command was ended by signal 9" },
		{ "$A latency -e sim:sim.yaml -o f5 --prepare 'echo no; false'", 3, "", "no point could be measured: --prepare: the command failed with exit status 1: no" },
		{ "$A latency -e sim:sim.yaml -o f6 --runs 3 --prompt-tokens 8,9 --prepare 'n=$(cat n6); echo $n | grep -q 4 && exit 9; echo $((n+1)) >n6' --json", 4, "\"dropped\": 0", "" },
		{ "$A latency -e sim:sim.yaml -o f7 --dry-run --setup 'touch f7.ran'; ls f7.ran", 2, "", "f7.ran" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		e2e_run(&r, "%s", t[i].line);
		bool odd = i == 5 ? strstr(r.out, "--prepare: the command failed with exit status 9 and no output") == NULL : strcmp(t[i].out, "") && strcmp(r.out, t[i].out);
		if (r.status != t[i].status || odd || !strstr(r.err, t[i].err))
			fail_msg("%s: status %d\n%s\n%s", t[i].line, r.status, r.out, r.err);
		e2e_release(&r);
	}
}

#define STOP "n=0; while ! test -s %s && test $n -lt 200; do sleep 0.02; n=$((n+1)); done; kill -INT $p; wait $p; s=$?; "

/* Ctrl-C ends a setup or prepare command with all it started, and cleanup runs to its end; a server that setup left behind holds nothing up. */
static void test_interrupted(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "$A latency -e sim:sim.yaml -o i1 --setup 'sleep 300 & echo $! >i1.pid; wait' --cleanup 'sleep 0.3; echo done >i1.clean' & p=$!; " STOP
	            "cat i1.clean; ls i1; sleep 0.2; grep -qs '^State:.[^Z]' /proc/$(cat i1.pid)/status && echo alive; exit $s", "i1.pid");
	if (r.status != 130 || strcmp(r.out, "done\n") || !strstr(r.err, "assay: interrupted in the setup command\n"))
		fail_msg("setup: status %d\n%s%s", r.status, r.out, r.err);
	e2e_release(&r);
	e2e_run(&r, "$A latency -e sim:slow.yaml -o i2 --runs 10000 --cleanup 'sleep 0.2; echo done' & p=$!; " STOP "exit $s", "i2/journal.bin");
	json_t *doc = e2e_json("i2/result.json");
	assert_int_equal(r.status, 130);
	assert_true(json_is_true(e2e_at(doc, "interrupted")));
	assert_string_equal(text(note(doc, "command", 0), "last_line"), "done");
	json_decref(doc);
	e2e_release(&r);
	e2e_run(&r, "$A latency -e sim:sim.yaml -o i3 --setup 'sleep 300 >/dev/null 2>&1 & echo $! >i3.pid' --cleanup 'kill $(cat i3.pid)' >/dev/null && $A verify i3 && ! grep -qs '^State:.[^Z]' /proc/$(cat i3.pid)/status");
	assert_int_equal(r.status, 0);
	e2e_release(&r);
}

static void test_max_time(void **state)
{
	(void)state;
	struct e2e r;
	/* a visit takes 1.05 s of virtual time: warm-ups and 20 runs of three points do not fit into 20 s */
	e2e_run(&r, "$A latency -e sim:sim.yaml -o m1 --prompt-tokens 100,110,120 --runs 20 --max-time 20s");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "To keep the time budget"));
	json_t *doc = e2e_json("m1/result.json");
	int64_t done = number(note(doc, "dropped", 0), "runs_done") + number(note(doc, "dropped", 1), "runs_done") + number(note(doc, "dropped", 2), "runs_done");
	if (done < 12 || done > 17)
		fail_msg("%lld runs were made in 20 s", (long long)done);
	assert_string_equal(text(note(doc, "dropped", 0), "reason"), "time budget");
	json_decref(doc);
	e2e_release(&r);
	/* an engine that tells no steps: nothing to plan with, and yet an end */
	e2e_run(&r, "$A latency -e null -o m2 --runs 100000 --max-time 400ms");
	assert_true(r.status == 0 || r.status == 4); /* a busy machine disturbs it */
	doc = e2e_json("m2/result.json");
	int64_t runs = number(note(doc, "dropped", 0), "runs_done");
	if (runs < 2 || runs > 99000)
		fail_msg("%lld runs of the null engine in 0.4 s", (long long)runs);
	json_decref(doc);
	e2e_release(&r);
}

static void test_abort(void **state)
{
	(void)state;
	static const struct { const char *name, *options; int status; const char *out; } t[] = {
		{ "t1", "--prompt-tokens 800,10 --runs 300 --abort-on 'ttft_ms>84.9'", 1, "--abort-on ttft_ms>84.9 holds: 85 at latency" },
		{ "t2", "--prompt-tokens 800,10 --runs 3 --abort-on 'ttft_ms>85.1'", 0, "" },
		{ "t3", "--runs 3 --abort-on 'e2el_ms>1e9' --abort-on 'tpot_ms<100'", 1, "--abort-on tpot_ms<100 holds: 10.1 at latency" },
		{ "t4", "--runs 3 --abort-on 'ttft_ms.p99>0'", 0, "p99 of ttft_ms needs 662 requests, 3 were measured" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		char file[40];
		e2e_run(&r, "$A latency -e sim:sim.yaml -o %s %s && $A verify %s && cat %s/report.md", t[i].name, t[i].options, t[i].name, t[i].name);
		if (r.status != t[i].status || (*t[i].out && !strstr(r.out, t[i].out)))
			fail_msg("%s: status %d\n%s%s", t[i].options, r.status, r.out, r.err);
		e2e_release(&r);
		snprintf(file, sizeof file, "%s/result.json", t[i].name);
		json_t *doc = e2e_json(file);
		assert_int_equal(note(doc, "aborted", 0) != NULL, t[i].status == 1);
		assert_int_equal(json_is_false(e2e_at(doc, "interrupted")), 1);
		json_decref(doc);
	}
	json_t *doc = e2e_json("t1/result.json"); /* one run was enough */
	assert_true(number(note(doc, "dropped", 0), "runs_done") + number(note(doc, "dropped", 1), "runs_done") <= 2);
	json_decref(doc);
}

static void test_engine_opt(void **state)
{
	(void)state;
	static const struct { const char *options, *err; } t[] = {
		{ "-e sim:sim.yaml --engine-opt a=b", "--engine-opt a: engine sim has no options of its own" },
		{ "--engine-opt huge_page=on", "--engine-opt huge_page: engine cpu has no such option; did you mean \"huge_pages\"?" },
		{ "--engine-opt huge_pages=1", "--engine-opt huge_pages: \"1\" is not one of on|off" },
		{ "--engine-opt huge_pages", "--engine-opt: \"huge_pages\" is not of the form K=V" },
		{ "--abort-on ttft", "--abort-on:" },
		{ "--max-time 0", "--max-time: \"0\" is out of range" },
	};
	struct e2e r;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		e2e_run(&r, "$A latency -o bad --setup 'touch bad.ran' %s; s=$?; ls bad bad.ran 2>/dev/null; exit $s", t[i].options);
		if (r.status != 2 || *r.out || !strstr(r.err, t[i].err) || strchr(r.err, '\n') != r.err + strlen(r.err) - 1)
			fail_msg("%s: status %d\n%s%s", t[i].options, r.status, r.out, r.err);
		e2e_release(&r);
	}
	e2e_write("job.yaml", "engine_opt: {huge_pages: \"off\"}\nmodel: opt-125m\nruns: 1\nprompt_tokens: 4\noutput_tokens: 2\nlabel: {who: me, n: 3}\n");
	e2e_run(&r, "$A latency --job job.yaml -o g1 -t 1");
	json_t *doc = e2e_json("g1/result.json");
	assert_true(r.status == 0 || r.status == 4); /* on a busy machine so short a run may be INVALID */
	assert_string_equal(text(doc, "config.engine_opt.huge_pages"), "off");
	assert_string_equal(text(doc, "engine.effective.huge_pages"), "off");
	assert_string_equal(text(doc, "config.label.n"), "3");
	json_decref(doc);
	e2e_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_commands), cmocka_unit_test(test_failures), cmocka_unit_test(test_interrupted), cmocka_unit_test(test_max_time),
		                            cmocka_unit_test(test_abort), cmocka_unit_test(test_engine_opt) };
	return cmocka_run_group_tests_name("run_options", tests, set_up, NULL);
}
