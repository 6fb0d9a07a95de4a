/* Visiting points: the order is balanced and recorded, limits and failures are results, a budget drops repeats and then
 * points, an interruption keeps what was measured, prompts differ from repeat to repeat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "exp_kit.h"
#include "experiment/session.h"
#include "experiment/visit.h"

#define MS INT64_C(1000000)
static const char quick_sim[] = "prefill: {fixed_ms: 1, per_token_us: 10}\ndecode: {fixed_ms: 2, per_sequence_us: 100}\n";

static void order_is_balanced(void **state)
{
	(void)state;
	enum { N = 7, ROUNDS = 8 };
	uint32_t order[N], place[N] = { 0 };
	bool differs = false, first[N];
	uint32_t before[N] = { 0 };
	for (int r = 0; r < ROUNDS; r++) {
		bool seen[N] = { false };
		assay_visit_order(5, 0, r, N, order);
		for (uint32_t i = 0; i < N; i++) {
			assert_false(seen[order[i]]);
			seen[order[i]] = true;
			place[order[i]] += i;
			differs |= r == 2 && order[i] != before[i];
		}
		if (r % 2) /* backwards of the round before */
			for (uint32_t i = 0; i < N; i++)
				assert_int_equal(order[i], before[N - 1 - i]);
		memcpy(before, order, sizeof order);
	}
	assert_true(differs);
	for (int i = 0; i < N; i++)
		assert_int_equal(place[i], ROUNDS * (N - 1) / 2);
	/* another seed, another order; all points come first sooner or later */
	memset(first, 0, sizeof first);
	for (uint64_t seed = 0; seed < 100; seed++) {
		assay_visit_order(seed, 0, 0, N, order);
		first[order[0]] = true;
	}
	for (int i = 0; i < N; i++)
		assert_true(first[i]);
	assay_visit_order(1, 0, 1, 1, order);
	assert_int_equal(order[0], 0);
}

/* Warm-ups come before a point's first run; visits are numbered in time order; every repeat is there once. */
static void visits_are_recorded(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--batch", "1,2,3,4", "--runs", "2", "--prompt-tokens", "8", "--output-tokens", "3", NULL };
	kit_run(&r, kit_sim(quick_sim, "gpt2"), "throughput", args, NULL, NULL);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.totals.points_ok, 4);
	assert_int_equal(kit_count(&r.sink, ASSAY_REC_VISIT), 4 * 3);
	int32_t last[4] = { -9, -9, -9, -9 };
	int64_t end = -1;
	int place[4] = { 0 }, n = 0;
	const struct assay_record *v;
	for (size_t i = 0; (v = kit_hot(&r.sink, ASSAY_REC_VISIT, i)); i++) {
		const struct assay_record *x = kit_hot(&r.sink, ASSAY_REC_VISIT_END, i);
		uint32_t p = v->u.visit.point;
		assert_int_equal(v->u.visit.order, i);
		assert_true(v->u.visit.t0_ns > end && x->u.visit.t1_ns >= v->u.visit.t0_ns && x->u.visit.point == p);
		end = x->u.visit.t1_ns;
		assert_int_equal(v->u.visit.repeat, last[p] == -9 ? -1 : last[p] + 1);
		last[p] = v->u.visit.repeat;
		if (v->u.visit.repeat >= 0)
			place[p] += n++ % 4;
	}
	for (int p = 0; p < 4; p++) {
		assert_int_equal(place[p], 3); /* two rounds, forth and back: places add up to 4 - 1 */
		assert_string_equal(kit_status(&r.sink, p), "ok");
		const json_t *point = kit_cold(&r.sink, ASSAY_REC_POINT, (size_t)p);
		assert_int_equal(assay_json_get_int(point, "index", -1), p);
		assert_int_equal(assay_json_get_int(json_object_get(point, "case"), "batch_size", 0), p + 1);
		assert_int_equal(assay_json_get_int(point, "requests_per_run", 0), p + 1);
		assert_int_equal(assay_json_get_int(point, "runs", 0), 2);
		assert_int_equal(assay_json_get_int(point, "warmup", 0), 1);
	}
	assert_true(r.sink.flushes >= 4);
	kit_sink_release(&r.sink);
}

