/* Conditions: what users may write, what they may not, and how a result is held against them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "analysis/condition.h"
#include "base/json.h"

static void test_parses(void **state)
{
	(void)state;
	static const struct { const char *text, *canonical, *stat; enum assay_relation relation; double bound; } row[] = {
		{ "ttft_ms.p99<200", "ttft_ms.p99<200", "p99", ASSAY_LESS, 200 },
		{ " ttft_ms.p99 <= 200.50 ", "ttft_ms.p99<=200.5", "p99", ASSAY_AT_MOST, 200.5 },
		{ "output_tok_s>1e3", "output_tok_s>1000", "mean", ASSAY_MORE, 1000 },
		{ "output_tok_s.value>=-1", "output_tok_s>=-1", "mean", ASSAY_AT_LEAST, -1 },
		{ "tpot_ms.mean<50", "tpot_ms<50", "mean", ASSAY_LESS, 50 },
		{ "rss_peak_mib.max<512", "rss_peak_mib.max<512", "max", ASSAY_LESS, 512 },
		{ "itl_ms<0.30000000000000004", "itl_ms<0.30000000000000004", "mean", ASSAY_LESS, 0.30000000000000004 },
		{ "itl_ms.p50\t<\t.5", "itl_ms.p50<0.5", "p50", ASSAY_LESS, 0.5 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_condition c, again;
		struct assay_err e = ASSAY_ERR_INIT;
		if (assay_condition_parse(row[i].text, &c, &e))
			fail_msg("%s: %s", row[i].text, e.msg);
		assert_string_equal(c.text, row[i].canonical);
		assert_string_equal(c.stat, row[i].stat);
		assert_int_equal(c.relation, row[i].relation);
		assert_true(c.bound == row[i].bound);
		assert_int_equal(assay_condition_parse(c.text, &again, &e), 0); /* the canonical text says the same again */
		assert_string_equal(again.text, c.text);
		assert_true(again.metric == c.metric && again.stat == c.stat && again.relation == c.relation && again.bound == c.bound);
	}
}

