/* Saved baselines from a user's side: kept by name and machine, whole or not at all, found by compare; names that are no names are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "e2e.h"

#define SIM "-e sim:a.yaml --prompt-tokens 16 --output-tokens 8 --runs 12 "
#define SLOW "-e sim:b.yaml --prompt-tokens 16 --output-tokens 8 --runs 12 "

static int set_up(void **state)
{
	static const char sim[] = "prefill: {fixed_ms: %g, per_token_us: 100}\ndecode: {fixed_ms: %g, per_sequence_us: 100}\nnoise: {run_cv: 0.005, seed: %d}\n";
	char text[300];
	(void)state;
	char *data = xasprintf("%s/data", e2e_dir());
	setenv("XDG_DATA_HOME", data, 1);
	free(data);
	snprintf(text, sizeof text, sim, 4.0, 10.0, 1);
	e2e_write("a.yaml", text);
	snprintf(text, sizeof text, sim, 4.4, 11.0, 2);
	e2e_write("b.yaml", text);
	return 0;
}

static void test_keep(void **state)
{
	(void)state;
	e2e_expect(0, "$A baselines", "no baseline yet", "");
	e2e_expect(0, "$A latency " SIM "-o a --save-as main", "saved   baseline main of machine", "");
	e2e_expect(0, "set -- data/assay/baselines/*/main; test -f $1/result.json && test -f $1/journal.bin && cmp $1/journal.bin a/journal.bin && cmp $1/result.json a/result.json && $A verify $1", "ok:", "");
	e2e_expect(0, "ls -A data/assay/baselines/*", "main\n", "");
	e2e_expect(2, "$A latency " SIM "-o x1 --save-as main", "", "--save-as main: this machine has a baseline of that name");
	e2e_expect(2, "ls x1", "", ""); /* refused before anything was measured */
	e2e_expect(0, "$A latency " SLOW "-o b --save-as main --replace --label v=2", "saved   baseline main", "");
	e2e_expect(0, "cmp data/assay/baselines/*/main/journal.bin b/journal.bin && ls -A data/assay/baselines/* | wc -l", "1", "");
	e2e_expect(0, "$A baselines save main a --replace; $A baselines save slow b", "saved   baseline slow", "");
	e2e_expect(2, "$A baselines save slow a", "", "taken: choose another name, or --replace");
	e2e_expect(0, "$A baselines", "(this)", "");
	e2e_expect(0, "$A baselines list --json | grep -c '\"this_machine\": true'", "2", "");
	e2e_expect(0, "$A baselines show slow", "v=2", "");
	e2e_expect(2, "$A baselines show none", "", "no saved baseline of that name");
	e2e_expect(0, "$A baselines save gone a && $A baselines remove gone && ls data/assay/baselines/*", "removed baseline gone", "");
	e2e_expect(2, "$A baselines remove gone", "", "no such baseline");
	e2e_expect(2, "$A baselines frobnicate", "", "baselines: list, show NAME");
	e2e_expect(2, ">f; XDG_DATA_HOME=$PWD/f $A latency " SIM "-o x3 --save-as z", "", "cannot be made");
	e2e_expect(2, "test ! -e x3 && $A latency " SIM "-o x2 --replace", "", "--replace is for --save-as");
}

static void test_names(void **state)
{
	static const char *const bad[] = { "../x", ".", "..", ".hid", "a/b", "'a b'", "-x", "a@b", "x$(printf '%065d' 0)", "$(printf 'a\\033')" };
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char line[200];
		snprintf(line, sizeof line, "$A latency " SIM "-o bad --save-as=%s", bad[i]);
		e2e_expect(2, line, "", "cannot name a baseline");
		snprintf(line, sizeof line, "$A baselines save -- %s a", bad[i]);
		e2e_expect(2, line, "", "cannot name a baseline");
	}
	e2e_expect(2, "mkdir -p data/victim && $A baselines remove x@../../victim", "", "cannot name a baseline");
	e2e_expect(0, "test -d data/victim && ls bad 2>/dev/null || echo none", "none", "");
}

static void test_compare(void **state)
{
	static const struct { const char *args; int status; const char *out, *err; } rows[] = {
		{ "main b --fail-on-regression 2%", 1, "REGRESSION: ttft_ms", "" },
		{ "main a --fail-on-regression 2%", 0, "pass", "" },
		{ "slow main --fail-on-regression 2%", 0, "B against A: FASTER", "" },
		{ "--baseline main b --fail-on-regression 2%", 1, "REGRESSION", "" },
		{ "--baseline main,slow a b", 0, "several results a side", "" },
		{ "main slow -- a b", 0, "several results a side", "" },
		{ "main", 0, "B against A: SLOWER", "compared with the newest latency result: results/one" },
		{ "--baseline main", 0, "B against A: SLOWER", "compared with the newest latency result: results/one" },
		{ "nowhere b", 2, "", "nowhere: no such directory, and no saved baseline of that name" },
		{ "--baseline a b", 2, "", "--baseline: a: no such directory, and no saved baseline" },
		{ "--baseline main -- b", 2, "", "leave \"--\" out" },
		{ "./main b", 2, "", "./main: no such directory" },
	};
	char line[200];
	(void)state;
	e2e_expect(0, "mkdir -p results && cp -r b results/one", "", "");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(line, sizeof line, "$A compare %s", rows[i].args);
		e2e_expect(rows[i].status, line, rows[i].out, rows[i].err);
	}
}

/* A baseline that only other machines have. */
static void test_machines(void **state)
{
	(void)state;
	e2e_expect(0, "mkdir -p data/assay/baselines/0123456789ab && mv data/assay/baselines/*/slow data/assay/baselines/0123456789ab/slow && $A compare main slow", "SLOWER", "baseline slow is of another machine (0123456789ab; this is ");
	e2e_expect(0, "$A baselines list | grep slow | grep -vc this", "1", "");
	e2e_expect(0, "mkdir -p data/assay/baselines/0123456789ac && cp -r data/assay/baselines/0123456789ab/slow data/assay/baselines/0123456789ac/ && $A compare main slow@0123456789ac", "SLOWER", "");
	e2e_expect(2, "$A compare main slow", "", "others have it: take slow@MACHINE with one of 0123456789ab, 0123456789ac");
	e2e_expect(2, "$A compare main slow@99", "", "slow@99: no such directory, and no saved baseline");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_keep), cmocka_unit_test(test_names), cmocka_unit_test(test_compare), cmocka_unit_test(test_machines) };
	return cmocka_run_group_tests(tests, set_up, NULL);
}
