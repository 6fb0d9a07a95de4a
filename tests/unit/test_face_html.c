/* report.html of a whole result: hostile strings everywhere stay text, the markup is well formed, every link and every figure leads
 * somewhere, the same document gives the same bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "draw/html_assets.h"
#include "report/faces.h"
#include "result_fixture.h"

#define EVIL "</script><img src=x onerror=alert(1)>\"'`<!--&copy;\xe2\x80\xae\xd7\x90\x1b[31m\x01\xe2\x80\xa9"

/* The face's page of doc, without Chart.js, whose text is not ours. */
static char *page(const json_t *doc, const struct assay_run *run)
{
	char dir[64];
	struct assay_err e = ASSAY_ERR_INIT;
	struct html_asset a = html_asset_chart();
	result_fixture_dir(dir);
	if (face_html.write(doc, run, dir, &e))
		fail_msg("%s", e.msg);
	char *html = result_fixture_read(dir, "report.html"), *at = strstr(html, a.data);
	result_fixture_drop(dir);
	assert_non_null(at);
	memmove(at, at + a.len_bytes, strlen(at + a.len_bytes) + 1);
	return html;
}

static bool steers(const char *key)
{
	static const char *const keys[] = { "experiment", "status", "state", "phase", "id", "unit", "axis", "name", "schema" };
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (!strcmp(key, keys[i]))
			return true;
	return false;
}

/* Every string of v becomes `with` but, unless `all`, those that faces choose by. */
static void poison(json_t *v, const char *with, bool all)
{
	const char *key;
	size_t i;
	json_t *item;
	void *next;
	if (json_is_array(v))
		json_array_foreach(v, i, item) {
			if (json_is_string(item))
				json_array_set_new(v, i, json_string(with));
			else
				poison(item, with, all);
		}
	else if (json_is_object(v))
		json_object_foreach_safe(v, next, key, item) {
			if (!json_is_string(item))
				poison(item, with, all);
			else if (all || !steers(key))
				json_object_set_new(v, key, json_string(with));
		}
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;
	for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

/* ---- a small reader of tags: nesting, quotes, ids ---- */
struct reader { const char *at; char open[64][12]; int depth; json_t *ids; };

static void attribute(struct reader *r)
{
	const char *name = r->at, *value, *end;
	size_t n = strcspn(name, " =>");
	if (name[n] != '=') {
		r->at = name + n;
		return;
	}
	assert_int_equal(name[n + 1], '"');
	value = name + n + 2;
	end = strchr(value, '"');
	assert_non_null(end);
	assert_null(memchr(value, '<', (size_t)(end - value)));
	assert_false(!strncmp(name, "on", 2) || !strncmp(name, "style", n) || !strncmp(name, "src", n));
	if (n == 2 && !strncmp(name, "id", 2)) {
		char *id = strndup(value, (size_t)(end - value));
		if (json_object_get(r->ids, id))
			fail_msg("the id %s is there twice", id);
		json_object_set_new(r->ids, id, json_true());
		free(id);
	}
	r->at = end + 1;
}

static void tag(struct reader *r)
{
	static const char *const empty[] = { "meta", "!DOCTYPE" };
	char name[12];
	bool closes = r->at[1] == '/', alone = false;
	r->at += 1 + closes;
	size_t n = strcspn(r->at, " >/");
	assert_true(n > 0 && n < sizeof name);
	snprintf(name, sizeof name, "%.*s", (int)n, r->at);
	r->at += n;
	while (*r->at != '>') {
		assert_true(*r->at);
		if (*r->at == ' ' || *r->at == '/')
			alone = *r->at++ == '/';
		else
			attribute(r);
	}
	r->at++;
	for (size_t i = 0; i < 2; i++)
		alone |= !strcmp(name, empty[i]);
	if (closes) {
		assert_true(r->depth > 0);
		assert_string_equal(r->open[--r->depth], name);
	} else if (!alone) {
		assert_true(r->depth < 64);
		strcpy(r->open[r->depth++], name);
	}
	if (!closes && (!strcmp(name, "script") || !strcmp(name, "style")))
		r->at = strstr(r->at, name[1] == 'c' ? "</script>" : "</style>");
}

static void check_markup(const char *html)
{
	struct reader r = { .at = html, .ids = json_object() };
	while ((r.at = strchr(r.at, '<')))
		tag(&r);
	assert_int_equal(r.depth, 0);
	for (const char *at = html; (at = strstr(at, "href=\"#")); at++) {
		char id[80];
		snprintf(id, sizeof id, "%.*s", (int)strcspn(at + 7, "\""), at + 7);
		if (!json_object_get(r.ids, id))
			fail_msg("#%s leads nowhere", id);
	}
	json_decref(r.ids);
}

static void check_figures(char *html)
{
	size_t figures = 0;
	for (char *at = html; (at = strstr(at, "<figure ")); at++) {
		char *end = strstr(at, "</figure>"), kept = *end;
		*end = 0;
		assert_int_equal(count(at, "role=\"img\""), 1);
		assert_true(count(at, "aria-label=\"") >= 2);
		assert_int_equal(count(at, "<canvas") + count(at, "<svg"), 1);
		assert_int_equal(count(at, "<table>"), 1);
		*end = kept;
		figures++;
	}
	assert_true(figures > 0);
}

static void check_inert(const char *html)
{
	static const char *const never[] = { "<img", "onerror=", "<!--", "\x1b", "\x01", "\xe2\x80\xae", "\xe2\x80\xa9", "&copy;" };
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (strstr(html, never[i]))
			fail_msg("%s is in the page", never[i]);
	assert_int_equal(count(html, "</script>"), 3);
}

static void test_a_result(void **state)
{
	struct fx f;
	(void)state;
	result_fixture(&f, "gpt2");
	json_t *doc = assay_result_build(&f.run);
	char *html = page(doc, &f.run), *again = page(doc, &f.run);
	assert_string_equal(html, again);
	check_markup(html);
	check_figures(html);
	static const char *const in_order[] = {
		"Time to first token", "synthetic weights: the speed is real", "id=\"verdict\"", "id=\"findings\"", "class=\"finding\"", "href=\"#point-0\"", "Open questions:",
		"data-figure=\"throughput\"", "Read bandwidth of the machine over the run:</b> the machine was probed less than twice", "data-figure=\"tradeoff\"", "id=\"point-0\"",
		"Throughput by batch size", "Validation summary", "Definitions used", "Not available here", "id=\"provenance\"",
	};
	const char *at = strstr(html, "<main");
	for (size_t i = 0; i < sizeof in_order / sizeof *in_order; i++) {
		const char *found = strstr(at, in_order[i]);
		if (!found)
			fail_msg("%s is missing or out of place", in_order[i]);
		at = found;
	}
	free(html);
	free(again);
	json_decref(doc);
	fx_release(&f);
}

static void test_hostile(void **state)
{
	(void)state;
	for (int all = 0; all < 2; all++) {
		struct fx f;
		result_fixture(&f, "gpt2");
		json_t *doc = assay_result_build(&f.run);
		json_object_set_new(doc, "targets", json_pack("[{s:s, s:s, s:{s:f}, s:s, s:s, s:n}]", "metric", EVIL, "stat", EVIL, "bound", "max", 1.0, "label", EVIL, "status", "pass", "actual"));
		json_array_append_new(json_object_get(doc, "notes"), json_pack("{s:s, s:s, s:s}", "code", "sample_text", "prompt", EVIL, "text", EVIL));
		json_array_append_new(json_object_get(doc, "unavailable"), json_pack("{s:s, s:s}", "what", EVIL, "reason", EVIL));
		poison(doc, EVIL, all);
		json_object_set_new(json_object_get(doc, "config"), EVIL, json_string(EVIL)); /* keys come from outside too */
		char *html = page(doc, &f.run);
		check_inert(html);
		check_markup(html);
		if (!all)
			check_figures(html);
		assert_true(count(html, "onerror&#61;alert") > 50); /* it is shown */
		free(html);
		json_decref(doc);
		fx_release(&f);
	}
}

static void test_very_long(void **state)
{
	struct fx f;
	char *text = xalloc(20001);
	(void)state;
	memset(text, '<', 20000);
	result_fixture(&f, "gpt2");
	json_t *doc = assay_result_build(&f.run);
	poison(doc, text, false);
	char *html = page(doc, &f.run);
	check_markup(html);
	assert_non_null(strstr(html, "[cut: 20000 bytes in all]"));
	free(html);
	free(text);
	json_decref(doc);
	fx_release(&f);
}

/* What an old or a broken result lacks is missing in the page, too. */
static void test_almost_nothing(void **state)
{
	static const char *const docs[] = { "{}", "{\"points\": [{}], \"analysis\": {\"fits\": [{\"id\": \"batch_step\"}, {\"id\": \"prompt_ttft\", \"observed\": [{}]}]}, \"telemetry\": {\"series\": [{\"name\": \"rss_mib\", \"values\": [1]}]}}",
		"{\"points\": [{\"series\": {\"distribution\": {\"ttft_ms\": {\"values\": [null]}}, \"over_time\": {\"t_s\": [1]}}, \"experiment\": \"latency\"}], \"findings\": [{\"state\": \"answered\", \"evidence\": [\"x\"]}]}" };
	struct assay_run run = { 0 };
	(void)state;
	for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
		json_t *doc = json_loads(docs[i], 0, NULL);
		assert_non_null(doc);
		char *html = page(doc, &run);
		check_markup(html);
		free(html);
		json_decref(doc);
	}
}

