/* YAML: plain data with places; everything beyond is refused where it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"

static void test_values(void **state)
{
	(void)state;
	static const struct { const char *yaml, *json; } t[] = {
		{ "", "null" }, { "# only a comment\n", "null" }, { "a: 1", "{\"a\":1}" }, { "--- {a: [1, 2.5, -3], b: }\n...\n", "{\"a\":[1,2.5,-3],\"b\":null}" },
		{ "[~, null, true, False, yes, on]", "[null,null,true,false,\"yes\",\"on\"]" }, { "['1', \"2\", 0o17, 0x1F, 010, +4]", "[\"1\",\"2\",15,31,10,4]" },
		{ "[1e3, .5, 1., 1e, e1, ., -, +, 1_0, 1:30, 0o8, 0x]", "[1000.0,0.5,1.0,\"1e\",\"e1\",\".\",\"-\",\"+\",\"1_0\",\"1:30\",\"0o8\",\"0x\"]" },
		{ "s: |\n  two\n  lines\nt: >\n  one\n  line\n", "{\"s\":\"two\\nlines\\n\",\"t\":\"one line\\n\"}" },
		{ "- {max: 5}\n- {max: 6}\n", "[{\"max\":5},{\"max\":6}]" }, { "1: x", "{\"1\":\"x\"}" }, { "k: \"caf\\u00e9 \\U0001F600\"", "{\"k\":\"caf\xc3\xa9 \xf0\x9f\x98\x80\"}" },
		{ "\xef\xbb\xbf" "a: b", "{\"a\":\"b\"}" }, { "9223372036854775807", "9223372036854775807" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		struct assay_yaml *y = NULL;
		if (assay_yaml_parse(t[i].yaml, strlen(t[i].yaml), "f", &y, &e))
			fail_msg("%s: %s", t[i].yaml, e.msg);
		struct assay_buf b;
		assay_buf_init(&b, 1000);
		assert_int_equal(assay_json_print(&b, assay_yaml_root(y), 0), 0);
		assert_string_equal(b.data, t[i].json);
		assay_buf_release(&b);
		assay_yaml_close(y);
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct { const char *yaml, *msg; } t[] = {
		{ "a: 1\nb: 2\na: 3\n", "f:3:1: the key a is given twice" },
		{ "a: &x 1\nb: *x\n", "f:1:4: anchors (&name) are not accepted" },
		{ "a: &x [1]\n", "f:1:4: anchors (&name) are not accepted" },
		{ "a: *x\n", "f:1:4: aliases (*name) are not accepted" },
		{ "*x : 1\n", "f:1:1: aliases (*name) are not accepted" },
		{ "a: !!int 3\n", "f:1:4: tags (!name) are not accepted" },
		{ "a: !x {}\n", "f:1:4: tags (!name) are not accepted" },
		{ "a: 1\n---\nb: 2\n", "f:2:1: only one document a file is accepted" },
		{ "[1, 2]: x\n", "f:1:1: a key must be a plain word" },
		{ "a: .inf\n", "f:1:4: infinity and not-a-number are not accepted" },
		{ "a: 1e999\n", "f:1:4: infinity and not-a-number are not accepted" },
		{ "a: 9223372036854775808\n", "f:1:4: this number does not fit 64 bits" },
		{ "a: \"x\\0y\"\n", "f:1:4: a NUL byte inside a text is not accepted" },
		{ "a: [1, 2\nb: 3\n", "f:2:" }, { "a: b: c\n", "f:1:5: " }, { "\ta: 1\n", "f:1:1: " }, { "a: 'x\n", "f:" }, { "a: \xff\n", "f:1:" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		struct assay_yaml *y = (void *)1;
		assert_int_equal(assay_yaml_parse(t[i].yaml, strlen(t[i].yaml), "f", &y, &e), ASSAY_E_USAGE);
		assert_null(y);
		if (strncmp(e.msg, t[i].msg, strlen(t[i].msg)))
			fail_msg("%s: got \"%s\", want \"%s\"", t[i].yaml, e.msg, t[i].msg);
	}
}

static void test_depth(void **state)
{
	(void)state;
	for (int depth = 32; depth <= 33; depth++) {
		char text[100] = "";
		struct assay_err e = ASSAY_ERR_INIT;
		struct assay_yaml *y = NULL;
		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		assert_int_equal(assay_yaml_parse(text, strlen(text), "f", &y, &e), depth == 32 ? 0 : ASSAY_E_USAGE);
		if (depth == 33)
			assert_string_equal(e.msg, "f:1:33: nested deeper than 32 levels");
		assay_yaml_close(y);
	}
	size_t n = (4u << 20) + 1;
	char *big = xalloc(n);
	memset(big, ' ', n);
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_yaml *y = NULL;
	assert_int_equal(assay_yaml_parse(big, n, "f", &y, &e), ASSAY_E_USAGE);
	assert_string_equal(e.msg, "f:1:1: larger than the 4 MiB allowed for YAML");
	free(big);
}

static void test_places(void **state)
{
	(void)state;
	static const char text[] = "a: 1\nb:\n  - x\n  - {c: true}\n";
	struct assay_yaml *y = NULL;
	assert_int_equal(assay_yaml_parse(text, strlen(text), "job.yaml", &y, NULL), 0);
	json_t *root = assay_yaml_root(y), *b = json_object_get(root, "b"), *c = json_array_get(b, 1);
	assert_string_equal(assay_yaml_where(y, root), "job.yaml:1:1");
	assert_string_equal(assay_yaml_where(y, json_object_get(root, "a")), "job.yaml:1:4");
	assert_string_equal(assay_yaml_where(y, b), "job.yaml:3:3");
	assert_string_equal(assay_yaml_where(y, json_array_get(b, 0)), "job.yaml:3:5");
	assert_string_equal(assay_yaml_where_key(y, root, "b"), "job.yaml:2:1");
	assert_string_equal(assay_yaml_where_key(y, c, "c"), "job.yaml:4:6");
	assert_string_equal(assay_yaml_where_key(y, c, NULL), "job.yaml:4:5");
	assert_string_equal(assay_yaml_where(y, json_object_get(c, "c")), "job.yaml"); /* true is shared */
	assert_string_equal(assay_yaml_where_key(y, c, "none"), "job.yaml");
	assay_yaml_close(y);
}

static void test_missing_file(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_yaml *y = NULL;
	assert_int_equal(assay_yaml_load("/nonexistent/job.yaml", &y, &e), ASSAY_E_USAGE);
	assert_string_equal(e.msg, "/nonexistent/job.yaml: cannot open: No such file or directory");
	assert_int_equal(assay_yaml_load("/", &y, &e), ASSAY_E_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_refused), cmocka_unit_test(test_depth), cmocka_unit_test(test_places), cmocka_unit_test(test_missing_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
