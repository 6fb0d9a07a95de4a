/* Comparison of result documents: what is refused, what is warned of, how values are pooled, and verdicts with known answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/ab_stats.h"
#include "analysis/compare.h"
#include "base/json.h"
#include "base/rng.h"

static const struct assay_compare_options plain = { .min_effect = 0.01 };

static void near(double x, double want, double tol)
{
	if (!(fabs(x - want) <= tol))
		fail_msg("%.12g, wanted %.12g", x, want);
}

static void set(json_t *doc, const char *path, json_t *value)
{
	for (const char *dot; (dot = strchr(path, '.')); path = dot + 1)
		doc = json_object_getn(doc, path, (size_t)(dot - path));
	json_object_set_new(doc, path, value);
}

static void add_metric(json_t *point, const char *key, const double *x, size_t n)
{
	json_t *list = json_array(), *metrics = json_object_get(point, "metrics");
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(list, assay_json_real(x[i]));
		sum += x[i];
	}
	json_object_set_new(metrics, key, json_pack("{s:f, s:o}", "value", sum / (double)n, "per_run", list));
}

static json_t *add_point(json_t *doc, int batch, const double *ttft, const double *rate, size_t n)
{
	json_t *p = json_pack("{s:s, s:{s:i}, s:s, s:i, s:i, s:i, s:{s:i}, s:{s:i, s:i}, s:{}}", "experiment", "throughput", "case", "batch_size", batch, "status", "ok", "runs_done", (int)n, "requests_per_run", batch,
	                      "concurrency", batch, "requests", "failed", 0, "tokens", "prompt", 16 * (int)n, "output", 8 * (int)n, "metrics");
	assert_non_null(p);
	add_metric(p, "ttft_ms", ttft, n);
	add_metric(p, "output_tok_s", rate, n);
	json_array_append_new(json_object_get(doc, "points"), p);
	return p;
}

static json_t *document(int virtual)
{
	json_t *d = json_pack("{s:s, s:s, s:s, s:{s:b}, s:{s:s, s:i}, s:{s:s, s:{s:s}}, s:{s:s, s:{s:i}}, s:{s:s}, s:{s:s}, s:[]}", "schema", "assay.result/1", "definitions", "1", "experiment", "throughput", "clock",
	                      "virtual", virtual, "model", "name", "gpt2", "layers", 12, "machine", "host", "h1", "cpu", "model", "cpu1", "engine", "name", "sim", "effective", "threads", 2, "config", "engine", "sim:a", "verdict",
	                      "state", "VALID", "points");
	assert_non_null(d);
	return d;
}

/* One point of n repeats: values scatter by cv around 10 ms x factor and 100 tok/s / factor. */
static json_t *noisy(uint64_t seed, double factor, double cv, size_t n, int virtual)
{
	double t[100], r[100];
	json_t *d = document(virtual);
	for (size_t i = 0; i < n; i++) {
		t[i] = 10 * factor * (1 + cv * sqrt(12) * (assay_rng_unit(seed, i) - 0.5));
		r[i] = 100 / factor * (1 + cv * sqrt(12) * (assay_rng_unit(seed + 1, i) - 0.5));
	}
	add_point(d, 1, t, r, n);
	return d;
}

static json_t *compare(json_t *a, json_t *b, const struct assay_compare_options *o)
{
	struct assay_err e = ASSAY_ERR_INIT;
	json_t *c = assay_compare(&a, 1, &b, 1, o, &e);
	if (!c)
		fail_msg("%s", e.msg);
	return c;
}

static const json_t *row(const json_t *c, const char *key, const char *role, size_t nth)
{
	size_t i;
	json_t *r;
	json_array_foreach(json_object_get(c, "metrics"), i, r)
		if (!strcmp(assay_json_get_str(r, "key", ""), key) && !strcmp(assay_json_get_str(r, "role", ""), role) && !nth--)
			return r;
	return NULL;
}

