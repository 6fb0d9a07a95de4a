/* The knee of batching: exact on a stated line, silent where there is none, and said in a result. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/findings.h"
#include "analysis/knee.h"
#include "base/json.h"
#include "run_fixture.h"

static const double sizes[] = { 1, 2, 4, 8, 16, 32 };

static struct assay_knee fit(double a, double c, size_t n)
{
	struct assay_knee k;
	double step[6];
	for (size_t i = 0; i < n; i++)
		step[i] = a + c * sizes[i];
	assay_knee_fit(sizes, step, n, &k);
	return k;
}

static void known_line(void **state)
{
	struct assay_knee k = fit(10, 0.5, 6);
	(void)state;
	assert_true(k.known && fabs(k.a_ms - 10) < 1e-9 && fabs(k.c_ms - 0.5) < 1e-12);
	/* where the marginal gain a/(a+cb)^2 is half of 1/(a+c) */
	double marginal = 10 / ((10 + 0.5 * k.knee) * (10 + 0.5 * k.knee));
	assert_true(fabs(marginal - 0.5 / 10.5) < 1e-12);
	assert_true(fabs(k.most_tok_s - 2000) < 1e-6);
	assert_true(isnan(k.saturated)); /* 32/26 = 1.23 of 2 tokens/ms */
	k = fit(0.5, 0.5, 6); /* b/(0.5+0.5b) >= 0.95*2 from b = 19 on */
	assert_true(k.saturated == 32);
}

static void no_line_no_knee(void **state)
{
	struct assay_knee k = fit(10, 0.5, 2);
	(void)state;
	assert_false(k.known);
	k = fit(10, 0, 6);
	assert_true(k.known && (isnan(k.knee) || k.knee > 1e9));
	k = fit(0, 3, 6); /* each sequence costs the same: the step shares nothing */
	assert_true(k.known && (isnan(k.knee) || k.knee <= 1));
	const double same[] = { 4, 4, 4 }, step[] = { 1, 2, 3 };
	assay_knee_fit(same, step, 3, &k);
	assert_false(k.known);
}

/* batch i takes a + c * batch ms a step */
static json_t *finding_of(const double *batch, size_t n, double a_ms, double c_ms)
{
	struct fx f;
	struct assay_run_metrics m;
	fx_init(&f, "{}");
	for (size_t i = 0; i < n; i++) {
		char info[200];
		int64_t step = (int64_t)((a_ms + c_ms * batch[i]) * 1e6), t = (int64_t)i * 1000000000;
		snprintf(info, sizeof info, "{\"index\": %zu, \"experiment\": \"throughput\", \"case\": {\"batch_size\": %g, \"prompt_tokens\": 1, \"output_tokens\": 3}, \"runs\": 1}", i, batch[i]);
		fx_point(&f, info, "{\"status\": \"ok\"}");
		fx_visit(&f, 0, t, t + 3 * step);
		fx_request(&f, 1, 3, t, t + step, step);
	}
	fx_done(&f);
	assay_run_metrics_compute(&f.run, &m);
	json_t *a = assay_findings(&f.run, &m), *one = json_incref(json_array_get(a, 0));
	assert_int_equal(json_array_size(a), 1);
	json_decref(a);
	assay_run_metrics_release(&m);
	fx_release(&f);
	return one;
}

static json_t *finding(const double *batch, size_t n)
{
	return finding_of(batch, n, 10, 0.5);
}

static void a_result_says_it(void **state)
{
	static const double absurd[] = { 0, -3, 1e300, 2 };
	(void)state;
	json_t *f = finding(sizes, 6);
	assert_string_equal(assay_json_get_str(f, "state", ""), "answered");
	assert_non_null(strstr(assay_json_get_str(f, "answer", ""), "10 ms + 0.5 ms per sequence: from batch 9.0 on"));
	assert_int_equal(json_array_size(json_object_get(f, "evidence")), 6);
	json_decref(f);
	f = finding_of(sizes, 6, 10, 0);
	assert_non_null(strstr(assay_json_get_str(f, "answer", ""), "hardly grows with the batch, so scaling did not slow up to 32"));
	json_decref(f);
	f = finding_of(sizes, 6, 1, 3);
	assert_non_null(strstr(assay_json_get_str(f, "answer", ""), "scaling slows from batch 1 on"));
	json_decref(f);
	f = finding(sizes, 2);
	assert_string_equal(assay_json_get_str(f, "state", ""), "needs");
	assert_true(json_is_null(json_object_get(f, "answer")) && json_is_null(json_object_get(json_object_get(f, "fit"), "knee_batch")));
	json_decref(f);
	f = finding(absurd, 4);
	assert_string_equal(assay_json_get_str(f, "state", ""), "needs");
	json_decref(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_line), cmocka_unit_test(no_line_no_knee), cmocka_unit_test(a_result_says_it) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
