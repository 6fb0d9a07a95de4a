/* Hand-made runs whose every metric is known by arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "metrics/machine_use.h"
#include "metrics/outcome.h"
#include "metrics/point_metrics.h"
#include "metrics/trend.h"
#include "run_fixture.h"

static const char header[] =
	"{\"config\": {}, \"engine\": {\"effective\": {\"block_size\": 16, \"max_num_seqs\": 256}, \"load\": {\"total_ms\": 1234.5}},"
	" \"model\": {\"dtype\": \"f32\", \"weight_bytes\": 104857600, \"kv_bytes_per_token\": 1024}, \"machine\": {\"gpus\": null}}";

static void near_rel(double got, double want, const char *what)
{
	if (!(fabs(got - want) <= 1e-12 * fabs(want)))
		fail_msg("%s: got %.17g, want %.17g", what, got, want);
}

static const struct assay_value *value(const struct assay_run_metrics *m, size_t point, const char *key)
{
	const struct assay_value *v = assay_point_value(&m->points[point], key);
	if (!v)
		fail_msg("no %s", key);
	return v;
}

static void is(const struct assay_run_metrics *m, size_t point, const char *key, double want)
{
	near_rel(value(m, point, key)->value, want, key);
	assert_string_equal(value(m, point, key)->reason, "");
}

static void is_null(const struct assay_run_metrics *m, size_t point, const char *key, const char *why)
{
	const struct assay_value *v = value(m, point, key);
	if (!isnan(v->value) || !strstr(v->reason, why))
		fail_msg("%s: %g, reason \"%s\", want null because \"%s\"", key, v->value, v->reason, why);
}

/* One request: 128 prompt tokens, 5 output tokens; intended 1000 ms, sent 1002, scheduled 1003, first 1100, then each 20 ms. */
static void single(struct fx *f)
{
	fx_init(f, header);
	fx_point(f, "{\"experiment\": \"latency\", \"case\": {\"batch_size\": 1, \"prompt_tokens\": 128, \"output_tokens\": 5}, \"runs\": 1}", "{\"status\": \"ok\"}");
	fx_visit(f, -1, 0, 500 * MS);
	fx_request(f, 128, 5, 0, 300 * MS, 50 * MS);
	fx_visit(f, 0, 1000 * MS, 1190 * MS);
	struct assay_run_request *q = fx_request(f, 128, 5, 1000 * MS, 1100 * MS, 20 * MS);
	q->r.t_sent = 1002 * MS;
	q->r.t_scheduled = 1003 * MS;
}