static double end(const json_t *r, const char *interval, size_t i)
{
	return json_number_value(json_array_get(json_object_get(r, interval), i));
}

static void test_by_hand(void **state)
{
	(void)state;
	static const double a[] = { 10, 20, 40 }, b[] = { 20, 40, 80 }, r[] = { 5, 5, 5 }; /* ln b - ln a = ln 2; var = (ln 2)^2 each */
	json_t *da = document(1), *db = document(1), *c;
	add_point(da, 1, a, r, 3);
	add_point(db, 1, b, r, 3);
	c = compare(da, db, &plain);
	const json_t *x = row(c, "ttft_ms", "family", 0), *same = row(c, "output_tok_s", "family", 0);
	double se = sqrt(2 * log(2) * log(2) / 3), t = 2.7764451; /* df 4 */
	near(assay_json_get_num(x, "effect_pct", 0), 100, 1e-9);
	near(assay_json_get_num(x, "a", 0), 20, 1e-9); /* geometric mean */
	near(assay_json_get_num(x, "b", 0), 40, 1e-9);
	near(end(x, "ci95_pct", 0), 100 * (exp(log(2) - t * se) - 1), 1e-4);
	near(end(x, "ci95_pct", 1), 100 * (exp(log(2) + t * se) - 1), 1e-3);
	near(assay_json_get_num(x, "p", 0), 0.28786, 1e-4); /* t = 1.2247, df 4 */
	near(assay_json_get_num(x, "p_adjusted", 0), 2 * 0.28786, 2e-4);
	assert_string_equal(assay_json_get_str(x, "verdict", ""), "UNDECIDED");
	assert_string_equal(assay_json_get_str(same, "verdict", ""), "SAME");
	assert_string_equal(assay_json_get_str(c, "verdict", ""), "UNDECIDED");
	assert_string_equal(assay_json_get_str(c, "method", ""), "single");
	assert_null(row(c, "ttft_ms", "detail", 0)); /* one case: its row is the family's */
	assert_true(json_is_object(json_object_get(x, "case")));
	json_decref(c);
	json_decref(da);
	json_decref(db);
}

/* Cases are pooled by the mean of logarithms: x2 and x8 make x4. */
static void test_pooled(void **state)
{
	(void)state;
	static const double one[] = { 1, 1, 1 }, two[] = { 2, 2, 2 }, eight[] = { 8, 8, 8, 8 };
	json_t *da = document(1), *db = document(1), *c;
	add_point(da, 1, one, one, 3);
	add_point(da, 4, one, one, 3);
	add_point(db, 4, eight, one, 3);
	add_point(db, 1, two, one, 3); /* order of the points does not matter */
	add_point(db, 16, two, one, 3);
	c = compare(da, db, &plain);
	near(assay_json_get_num(row(c, "ttft_ms", "family", 0), "effect_pct", 0), 300, 1e-9);
	assert_true(json_is_null(json_object_get(row(c, "ttft_ms", "family", 0), "case")));
	assert_int_equal(assay_json_get_int(row(c, "ttft_ms", "family", 0), "cases", 0), 2);
	near(assay_json_get_num(row(c, "ttft_ms", "detail", 0), "effect_pct", 0), 100, 1e-9);
	near(assay_json_get_num(row(c, "ttft_ms", "detail", 1), "effect_pct", 0), 700, 1e-9);
	assert_true(json_is_null(json_object_get(row(c, "ttft_ms", "detail", 1), "verdict")));
	assert_string_equal(assay_json_get_str(c, "verdict", ""), "SLOWER");
	assert_int_equal(json_array_size(json_object_get(c, "warnings")), 1); /* batch 16 is only in B */
	json_decref(c);
	json_decref(da);
	json_decref(db);
}

