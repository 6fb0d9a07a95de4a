/* assay compare-engines from outside: two schedules of a known ratio, workers that agree, disagree, fail; what the documents expect; what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"
#include "unit/golden.h"

static int set_up(void **state)
{
	(void)state;
	e2e_write("a.yaml", "clock: virtual\nprefill: {fixed_ms: 8, per_token_us: 0}\ndecode: {fixed_ms: 8, per_sequence_us: 0}\nload_ms: 1200\nnoise: {cv: 0, run_cv: 0.01, ar1: 0, seed: 1}\n");
	e2e_write("b.yaml", "clock: virtual\nprefill: {fixed_ms: 4, per_token_us: 0}\ndecode: {fixed_ms: 4, per_sequence_us: 0}\nload_ms: 600\nnoise: {cv: 0, run_cv: 0.01, ar1: 0, seed: 2}\n");
	return 0;
}

static double number_at(json_t *doc, const char *path)
{
	json_t *v = e2e_at(doc, path);
	if (!json_is_number(v))
		fail_msg("%s is no number", path);
	return json_number_value(v);
}

static void expect_text(json_t *doc, const char *path, const char *text)
{
	json_t *v = e2e_at(doc, path);
	if (!json_is_string(v) || strcmp(json_string_value(v), text))
		fail_msg("%s is %s, not %s", path, json_is_string(v) ? json_string_value(v) : "no text", text);
}

static void test_known_ratio(void **state)
{
	(void)state;
	e2e_expect(0, "$A compare-engines --engines sim:a.yaml,sim:b.yaml -m gpt2 --batch 1,4 --prompt-tokens 8 --output-tokens 11 -o r && $A verify r", "1 judgements over several results: 1 ok, 0 not ok", "");
	e2e_schema("r/engines.json");
	json_t *doc = e2e_json("r/engines.json");
	char order[40] = "";
	for (size_t i = 0; i < 4; i++)
		strcat(order, json_string_value(json_array_get(e2e_at(doc, "workload.order"), i)));
	assert_string_equal(order, "ABBA");
	expect_text(doc, "engines.1.blocks.0.directory", "blocks/002-B");
	expect_text(doc, "engines.1.agreement.outcome", "not checkable");
	expect_text(doc, "engines.1.comparison.verdict", "FASTER");
	assert_int_equal(json_array_size(e2e_at(doc, "engines.1.comparison.metrics")), 3);
	assert_true(fabs(number_at(doc, "engines.0.batches.0.ratio") - 1) < 1e-12);
	assert_true(fabs(number_at(doc, "engines.1.batches.0.ratio") - 2) < 0.08); /* half the time a step, runs spread by 1 % */
	assert_true(fabs(number_at(doc, "engines.1.batches.0.tpot_ms.mean") - 4) < 0.16);
	assert_true(fabs(number_at(doc, "engines.0.batches.0.output_tok_s.mean") - 11 / 0.088) < 5);
	double first = number_at(doc, "engines.0.batches.0.tpot_ms.values.0"), second = number_at(doc, "engines.0.batches.0.tpot_ms.values.1");
	assert_true(first != second); /* a noise stream a block */
	assert_true(fabs(number_at(doc, "engines.0.batches.0.tpot_ms.mean") - (first + second) / 2) < 1e-9);
	assert_true(number_at(doc, "engines.0.load_ms.mean") == 1200 && number_at(doc, "engines.1.load_ms.mean") == 600);
	assert_int_equal(json_integer_value(e2e_at(doc, "memory.needed_bytes")), 0);
	json_decref(doc);
	e2e_expect(0, "cat r/engines.md; ls r", "| B | sim:b.yaml | output_tok_s | +", "");
	e2e_expect(0, "ls r", "report.html", "");
	e2e_expect(0, "$A compare-engines --engines sim:a.yaml,sim:a.yaml,sim:b.yaml -m gpt2 --batch 2 --prompt-tokens 8 --output-tokens 4 --no-check --rounds 3 -o three --json", "\"schema\": \"assay.engines/1\"", "");
	e2e_expect(0, "ls three/blocks three", "006-A\n006-A.log\n007-A\n007-A.log\n008-B", "");
	e2e_expect(1, "ls three | grep check", "", "");
}

/* Toys under the names of the documents' engines; the answers of `other` are not theirs; `broken` does not load. */
static const char workers[] =
	"mkdir w && cp \"$WORKERS\"/common.py w && cp \"$WORKERS\"/toy.py w/transformers.py && cp \"$WORKERS\"/toy.py w/vllm.py && sed 's/1009/97/' \"$WORKERS\"/toy.py >w/one.py && sed 's/1009/89/' \"$WORKERS\"/toy.py >w/other.py && "
	"sed 's/extra = .*/raise Error(\"out_of_memory\", opts[\"extra\"].get(\"pad\", \"\") + \"€\" * 400)/' \"$WORKERS\"/toy.py >w/broken.py";

