/* The null engine: at once, in order, nothing lost over small polls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "engine/registry.h"

static struct assay_engine *open_null(void)
{
	struct assay_engine_config c = { .model = "gpt2", .max_num_seqs = 256 };
	struct assay_engine *g = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	int64_t t0 = assay_now_ns();
	if (assay_engine_null.open(&c, &g, &e))
		fail_msg("%s", e.msg);
	assert_true(assay_now_ns() - t0 < 200 * ASSAY_NS_PER_MS); /* no weights are made */
	return g;
}

static void gives_every_token_in_order(void **state)
{
	(void)state;
	enum { N = 3000 }; /* more than the ring's first size */
	static int tokens[N];
	struct assay_event ev[7];
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_engine *g = open_null();
	memset(tokens, 0, sizeof tokens);
	for (uint32_t i = 0; i < N; i++) {
		struct assay_request r = { .id = i, .prompt_tokens = 5, .max_tokens = 1 + (int)(i % 9) };
		assert_int_equal(g->ops->submit(g, &r, &e), 0);
	}
	uint32_t next = 0;
	while (next < N) {
		int k = g->ops->poll(g, ev, 7, 0, &e);
		assert_in_range(k, 1, 7);
		for (int i = 0; i < k; i++) {
			assert_int_equal(ev[i].id, next);
			assert_true(ev[i].t_ns > 0 && ev[i].t_ns <= assay_now_ns());
			tokens[next] += ev[i].kind == ASSAY_EV_TOKEN ? (int)ev[i].n_tokens : 0;
			if (ev[i].kind == ASSAY_EV_DONE) {
				assert_int_equal(ev[i].end, ASSAY_END_LENGTH);
				assert_int_equal(ev[i].reported_tokens, 1 + (int)(next % 9));
				next++;
			}
		}
	}
	for (int i = 0; i < N; i++)
		assert_int_equal(tokens[i], 1 + i % 9);
	assert_int_equal(g->ops->poll(g, ev, 7, 0, &e), 0);
	g->ops->close(g);
}

static void cancel_and_limit(void **state)
{
	(void)state;
	struct assay_event ev[16];
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_engine *g = open_null();
	struct assay_request r = { .id = 1, .prompt_tokens = 5, .max_tokens = 100 }, big = { .id = 2, .prompt_tokens = 1000, .max_tokens = 25 };
	assert_int_equal(g->ops->submit(g, &big, &e), ASSAY_E_LIMIT);
	assert_non_null(strstr(e.msg, "needs 1025 tokens"));
	assert_int_equal(g->ops->submit(g, &r, &e), 0);
	assert_int_equal(g->ops->poll(g, ev, 4, 0, &e), 4); /* scheduled + 3 tokens */
	assert_int_equal(g->ops->cancel(g, 1), 0);
	assert_int_equal(g->ops->poll(g, ev, 16, 0, &e), 1);
	assert_true(ev[0].kind == ASSAY_EV_DONE && ev[0].end == ASSAY_END_CANCELLED && ev[0].reported_tokens == 3);
	assert_int_equal(g->ops->cancel(g, 1), -1);
	assert_false(g->ops->info(g)->place != ASSAY_PLACE_ELSEWHERE || g->ops->info(g)->virtual_clock || g->ops->info(g)->has_tokenizer);
	g->ops->close(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(gives_every_token_in_order), cmocka_unit_test(cancel_and_limit) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