static void test_single_request(void **state)
{
	(void)state;
	struct fx f;
	struct assay_run_metrics m;
	single(&f);
	fx_ceiling(&f, 900 * MS, 9, 90, 0);
	struct assay_rec_step *s = fx_step(&f, ASSAY_STEP_PREFILL, 1, 128, 1004 * MS, 1100 * MS);
	s->flops = 4320000000;
	s->kv_blocks_used = 8;
	for (int i = 0; i < 4; i++) {
		s = fx_step(&f, ASSAY_STEP_DECODE, 1, 1, (1100 + 20 * i) * MS, (1120 + 20 * i) * MS);
		s->weight_bytes = 100000000;
		s->kv_read_bytes = 19000000;
		s->kv_write_bytes = 1000000;
		s->activation_bytes = 77777777; /* not in the definition */
		s->flops = 1;
		s->kv_blocks_used = 9;
	}
	fx_ceiling(&f, 1200 * MS, 11, 110, 0);
	fx_done(&f);
	assay_run_metrics_compute(&f.run, &m);
	assert_int_equal(m.points[0].offered, 1);
	assert_int_equal(m.points[0].succeeded, 1);
	assert_int_equal(m.points[0].runs_done, 1);
	assert_int_equal(m.points[0].warmups_done, 1);
	assert_int_equal(m.points[0].prompt_tokens, 128);
	assert_int_equal(m.points[0].output_tokens, 5);
	is(&m, 0, "ttft_ms", 100);
	is(&m, 0, "ttft_service_ms", 98);
	is(&m, 0, "itl_ms", 20);
	assert_int_equal(value(&m, 0, "itl_ms")->s.n, 4);
	assert_int_equal(value(&m, 0, "itl_ms")->s.units, 1);
	is(&m, 0, "itl_hidden", 0);
	is(&m, 0, "tpot_ms", 20);
	is(&m, 0, "e2el_ms", 180);
	is(&m, 0, "queue_ms", 1);
	is(&m, 0, "send_lag_ms", 2);
	is(&m, 0, "read_lag_ms", 0.001);
	is(&m, 0, "request_tok_s", 5 / 0.180);
	is(&m, 0, "decode_tok_s", 50);
	is(&m, 0, "wall_s", 0.190);
	is(&m, 0, "output_tok_s", 5 / 0.190);
	is(&m, 0, "input_tok_s", 128 / 0.190);
	is(&m, 0, "total_tok_s", 133 / 0.190);
	is(&m, 0, "request_s", 1 / 0.190);
	is(&m, 0, "inverse_throughput_ms", 190);
	is(&m, 0, "output_tok_s_steady", 50);
	is(&m, 0, "prefill_tok_s", 128 / 0.096);
	is(&m, 0, "step_ms", (96 + 4 * 20) / 5.0);
	is(&m, 0, "decode_step_ms", 20);
	is(&m, 0, "step_seqs", 1);
	is(&m, 0, "preemptions", 0);
	is(&m, 0, "mbu", 0.120 * 4 / 0.080 / 10); /* 120 MB a step, 20 ms: 6 GB/s of 10 */
	is(&m, 0, "mfu", 4.32 / 0.096 / 100);
	is(&m, 0, "weights_mib", 100);
	is(&m, 0, "kv_bytes_per_token", 1024);
	is(&m, 0, "kv_peak_mib", 9 * 16 / 1024.0);
	is(&m, 0, "kv_used_mib", (8 * 96 + 9 * 80) / 176.0 * 16 / 1024.0);
	/* Last of the equally full decode steps: 128 + 5 - 1 = 132 positions in 9 pages of 16 KiB. */
	is(&m, 0, "kv_bytes_per_token_observed", 9 * 16 * 1024 / 132.0);
	is(&m, 0, "load_ms", 1234.5);
	is(&m, 0, "speedup", 1);
	is(&m, 0, "efficiency", 1);
	is_null(&m, 0, "gpu_util", "no GPU");
	is_null(&m, 0, "cpu_util", "fewer than two telemetry samples");
	is_null(&m, 0, "workspace_mib", "does not say");
	is_null(&m, 0, "rss_peak_mib", "no telemetry sample");
	is_null(&m, 0, "rss_delta_mib", "no memory reading");
	assert_null(assay_point_value(&m.points[0], "rss_growth_kib_per_1k"));
	assert_true(isnan(value(&m, 0, "wall_s")->s.std));
	assay_run_metrics_release(&m);
	fx_release(&f);
}

/* Without steps, probes or finer stamps: every gap has its reason, nothing is zero. */
static void test_nothing_known(void **state)
{
	(void)state;
	struct fx f;
	struct assay_run_metrics m;
	single(&f);
	json_object_clear(f.run.header);
	f.run.requests[1].r.t_scheduled = -1;
	fx_done(&f);
	assay_run_metrics_compute(&f.run, &m);
	is_null(&m, 0, "queue_ms", "does not say");
	is_null(&m, 0, "step_ms", "no steps");
	is_null(&m, 0, "mbu", "no decode steps");
	is_null(&m, 0, "mfu", "no prefill steps");
	is_null(&m, 0, "kv_peak_mib", "does not say");
	is_null(&m, 0, "kv_bytes_per_token_observed", "does not say");
	is_null(&m, 0, "weights_mib", "does not say");
	is_null(&m, 0, "load_ms", "does not say");
	near_rel(value(&m, 0, "prefill_tok_s")->value, 128 / 0.098, "prefill_tok_s");
	assert_non_null(strstr(value(&m, 0, "prefill_tok_s")->reason, "from TTFT"));
	fx_step(&f, ASSAY_STEP_DECODE, 1, 1, 1100 * MS, 1120 * MS);
	f.run.visits[1].n_steps = 1;
	assay_run_metrics_release(&m);
	assay_run_metrics_compute(&f.run, &m);
	is_null(&m, 0, "mbu", "does not count bytes");
	f.run.steps[0].weight_bytes = 1000;
	assay_run_metrics_release(&m);
	assay_run_metrics_compute(&f.run, &m);
	is_null(&m, 0, "mbu", "no probe");
	is_null(&m, 0, "mfu", "no step was prefill only");
	assay_run_metrics_release(&m);
	fx_release(&f);
}

