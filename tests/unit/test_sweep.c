/* What a sweep says of results whose answer is known: values, who may be named, the front, the best, its margin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "analysis/sweep.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/sweep.h"

static json_t *text(const char *s)
{
	struct assay_err e = ASSAY_ERR_INIT;
	json_t *v = assay_json_parse(s, strlen(s), "row", ASSAY_E_DATA, &e);
	if (!v)
		fail_msg("%s: %s", s, e.msg);
	return v;
}

/* ---- --vary ---- */

static void test_values(void **state)
{
	(void)state;
	static const struct { const char *text, *values; int rc; } row[] = {
		{ "1", "1", 0 }, { "1,4,8", "1|4|8", 0 }, { "'1,2','4,8'", "1,2|4,8", 0 }, { "\"a,b\",c", "a,b|c", 0 }, { "sim:'a,b'.yaml,cpu", "sim:a,b.yaml|cpu", 0 },
		{ "''", "", 0 }, { "a b,c", "a b|c", 0 }, { "\"it's\"", "it's", 0 },
		{ "", "", ASSAY_E_USAGE }, { "1,", "", ASSAY_E_USAGE }, { ",1", "", ASSAY_E_USAGE }, { "1,,2", "", ASSAY_E_USAGE }, { "'1", "", ASSAY_E_USAGE }, { "1,\"2", "", ASSAY_E_USAGE },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char **list, all[200] = "";
		size_t n;
		struct assay_err e = ASSAY_ERR_INIT;
		int rc = cmd_sweep_values(row[i].text, &list, &n, &e);
		for (size_t k = 0; k < n; k++) {
			snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", k ? "|" : "", list[k]);
			free(list[k]);
		}
		free(list);
		assert_int_equal(rc, row[i].rc);
		if (!rc)
			assert_string_equal(all, row[i].values);
		else
			assert_true(*e.msg);
	}
}

/* ---- objectives ---- */

static void test_objectives(void **state)
{
	(void)state;
	static const struct { const char *text, *says; int sign, parts; } row[] = {
		{ "output_tok_s", "", 1, 1 }, { "ttft_ms", "", -1, 1 }, { "weights_mib+kv_peak_mib", "", -1, 2 },
		{ "", "unknown metric", 0, 0 }, { "+", "unknown metric", 0, 0 }, { "ttft_ms+", "unknown metric", 0, 0 }, { "ttft", "did you mean ttft_ms?", 0, 0 }, { "kv_pool_mib", "neither more nor less", 0, 0 },
		{ "ttft_ms+output_tok_s", "not of one unit", 0, 0 }, { "ttft_ms+ttft_ms", "twice", 0, 0 }, { "ttft_ms+tpot_ms+e2el_ms+queue_ms+send_lag_ms", "more than 4", 0, 0 }, { "ttft_ms<3", "unknown metric", 0, 0 },
		{ "\x1b[0m", "unknown metric", 0, 0 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_objective o;
		struct assay_err e = ASSAY_ERR_INIT;
		int rc = assay_objective_parse(row[i].text, &o, &e);
		if (*row[i].says ? !rc || !strstr(e.msg, row[i].says) || strchr(e.msg, '\x1b') : rc)
			fail_msg("%s: %d \"%s\"", row[i].text, rc, e.msg);
		if (rc)
			continue;
		assert_int_equal(o.sign, row[i].sign);
		assert_int_equal(o.n_parts, row[i].parts);
		assert_string_equal(o.text, row[i].text);
	}
	/* what experiments look for by default can be looked for */
	static const char *const experiments[] = { "latency", "throughput", "seqlen", "longdoc", "memory", "offline", "baseline" };
	for (size_t i = 0; i < sizeof experiments / sizeof *experiments; i++) {
		const char *const *texts;
		for (int n = assay_objective_defaults(experiments[i], &texts); n--;) {
			struct assay_objective o;
			assert_int_equal(assay_objective_parse(texts[n], &o, NULL), 0);
		}
	}
}

static void test_objective_values(void **state)
{
	(void)state;
	static const char two[] = "{\"points\": [{\"status\": \"ok\", \"metrics\": {\"ttft_ms\": {\"mean\": 4}, \"weights_mib\": {\"value\": 10}, \"kv_peak_mib\": {\"value\": 1}, \"rss_delta_mib\": {\"value\": -2}}},"
		"{\"status\": \"ok\", \"metrics\": {\"ttft_ms\": {\"mean\": 9}, \"weights_mib\": {\"value\": 10}, \"kv_peak_mib\": {\"value\": 3}, \"rss_delta_mib\": {\"value\": 4}}},"
		"{\"status\": \"limit\", \"metrics\": {\"ttft_ms\": {\"mean\": 1000}}}, {\"status\": \"limit\", \"metrics\": null}]}";
	static const struct { const char *key; double value; } row[] = {
		{ "ttft_ms", 6 }, /* the geometric mean of 4 and 9; a limit does not count */
		{ "weights_mib+kv_peak_mib", 13 }, { "rss_delta_mib", 4 }, { "tpot_ms", NAN },
	};
	json_t *doc = text(two);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_objective o;
		assert_int_equal(assay_objective_parse(row[i].key, &o, NULL), 0);
		double x = assay_objective_value(&o, doc);
		if (!(isnan(row[i].value) ? isnan(x) : fabs(x - row[i].value) < 1e-12))
			fail_msg("%s: %g", row[i].key, x);
	}
	json_decref(doc);
}

