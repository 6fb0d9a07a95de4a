/* The faces that machines read: JUnit is well-formed and counts what it lists, OpenMetrics keeps its grammar, JSON Lines their keys, whatever a
 * model is called. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "draw/junit.h"
#include "draw/openmetrics.h"
#include "metrics/definitions.h"
#include "report/jsonl.h"
#include "report/report.h"
#include "result_fixture.h"

#define HOSTILE "a\"b'c&<d>]]>\\ e\nf\x01\xe2\x80\xae|`${x}"

static char dir[64];
static json_t *doc;

static int write_all(void **state)
{
	struct fx f;
	struct assay_err e = ASSAY_ERR_INIT;
	int n;
	const struct assay_face *const *faces = assay_faces(&n);
	(void)state;
	result_fixture_dir(dir);
	result_fixture(&f, HOSTILE);
	doc = assay_result_build(&f.run);
	json_object_set_new(doc, "targets",
	                    json_pack("[{s:s, s:s, s:{s:s}, s:{s:f}, s:f, s:s, s:b}, {s:s, s:s, s:{}, s:{s:f}, s:n, s:s, s:n}]", "metric", "ttft_ms", "stat", "mean", "case", "experiment", "latency", "bound", "max", 5.0,
	                              "actual", 6.5, "status", "fail", "met", 0, "metric", HOSTILE, "stat", "value", "case", "bound", "min", 1.0, "actual", "status", "not_measured", "met"));
	for (int i = 0; i < n; i++)
		if (faces[i]->only_named) {
			assert_int_equal(faces[i]->write(doc, &f.run, dir, &e), 0);
			char *path = xasprintf("%s/%s", dir, faces[i]->only_named);
			assert_int_equal(access(path, R_OK), 0); /* the file that the row names */
			free(path);
		}
	fx_release(&f);
	return 0;
}

static int drop_all(void **state)
{
	(void)state;
	json_decref(doc);
	result_fixture_drop(dir);
	return 0;
}

static long count(const char *text, const char *what)
{
	long n = 0;
	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

/* "name=\"N\"" of the root element. */
static long root_count(const char *xml, const char *name)
{
	char *key = xasprintf(" %s=\"", name);
	const char *at = strstr(strstr(xml, "<testsuites"), key);
	long n = at ? strtol(at + strlen(key), NULL, 10) : -1;
	free(key);
	return n;
}

static void junit_counts_what_it_lists(void **state)
{
	(void)state;
	char *xml = result_fixture_read(dir, "junit.xml");
	assert_int_equal(root_count(xml, "tests"), count(xml, "<testcase "));
	assert_int_equal(root_count(xml, "tests"), 1 + (long)json_array_size(json_object_get(doc, "points")) + 2);
	assert_int_equal(root_count(xml, "failures"), count(xml, "<failure "));
	assert_int_equal(root_count(xml, "failures"), 1);
	assert_int_equal(root_count(xml, "skipped"), count(xml, "<skipped ")); /* a limit and a target that was not measured */
	assert_int_equal(root_count(xml, "skipped"), 2);
	assert_int_equal(root_count(xml, "errors"), 0);
	assert_non_null(strstr(xml, "name=\"target ttft_ms mean at most 5: experiment latency\""));
	assert_non_null(strstr(xml, "<failure message=\"6.500, target at most 5\">"));
	free(xml);
}

/* Text keeps its form apart from what XML cannot hold; Python's parser agrees that the file is well-formed. */
static void junit_survives_any_text(void **state)
{
	(void)state;
	char *xml = result_fixture_read(dir, "junit.xml");
	assert_non_null(strstr(xml, "value=\"a&#34;b&#39;c&#38;&#60;d&#62;]]&#62;\\ e f??|&#96;${x}\""));
	free(xml);
	if (access("/usr/bin/python3", X_OK))
		skip();
	char *cmd = xasprintf("/usr/bin/python3 -c \"import sys, xml.etree.ElementTree as t; r = t.parse(sys.argv[1]).getroot(); assert r.tag == 'testsuites' and len(r.findall('.//testcase')) == int(r.get('tests'))\" '%s/junit.xml'", dir);
	assert_int_equal(system(cmd), 0);
	free(cmd);
}

static void junit_comparison_fails_at_its_gate(void **state)
{
	(void)state;
	struct junit j;
	struct assay_buf b;
	json_t *c = json_pack("{s:[{s:s, s:s, s:s, s:f}, {s:s, s:s, s:s, s:f}, {s:s, s:s, s:s, s:f}], s:{s:[{s:s, s:f, s:s}, {s:s, s:f, s:s}]}}", "metrics", "key", "ttft_ms", "role", "family", "verdict", "SLOWER", "effect_pct",
	                      5.25, "key", "tpot_ms", "role", "family", "verdict", "SAME", "effect_pct", 0.1, "key", "ttft_ms", "role", "detail", "verdict", "SLOWER", "effect_pct", 9.0, "gate", "rows", "key", "ttft_ms", "bound_pct",
	                      2.0, "status", "fail", "key", "tpot_ms", "bound_pct", 2.0, "status", "pass");
	junit_init(&j);
	assay_buf_init(&b, 1 << 20);
	junit_comparison(&j, c, "job.step", "<main>");
	junit_suite(&j, "s", NULL, NULL);
	junit_print(&j, "job", &b);
	assert_int_equal(root_count(b.data, "tests"), 2);
	assert_int_equal(root_count(b.data, "failures"), 1);
	assert_non_null(strstr(b.data, "name=\"ttft_ms against &#60;main&#62;\">\n      <failure message=\"SLOWER: 5.25 % (bound 2 %)\">"));
	junit_release(&j);
	assay_buf_release(&b);
	json_decref(c);
}

/* # TYPE before # UNIT before # HELP, samples of a family together and named after it, the unit at the end of the name, # EOF at the end. */
static void openmetrics_keeps_its_grammar(void **state)
{
	(void)state;
	char *text = result_fixture_read(dir, "openmetrics.txt"), family[200] = "", seen[60000] = " ", *save = NULL;
	size_t n = strlen(text);
	assert_true(n > 6 && !strcmp(text + n - 6, "# EOF\n"));
	assert_int_equal(count(text, "# EOF"), 1);
	assert_non_null(strstr(text, "model=\"a\\\"b'c&<d>]]>\\\\ e f??|`${x}\""));
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char name[200], rest[200], word[210];
		if (sscanf(line, "# TYPE %199s %199s", name, rest) == 2) {
			snprintf(word, sizeof word, " %s ", name);
			if (strstr(seen, word))
				fail_msg("family %s twice", name);
			strncat(seen, word + 1, sizeof seen - strlen(seen) - 1);
			snprintf(family, sizeof family, "%s", name);
		} else if (sscanf(line, "# UNIT %199s %199s", name, rest) == 2) {
			assert_string_equal(name, family);
			assert_true(strlen(name) > strlen(rest) && !strcmp(name + strlen(name) - strlen(rest), rest) && name[strlen(name) - strlen(rest) - 1] == '_');
		} else if (*line != '#') {
			size_t k = strcspn(line, "{");
			const char *value = strrchr(line, ' ');
			char *end;
			assert_true(strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_") == k && !strncmp(line, family, strlen(family)));
			if (!value || value[-1] != '}' || !isfinite(strtod(value + 1, &end)) || *end)
				fail_msg("%s", line);
		}
	}
	free(text);
}

static void openmetrics_names_are_unique(void **state)
{
	static const struct { const char *key, *unit, *part, *name; } known[] = {
		{ "ttft_ms", "ms", NULL, "assay_ttft_milliseconds" }, { "ttft_ms", "ms", "mean", "assay_ttft_mean_milliseconds" }, { "wall_s", "s", NULL, "assay_wall_seconds" },
		{ "output_tok_s_steady", "tok/s", NULL, "assay_output_steady_tokens_per_second" }, { "kv_bytes_per_token", "B", NULL, "assay_kv_per_token_bytes" }, { "mbu", "ratio", NULL, "assay_mbu_ratio" },
		{ "odd-key", "per %", NULL, "assay_odd_key_per__" },
	};
	(void)state;
	char name[OPENMETRICS_NAME_MAX], other[OPENMETRICS_NAME_MAX];
	const char *unit;
	size_t n;
	const struct assay_metric *t = assay_metric_table(&n);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		openmetrics_name(name, known[i].key, known[i].unit, known[i].part, &unit);
		assert_string_equal(name, known[i].name);
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++) {
			openmetrics_name(name, t[i].key, t[i].unit, NULL, &unit);
			openmetrics_name(other, t[k].key, t[k].unit, NULL, &unit);
			assert_string_not_equal(name, other);
		}
}