static void test_multi_token_events(void **state)
{
	(void)state;
	struct fx f;
	struct assay_run_metrics m;
	single(&f);
	struct assay_run_request *q = &f.run.requests[1];
	struct assay_rec_token *t = (struct assay_rec_token *)q->tokens;
	/* 5 tokens in 3 events: 2 at 1100 ms, 2 at 1130, 1 at 1170 */
	static const uint32_t n[] = { 2, 2, 1 };
	static const int64_t at[] = { 1100, 1130, 1170 };
	for (int i = 0; i < 3; i++) {
		t[i].n_tokens = n[i];
		t[i].t_engine = at[i] * MS;
		t[i].t_read = at[i] * MS;
	}
	q->n_tokens = q->r.events = 3;
	q->r.t_last = 1170 * MS;
	fx_done(&f);
	assay_run_metrics_compute(&f.run, &m);
	assert_int_equal(value(&m, 0, "itl_ms")->s.n, 2);
	is(&m, 0, "itl_ms", 35);
	is(&m, 0, "itl_hidden", 2);
	is(&m, 0, "tpot_ms", 70 / 3.0);
	is(&m, 0, "output_tok_s_steady", 3 / 0.070);
	assay_run_metrics_release(&m);
	/* Without token stamps only equal counts of events and tokens tell how many came first. */
	q->n_tokens = 0;
	assay_run_metrics_compute(&f.run, &m);
	is_null(&m, 0, "tpot_ms", "tokens per event unknown");
	is_null(&m, 0, "output_tok_s_steady", "without token stamps");
	is_null(&m, 0, "itl_ms", "no token stamps");
	q->r.events = 5;
	assay_run_metrics_release(&m);
	assay_run_metrics_compute(&f.run, &m);
	is(&m, 0, "tpot_ms", 70 / 4.0);
	assay_run_metrics_release(&m);
	fx_release(&f);
}

static void test_one_token_and_zero_time(void **state)
{
	(void)state;
	struct fx f;
	struct assay_run_metrics m;
	fx_init(&f, header);
	fx_point(&f, "{\"experiment\": \"latency\", \"case\": {\"prompt_tokens\": 8}}", "{\"status\": \"ok\"}");
	fx_visit(&f, 0, 5 * MS, 5 * MS);
	fx_request(&f, 8, 1, 5 * MS, 5 * MS, 0);
	fx_visit(&f, 1, 6 * MS, 6 * MS);
	fx_request(&f, 8, 3, 6 * MS, 6 * MS, 0);
	fx_done(&f);
	assay_run_metrics_compute(&f.run, &m);
	near_rel(value(&m, 0, "tpot_ms")->value, 0, "tpot_ms");
	assert_non_null(strstr(value(&m, 0, "tpot_ms")->reason, "1 of 2 samples left out: no token after the first event"));
	is_null(&m, 0, "decode_tok_s", "no token after the first event");
	is_null(&m, 0, "output_tok_s", "below timer resolution");
	is_null(&m, 0, "request_tok_s", "below timer resolution");
	is_null(&m, 0, "prefill_tok_s", "below timer resolution");
	is(&m, 0, "ttft_ms", 0);
	is(&m, 0, "wall_s", 0);
	assert_null(assay_point_value(&m.points[0], "speedup")); /* no batch_size in the case */
	assay_run_metrics_release(&m);
	fx_release(&f);
}

