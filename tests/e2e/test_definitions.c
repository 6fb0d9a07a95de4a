/* assay report DIR --definitions: other tools' numbers of a simulated run, whose truth is arithmetic; our own stay; verify covers them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "e2e.h"

static void is(json_t *doc, const char *path, double want)
{
	double x = json_number_value(e2e_at(doc, path));
	if (!(fabs(x - want) <= 1e-9 * want))
		fail_msg("%s: %.12g, want %.12g", path, x, want);
}

/* TTFT 25 ms, 10 ms a token after it: 11 tokens in 125 ms. */
static void known_answers(void **state)
{
	(void)state;
	struct e2e r;
	e2e_write("d.yaml", "prefill: {fixed_ms: 5, per_token_us: 200}\ndecode: {fixed_ms: 10}\n");
	e2e_run(&r, "$A latency --prompt-tokens 100 --output-tokens 11,1 --runs 5 -e sim:d.yaml -o d && sha256sum d/result.json >before && $A report d --definitions vllm,sglang,guidellm,aiperf,llmperf && sha256sum -c before");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "As vLLM (vllm bench serve) counts the same records"));
	assert_non_null(strstr(r.out, "As LLMPerf (Ray) counts the same records"));
	e2e_release(&r);
	json_t *v = e2e_json("d/report-vllm.json"), *g = e2e_json("d/report-guidellm.json"), *l = e2e_json("d/report-llmperf.json");
	is(v, "points.0.metrics.ttft_ms.mean", 25);
	is(v, "points.0.metrics.tpot_ms.p99", 10);
	is(v, "points.0.metrics.itl_ms.n", 50);
	is(v, "points.0.metrics.output_throughput.mean", 11 / 0.125);
	assert_true(json_is_null(e2e_at(v, "points.1.metrics.tpot_ms.mean"))); /* one token: left out */
	assert_string_equal(json_string_value(e2e_at(v, "points.1.metrics.tpot_ms.reason")), "no successful request has it");
	is(g, "points.0.metrics.time_per_output_token_ms.mean", 125.0 / 11);
	is(g, "points.1.metrics.time_per_output_token_ms.mean", 25);
	is(l, "points.0.metrics.inter_token_latency_s.mean", 0.125 / 11);
	is(l, "points.0.metrics.num_completed_requests_per_min.mean", 60 / 0.125);
	json_decref(v);
	json_decref(g);
	json_decref(l);
}

static void verified(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "$A verify d");
	assert_int_equal(r.status, 0);
	e2e_release(&r);
	e2e_run(&r, "sed -i 's/\"mean\": 25.0/\"mean\": 26.0/' d/report-vllm.json; $A verify d");
	assert_int_equal(r.status, 1);
	assert_non_null(strstr(r.out, "report-vllm.json: points[0].metrics.ttft_ms.mean"));
	e2e_release(&r);
}

static void refused(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "$A report d --definitions wrk");
	assert_int_equal(r.status, 2);
	assert_non_null(strstr(r.err, "\"wrk\" is not one of vllm, sglang, guidellm, aiperf, llmperf"));
	e2e_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_answers), cmocka_unit_test(verified), cmocka_unit_test(refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
