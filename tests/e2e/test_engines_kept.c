/* assay compare-engines stopped, killed, on a full disk and edited: nothing measured is lost, the same command goes on, and every digit of engines.json
 * follows from the blocks. Also what is seen before anything is measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "e2e.h"

#define SIM "--engines sim:a.yaml,sim:b.yaml -m gpt2 --batch 1,4 --prompt-tokens 8 --output-tokens 11 "
#define SLOW "$A compare-engines --engines sim:slow.yaml,sim:slow.yaml -m gpt2 --batch 2 --prompt-tokens 8 --output-tokens 6 --warmup 0 --no-check --rounds 3 "
#define ONE_DONE(dir) "i=0; until grep -q '\"end\": \"measured\"' " dir "/blocks.json || [ $i = 400 ]; do sleep 0.02; i=$((i+1)); done 2>/dev/null; "

static int set_up(void **state)
{
	(void)state;
	e2e_write("a.yaml", "prefill: {fixed_ms: 8}\ndecode: {fixed_ms: 8}\nload_ms: 1200\nnoise: {cv: 0, run_cv: 0.01, ar1: 0, seed: 1}\n");
	e2e_write("b.yaml", "prefill: {fixed_ms: 4}\ndecode: {fixed_ms: 4}\nload_ms: 600\nnoise: {cv: 0, run_cv: 0.01, ar1: 0, seed: 2}\n");
	e2e_write("bad.yaml", "prefill: {fixed_ms: 4}\ndecode: {fixed_ms: 4}\nfaults: [{kind: short, every: 3}]\n");
	e2e_write("slow.yaml", "clock: real\nprefill: {fixed_ms: 15}\ndecode: {fixed_ms: 15}\n");
	return 0;
}

static void ok(const char *line) { e2e_expect(0, line, "", ""); }

static int count_kept(const char *name)
{
	json_t *doc = e2e_json(name);
	int kept = 0;
	for (size_t i = 0; i < json_array_size(e2e_at(doc, "engines")); i++) {
		json_t *blocks = json_object_get(json_array_get(e2e_at(doc, "engines"), i), "blocks");
		for (size_t k = 0; k < json_array_size(blocks); k++)
			kept += json_is_true(json_object_get(json_array_get(blocks, k), "kept"));
	}
	json_decref(doc);
	return kept;
}

/* Ctrl-C: what is there is written and said to be not all; --resume measures the rest, once. */
static void test_interrupted(void **state)
{
	(void)state;
	e2e_expect(130, SLOW "-o int >int.out 2>int.err & P=$!; " ONE_DONE("int") "kill -INT $P; wait $P", "", "");
	ok("grep -q 'INTERRUPTED: not every block' int.out && grep -q 'of 6 blocks are kept in int' int.err && grep -q -e '--resume int goes on' int.err");
	e2e_schema("int/engines.json");
	json_t *doc = e2e_json("int/engines.json");
	assert_true(json_is_true(e2e_at(doc, "interrupted")));
	json_decref(doc);
	ok("grep -q INTERRUPTED int/engines.md && grep -q INTERRUPTED int/report.html && $A verify int && sha256sum int/blocks/001-A/journal.bin >sums");
	e2e_expect(2, SLOW "--seed 3 -o int", "", "--seed: the comparison in int was begun with 0, this command has 3");
	e2e_expect(2, "$A compare-engines --engines sim:slow.yaml,sim:a.yaml --resume int", "", "--engines: the comparison in int was begun with");
	e2e_expect(0, "$A compare-engines --resume int", "sim:slow.yaml", "");
	ok("grep -v INTERRUPTED int/engines.md >/dev/null && ! grep -q INTERRUPTED int/engines.md && sha256sum -c sums && $A verify int | grep -q '6 results: 6 ok'");
	assert_in_range(count_kept("int/engines.json"), 1, 5);
	e2e_schema("int/engines.json");
	ok("sha256sum int/*.* >all && rm int/report.html && $A compare-engines --resume int --no-progress && sha256sum -c all"); /* nothing is left to do: the faces again */
}

static void test_killed(void **state)
{
	(void)state;
	ok(SLOW "-o kill >/dev/null 2>&1 & P=$!; " ONE_DONE("kill") "kill -9 $P; wait $P; grep -q '\"state\": \"running\"' kill/blocks.json && ! test -e kill/engines.json");
	ok("sha256sum kill/blocks/001-A/journal.bin >sums && touch kill/blocks.json.4711.tmp");
	ok(SLOW "-o kill && sha256sum -c sums && ! test -e kill/blocks.json.4711.tmp && $A verify kill | grep -q '1 judgements over several results: 1 ok'"); /* the same command, without --resume */
	assert_in_range(count_kept("kill/engines.json"), 1, 5);
	e2e_expect(2, "mkdir other && $A compare-engines --resume other", "", "other/blocks.json");
	e2e_expect(2, "echo '{}' >other/blocks.json && $A compare-engines --resume other", "", "its schema is");
	e2e_expect(1, "cp -r kill running && sed -i 's/\"complete\"/\"running\"/' running/blocks.json && $A verify running", "blocks.json is running", "");
}

