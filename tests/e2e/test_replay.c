/* -e replay:DIR: the same command on the journal of a result gives every number of that result again; another command is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "e2e.h"

static const char sim_yaml[] = "clock: virtual\nprefill: {fixed_ms: 5, per_token_us: 100}\ndecode: {fixed_ms: 8, per_sequence_us: 200, per_context_token_us: 0.5}\n"
			       "max_batch: 32\nkv: {tokens: 3000, bytes_per_token: 36864}\nload_ms: 1200\nweights_mib: 250\nnoise: {cv: 0.02, seed: 1}\n"
			       "ceilings: {read_gb_s: 20, gemm_gflop_s: 2000}\ntelemetry: [{at_ms: 0, cpu_steal_pct: 0, rss_mib: 500}]\nfaults: [{kind: error, at: 7}, {kind: short, at: 9}]\n";

/* Why a number is missing may differ (there is no machine to look at in a replay); that it is missing may not. */
static void drop_reasons(json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;
	json_object_del(v, "reason");
	json_object_foreach(v, key, item)
		drop_reasons(item);
	json_array_foreach(v, i, item)
		drop_reasons(item);
}

static json_t *result_of(const char *dir)
{
	char *path = xasprintf("%s/result.json", dir);
	json_t *v = e2e_json(path);
	if (!v)
		fail_msg("%s: no result", path);
	drop_reasons(v);
	free(path);
	return v;
}

static void check_equal(const char *was, const char *again)
{
	static const char *const same[] = { "status", "case", "experiment", "requests", "tokens", "metrics", "visit" };
	json_t *a = result_of(was), *b = result_of(again), *p;
	size_t i;
	assert_int_equal(json_array_size(json_object_get(a, "points")), json_array_size(json_object_get(b, "points")));
	assert_true(json_array_size(json_object_get(a, "points")) > 0);
	json_array_foreach(json_object_get(a, "points"), i, p) {
		json_t *q = json_array_get(json_object_get(b, "points"), i);
		const char *key;
		json_t *metric;
		json_object_foreach(json_object_get(p, "metrics"), key, metric)
			if (!json_equal(metric, json_object_get(json_object_get(q, "metrics"), key)))
				fail_msg("%s: point %zu: %s is %s, was %s", again, i, key, json_dumps(json_object_get(json_object_get(q, "metrics"), key), JSON_ENCODE_ANY),
					 json_dumps(metric, JSON_ENCODE_ANY));
		for (size_t k = 0; k < sizeof same / sizeof *same; k++)
			if (json_object_get(p, same[k]) && !json_equal(json_object_get(p, same[k]), json_object_get(q, same[k])))
				fail_msg("%s: point %zu: %s differs", again, i, same[k]);
	}
	json_decref(a);
	json_decref(b);
}

static int run(const char *verb, const char *engine, const char *dir)
{
	struct e2e r;
	e2e_run(&r, "$A %s -e %s -o %s", verb, engine, dir);
	int status = r.status;
	if (status != 0 && status != 4 && status != 1)
		fail_msg("%s -e %s: status %d\n%s", verb, engine, status, r.err);
	e2e_release(&r);
	return status;
}

static void play(const char *verb, const char *engine, int n)
{
	char *was = xasprintf("was%d", n), *again = xasprintf("again%d", n), *replay = xasprintf("replay:was%d", n), *twice = xasprintf("twice%d", n), *of = xasprintf("replay:again%d", n);
	struct e2e r;
	run(verb, engine, was);
	run(verb, replay, again);
	check_equal(was, again);
	run(verb, of, twice); /* a replay is a recording too */
	check_equal(was, twice);
	e2e_run(&r, "$A verify %s", again);
	assert_int_equal(r.status, 0);
	e2e_release(&r);
	free(was);
	free(again);
	free(replay);
	free(twice);
	free(of);
}

static void test_sim(void **state)
{
	static const char *const verbs[] = { "baseline -q", "latency --runs 12", "throughput -q --batch 1,8,64", "offline -q --requests 40", "memory -q", "latency --prompt-tokens 20,5000 --runs 3" };
	(void)state;
	e2e_write("sim.yaml", sim_yaml);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		play(verbs[i], "sim:sim.yaml", (int)i);
}

static void test_real_clock(void **state)
{
	(void)state;
	e2e_write("real.yaml", "clock: real\nprefill: {fixed_ms: 2, per_token_us: 10}\ndecode: {fixed_ms: 2}\n");
	play("throughput --batch 1,4 --runs 2 --warmup 1 --prompt-tokens 16 --output-tokens 8", "sim:real.yaml", 20);
	play("offline --requests 9 --input 5:20 --output-tokens 3:6 --runs 2", "sim:real.yaml", 21);
	play("latency -q --output-tokens 8", "null", 22);
}

static void test_cpu(void **state)
{
	(void)state;
	char *model = realpath("tests/golden/gpt2", NULL);
	if (!model)
		skip();
	char *single = xasprintf("latency -m %s -q --prompt-tokens 8 --output-tokens 8", model), *batch = xasprintf("throughput -m %s -q --batch 1,5 --prompt-tokens 8 --output-tokens 8", model);
	play(single, "cpu", 30);
	play(batch, "cpu", 31);
	free(single);
	free(batch);
	free(model);
}

static void test_refused(void **state)
{
	static const struct { const char *line; int status; const char *says; } rows[] = {
		{ "latency --runs 3 --prompt-tokens 64", 3, "asked is request 0 of 64 + 100 tokens, recorded is request 0 of 32 + 100" },
		{ "latency --runs 3 --prompt-tokens 32 --prompt hello", 2, "no tokenizer" },
		{ "throughput --batch 2 --runs 3 --prompt-tokens 32 --output-tokens 100", 3, "only 1 requests were recorded" },
	};
	struct e2e r;
	(void)state;
	e2e_write("sim.yaml", sim_yaml);
	run("latency --runs 3 --prompt-tokens 32 --output-tokens 100", "sim:sim.yaml", "short");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		e2e_run(&r, "$A %s -e replay:short -o refused%zu", rows[i].line, i);
		if (r.status != rows[i].status || !strstr(r.err, rows[i].says))
			fail_msg("%s: status %d, should be %d and say \"%s\":\n%s", rows[i].line, r.status, rows[i].status, rows[i].says, r.err);
		e2e_release(&r);
	}
	/* more runs than were recorded: those that were are kept, the point says why it ended */
	e2e_run(&r, "$A latency --runs 5 --prompt-tokens 32 --output-tokens 100 -e replay:short -o more");
	json_t *v = e2e_json("more/result.json");
	assert_string_equal(json_string_value(e2e_at(v, "points.0.status")), "error");
	assert_non_null(strstr(json_string_value(e2e_at(v, "points.0.reason")), "not recorded; recorded was: assay latency --runs 3"));
	assert_int_equal(json_integer_value(e2e_at(v, "points.0.requests.succeeded")), 3);
	json_decref(v);
	e2e_release(&r);
	e2e_run(&r, "$A latency -e replay:nowhere -o none");
	assert_int_equal(r.status, 2);
	e2e_release(&r);
	e2e_run(&r, "$A latency -e replay -o none");
	assert_int_equal(r.status, 2);
	e2e_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sim), cmocka_unit_test(test_real_clock), cmocka_unit_test(test_cpu), cmocka_unit_test(test_refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