static void batch_point(struct fx *f, int batch, int64_t t0, int64_t gap)
{
	char info[200];
	snprintf(info, sizeof info, "{\"experiment\": \"throughput\", \"case\": {\"batch_size\": %d, \"prompt_tokens\": 8, \"output_tokens\": 11}}", batch);
	fx_point(f, info, "{\"status\": \"ok\"}");
	for (int r = 0; r < 2; r++) {
		int64_t start = t0 + r * 1000 * MS, first = start + 20 * MS;
		fx_visit(f, r, start, first + batch * MS + 10 * gap);
		for (int i = 0; i < batch; i++)
			fx_request(f, 8, 11, start, first + (i + 1) * MS, gap);
	}
}

static void test_batches(void **state)
{
	(void)state;
	struct fx f;
	struct assay_run_metrics m;
	fx_init(&f, header);
	batch_point(&f, 4, 0, 10 * MS); /* before its batch-1 point: order does not matter */
	batch_point(&f, 1, 5000 * MS, 10 * MS);
	batch_point(&f, 2, 9000 * MS, 10 * MS);
	fx_done(&f);
	json_object_set_new(json_object_get(f.run.points[2].info, "case"), "output_tokens", json_integer(12));
	assay_run_metrics_compute(&f.run, &m);
	double four = 44 / 0.124, one = 11 / 0.121;
	is(&m, 0, "output_tok_s", four);
	is(&m, 0, "speedup", four / one);
	is(&m, 0, "efficiency", four / one / 4);
	is(&m, 1, "speedup", 1);
	is_null(&m, 2, "speedup", "no measured batch-1 point");
	/* All four run from the fourth's first token (24 ms) to the first's last (121 ms): 10 tokens of the first, 9 of the others. */
	is(&m, 0, "output_tok_s_steady", (10 + 9 + 9 + 9) / 0.097);
	assert_int_equal(value(&m, 0, "speedup")->n_per_run, 2);
	near_rel(value(&m, 0, "speedup")->per_run[1], four / one, "per_run");
	is(&m, 0, "request_s", 4 / 0.124);
	is(&m, 0, "inverse_throughput_ms", 124 / 4.0);
	is_null(&m, 0, "prefill_tok_s", "requests overlap");
	assay_run_metrics_release(&m);
	fx_release(&f);
}

/* Slots 2, five requests one after another: the window is where both slots run. */
static void test_steady_with_refill(void **state)
{
	(void)state;
	struct fx f;
	struct assay_run_metrics m;
	fx_init(&f, header);
	fx_point(&f, "{\"experiment\": \"offline\", \"case\": {\"requests\": 3}, \"concurrency\": 2}", "{\"status\": \"ok\"}");
	fx_visit(&f, 0, 0, 160 * MS);
	fx_request(&f, 8, 5, 0, 20 * MS, 10 * MS);         /* 20..60 */
	fx_request(&f, 8, 9, 0, 20 * MS, 10 * MS);         /* 20..100 */
	fx_request(&f, 8, 9, 0, 80 * MS, 10 * MS);         /* 80..160 */
	fx_done(&f);
	assay_run_metrics_compute(&f.run, &m);
	/* (20, 60]: 4 + 4 tokens; (80, 100]: 2 + 2 */
	is(&m, 0, "output_tok_s_steady", 12 / 0.060);
	f.run.requests[2].r.max_tokens = 10; /* a mismatch is a failure, but its time stays in the window */
	json_object_set_new(f.run.points[0].info, "concurrency", json_integer(3));
	assay_run_metrics_release(&m);
	assay_run_metrics_compute(&f.run, &m);
	is_null(&m, 0, "output_tok_s_steady", "no steady window"); /* three never run together */
	assert_int_equal(m.points[0].end_states[ASSAY_END_COUNT_MISMATCH], 1);
	assay_run_metrics_release(&m);
	fx_release(&f);
}