/* ---- judging ---- */

#define RESULT(latency, rate, verdict, p99, need, status) \
	"{\"verdict\": {\"state\": \"" verdict "\", \"reasons\": [{\"state\": \"" verdict "\", \"code\": \"steal\"}]}, \"points\": [{\"status\": \"" status "\", \"reason\": null, \"requests\": {\"succeeded\": 12, \"failed\": 0}, \"metrics\": {" \
	"\"e2el_ms\": {\"mean\": " latency ", \"p99\": " p99 ", \"need\": {" need "}, \"with_failures\": {\"p99\": " p99 "}}, \"output_tok_s\": {\"value\": " rate "}}}]}"
#define GOOD(latency, rate) RESULT(latency, rate, "VALID", latency, "", "ok")

struct fixture { json_t *doc, *list[8]; struct assay_sweep_results results[8]; struct assay_objective objectives[2]; struct assay_condition conditions[2]; struct assay_sweep_aims aims; };

/* One result each; NULL: failed, with a reason. */
static void judge(struct fixture *f, const char *const *results, size_t n, const char *condition)
{
	json_t *rows = json_array();
	memset(f, 0, sizeof *f);
	for (size_t i = 0; i < n; i++) {
		f->list[i] = results[i] ? text(results[i]) : NULL;
		f->results[i] = (struct assay_sweep_results){ &f->list[i], results[i] != NULL };
		json_array_append_new(rows, json_pack("{s:i, s:s, s:s, s:s?}", "n", (int)i + 1, "name", "x", "status", results[i] ? "measured" : "failed", "reason", results[i] ? NULL : "no such model"));
	}
	f->doc = json_pack("{s:o}", "configurations", rows);
	assert_int_equal(assay_objective_parse("e2el_ms", &f->objectives[0], NULL), 0);
	assert_int_equal(assay_objective_parse("output_tok_s", &f->objectives[1], NULL), 0);
	f->aims = (struct assay_sweep_aims){ f->objectives, 2, f->conditions, 0 };
	if (condition) {
		assert_int_equal(assay_condition_parse(condition, &f->conditions[0], NULL), 0);
		f->aims.n_conditions = 1;
	}
	assay_sweep_judge(f->doc, f->results, &f->aims);
}

static void release(struct fixture *f)
{
	json_decref(f->doc);
	for (size_t i = 0; i < 8; i++)
		json_decref(f->list[i]);
}

static const json_t *row_of(const struct fixture *f, size_t i) { return json_array_get(json_object_get(f->doc, "configurations"), i); }
static json_t *best_of(const struct fixture *f, size_t i) { return json_array_get(json_object_get(f->doc, "best"), i); }

static void test_best_and_front(void **state)
{
	(void)state;
	struct fixture f;
	static const char *const results[] = { GOOD("10", "100"), GOOD("20", "200"), GOOD("30", "150"), NULL };
	judge(&f, results, 4, NULL);
	json_t *b = best_of(&f, 0);
	assert_int_equal(assay_json_get_int(b, "configuration", 0), 1);
	assert_int_equal(assay_json_get_int(b, "runner_up", 0), 2);
	assert_true(assay_json_get_num(b, "margin_pct", 0) == 50); /* 10 is 50 % less than 20 */
	b = best_of(&f, 1);
	assert_int_equal(assay_json_get_int(b, "configuration", 0), 2);
	assert_int_equal(assay_json_get_int(b, "runner_up", 0), 3);
	assert_true(fabs(assay_json_get_num(b, "margin_pct", 0) - 100.0 / 3) < 1e-9);
	assert_int_equal(assay_json_get_int(b, "candidates", 0), 3);
	json_t *front = json_object_get(json_object_get(f.doc, "front"), "configurations"), *want = text("[1, 2]");
	assert_true(json_equal(front, want));
	json_decref(want);
	assert_string_equal(assay_json_get_str(row_of(&f, 3), "excluded", ""), "failed: no such model");
	assert_string_equal(assay_json_get_str(json_object_get(row_of(&f, 0), "verdict"), "state", ""), "VALID");
	release(&f);
}