static void test_verdicts(void **state)
{
	(void)state;
	static const struct { double factor, cv; size_t n; int virtual; const char *ttft, *rate, *overall; } t[] = {
		{ 1, 0.005, 20, 1, "SAME", "SAME", "SAME" },
		{ 1.05, 0.01, 20, 1, "SLOWER", "SLOWER", "SLOWER" },
		{ 0.95, 0.01, 20, 1, "FASTER", "FASTER", "FASTER" },
		{ 1.02, 0.1, 10, 1, "UNDECIDED", "UNDECIDED", "UNDECIDED" },
		{ 1.02, 0.005, 20, 0, "UNDECIDED", "UNDECIDED", "UNDECIDED" }, /* sessions may differ by 2 % each */
		{ 1.2, 0.005, 20, 0, "SLOWER", "SLOWER", "SLOWER" },
		{ 1.2, 0.005, 1, 1, "UNDECIDED", "UNDECIDED", "UNDECIDED" },   /* one repeat decides nothing */
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		json_t *a = noisy(100, 1, t[i].cv, t[i].n, t[i].virtual), *b = noisy(200, t[i].factor, t[i].cv, t[i].n, t[i].virtual), *c = compare(a, b, &plain);
		assert_string_equal(assay_json_get_str(row(c, "ttft_ms", "family", 0), "verdict", ""), t[i].ttft);
		assert_string_equal(assay_json_get_str(row(c, "output_tok_s", "family", 0), "verdict", ""), t[i].rate);
		assert_string_equal(assay_json_get_str(c, "verdict", ""), t[i].overall);
		json_decref(a);
		json_decref(b);
		json_decref(c);
	}
}

/* Differences that refuse, those that warn, and those that are none. */
static void test_differences(void **state)
{
	(void)state;
	static const struct { const char *path, *value; int differences, warnings, across; } t[] = {
		{ "definitions", "\"2\"", 1, 0, 1 }, { "schema", "\"assay.result/2\"", 1, 0, 1 }, { "schema", "\"assay.result/1.3\"", 0, 0, 0 },
		{ "clock.virtual", "false", 1, 0, 1 }, { "experiment", "\"latency\"", 1, 0, 1 }, { "model.layers", "24", 1, 0, 0 }, { "model.name", "\"opt\"", 1, 0, 0 },
		{ "machine.host", "\"h2\"", 0, 1, 0 }, { "machine.cpu.model", "\"cpu2\"", 0, 1, 0 }, { "engine.effective.threads", "4", 0, 1, 0 }, { "verdict.state", "\"CAUTION\"", 0, 1, 0 },
		{ "engine.name", "\"cpu\"", 0, 0, 0 }, { "config.engine", "\"sim:b\"", 0, 0, 0 }, { "engine.effective.threads", "2.0", 0, 0, 0 },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct assay_compare_options across = { .min_effect = 0.01, .across_model = true };
		json_t *a = noisy(1, 1, 0.01, 5, 1), *b = noisy(3, 1, 0.01, 5, 1), *c, *d;
		set(b, t[i].path, json_loads(t[i].value, JSON_DECODE_ANY, NULL));
		c = compare(a, b, &plain);
		d = compare(a, b, &across);
		if ((int)json_array_size(json_object_get(c, "differences")) != t[i].differences || (int)json_array_size(json_object_get(c, "warnings")) != t[i].warnings)
			fail_msg("%s: %zu differences, %zu warnings", t[i].path, json_array_size(json_object_get(c, "differences")), json_array_size(json_object_get(c, "warnings")));
		assert_int_equal(json_is_true(json_object_get(c, "comparable")), !t[i].differences);
		assert_int_equal(json_is_null(json_object_get(c, "verdict")), t[i].differences);
		assert_int_equal((int)json_array_size(json_object_get(d, "differences")), t[i].across);
		json_decref(a);
		json_decref(b);
		json_decref(c);
		json_decref(d);
	}
}

