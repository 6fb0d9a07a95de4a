/* kill -9 at random instants: what was recorded up to a second before is there again. The sim engine on the real clock
 * gives a request of 20 tokens about every 105 ms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "e2e.h"

enum { RUNS = 6 };

/* Requests that must be there after `alive` seconds: half of what the schedule gives, from half a second after the start (a
 * loaded machine starts late and oversleeps) to a second before the end. */
static int least(double alive) { return alive > 1.5 ? (int)((alive - 1.5) / 0.105 / 2) : 0; }

static void kill_and_rebuild(int i, double alive)
{
	struct e2e r;
	char name[40];
	e2e_run(&r, "$A latency -e sim:slow.yaml --prompt-tokens 8 --output-tokens 20 --runs 1000 --warmup 0 -o k%d >/dev/null 2>&1 & p=$!; sleep %.3f; kill -9 $p; wait $p", i, alive);
	assert_int_equal(r.status, 137);
	e2e_release(&r);
	e2e_run(&r, "$A report k%d", i);
	if (alive < 0.6 && (r.status == 2 || r.status == 3)) { /* killed before its first record */
		e2e_release(&r);
		return;
	}
	if (r.status)
		fail_msg("alive %.3f s: status %d\n%s\n%s", alive, r.status, r.out, r.err);
	assert_non_null(strstr(r.err, "recovered from"));
	snprintf(name, sizeof name, "k%d/result.json", i);
	json_t *v = e2e_json(name);
	int got = (int)json_integer_value(e2e_at(v, "points.0.requests.succeeded"));
	if (got < least(alive))
		fail_msg("alive %.3f s: %d requests recovered, at least %d were due", alive, got, least(alive));
	assert_true(json_is_true(e2e_at(v, "interrupted")));
	assert_int_equal(json_integer_value(e2e_at(v, "points.0.requests.offered")) - got <= 1, 1); /* only the one in flight is unfinished */
	json_decref(v);
	e2e_release(&r);
	/* once rebuilt it is a result like any other */
	e2e_run(&r, "cp k%d/result.json was && $A report k%d >/dev/null && cmp was k%d/result.json", i, i, i);
	assert_int_equal(r.status, 0);
	e2e_release(&r);
}

static void test_kill(void **state)
{
	(void)state;
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
	printf("# seed %u\n", seed);
	srand(seed);
	e2e_write("slow.yaml", "clock: real\nprefill: {fixed_ms: 5, per_token_us: 0}\ndecode: {fixed_ms: 5}\n");
	for (int i = 0; i < RUNS; i++)
		kill_and_rebuild(i, i == 0 ? 0.1 : 0.2 + 3.3 * rand() / RAND_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_kill) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