static void limits_are_results(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--batch", "1,4,5,300", "--runs", "1", "--prompt-tokens", "10", "--output-tokens", "2", NULL };
	kit_run(&r, kit_sim("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 1}\nkv: {tokens: 50}\n", "gpt2"), "throughput", args, NULL, NULL);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.totals.points_ok, 2);
	assert_int_equal(r.totals.points_limit, 2);
	assert_int_equal(r.totals.points_error, 0);
	assert_string_equal(kit_status(&r.sink, 0), "ok");
	assert_string_equal(kit_status(&r.sink, 1), "ok");
	assert_string_equal(kit_status(&r.sink, 2), "limit");
	assert_string_equal(kit_status(&r.sink, 3), "limit");
	const json_t *end = kit_cold(&r.sink, ASSAY_REC_POINT_END, 0);
	assert_string_equal(assay_json_get_str(end, "reason", ""), "KV cache: needs 60 tokens (5 sequences of 12), has 50");
	end = kit_cold(&r.sink, ASSAY_REC_POINT_END, 1);
	assert_string_equal(assay_json_get_str(end, "reason", ""), "batch: needs 300 sequences at once, has 256 (max-num-seqs)");
	kit_sink_release(&r.sink);

	char *deep[] = { "--prompt-tokens", "1000,1020", "--output-tokens", "10", "--runs", "1", NULL };
	kit_run(&r, kit_sim(quick_sim, "gpt2"), "latency", deep, NULL, NULL);
	assert_string_equal(kit_status(&r.sink, 0), "ok");
	assert_string_equal(kit_status(&r.sink, 1), "limit");
	assert_string_equal(assay_json_get_str(kit_cold(&r.sink, ASSAY_REC_POINT_END, 0), "reason", ""), "context: needs 1030 tokens (prompt + output), has 1024");
	kit_sink_release(&r.sink);
}

static int stops_left;

static bool stop(void *arg)
{
	(void)arg;
	return stops_left >= 0 && stops_left-- <= 0 ? (stops_left = 0, true) : false;
}

static void interruption_keeps_what_was_measured(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--prompt-tokens", "10,20,30", "--output-tokens", "20", "--runs", "3", NULL };
	stops_left = 150;
	kit_run(&r, kit_sim(quick_sim, "gpt2"), "latency", args, stop, NULL);
	assert_int_equal(r.rc, 0);
	assert_true(r.totals.interrupted);
	assert_true(kit_count(&r.sink, ASSAY_REC_REQUEST) >= 3);
	int interrupted = 0;
	for (int p = 0; p < 3; p++)
		interrupted += !strcmp(kit_status(&r.sink, p), "interrupted");
	assert_true(interrupted >= 1);
	for (int p = 0; p < 3; p++)
		assert_true(!strcmp(kit_status(&r.sink, p), "interrupted") || !strcmp(kit_status(&r.sink, p), "ok"));
	size_t cancelled = 0;
	for (size_t i = 0; i < kit_count(&r.sink, ASSAY_REC_REQUEST); i++)
		cancelled += kit_hot(&r.sink, ASSAY_REC_REQUEST, i)->u.request.end_state == ASSAY_END_CANCELLED;
	assert_int_equal(cancelled, 1);
	kit_sink_release(&r.sink);
	stops_left = -1;
}

static double fixed_cost(void *arg, const struct assay_point *p)
{
	return ((double *)arg)[p->index];
}

