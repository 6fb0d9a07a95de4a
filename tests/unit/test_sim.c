/* The sim engine against arithmetic, exactly, on its virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/rng.h"
#include "engine/registry.h"
#include "exp_kit.h"

#define MS INT64_C(1000000)
#define US INT64_C(1000)

static struct assay_engine *open_sim(const char *yaml)
{
	return kit_sim(yaml, "gpt2");
}

static void submit(struct assay_engine *g, uint32_t id, int prompt, int output)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_request r = { .id = id, .prompt_tokens = prompt, .max_tokens = output };
	if (g->ops->submit(g, &r, &e))
		fail_msg("%s", e.msg);
}

struct seen {
	int64_t token_ns[64][64], scheduled_ns[64], done_ns[64], reported[64];
	int tokens[64], steps, kinds[512];
	enum assay_end end[64];
	struct assay_rec_step step[512];
};

/* Runs until `n` requests are done. */
static void run(struct assay_engine *g, int n, int cap, struct seen *s)
{
	struct assay_event ev[16];
	struct assay_err e = ASSAY_ERR_INIT;
	memset(s, 0, sizeof *s);
	while (n) {
		int k = g->ops->poll(g, ev, cap, 3600 * ASSAY_NS_PER_S, &e);
		assert_true(k >= 0 && k <= cap);
		for (int i = 0; i < k; i++) {
			uint32_t id = ev[i].id;
			switch (ev[i].kind) {
			case ASSAY_EV_TOKEN: s->token_ns[id][s->tokens[id]++] = ev[i].t_ns; break;
			case ASSAY_EV_SCHEDULED: s->scheduled_ns[id] = ev[i].t_ns; break;
			case ASSAY_EV_DONE: s->done_ns[id] = ev[i].t_ns; s->end[id] = ev[i].end; s->reported[id] = ev[i].reported_tokens; n--; break;
			case ASSAY_EV_STEP: s->step[s->steps++] = *ev[i].step; break;
			case ASSAY_EV_PREEMPTED: fail(); break;
			}
		}
	}
}

#define BASE "prefill: {fixed_ms: 5, per_token_us: 200}\ndecode: {fixed_ms: 10, per_sequence_us: 100, per_context_token_us: 2}\n"

static void single_request_is_arithmetic(void **state)
{
	(void)state;
	static struct seen s;
	struct assay_engine *g = open_sim(BASE);
	assert_true(g->ops->info(g)->virtual_clock);
	assert_int_equal(g->ops->now(g), 0);
	submit(g, 0, 128, 32);
	run(g, 1, 16, &s);
	int64_t t = 5 * MS + 128 * 200 * US;
	assert_int_equal(s.token_ns[0][0], t);
	for (int k = 1; k < 32; k++) {
		t += 10 * MS + 100 * US + 2 * US * (128 + k);
		assert_int_equal(s.token_ns[0][k], t);
	}
	assert_int_equal(s.tokens[0], 32);
	assert_int_equal(s.done_ns[0], t);
	assert_int_equal(s.end[0], ASSAY_END_LENGTH);
	assert_int_equal(s.reported[0], 32);
	assert_int_equal(s.steps, 32);
	assert_int_equal(g->ops->now(g), t);
	g->ops->close(g);
}

/* Four at once: prefills one after the other, then decodes over all; the cap of a poll changes nothing. */
static void batch_steps(void **state)
{
	(void)state;
	static struct seen s;
	for (int cap = 1; cap <= 16; cap += 5) {
		struct assay_engine *g = open_sim(BASE);
		for (uint32_t i = 0; i < 4; i++)
			submit(g, i, 10, 3);
		run(g, 4, cap, &s);
		int64_t t = 0, prefill = 5 * MS + 2 * MS;
		for (int i = 0; i < 4; i++)
			assert_int_equal(s.token_ns[i][0], t += prefill);
		for (int k = 1; k < 3; k++) {
			t += 10 * MS + 4 * (100 * US + 2 * US * (10 + k));
			for (int i = 0; i < 4; i++)
				assert_int_equal(s.token_ns[i][k], t);
		}
		assert_int_equal(s.steps, 6);
		assert_int_equal(s.step[0].kind, ASSAY_STEP_PREFILL);
		assert_int_equal(s.step[0].prefill_tokens, 10);
		assert_int_equal(s.step[0].waiting, 3);
		assert_int_equal(s.step[5].kind, ASSAY_STEP_DECODE);
		assert_int_equal(s.step[5].seqs, 4);
		assert_int_equal(s.step[5].kv_blocks_used, 4 * 12);
		g->ops->close(g);
	}
}