static void test_refuses(void **state)
{
	(void)state;
	static const struct { const char *text, *says; } row[] = {
		{ "", "begins with a metric" },
		{ "<200", "begins with a metric" },
		{ "\x1b[31m<1", "begins with a metric" },
		{ "ttft<200", "did you mean ttft_ms?" },
		{ "TTFT_MS<200", "did you mean ttft_ms?" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa<1", "begins with a metric" },
		{ "ttft_ms", "one of < <= > >=" },
		{ "ttft_ms=200", "one of < <= > >=" },
		{ "ttft_ms!=200", "one of < <= > >=" },
		{ "ttft_ms.<200", "the statistic is one of" },
		{ "ttft_ms.p98<200", "did you mean p90?" },
		{ "ttft_ms.p99.9<200", "one of < <= > >=" },
		{ "ttft_ms.std<200", "the statistic is one of" },
		{ "output_tok_s.p99>5", "no percentiles" },
		{ "ttft_ms<", "one plain number, in ms" },
		{ "ttft_ms<=", "one plain number" },
		{ "ttft_ms<200ms", "one plain number, in ms" },
		{ "ttft_ms<200 300", "one plain number" },
		{ "ttft_ms<0x10", "one plain number" },
		{ "ttft_ms<nan", "one plain number" },
		{ "ttft_ms<-inf", "one plain number" },
		{ "ttft_ms<1e999", "one plain number" },
		{ "ttft_ms<<3", "one plain number" },
		{ "ttft_ms<+-3", "one plain number" },
		{ "ttft_ms<.", "one plain number" },
		{ "ttft_ms<200,tpot_ms<3", "one plain number" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_condition c;
		struct assay_err e = ASSAY_ERR_INIT;
		assert_int_equal(assay_condition_parse(row[i].text, &c, &e), ASSAY_E_USAGE);
		if (!strstr(e.msg, row[i].says) || strchr(e.msg, '\x1b'))
			fail_msg("%s: says \"%s\", not \"%s\"", row[i].text, e.msg, row[i].says);
		assert_int_equal(assay_condition_parse(row[i].text, &c, NULL), ASSAY_E_USAGE);
	}
}

#define POINT(metrics, failed) "{\"status\": \"ok\", \"requests\": {\"succeeded\": 700, \"failed\": " failed "}, \"metrics\": {" metrics "}}"
#define FLOOR "\"ttft_ms\": {\"n\": 12, \"mean\": 50, \"min\": 10, \"p50\": 40, \"p99\": 90, \"need\": {\"p99\": 662}, \"with_failures\": {\"p50\": 40, \"p99\": 90}}"
#define ENOUGH(p99) "\"ttft_ms\": {\"n\": 700, \"mean\": 50, \"p50\": 40, \"p99\": " p99 ", \"need\": {}, \"with_failures\": {\"p50\": 40, \"p99\": " p99 "}}"
#define FAILED "\"ttft_ms\": {\"n\": 700, \"mean\": 50, \"p50\": 40, \"p99\": 90, \"need\": {}, \"with_failures\": {\"p50\": 40, \"p99\": \"inf\"}}"
#define TOK(v) "\"output_tok_s\": {\"n\": 3, \"value\": " v ", \"min\": 300, \"reason\": \"too short\"}"
#define LIMIT "{\"status\": \"limit\", \"reason\": \"needs 9 tokens, has 4\", \"requests\": {\"succeeded\": 0}, \"metrics\": null}"

#define DROPPED "{\"status\": \"dropped\", \"reason\": \"time budget\", \"requests\": {\"succeeded\": 0}, \"metrics\": null}"

static void test_judges(void **state)
{
	(void)state;
	static const struct { const char *condition, *points, *held, *why; double actual; int point, need; } row[] = {
		{ "ttft_ms.p99<91", POINT(ENOUGH("90"), "0"), "met", "", 90, 0, 0 },
		{ "ttft_ms.p99<90", POINT(ENOUGH("90"), "0"), "not_met", "", 90, 0, 0 },
		{ "ttft_ms.p99<=90", POINT(ENOUGH("90"), "0"), "met", "", 90, 0, 0 },
		{ "ttft_ms>50", POINT(ENOUGH("90"), "0"), "not_met", "", 50, 0, 0 },
		{ "ttft_ms>=50", POINT(ENOUGH("90"), "0"), "met", "", 50, 0, 0 },
		{ "ttft_ms.p99<200", POINT(FLOOR, "0"), "unknown", "p99 of ttft_ms needs 662 requests, 700 were measured", NAN, -1, 662 },
		{ "ttft_ms.p50<200", POINT(FLOOR, "0"), "met", "", 40, 0, 0 },
		{ "ttft_ms.p99<200", POINT(FAILED, "9"), "not_met", "failed requests count as infinite", INFINITY, 0, 0 },
		{ "ttft_ms.p99>20", POINT(FAILED, "9"), "unknown", "9 failed requests", NAN, -1, 0 },
		{ "ttft_ms.mean<200", POINT(FAILED, "9"), "met", "", 50, 0, 0 },
		{ "output_tok_s>300", POINT(TOK("310.5"), "0"), "met", "", 310.5, 0, 0 },
		{ "output_tok_s.min>300", POINT(TOK("310.5"), "0"), "not_met", "", 300, 0, 0 },
		{ "output_tok_s>300", POINT(TOK("null"), "0"), "unknown", "too short", NAN, -1, 0 },
		{ "tpot_ms<300", POINT(TOK("310.5"), "0"), "unknown", "tpot_ms was not measured (ok)", NAN, -1, 0 },
		{ "output_tok_s>300", POINT(TOK("310.5"), "0") ", " POINT(TOK("305"), "0"), "met", "", 305, 1, 0 }, /* the worst of the points speaks */
		{ "output_tok_s>300", POINT(TOK("310.5"), "0") ", " LIMIT, "met", "", 310.5, 0, 0 }, /* a limit is no point here */
		{ "ttft_ms.p99<200", LIMIT ", " POINT(FLOOR, "0"), "unknown", "p99 of ttft_ms needs 662 requests, 700 were measured", NAN, -1, 662 },
		{ "output_tok_s>300", LIMIT, "unknown", "needs 9 tokens, has 4", NAN, -1, 0 },
		{ "output_tok_s>300", POINT(TOK("310.5"), "0") ", " DROPPED, "unknown", "time budget", NAN, -1, 0 },
		{ "output_tok_s>400", LIMIT ", " POINT(TOK("310.5"), "0"), "not_met", "", 310.5, 1, 0 }, /* not met beats unknown */
		{ "output_tok_s>400", "", "unknown", "no point was measured", NAN, -1, 0 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_condition c;
		struct assay_condition_answer a;
		struct assay_err e = ASSAY_ERR_INIT;
		char *text = xasprintf("{\"points\": [%s]}", row[i].points);
		json_t *result = assay_json_parse(text, strlen(text), "row", ASSAY_E_DATA, &e);
		if (!result || assay_condition_parse(row[i].condition, &c, &e))
			fail_msg("row %zu: %s", i, e.msg);
		assay_condition_judge(&c, result, &a);
		if (strcmp(assay_held_name(a.held), row[i].held) || !strstr(a.why, row[i].why) || (!*row[i].why && *a.why))
			fail_msg("row %zu: %s \"%s\"", i, assay_held_name(a.held), a.why);
		assert_true(a.actual == row[i].actual || (isnan(a.actual) && isnan(row[i].actual)));
		assert_int_equal(a.point, row[i].point);
		assert_int_equal(a.need, row[i].need);
		json_decref(result);
		free(text);
	}
}

static void test_nothing_holds_nan(void **state)
{
	(void)state;
	static const char *const text[] = { "ttft_ms<1", "ttft_ms<=1", "ttft_ms>1", "ttft_ms>=1" };
	for (size_t i = 0; i < 4; i++) {
		struct assay_condition c;
		assert_int_equal(assay_condition_parse(text[i], &c, NULL), 0);
		assert_false(assay_condition_holds(&c, NAN));
		assert_int_equal(assay_condition_holds(&c, 1), i == 1 || i == 3);
		assert_int_equal(assay_condition_holds(&c, 0), i < 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parses), cmocka_unit_test(test_refuses), cmocka_unit_test(test_judges), cmocka_unit_test(test_nothing_holds_nan) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
