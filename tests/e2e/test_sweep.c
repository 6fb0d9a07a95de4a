/* assay sweep: known answers on the sim engine, what a kill and the same command again leave alone, what is refused, one load for several
 * configurations on the embedded engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "e2e.h"

#define SIM(clock, fixed, noise) "clock: " clock "\nprefill: {fixed_ms: 1, per_token_us: 50}\ndecode: {fixed_ms: " fixed ", per_sequence_us: 500}\nmax_batch: 32\nweights_mib: 100\nkv: {tokens: 100000, bytes_per_token: 1024}\n" noise

static void ok(const char *line, int status)
{
	struct e2e r;
	e2e_run(&r, "%s", line);
	if (r.status != status)
		fail_msg("%s: exit %d\n%s%s", line, r.status, r.out, r.err);
	e2e_release(&r);
}

static const char *str(json_t *doc, const char *path)
{
	json_t *v = e2e_at(doc, path);
	return json_is_string(v) ? json_string_value(v) : "";
}

static double num(json_t *doc, const char *path)
{
	json_t *v = e2e_at(doc, path);
	return json_is_number(v) ? json_number_value(v) : NAN;
}

static int files(void **state)
{
	(void)state;
	e2e_write("a.yaml", SIM("virtual", "10", ""));
	e2e_write("b.yaml", SIM("virtual", "20", ""));
	e2e_write("slow.yaml", SIM("real", "3", ""));
	e2e_write("near1.yaml", SIM("virtual", "2", "noise: {cv: 0, run_cv: 0.02, seed: 1}\n"));
	e2e_write("near2.yaml", SIM("virtual", "2.01", "noise: {cv: 0, run_cv: 0.02, seed: 1}\n"));
	return 0;
}

/* ---- known answers ---- */

static void known_answers(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "$A sweep --vary batch=1,4 --vary engine=sim:a.yaml,sim:b.yaml --prompt-tokens 16 --output-tokens 11 --runs 5 -o known");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "margin is real"));
	e2e_release(&r);
	json_t *d = e2e_json("known/sweep.json");
	assert_non_null(d);
	assert_string_equal(str(d, "state"), "complete");
	assert_int_equal(json_array_size(e2e_at(d, "configurations")), 4);
	/* one request of engine a: 1 + 16 x 0.05 ms of prefill, then 10 steps of 10.5 ms; the second of b: 20.5 */
	assert_true(fabs(num(d, "configurations.0.metrics.ttft_ms.value") - 1.8) < 1e-6);
	assert_true(fabs(num(d, "configurations.0.metrics.tpot_ms.value") - 10.5) < 1e-6);
	assert_true(fabs(num(d, "configurations.1.metrics.e2el_ms.value") - 206.8) < 1e-6);
	assert_true(num(d, "best.0.configuration") == 3 && num(d, "best.0.runner_up") == 4);  /* output_tok_s: batch 4 on a, before batch 4 on b */
	assert_true(num(d, "best.1.configuration") == 1);                                     /* e2el_ms: one request on a */
	assert_string_equal(str(d, "best.0.margin"), "real");
	assert_string_equal(str(d, "best.2.margin"), "not_told_apart");                       /* the same bytes */
	json_t *front = json_pack("[i, i]", 1, 3);
	assert_true(json_equal(e2e_at(d, "front.configurations"), front));
	json_decref(front);
	json_decref(d);
	ok("$A verify known/configs", 0);
	ok("test $(wc -l < known/sweep.csv) = 5 && grep -q 'batch,engine,ttft_ms' known/sweep.csv && test -s known/sweep.md && grep -q 'data-figure' known/report.html", 0);
	e2e_schema("known/sweep.json known/configs/*/result.json");
	/* each command alone measures the same, bit for bit */
	ok("$A reproduce known/configs/04-batch-4-engine-sim-b.yaml -o again", 0);
	ok("$A throughput --engine=sim:a.yaml --batch=4 --prompt-tokens=16 --output-tokens=11 --runs=5 -o alone && $A compare alone known/configs/03-batch-4-engine-sim-a.yaml | grep -q 'B against A: SAME'", 0);
}