/* max_batch 2: the third waits for a place, and is prefilled before the next decode. */
static void queueing(void **state)
{
	(void)state;
	static struct seen s;
	struct assay_engine *g = open_sim("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\nmax_batch: 2\n");
	submit(g, 0, 4, 2);
	submit(g, 1, 4, 4);
	submit(g, 2, 4, 2);
	run(g, 3, 16, &s);
	assert_int_equal(s.token_ns[0][0], 1 * MS);
	assert_int_equal(s.token_ns[1][0], 2 * MS);
	assert_int_equal(s.done_ns[0], 12 * MS);
	assert_int_equal(s.scheduled_ns[2], 12 * MS);
	assert_int_equal(s.token_ns[2][0], 13 * MS);
	assert_int_equal(s.token_ns[1][1], 12 * MS);
	assert_int_equal(s.token_ns[1][2], 23 * MS);
	assert_int_equal(s.done_ns[2], 23 * MS);
	assert_int_equal(s.done_ns[1], 33 * MS);
	g->ops->close(g);
}

static void kv_limit_queues_and_refuses(void **state)
{
	(void)state;
	static struct seen s;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_engine *g = open_sim("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\nkv: {tokens: 20, bytes_per_token: 1000}\nweights_mib: 1\n");
	struct assay_request big = { .id = 9, .prompt_tokens = 16, .max_tokens = 5 };
	assert_int_equal(g->ops->submit(g, &big, &e), ASSAY_E_LIMIT);
	assert_non_null(strstr(e.msg, "needs 21 tokens, has 20"));
	big.prompt_tokens = 1020;
	assert_int_equal(g->ops->submit(g, &big, &e), ASSAY_E_LIMIT);
	assert_non_null(strstr(e.msg, "needs 1025 tokens (1020 prompt + 5 output), has 1024"));
	submit(g, 0, 10, 2);
	submit(g, 1, 10, 2); /* 12 + 12 > 20: waits */
	run(g, 2, 16, &s);
	assert_int_equal(s.done_ns[0], 11 * MS);
	assert_int_equal(s.scheduled_ns[1], 11 * MS);
	struct assay_engine_memory m;
	g->ops->memory(g, &m);
	assert_int_equal(m.kv_peak_bytes, 11000);
	assert_int_equal(m.kv_used_bytes, 0);
	assert_int_equal(m.kv_pool_bytes, 20000);
	assert_int_equal(m.weight_bytes, 1048576);
	assert_int_equal(m.rss_bytes, 1048576 + 20000);
	assert_int_equal(s.step[1].kv_read_bytes, 11000);
	assert_int_equal(s.step[1].kv_write_bytes, 1000);
	assert_int_equal(s.step[0].kv_write_bytes, 10000);
	assert_int_equal(s.step[0].weight_bytes, 1048576);
	g->ops->close(g);
}

static int64_t noisy_end(const char *noise, uint32_t point, int32_t repeat, uint32_t id)
{
	static struct seen s;
	char yaml[512];
	snprintf(yaml, sizeof yaml, BASE "%s", noise);
	struct assay_engine *g = open_sim(yaml);
	g->ops->visit(g, point, repeat, 0);
	submit(g, id, 20, 10);
	run(g, 1, 16, &s);
	g->ops->close(g);
	return s.done_ns[id];
}