static void budget_drops_repeats_then_points(void **state)
{
	(void)state;
	static const struct { double left; int planned[3]; bool dropped[3]; } rows[] = {
		{ 1000, { 4, 4, 4 }, { false, false, false } },
		{ 440, { 4, 4, 4 }, { false, false, false } },          /* 4 x (10 + 20 + 80) exactly */
		{ 439, { 4, 4, 3 }, { false, false, false } },          /* the costliest repeat first */
		{ 200, { 4, 4, 1 }, { false, false, false } },
		{ 130, { 3, 1, 1 }, { false, false, false } },
		{ 110, { 1, 1, 1 }, { false, false, false } },          /* one each */
		{ 109, { 4, 3, 0 }, { false, false, true } },           /* then the costliest point: repeats of the others have room again */
		{ 30, { 1, 1, 0 }, { false, false, true } },
		{ 10, { 1, 0, 0 }, { false, true, true } },
		{ -5, { 0, 0, 0 }, { true, true, true } },
	};
	double cost[3] = { 10, 20, 80 };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct assay_point p[3] = { 0 };
		struct assay_points l = { .p = p, .n = 3 };
		for (uint32_t k = 0; k < 3; k++)
			p[k] = (struct assay_point){ .index = k, .runs = 4, .planned = 4 };
		assay_visit_fit(&l, 1, rows[i].left, fixed_cost, cost);
		for (int k = 0; k < 3; k++)
			if (p[k].planned != rows[i].planned[k] || (p[k].status == ASSAY_POINT_DROPPED) != rows[i].dropped[k])
				fail_msg("left %g: point %d has %d runs planned, dropped %d", rows[i].left, k, p[k].planned, p[k].status == ASSAY_POINT_DROPPED);
	}
	/* what was measured stays: a point with runs done is never dropped */
	struct assay_point p[2] = { { .index = 0, .runs = 4, .planned = 4, .done = 2 }, { .index = 2, .runs = 4, .planned = 4 } };
	struct assay_points l = { .p = p, .n = 2 };
	assay_visit_fit(&l, 1, 0, fixed_cost, cost);
	assert_int_equal(p[0].planned, 2);
	assert_int_equal(p[0].status, ASSAY_POINT_OPEN);
	assert_int_equal(p[1].status, ASSAY_POINT_DROPPED);
}

/* The quick suite on an engine ten times too slow for it: it ends in time, and says what it left out. */
static void slow_engine_keeps_the_budget(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--quick", NULL };
	kit_run(&r, kit_sim("prefill: {per_token_us: 8000}\ndecode: {fixed_ms: 60, per_sequence_us: 8000}\n", "gpt2"), "baseline", args, NULL, NULL);
	assert_int_equal(r.rc, 0);
	size_t n = kit_count(&r.sink, ASSAY_REC_VISIT_END);
	int64_t t1 = kit_hot(&r.sink, ASSAY_REC_VISIT_END, n - 1)->u.visit.t1_ns;
	if (t1 > 60 * INT64_C(1000000000) || t1 < 30 * INT64_C(1000000000))
		fail_msg("took %g s", (double)t1 / 1e9);
	const json_t *note = kit_note(&r.sink, "dropped", 0);
	assert_non_null(note);
	assert_true(assay_json_get_int(note, "runs_done", -1) < assay_json_get_int(note, "runs_asked", -1));
	for (size_t i = 0; i < kit_count(&r.sink, ASSAY_REC_POINT); i++) {
		const char *status = kit_status(&r.sink, (int)i);
		assert_true(!strcmp(status, "ok") || !strcmp(status, "dropped"));
	}
	assert_false(r.totals.interrupted);
	kit_sink_release(&r.sink);
}

/* What a first, too gloomy guess took away is run after all when there is time: three repeats of latency would otherwise be lost here. */
static void time_that_is_left_is_used(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--quick", NULL };
	kit_run(&r, kit_sim("prefill: {per_token_us: 4000}\ndecode: {fixed_ms: 48, per_sequence_us: 1800}\n", "gpt2"), "baseline", args, NULL, NULL);
	size_t n = kit_count(&r.sink, ASSAY_REC_VISIT_END);
	double s = (double)kit_hot(&r.sink, ASSAY_REC_VISIT_END, n - 1)->u.visit.t1_ns / 1e9;
	if (s > 54 || s < 46)
		fail_msg("took %g s of 54", s);
	for (int i = 0; kit_note(&r.sink, "dropped", i); i++)
		assert_true(assay_json_get_int(kit_note(&r.sink, "dropped", i), "point", -1) != 0 || assay_json_get_int(kit_note(&r.sink, "dropped", i), "runs_done", 0) > 1);
	assert_int_equal(kit_count(&r.sink, ASSAY_REC_POINT_END), kit_count(&r.sink, ASSAY_REC_POINT));
	kit_sink_release(&r.sink);
}

static void fast_engine_drops_nothing(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--quick", NULL };
	/* the machine that the lists were made for: 600 tok/s prefill, 60 tok/s decode */
	kit_run(&r, kit_sim("prefill: {per_token_us: 1667}\ndecode: {fixed_ms: 15, per_sequence_us: 1667}\n", "gpt2"), "baseline", args, NULL, NULL);
	assert_null(kit_note(&r.sink, "dropped", 0));
	assert_int_equal(r.totals.points_ok, (int)kit_count(&r.sink, ASSAY_REC_POINT));
	size_t n = kit_count(&r.sink, ASSAY_REC_VISIT_END);
	double s = (double)kit_hot(&r.sink, ASSAY_REC_VISIT_END, n - 1)->u.visit.t1_ns / 1e9;
	if (s > 54 || s < 35)
		fail_msg("the quick suite takes %g s there", s);
	kit_sink_release(&r.sink);
}