static void test_who_may_be_named(void **state)
{
	(void)state;
	/* 1 is the best but for what is against it; 2 is what remains */
	static const struct { const char *first, *condition, *says; int best; } row[] = {
		{ RESULT("10", "100", "CAUTION", "10", "", "ok"), NULL, "", 1 },
		{ RESULT("10", "100", "INVALID", "10", "", "ok"), NULL, "INVALID: its numbers do not hold (steal)", 2 },
		{ GOOD("10", "100"), "e2el_ms.p99<15", "", 1 },
		{ GOOD("10", "100"), "output_tok_s>150", "does not meet output_tok_s>150: it is 100", 2 },
		{ RESULT("10", "100", "VALID", "10", "\"p99\": 662", "ok"), "e2el_ms.p99<50", "unknown whether it meets e2el_ms.p99<50: p99 of e2el_ms needs 662 requests, 12 were measured", 2 },
		{ RESULT("10", "100", "VALID", "null", "\"p99\": 662", "ok"), "e2el_ms.p99<50", "needs 662 requests", 2 },
		{ RESULT("10", "100", "VALID", "10", "", "limit"), NULL, "limit: no request succeeded", 2 },
		{ "{\"verdict\": {\"state\": \"VALID\"}, \"points\": []}", NULL, "no point was begun", 2 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct fixture f;
		const char *const results[] = { row[i].first, GOOD("20", "200") };
		judge(&f, results, 2, row[i].condition);
		const char *why = assay_json_get_str(row_of(&f, 0), "excluded", "");
		if (assay_json_get_int(best_of(&f, 0), "configuration", 0) != row[i].best || !strstr(why, row[i].says) || !*row[i].says != !*why)
			fail_msg("row %zu: %s", i, why);
		release(&f);
	}
}

static void test_passed_over_and_nobody(void **state)
{
	(void)state;
	struct fixture f;
	static const char *const results[] = { RESULT("10", "100", "VALID", "10", "\"p99\": 662", "ok"), RESULT("20", "200", "VALID", "20", "\"p99\": 662", "ok") };
	judge(&f, results, 2, "e2el_ms.p99<50");
	json_t *b = best_of(&f, 0), *over = json_object_get(b, "passed_over");
	assert_true(json_is_null(json_object_get(b, "configuration")));
	assert_int_equal(json_array_size(over), 2);
	assert_non_null(strstr(assay_json_get_str(json_array_get(over, 0), "reason", ""), "needs 662 requests"));
	assert_string_equal(assay_json_get_str(b, "margin", ""), "not_tested");
	assert_string_equal(assay_json_get_str(row_of(&f, 0), "meets", ""), "unknown");
	release(&f);
	static const char *const mixed[] = { RESULT("10", "100", "VALID", "10", "\"p99\": 662", "ok"), GOOD("20", "200"), GOOD("30", "100") };
	judge(&f, mixed, 3, "e2el_ms.p99<50");
	b = best_of(&f, 0);
	assert_int_equal(assay_json_get_int(b, "configuration", 0), 2);
	assert_int_equal(json_array_size(json_object_get(b, "passed_over")), 1);
	assert_int_equal(assay_json_get_int(json_array_get(json_object_get(b, "passed_over"), 0), "configuration", 0), 1);
	assert_int_equal(json_array_size(json_object_get(best_of(&f, 1), "passed_over")), 0); /* 100 tok/s is no better than 200 */
	release(&f);
}

#define PART(status, rate) "{\"status\": \"" status "\", \"reason\": \"over the context\", \"requests\": {\"succeeded\": 3}, \"metrics\": {\"e2el_ms\": {\"mean\": 5}, \"output_tok_s\": {\"value\": " rate "}}}"
#define PARTS(a, b) "{\"verdict\": {\"state\": \"VALID\"}, \"points\": [" a ", " b "]}"

/* A case that nobody could measure counts for none; one that another has is missed. */
static void test_limits(void **state)
{
	(void)state;
	static const struct { const char *first, *second; int best; } row[] = {
		{ PARTS(PART("ok", "10"), PART("limit", "1")), PARTS(PART("ok", "9"), PART("limit", "1")), 1 },
		{ PARTS(PART("ok", "10"), PART("limit", "1")), PARTS(PART("ok", "9"), PART("ok", "9")), 2 },
		{ PARTS(PART("ok", "10"), PART("ok", "10")), PARTS(PART("ok", "11"), PART("limit", "1")), 1 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct fixture f;
		const char *const results[] = { row[i].first, row[i].second };
		judge(&f, results, 2, NULL);
		assert_int_equal(assay_json_get_int(best_of(&f, 1), "configuration", 0), row[i].best);
		assert_int_equal(assay_json_get_int(best_of(&f, 1), "candidates", 0), i ? 1 : 2);
		if (i)
			assert_non_null(strstr(assay_json_get_str(row_of(&f, i == 1 ? 0 : 1), "excluded", ""), "only 1 of 2 points were measured, others have more: over the context"));
		release(&f);
	}
}

static void test_ties_and_missing(void **state)
{
	(void)state;
	struct fixture f;
	static const char *const results[] = { GOOD("10", "null"), GOOD("10", "null") };
	judge(&f, results, 2, NULL);
	json_t *b = best_of(&f, 0);
	assert_int_equal(assay_json_get_int(b, "configuration", 0), 1); /* of equals the first, and the margin says so */
	assert_true(assay_json_get_num(b, "margin_pct", 1) == 0);
	assert_true(json_is_null(json_object_get(best_of(&f, 1), "configuration")));
	json_t *front = json_object_get(f.doc, "front"), *want = text("{\"objectives\": [\"e2el_ms\"], \"configurations\": [1, 2]}"); /* an objective that nobody has a value of is left out */
	assert_true(json_equal(front, want));
	json_decref(want);
	release(&f);
}

/* ---- rounds ---- */

static void test_rounds(void **state)
{
	(void)state;
	struct fixture f;
	static const char *const one[] = { GOOD("10", "100"), GOOD("11", "100") };
	judge(&f, one, 2, "e2el_ms<10.5");
	json_t *more[] = { f.list[0], text(GOOD("14", "100")) };
	f.results[0] = (struct assay_sweep_results){ more, 2 };
	assay_sweep_judge(f.doc, f.results, &f.aims);
	assert_true(assay_json_get_num(json_object_get(row_of(&f, 0), "objectives"), "e2el_ms", 0) == 12); /* the mean of the rounds */
	assert_string_equal(assay_json_get_str(row_of(&f, 0), "meets", ""), "not_met"); /* every round must meet it */
	json_decref(more[1]);
	release(&f);
}

/* ---- margins ---- */

static void test_margins(void **state)
{
	(void)state;
	static const struct { const char *verdict, *more, *margin, *says; int rivals; } row[] = {
		{ "FASTER", "", "real", "FASTER, by +5.00 %", 1 },
		{ "BETTER", "", "real", "BETTER, by +5.00 %", 1 },
		{ "SAME", "", "not_told_apart", "equal within 1 %", 1 },
		{ "SLOWER", "", "reversed", "SLOWER, by +5.00 %", 1 },
		{ "UNDECIDED", ", \"pairs_needed\": 33", "not_told_apart", "about 33 pairs would tell", 1 },
		{ "UNDECIDED", ", \"pairs_needed\": null", "not_told_apart", "more than 1,000 pairs", 1 },
		{ "UNDECIDED", ", \"reason\": \"fewer than 2 repeats\"", "not_told_apart", "fewer than 2 repeats: it decides nothing", 1 },
		{ "FASTER", "", "real", "FASTER", 4 },              /* 0.01 x 4 <= 0.05 */
		{ "FASTER", "", "not_told_apart", "luck of the best of 10", 9 }, /* 0.01 x 9 > 0.05 */
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char *doc = xasprintf("{\"method\": \"paired\", \"alpha\": 0.05, \"min_effect_pct\": 1, \"metrics\": [{\"key\": \"e2el_ms\", \"role\": \"detail\", \"verdict\": \"SAME\"}, {\"key\": \"e2el_ms\", \"role\": \"family\", "
		                      "\"verdict\": \"%s\", \"effect_pct\": 5, \"p_adjusted\": 0.01, \"level_ci_pct\": [1, 9]%s}]}", row[i].verdict, row[i].more);
		json_t *comparison = text(doc), *best = text("{\"objective\": \"e2el_ms\"}");
		assay_sweep_margin(best, comparison, row[i].rivals);
		if (strcmp(assay_json_get_str(best, "margin", ""), row[i].margin) || !strstr(assay_json_get_str(best, "reason", ""), row[i].says))
			fail_msg("row %zu: %s \"%s\"", i, assay_json_get_str(best, "margin", ""), assay_json_get_str(best, "reason", ""));
		assert_string_equal(assay_json_get_str(best, "method", ""), "paired");
		json_decref(best);
		json_decref(comparison);
		free(doc);
	}
	json_t *none = text("{\"metrics\": []}"), *best = text("{\"objective\": \"e2el_ms\"}");
	assay_sweep_margin(best, none, 1);
	assert_string_equal(assay_json_get_str(best, "margin", ""), "not_tested");
	json_decref(none);
	json_decref(best);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_objectives), cmocka_unit_test(test_objective_values), cmocka_unit_test(test_best_and_front), cmocka_unit_test(test_who_may_be_named),
		cmocka_unit_test(test_passed_over_and_nobody), cmocka_unit_test(test_limits), cmocka_unit_test(test_ties_and_missing), cmocka_unit_test(test_rounds), cmocka_unit_test(test_margins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