static void noise_is_a_function_of_its_names(void **state)
{
	(void)state;
	const char *n7 = "noise: {cv: 0.1, seed: 7}\n", *n8 = "noise: {cv: 0.1, seed: 8}\n", *run = "noise: {run_cv: 0.1, seed: 7}\n";
	int64_t quiet = noisy_end("", 0, 0, 0), a = noisy_end(n7, 0, 0, 0);
	assert_int_equal(a, noisy_end(n7, 0, 0, 5)); /* the id is no part of the name */
	assert_int_not_equal(a, quiet);
	assert_int_not_equal(a, noisy_end(n8, 0, 0, 0));
	assert_int_not_equal(a, noisy_end(n7, 1, 0, 0));
	assert_int_not_equal(a, noisy_end(n7, 0, 1, 0));
	/* one factor for the whole repeat: every gap scales alike */
	double f = (double)noisy_end(run, 0, 3, 0) / (double)quiet;
	assert_true(f > 0.6 && f < 1.6 && f != 1);
	assert_true(llabs(noisy_end(run, 0, 3, 0) - (int64_t)((double)quiet * f)) < 20);
}

static void noise_has_the_stated_spread(void **state)
{
	(void)state;
	double sum = 0, sq = 0;
	int n = 2000;
	for (int r = 0; r < n; r++) {
		static struct seen s;
		static struct assay_engine *g;
		if (!r)
			g = open_sim("prefill: {fixed_ms: 10}\nnoise: {cv: 0.2, seed: 3}\n");
		g->ops->visit(g, 0, r, (uint32_t)r);
		int64_t t0 = g->ops->now(g);
		submit(g, 0, 1, 1);
		run(g, 1, 16, &s);
		double x = (double)(s.done_ns[0] - t0) / 1e7;
		sum += x;
		sq += x * x;
		if (r == n - 1)
			g->ops->close(g);
	}
	double mean = sum / n, cv2 = (sq / n - mean * mean) / (mean * mean);
	assert_true(mean > 0.98 && mean < 1.02);
	assert_true(cv2 > 0.18 * 0.18 && cv2 < 0.22 * 0.22);
}

static void drift_on_its_own_time(void **state)
{
	(void)state;
	static struct seen s;
	struct assay_engine *g = open_sim("prefill: {fixed_ms: 60000}\ndecode: {fixed_ms: 1000}\ndrift_pct_per_min: 10\n");
	submit(g, 0, 1, 2);
	run(g, 1, 16, &s);
	assert_int_equal(s.token_ns[0][0], 60000 * MS);
	assert_int_equal(s.token_ns[0][1] - s.token_ns[0][0], 1100 * MS);
	g->ops->close(g);
}

static void faults(void **state)
{
	(void)state;
	static struct seen s;
	struct assay_engine *g = open_sim("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\nmax_batch: 1\nfaults:\n"
					  "  - {kind: error, at: 2}\n  - {kind: stall, at: 3, ms: 500}\n  - {kind: short, at: 4}\n  - {kind: extra, every: 5}\n");
	for (uint32_t i = 0; i < 6; i++)
		submit(g, i, 4, 3);
	run(g, 6, 16, &s);
	static const struct { enum assay_end end; int tokens; int64_t span_ms; } want[] = {
		{ ASSAY_END_LENGTH, 3, 21 }, { ASSAY_END_ERROR_EVENT, 0, 1 }, { ASSAY_END_LENGTH, 3, 521 },
		{ ASSAY_END_LENGTH, 2, 11 }, { ASSAY_END_LENGTH, 4, 31 }, { ASSAY_END_LENGTH, 3, 21 },
	};
	for (int i = 0; i < 6; i++) {
		assert_int_equal(s.end[i], want[i].end);
		assert_int_equal(s.tokens[i], want[i].tokens);
		assert_int_equal(s.reported[i], want[i].tokens);
		assert_int_equal(s.done_ns[i] - s.scheduled_ns[i], want[i].span_ms * MS);
	}
	g->ops->close(g);
}

