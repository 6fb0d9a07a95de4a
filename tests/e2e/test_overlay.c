/* assay report DIR DIR...: several results on one page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"

#define SIM(ms) "prefill: {fixed_ms: 5, per_token_us: 100}\ndecode: {fixed_ms: " ms ", per_sequence_us: 500}\n"
#define EVIL "<script>alert(5)</script>"

static int set_up(void **state)
{
	(void)state;
	struct e2e r;
	e2e_write("fast.yaml", SIM("8"));
	e2e_write("slow.yaml", SIM("16"));
	e2e_run(&r, "for s in fast slow; do $A throughput --batch 1,4 --prompt-tokens 20 --output-tokens 6 --runs 6 -e sim:$s.yaml -o $s || exit; done;"
		    "$A seqlen --axes --prompt-tokens 10,40 --output-tokens 4,8 -e sim:fast.yaml -o lengths && cp -r fast evil && sed -i 's|\"name\": \"gpt2\"|\"name\": \"" EVIL "\"|' evil/result.json &&"
		    "grep -c '" EVIL "' evil/result.json && cp -r slow '" "a<script>alert(6)<" "'");
	if (r.status)
		fail_msg("%d %s%s", r.status, r.out, r.err);
	e2e_release(&r);
	return 0;
}

/* Batch 1: 8.5 and 16.5 ms a token; the shared cases come first, a case of one result only has dashes. */
static void numbers_stand_side_by_side(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "$A report fast slow lengths -o o1 && ls o1 fast && cat o1/report.md");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "report  o1/report.html\n"));
	assert_non_null(strstr(r.out, "| Case | Metric | Unit | A | B | C |\n|---|---|---|---:|---:|---:|\n| throughput batch 1, 20 -> 6 | TTFT P50 | ms | 7.00 | 7.00 | - |\n"));
	assert_non_null(strstr(r.out, "| throughput batch 1, 20 -> 6 | TPOT P50 | ms | 8.50 | 16.50 | - |\n"));
	assert_non_null(strstr(r.out, "| TTFT P50 | ms | - | - | 6.00 |\n"));
	assert_true(strstr(r.out, "batch 4, 20") < strstr(r.out, "seqlen 10"));
	e2e_release(&r);
	e2e_run(&r, "for f in throughput prompt ecdf-ttft ecdf-itl ecdf-e2el; do grep -c \"<figure data-figure=\\\"$f\\\"\" o1/report.html; done");
	assert_string_equal(r.out, "1\n1\n1\n1\n1\n");
	e2e_release(&r);
}

static void hostile_names_are_text(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "$A report evil 'a<script>alert(6)<' -o o2 && grep -c 'alert(5)' o2/report.html && grep -o '<script>alert' o2/report.html o2/report.md");
	assert_non_null(strstr(r.out, "report  o2/report.html\n"));
	assert_null(strstr(r.out, "<script>alert\n"));
	assert_int_equal(r.status, 1); /* of the last grep: nothing found */
	e2e_release(&r);
}

static void bad_input_is_refused(void **state)
{
	static const struct { const char *args, *err; } t[] = {
		{ "fast slow -o fast", "already holds something" }, { "fast nowhere -o o3", "nowhere: no such directory" }, { "fast slow --json", "--json: is for one result" },
		{ "fast slow --format md", "--format: is for one result" }, { "fast slow --redact", "--redact takes one result" }, { "fast -o o3", "-o is for --redact and for several results" }, { "", "report needs a result directory" },
		{ "fast fast fast fast fast fast fast fast fast fast fast fast fast", "at most 12 results on one page, not 13" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		e2e_run(&r, "$A report %s; s=$?; ls -d o3 2>&1 | grep -v such; exit $s", t[i].args);
		if (r.status != 2 || *r.out || !strstr(r.err, t[i].err))
			fail_msg("report %s: %d %s%s", t[i].args, r.status, r.out, r.err);
		e2e_release(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(numbers_stand_side_by_side), cmocka_unit_test(hostile_names_are_text), cmocka_unit_test(bad_input_is_refused) };
	return cmocka_run_group_tests_name("overlay", tests, set_up, NULL);
}
