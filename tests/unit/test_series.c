/* What figures are drawn from, on hand-made runs whose every bin is known by arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "metrics/series.h"
#include "result/result_parts.h"
#include "run_fixture.h"

static const char header[] = "{\"config\": {}, \"engine\": {\"effective\": {\"block_size\": 16, \"max_num_seqs\": 256}}, \"model\": {\"kv_bytes_per_token\": 65536}}";
#define POINT "{\"experiment\": \"throughput\", \"case\": {\"batch_size\": 2, \"prompt_tokens\": 8, \"output_tokens\": 40}, \"runs\": 3}"

static void near(double got, double want)
{
	if (!(fabs(got - want) <= 1e-9 * (1 + fabs(want))))
		fail_msg("got %.17g, want %.17g", got, want);
}

/* Two requests of 40 tokens: one from 100 ms each 10 ms, the other from 200 ms each 10 ms, in a run of 600 ms; the first one's last gap
 * is longer by `late` ms. */
static void visit(struct fx *f, int repeat, int64_t t0, int64_t wall, int64_t late)
{
	fx_visit(f, repeat, t0, t0 + wall);
	struct assay_run_request *q = fx_request(f, 8, 40, t0, t0 + 100 * MS, 10 * MS);
	f->run.tokens[f->run.n_tokens - 1].t_engine += late;
	q->r.t_last += late;
	fx_request(f, 8, 40, t0, t0 + 200 * MS, 10 * MS);
}

static void the_course_of_the_median_run_is_known(void **state)
{
	struct fx f;
	struct assay_series s;
	(void)state;
	fx_init(&f, header);
	fx_point(&f, POINT, "{\"status\": \"ok\"}");
	visit(&f, -1, 0, 600 * MS, 0);
	visit(&f, 0, 10000 * MS, 900 * MS, 0); /* the slowest */
	visit(&f, 1, 20000 * MS, 600 * MS, 5 * MS);
	visit(&f, 2, 30000 * MS, 599 * MS, 0); /* the fastest */
	for (int i = 0; i < 50; i++)
		fx_step(&f, ASSAY_STEP_DECODE, 2, 2, (20090 + 10 * i) * MS, (20100 + 10 * i) * MS)->kv_blocks_used = i < 25 ? 3 : 5;
	fx_done(&f);
	assay_series_compute(&f.run, 0, &s);
	assert_string_equal(s.over.reason, "");
	assert_int_equal(s.over.repeat, 1);
	/* 785 ms of requests in 600 ms: 1.308 at once; 80 events / 1.308 / 4 = 15 bins of 40 ms */
	assert_int_equal(s.over.bins, 15);
	near(s.over.bin_s, 0.040);
	near(s.over.t_s[0], 0.020);
	near(s.over.t_s[14], 0.580);
	near(s.over.output_tok_s[0], 0);
	near(s.over.output_tok_s[2], 2 / 0.040); /* 100 and 110 ms */
	near(s.over.output_tok_s[3], 4 / 0.040);
	near(s.over.output_tok_s[6], 8 / 0.040);
	near(s.over.output_tok_s[12], 6 / 0.040); /* 480 and 495 ms; 480, 490, 500, 510 ms */
	near(s.over.output_tok_s[14], 4 / 0.040);
	double tokens = 0;
	for (size_t i = 0; i < s.over.bins; i++)
		tokens += s.over.output_tok_s[i] * s.over.bin_s;
	near(tokens, 80);
	assert_true(isnan(s.over.itl_ms_p50[0]));
	near(s.over.itl_ms_p50[12], 10);
	near(s.over.itl_ms_max[12], 15);
	near(s.over.itl_ms_max[11], 10);
	near(s.over.running[0], 0);
	near(s.over.running[2], 0.5);
	near(s.over.running[5], 2);
	near(s.over.running[12], 1 + 15 / 40.0);
	assert_string_equal(s.over.kv_reason, "");
	assert_true(isnan(s.over.kv_used_mib[0]));
	near(s.over.kv_used_mib[3], 3);
	near(s.over.kv_used_mib[8], (3 * 20 + 5 * 20) / 40.0); /* the 26th step begins at 340 ms */
	near(s.over.kv_used_mib[9], 5);
	assert_string_equal(s.steady.reason, "");
	near(s.steady.t0_s, 0.200);
	near(s.steady.t1_s, 0.495);
	near(s.steady.length_s, 0.295);
	assert_int_equal(s.steady.stretches, 1);
	fx_release(&f);
}

