/* A history of documents made by hand: what belongs to one series, what is left out and why, and known answers for level, trend and spread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/history.h"
#include "base/json.h"
#include "base/rng.h"

/* One latency point of batch 1 with that TTFT and wall time, made on that day of 2026 (0 = 1 January). */
static json_t *document(int day, double ttft, double wall)
{
	char created[40];
	snprintf(created, sizeof created, "2026-%02d-%02dT03:04:05.5+00:00", 1 + day / 28, 1 + day % 28);
	return json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:{s:b}, s:{s:{s:s, s:i}}, s:{s:s, s:{s:i}}, s:{s:s, s:s}, s:{s:s}, s:[{s:s, s:s, s:{s:i, s:i}, s:i, s:i, s:{s:i}, s:{s:i, s:i}, s:{s:{s:f}, s:{s:f}}}]}",
	                 "definitions", "1", "created", created, "id", created, "config", "label", "x=1", "note", "n", "clock", "virtual", 0, "machine", "cpu", "model", "EPYC", "cores", 2, "engine", "name", "cpu",
	                 "effective", "threads", 2, "model", "name", "gpt2", "dtype", "f32", "verdict", "state", "VALID", "points", "experiment", "latency", "status", "ok", "case", "prompt_tokens", 16,
	                 "output_tokens", 8, "requests_per_run", 1, "runs_done", 3, "requests", "failed", 0, "tokens", "prompt", 48, "output", 24, "metrics", "ttft_ms", "mean", ttft, "wall_s", "value", wall);
}

static json_t *point(json_t *doc) { return json_array_get(json_object_get(doc, "points"), 0); }

/* A tree from "a.b" down. */
static const json_t *at(const json_t *v, const char *key, size_t i, const char *member)
{
	return json_object_get(json_array_get(json_object_get(v, key), i), member);
}

static struct assay_history *begin(const struct assay_history_options *o)
{
	static const struct assay_history_options none;
	struct assay_history *h = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	if (assay_history_open(o ? o : &none, &h, &e))
		fail_msg("%s", e.msg);
	return h;
}

static void add(struct assay_history *h, json_t *doc, const char *dir)
{
	assay_history_add(h, doc, dir);
	json_decref(doc);
}

/* Added backwards, so that only their times can order them: 30 results, 10 % slower from the 21st on, one outlier. */
static void test_change(void **state)
{
	struct assay_history *h = begin(NULL);
	char dir[20];
	(void)state;
	for (int i = 29; i >= 0; i--) {
		double noise = 1 + 0.002 * (assay_rng_unit(7, (uint64_t)i) - 0.5);
		snprintf(dir, sizeof dir, "r%02d", i);
		add(h, document(i, 20 * noise * (i >= 20 ? 1.1 : 1) * (i == 5 ? 1.5 : 1), 3), dir);
	}
	json_t *doc = assay_history_finish(h);
	const json_t *s = json_array_get(json_object_get(doc, "series"), 0), *c = json_array_get(json_object_get(s, "changes"), 0), *o = json_array_get(json_object_get(s, "outliers"), 0);
	assert_int_equal(json_array_size(json_object_get(doc, "results")), 30);
	assert_string_equal(json_string_value(at(doc, "results", 0, "dir")), "r00");
	assert_int_equal(json_array_size(json_object_get(doc, "series")), 2); /* the default keys that there are */
	assert_string_equal(assay_json_get_str(s, "key", ""), "ttft_ms");
	assert_string_equal(assay_json_get_str(s, "engine", ""), "cpu");
	assert_string_equal(assay_json_get_str(s, "cpu", ""), "EPYC");
	assert_int_equal(json_array_size(json_object_get(s, "changes")), 1);
	assert_int_equal(assay_json_get_int(c, "at", -1), 20);
	assert_string_equal(assay_json_get_str(c, "dir", ""), "r20");
	assert_string_equal(assay_json_get_str(c, "change", ""), "worse");
	assert_true(fabs(assay_json_get_num(c, "effect_pct", 0) - 10) < 0.3);
	assert_true(fabs(assay_json_get_num(c, "before", 0) - 20) < 0.05);
	assert_int_equal(json_array_size(json_object_get(s, "outliers")), 1);
	assert_int_equal(assay_json_get_int(o, "at", -1), 5);
	assert_true(fabs(assay_json_get_num(o, "off_pct", 0) - 50) < 1);
	assert_int_equal(assay_json_get_int(json_object_get(s, "trend"), "from", -1), 20);
	assert_string_equal(assay_json_get_str(json_object_get(s, "trend"), "change", ""), "none");
	assert_true(assay_json_get_num(s, "sd_pct", 0) > assay_json_get_num(s, "sd_within_pct", 1e9));
	s = json_array_get(json_object_get(doc, "series"), 1); /* exactly equal values */
	assert_int_equal(json_array_size(json_object_get(s, "changes")) + json_array_size(json_object_get(s, "outliers")), 0);
	assert_true(assay_json_get_num(s, "sd_pct", -1) == 0);
	assert_int_equal(assay_json_get_int(doc, "tested", 0), 2);
	json_decref(doc);
	assay_history_close(h);
}