static void test_outcomes(void **state)
{
	(void)state;
	static const struct { enum assay_end end; uint32_t max, output, reported; size_t events; bool ignore_eos; enum assay_end want; } row[] = {
		{ ASSAY_END_LENGTH, 5, 5, 5, 5, true, ASSAY_END_LENGTH },
		{ ASSAY_END_LENGTH, 5, 5, ASSAY_COUNT_UNKNOWN, 0, true, ASSAY_END_LENGTH },
		{ ASSAY_END_LENGTH, 5, 5, 4, 5, true, ASSAY_END_COUNT_MISMATCH },   /* reported differs */
		{ ASSAY_END_LENGTH, 5, 5, 5, 4, true, ASSAY_END_COUNT_MISMATCH },   /* fewer arrived */
		{ ASSAY_END_LENGTH, 6, 5, 5, 5, false, ASSAY_END_COUNT_MISMATCH },  /* "length" short of the length */
		{ ASSAY_END_STOP, 9, 5, 5, 5, false, ASSAY_END_STOP },
		{ ASSAY_END_STOP, 9, 5, 5, 5, true, ASSAY_END_COUNT_MISMATCH },
		{ ASSAY_END_STOP, 9, 0, 0, 0, false, ASSAY_END_COUNT_MISMATCH },    /* no token, no success */
		{ ASSAY_END_CANCELLED, 5, 5, 5, 5, true, ASSAY_END_CANCELLED },
		{ ASSAY_END_UNFINISHED, 5, 2, ASSAY_COUNT_UNKNOWN, 2, true, ASSAY_END_UNFINISHED },
	};
	struct assay_rec_token t[5] = { { .n_tokens = 1 }, { .n_tokens = 1 }, { .n_tokens = 1 }, { .n_tokens = 1 }, { .n_tokens = 1 } };
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_run_request q = { .r = { .end_state = row[i].end, .max_tokens = row[i].max, .output_tokens = row[i].output,
			.reported_tokens = row[i].reported }, .tokens = t, .n_tokens = row[i].events };
		if (assay_request_outcome(&q, row[i].ignore_eos) != row[i].want)
			fail_msg("row %zu: %s", i, assay_end_name(assay_request_outcome(&q, row[i].ignore_eos)));
	}
}

static void test_failures(void **state)
{
	(void)state;
	struct fx f;
	struct assay_run_metrics m;
	fx_init(&f, header);
	fx_point(&f, "{\"experiment\": \"latency\", \"case\": {\"batch_size\": 1}}", "{\"status\": \"ok\"}");
	for (int r = 0; r < 10; r++) {
		fx_visit(&f, r, r * 1000 * MS, (r * 1000 + 100) * MS);
		fx_request(&f, 8, 3, r * 1000 * MS, (r * 1000 + 10 + r) * MS, MS);
	}
	f.run.requests[3].r.end_state = ASSAY_END_LOCAL_ERROR;
	f.run.requests[4].r.reported_tokens = 7;
	fx_done(&f);
	assay_run_metrics_compute(&f.run, &m);
	assert_int_equal(m.points[0].succeeded, 8);
	assert_int_equal(m.points[0].failed, 2);
	assert_int_equal(m.points[0].end_states[ASSAY_END_LOCAL_ERROR], 1);
	assert_int_equal(m.points[0].end_states[ASSAY_END_COUNT_MISMATCH], 1);
	const struct assay_value *v = value(&m, 0, "ttft_ms");
	assert_int_equal(v->s.n, 8);
	assert_int_equal(v->s.failed, 2);
	assert_true(isinf(v->s.with_failures[ASSAY_P90]));
	near_rel(v->s.max, 19, "max");
	assert_true(isnan(v->per_run[3]) && !isnan(v->per_run[2]));
	v = value(&m, 0, "output_tok_s");
	assert_true(isnan(v->per_run[4]));
	assert_int_equal(v->s.n, 8);
	assert_non_null(strstr(v->reason, "2 of 10 runs left out: no request succeeded"));
	assay_run_metrics_release(&m);
	for (size_t i = 0; i < 10; i++)
		f.run.requests[i].r.end_state = ASSAY_END_RESET;
	assay_run_metrics_compute(&f.run, &m);
	is_null(&m, 0, "ttft_ms", "all 10 requests failed");
	is_null(&m, 0, "speedup", "all 10 requests failed");
	assay_run_metrics_release(&m);
	fx_release(&f);
}