static void what_is_missing_has_a_reason(void **state)
{
	struct fx f;
	struct assay_series s;
	(void)state;
	fx_init(&f, "{\"config\": {}}");
	fx_point(&f, POINT, "{\"status\": \"ok\"}"); /* 0: few events */
	fx_visit(&f, 0, 0, 100 * MS);
	fx_request(&f, 8, 19, 0, 10 * MS, MS);
	fx_point(&f, POINT, NULL); /* 1: never ended */
	fx_visit(&f, 0, 200 * MS, -1);
	fx_request(&f, 8, 40, 200 * MS, 210 * MS, MS);
	fx_point(&f, POINT, "{\"status\": \"ok\"}"); /* 2: steps unknown; a failed request and stamps outside the run count for nothing */
	fx_visit(&f, 0, 300 * MS, 400 * MS);
	fx_request(&f, 8, 40, 300 * MS, 310 * MS, MS);
	fx_request(&f, 8, 40, 300 * MS, 310 * MS, MS)->r.end_state = ASSAY_END_TIMEOUT_TOTAL;
	f.run.tokens[f.run.n_tokens - 41].t_engine = 5000 * MS;
	fx_point(&f, POINT, "{\"status\": \"ok\"}"); /* 3: no time passed */
	fx_visit(&f, 0, 500 * MS, 500 * MS);
	fx_request(&f, 8, 40, 500 * MS, 500 * MS, 0);
	fx_done(&f);
	static const char *const why[] = { "fewer than 20 token events", "no measured run ended", "", "below timer resolution" };
	for (size_t i = 0; i < 4; i++) {
		assay_series_compute(&f.run, i, &s);
		assert_string_equal(s.over.reason, why[i]);
		assert_int_equal(s.over.bins > 0, i == 2);
		assert_int_equal(*s.steady.reason == 0, i == 2);
	}
	assay_series_compute(&f.run, 2, &s);
	assert_string_equal(s.over.kv_reason, "the engine does not say how much KV cache is in use");
	double tokens = 0;
	for (size_t i = 0; i < s.over.bins; i++)
		tokens += s.over.output_tok_s[i] * s.over.bin_s;
	near(tokens, 39);
	fx_release(&f);
}

static void curves_keep_all_or_201(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 4, 5, 201, 202, 1000, 100000 };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		size_t n = sizes[i], kept;
		double *x = xalloc((n + 1) * sizeof *x);
		for (size_t k = 0; k < n; k++)
			x[k] = (double)(k + 1);
		double *c = assay_curve_of(x, n, &kept);
		assert_int_equal(kept, n < 5 ? 0 : n < 201 ? n : 201);
		assert_int_equal(c != NULL, n >= 5);
		if (kept) {
			near(c[0], 1);
			near(c[kept - 1], (double)n);
		}
		if (n > 201)
			near(c[100], ceil((double)n / 2));
		free(c);
		free(x);
	}
}

static const json_t *series_of(const json_t *points, size_t i)
{
	return json_object_get(json_array_get(points, i), "series");
}

static void the_document_shows_them(void **state)
{
	struct fx f;
	struct assay_run_metrics m;
	(void)state;
	fx_init(&f, header);
	fx_point(&f, POINT, "{\"status\": \"ok\"}");
	for (int i = 0; i < 3; i++)
		visit(&f, i, 1000 * MS * i, 600 * MS, 0);
	fx_point(&f, POINT, "{\"status\": \"limit\", \"reason\": \"needs X, has Y\"}");
	fx_point(&f, POINT, "{\"status\": \"ok\"}");
	fx_visit(&f, 0, 9000 * MS, 9100 * MS);
	fx_request(&f, 8, 3, 9000 * MS, 9010 * MS, MS);
	fx_done(&f);
	assay_run_metrics_compute(&f.run, &m);
	json_t *points = result_points(&f.run, &m);
	const json_t *s = series_of(points, 0), *itl = json_object_get(json_object_get(s, "distribution"), "itl_ms");
	assert_int_equal(assay_json_get_int(itl, "n", 0), 234);
	assert_int_equal(json_array_size(json_object_get(itl, "values")), 201);
	assert_int_equal(json_array_size(json_object_get(json_object_get(json_object_get(s, "distribution"), "ttft_ms"), "values")), 6);
	assert_int_equal(json_array_size(json_object_get(json_object_get(s, "over_time"), "running")), 15);
	assert_true(json_is_null(json_object_get(json_object_get(s, "over_time"), "kv_used_mib")));
	assert_string_equal(assay_json_get_str(json_object_get(s, "reasons"), "kv_used_mib", ""), "the engine does not say how much KV cache is in use");
	assert_true(json_is_null(series_of(points, 1)));
	s = series_of(points, 2);
	assert_true(json_is_null(json_object_get(s, "over_time")));
	assert_true(json_is_null(json_object_get(s, "steady")));
	assert_string_equal(assay_json_get_str(json_object_get(s, "reasons"), "ttft_ms", ""), "fewer than 5 samples");
	assert_string_equal(assay_json_get_str(json_object_get(s, "reasons"), "over_time", ""), "fewer than 20 token events");
	assert_string_equal(assay_json_get_str(json_object_get(s, "reasons"), "steady", ""), "no run over time");
	json_decref(points);
	assay_run_metrics_release(&m);
	fx_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_course_of_the_median_run_is_known), cmocka_unit_test(what_is_missing_has_a_reason),
		cmocka_unit_test(curves_keep_all_or_201), cmocka_unit_test(the_document_shows_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