/* 1 % a day, a result every other day. */
static void test_trend(void **state)
{
	(void)state;
	for (int by_time = 0; by_time < 2; by_time++) {
		struct assay_history_options o = { .by_time = by_time };
		struct assay_history *h = begin(&o);
		char dir[20];
		for (int i = 0; i < 12; i++) {
			snprintf(dir, sizeof dir, "r%02d", i);
			add(h, document(2 * i, 20 * pow(0.99, 2 * i), 3), dir);
		}
		json_t *doc = assay_history_finish(h);
		const json_t *trend = at(doc, "series", 0, "trend");
		double slope = assay_json_get_num(trend, "slope_pct", 0), want = by_time ? -1 : 100 * (0.99 * 0.99 - 1);
		assert_true(fabs(slope - want) < 1e-6);
		assert_string_equal(assay_json_get_str(trend, "change", ""), "better");
		assert_int_equal(json_array_size(at(doc, "series", 0, "changes")), 0);
		json_decref(doc);
		assay_history_close(h);
	}
}

static void test_needs(void **state)
{
	struct assay_history *h = begin(NULL);
	(void)state;
	for (int i = 0; i < 9; i++) {
		char dir[20];
		snprintf(dir, sizeof dir, "r%d", i);
		add(h, document(i, i < 5 ? 10 : 20, 3), dir);
	}
	json_t *doc = assay_history_finish(h);
	const json_t *s = json_array_get(json_object_get(doc, "series"), 0);
	assert_string_equal(assay_json_get_str(s, "needs", ""), "10 results for changes and a trend, has 9");
	assert_int_equal(json_array_size(json_object_get(s, "changes")), 0);
	assert_true(json_is_null(json_object_get(json_object_get(s, "trend"), "change")));
	assert_true(assay_json_get_num(s, "sd_pct", 0) > 30);
	json_decref(doc);
	assay_history_close(h);
}