/* Prompts reach the engine through a sim whose submit is watched. */
static int (*real_submit)(struct assay_engine *, const struct assay_request *, struct assay_err *);
static int32_t seen[64][5];
static int n_seen;

static int watch(struct assay_engine *g, const struct assay_request *r, struct assay_err *e)
{
	if (n_seen < 64)
		memcpy(seen[n_seen++], r->ids, sizeof seen[0]);
	return real_submit(g, r, e);
}

static void prompts_differ(void **state)
{
	(void)state;
	struct kit_run r;
	struct assay_engine *g = kit_sim(quick_sim, "gpt2");
	struct assay_engine_ops ops = *g->ops;
	char *args[] = { "--batch", "2,3", "--runs", "3", "--prompt-tokens", "16", "--output-tokens", "2", NULL };
	real_submit = ops.submit;
	ops.submit = watch;
	g->ops = &ops;
	n_seen = 0;
	kit_run(&r, g, "throughput", args, NULL, NULL);
	assert_int_equal(n_seen, 5 * 4);
	for (int i = 0; i < n_seen; i++)
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(seen[i], seen[j], sizeof seen[0]);
	kit_sink_release(&r.sink);
}

static int break_poll(struct assay_engine *g, struct assay_event *ev, int cap, int64_t timeout_ns, struct assay_err *e)
{
	(void)g, (void)ev, (void)cap, (void)timeout_ns;
	return assay_fail(e, ASSAY_E_ENGINE, "the engine broke");
}

static void dead_engine_is_said_of_every_point(void **state)
{
	(void)state;
	struct kit_run r;
	struct assay_engine *g = kit_sim(quick_sim, "gpt2");
	struct assay_engine_ops ops = *g->ops;
	char *args[] = { "--prompt-tokens", "10,20", "--output-tokens", "4", "--runs", "2", NULL };
	ops.poll = break_poll;
	g->ops = &ops;
	kit_run(&r, g, "latency", args, NULL, NULL);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.totals.points_error, 2);
	assert_int_equal(r.totals.points_ok, 0);
	assert_string_equal(kit_status(&r.sink, 0), "error");
	assert_string_equal(kit_status(&r.sink, 1), "error");
	assert_int_equal(kit_count(&r.sink, ASSAY_REC_VISIT), 1);
	kit_sink_release(&r.sink);
}

static void text_needs_a_tokenizer(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--prompt", "Hello there", NULL };
	kit_run(&r, kit_sim(quick_sim, "gpt2"), "latency", args, NULL, NULL);
	assert_int_equal(r.rc, ASSAY_E_USAGE);
	assert_non_null(strstr(r.e.msg, "the sim engine reads and writes no text"));
	kit_sink_release(&r.sink);
}

/* A sim that is taught to read: a byte is a token. */
static int encode(struct assay_engine *g, const char *text, size_t len, bool chat, int32_t **ids, size_t *n, struct assay_err *e)
{
	(void)g, (void)chat, (void)e;
	*ids = xalloc(len * sizeof **ids);
	for (size_t i = 0; i < len; i++)
		(*ids)[i] = text[i];
	*n = len;
	return 0;
}