static void test_full_disk(void **state)
{
	(void)state;
	if (system("unshare -m mount -t tmpfs none /mnt >/dev/null 2>&1"))
		skip();
	e2e_expect(3, "mkdir t; unshare -m sh -c 'mount -t tmpfs -o size=2m none t && head -c 1900000 /dev/zero >t/fill; $A compare-engines " SIM "--no-check -o t/x; s=$?; cp -r t/x full; exit $s'", "",
		   "No space left on device: make room, then assay compare-engines --resume t/x goes on");
	ok("$A compare-engines --resume full && $A verify full");
}

/* One digit after the other is made another; each edit is found, and the place is named. */
static void test_every_digit(void **state)
{
	struct assay_buf b;
	struct e2e r;
	char *path = xasprintf("%s/v/engines.json", e2e_dir());
	size_t tried = 0;
	(void)state;
	ok("$A compare-engines " SIM "--rounds 3 -o v && cp -r v whole");
	e2e_schema("v/engines.json");
	assay_buf_init(&b, 1 << 24);
	assert_int_equal(assay_fs_read(path, &b, ASSAY_E_IO, NULL), 0);
	for (size_t i = 0; i < b.len_bytes; i++) {
		if (!isdigit((unsigned char)b.data[i]) || i % 97) /* a share of them: each costs a process */
			continue;
		char was = b.data[i];
		b.data[i] = was == '7' ? '6' : '7';
		assert_int_equal(assay_fs_write_atomic(path, b.data, b.len_bytes, NULL), 0);
		e2e_run(&r, "$A verify v");
		if (r.status != 1 || !strstr(r.out, "not ok: v/engines.json"))
			fail_msg("digit at %zu (%.40s) was not found: %d %s%s", i, b.data + (i > 20 ? i - 20 : 0), r.status, r.out, r.err);
		e2e_release(&r);
		b.data[i] = was;
		tried++;
	}
	assert_in_range(tried, 10, 200);
	assert_int_equal(assay_fs_write_atomic(path, b.data, b.len_bytes, NULL), 0);
	ok("$A verify v");
	assay_buf_release(&b);
	free(path);
}