static void test_limit_and_interruption(void **state)
{
	(void)state;
	struct fx f;
	struct assay_run_metrics m;
	fx_init(&f, header);
	fx_point(&f, "{\"experiment\": \"seqlen\", \"case\": {\"batch_size\": 32}}", "{\"status\": \"limit\", \"reason\": \"needs 4096, has 1024\"}");
	fx_point(&f, "{\"experiment\": \"seqlen\", \"case\": {\"batch_size\": 1}}", NULL);
	fx_visit(&f, 0, 0, -1);
	fx_request(&f, 8, 3, 0, 10 * MS, MS);
	struct assay_run_request *q = fx_request(&f, 8, 3, 0, -1, 0);
	q->r.end_state = ASSAY_END_UNFINISHED;
	q->r.output_tokens = 0;
	q->n_tokens = 0;
	q->r.t_last = q->r.t_first = q->r.t_end = -1;
	fx_done(&f);
	assay_run_metrics_compute(&f.run, &m);
	is_null(&m, 0, "ttft_ms", "limit: needs 4096, has 1024");
	is_null(&m, 0, "mbu", "limit: needs 4096, has 1024");
	is_null(&m, 0, "speedup", "limit: needs 4096, has 1024");
	is_null(&m, 0, "weights_mib", "limit: needs 4096, has 1024");
	is(&m, 1, "ttft_ms", 10);
	is_null(&m, 1, "wall_s", "the run did not end");
	assert_int_equal(m.points[1].offered, 2);
	assert_int_equal(m.points[1].succeeded, 1);
	assert_int_equal(m.points[1].failed, 0);
	assert_int_equal(m.points[1].end_states[ASSAY_END_UNFINISHED], 1);
	assay_run_metrics_release(&m);
	fx_release(&f);
}

static void test_memory_and_machine(void **state)
{
	(void)state;
	struct fx f;
	struct assay_run_metrics m;
	const int64_t mib = 1 << 20;
	single(&f);
	struct assay_rec_memory *a = fx_memory(&f, ASSAY_MEM_BEFORE_RUN, 0);
	a->rss_bytes = 500 * mib;
	a->hwm_bytes = 600 * mib;
	struct assay_rec_memory *z = fx_memory(&f, ASSAY_MEM_AFTER_RUN, 0);
	z->rss_bytes = 510 * mib;
	z->pss_bytes = 505 * mib;
	z->hwm_bytes = 600 * mib;
	z->weight_bytes = 99 * mib;
	z->kv_pool_bytes = 64 * mib;
	z->workspace_bytes = 3 * mib;
	z->kv_peak_bytes = 2 * mib;
	for (int i = 0; i < 3; i++) {
		struct assay_rec_sample *s = fx_sample(&f, (1000 + 90 * i) * MS);
		s->rss_bytes = (510 + 10 * i) * mib;
		s->cpu_busy_ns = 150 * MS * i;
		s->cpu_idle_ns = 20 * MS * i;
		s->cpu_iowait_ns = 0;
		s->cpu_steal_ns = 10 * MS * i;
		s->proc_cpu_ns = 90 * MS * i;
	}
	fx_done(&f);
	assay_run_metrics_compute(&f.run, &m);
	is(&m, 0, "weights_mib", 99);
	is(&m, 0, "kv_pool_mib", 64);
	is(&m, 0, "workspace_mib", 3);
	is(&m, 0, "kv_peak_mib", 2); /* no steps: the engine's own peak */
	is(&m, 0, "rss_peak_mib", 530);
	is(&m, 0, "rss_mean_mib", 520);
	is(&m, 0, "rss_delta_mib", 30);
	is(&m, 0, "pss_mib", 505);
	is(&m, 0, "cpu_util", 0.5);
	struct assay_machine_use use = { 0 };
	assay_machine_use_visit(&f.run, &f.run.visits[1], &use);
	assert_int_equal(use.offered_ns, 360 * MS);
	assert_int_equal(use.busy_ns - use.own_ns, 120 * MS);
	assert_int_equal(use.steal_ns, 20 * MS);
	/* A visit without a sample of its own is covered by its neighbours. */
	const struct assay_run_visit between = { .first_sample = 1, .n_samples = 0 };
	use = (struct assay_machine_use){ 0 };
	assay_machine_use_visit(&f.run, &between, &use);
	assert_int_equal(use.offered_ns, 180 * MS);
	z->hwm_bytes = 640 * mib; /* rose during the run: a peak between samples */
	assay_run_metrics_release(&m);
	assay_run_metrics_compute(&f.run, &m);
	is(&m, 0, "rss_peak_mib", 640);
	is(&m, 0, "rss_delta_mib", 140);
	assay_run_metrics_release(&m);
	fx_release(&f);
}