static void rounds_and_pairwise(void **state)
{
	(void)state;
	ok("$A sweep -e sim:near1.yaml --vary batch=1,2,3 --output-tokens 4 --runs 2 --rounds 3 -o rounds", 0);
	json_t *d = e2e_json("rounds/sweep.json");
	assert_int_equal(json_array_size(e2e_at(d, "order")), 3);
	assert_false(json_equal(e2e_at(d, "order.0"), e2e_at(d, "order.1")));
	assert_int_equal(json_array_size(e2e_at(d, "configurations.0.metrics.tpot_ms.rounds")), 3);
	assert_true(num(d, "configurations.0.metrics.tpot_ms.rounds.0") != num(d, "configurations.0.metrics.tpot_ms.rounds.1")); /* a noise of its own */
	assert_string_equal(str(d, "best.0.method"), "sessions");
	json_decref(d);
	ok("$A verify rounds/round-3", 0);
	e2e_schema("rounds/sweep.json");
	ok("$A sweep -e sim:a.yaml --vary batch=1,2,3 --vary max-num-seqs=4,8,16 --vary top-k=0,1,2 --pairwise --output-tokens 4 --runs 2 -o pairwise >/dev/null && test $(ls pairwise/configs | wc -l) -lt 13", 0);
}

/* ---- failures are rows ---- */

static void failures_are_rows(void **state)
{
	(void)state;
	ok("$A sweep -e sim:a.yaml --vary batch=1,2 --vary model=gpt2,nope --output-tokens 4 -o rows --legacy s2", 3);
	json_t *d = e2e_json("rows/sweep.json");
	assert_string_equal(str(d, "configurations.1.status"), "failed");
	assert_non_null(strstr(str(d, "configurations.1.reason"), "nope"));
	assert_string_equal(str(d, "configurations.2.status"), "measured");
	assert_true(num(d, "best.0.configuration") == 3);
	json_decref(d);
	e2e_schema("rows/sweep.json");
	ok("grep -q '| Model | Latency (ms) | Throughput (req/s) | Memory (GB) |' rows/legacy/s2/model_comparison.md && grep -q '| Configuration | Throughput (req/s) | Latency (ms) |' rows/legacy/s2/configuration_sweep.md", 0);
	/* a limit is a result: it makes the exit status no worse */
	ok("$A sweep --experiment latency -e sim:a.yaml --vary prompt-tokens=8,5000 --output-tokens 4 -o limit", 0);
	d = e2e_json("limit/sweep.json");
	assert_string_equal(str(d, "configurations.1.status"), "limit");
	assert_true(num(d, "best.0.configuration") == 1);
	json_decref(d);
}

static void requirements(void **state)
{
	(void)state;
	struct e2e r;
	ok("$A sweep -e sim:a.yaml --vary batch=1,2 --output-tokens 4 --require 'output_tok_s>120' -o require", 0);
	json_t *d = e2e_json("require/sweep.json");
	assert_string_equal(str(d, "configurations.0.meets"), "not_met");
	assert_true(num(d, "best.1.configuration") == 2); /* the quicker one does not give enough */
	json_decref(d);
	/* judged again, without measuring: too few requests for a p99 */
	ok("sha256sum require/configs/*/journal.bin > journals", 0);
	e2e_run(&r, "$A sweep --resume require --require 'ttft_ms.p99<1000'");
	assert_int_equal(r.status, 1);
	assert_non_null(strstr(r.out, "no configuration may be named"));
	e2e_release(&r);
	d = e2e_json("require/sweep.json");
	assert_non_null(strstr(str(d, "configurations.1.excluded"), "needs 662 requests, 6 were measured"));
	json_decref(d);
	ok("sha256sum -c journals && ! test -e require/aside", 0);
	ok("$A sweep --resume require --legacy s2 && sha256sum -c journals && test -s require/legacy/s2/configuration_sweep.json", 0); /* another form is no other sweep */
}

/* ---- killed, and the same command again ---- */

#define KILLED "$A sweep -e sim:slow.yaml --vary batch=1,2 --vary max-num-seqs=8,16,32 --prompt-tokens 16 --output-tokens 16 --runs 5 --no-confirm -o kill"
#define ONE_DONE(dir) "i=0; until ls " dir "/configs/*/manifest.json || [ $i = 400 ]; do sleep 0.02; i=$((i+1)); done >/dev/null 2>&1; sleep 0.1; "

