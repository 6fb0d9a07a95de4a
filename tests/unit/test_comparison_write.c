/* The files of a comparison: whole, and inert whatever the document says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/compare_tables.h"
#include "result_fixture.h"

#define EVIL "\\\"><script>alert(1)</script><img src=x onerror=y>' | `z` [a](javascript:b) \\u202e"

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	result_fixture_dir(dir);
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	result_fixture_drop(dir);
	return 0;
}

/* A document in which every text is `text` (as it stands in JSON) where it need not be a word that the program knows. */
static json_t *document(const char *text)
{
	char *json = xasprintf(
		"{\"verdict\": \"%s\", \"method\": \"paired\", \"alpha\": 0.05, \"min_effect_pct\": 1,"
		" \"metrics\": [{\"role\": \"family\", \"key\": \"%s\", \"a\": 1, \"b\": 2, \"effect_pct\": 3, \"level_ci_pct\": [1, 5], \"verdict\": \"%s\", \"reason\": \"%s\", \"session_source\": \"%s\"},"
		" {\"role\": \"detail\", \"key\": \"%s\", \"experiment\": \"%s\", \"case\": {\"preset\": \"%s\"}, \"effect_pct\": 3, \"ci95_pct\": [1, 5]}],"
		" \"warnings\": [{\"what\": \"%s\", \"a\": \"%s\", \"b\": null}], \"gate\": {\"rows\": [{\"key\": \"%s\", \"status\": \"fail\", \"worse_pct\": 3, \"bound_pct\": 2}]},"
		" \"pairs\": {\"experiment\": \"%s\", \"a\": \"%s\", \"b\": \"%s\", \"with\": \"%s\", \"measured\": 10, \"max\": 40, \"looks\": [{\"pairs\": 10, \"verdict\": \"%s\"}]},"
		" \"sides\": {\"a\": [{\"dir\": \"%s\", \"created\": \"%s\", \"command\": \"%s\"}], \"b\": []}}",
		text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text);
	struct assay_err e = ASSAY_ERR_INIT;
	json_t *doc = assay_json_parse(json, strlen(json), "test", ASSAY_E_DATA, &e);
	if (!doc)
		fail_msg("%s", e.msg);
	free(json);
	return doc;
}

static char *written(const json_t *doc, const char *name)
{
	struct assay_err e = ASSAY_ERR_INIT;
	if (assay_comparison_write(doc, dir, &e))
		fail_msg("%s", e.msg);
	return result_fixture_read(dir, name);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;
	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void hostile_text_is_inert(void **state)
{
	(void)state;
	static const char *const marks[] = { "<script", "<img", "onerror=", "</script", "<svg", "<table", "<td" };
	json_t *plain = document("plain"), *evil = document(EVIL);
	char *a = written(plain, "report.html"), *b = written(evil, "report.html"), *md = result_fixture_read(dir, "comparison.md");
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (count(a, marks[i]) != count(b, marks[i]))
			fail_msg("%s: %zu times, not %zu", marks[i], count(b, marks[i]), count(a, marks[i]));
	assert_true(count(b, "&#60;script&#62;alert(1)") >= 15);
	assert_int_equal(count(md, "<script"), 0);
	assert_int_equal(count(md, "](javascript"), 0);
	assert_int_equal(count(b, "\xe2\x80\xae") + count(md, "\xe2\x80\xae"), 0);
	free(a);
	free(b);
	free(md);
	json_decref(plain);
	json_decref(evil);
}

static void nothing_judged_is_said(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	static const char text[] = "{\"verdict\": \"UNDECIDED\", \"metrics\": []}";
	json_t *doc = assay_json_parse(text, sizeof text - 1, "test", ASSAY_E_DATA, &e);
	char *html = written(doc, "report.html"), *json = result_fixture_read(dir, "comparison.json");
	assert_non_null(strstr(html, "no metric could be judged"));
	assert_null(strstr(html, "<figure data-figure"));
	json_t *back = json_loads(json, 0, NULL);
	assert_true(json_equal(back, doc));
	json_decref(back);
	json_decref(doc);
	free(html);
	free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hostile_text_is_inert, make_dir, drop_dir), cmocka_unit_test_setup_teardown(nothing_judged_is_said, make_dir, drop_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