static void text_prompts_in_turn(void **state)
{
	(void)state;
	struct kit_run r;
	char path[64];
	struct assay_err e = ASSAY_ERR_INIT;
	snprintf(path, sizeof path, "/tmp/assay-test-prompts-%d.jsonl", getpid());
	static const char lines[] = "{\"prompt\": \"first prompt\"}\n\n{\"prompt\": \"the second prompt\"}\n";
	assert_int_equal(assay_fs_write_atomic(path, lines, sizeof lines - 1, &e), 0);
	char *args[] = { "--prompts", path, "--runs", "2", "--warmup", "0", "--output-tokens", "3", NULL };
	struct assay_engine *g = kit_sim(quick_sim, "gpt2");
	struct assay_engine_ops ops = *g->ops;
	((struct assay_engine_info *)ops.info(g))->has_tokenizer = true;
	real_submit = ops.submit;
	ops.submit = watch;
	ops.encode = encode;
	g->ops = &ops;
	n_seen = 0;
	kit_run(&r, g, "latency", args, NULL, NULL);
	unlink(path);
	assert_int_equal(r.rc, 0);
	assert_int_equal(n_seen, 2);
	assert_int_equal(seen[0][0], 'f');
	assert_int_equal(seen[1][0], 't');
	const json_t *c = json_object_get(kit_cold(&r.sink, ASSAY_REC_POINT, 0), "case");
	assert_string_equal(assay_json_get_str(c, "prompts", ""), "text");
	assert_string_equal(assay_json_get_str(c, "prompt_tokens", ""), "12:17");
	assert_int_equal(kit_hot(&r.sink, ASSAY_REC_REQUEST, 0)->u.request.prompt_tokens, 12);
	kit_sink_release(&r.sink);
}

/* offline on text: the prompts in turn, output lengths from the range. */
static void text_offline(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--prompt", "hello", "--requests", "40", "--output-tokens", "3:9", NULL };
	struct assay_engine *g = kit_sim(quick_sim, "gpt2");
	struct assay_engine_ops ops = *g->ops;
	((struct assay_engine_info *)ops.info(g))->has_tokenizer = true;
	ops.encode = encode;
	g->ops = &ops;
	kit_run(&r, g, "offline", args, NULL, NULL);
	assert_int_equal(r.rc, 0);
	bool seen_length[10] = { false };
	const struct assay_record *q;
	for (size_t i = 0; (q = kit_hot(&r.sink, ASSAY_REC_REQUEST, i)); i++) {
		assert_int_equal(q->u.request.prompt_tokens, 5);
		assert_in_range(q->u.request.max_tokens, 3, 9);
		seen_length[q->u.request.max_tokens] = true;
	}
	for (int n = 3; n <= 9; n++)
		assert_true(seen_length[n]);
	const json_t *c = json_object_get(kit_cold(&r.sink, ASSAY_REC_POINT, 0), "case");
	assert_string_equal(assay_json_get_str(c, "output", ""), "3:9");
	assert_int_equal(assay_json_get_int(c, "prompt_tokens", 0), 5);
	kit_sink_release(&r.sink);
}

static void bad_prompt_files(void **state)
{
	(void)state;
	static const struct { const char *name, *text, *says; } rows[] = {
		{ "a.jsonl", "{\"prompt\": \"x\"}\n{\"promt\": \"x\"}\n", ":2: a line must be" },
		{ "b.jsonl", "{\"prompt\": 3}\n", ":1: a line must be" },
		{ "c.jsonl", "{\"prompt\n", ":1" },
		{ "d.txt", "", "holds no prompt" },
		{ "e.txt", "\n\n", "holds no prompt" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char path[96];
		struct assay_err e = ASSAY_ERR_INIT;
		struct assay_texts t;
		snprintf(path, sizeof path, "/tmp/assay-test-%d-%s", getpid(), rows[i].name);
		assert_int_equal(assay_fs_write_atomic(path, rows[i].text, strlen(rows[i].text), &e), 0);
		char *args[] = { "--prompts", path, NULL };
		struct assay_options *o = kit_options("latency", args);
		assert_int_equal(assay_texts_load(o, &t, &e), ASSAY_E_USAGE);
		if (!strstr(e.msg, rows[i].says))
			fail_msg("%s: %s", rows[i].name, e.msg);
		assay_options_close(o);
		unlink(path);
	}
}

int main(void)
{
	stops_left = -1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_balanced), cmocka_unit_test(visits_are_recorded), cmocka_unit_test(limits_are_results),
		cmocka_unit_test(interruption_keeps_what_was_measured), cmocka_unit_test(budget_drops_repeats_then_points),
		cmocka_unit_test(slow_engine_keeps_the_budget), cmocka_unit_test(time_that_is_left_is_used), cmocka_unit_test(fast_engine_drops_nothing), cmocka_unit_test(prompts_differ),
		cmocka_unit_test(dead_engine_is_said_of_every_point), cmocka_unit_test(text_needs_a_tokenizer), cmocka_unit_test(text_prompts_in_turn), cmocka_unit_test(text_offline),
		cmocka_unit_test(bad_prompt_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
