/* Named sets, users' rows and their judging. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "analysis/targets.h"
#include "base/json.h"
#include "run_fixture.h"

static const char latency[] = "{\"experiment\": \"latency\", \"case\": {\"batch_size\": 1, \"prompt_tokens\": 128, \"output_tokens\": 30}}";
static const char ok[] = "{\"status\": \"ok\"}";

static json_t *text(const char *s)
{
	json_error_t je;
	json_t *v = json_loads(s, 0, &je);
	if (!v)
		fail_msg("%s: %s", s, je.text);
	return v;
}

/* TTFT first_ms, then 29 tokens at 10 ms. */
static void add_run(struct fx *f, int repeat, int64_t first_ms)
{
	int64_t t = repeat * 10000 * MS;
	fx_visit(f, repeat, t, t + (first_ms + 290) * MS);
	fx_request(f, 128, 30, t, t + first_ms * MS, 10 * MS);
}

static json_t *judge(struct fx *f, json_t *rows, int *failed)
{
	struct assay_run_metrics m;
	fx_done(f);
	assay_run_metrics_compute(&f->run, &m);
	json_t *out = assay_targets_judge(rows, &f->run, &m, failed);
	assay_run_metrics_release(&m);
	json_decref(rows);
	return out;
}

static void test_names(void **state)
{
	(void)state;
	int n;
	const char *const *names = assay_targets_names(&n);
	assert_int_equal(n, 3);
	for (int i = 0; i < n; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		json_t *rows = assay_targets_named(names[i]);
		json_t *checked = assay_targets_check(rows, NULL, NULL, &e); /* our own sets pass the users' check */
		assert_true(json_array_size(rows) >= 1 && json_equal(rows, checked));
		json_decref(checked);
		json_decref(rows);
	}
	assert_null(assay_targets_named("s9"));
}

