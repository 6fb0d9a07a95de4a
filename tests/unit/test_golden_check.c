/* The check itself: passes on what is right, and fails on logits, greedy lists and files that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "golden.h"
#include "nn/golden_check.h"
#include "nn/golden_file.h"
#include "nn/source.h"

static struct nn_check_report report;

static void test_passes(void **state)
{
	(void)state;
	static const char *const models[] = { "gpt2", "opt-postln", "llama3-rope", "qwen3" };
	static const enum nn_dtype types[] = { NN_AUTO, NN_BF16, NN_F16 };
	for (int m = 0; m < 4; m++)
		for (int t = 0; t < 3; t++) {
			struct golden g;
			struct assay_err e = ASSAY_ERR_INIT;
			struct nn_check_options o = { .dtype = types[t], .threads = 1 };
			if (golden_read(models[m], &g))
				skip();
			if (nn_golden_check(g.dir, NULL, &o, &report, &e))
				fail_msg("%s", e.msg);
			if (!report.pass || report.n != 3 || report.diff > report.limit || report.diff <= 0)
				fail_msg("%s %s: largest difference %g, limit %g", models[m], nn_dtype_name(report.dtype), report.diff, report.limit);
			assert_int_equal(report.dtype, types[t] == NN_AUTO ? NN_F32 : types[t]);
			assert_true(report.prompt[1].diff_all >= 0 && report.prompt[0].diff_all < 0);
			assert_int_equal(report.prompt[0].ids, NN_CHECK_NONE);
			if (!t) {
				assert_int_equal(report.prompt[2].first_wrong, -1);
				assert_true(report.limit == 2e-4);
			}
		}
}

/* A folder with a changed copy of golden.json and links to the rest of the gpt2 golden. */
struct copy {
	char dir[40];
	struct golden g;
	json_t *doc;
};

static const char *const linked[] = { "config.json", "model.safetensors", "last_1.f32", "last_17.f32", "last_100.f32", "all_17.f32" };

static void copy_open(struct copy *c)
{
	if (golden_read("gpt2", &c->g))
		skip();
	strcpy(c->dir, "/tmp/assay-golden-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	for (size_t i = 0; i < sizeof linked / sizeof *linked; i++) {
		char from[600], to[100], *full;
		snprintf(from, sizeof from, "%s/%s", c->g.dir, linked[i]);
		snprintf(to, sizeof to, "%s/%s", c->dir, linked[i]);
		full = realpath(from, NULL);
		assert_int_equal(symlink(full, to), 0);
		free(full);
	}
	char path[600];
	snprintf(path, sizeof path, "%s/golden.json", c->g.dir);
	c->doc = assay_json_load(path, 1 << 20, ASSAY_E_MODEL, NULL);
	assert_non_null(c->doc);
}

static int copy_check(struct copy *c, struct assay_err *e)
{
	char path[100];
	snprintf(path, sizeof path, "%s/golden.json", c->dir);
	assert_int_equal(json_dump_file(c->doc, path, 0), 0);
	struct nn_check_options o = { .threads = 1 };
	return nn_golden_check(c->dir, NULL, &o, &report, e);
}

