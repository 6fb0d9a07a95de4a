/* NAME.env.json: what placeholders stand for, what is left out, and every way in which a file can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/json.h"
#include "engine/worker_variables.h"

static const char *const opts[] = { "processes=many", "kv_gib=7", "processes=one" }, *const wrong[] = { "kv_gib=x" };
static const struct worker_given none = { .python = "" }, all = { .python = "/usr/bin/env", .threads = 1, .kv_bytes = 1, .opts = opts, .n_opts = 3 },
	memory = { .python = "sh", .kv_bytes = (3ull << 30) + 1 }, bad_gib = { .python = "", .opts = wrong, .n_opts = 1 };

static const struct { const char *text; const struct worker_given *g; const char *gives; } good[] = {
	{ "{}", &none, "{}" },
	{ "{\"A\": \"1\", \"_B2\": \"x y\"}", &none, "{\"A\":\"1\",\"_B2\":\"x y\"}" },
	{ "{\"A\": \"{prefix}/lib\"}", &all, "{\"A\":\"/usr/lib\"}" },
	{ "{\"A\": \"{prefix}\", \"B\": \"{cpus}\", \"C\": \"{kv_gib}\"}", &none, "{}" },
	{ "{\"A\": \"{prefix:/opt}\", \"B\": \"{cpus:all}\", \"C\": \"{kv_gib:2}\", \"D\": \"{kv_gib:}\"}", &none, "{\"A\":\"/opt\",\"B\":\"all\",\"C\":\"2\"}" },
	{ "{\"A\": \"{kv_gib:2}\", \"B\": \"{threads}x\"}", &all, "{\"A\":\"7\",\"B\":\"1x\"}" },
	{ "{\"A\": \"{kv_gib}\"}", &memory, "{\"A\":\"4\"}" },
	{ "{\"A\": \"/dev/null?\", \"B\": \"/nonexistent/x?\", \"C\": \"{prefix}/nonexistent?\"}", &all, "{\"A\":\"/dev/null\"}" },
	{ "{\"A\": {\"option\": \"processes\", \"one\": \"0\", \"\": \"1\"}, \"B\": {\"option\": \"other\", \"\": \"d\"}, \"C\": {\"option\": \"processes\", \"two\": \"2\"}}", &all, "{\"A\":\"0\",\"B\":\"d\"}" },
	{ "{\"TOKENIZERS_PARALLELISM\": \"false\", \"MONKEY\": \"1\", \"A\": \"\"}", &none, "{\"TOKENIZERS_PARALLELISM\":\"false\",\"MONKEY\":\"1\"}" },
};

static const struct { const char *text; const struct worker_given *g; const char *says; } bad[] = {
	{ "", &none, "f:" },
	{ "{", &none, "f:" },
	{ "[]", &none, "f: must be an object {NAME: value}" },
	{ "{\"A\": \"1\", \"A\": \"2\"}", &none, "duplicate" },
	{ "{\"A\": 1}", &none, "f: A: must be a text, or an object with \"option\"" },
	{ "{\"A\": {\"x\": \"1\"}}", &none, "f: A: must be a text, or an object" },
	{ "{\"A\": {\"option\": \"o\", \"\": 1}}", &none, "f: A: must have texts for the values" },
	{ "{\"A\": \"{thread}\"}", &none, "f: A: unknown placeholder {thread}: not one of prefix, threads, cpus, kv_gib, port" },
	{ "{\"A\": \"x{prefix\"}", &all, "f: A: a { without a }" },
	{ "{\"A\": \"a\\nb\"}", &none, "f: A: a control character" },
	{ "{\"a\": \"1\"}", &none, "f: a: is no name of a variable" },
	{ "{\"1A\": \"1\"}", &none, "is no name of a variable" },
	{ "{\"A=B\": \"1\"}", &none, "is no name of a variable" },
	{ "{\"\": \"1\"}", &none, "is no name of a variable" },
	{ "{\"HF_TOKEN\": \"1\"}", &none, "f: HF_TOKEN: looks like a secret" },
	{ "{\"X_API_KEY\": \"1\"}", &none, "looks like a secret" },
	{ "{\"A\": \"{kv_gib}\"}", &bad_gib, "--engine-opt kv_gib: \"x\" is not a whole number of GiB" },
};

static void test_good(void **state)
{
	(void)state;
	unsetenv("LD_PRELOAD");
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		json_t *got = NULL;
		if (worker_variables_parse(good[i].text, strlen(good[i].text), "f", good[i].g, &got, &e))
			fail_msg("%s: %s", good[i].text, e.msg);
		char *text = json_dumps(got, JSON_COMPACT);
		assert_string_equal(text, good[i].gives);
		free(text);
		json_decref(got);
	}
}

static void test_bad(void **state)
{
	char *long_text = xasprintf("{\"A\": \"%05000d\"}", 0), many[4096] = "{";
	struct assay_err e = ASSAY_ERR_INIT;
	json_t *got = NULL;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct assay_err why = ASSAY_ERR_INIT;
		if (worker_variables_parse(bad[i].text, strlen(bad[i].text), "f", bad[i].g, &got, &why) != ASSAY_E_USAGE || !strstr(why.msg, bad[i].says) || got)
			fail_msg("%s: %s", bad[i].text, why.msg);
	}
	assert_int_equal(worker_variables_parse(long_text, strlen(long_text), "f", &none, &got, &e), ASSAY_E_USAGE);
	assert_string_equal(e.msg, "f: A: too long");
	for (int i = 0; i < 65; i++)
		sprintf(many + strlen(many), "%s\"A%d\": \"1\"", i ? "," : "", i);
	strcat(many, "}");
	assert_int_equal(worker_variables_parse(many, strlen(many), "f", &none, &got, &e), ASSAY_E_USAGE);
	free(long_text);
}

/* The rest of the environment is as it was; what was preloaded still is; a port is one; threads are counted. */
static void test_block(void **state)
{
	static const char text[] = "{\"WORKER_A\": \"new\", \"LD_PRELOAD\": \"/dev/null\", \"P\": \"{port}\", \"T\": \"{threads}\"}";
	struct assay_err e = ASSAY_ERR_INIT;
	json_t *got = NULL;
	int as = 0, bs = 0;
	(void)state;
	setenv("WORKER_A", "old", 1);
	setenv("WORKER_B", "stays", 1);
	setenv("LD_PRELOAD", "/own.so", 1);
	assert_int_equal(worker_variables_parse(text, sizeof text - 1, "f", &none, &got, &e), 0);
	assert_string_equal(assay_json_get_str(got, "LD_PRELOAD", ""), "/dev/null:/own.so");
	assert_true(atoi(assay_json_get_str(got, "P", "")) > 0);
	assert_int_equal(atoi(assay_json_get_str(got, "T", "")), assay_cpu_count());
	char **block = worker_variables_block(got);
	for (char **p = block; *p; p++) {
		as += !strncmp(*p, "WORKER_A=", 9);
		bs += !strcmp(*p, "WORKER_B=stays");
		assert_string_not_equal(*p, "WORKER_A=old");
	}
	assert_true(as == 1 && bs == 1);
	free(block);
	json_decref(got);
	unsetenv("LD_PRELOAD");
}

/* The files that come with the workers hold. */
static void test_ours(void **state)
{
	(void)state;
	DIR *d = opendir("workers");
	int n = 0;
	assert_non_null(d);
	for (struct dirent *x; (x = readdir(d));) {
		struct assay_err e = ASSAY_ERR_INIT;
		json_t *got = NULL;
		char file[300];
		size_t len = strlen(x->d_name);
		if (len < 4 || strcmp(x->d_name + len - 3, ".py"))
			continue;
		snprintf(file, sizeof file, "workers/%s", x->d_name);
		if (worker_variables_read(file, &all, &got, &e))
			fail_msg("%s", e.msg);
		n += json_object_size(got) > 0;
		json_decref(got);
	}
	closedir(d);
	assert_true(n >= 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad), cmocka_unit_test(test_block), cmocka_unit_test(test_ours) };
	return cmocka_run_group_tests_name("worker_variables", tests, NULL, NULL);
}