/* Hours of load: the windows of the series, in hours; not those of its probe. */
static void test_soak(void **state)
{
	struct assay_run run = { 0 };
	(void)state;
	json_t *doc = json_loads("{\"soak\": {\"windows\": [{\"part_of\": \"probe\", \"elapsed_s\": 0, \"seconds\": 60, \"tok_s\": 9},"
				 "{\"part_of\": \"series\", \"elapsed_s\": 0, \"seconds\": 7200, \"tok_s\": 5, \"e2el_ms\": {\"p99\": 70.5}, \"rss_mib\": null},"
				 "{\"part_of\": \"series\", \"elapsed_s\": 7200, \"seconds\": 7200, \"tok_s\": 6, \"e2el_ms\": {\"p99\": 80.5}}], \"parts\": [{\"elapsed_s\": 7200}]}}", 0, NULL);
	assert_non_null(doc);
	char *html = page(doc, &run);
	check_markup(html);
	check_figures(html);
	assert_non_null(strstr(html, "\"points\":[[1.0,5.0],[3.0,6.0]]"));
	assert_non_null(strstr(html, "\"points\":[[1.0,70.5],[3.0,80.5]]"));
	assert_non_null(strstr(html, "\"from\":2.0,\"to\":null,\"label\":\"resumed\""));
	assert_non_null(strstr(html, "Memory over hours of load:</b> needs two windows"));
	free(html);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_result), cmocka_unit_test(test_hostile), cmocka_unit_test(test_very_long), cmocka_unit_test(test_almost_nothing), cmocka_unit_test(test_soak),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