/* Points: other work in one case, other cases, cases without a number. */
static void test_points(void **state)
{
	(void)state;
	json_t *a = noisy(1, 1, 0.01, 5, 1), *b = noisy(3, 1, 0.01, 5, 1), *p = json_array_get(json_object_get(b, "points"), 0), *c;
	set(p, "tokens.output", json_integer(45));
	c = compare(a, b, &plain);
	assert_string_equal(assay_json_get_str(json_array_get(json_object_get(c, "differences"), 0), "what", ""), "output tokens a run (throughput batch_size=1)");
	json_decref(c);
	set(p, "tokens.output", json_integer(40));
	set(p, "case.batch_size", json_integer(2));
	c = compare(a, b, &plain);
	assert_int_equal(json_array_size(json_object_get(c, "differences")), 1);
	assert_non_null(strstr(assay_json_get_str(json_array_get(json_object_get(c, "differences"), 0), "a", ""), "batch_size=1"));
	json_decref(c);
	set(p, "case.batch_size", json_integer(1));
	set(p, "status", json_string("limit"));
	c = compare(a, b, &plain);
	assert_false(json_is_true(json_object_get(c, "comparable")));
	json_decref(c);
	set(p, "status", json_string("ok"));
	set(p, "metrics.ttft_ms.per_run", json_loads("[null, null, 0, -1, null]", 0, NULL)); /* no logarithm */
	c = compare(a, b, &plain);
	assert_null(row(c, "ttft_ms", "family", 0)); /* does not apply; named, it is listed and decides nothing */
	json_decref(c);
	static const char *const named[] = { "ttft_ms", "output_tok_s" };
	struct assay_compare_options o = { .metrics = named, .n_metrics = 2, .min_effect = 0.05 };
	c = compare(a, b, &o);
	assert_non_null(assay_json_get_str(row(c, "ttft_ms", "family", 0), "reason", NULL));
	assert_string_equal(assay_json_get_str(row(c, "ttft_ms", "family", 0), "verdict", ""), "UNDECIDED");
	assert_string_equal(assay_json_get_str(c, "verdict", ""), "SAME");
	near(assay_json_get_num(row(c, "output_tok_s", "family", 0), "p", 0), assay_json_get_num(row(c, "output_tok_s", "family", 0), "p_adjusted", 1), 1e-15);
	json_decref(c);
	json_decref(a);
	json_decref(b);
}

/* The spread between sessions: assumed 2 %, measured from four stored results or more, none between results of one machine under a virtual clock. */
static void test_sessions(void **state)
{
	(void)state;
	static const double value[] = { 10, 10.1, 10.2, 10.3, 99 }, r[] = { 5, 5 };
	json_t *a = noisy(1, 1, 0.001, 10, 0), *b = noisy(3, 1, 0.001, 10, 0), *stored[5], *c;
	for (int i = 0; i < 5; i++) {
		double two[] = { value[i], value[i] };
		stored[i] = document(0);
		add_point(stored[i], 1, two, r, 2);
	}
	set(stored[4], "machine.host", json_string("another")); /* does not count */
	struct assay_compare_options o = { .min_effect = 0.01, .stored = stored, .n_stored = 3 };
	c = compare(a, b, &o);
	near(assay_json_get_num(row(c, "ttft_ms", "family", 0), "session_sd_pct", 0), 2, 1e-12);
	json_decref(c);
	o.n_stored = 5;
	c = compare(a, b, &o);
	double m = 0, ss = 0;
	for (int i = 0; i < 4; i++)
		m += log(value[i]) / 4;
	for (int i = 0; i < 4; i++)
		ss += (log(value[i]) - m) * (log(value[i]) - m);
	near(assay_json_get_num(row(c, "ttft_ms", "family", 0), "session_sd_pct", 0), 100 * sqrt(ss / 3), 1e-9);
	assert_string_equal(assay_json_get_str(row(c, "ttft_ms", "family", 0), "session_source", ""), "4 stored results");
	json_decref(c);
	struct assay_err e = ASSAY_ERR_INIT;
	assert_null(assay_compare(stored, 2, stored + 2, 1, &plain, &e));
	assert_int_equal(e.code, ASSAY_E_USAGE);
	set(stored[4], "machine.host", json_string("h1"));
	c = assay_compare(stored, 2, stored + 2, 2, &plain, &e); /* 10, 10.1 against 10.2, 10.3 */
	assert_string_equal(assay_json_get_str(c, "method", ""), "sessions");
	near(assay_json_get_num(row(c, "ttft_ms", "family", 0), "effect_pct", 0), 100 * (sqrt(10.2 * 10.3 / 10 / 10.1) - 1), 1e-9);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(row(c, "ttft_ms", "family", 0), "n"), 0)), 2);
	json_decref(c);
	set(stored[0], "id", json_string("x"));
	set(stored[1], "id", json_string("x"));
	assert_null(assay_compare(stored, 2, stored + 2, 2, &plain, &e));
	assert_non_null(strstr(e.msg, "results 1 and 2 of A are one result"));
	for (int i = 0; i < 5; i++)
		json_decref(stored[i]);
	json_decref(a);
	json_decref(b);
}

