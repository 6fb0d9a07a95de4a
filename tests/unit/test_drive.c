/* The loop that submits and polls, on the sim engine: stamps, closed and open loop, failures, interruption. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "exp_kit.h"
#include "experiment/session.h"
#include "workload/plan.h"

#define MS INT64_C(1000000)

struct bench { struct kit_sink sink; struct assay_session *s; struct assay_engine *g; struct assay_plan plan; struct assay_drive_result r; int rc; struct assay_err e; };

static int polls_until_stop;

static bool stop_after(void *arg)
{
	(void)arg;
	return polls_until_stop >= 0 && polls_until_stop-- == 0;
}

static void open_bench(struct bench *b, const char *yaml, size_t n, int prompt, int output)
{
	struct assay_plan_key k = { .vocab = 50257, .first_id = 7, .sampling = { .ignore_eos = true } };
	*b = (struct bench){ .e = ASSAY_ERR_INIT };
	b->g = kit_sim(yaml, "gpt2");
	kit_sink_init(&b->sink);
	struct assay_session_config c = { .engine = b->g, .sink = &b->sink.base, .hooks = { NULL, stop_after, NULL } };
	assert_int_equal(assay_session_open(&c, &b->s, &b->e), 0);
	assert_int_equal(assay_plan_batch(&k, n, prompt, output, &b->plan, &b->e), 0);
	polls_until_stop = -1;
}

static void drive(struct bench *b)
{
	b->rc = assay_drive_run(b->s, &b->plan, 3, 1, &b->r, &b->e);
}

static void close_bench(struct bench *b)
{
	assay_plan_release(&b->plan);
	assay_session_close(b->s);
	b->g->ops->close(b->g);
	kit_sink_release(&b->sink);
}

static const struct assay_rec_request *request(const struct bench *b, uint32_t id)
{
	const struct assay_record *r;
	for (size_t i = 0; (r = kit_hot(&b->sink, ASSAY_REC_REQUEST, i)); i++)
		if (r->u.request.id == id)
			return &r->u.request;
	fail_msg("no REQUEST record of %u", id);
	return NULL;
}

static const char simple[] = "prefill: {fixed_ms: 4, per_token_us: 100}\ndecode: {fixed_ms: 10}\n";

static void all_at_once(void **state)
{
	(void)state;
	struct bench b;
	open_bench(&b, simple, 3, 10, 4);
	drive(&b);
	assert_int_equal(b.rc, 0);
	assert_int_equal(b.r.ok, 3);
	assert_int_equal(b.r.output_tokens, 12);
	assert_int_equal(b.r.prompt_tokens, 30);
	assert_int_equal(b.r.t1_ns - b.r.t0_ns, 3 * 5 * MS + 3 * 10 * MS);
	assert_int_equal(kit_count(&b.sink, ASSAY_REC_SUBMIT), 3);
	assert_int_equal(kit_count(&b.sink, ASSAY_REC_TOKEN), 12);
	assert_int_equal(kit_count(&b.sink, ASSAY_REC_STEP), 6);
	assert_int_equal(kit_count(&b.sink, ASSAY_REC_VISIT), 1);
	assert_int_equal(kit_count(&b.sink, ASSAY_REC_VISIT_END), 1);
	for (uint32_t i = 0; i < 3; i++) {
		const struct assay_rec_request *q = request(&b, 7 + i);
		assert_int_equal(q->t_intended, b.r.t0_ns);
		assert_int_equal(q->t_sent, b.r.t0_ns);
		assert_int_equal(q->t_scheduled, b.r.t0_ns + i * 5 * MS);
		assert_int_equal(q->t_first, b.r.t0_ns + (i + 1) * 5 * MS);
		assert_int_equal(q->t_end, b.r.t0_ns + 45 * MS);
		assert_int_equal(q->t_last, q->t_end);
		assert_int_equal(q->end_state, ASSAY_END_LENGTH);
		assert_true(q->point == 3 && q->repeat == 1 && q->output_tokens == 4 && q->reported_tokens == 4 && q->events == 4 && q->prompt_tokens == 10);
	}
	close_bench(&b);
}

/* A slot that frees is refilled at that moment, and that is when the next request was intended. */
static void closed_loop(void **state)
{
	(void)state;
	struct bench b;
	open_bench(&b, simple, 3, 10, 2);
	b.plan.in_flight = 1;
	drive(&b);
	for (uint32_t i = 0; i < 3; i++) {
		const struct assay_rec_request *q = request(&b, 7 + i);
		assert_int_equal(q->t_sent, b.r.t0_ns + i * 15 * MS);
		assert_int_equal(q->t_intended, q->t_sent);
		assert_int_equal(q->t_first - q->t_sent, 5 * MS);
	}
	close_bench(&b);
}