static void copy_close(struct copy *c)
{
	char path[100];
	for (size_t i = 0; i < sizeof linked / sizeof *linked; i++) {
		snprintf(path, sizeof path, "%s/%s", c->dir, linked[i]);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/golden.json", c->dir);
	unlink(path);
	rmdir(c->dir);
	json_decref(c->doc);
}

static json_t *prompt(struct copy *c, size_t i)
{
	return json_array_get(json_object_get(c->doc, "prompts"), i);
}

static void test_fails(void **state)
{
	(void)state;
	struct copy c;
	struct assay_err e = ASSAY_ERR_INIT;
	copy_open(&c);
	assert_int_equal(copy_check(&c, &e), 0);
	assert_true(report.pass);
	/* a wrong greedy token, clearly behind */
	json_array_set_new(json_object_get(prompt(&c, 1), "greedy"), 5, json_integer(3));
	assert_int_equal(copy_check(&c, &e), 0);
	assert_true(!report.pass && report.prompt[1].first_wrong == 5 && report.prompt[1].greedy == NN_CHECK_BAD && report.prompt[0].pass);
	json_array_set_new(json_object_get(prompt(&c, 1), "greedy"), 5, json_integer(c.g.prompt[1].greedy[5]));
	/* two of the top five exchanged */
	json_t *top = json_object_get(prompt(&c, 2), "top5");
	json_object_set_new(json_array_get(top, 0), "id", json_integer(c.g.prompt[2].top5[1]));
	json_object_set_new(json_array_get(top, 1), "id", json_integer(c.g.prompt[2].top5[0]));
	assert_int_equal(copy_check(&c, &e), 0);
	assert_true(!report.pass && report.prompt[2].top5 == NN_CHECK_BAD && report.prompt[2].first_wrong == -1);
	copy_close(&c);
}

/* One logit of the reference off by twice the limit. */
static void test_logit(void **state)
{
	(void)state;
	struct copy c;
	struct assay_err e = ASSAY_ERR_INIT;
	char path[100];
	copy_open(&c);
	snprintf(path, sizeof path, "%s/last_17.f32", c.dir);
	unlink(path);
	float *v = golden_floats(&c.g, "last_17.f32", 512);
	v[400] += 4e-4f;
	assert_int_equal(assay_fs_write_atomic(path, v, 512 * sizeof *v, &e), 0);
	assert_int_equal(copy_check(&c, &e), 0);
	assert_true(!report.pass && !report.prompt[1].pass && report.prompt[1].diff_last > 2e-4 && report.prompt[0].pass && report.prompt[2].pass);
	v[400] = __builtin_nanf("");
	assert_int_equal(assay_fs_write_atomic(path, v, 512 * sizeof *v, &e), 0);
	assert_int_equal(copy_check(&c, &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "value 400 is not finite"));
	assert_int_equal(assay_fs_write_atomic(path, v, 511 * sizeof *v, &e), 0);
	assert_int_equal(copy_check(&c, &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "has 2044 bytes"));
	free(v);
	copy_close(&c);
}

static void test_bad_files(void **state)
{
	(void)state;
	static const struct { const char *key, *value, *says; } row[] = {
		{ "ids", "[]", "ids, greedy or top5" },
		{ "ids", "[512]", "ids, greedy or top5" },
		{ "ids", "[-1]", "ids, greedy or top5" },
		{ "ids", "7", "ids, greedy or top5" },
		{ "greedy", "[1.5]", "ids, greedy or top5" },
		{ "top5", "[]", "ids, greedy or top5" },
		{ "top5", "[[1,2],[3,4],[5,6],[7,8],[9]]", "ids, greedy or top5" },
		{ "last_logits_file", "\"../x\"", "not a file name" },
		{ "last_logits_file", "\"absent.f32\"", "cannot open" },
		{ "last_logits_file", "\"all_17.f32\"", "larger than" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct copy c;
		struct assay_err e = ASSAY_ERR_INIT;
		copy_open(&c);
		json_object_set_new(prompt(&c, 0), row[i].key, json_loads(row[i].value, JSON_DECODE_ANY, NULL));
		int rc = copy_check(&c, &e);
		if (rc != ASSAY_E_MODEL || !strstr(e.msg, row[i].says))
			fail_msg("%s = %s gave %d: %s", row[i].key, row[i].value, rc, e.msg);
		copy_close(&c);
	}
	struct copy c;
	struct assay_err e = ASSAY_ERR_INIT;
	copy_open(&c);
	const struct nn_check_options o = { .threads = 1 };
	assert_int_equal(nn_golden_check(c.dir, "no-such-model", &o, &report, &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "no golden.json in it")); /* said before any model is loaded */
	json_object_set_new(c.doc, "prompts", json_array());
	assert_int_equal(copy_check(&c, &e), ASSAY_E_MODEL);
	assert_non_null(strstr(e.msg, "1 to 256 prompts"));
	copy_close(&c);
}

/* The real model, when its file was fetched: ids, text, logits and greedy list of one prompt set. */
static void test_smollm2(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	char *file = nn_smollm2_path(), *dir = golden_root() ? xasprintf("%s-smollm2", golden_root()) : NULL;
	bool here = file && dir && nn_golden_exists(dir);
	free(file);
	if (!here) {
		free(dir);
		skip();
	}
	struct nn_check_options o = { .dtype = NN_F32 };
	int rc = nn_golden_check(dir, "smollm2", &o, &report, &e);
	free(dir);
	if (rc)
		fail_msg("%s", e.msg);
	assert_true(report.pass && report.n == 6 && report.limit == 1e-3);
	for (int i = 0; i < report.n; i++) {
		const struct nn_check_prompt *p = &report.prompt[i];
		if (p->ids != NN_CHECK_OK || p->decoded != NN_CHECK_OK || p->first_wrong >= 0)
			fail_msg("%s: ids %d decoded %d first wrong %d", p->name, p->ids, p->decoded, p->first_wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passes), cmocka_unit_test(test_fails), cmocka_unit_test(test_logit), cmocka_unit_test(test_bad_files), cmocka_unit_test(test_smollm2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