static void test_edited(void **state)
{
	static const struct { const char *edit, *said; } t[] = {
		{ "sed -i '0,/\"verdict\": \"FASTER\"/s//\"verdict\": \"SLOWER\"/' v/engines.json", "engines[1].comparison.verdict: found" },
		{ "sed -i 's/\"wall_s\": 0/\"wall_s\": 1/' v/blocks.json", "wall_s: found" },
		{ "sed -i 's/2.0.x/3.00x/' v/engines.md", "engines.md: line" },
		{ "sed -i '0,/FASTER/s//SLOWER/' v/report.html", "report.html" },
		{ "sed -i 's/not checkable/SAME/' v/check/A-B.json", "agreement.outcome: found" },
		{ "rm -r v/blocks/003-B", "blocks/003-B" },
		{ "rm v/blocks.json", "blocks.json" },
		{ "sed -i 's/\"label\": \"B\"/\"label\": \"Z\"/' v/blocks.json", "is of no engine" },
		{ "echo '{\"engines\": 7}' >v/blocks.json", "its schema is" },
		{ "echo nothing >v/engines.json", "the whole document" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		e2e_run(&r, "rm -rf v; cp -r whole v; %s; $A verify v", t[i].edit);
		if (r.status != 1 || !strstr(r.out, "not ok: v/engines.json") || !strstr(r.out, t[i].said))
			fail_msg("%s: exit %d, without \"%s\": %s%s", t[i].edit, r.status, t[i].said, r.out, r.err);
		e2e_release(&r);
	}
}

/* ---- what the tables must not hide ---- */

static void test_told(void **state)
{
	(void)state;
	e2e_expect(4, "$A compare-engines --engines sim:a.yaml,sim:bad.yaml -m gpt2 --batch 2,4 --prompt-tokens 8 --output-tokens 11 --no-check -o bad", "INVALID: blocks 2, 3 of B (sim:bad.yaml), not to be relied on", "");
	ok("grep -q 'OTHER LENGTHS: B' bad/engines.md && grep -q 'INVALID: blocks 2, 3 of B' bad/report.html");
	json_t *doc = e2e_json("bad/engines.json");
	assert_string_equal(json_string_value(e2e_at(doc, "invalid.0")), "B");
	assert_int_equal(json_array_size(e2e_at(doc, "invalid")), 1);
	assert_true(json_is_false(e2e_at(doc, "engines.1.lengths_hold")) && json_is_true(e2e_at(doc, "engines.0.lengths_hold")));
	assert_true(json_is_true(e2e_at(doc, "engines.1.same_plan")));
	json_t *hash = e2e_at(doc, "engines.0.blocks.0.plan_sha256");
	assert_true(json_is_string(hash) && json_equal(hash, e2e_at(doc, "engines.1.blocks.1.plan_sha256")));
	json_decref(doc);
	/* another seed, another length: another plan */
	ok("$A compare-engines " SIM "--no-check --seed 1 -o s1 >/dev/null; $A compare-engines " SIM "--no-check --seed 2 -o s2 >/dev/null; ! cmp -s s1/engines.json s2/engines.json");
	doc = e2e_json("s1/engines.json");
	json_t *other = e2e_json("s2/engines.json");
	assert_false(json_equal(e2e_at(doc, "engines.0.blocks.0.plan_sha256"), e2e_at(other, "engines.0.blocks.0.plan_sha256")));
	assert_true(json_is_null(e2e_at(doc, "engines.0.batches.0.ttft_ms.ci95"))); /* two blocks have no interval */
	json_decref(doc);
	json_decref(other);
	doc = e2e_json("whole/engines.json");
	double lo = json_number_value(e2e_at(doc, "engines.0.batches.0.tpot_ms.ci95.0")), hi = json_number_value(e2e_at(doc, "engines.0.batches.0.tpot_ms.ci95.1")), mean = json_number_value(e2e_at(doc, "engines.0.batches.0.tpot_ms.mean"));
	assert_true(lo < mean && mean < hi && hi - lo < 1); /* three have one */
	json_decref(doc);
}

/* A worker whose engine is not installed, one that is a memory run, one told apart by its options only. */
static void test_workers(void **state)
{
	(void)state;
	if (system("command -v python3 >/dev/null 2>&1"))
		skip();
	char *dir = realpath("workers", NULL);
	setenv("WORKERS", dir, 1);
	free(dir);
	ok("mkdir w && cp $WORKERS/common.py $WORKERS/toy.py w && cp $WORKERS/toy.py w/vllm.py && sed -i 's/name = .*/name = \"none\"; distributions = (\"no-such-package\",)/' w/toy.py && mv w/toy.py w/deepspeed.py && "
	   "sed 's/max_num_seqs=self.most, /max_num_seqs=self.most, processes=\"one\", threads=2, /' $WORKERS/toy.py >w/one.py && grep -q processes w/one.py");
	setenv("SET", "ASSAY_WORKERS=$PWD/w", 1);
	e2e_expect(2, "ASSAY_WORKERS=$PWD/w $A compare-engines --engines worker:vllm,worker:deepspeed,worker:vllm -m gpt2 -o none; s=$?; test ! -e none && exit $s", "",
		   "assay: B worker:deepspeed: not installed for python3: assay engines install deepspeed\n");
	e2e_expect(2, "ASSAY_WORKERS=$PWD/w $A compare-engines --engines worker:deepspeed,worker:vllm -m gpt2 --skip-missing -o none; s=$?; test ! -e none && exit $s", "", "A is missing");
	e2e_expect(0, "ASSAY_WORKERS=$PWD/w $A compare-engines --engines worker:vllm,worker:deepspeed -m gpt2 --dry-run -o none && test ! -e none", "B worker:deepspeed: not installed", "");
	e2e_expect(0, "XDG_CACHE_HOME=$PWD/cache ASSAY_WORKERS=$PWD/w $A compare-engines --engines worker:vllm,worker:deepspeed,worker:one,worker:vllm --skip-missing --no-check -m gpt2 --batch 2 --prompt-tokens 8 "
		      "--output-tokens 4 --engine-opt A:step_ms=2 --engine-opt D:step_ms=3 -o mixed; s=$?; test $s = 4 && s=0; exit $s", "MISSING: B (worker:deepspeed)", "");
	e2e_schema("mixed/engines.json");
	json_t *doc = e2e_json("mixed/engines.json");
	assert_string_equal(json_string_value(e2e_at(doc, "engines.1.state")), "missing");
	assert_int_equal(json_array_size(e2e_at(doc, "engines.1.blocks")), 0);
	assert_true(json_is_false(e2e_at(doc, "engines.2.timed")));
	assert_true(json_is_null(e2e_at(doc, "engines.2.batches.0.tpot_ms.mean")) && json_is_number(e2e_at(doc, "engines.3.batches.0.tpot_ms.mean")));
	assert_true(json_is_number(e2e_at(doc, "engines.2.load_ms.mean")));
	assert_false(json_is_true(e2e_at(doc, "engines.2.comparison.comparable")));
	assert_int_equal(json_integer_value(e2e_at(doc, "engines.2.in_force.threads")), 2);
	assert_string_equal(json_string_value(e2e_at(doc, "engines.3.name")), "worker:vllm step_ms=3");
	json_decref(doc);
	e2e_expect(0, "XDG_CACHE_HOME=$PWD/cache ASSAY_WORKERS=$PWD/w $A engines check worker:vllm worker:vllm -m gpt2 --prompt-tokens 4 --output-tokens 3 --engine-opt B:step_ms=2", "SAME", "");
	e2e_expect(3, "XDG_CACHE_HOME=$PWD/cache ASSAY_WORKERS=$PWD/w $A engines check worker:vllm worker:vllm -m gpt2 --prompt-tokens 4 --output-tokens 3 --engine-opt B:step_ms=no", "", "step_ms: could not convert"); /* B's alone */
	e2e_expect(0, "ASSAY_WORKERS=$PWD/w $A compare-engines --engines worker:vllm,worker:vllm -m gpt2 --engine-opt A:step_ms=2 --engine-opt B:step_ms=3 --dry-run", "--engine-opt=A:step_ms=2 --engine-opt=B:step_ms=3 --json", "");
	ok("grep -q 'D *| worker:vllm step_ms=3' mixed/engines.md && $A verify mixed");
	/* an engine that is gone: what it measured stays, whole or in part */
	ok("mv w/vllm.py vllm.gone; cp w/deepspeed.py w/vllm.py; XDG_CACHE_HOME=$PWD/cache ASSAY_WORKERS=$PWD/w $A compare-engines --resume mixed >out; test $? != 2 && test $(grep -c '\"end\": \"measured\"' mixed/blocks.json) = 6");
	ok("mv mixed/blocks/008-A gone; XDG_CACHE_HOME=$PWD/cache ASSAY_WORKERS=$PWD/w $A compare-engines --resume mixed; test $? = 2");
	ok("mv gone mixed/blocks/008-A; mv mixed/blocks/005-D gone; XDG_CACHE_HOME=$PWD/cache ASSAY_WORKERS=$PWD/w $A compare-engines --resume mixed >out; test $? != 2 && grep -q 'FAILED: D (worker:vllm step_ms=3): worker:vllm: not' out && "
	   "test $(grep -c '\"end\": \"measured\"' mixed/blocks.json) = 5 && mv vllm.gone w/vllm.py");
}

/* The other way: each engine a configuration of a sweep. */
static void test_sweep(void **state)
{
	(void)state;
	if (system("command -v python3 >/dev/null 2>&1"))
		skip();
	e2e_expect(0, "XDG_CACHE_HOME=$PWD/cache ASSAY_WORKERS=$PWD/w $A sweep --vary engine=sim:slow.yaml,worker:vllm --vary batch=1,2 -m gpt2 --prompt-tokens 8 --output-tokens 4 --runs 2 --no-confirm -o over; s=$?; test $s = 4 && s=0; exit $s",
		   "engine=worker:vllm batch=2", "");
	e2e_schema("over/sweep.json");
	json_t *doc = e2e_json("over/sweep.json");
	assert_int_equal(json_array_size(e2e_at(doc, "configurations")), 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(json_string_value(e2e_at(json_array_get(e2e_at(doc, "configurations"), i), "status")), "measured");
	double slow = json_number_value(e2e_at(doc, "configurations.0.metrics.output_tok_s.value")), fast = json_number_value(e2e_at(doc, "configurations.2.metrics.output_tok_s.value"));
	assert_true(fast > slow); /* 1 ms a step against 15 */
	json_decref(doc);
	ok("$A verify over");
}

static void test_dry_run(void **state)
{
	(void)state;
	e2e_expect(0, "$A compare-engines --engines cpu,sim:a.yaml -m gpt2 --batch 1 --prompt-tokens 8 --output-tokens 4 --dry-run -o dry && test ! -e dry", "time            at least", "");
	e2e_expect(0, "$A compare-engines --engines cpu,sim:a.yaml -m gpt2 --batch 1 --prompt-tokens 8 --output-tokens 4 --dry-run", "  002-B  assay throughput --engine=sim:a.yaml@2 ", "");
	e2e_expect(2, "$A compare-engines --engines cpu,sim:a.yaml -m gpt2 --dry-run --json", "", "a dry run has no document");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_interrupted), cmocka_unit_test(test_killed), cmocka_unit_test(test_full_disk), cmocka_unit_test(test_every_digit), cmocka_unit_test(test_edited),
		cmocka_unit_test(test_told), cmocka_unit_test(test_workers), cmocka_unit_test(test_sweep), cmocka_unit_test(test_dry_run) };
	return cmocka_run_group_tests_name("engines_kept", tests, set_up, NULL);
}
