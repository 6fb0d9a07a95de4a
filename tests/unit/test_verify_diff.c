/* The first difference of two files, as it is named: JSON by path, CSV by line and column, text by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "report/verify_diff.h"

struct row { const char *found, *wanted, *where, *what; };

static void check(const char *name, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct verify_diff d = { 0 };
		const struct row *r = &rows[i];
		int differs = verify_diff_file(name, r->found, strlen(r->found), r->wanted, strlen(r->wanted), &d);
		if (differs != (r->where != NULL))
			fail_msg("%s row %zu: differs %d", name, i, differs);
		if (differs && (strcmp(d.where, r->where) || strcmp(d.what, r->what)))
			fail_msg("%s row %zu: \"%s\": \"%s\", should be \"%s\": \"%s\"", name, i, d.where, d.what, r->where, r->what);
		verify_diff_release(&d);
	}
}
#define CHECK(name, rows) check(name, rows, sizeof(rows) / sizeof(rows)[0])

static void test_json(void **state)
{
	static const struct row rows[] = {
		{ "{\"a\": 1}", "{\"a\": 1}", NULL, NULL },
		{ "{\"a\": [1, {\"b\": 2.5}]}", "{\"a\": [1, {\"b\": 2.25}]}", "a[1].b", "found 2.5, should be 2.25" },
		{ "{\"a\": 1, \"b\": 2}", "{\"a\": 1, \"b\": 2, \"c\": null}", "c", "found nothing, should be null" },
		{ "{\"a\": 1, \"x y\": 2}", "{\"a\": 1}", "[\"x y\"]", "found 2, should be nothing" },
		{ "{\"a\": [1, 2, 3]}", "{\"a\": [1, 2]}", "a[2]", "found 3, should be nothing" },
		{ "{\"a\": [1]}", "{\"a\": [1, 2]}", "a[1]", "found nothing, should be 2" },
		{ "{\"a\": 1.0}", "{\"a\": 1}", "a", "found 1.0, should be 1" },
		{ "{\"a\": -0.0}", "{\"a\": 0.0}", "a", "found -0.0, should be 0.0" },
		{ "{\"a\": \"x\"}", "{\"a\": \"y\"}", "a", "found \"x\", should be \"y\"" },
		{ "{\"a\": true}", "{\"a\": false}", "a", "found true, should be false" },
		{ "{\"m\": {\"p50\": 1, \"p90\": 2}}", "{\"m\": {\"p51\": 1, \"p90\": 2}}", "m.p51", "found nothing, should be 1" },
		{ "{\"a\": 3, \"b\": 4}", "{\"a\": 1, \"b\": 2}", "a", "found 3, should be 1" },
		{ "{\"id\": 1, \"a\": 2}", "{\"id\": 2, \"a\": 3}", "a", "found 2, should be 3" },
		{ "{\"id\": 1, \"a\": 2}", "{\"id\": 2, \"a\": 2}", "id", "found 1, should be 2" },
		{ "{\"a\": 2}", "{\"id\": 2, \"a\": 2}", "id", "found nothing, should be 2" },
		{ "[]", "{}", "the whole document", "found [], should be {}" },
		{ "{\"a\":  1}", "{\"a\": 1}", "line 1, byte 7", "found {\"a\":  1}, should be {\"a\": 1} (the same values, written differently)" },
		{ "{\n\"a\" 1}", "{\n\"a\": 1}", "line 2, byte 4", "found \"a\" 1}, should be \"a\": 1} (not valid JSON)" },
		{ "{\"a\": 1, \"a\": 1}", "{\"a\": 1, \"b\": 1}", "line 1, byte 11", "found {\"a\": 1, \"a\": 1}, should be {\"a\": 1, \"b\": 1} (not valid JSON)" },
		{ "", "{}", "line 1, byte 1", "found nothing, should be {} (not valid JSON)" },
	};
	(void)state;
	CHECK("result.json", rows);
}

static void test_csv(void **state)
{
	static const struct row rows[] = {
		{ "a,b\r\n1,2\r\n", "a,b\r\n1,2\r\n", NULL, NULL },
		{ "a,b\r\n1,3\r\n", "a,b\r\n1,2\r\n", "line 2, column b", "found 3, should be 2" },
		{ "a,b\r\n1,2\r\n12.5,\r\n", "a,b\r\n1,2\r\n12.75,\r\n", "line 3, column a", "found 12.5, should be 12.75" },
		{ "a,b\r\n1,\r\n", "a,b\r\n1,2\r\n", "line 2, byte 3", "found 1,\\x0d, should be 1,2\\x0d (a line end)" },
		{ "a,c\r\n1,2\r\n", "a,b\r\n1,2\r\n", "line 1, column b", "found c, should be b" },
		{ "a,b,c\r\n\"x,y\",5,6\r\n", "a,b,c\r\n\"x,y\",5,7\r\n", "line 2, column c", "found 6, should be 7" },
		{ "a,b\r\n1;2\r\n", "a,b\r\n1,2\r\n", "line 2, column a", "found 1;2, should be 1" },
		{ "a,b\r\n1,2\r\n", "a,b\r\n1,2\r\n3,4\r\n", "line 3, column a", "found nothing, should be 3" },
	};
	(void)state;
	CHECK("x.csv", rows);
}

static void test_text(void **state)
{
	static const struct row rows[] = {
		{ "one\ntwo\n", "one\ntwo\n", NULL, NULL },
		{ "one\ntwp\n", "one\ntwo\n", "line 2, byte 3", "found twp, should be two" },
		{ "one\ntwo\nmore\n", "one\ntwo\n", "line 3, byte 1", "found more, should be nothing" },
		{ "a\x1b[2J\n", "a\n", "line 1, byte 2", "found a\\x1b[2J, should be a" },
		{ "\xc3\xa4\xff\n", "\xc3\xa4\xc3\n", "line 1, byte 3", "found \xc3\xa4\\xff, should be \xc3\xa4\\xc3" },
	};
	(void)state;
	CHECK("report.md", rows);
}

/* A long line is quoted near the difference, and cut. */
static void test_long(void **state)
{
	char found[4000], wanted[4000];
	struct verify_diff d;
	(void)state;
	memset(found, 'x', sizeof found);
	memset(wanted, 'x', sizeof wanted);
	found[3000] = 'A';
	assert_int_equal(verify_diff_file("report.md", found, sizeof found, wanted, sizeof wanted, &d), 1);
	assert_string_equal(d.where, "line 1, byte 3001");
	assert_non_null(strstr(d.what, "A"));
	assert_true(strlen(d.what) < 300);
	verify_diff_release(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_json), cmocka_unit_test(test_csv), cmocka_unit_test(test_text), cmocka_unit_test(test_long) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