/* Pairs share what the machine did to them: the same differences that two samples cannot see. */
static void test_paired(void **state)
{
	(void)state;
	json_t *a[14], *b[14], *c;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_compare_options o = { .min_effect = 0.01, .paired = true };
	double d[14], sum = 0;
	for (int i = 0; i < 14; i++) {
		double drift = 10 + i, slow = drift * (1.02 + 0.001 * (i % 3)), r = 1000.0 / drift; /* B: 2.0 to 2.2 % slower, the machine 140 % */
		char when[32];
		a[i] = document(0);
		b[i] = document(0);
		add_point(a[i], 1, &drift, &r, 1);
		add_point(b[i], 1, &slow, &r, 1);
		snprintf(when, sizeof when, "2026-01-01T00:%02d:00Z", 2 * i);
		set(a[i], "created", json_string(when));
		snprintf(when, sizeof when, "2026-01-01T00:%02d:00Z", 2 * i + 1);
		set(b[i], "created", json_string(when));
		d[i] = log(1.02 + 0.001 * (i % 3));
		sum += d[i];
	}
	c = assay_compare(a, 14, b, 14, &o, &e);
	const json_t *x = row(c, "ttft_ms", "family", 0);
	assert_string_equal(assay_json_get_str(c, "method", ""), "paired");
	near(assay_json_get_num(x, "effect_pct", 0), 100 * (exp(sum / 14) - 1), 1e-9);
	near(assay_json_get_num(x, "p", 0), 2.0 / 16384, 1e-12); /* all of one sign */
	near(assay_json_get_num(x, "p_adjusted", 0), 4.0 / 16384, 1e-12);
	assert_string_equal(assay_json_get_str(x, "verdict", ""), "SLOWER");
	assert_string_equal(assay_json_get_str(row(c, "output_tok_s", "family", 0), "verdict", ""), "SAME");
	assert_int_equal(json_array_size(json_object_get(c, "warnings")), 0);
	json_decref(c);
	o.sequential = true;
	c = assay_compare(a, 14, b, 14, &o, &e);
	near(assay_json_get_num(c, "alpha", 0), 0.0158, 0);
	assert_true(end(row(c, "ttft_ms", "family", 0), "level_ci_pct", 0) < end(row(c, "ttft_ms", "family", 0), "ci95_pct", 0));
	json_decref(c);
	assert_null(assay_compare(a, 12, b, 12, &o, &e)); /* no look */
	o.sequential = false;
	assert_null(assay_compare(a, 9, b, 9, &o, &e));
	assert_null(assay_compare(a, 12, b, 11, &o, &e));
	static const char *const one[] = { "ttft_ms" };
	o.metrics = one;
	o.n_metrics = 1;
	set(b[0], "created", json_string("2026-01-02T00:00:00Z")); /* still interleaved with the others */
	c = assay_compare(a, 6, b, 6, &o, &e);
	assert_int_equal(json_array_size(json_object_get(c, "warnings")), 0);
	json_decref(c);
	for (int i = 0; i < 6; i++)
		set(b[i], "created", json_string("2026-01-02T00:00:00Z"));
	c = assay_compare(a, 6, b, 6, &o, &e);
	assert_int_equal(json_array_size(json_object_get(c, "warnings")), 1);
	assert_string_equal(assay_json_get_str(c, "verdict", ""), "SLOWER");
	json_decref(c);
	o.paired = false; /* the same results as two samples: the machine's change hides it */
	c = assay_compare(a, 6, b, 6, &o, &e);
	assert_string_equal(assay_json_get_str(c, "verdict", ""), "UNDECIDED");
	json_decref(c);
	for (int i = 0; i < 14; i++) {
		json_decref(a[i]);
		json_decref(b[i]);
	}
}