static void test_workers(void **state)
{
	struct golden g;
	(void)state;
	if (golden_read("gpt2", &g) || system("command -v python3 >/dev/null 2>&1")) {
		print_message("no golden model, or no python3\n");
		skip();
	}
	char *model = realpath(g.dir, NULL), *dir = realpath("workers", NULL);
	setenv("MODEL", model, 1);
	setenv("WORKERS", dir, 1);
	free(model);
	free(dir);
	e2e_expect(0, workers, "", "");
	e2e_expect(3, "ASSAY_WORKERS=$PWD/w $A compare-engines --engines worker:transformers,worker:vllm,worker:broken -m $MODEL --batch 1,8 --prompt-tokens 9 --output-tokens 8 --engine-opt A:step_ms=10 "
		      "--engine-opt B:step_ms=4 --engine-opt B:odd=1 -o w1", "FAILED: C (worker:broken): blocks/003-C", "");
	e2e_schema("w1/engines.json");
	json_t *doc = e2e_json("w1/engines.json");
	expect_text(doc, "engines.1.agreement.outcome", "SAME");
	expect_text(doc, "engines.2.state", "failed");
	assert_int_equal(json_array_size(e2e_at(doc, "engines.2.blocks")), 1); /* not tried again */
	assert_int_equal(json_array_size(e2e_at(doc, "engines.1.blocks")), 2);
	expect_text(doc, "expectations.1.name", "vLLM");
	double ratio = number_at(doc, "engines.1.batches.0.ratio");
	assert_true(ratio > 1.5 && ratio < 2.6); /* 10 ms a step against 4 */
	assert_true(fabs(number_at(doc, "expectations.1.measured") - ratio) < 1e-12);
	int busy = number_at(doc, "engines.0.invalid_blocks") + number_at(doc, "engines.1.invalid_blocks") > 0; /* of the machine: nothing is concluded then */
	expect_text(doc, "expectations.1.outcome", busy ? "unknown" : ratio < 2 ? "not met" : "met");
	expect_text(doc, "expectations.2.outcome", busy ? "unknown" : "not met");
	expect_text(doc, "expectations.2.place", "below");
	expect_text(doc, "expectations.3.reason", "not in --engines");
	assert_true(number_at(doc, "memory.needed_bytes") > 2147483648.0);
	json_decref(doc);
	for (int pad = 1; pad <= 3; pad++) { /* a reason that is cut inside a character of three bytes, at one of the three */
		char line[300], name[20];
		snprintf(line, sizeof line, "ASSAY_WORKERS=$PWD/w $A compare-engines --engines worker:broken,worker:broken -m $MODEL --batch 1 --prompt-tokens 9 --output-tokens 8 --engine-opt A:pad=%.*s -o p%d", pad, "xxx", pad);
		snprintf(name, sizeof name, "p%d/engines.json", pad);
		e2e_expect(3, line, "not compared: fewer than two blocks of worker:broken", "");
		e2e_schema(name);
		assert_non_null(doc = e2e_json(name));
		assert_int_equal(json_array_size(e2e_at(doc, "engines")), 2);
		assert_int_equal(json_array_size(e2e_at(doc, "engines.0.blocks")), 1);
		json_decref(doc);
	}
	e2e_expect(0, "grep -c 'option ignored: odd' w1/engines.md", "1", "");
	e2e_expect(1, "ASSAY_WORKERS=$PWD/w $A compare-engines --engines worker:one,worker:other -m $MODEL --batch 1 --prompt-tokens 9 --output-tokens 8 -o w2 >out; s=$?; head -1 out; test $s = 4 && s=1; exit $s",
		   "DISAGREE: B (worker:other) does not give", "");
	e2e_expect(0, "ASSAY_WORKERS=$PWD/w $A compare-engines --engines worker:one,worker:other -m $MODEL --batch 1 --prompt-tokens 9 --output-tokens 8 --no-check -o w3; s=$?; test $s = 4 && s=0; exit $s", "not checked", "");
}

static void test_refused(void **state)
{
	(void)state;
	static const struct { const char *options, *err; } t[] = {
		{ "", "compare-engines needs --engines" },
		{ "--engines cpu", "one engine cannot be compared" },
		{ "--engines cpu,cup", "did you mean \"cpu\"?" },
		{ "--engines cpu,worker:nowhere", "there is no such worker" },
		{ "--engines cpu,cpu,cpu,cpu,cpu,cpu,cpu,cpu,cpu,cpu,cpu,cpu,cpu", "at most 12" },
		{ "--engines sim:a.yaml,sim:b.yaml --engine-opt C:x=1", "with a letter from A to B" },
		{ "--engines sim:a.yaml,sim:b.yaml --engine-opt x=1", "not LETTER:K=V" },
		{ "--engines sim:a.yaml,sim:b.yaml --runs 2", "allowed is 3 to 1000" },
		{ "--engines sim:a.yaml,sim:b.yaml --rounds 1", "allowed is 2 to 20" },
		{ "--engines sim:a.yaml,sim:b.yaml -m gpt2 --prompt-tokens 2000", "need a context of 2064; gpt2 has 1024" },
		{ "--engines cpu,cpu -m llama-7b --batch 4096 --prompt-tokens 1900", "safely free: take a smaller model, batch or --dtype" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char line[400];
		snprintf(line, sizeof line, "$A compare-engines %s -o refused; s=$?; ls -d refused; exit $s", t[i].options);
		e2e_expect(2, line, "", t[i].err);
		snprintf(line, sizeof line, "$A compare-engines %s -o refused 2>/dev/null; test ! -e refused", t[i].options);
		e2e_expect(0, line, "", "");
	}
	e2e_expect(2, "$A compare-engines --engines sim:a.yaml,sim:b.yaml -m gpt2 -o .", "", "already holds something");
	e2e_expect(0, "$A compare-engines --engines sim:a.yaml,sim:b.yaml -m gpt2 --dry-run -o dry && test ! -e dry", "--engine=sim:b.yaml@3 ", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_known_ratio), cmocka_unit_test(test_workers), cmocka_unit_test(test_refused) };
	return cmocka_run_group_tests_name("compare_engines", tests, set_up, NULL);
}