static void killed_and_resumed(void **state)
{
	(void)state;
	ok(KILLED " >/dev/null 2>&1 & P=$!; " ONE_DONE("kill") "kill -9 $P; wait $P; for d in kill/configs/*/manifest.json; do sha256sum $(dirname $d)/journal.bin; done > done.sums; test -s done.sums", 0);
	json_t *d = e2e_json("kill/sweep.json");
	assert_string_equal(str(d, "state"), "running");
	json_decref(d);
	ok("$A sweep -e sim:slow.yaml --vary batch=1,3 --vary max-num-seqs=8,16,32 --prompt-tokens 16 --output-tokens 16 --runs 5 -o kill 2>why; s=$?; grep -q 'vary: the sweep in kill was begun with' why && exit $s", 2);
	ok("$A sweep -e sim:slow.yaml --vary batch=1,2 --vary max-num-seqs=8,16,32 --prompt-tokens 16 --output-tokens 17 --runs 5 -o kill 2>why; s=$?; grep -q -e '--output-tokens: the sweep in kill was begun with 16, this command has 17' why && exit $s", 2);
	ok("touch kill/sweep.json.4711.tmp kill/notes.tmp", 0);
	ok(KILLED, 0);
	ok("test ! -e kill/sweep.json.4711.tmp && test -e kill/notes.tmp", 0); /* what the kill may have left, and what is not ours */
	ok("sha256sum -c done.sums", 0); /* what was finished was not measured again */
	d = e2e_json("kill/sweep.json");
	assert_string_equal(str(d, "state"), "complete");
	int kept = 0;
	for (size_t i = 0; i < json_array_size(e2e_at(d, "configurations")); i++) {
		json_t *row = json_array_get(e2e_at(d, "configurations"), i);
		assert_string_equal(str(row, "status"), "measured");
		kept += json_is_true(e2e_at(row, "dirs.0.kept"));
	}
	assert_in_range(kept, 1, 5);
	json_decref(d);
	ok("cp -r kill/configs/01-* kill/aside-of-another; mkdir -p kill/aside; mv kill/aside-of-another kill/aside/x; rm kill/aside/x/manifest.json", 0);
	ok("$A verify kill | grep -q '6 results: 6 ok' && $A verify kill | grep -q 'kill/sweep.json: follows from the results below it'", 0); /* not what was put aside */
}

/* The judgement, too, is made again: a number of it, a name of the best, a result taken from below it. */
static void judgement_verified(void **state)
{
	static const char *const edits[][2] = {
		{ "sed -i '0,/\"margin_pct\": [0-9]/s//\"margin_pct\": 77/' v/sweep.json", "best[0].margin_pct: found 77" },
		{ "sed -i '/\"best\"/,$s/\"configuration\": 4/\"configuration\": 3/' v/sweep.json", "best[" },
		{ "sed -i '0,/\"n\": 2/s//\"n\": 2000000/' v/sweep.json", "configurations[1].n is not 2" },
		{ "sed -i 's/output_tok_s/../' v/sweep.json", "sweep.json" },
		{ "rm -r v/configs/03*", "configurations[2]" },
		{ "sed -i '$s/[0-9]/x/' v/sweep.csv", "sweep.csv: line 5" },
		{ "sed -i 's/complete/running/' v/sweep.json", "state: running" },
		{ "echo '{\"configurations\": 7}' >v/sweep.json", "sweep.json" },
		{ "echo nothing >v/sweep.json", "sweep.json" },
	};
	(void)state;
	ok("printf 'prefill: {fixed_ms: 20}\ndecode: {fixed_ms: 5, per_sequence_us: 900}\n' >v.yaml && $A sweep -e sim:v.yaml --vary batch=1,2,4,8 --output-tokens 8 --require 'ttft_ms.p50<500' --legacy s2 -o whole", 0);
	ok("$A verify whole", 0);
	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		struct e2e r;
		e2e_run(&r, "rm -rf v; cp -r whole v; %s; $A verify v", edits[i][0]);
		if (r.status != 1 || !strstr(r.out, "not ok: v/sweep.json") || !strstr(r.out, edits[i][1]))
			fail_msg("%s: exit %d, without \"%s\": %s%s", edits[i][0], r.status, edits[i][1], r.out, r.err);
		e2e_release(&r);
	}
}

static void stopped_by_a_signal(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "exec 2>&1; $A sweep -e sim:slow.yaml --vary batch=1,2,3,4,5 --prompt-tokens 16 --output-tokens 16 --runs 5 --no-confirm -o stop & P=$!; " ONE_DONE("stop") "kill -INT $P; wait $P");
	if (r.status != 130 || !strstr(r.out, "are kept in stop"))
		fail_msg("exit %d: %s", r.status, r.out);
	e2e_release(&r);
	json_t *d = e2e_json("stop/sweep.json");
	assert_string_equal(str(d, "state"), "interrupted");
	json_decref(d);
	e2e_schema("stop/sweep.json");
	ok("$A verify stop | grep -q 'ok: stop/sweep.json: follows'", 0); /* what it says so far */
	ok("$A sweep --resume stop", 0); /* without its command */
	ok("$A sweep --resume nowhere", 2);
}