/* Intended times are kept to the nanosecond on a virtual clock, also while a step runs. */
static void open_loop(void **state)
{
	(void)state;
	struct bench b;
	open_bench(&b, simple, 4, 10, 30);
	for (size_t i = 0; i < 4; i++)
		b.plan.reqs[i].offset_ns = (int64_t)i * 33 * MS + (int64_t)i;
	drive(&b);
	for (uint32_t i = 0; i < 4; i++) {
		const struct assay_rec_request *q = request(&b, 7 + i);
		assert_int_equal(q->t_intended, b.r.t0_ns + b.plan.reqs[i].offset_ns);
		assert_int_equal(q->t_sent, q->t_intended);
	}
	close_bench(&b);
}

static void counts_must_agree(void **state)
{
	(void)state;
	struct bench b;
	open_bench(&b, "prefill: {fixed_ms: 1}\ndecode: {fixed_ms: 1}\nfaults:\n  - {kind: short, at: 1}\n  - {kind: extra, at: 2}\n  - {kind: error, at: 3}\n", 4, 5, 3);
	drive(&b);
	assert_int_equal(b.rc, 0);
	assert_int_equal(b.r.ended, 4);
	assert_int_equal(b.r.ok, 1);
	assert_int_equal(request(&b, 7)->end_state, ASSAY_END_COUNT_MISMATCH);
	assert_int_equal(request(&b, 8)->end_state, ASSAY_END_COUNT_MISMATCH);
	assert_int_equal(request(&b, 9)->end_state, ASSAY_END_ERROR_EVENT);
	assert_int_equal(request(&b, 9)->t_first, -1);
	assert_int_equal(request(&b, 10)->end_state, ASSAY_END_LENGTH);
	close_bench(&b);
}

static void refused_request_stops_the_visit(void **state)
{
	(void)state;
	struct bench b;
	open_bench(&b, simple, 3, 10, 4);
	b.plan.reqs[2].prompt_tokens = 1021;
	drive(&b);
	assert_int_equal(b.rc, ASSAY_E_LIMIT);
	assert_non_null(strstr(b.e.msg, "needs 1025 tokens"));
	assert_int_equal(request(&b, 7)->end_state, ASSAY_END_CANCELLED);
	assert_int_equal(request(&b, 8)->end_state, ASSAY_END_CANCELLED);
	assert_int_equal(kit_count(&b.sink, ASSAY_REC_VISIT_END), 1);
	assert_false(b.s->engine_gone);
	close_bench(&b);
}

static void interruption_cancels_and_says_so(void **state)
{
	(void)state;
	struct bench b;
	open_bench(&b, simple, 4, 10, 50);
	b.plan.in_flight = 2;
	polls_until_stop = 10;
	drive(&b);
	assert_int_equal(b.rc, 0);
	assert_true(b.r.interrupted);
	assert_int_equal(kit_count(&b.sink, ASSAY_REC_SUBMIT), 2);
	assert_int_equal(kit_count(&b.sink, ASSAY_REC_REQUEST), 2);
	assert_int_equal(request(&b, 7)->end_state, ASSAY_END_CANCELLED);
	assert_true(request(&b, 7)->output_tokens > 0);
	close_bench(&b);
}

/* An engine that fails, then does not even take its cancellations. */
static int fail_poll(struct assay_engine *g, struct assay_event *ev, int cap, int64_t timeout_ns, struct assay_err *e)
{
	(void)g, (void)ev, (void)cap, (void)timeout_ns;
	return assay_fail(e, ASSAY_E_ENGINE, "the engine broke");
}

static void dead_engine(void **state)
{
	(void)state;
	struct bench b;
	open_bench(&b, simple, 2, 10, 4);
	const struct assay_engine_ops *was = b.g->ops;
	struct assay_engine_ops broken = *was;
	broken.poll = fail_poll;
	b.g->ops = &broken;
	drive(&b);
	assert_int_equal(b.rc, ASSAY_E_ENGINE);
	assert_string_equal(b.e.msg, "the engine broke");
	assert_true(b.s->engine_gone);
	assert_int_equal(request(&b, 7)->end_state, ASSAY_END_LOCAL_ERROR);
	assert_int_equal(request(&b, 8)->end_state, ASSAY_END_LOCAL_ERROR);
	b.g->ops = was;
	close_bench(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_at_once), cmocka_unit_test(closed_loop), cmocka_unit_test(open_loop), cmocka_unit_test(counts_must_agree),
		cmocka_unit_test(refused_request_stops_the_visit), cmocka_unit_test(interruption_cancels_and_says_so), cmocka_unit_test(dead_engine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