static void lines_are_flat_and_alike(void **state)
{
	(void)state;
	char *text = result_fixture_read(dir, "results.jsonl"), *save = NULL;
	size_t lines = 0, want = 0, i;
	json_t *p;
	json_array_foreach(json_object_get(doc, "points"), i, p)
		want += json_object_size(json_object_get(p, "metrics"));
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), lines++) {
		const char *key;
		size_t own = 0;
		json_t *v, *o = assay_json_parse(line, strlen(line), "line", ASSAY_E_DATA, NULL);
		json_object_foreach(o, key, v) {
			own += strncmp(key, "case_", 5) != 0;
			assert_false(json_is_object(v) || json_is_array(v));
		}
		assert_int_equal(own, 23);
		json_decref(o);
	}
	assert_int_equal(lines, want);
	free(text);
	struct assay_buf b;
	assay_buf_init(&b, 1 << 24);
	face_jsonl_results(doc, "a step", &b);
	assert_int_equal(count(b.data, "{\"step\":\"a step\",\"result\":"), want);
	assay_buf_release(&b);
	text = result_fixture_read(dir, "records.jsonl");
	assert_int_equal(count(text, "\n"), 4 + 3 + 8 + 3 + 1 + 8); /* as records.csv */
	assert_non_null(strstr(text, "\"ttft_ms\":1188.2707"));
	free(text);
}

static void summary_escapes_and_shows(void **state)
{
	(void)state;
	char *text = result_fixture_read(dir, "summary.md");
	assert_non_null(strstr(text, "a\"b'c&#38;&#60;d>&#93;&#93;>&#92; e f??&#124;&#96;${x}"));
	assert_non_null(strstr(text, "| latency 128 -> 30 | 1336.22 |"));
	assert_non_null(strstr(text, "| FAIL |"));
	assert_null(strstr(text, "<d"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(junit_counts_what_it_lists), cmocka_unit_test(junit_survives_any_text), cmocka_unit_test(junit_comparison_fails_at_its_gate), cmocka_unit_test(openmetrics_keeps_its_grammar),
		cmocka_unit_test(openmetrics_names_are_unique), cmocka_unit_test(lines_are_flat_and_alike), cmocka_unit_test(summary_escapes_and_shows),
	};
	return cmocka_run_group_tests_name("CI faces", tests, write_all, drop_all);
}