/* Each row makes a document that belongs to another series, or to none. */
static void test_groups(void **state)
{
	struct assay_history *h = begin(NULL);
	json_t *d;
	(void)state;
	add(h, document(0, 10, 3), "base");
	add(h, document(1, 10, 3), "same");
	add(h, document(1, 10, 3), "copy");
	static const char *const elsewhere[][2] = { { "model", "dtype" }, { "engine", "name" }, { "model", "name" } };
	for (int i = 0; i < 3; i++) {
		d = document(2 + i, 10, 3);
		json_object_set_new(json_object_get(d, elsewhere[i][0]), elsewhere[i][1], json_string("other"));
		add(h, d, "other");
	}
	d = document(6, 10, 3);
	json_object_set_new(point(d), "requests_per_run", json_integer(4));
	add(h, d, "more work");
	d = document(7, 10, 3);
	json_object_set_new(json_object_get(json_object_get(d, "machine"), "cpu"), "cores", json_integer(64));
	add(h, d, "another machine");
	d = document(14, 10, 3);
	json_object_set_new(json_object_get(d, "config"), "max_num_seqs", json_integer(64));
	add(h, d, "another option");
	d = document(8, 10, 3);
	json_object_set_new(d, "definitions", json_string("2"));
	add(h, d, "definitions");
	d = document(9, 10, 3);
	json_object_set_new(json_object_get(d, "verdict"), "state", json_string("INVALID"));
	add(h, d, "invalid");
	d = document(10, 10, 3);
	json_object_set_new(d, "created", json_string("yesterday"));
	add(h, d, "no time");
	d = document(11, 10, 3);
	json_object_set_new(point(d), "status", json_string("limit"));
	add(h, d, "limit");
	d = document(12, 10, 3);
	json_object_set_new(json_object_get(point(d), "requests"), "failed", json_integer(1));
	add(h, d, "failed");
	json_t *doc = assay_history_finish(h);
	static const struct { const char *dir, *reason; } left[] = {
		{ "copy", "a copy of same" }, { "definitions", "definitions version 2, this assay has 1: not comparable" }, { "invalid", "INVALID: no reason given (--include-invalid takes it)" },
		{ "no time", "its time of creation cannot be read" }, { "limit", "no point was measured" }, { "failed", "no point was measured" },
	};
	assert_int_equal(json_array_size(json_object_get(doc, "left_out")), 6);
	for (size_t i = 0; i < 6; i++) {
		assert_string_equal(json_string_value(at(doc, "left_out", i, "dir")), left[i].dir);
		if (!strstr(json_string_value(at(doc, "left_out", i, "reason")), left[i].reason))
			fail_msg("%s: %s", left[i].dir, json_string_value(at(doc, "left_out", i, "reason")));
	}
	assert_int_equal(json_array_size(json_object_get(doc, "series")), 2 * 7); /* base and same, and six of their own */
	assert_true(json_is_null(json_object_get(at(doc, "series", 0, "options"), "max_num_seqs")));
	assert_int_equal(json_object_size(at(doc, "series", 0, "options")), 1); /* only what varies */
	assert_int_equal(json_integer_value(at(doc, "series", 0, "n")), 2);
	json_decref(doc);
	assay_history_close(h);
}

static void test_labels(void **state)
{
	static const char *const where[] = { "x=1" };
	struct assay_history_options o = { .where = where, .n_where = 1, .split = "y" };
	struct assay_history *h = begin(&o);
	(void)state;
	for (int i = 0; i < 6; i++) {
		json_t *d = document(i, 10, 3);
		char dir[20];
		snprintf(dir, sizeof dir, "r%d", i);
		if (i) /* the first keeps the old form, "x=1" */
			json_object_set_new(json_object_get(d, "config"), "label", json_pack("{s:s, s:s}", "x", i == 5 ? "2" : "1", "y", i % 2 ? "a" : "b"));
		add(h, d, dir);
	}
	json_t *doc = assay_history_finish(h);
	assert_int_equal(assay_json_get_int(doc, "filtered", 0), 1);
	assert_int_equal(json_array_size(json_object_get(doc, "results")), 5);
	assert_int_equal(json_array_size(json_object_get(doc, "series")), 2 * 3);
	assert_string_equal(json_string_value(at(doc, "series", 0, "split")), "y=(none)");
	assert_string_equal(json_string_value(at(doc, "series", 2, "split")), "y=a");
	json_decref(doc);
	assay_history_close(h);
}

static void test_metrics(void **state)
{
	static const char *const one[] = { "wall_s" }, *const twice[] = { "wall_s", "wall_s" }, *const unknown[] = { "nothing" };
	struct assay_history_options o = { .metrics = one, .n_metrics = 1 };
	struct assay_history *h = begin(&o);
	struct assay_err e = ASSAY_ERR_INIT;
	(void)state;
	add(h, document(0, 1, 2), "a");
	json_t *doc = assay_history_finish(h);
	assert_int_equal(json_array_size(json_object_get(doc, "series")), 1);
	json_decref(doc);
	assay_history_close(h);
	o = (struct assay_history_options){ .metrics = twice, .n_metrics = 2 };
	assert_int_equal(assay_history_open(&o, &h, &e), ASSAY_E_USAGE);
	o = (struct assay_history_options){ .metrics = unknown, .n_metrics = 1 };
	assert_int_equal(assay_history_open(&o, &h, &e), ASSAY_E_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_change), cmocka_unit_test(test_trend), cmocka_unit_test(test_needs), cmocka_unit_test(test_groups), cmocka_unit_test(test_labels),
					    cmocka_unit_test(test_metrics) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