static void test_growth(void **state)
{
	(void)state;
	for (int runs = 11; runs <= 30; runs += 19) {
		struct fx f;
		struct assay_run_metrics m;
		fx_init(&f, header);
		fx_point(&f, "{\"experiment\": \"memory\", \"case\": {\"batch_size\": 1}}", "{\"status\": \"ok\"}");
		for (int r = 0; r < runs; r++) {
			fx_visit(&f, r, r * 100 * MS, (r * 100 + 50) * MS);
			fx_request(&f, 8, 3, r * 100 * MS, (r * 100 + 10) * MS, MS);
			fx_memory(&f, ASSAY_MEM_AFTER_RUN, r)->rss_bytes = 100 * 1048576 + 2048 * r;
		}
		fx_done(&f);
		assay_run_metrics_compute(&f.run, &m);
		if (runs == 11) {
			is_null(&m, 0, "rss_growth_kib_per_1k", "not yet");
		} else {
			const struct assay_value *v = value(&m, 0, "rss_growth_kib_per_1k");
			assert_true(fabs(v->value - 2000) < 1e-6 && fabs(v->s.ci95[0] - 2000) < 1e-6);
		}
		assay_run_metrics_release(&m);
		fx_release(&f);
	}
}

static void test_trend(void **state)
{
	(void)state;
	double x[100], y[100];
	struct assay_trend t;
	for (int i = 0; i < 100; i++) {
		x[i] = i;
		y[i] = i < 20 ? 1e6 : 3 + 0.5 * i + (i % 7 - 3); /* the start is dropped; noise without trend */
	}
	y[55] = 1e4; /* one wild reading does not carry a median of slopes */
	assay_trend_fit(x, y, 100, &t);
	assert_int_equal(t.blocks, 40);
	assert_true(fabs(t.slope - 0.5) < 0.05 && t.lo < t.slope && t.slope < t.hi);
	for (int i = 0; i < 100; i++)
		y[i] = i % 5;
	assay_trend_fit(x, y, 100, &t);
	assert_true(t.lo <= 0 && t.hi >= 0);
	assay_trend_fit(x, y, 11, &t);
	assert_true(isnan(t.slope) && t.blocks == 9);
	assay_trend_fit(x, y, 0, &t);
	assert_true(isnan(t.slope) && t.blocks == 0);
}

static void test_given_ceilings(void **state)
{
	(void)state;
	struct fx f;
	single(&f);
	struct assay_run_visit *v = &f.run.visits[1];
	assert_true(isnan(assay_ceiling_at(&f.run, v, 0)));
	fx_ceiling(&f, 2000 * MS, 12, 0, 0);
	near_rel(assay_ceiling_at(&f.run, v, 0), 12, "only after");
	assert_true(isnan(assay_ceiling_at(&f.run, v, 1)));
	json_object_set_new(f.run.header, "truth", json_pack("{s:{s:f}}", "ceilings", "read_gb_s", 20.0));
	near_rel(assay_ceiling_at(&f.run, v, 0), 20, "given");
	fx_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_request), cmocka_unit_test(test_nothing_known), cmocka_unit_test(test_multi_token_events),
		cmocka_unit_test(test_one_token_and_zero_time), cmocka_unit_test(test_batches), cmocka_unit_test(test_steady_with_refill),
		cmocka_unit_test(test_outcomes), cmocka_unit_test(test_failures), cmocka_unit_test(test_limit_and_interruption),
		cmocka_unit_test(test_memory_and_machine), cmocka_unit_test(test_growth), cmocka_unit_test(test_trend),
		cmocka_unit_test(test_given_ceilings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