/* A poll that times out in the middle of a step neither loses nor delays it. */
static void timeouts_do_not_disturb(void **state)
{
	(void)state;
	struct assay_engine *g = open_sim(BASE);
	struct assay_event ev[16];
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(g->ops->poll(g, ev, 16, 3 * MS, &e), 0); /* idle: time passes */
	assert_int_equal(g->ops->now(g), 3 * MS);
	submit(g, 0, 10, 1);
	int tokens = 0;
	for (int i = 0; i < 100 && !tokens; i++) {
		int k = g->ops->poll(g, ev, 16, 1 * MS + 1, &e);
		for (int j = 0; j < k; j++)
			if (ev[j].kind == ASSAY_EV_TOKEN) {
				tokens++;
				assert_int_equal(ev[j].t_ns, 3 * MS + 7 * MS);
			}
	}
	assert_int_equal(tokens, 1);
	g->ops->close(g);
}

static void cancel_waiting_and_running(void **state)
{
	(void)state;
	static struct seen s;
	struct assay_engine *g = open_sim("prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 10}\nmax_batch: 1\n");
	struct assay_event ev[16];
	struct assay_err e = ASSAY_ERR_INIT;
	submit(g, 0, 4, 30);
	submit(g, 1, 4, 30);
	submit(g, 2, 4, 2);
	while (g->ops->now(g) < 21 * MS)
		g->ops->poll(g, ev, 16, MS, &e);
	assert_int_equal(g->ops->cancel(g, 0), 0);
	assert_int_equal(g->ops->cancel(g, 1), 0);
	assert_int_equal(g->ops->cancel(g, 77), -1);
	run(g, 3, 16, &s);
	assert_int_equal(s.end[0], ASSAY_END_CANCELLED);
	assert_int_equal(s.end[1], ASSAY_END_CANCELLED);
	assert_int_equal(s.end[2], ASSAY_END_LENGTH);
	assert_int_equal(s.tokens[2], 2);
	g->ops->close(g);
}

static void says_what_it_is(void **state)
{
	(void)state;
	struct assay_engine *g = open_sim(BASE "load_ms: 250\nceilings: {read_gb_s: 20}\n");
	const struct assay_engine_info *i = g->ops->info(g);
	assert_int_equal(i->max_context, 1024);
	assert_int_equal(i->vocab, 50257);
	assert_int_equal(g->ops->now(g), 250 * MS);
	assert_true(json_real_value(json_object_get(i->load, "total_ms")) == 250);
	assert_true(json_is_null(json_object_get(i->load, "weights_ms")));
	assert_true(json_real_value(json_object_get(json_object_get(i->truth, "ceilings"), "read_gb_s")) == 20);
	assert_true(json_is_null(json_object_get(i->model, "weight_bytes")));
	assert_string_equal(json_string_value(json_object_get(i->model, "name")), "gpt2");
	assert_false(i->has_tokenizer || i->place != ASSAY_PLACE_ELSEWHERE);
	assert_true(strlen(i->no_tokenizer) > 0);
	g->ops->close(g);
}

static void real_clock_keeps_the_schedule(void **state)
{
	(void)state;
	static struct seen s;
	struct assay_engine *g = open_sim("clock: real\nprefill: {fixed_ms: 20}\ndecode: {fixed_ms: 10}\n");
	int64_t t0 = assay_now_ns();
	submit(g, 0, 1, 3);
	run(g, 1, 16, &s);
	assert_true(s.done_ns[0] - t0 >= 40 * MS);
	assert_true(assay_now_ns() >= s.done_ns[0]);
	assert_true(s.token_ns[0][1] - s.token_ns[0][0] >= 10 * MS);
	g->ops->close(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_request_is_arithmetic), cmocka_unit_test(batch_steps), cmocka_unit_test(queueing),
		cmocka_unit_test(kv_limit_queues_and_refuses), cmocka_unit_test(noise_is_a_function_of_its_names),
		cmocka_unit_test(noise_has_the_stated_spread), cmocka_unit_test(drift_on_its_own_time), cmocka_unit_test(faults),
		cmocka_unit_test(timeouts_do_not_disturb), cmocka_unit_test(cancel_waiting_and_running), cmocka_unit_test(says_what_it_is),
		cmocka_unit_test(real_clock_keeps_the_schedule),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
