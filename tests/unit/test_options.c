/* Options: what is accepted, what is refused and how the refusal reads, and who wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"

static const struct assay_opt rows[] = {
	{ "model", 'm', ASSAY_OPT_STR, "gpt2", .arg = "NAME|DIR", .help = "model" },
	{ "runs", 'n', ASSAY_OPT_INT, "10", 1, 1000, .arg = "N", .help = "runs" },
	{ "seed", 0, ASSAY_OPT_INT, "0", 0, 9e15, .arg = "N", .help = "seed" },
	{ "top-p", 0, ASSAY_OPT_NUM, "1", 0.001, 1, .arg = "P", .help = "nucleus" },
	{ "quick", 'q', ASSAY_OPT_FLAG, NULL, .help = "quick" },
	{ "verbose", 'v', ASSAY_OPT_FLAG, NULL, .help = "verbose" },
	{ "progress", 0, ASSAY_OPT_FLAG, "true", .help = "progress" },
	{ "dtype", 0, ASSAY_OPT_ENUM, "auto", .choices = "auto|f32|bf16|f16", .help = "dtype" },
	{ "legacy", 0, ASSAY_OPT_ENUMS, NULL, .choices = "s0|s2|s3|vllm", .help = "legacy" },
	{ "batch", 'b', ASSAY_OPT_INTS, "1,2,4", 1, 256, .arg = "LIST", .help = "sizes" },
	{ "input", 0, ASSAY_OPT_RANGE, "100:1024", 1, 1e6, .arg = "A:B", .help = "lengths" },
	{ "kv-memory", 0, ASSAY_OPT_SIZE, "auto", .help = "pool" },
	{ "pause", 0, ASSAY_OPT_DURATION, "1s", 0, 3600, .help = "pause" },
	{ "note", 0, ASSAY_OPT_STR, NULL, .help = "note", .hidden_echo = true },
	{ "abort-on", 0, ASSAY_OPT_STRS, NULL, .arg = "C", .help = "conditions" },
	{ "label", 0, ASSAY_OPT_MAP, NULL, .arg = "K=V", .help = "labels" },
	ASSAY_OPT_END,
};
static const struct assay_opt more[] = { { "runs", 0, ASSAY_OPT_INT, "30" }, { "seed", 0, ASSAY_OPT_INT, "7", 0, 9, .help = "small seed" }, ASSAY_OPT_END };
static const struct assay_opt *const tables[] = { rows, NULL };

static int parse(struct assay_options *o, struct assay_err *e, const char *line)
{
	static char buf[512], *argv[32];
	int argc = 0;
	snprintf(buf, sizeof buf, "%s", line);
	for (char *w = strtok(buf, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	return assay_options_parse(o, argc, argv, e);
}

static void test_defaults(void **state)
{
	(void)state;
	const int64_t *l;
	struct assay_options *o = assay_options_open(tables);
	assert_string_equal(assay_options_str(o, "model"), "gpt2");
	assert_int_equal(assay_options_int(o, "runs"), 10);
	assert_false(assay_options_flag(o, "quick"));
	assert_true(assay_options_flag(o, "progress"));
	assert_false(assay_options_is_set(o, "legacy"));
	assert_null(assay_options_str(o, "note"));
	assert_int_equal(assay_options_ints(o, "batch", &l), 3);
	assert_int_equal(l[2], 4);
	assert_int_equal(assay_options_ints(o, "input", &l), 2);
	assert_int_equal(l[1], 1024);
	assert_int_equal(assay_options_int(o, "kv-memory"), 0);
	assert_int_equal(assay_options_int(o, "pause"), 1000000000);
	assert_int_equal(assay_options_source(o, "runs"), ASSAY_FROM_DEFAULT);
	assay_options_close(o);
}

static void test_spellings(void **state)
{
	(void)state;
	static const struct { const char *line; int64_t runs; bool quick, progress; const char *model; int positionals; } t[] = {
		{ "--runs 5", 5, false, true, "gpt2", 0 },
		{ "--runs=5 -q", 5, true, true, "gpt2", 0 },
		{ "-n5 -mopt-125m", 5, false, true, "opt-125m", 0 },
		{ "-n 5 -m opt-125m x", 5, false, true, "opt-125m", 1 },
		{ "-qn5 --no-progress", 5, true, false, "gpt2", 0 },
		{ "-vq --no-quick", 10, false, true, "gpt2", 0 },
		{ "--quick=true --progress=off", 10, true, false, "gpt2", 0 },
		{ "a -- --runs -q", 10, false, true, "gpt2", 3 },
		{ "- --runs +7", 7, false, true, "gpt2", 1 },
		{ "--runs 5 --runs 6", 6, false, true, "gpt2", 0 },
		{ "--model=--odd", 10, false, true, "--odd", 0 },
		{ "--note -5", 10, false, true, "gpt2", 0 },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		char **list;
		struct assay_options *o = assay_options_open(tables);
		if (parse(o, &e, t[i].line))
			fail_msg("%s: %s", t[i].line, e.msg);
		assert_int_equal(assay_options_int(o, "runs"), t[i].runs);
		assert_int_equal(assay_options_flag(o, "quick"), t[i].quick);
		assert_int_equal(assay_options_flag(o, "progress"), t[i].progress);
		assert_string_equal(assay_options_str(o, "model"), t[i].model);
		assert_int_equal(assay_options_positionals(o, &list), t[i].positionals);
		assay_options_close(o);
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct { const char *line, *msg; } t[] = {
		{ "--rusn 5", "unknown option --rusn (did you mean --runs?)" },
		{ "--zzzzzz", "unknown option --zzzzzz" },
		{ "--Runs 5", "unknown option --Runs (did you mean --runs?)" },
		{ "--no-quikc", "unknown option --no-quikc (did you mean --no-quick?)" },
		{ "--no-runs", "--no-runs: --runs takes a value and cannot be turned off with --no-" },
		{ "--no-quick=1", "--no-quick takes no value" },
		{ "-x", "unknown option -x" },
		{ "-qx", "unknown option -x" },
		{ "-runs 5", "unknown option -runs (did you mean --runs?)" },
		{ "-rusn=5", "unknown option -rusn (did you mean --runs?)" },
		{ "-model x", "unknown option -model (did you mean --model?)" },
		{ "-m -q", "-m needs a value: NAME|DIR" },
		{ "--input 3:", "--input: \"3:\" lacks an end: N or A:B; allowed is 1 to 1000000" },
		{ "-q\x01", "unknown option (a byte that is no letter after '-')" },
		{ "--runs", "--runs needs a value: N" },
		{ "-n", "-n needs a value: N" },
		{ "--runs --quick", "--runs needs a value: N" },
		{ "--runs 1e3", "--runs: \"1e3\" is not a whole number; allowed is 1 to 1000" },
		{ "--runs 3x", "--runs: \"3x\" is not a whole number; allowed is 1 to 1000" },
		{ "--runs=", "--runs: the value is empty; allowed is 1 to 1000" },
		{ "--runs 0", "--runs: \"0\" is out of range; allowed is 1 to 1000" },
		{ "-n-1", "-n: \"-1\" is out of range; allowed is 1 to 1000" },
		{ "--runs 1001", "--runs: \"1001\" is out of range; allowed is 1 to 1000" },
		{ "--runs 99999999999999999999", "--runs: \"99999999999999999999\" is out of range; allowed is 1 to 1000" },
		{ "--runs 0x10", "--runs: \"0x10\" is not a whole number; allowed is 1 to 1000" },
		{ "--top-p nan", "--top-p: \"nan\" is not a number; allowed is 0.001 to 1" },
		{ "--top-p 1e999", "--top-p: \"1e999\" is not a number; allowed is 0.001 to 1" },
		{ "--top-p 1.01", "--top-p: \"1.01\" is out of range; allowed is 0.001 to 1" },
		{ "--dtype f23", "--dtype: \"f23\" is not one of auto, f32, bf16, f16 (did you mean f32?)" },
		{ "--legacy s3,s9", "--legacy: item 2: \"s9\" is not one of s0, s2, s3, vllm (did you mean s0?)" },
		{ "--batch 1,x,4", "--batch: item 2: \"x\" is not a whole number; allowed is 1 to 256" },
		{ "--batch 1,,4", "--batch: item 2 of \"1,,4\" is empty" },
		{ "--batch 1,257", "--batch: item 2: \"257\" is out of range; allowed is 1 to 256" },
		{ "--batch x", "--batch: \"x\" is not a whole number; allowed is 1 to 256" },
		{ "--input 9:3", "--input: \"9:3\" runs backwards: A:B needs A <= B" },
		{ "--input 1:2:3", "--input: \"2:3\" is not a whole number; allowed is 1 to 1000000" },
		{ "--input 0:3", "--input: \"0\" is out of range; allowed is 1 to 1000000" },
		{ "--kv-memory 5Q", "--kv-memory: \"5Q\" is not a size like 512M, 2GiB or auto" },
		{ "--kv-memory -5", "--kv-memory: \"-5\" is not a size like 512M, 2GiB or auto" },
		{ "--kv-memory 99999999999999T", "--kv-memory: \"99999999999999T\" is out of range" },
		{ "--pause 5x", "--pause: \"5x\" is not a duration like 500ms, 30s, 5m or 24h; allowed is 0 to 3600" },
		{ "--pause 2h", "--pause: \"2h\" is out of range; allowed is 0 to 3600" },
		{ "--quick=maybe", "--quick: \"maybe\" is not true or false" },
		{ "--model=", "--model: the value is empty" },
		{ "--label ab", "--label: \"ab\" is not of the form K=V" },
		{ "--label a=1 --label =b", "--label: \"=b\" is not of the form K=V" },
		{ "--abort-on=", "--abort-on: the value is empty" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		struct assay_options *o = assay_options_open(tables);
		assert_int_equal(parse(o, &e, t[i].line), ASSAY_E_USAGE);
		assert_string_equal(e.msg, t[i].msg);
		assay_options_close(o);
	}
}

static void test_units(void **state)
{
	(void)state;
	static const struct { const char *name, *text; int64_t want; } t[] = {
		{ "kv-memory", "512M", 512 << 20 }, { "kv-memory", "2GiB", INT64_C(2) << 30 }, { "kv-memory", "1.5k", 1536 },
		{ "kv-memory", "1GB", 1000000000 }, { "kv-memory", "77", 77 }, { "kv-memory", "auto", 0 },
		{ "pause", "500ms", 500000000 }, { "pause", "30s", INT64_C(30000000000) }, { "pause", "5m", INT64_C(300000000000) },
		{ "pause", "1h", INT64_C(3600000000000) }, { "pause", "2", 2000000000 }, { "pause", "0", 0 }, { "pause", "3us", 3000 },
	};
	struct assay_options *o = assay_options_open(tables);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char line[80];
		snprintf(line, sizeof line, "--%s %s", t[i].name, t[i].text);
		assert_int_equal(parse(o, NULL, line), 0);
		assert_int_equal(assay_options_int(o, t[i].name), t[i].want);
	}
	assay_options_close(o);
}

static const char *where(const json_t *map, const char *key, void *arg)
{
	static char out[80];
	(void)map;
	snprintf(out, sizeof out, "%s:%s", (const char *)arg, key ? key : "top");
	return out;
}

static void test_precedence(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_options *o = assay_options_open(tables);
	json_t *job = json_pack("{s:i s:f s:[i,i] s:b s:n}", "runs", 4, "top_p", 0.5, "batch", 8, 16, "quick", 1, "model");
	setenv("ASSAY_RUNS", "3", 1);
	setenv("ASSAY_SEED", "11", 1);
	setenv("ASSAY_TOP_P", "0.25", 1);
	assert_int_equal(parse(o, &e, "--batch 2"), 0);
	assert_int_equal(assay_options_env(o, &e), 0);
	assert_int_equal(assay_options_int(o, "runs"), 3);
	assert_int_equal(assay_options_job(o, job, where, "j", &e), 0);
	const int64_t *l;
	assert_int_equal(assay_options_int(o, "runs"), 4);           /* job over environment */
	assert_int_equal(assay_options_int(o, "seed"), 11);          /* environment over default */
	assert_true(assay_options_num(o, "top-p") == 0.5);
	assert_int_equal(assay_options_ints(o, "batch", &l), 1);     /* command line over job */
	assert_int_equal(l[0], 2);
	assert_true(assay_options_flag(o, "quick"));
	assert_string_equal(assay_options_str(o, "model"), "gpt2");  /* null leaves it alone */
	assert_int_equal(assay_options_source(o, "seed"), ASSAY_FROM_ENV);
	setenv("ASSAY_SEED", "x", 1);
	assert_int_equal(assay_options_env(o, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "environment variable ASSAY_SEED: \"x\""));
	unsetenv("ASSAY_RUNS");
	unsetenv("ASSAY_SEED");
	unsetenv("ASSAY_TOP_P");
	json_decref(job);
	assay_options_close(o);
}

