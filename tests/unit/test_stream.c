/* An open-ended load on the sim engine, where the truth is an input: windows at exact times, nothing lost between them, refusals counted,
 * records that the windows follow from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "exp_kit.h"
#include "metrics/outcome.h"
#include "metrics/window.h"

#define S INT64_C(1000000000)
#define MS_NS INT64_C(1000000)
#define FAST "prefill: {fixed_ms: 10}\ndecode: {fixed_ms: 10}\nmax_batch: 4\nweights_mib: 10\n" /* alone: TTFT 10 ms, 10 ms a token */

static void soak(struct kit_run *r, const char *yaml, char **args)
{
	kit_run(r, kit_sim(yaml, "gpt2"), "soak", args, NULL, NULL);
	if (r->rc)
		fail_msg("%s", r->e.msg);
}

static const struct assay_rec_window *window(const struct kit_run *r, size_t i)
{
	const struct assay_record *x = kit_hot(&r->sink, ASSAY_REC_WINDOW, i);
	return x ? &x->u.window : NULL;
}

static uint32_t ended(const struct assay_rec_window *w)
{
	uint32_t n = 0;
	for (int i = 0; i < ASSAY_END_N; i++)
		n += w->ends[i];
	return n;
}

/* A constant rate that the engine serves at once: every number is known. */
static void even_load(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--load", "2/s", "--arrivals", "constant", "--duration", "60s", "--window", "10s", "--prompt-tokens", "8", "--output-tokens", "5", "--keep-tokens", "10", NULL };
	soak(&r, FAST, args);
	assert_int_equal(kit_count(&r.sink, ASSAY_REC_WINDOW), 7); /* six and the tail */
	for (uint32_t i = 0; i < 6; i++) {
		const struct assay_rec_window *w = window(&r, i);
		assert_int_equal(w->index, i);
		assert_int_equal(w->t1_ns - w->t0_ns, 10 * S);
		assert_int_equal(w->elapsed_ns, i * 10 * S);
		assert_int_equal(w->flags, 0);
		assert_true(fabs(w->load_per_s - 2) < 1e-9);
		assert_int_equal(w->ends[ASSAY_END_LENGTH], i ? 20 : 19); /* arrivals at 0.5, 1.0, ...: the one at 10 s ends after it */
		assert_int_equal(w->output_tokens, 5 * (i ? 20 : 19));
		assert_int_equal(w->steps, 5 * (i ? 20 : 19));
		assert_int_equal(w->busy_ns, w->steps * 10 * MS_NS);
		assert_int_equal(w->rss_mean_bytes, 10 << 20);
		assert_int_equal(w->most_live, 1);
	}
	assert_int_equal(window(&r, 6)->flags, ASSAY_WINDOW_TAIL);
	const struct assay_record *d = kit_hot(&r.sink, ASSAY_REC_DIST, 0);
	assert_int_equal(d->u.dist.metric, ASSAY_STREAM_TTFT);
	assert_int_equal(d->u.dist.n, 19);
	assert_int_equal(d->u.dist.exact, 1);
	assert_true(fabs(d->u.dist.p99 - 10e6) < 1 && fabs(d->u.dist.mean - 10e6) < 1);
	assert_int_equal(kit_count(&r.sink, ASSAY_REC_SERVED), 119); /* 60 s: the arrival at 60.0 is not in it */
	assert_int_equal(kit_count(&r.sink, ASSAY_REC_SERVED_TOKEN), 12 * 5);
	assert_int_equal(kit_count(&r.sink, ASSAY_REC_SUBMIT) + kit_count(&r.sink, ASSAY_REC_TOKEN) + kit_count(&r.sink, ASSAY_REC_STEP) + kit_count(&r.sink, ASSAY_REC_REQUEST), 0);
	assert_string_equal(kit_status(&r.sink, 0), "ok");
	kit_sink_release(&r.sink);
}