static void test_s3_passes_and_fails(void **state)
{
	(void)state;
	static const struct { int64_t first_ms; int failed; const char *ttft; } row[] = {
		{ 200, 0, "pass" }, { 2000, 4, "pass" /* on the bound */ }, { 2001, 5, "fail" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct fx f;
		int failed;
		fx_init(&f, "{}");
		fx_point(&f, latency, ok);
		for (int r = 0; r < 5; r++)
			add_run(&f, r, row[i].first_ms);
		json_t *out = judge(&f, assay_targets_named("s3-cpu"), &failed), *t = json_array_get(out, 0);
		assert_int_equal(json_array_size(out), 7);
		assert_string_equal(assay_json_get_str(t, "status", ""), row[i].ttft);
		assert_true(assay_json_get_num(t, "actual", 0) == (double)row[i].first_ms);
		assert_true(assay_json_get_num(json_object_get(t, "bound"), "max", 0) == 2000);
		assert_int_equal(assay_json_get_int(t, "point", -1), 0);
		/* 2290 ms: under 2500, but over 1500; 30 tokens in it: under 20 per second; request_s 0.437: under 0.5 */
		if (row[i].first_ms > 1000)
			assert_string_equal(assay_json_get_str(json_array_get(out, 5), "status", ""), "fail");
		assert_string_equal(assay_json_get_str(json_array_get(out, 6), "status", ""), "pass");
		assert_int_equal(failed, row[i].failed);
		json_decref(out);
		fx_release(&f);
	}
}

static void test_not_measured(void **state)
{
	(void)state;
	struct fx f;
	int failed;
	fx_init(&f, "{}");
	fx_point(&f, "{\"experiment\": \"latency\", \"case\": {\"batch_size\": 1, \"prompt_tokens\": 128, \"output_tokens\": 100}}", ok);
	add_run(&f, 0, 5000);
	fx_point(&f, "{\"experiment\": \"throughput\", \"case\": {\"batch_size\": 16}}", "{\"status\": \"limit\", \"reason\": \"needs more\"}");
	json_t *out = judge(&f, assay_targets_named("s3-cpu"), &failed);
	assert_int_equal(failed, 0);
	assert_string_equal(assay_json_get_str(json_array_get(out, 0), "status", ""), "not_measured");
	assert_true(json_is_null(json_object_get(json_array_get(out, 0), "actual")));
	assert_true(json_is_null(json_object_get(json_array_get(out, 0), "met")));
	json_decref(out);
	struct assay_run_metrics m;
	assay_run_metrics_compute(&f.run, &m);
	json_t *rows = assay_targets_named("s4-a100");
	out = assay_targets_judge(rows, &f.run, &m, &failed); /* a limit, and no GPU: null is not a failure */
	for (size_t i = 0; i < json_array_size(out); i++)
		assert_string_equal(assay_json_get_str(json_array_get(out, i), "status", ""), "not_measured");
	json_decref(rows);
	json_decref(out);
	assay_run_metrics_release(&m);
	fx_release(&f);
}

static void test_informational(void **state)
{
	(void)state;
	struct fx f;
	int failed;
	fx_init(&f, "{}");
	fx_point(&f, "{\"experiment\": \"offline\", \"case\": {\"preset\": \"s1\"}}", ok);
	add_run(&f, 0, 200);
	json_t *out = judge(&f, assay_targets_named("s1"), &failed);
	assert_int_equal(failed, 0);
	assert_string_equal(assay_json_get_str(json_array_get(out, 0), "status", ""), "informational");
	assert_true(json_is_false(json_object_get(json_array_get(out, 0), "met")));
	json_decref(out);
	fx_release(&f);
}

static void test_stats_and_worst(void **state)
{
	(void)state;
	static const struct { const char *row; double actual; int failed; int point; } row[] = {
		{ "{\"metric\": \"ttft_ms\", \"stat\": \"p50\", \"case\": {}, \"max\": 250}", 500, 1, 1 },
		{ "{\"metric\": \"ttft_ms\", \"stat\": \"max\", \"case\": {\"prompt_tokens\": 128.0}, \"max\": 300}", 300, 0, 0 },
		{ "{\"metric\": \"ttft_ms\", \"stat\": \"median\", \"case\": {\"prompt_tokens\": 128}, \"max\": 300}", 250, 0, 0 },
		{ "{\"metric\": \"ttft_ms\", \"stat\": \"min\", \"case\": {}, \"min\": 250}", 200, 1, 0 },
		{ "{\"metric\": \"wall_s\", \"stat\": \"max\", \"case\": {\"prompt_tokens\": 128}, \"max\": 0.5}", 0.59, 1, 0 },
		{ "{\"metric\": \"failed\", \"stat\": \"value\", \"case\": {}, \"max\": 0}", 0, 0, 0 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct fx f;
		int failed;
		fx_init(&f, "{}");
		fx_point(&f, latency, ok);
		add_run(&f, 0, 300);
		add_run(&f, 1, 200);
		fx_point(&f, "{\"experiment\": \"latency\", \"case\": {\"prompt_tokens\": 512}}", ok);
		add_run(&f, 2, 500);
		json_t *rows = json_array();
		json_array_append_new(rows, text(row[i].row));
		json_t *out = judge(&f, rows, &failed), *t = json_array_get(out, 0);
		if (assay_json_get_num(t, "actual", -1) != row[i].actual || failed != row[i].failed || assay_json_get_int(t, "point", -1) != row[i].point)
			fail_msg("row %zu: actual %g failed %d point %d", i, assay_json_get_num(t, "actual", -1), failed, (int)assay_json_get_int(t, "point", -1));
		json_decref(out);
		fx_release(&f);
	}
}

static const char *where(const json_t *node, void *arg)
{
	(void)node;
	return arg;
}

static void test_check(void **state)
{
	(void)state;
	static const struct { const char *doc, *message; } row[] = {
		{ "{}", "give a list of targets" },
		{ "[]", "give a list of targets" },
		{ "{\"targets\": {}}", "give a list of targets" },
		{ "[5]", "a target is a mapping" },
		{ "[{\"max\": 5}]", "metric: give a metric's key" },
		{ "[{\"metric\": 5, \"max\": 5}]", "metric: give a metric's key" },
		{ "[{\"metric\": \"ttft_m\", \"max\": 5}]", "unknown metric \"ttft_m\": did you mean \"ttft_ms\"?" },
		{ "[{\"metric\": \"ttft_ms\", \"stat\": \"meen\", \"max\": 5}]", "unknown stat \"meen\": did you mean \"mean\"?" },
		{ "[{\"metric\": \"ttft_ms\", \"stat\": 95, \"max\": 5}]", "stat: give one of" },
		{ "[{\"metric\": \"ttft_ms\"}]", "either max or min" },
		{ "[{\"metric\": \"ttft_ms\", \"max\": 5, \"min\": 1}]", "either max or min" },
		{ "[{\"metric\": \"ttft_ms\", \"max\": \"5\"}]", "max: give a number" },
		{ "[{\"metric\": \"ttft_ms\", \"maxx\": 5}]", "unknown key \"maxx\": did you mean \"max\"?" },
		{ "[{\"metric\": \"ttft_ms\", \"max\": 5, \"case\": \"latency\"}]", "case: give a mapping" },
		{ "[{\"metric\": \"ttft_ms\", \"max\": 5, \"case\": {\"batchsize\": 1}}]", "unknown case key \"batchsize\": did you mean \"batch_size\"?" },
		{ "[{\"metric\": \"ttft_ms\", \"max\": 5, \"case\": {\"batch_size\": [1]}}]", "case.batch_size: give a number or a name" },
		{ "[{\"metric\": \"ttft_ms\", \"max\": 5, \"label\": 1}]", "label: give text" },
		{ "[{\"metric\": \"ttft_ms\", \"max\": 5, \"informational\": 1}]", "informational: give true or false" },
		{ "[{\"metric\": \"ttft_ms\", \"max\": 5}, {\"metric\": \"zzzzzzzzzz\", \"max\": 5}]", "unknown metric \"zzzzzzzzzz\"" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		json_t *doc = text(row[i].doc);
		assert_null(assay_targets_check(doc, where, "my.yaml:3:5", &e));
		assert_int_equal(e.code, ASSAY_E_USAGE);
		if (!strstr(e.msg, row[i].message) || strncmp(e.msg, "my.yaml:3:5: ", 13))
			fail_msg("row %zu: %s", i, e.msg);
		json_decref(doc);
	}
	struct assay_err e = ASSAY_ERR_INIT;
	json_t *doc = text("{\"targets\": [{\"metric\": \"failed\", \"max\": 0}]}");
	json_t *rows = assay_targets_check(doc, NULL, NULL, &e);
	assert_string_equal(assay_json_get_str(json_array_get(rows, 0), "stat", ""), "mean");
	assert_true(json_is_object(json_object_get(json_array_get(rows, 0), "case")));
	json_decref(rows);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), cmocka_unit_test(test_s3_passes_and_fails), cmocka_unit_test(test_not_measured),
		cmocka_unit_test(test_informational), cmocka_unit_test(test_stats_and_worst), cmocka_unit_test(test_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