/* The kernel takes a configuration's process: a row with its reason, the others stand, and a resumed sweep tries it again. */
static void killed_configuration_is_a_row(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "exec 2>&1; $A sweep -e sim:slow.yaml --vary batch=1,2,3,4,5 --prompt-tokens 16 --output-tokens 16 --runs 5 --no-confirm -o dead & P=$!; " ONE_DONE("dead")
	        "c=$(cat /proc/$P/task/$P/children); [ -n \"$c\" ] && kill -9 $c; wait $P; s=$?; [ -n \"$c\" ] || exit 77; exit $s");
	if (r.status == 77) {
		e2e_release(&r);
		skip();
	}
	if (r.status != 3)
		fail_msg("exit %d: %s", r.status, r.out);
	e2e_release(&r);
	json_t *d = e2e_json("dead/sweep.json");
	int failed = 0;
	for (size_t i = 0; i < 5; i++) {
		json_t *row = json_array_get(e2e_at(d, "configurations"), i);
		bool dead = !strcmp(str(row, "status"), "failed");
		failed += dead;
		assert_true(dead ? strstr(str(row, "reason"), "signal 9") != NULL : !strcmp(str(row, "status"), "measured"));
	}
	assert_int_equal(failed, 1);
	assert_string_equal(str(d, "state"), "complete");
	json_decref(d);
	ok("$A sweep --resume dead", 0);
}

/* ---- measured again by pairs ---- */

static void margin_by_pairs(void **state)
{
	(void)state;
	ok("$A sweep --vary engine=sim:near1.yaml,sim:near2.yaml --batch 2 --output-tokens 8 --runs 3 --objective output_tok_s --confirm --max-pairs 10 -o pairs", 0);
	json_t *d = e2e_json("pairs/sweep.json");
	assert_string_equal(str(d, "best.0.method"), "paired");
	assert_string_equal(str(d, "best.0.margin"), "not_told_apart");
	assert_string_equal(str(d, "best.0.comparison"), num(d, "best.0.configuration") == 1 ? "confirm/1-against-2/comparison.json" : "confirm/2-against-1/comparison.json");
	json_decref(d);
	e2e_schema("pairs/sweep.json");
}

/* ---- the embedded engine ---- */

static void one_load_for_several(void **state)
{
	(void)state;
	char root[PATH_MAX], line[PATH_MAX + 300];
	assert_non_null(getcwd(root, sizeof root));
	snprintf(line, sizeof line, "$A sweep -m '%s/tests/golden/gpt2' --vary batch=1,2 --vary dtype=f32,bf16 -t 1 --prompt-tokens 8 --output-tokens 8 --runs 2 --no-confirm -o cpu; s=$?; [ $s = 4 ] || exit $s", root);
	ok(line, 0); /* INVALID (4) is the machine's business */
	json_t *d = e2e_json("cpu/sweep.json");
	for (size_t i = 0; i < 4; i++) {
		json_t *row = json_array_get(e2e_at(d, "configurations"), i);
		assert_string_equal(str(row, "status"), "measured");
		assert_true(json_is_true(e2e_at(row, "load.shared")) && num(row, "load.configurations") == 2);
	}
	/* one load each of f32 (1, 3) and bf16 (2, 4); the pool is for the larger batch, whoever is measured */
	assert_true(num(d, "configurations.0.load.ms") == num(d, "configurations.2.load.ms"));
	assert_true(num(d, "configurations.1.load.ms") == num(d, "configurations.3.load.ms"));
	assert_true(num(d, "configurations.0.metrics.weights_mib.value") > 1.5 * num(d, "configurations.1.metrics.weights_mib.value"));
	json_decref(d);
	json_t *small = e2e_json("cpu/configs/01-batch-1-dtype-f32/result.json"), *large = e2e_json("cpu/configs/03-batch-2-dtype-f32/result.json");
	assert_true(num(small, "points.0.metrics.kv_pool_mib.value") == num(large, "points.0.metrics.kv_pool_mib.value"));
	assert_string_equal(str(small, "notes.0.code"), "shared_load");
	json_decref(small);
	json_decref(large);
	ok("$A verify cpu/configs", 0);
	e2e_schema("cpu/sweep.json cpu/configs/*/result.json");
	/* each for itself */
	snprintf(line, sizeof line, "$A sweep -m '%s/tests/golden/gpt2' --vary batch=1,2 --no-share --dry-run | grep -c own | grep -q 2", root);
	ok(line, 0);
}