/* Poisson arrivals: as many as wanted, gaps exponential, the same again with the same seed. */
static void poisson(void **state)
{
	(void)state;
	struct kit_run a, b;
	char *args[] = { "--load", "5/s", "--duration", "1000s", "--window", "100s", "--prompt-tokens", "8", "--output-tokens", "1", NULL };
	soak(&a, FAST, args);
	soak(&b, FAST, args);
	size_t n = kit_count(&a.sink, ASSAY_REC_SERVED), over = 0;
	assert_true(fabs((double)n - 5000) < 4 * sqrt(5000));
	assert_int_equal(a.sink.n_hot, b.sink.n_hot);
	assert_memory_equal(&kit_hot(&a.sink, ASSAY_REC_WINDOW, 9)->u, &kit_hot(&b.sink, ASSAY_REC_WINDOW, 9)->u, sizeof(struct assay_rec_window));
	int64_t last = 0;
	for (size_t i = 0; i < a.sink.n_hot; i++) {
		if (a.sink.hot[i].type != ASSAY_REC_SERVED)
			continue;
		int64_t t = a.sink.hot[i].u.request.t_intended;
		over += t - last > S / 5; /* more than the mean gap: a share of 1/e */
		last = t;
	}
	assert_true(fabs((double)over / (double)n - exp(-1)) < 0.03);
	kit_sink_release(&a.sink);
	kit_sink_release(&b.sink);
}

/* Twice what the engine can do, and a short patience: all that fell due is accounted for, window by window and in all. */
static void overload_is_refused_and_counted(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--load", "200%", "--probe", "20s", "--concurrency", "4", "--duration", "100s", "--window", "10s", "--prompt-tokens", "8", "--output-tokens", "5", "--backlog", "20", NULL };
	soak(&r, FAST, args);
	uint64_t offered = 0, unsent = 0, done = 0, served = 0;
	for (size_t i = 0; window(&r, i); i++) {
		const struct assay_rec_window *w = window(&r, i);
		offered += w->offered;
		unsent += w->ends[ASSAY_END_UNSENT];
		done += ended(w);
		assert_true(w->most_live <= 20);
	}
	for (size_t i = 0; i < r.sink.n_hot; i++)
		served += r.sink.hot[i].type == ASSAY_REC_SERVED;
	assert_int_equal(offered, done);
	assert_int_equal(offered, served);
	const json_t *capacity = kit_note(&r.sink, "capacity", 0);
	double rate = assay_json_get_num(capacity, "request_s", 0);
	assert_true(rate > 30 && rate < 60); /* four in flight; each takes 10 ms of prefill and shares four decode steps of 10 ms */
	assert_true(fabs((double)unsent - 100 * rate) < 0.15 * 100 * rate); /* half of what was offered */
	assert_string_equal(kit_status(&r.sink, 0), "ok");
	assert_string_equal(kit_status(&r.sink, 1), "ok");
	kit_sink_release(&r.sink);
}

/* Phases cut windows; what runs over the edge is counted where it ends. */
static void steps_and_closed_loop(void **state)
{
	(void)state;
	struct kit_run r;
	char *args[] = { "--load", "1/sx25s,closed:2x15s", "--duration", "80s", "--window", "10s", "--prompt-tokens", "8", "--output-tokens", "5", NULL };
	static const int lengths[] = { 10, 10, 5, 10, 5, 10, 10, 5, 10, 5 };
	soak(&r, FAST, args);
	uint64_t offered = 0, done = 0;
	for (uint32_t i = 0; i < 10; i++) {
		const struct assay_rec_window *w = window(&r, i);
		assert_int_equal(w->t1_ns - w->t0_ns, lengths[i] * S);
		assert_int_equal(w->point, i % 5 >= 3);
		assert_int_equal(w->repeat, i / 5);
		assert_int_equal(w->flags, lengths[i] == 10 ? 0 : ASSAY_WINDOW_SHORT);
	}
	for (size_t i = 0; window(&r, i); i++) {
		offered += window(&r, i)->offered;
		done += ended(window(&r, i));
	}
	assert_int_equal(offered, done);
	assert_int_equal(window(&r, 3)->most_live, 2);
	assert_int_equal(kit_count(&r.sink, ASSAY_REC_VISIT), 4);
	assert_int_equal(kit_count(&r.sink, ASSAY_REC_VISIT_END), 4);
	kit_sink_release(&r.sink);
}

