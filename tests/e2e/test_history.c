/* assay history from a user's side: finds results at any depth, names what it does not use, writes its files, and finds the change that was made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"

enum { RESULTS = 14, SLOW_FROM = 8 };

/* RESULTS results, 10 % slower from SLOW_FROM on; and some that cannot be used. */
static int set_up(void **state)
{
	struct e2e r;
	(void)state;
	e2e_write("fast.yaml", "prefill: {fixed_ms: 4, per_token_us: 100}\ndecode: {fixed_ms: 10}\nnoise: {run_cv: 0.002, seed: 1}\n");
	e2e_write("slow.yaml", "prefill: {fixed_ms: 4.4, per_token_us: 110}\ndecode: {fixed_ms: 11}\nnoise: {run_cv: 0.002, seed: 1}\n");
	e2e_write("bad.yaml", "decode: {fixed_ms: 10}\nfaults: [{kind: error, every: 2}]\n");
	e2e_run(&r, "for i in $(seq 1 %d); do s=fast; [ $i -gt %d ] && s=slow; $A latency -e sim:$s.yaml@$i --prompt-tokens 16 --output-tokens 8 --runs 3 -o all/week$((i %% 3))/r$i --label half=$s || exit 1; done >/dev/null\n"
		    "cp -r all/week1/r1 all/zcopy; cp -r all/week2/r2 all/edited; sed -i 's/\"seed\": 0/\"seed\": 5/' all/edited/result.json\n"
		    "cp -r all/week1/r4 all/killed; rm all/killed/result.json; mkdir all/nothing; ln -s ../all all/loop\n"
		    "$A latency -e sim:bad.yaml --runs 6 -o all/invalid >/dev/null; true", RESULTS, SLOW_FROM);
	if (r.status)
		printf("%s", r.err);
	int status = r.status;
	e2e_release(&r);
	return status;
}

static void test_finds(void **state)
{
	struct e2e r;
	(void)state;
	e2e_run(&r, "LC_ALL=C $A history all -o out");
	static const char *const says[] = {
		"14 results, ", "; 4 left out", "latency: gpt2 on engine sim, virtual clock", "TTFT +10", "(worse) from all/week0/r9 ", "all/zcopy: a copy of all/week1/r1", "all/edited: edited: its id is not the hash",
		"all/killed: no result.json (after a killed run, assay report makes it)", "all/invalid: INVALID: ", "report  out/report.html",
	};
	for (size_t i = 0; i < sizeof says / sizeof *says; i++)
		if (!strstr(r.out, says[i]))
			fail_msg("\"%s\" is not in\n%s%s", says[i], r.out, r.err);
	assert_int_equal(r.status, 0);
	assert_string_equal(r.err, "");
	for (char *p = strtok(r.out, "\n"); p; p = strtok(NULL, "\n"))
		if (strlen(p) > 80)
			fail_msg("%zu columns: %s", strlen(p), p);
	e2e_release(&r);
	json_t *h = e2e_json("out/history.json");
	assert_string_equal(json_string_value(e2e_at(h, "schema")), "assay.history/1");
	assert_int_equal(json_array_size(e2e_at(h, "series.0.values")), RESULTS);
	assert_int_equal(json_integer_value(e2e_at(h, "series.0.changes.0.at")), SLOW_FROM);
	json_decref(h);
	e2e_run(&r, "grep -c data-figure out/report.html; grep -c r9 out/history.csv; grep -c Changes out/history.md; wc -l <out/history.csv");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "57\n")); /* a head and 4 metrics of 14 */
	e2e_release(&r);
}

static void test_options(void **state)
{
	static const struct { const char *args; int status; const char *out, *err; } rows[] = {
		{ "all --json", 0, "\"schema\": \"assay.history/1\"", "" },
		{ "all --where half=slow", 0, "6 results, ", "" },
		{ "all --where half=slow", 0, "needs 10", "" },
		{ "all --where half=none", 0, "0 results", "" },
		{ "all --split half", 0, "half=fast", "" },
		{ "all --metrics tpot_ms --by time", 0, "Trend: per day", "" },
		{ "all/week0 all/week1", 0, "9 results, ", "" },
		{ "all/week0/r3", 0, "1 results, ", "" },
		{ "all --include-invalid", 0, "all/invalid: no point was measured", "" },
		{ "all --metrics nothing", 2, "", "unknown metric \"nothing\"" },
		{ "all --where half", 2, "", "--where" },
		{ "all -o out", 2, "", "out" },
		{ "all/nothing", 2, "", "all/nothing: no result there, nor below" },
		{ "nowhere", 2, "", "nowhere: no such directory" },
		{ "fast.yaml", 2, "", "a file" },
		{ "", 2, "", "history needs a folder" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct e2e r;
		e2e_run(&r, "$A history %s", rows[i].args);
		if (r.status != rows[i].status || !strstr(r.out, rows[i].out) || !strstr(r.err, rows[i].err))
			fail_msg("history %s: status %d\n%s%s", rows[i].args, r.status, r.out, r.err);
		e2e_release(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_finds), cmocka_unit_test(test_options) };
	return cmocka_run_group_tests(tests, set_up, NULL);
}
