/* A verb that runs others as processes: signals reach them once and are waited for, nothing outlives its parent, and the death of one is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "e2e.h"

/* Starts pairs on a slow engine in the directory $1, waits for its child $c, sends it or its parent $p a signal. */
#define START "$A pairs --a sim:slow.yaml --b sim:slow.yaml --with '--prompt-tokens 8 --output-tokens 20 --runs 200' -o %s & p=$!; " \
	"while ! test -s %s/visits/001-A/journal.bin; do sleep 0.02; done; sleep 0.2; c=$(cat /proc/$p/task/$p/children); "
#define GONE "n=0; while kill -0 $c 2>/dev/null && test $n -lt 100; do sleep 0.05; n=$((n+1)); done; kill -0 $c 2>/dev/null && echo orphan; "

static int set_up(void **state)
{
	(void)state;
	e2e_write("slow.yaml", "clock: real\nprefill: {fixed_ms: 5, per_token_us: 1}\ndecode: {fixed_ms: 5, per_sequence_us: 1, per_context_token_us: 0}\n");
	return 0;
}

static void test_signals(void **state)
{
	(void)state;
	static const struct { const char *name, *kill; int status; const char *err; } t[] = {
		{ "int", "kill -INT $p; wait $p", 130, "interrupted in visit 001-A" },
		{ "term", "kill -TERM $p; wait $p", 143, "interrupted in visit 001-A" },
		{ "killed", "kill -KILL $p; wait $p", 137, "" },
		{ "child", "kill -KILL $c; wait $p", 3, "visit 001-A: ended by signal 9 (Killed), perhaps for want of memory; its log is child/visits/001-A.log" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		char log[60], result[60];
		snprintf(log, sizeof log, "cat %s/visits/001-A.log", t[i].name);
		snprintf(result, sizeof result, "%s/visits/001-A/result.json", t[i].name);
		e2e_run(&r, START "%s; s=$?; " GONE "exit $s", t[i].name, t[i].name, t[i].kill);
		if (r.status != t[i].status || strstr(r.out, "orphan") || !strstr(r.err, t[i].err))
			fail_msg("%s: status %d\n%s%s", t[i].name, r.status, r.out, r.err);
		e2e_release(&r);
		if (!strcmp(t[i].name, "child"))
			continue;
		json_t *v = e2e_json(result); /* the visit was stopped in order: its one signal let it save what it had */
		assert_true(json_is_true(e2e_at(v, "interrupted")));
		json_decref(v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_signals) };
	return cmocka_run_group_tests_name("child", tests, set_up, NULL);
}