/* The SERVED records between two WINDOW records give the window's counts and times again. */
static void windows_follow_from_requests(void **state)
{
	(void)state;
	struct kit_run r;
	struct assay_window *again = assay_window_open();
	char *args[] = { "--load", "90%", "--probe", "10s", "--duration", "60s", "--window", "7s", "--output-tokens", "1:9", "--prompt-tokens", "2:30", NULL };
	soak(&r, FAST "faults: [{kind: error, every: 7}]\nnoise: {cv: 0.3, seed: 3}\n", args);
	struct assay_rec_window none = { 0 };
	struct assay_rec_dist dist[ASSAY_STREAM_METRICS] = { { 0 } };
	assay_window_begin(again, &none);
	size_t n = 0;
	for (size_t i = 0; i < r.sink.n_hot; i++) {
		const struct assay_record *x = &r.sink.hot[i];
		if (x->type == ASSAY_REC_SERVED)
			assay_window_ended(again, &x->u.request, x->u.request.first_tokens);
		if (x->type == ASSAY_REC_DIST)
			dist[x->u.dist.metric] = x->u.dist;
		if (x->type != ASSAY_REC_WINDOW)
			continue;
		assert_memory_equal(assay_window_head(again)->ends, x->u.window.ends, sizeof x->u.window.ends);
		struct assay_rec_dist mine;
		assert_true(assay_window_dist(again, ASSAY_STREAM_TTFT, &mine) == (dist[ASSAY_STREAM_TTFT].n > 0));
		mine.window = x->u.window.index;
		if (mine.n)
			assert_memory_equal(&mine, &dist[ASSAY_STREAM_TTFT], sizeof mine);
		n++;
		memset(dist, 0, sizeof dist);
		assay_window_begin(again, &none);
	}
	assert_true(n > 9);
	assay_window_close(again);
	kit_sink_release(&r.sink);
}

static int turns;
static bool stop_later(void *arg)
{
	(void)arg;
	return turns-- < 0;
}

static void a_stop_is_recorded(void **state)
{
	(void)state;
	struct kit_run r;
	turns = 300;
	char *args[] = { "--load", "1/sx25s,5/sx25s", "--window", "10s", NULL };
	kit_run(&r, kit_sim(FAST, "gpt2"), "soak", args, stop_later, NULL);
	assert_int_equal(r.rc, 0);
	assert_true(r.totals.interrupted);
	size_t n = kit_count(&r.sink, ASSAY_REC_WINDOW);
	assert_true(n >= 1);
	assert_int_equal(window(&r, n - 1)->flags & ASSAY_WINDOW_SHORT, ASSAY_WINDOW_SHORT);
	assert_string_equal(kit_status(&r.sink, 0), "interrupted");
	assert_string_equal(kit_status(&r.sink, 1), "interrupted");
	kit_sink_release(&r.sink);
}

/* More samples than a window keeps: percentiles come from its histogram, and it says so. */
static void a_crowded_window_falls_back(void **state)
{
	(void)state;
	struct assay_window *w = assay_window_open();
	struct assay_rec_window head = { .index = 3 };
	struct assay_rec_dist d;
	assay_window_begin(w, &head);
	assert_false(assay_window_dist(w, ASSAY_STREAM_ITL, &d));
	for (int i = 1; i <= ASSAY_WINDOW_EXACT + 1000; i++) {
		assay_window_token(w, 1, i * 1000);
		if (i == ASSAY_WINDOW_EXACT) {
			assert_true(assay_window_dist(w, ASSAY_STREAM_ITL, &d));
			assert_int_equal(d.exact, 1);
			assert_true(d.p50 == ASSAY_WINDOW_EXACT / 2 * 1000.0);
		}
	}
	assert_true(assay_window_dist(w, ASSAY_STREAM_ITL, &d));
	assert_int_equal(d.exact, 0);
	assert_int_equal(d.n, ASSAY_WINDOW_EXACT + 1000);
	assert_true(fabs(d.p50 / ((ASSAY_WINDOW_EXACT + 1000) / 2 * 1000.0) - 1) < 0.0011);
	assert_true(d.min == 1000 && d.max == (ASSAY_WINDOW_EXACT + 1000) * 1000.0);
	assay_window_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(even_load), cmocka_unit_test(poisson), cmocka_unit_test(overload_is_refused_and_counted), cmocka_unit_test(steps_and_closed_loop),
		cmocka_unit_test(windows_follow_from_requests), cmocka_unit_test(a_stop_is_recorded), cmocka_unit_test(a_crowded_window_falls_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
