/* assay reproduce: the same on a virtual clock bit for bit, what is not the same is named, and no command of a stranger runs unseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "e2e.h"
#include "report/report.h"

static int set_up(void **state)
{
	struct e2e r;
	(void)state;
	char *data = xasprintf("%s/data", e2e_dir());
	setenv("XDG_DATA_HOME", data, 1);
	free(data);
	e2e_write("sim.yaml", "prefill: {fixed_ms: 4, per_token_us: 100}\ndecode: {fixed_ms: 10}\nnoise: {cv: 0.05, seed: 1}\n");
	e2e_run(&r, "export ASSAY_RUNS=7; $A latency -e sim:sim.yaml --prompt-tokens=8,16 -o one --save-as kept --seed 3 && $A throughput -q -e sim:sim.yaml --batch 1,4 -o two --json >/dev/null");
	int status = r.status;
	e2e_release(&r);
	return status;
}

static void test_same(void **state)
{
	(void)state;
	e2e_expect(0, "$A reproduce one -o again", "identical: ", "");
	e2e_expect(0, "test -f again/run/result.json && test -f again/reproduction.json && $A verify again/run", "ok", "");
	json_t *r = e2e_json("again/run/result.json"), *doc = e2e_json("again/reproduction.json");
	assert_int_equal(json_integer_value(e2e_at(r, "config.runs")), 7); /* from the environment of then */
	assert_int_equal(json_integer_value(e2e_at(r, "seed")), 3);
	assert_true(json_is_null(e2e_at(r, "config.save_as")));
	assert_string_equal(json_string_value(e2e_at(r, "provenance.inputs.0.role")), "engine");
	assert_string_equal(json_string_value(e2e_at(r, "provenance.inputs.0.path")), "sim.yaml");
	assert_string_equal(json_string_value(e2e_at(r, "provenance.environment.ASSAY_RUNS")), "7");
	assert_string_equal(json_string_value(e2e_at(doc, "outcome")), "identical");
	assert_int_equal(json_array_size(e2e_at(doc, "circumstances")), 0);
	json_decref(r);
	json_decref(doc);
	e2e_expect(0, "ASSAY_RUNS=3 $A reproduce one -o again2", "identical: ", ""); /* not from that of now */
	e2e_expect(0, "ASSAY_OUTPUT_TOKENS=9 $A reproduce two -o again3 --json | grep -c '\"outcome\": \"identical\"'", "1", "");
	e2e_expect(0, "$A reproduce again/run -o again4", "identical: ", "");
	e2e_expect(2, "$A reproduce one -o again", "", "again");
}

static void test_changed(void **state)
{
	(void)state;
	e2e_expect(1, "cp sim.yaml was.yaml; sed -i 's/fixed_ms: 10/fixed_ms: 12/' sim.yaml; OMP_NUM_THREADS=5 $A reproduce one -o other; s=$?; cp was.yaml sim.yaml; exit $s", "different:\n  points[0].metrics.", "");
	json_t *doc = e2e_json("other/reproduction.json");
	assert_string_equal(json_string_value(e2e_at(doc, "circumstances.0.what")), "input engine (sim.yaml)");
	assert_string_equal(json_string_value(e2e_at(doc, "circumstances.1.what")), "provenance.environment.OMP_NUM_THREADS");
	assert_true(json_is_null(e2e_at(doc, "circumstances.1.was")));
	assert_string_equal(json_string_value(e2e_at(doc, "circumstances.1.is")), "5");
	assert_non_null(e2e_at(doc, "first_difference.where"));
	json_decref(doc);
}

static void test_refused(void **state)
{
	static const struct { const char *line, *err; } rows[] = {
		{ "mkdir -p far && cd far && $A reproduce ../one -o x", "its input sim.yaml is not here; it was measured in /" },
		{ "cp -r one edited && sed -i 's/--seed/--sead/' edited/result.json && $A reproduce edited -o x", "edited: its id is not the hash" },
		{ "$A report one --redact -o hidden >/dev/null && $A reproduce hidden -o x", "redacted: its command names no files" },
		{ "$A reproduce nowhere", "nowhere: no such directory" },
		{ "$A reproduce", "reproduce needs one result directory" },
		{ "$A latency -q -e sim:sim.yaml --prepare 'touch ran' -o shell >/dev/null; rm -f ran; $A reproduce shell -o x", "it runs a shell command, --prepare 'touch ran'" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		e2e_expect(2, rows[i].line, "", rows[i].err);
	e2e_write("evil.py", "open('ran', 'w')\n"); /* a result whose engine was a file; its document is made to say so, with the right id */
	char *dir = xasprintf("%s/foreign", e2e_dir());
	e2e_expect(0, "cp -r one foreign", "", "");
	json_t *doc = assay_result_load(dir, NULL);
	assert_non_null(doc);
	json_object_set_new(doc, "command", json_pack("[s, s, s, s]", "assay", "latency", "-e", "worker:./evil.py"));
	assert_int_equal(assay_result_write(dir, doc, NULL), 0);
	json_decref(doc);
	free(dir);
	e2e_expect(2, "$A reproduce foreign -o x", "", "its engine worker:./evil.py is a program of its own");
	e2e_expect(2, "ls x far/x", "", ""); /* nothing was made */
	e2e_expect(1, "test -f ran", "", "");
	e2e_expect(0, "$A reproduce shell -o y --allow-commands && test -f ran", "identical", "");
}

/* The clock of a real engine: the times are compared. */
static void test_real(void **state)
{
	char *model = realpath("tests/golden/gpt2", NULL);
	(void)state;
	if (!model)
		skip();
	char *line = xasprintf("$A latency -m %s --runs 4 --prompt-tokens 8 --output-tokens 8 -o real >/dev/null 2>&1; $A reproduce real -o real2 >real.txt; s=$?; cat real.txt; test $s -le 1", model);
	e2e_expect(0, line, "B against A: ", "");
	json_t *doc = e2e_json("real2/reproduction.json");
	assert_non_null(e2e_at(doc, "comparison.verdict"));
	assert_int_equal(json_array_size(e2e_at(doc, "circumstances")), 0);
	json_decref(doc);
	free(line);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_same), cmocka_unit_test(test_changed), cmocka_unit_test(test_refused), cmocka_unit_test(test_real) };
	return cmocka_run_group_tests(tests, set_up, NULL);
}