static void test_family(void **state)
{
	(void)state;
	static const struct { const char *keys[9]; size_t n; const char *part; } t[] = {
		{ { "ttft" }, 1, "unknown metric" }, { { "itl_hidden" }, 1, "neither more nor less" }, { { "ttft_ms", "ttft_ms" }, 2, "twice" },
		{ { "ttft_ms", "tpot_ms", "itl_ms", "e2el_ms", "wall_s", "output_tok_s", "total_tok_s", "request_s", "load_ms" }, 9, "at most 8" },
	};
	json_t *a = noisy(1, 1, 0.01, 5, 1);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct assay_compare_options o = { .metrics = t[i].keys, .n_metrics = t[i].n, .min_effect = 0.01 };
		struct assay_err e = ASSAY_ERR_INIT;
		assert_null(assay_compare(&a, 1, &a, 1, &o, &e));
		assert_int_equal(e.code, ASSAY_E_USAGE);
		if (!strstr(e.msg, t[i].part))
			fail_msg("%s", e.msg);
	}
	json_decref(a);
}

static void test_gate(void **state)
{
	(void)state;
	static const struct { double factor, cv; const char *key; double bound; const char *status; } t[] = {
		{ 1.05, 0.005, NULL, 0.02, "fail" }, { 1.05, 0.005, NULL, 0.10, "pass" }, { 0.9, 0.005, NULL, 0.02, "pass" }, { 1.05, 0.005, "output_tok_s", 0.02, "fail" },
		{ 1.02, 0.1, NULL, 0.02, "unsure" }, { 1, 0.003, NULL, 0.02, "pass" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct assay_gate g[] = { { NULL, 5 }, { t[i].key, t[i].bound } };
		struct assay_err e = ASSAY_ERR_INIT;
		json_t *a = noisy(1, 1, t[i].cv, 12, 1), *b = noisy(3, t[i].factor, t[i].cv, 12, 1), *c = compare(a, b, &plain);
		assert_int_equal(assay_compare_gate(c, t[i].key ? g : g + 1, t[i].key ? 2 : 1, &e), 0);
		assert_string_equal(assay_json_get_str(json_object_get(c, "gate"), "status", ""), t[i].status);
		g[1].key = "load_ms";
		assert_int_equal(assay_compare_gate(c, g, 2, &e), ASSAY_E_USAGE);
		json_decref(a);
		json_decref(b);
		json_decref(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand), cmocka_unit_test(test_pooled), cmocka_unit_test(test_verdicts), cmocka_unit_test(test_differences),
		cmocka_unit_test(test_points), cmocka_unit_test(test_sessions), cmocka_unit_test(test_paired), cmocka_unit_test(test_family), cmocka_unit_test(test_gate),
	};
	return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