/* ---- refused before anything runs ---- */

static void refusals(void **state)
{
	(void)state;
	static const struct { const char *args, *says; } row[] = {
		{ "", "sweep needs --vary" },
		{ "--vary batch", "is not option=value" },
		{ "--vary batch=1,0", "--vary: --batch: \"0\" is out of range; allowed is 1 to 65536" },
		{ "--vary batch=1,x", "is not a whole number" },
		{ "--vary btch=1,2", "did you mean batch?" },
		{ "--vary dtype=f32,b16", "did you mean f16?" },
		{ "--vary batch=1,1", "named twice" },
		{ "--vary batch=1 --vary batch=2", "given twice" },
		{ "--vary batch=1,2 --batch 4", "both given and varied" },
		{ "--vary batch=1,,2", "empty" },
		{ "--vary output=a,b", "not a thing that configurations differ in" },
		{ "--vary gpu_mem_util=0.7,0.9", "--vary kv-memory" },
		{ "--vary enforce-eager=true", "no" },
		{ "--experiment latency --vary batch=1,2", "these have: throughput" },
		{ "--experiment latncy --vary batch=1,2", "did you mean latency?" },
		{ "--vary batch=1,2 --require ttft.p99", "did you mean ttft_ms?" },
		{ "--vary batch=1,2 --objective ttft", "did you mean ttft_ms?" },
		{ "--vary model=nope,nada", "none of 2 configurations can be measured" },
		{ "--vary batch=1 --dry-run --json", "--json" },
		{ "--vary batch=1 --redact", "assay report" },
		{ "--vary batch=1 --save-as x", "assay baselines save" },
		{ "--vary batch=1 -o a.yaml", "already holds something" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct e2e r;
		e2e_run(&r, "$A sweep %s %s", row[i].args, strstr(row[i].args, "-o ") ? "-e sim:a.yaml" : "-o none");
		if (r.status != 2 || !strstr(r.err, row[i].says) || *r.out)
			fail_msg("%s: exit %d: %s%s", row[i].args, r.status, r.out, r.err);
		e2e_release(&r);
		ok("! test -e none", 0);
	}
}

static void dry_run_and_job(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "$A sweep -e sim:a.yaml --vary batch=1,2 --vary model=gpt2,nope --dry-run -o dry");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "4 configurations of throughput"));
	assert_non_null(strstr(r.out, "2 cannot be measured"));
	e2e_release(&r);
	ok("! test -e dry", 0);
	e2e_write("job.yaml", "experiment: latency\nengine: sim:a.yaml\nvary: {prompt_tokens: [8, 16]}\noutput_tokens: 4\nrequire: ttft_ms<1.7\n");
	e2e_write("campaign.yaml", "steps:\n- {name: s, verb: sweep, experiment: latency, vary: {prompt_tokens: [8, 16]}, engine: 'sim:a.yaml', output_tokens: 4, runs: 2}\n");
	ok("$A run campaign.yaml -o campaign && test -s campaign/s/sweep.json", 0); /* a step has the options of its experiment */
	ok("$A sweep --job job.yaml -o job", 0);
	json_t *d = e2e_json("job/sweep.json");
	assert_string_equal(str(d, "experiment"), "latency");
	assert_true(num(d, "best.0.configuration") == 1 && json_is_null(e2e_at(d, "best.0.runner_up")));
	json_decref(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers), cmocka_unit_test(rounds_and_pairwise), cmocka_unit_test(failures_are_rows), cmocka_unit_test(requirements), cmocka_unit_test(killed_and_resumed), cmocka_unit_test(judgement_verified),
		cmocka_unit_test(stopped_by_a_signal), cmocka_unit_test(killed_configuration_is_a_row), cmocka_unit_test(margin_by_pairs), cmocka_unit_test(one_load_for_several), cmocka_unit_test(refusals), cmocka_unit_test(dry_run_and_job),
	};
	return cmocka_run_group_tests(tests, files, NULL);
}