static void test_job_refused(void **state)
{
	(void)state;
	static const struct { const char *job, *msg; } t[] = {
		{ "{\"top-p\": 1}", "j:top-p: unknown key top-p (did you mean top_p?)" },
		{ "{\"kv_memroy\": 1}", "j:kv_memroy: unknown key kv_memroy (did you mean kv_memory?)" },
		{ "{\"runs\": 2.5}", "j:runs: runs: \"2.5\" is not a whole number; allowed is 1 to 1000" },
		{ "{\"runs\": true}", "j:runs: runs: expects one whole number" },
		{ "{\"runs\": [1]}", "j:runs: runs: expects one whole number" },
		{ "{\"batch\": [1, [2]]}", "j:batch: batch: expects a list of whole numbers" },
		{ "{\"batch\": []}", "j:batch: batch: the value is empty; allowed is 1 to 256" },
		{ "{\"legacy\": [\"s0\", \"x\"]}", "j:legacy: legacy: item 2: \"x\" is not one of s0, s2, s3, vllm" },
		{ "{\"quick\": {}}", "j:quick: quick: expects true or false" },
		{ "{\"label\": [\"a=1\", \"b\"]}", "j:label: label: item 2: \"b\" is not of the form K=V" },
		{ "{\"label\": {\"a\": {}}}", "j:label: label: a: expects a text, a list of texts or a mapping" },
		{ "{\"abort_on\": [[1]]}", "j:abort_on: abort_on: item 1: expects a text, a list of texts or a mapping" },
		{ "{\"abort_on\": \"\"}", "j:abort_on: abort_on: the value is empty" },
		{ "[]", "j:top: a job is a mapping of option names to values" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		struct assay_options *o = assay_options_open(tables);
		json_t *job = json_loads(t[i].job, 0, NULL);
		assert_int_equal(assay_options_job(o, job, where, "j", &e), ASSAY_E_USAGE);
		assert_string_equal(e.msg, t[i].msg);
		json_decref(job);
		assay_options_close(o);
	}
}

static void test_echo(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_options *o = assay_options_open(tables);
	assert_int_equal(parse(o, &e, "-q --legacy s3,s0,s3 --input 5 --note secret"), 0);
	json_t *got = assay_options_echo(o);
	json_t *want = json_pack("{s:s s:i s:i s:f s:b s:n s:b s:s s:[s,s] s:[i,i,i] s:s s:s s:s s:n s:n}", "model", "gpt2", "runs", 10, "seed", 0, "top_p", 1.0,
	                         "quick", 1, "verbose", "progress", 1, "dtype", "auto", "legacy", "s3", "s0", "batch", 1, 2, 4, "input", "5",
	                         "kv_memory", "auto", "pause", "1s", "abort_on", "label");
	assert_true(json_equal(got, want)); /* the hidden note is absent */
	json_decref(got);
	json_decref(want);
	assert_true(assay_options_has(o, "legacy", "s0"));
	assert_false(assay_options_has(o, "legacy", "vllm"));
	assay_options_close(o);
}

static void test_repeated(void **state)
{
	(void)state;
	static const struct { const char *env, *job, *line; int n; const char *first, *last; } t[] = {
		{ NULL, NULL, "--abort-on a>1", 1, "a>1", "a>1" },
		{ NULL, NULL, "--abort-on a>1 --abort-on=b<2 --abort-on a>1", 3, "a>1", "a>1" },
		{ "e>1", NULL, "-q", 1, "e>1", "e>1" },
		{ "e>1", "{\"abort_on\": \"j>1\"}", "-q", 1, "j>1", "j>1" },
		{ "e>1", "{\"abort_on\": [\"j>1\", 7]}", "-q", 2, "j>1", "7" },
		{ "e>1", "{\"abort_on\": {\"a\": 1.5, \"b\": [1, 2, 4]}}", "-q", 2, "a=1.5", "b=1,2,4" },
		{ "e>1", "{\"abort_on\": [\"j>1\", \"j>2\"]}", "--abort-on c>1", 1, "c>1", "c>1" },
		{ "e>1", "{\"abort_on\": []}", "-q", 1, "e>1", "e>1" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		struct assay_options *o = assay_options_open(tables);
		json_t *job = t[i].job ? json_loads(t[i].job, 0, NULL) : json_object();
		const char *const *list;
		setenv("ASSAY_ABORT_ON", t[i].env ? t[i].env : "", 1);
		assert_false(assay_options_is_set(o, "abort-on"));
		if (parse(o, &e, t[i].line) || assay_options_env(o, &e) || assay_options_job(o, job, where, "j", &e))
			fail_msg("%zu: %s", i, e.msg);
		assert_int_equal(assay_options_strs(o, "abort-on", &list), t[i].n);
		assert_string_equal(list[0], t[i].first);
		assert_string_equal(list[t[i].n - 1], t[i].last);
		assert_true(assay_options_is_set(o, "abort-on"));
		json_decref(job);
		assay_options_close(o);
	}
	unsetenv("ASSAY_ABORT_ON");
}

static void test_map(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_options *o = assay_options_open(tables);
	const char *const *list;
	assert_int_equal(parse(o, &e, "--label a=1 --label b= --label a=x=y"), 0);
	assert_int_equal(assay_options_strs(o, "label", &list), 2);
	assert_string_equal(list[0], "a=x=y");
	json_t *echo = assay_options_echo(o), *want = json_pack("{s:s, s:s}", "a", "x=y", "b", "");
	assert_true(json_equal(json_object_get(echo, "label"), want));
	json_decref(echo);
	json_decref(want);
	assay_options_close(o);
}

static void test_later_table(void **state)
{
	(void)state;
	static const struct assay_opt *const two[] = { rows, more, NULL };
	const struct assay_opt *const *list;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_options *o = assay_options_open(two);
	assert_int_equal(assay_options_rows(o, &list), (int)(sizeof rows / sizeof *rows) - 1);
	assert_int_equal(assay_options_int(o, "runs"), 30);
	assert_int_equal(assay_options_int(o, "seed"), 7);
	assert_int_equal(parse(o, &e, "-n 5"), 0);            /* only the default changed: letter and range stay */
	assert_int_equal(parse(o, &e, "--runs 0"), ASSAY_E_USAGE);
	assert_int_equal(parse(o, &e, "--seed 10"), ASSAY_E_USAGE);
	assay_options_close(o);
}

static void test_nearest(void **state)
{
	(void)state;
	static const char *const names[] = { "baseline", "latency", "throughput", "seqlen", "offline", "memory", "batch", "block-size", "prompt-tokens" };
	static const struct { const char *word, *want; } t[] = {
		{ "latnecy", "latency" }, { "Memory", "memory" }, { "base", "baseline" }, { "thruput", "throughput" }, { "x", NULL }, { "", NULL }, { "entirely-else", NULL },
		{ "batch-size", "batch" }, { "tokens", "prompt-tokens" }, { "size", "block-size" }, { "latency-ms", "latency" }, { "-", NULL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		const char *got = assay_nearest(t[i].word, names, sizeof names / sizeof *names);
		if (t[i].want)
			assert_string_equal(got ? got : "(none)", t[i].want);
		else
			assert_null(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_spellings), cmocka_unit_test(test_refused), cmocka_unit_test(test_units),
		cmocka_unit_test(test_precedence), cmocka_unit_test(test_job_refused), cmocka_unit_test(test_echo), cmocka_unit_test(test_later_table),
		cmocka_unit_test(test_nearest), cmocka_unit_test(test_repeated), cmocka_unit_test(test_map),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
