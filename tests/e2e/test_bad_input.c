/* Bad input that is no model file, from outside: numbers, sizes, limits, YAML, prompts, directories, torn journals, signals while
 * loading. Each ends with one clear line and the right status; nothing measured leaves nothing behind, what was measured is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "cmd/cmd.h"
#include "e2e/bad_kit.h"
#include "e2e/e2e.h"
#include "experiment/experiment.h"

#define NULL_RUN "$A latency -e null --prompt-tokens 8 --output-tokens 4 --runs 1 --warmup 0 --no-progress "

static bool runs(const char *line)
{
	struct e2e r;
	e2e_run(&r, "%s", line);
	bool ok = r.status == 0;
	e2e_release(&r);
	return ok;
}

static bool numeric(const struct assay_opt *o)
{
	return o->help && !assay_options_repeats(o) && o->kind != ASSAY_OPT_FLAG && o->kind != ASSAY_OPT_STR && o->kind != ASSAY_OPT_ENUM && o->kind != ASSAY_OPT_ENUMS;
}

/* What the row refuses is refused by name; what it accepts ends at the job file that is not there. */
static void try_numbers(const char *verb, const struct assay_opt *o)
{
	static const struct { const char *text; double value; bool number; } t[] = {
		{ "0", 0, true }, { "-1", -1, true }, { "99999999999999999999", 1e20, true }, { "1e3", 1000, false }, { "nan", 0, false }, { "1x", 0, false }, { "0x10", 0, false },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char line[200], part[100];
		bool real = o->kind == ASSAY_OPT_NUM, inside = t[i].value >= o->min && t[i].value <= o->max;
		bool fine = inside && (t[i].number || (real && !strcmp(t[i].text, "1e3")));
		snprintf(line, sizeof line, "$A %s --%s %s --job nosuch.yaml", verb, o->name, t[i].text);
		snprintf(part, sizeof part, "--%s: \"%s\" is ", o->name, t[i].text);
		bad_refused(line, 2, fine ? "nosuch.yaml: cannot open" : part);
	}
}

static void test_numbers(void **state)
{
	(void)state;
	int n;
	const struct assay_experiment *const *x = assay_experiments(&n);
	for (const struct assay_opt *o = cmd_engine_options; o->name; o++)
		if (numeric(o))
			try_numbers("latency", o);
	for (const struct assay_opt *o = cmd_common_options; o->name; o++)
		if (numeric(o))
			try_numbers("latency", o);
	for (int i = 0; i < n; i++)
		for (const struct assay_opt *o = x[i]->options; o && o->name; o++)
			if (numeric(o) && (o->min != 0 || o->max != 0))
				try_numbers(x[i]->name, o);
}

static void test_slips(void **state)
{
	(void)state;
	static const struct { const char *line, *part; } t[] = {
		{ "$A latency --currency 'E$'", "--currency E$: a code of 1 to 8 letters" },
		{ "$A -m gpt2 latency", "-m: the verb comes first" },
		{ "$A ''", "unknown verb \"\"" },
		{ "$A latency -output-tokens 3", "unknown option -output-tokens (did you mean --output-tokens?)" },
		{ "$A latency ---runs 3", "unknown option ---runs" },
		{ "$A latency '--runs 3'", "(did you mean --runs?)" },
		{ "$A latency --runs ' 3'", "is not a whole number" },
		{ "$A latency -o -q", "-o needs a value: DIR" },
		{ "$A latency -o ''", "-o: the value is empty" },
		{ "$A latency --prompt ''", "--prompt: the value is empty" },
		{ "$A latency -e sim", "--engine sim: needs an argument: sim:FILE" },
		{ "$A latency -e null:x", "takes no argument" },
		{ "$A latency -t 1000", "--threads 1000: this process may use" },
		{ "$A latency --kv-memory 1", "--kv-memory 1: less than one block" },
		{ "$A latency --label x", "--label: \"x\" is not of the form K=V" },
		{ "$A latency --chat", "needs --prompt or --prompts" },
		{ "$A latency -m xyzzy", "model \"xyzzy\" is unknown: " },
		{ "$A latency --targets nosuch", "is neither a file nor one of s3-cpu, s4-a100, s1" },
		{ "$A latency --prompt-tokens 1,2,3 --output-tokens 1,2", "--prompt-tokens has 3 values, --output-tokens 2" },
		{ "$A baseline --quick --full", "--quick and --full" },
		{ "$A baseline --only latency --skip latency", "leave nothing to measure" },
		{ "$A offline --input 20:10", "runs backwards" },
		{ "$A offline --preset s1", "3 of 256 requests exceed the model's context of 1024 (the longest needs 1031)" },
		{ "$A generate --ids 1,-2", "--ids: item 2: \"-2\" is out of range" },
		{ "$A latency -m \"$(printf 'a\\033[31mb\\nc')\"", "is unknown" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		bad_refused(t[i].line, 2, t[i].part);
}

/* Refused before anything is allocated: under a limit of the address space an allocation would not come through. */
static void test_too_large(void **state)
{
	(void)state;
	bad_refused("$A latency --kv-memory 512T", 3, "KV cache 524288.00");
	if (!runs("ulimit -v 4000000; $A version"))
		skip(); /* a sanitizer's shadow needs more */
	bad_refused("ulimit -v 4000000; timeout 20 $A latency -m llama-13b --dtype f32", 3, "as f32 needs 49.");
	bad_refused("ulimit -v 4000000; timeout 20 $A latency -m llama-13b --dtype f32", 3, "GiB safely free: try --dtype bf16 or a smaller model");
	bad_refused("ulimit -v 4000000; timeout 20 $A latency -m qwen2.5-7b", 3, "try a smaller model");
	bad_refused("ulimit -v 4000000; timeout 20 $A baseline --quick -m llama-7b", 3, "model llama-7b as f16 needs");
	bad_refused("ulimit -v 4000000; timeout 20 $A generate -m llama-7b --ids 1", 3, "model llama-7b as f16 needs");
}

/* A point beyond the context or the pool is a result; alone it leaves nothing that could be measured. */
static void test_limits(void **state)
{
	(void)state;
	static const char sim[] = "clock: virtual\nprefill: {fixed_ms: 1}\ndecode: {fixed_ms: 1}\nkv: {tokens: 64, bytes_per_token: 8}\n";
	static const struct { const char *line; int status; const char *limited; const char *reason; } t[] = {
		{ "$A throughput -e sim:small.yaml --batch 1,40 --prompt-tokens 8 --output-tokens 4 --no-progress --runs 6 -o lim1", 0, "points.1", "KV cache: needs " },
		{ "$A latency -e sim:small.yaml --prompt-tokens 8,5000 --output-tokens 4 --no-progress --runs 6 -o lim2", 0, "points.1", "context: needs 5004 tokens" },
		{ "$A throughput -e sim:small.yaml --batch 1,2000 --prompt-tokens 8 --output-tokens 4 --no-progress --runs 6 -o lim3", 0, "points.1", "batch: needs 2000 sequences" },
		{ "$A latency -e sim:small.yaml --prompt-tokens 5000 --output-tokens 4 --no-progress -o lim4", 3, "points.0", "context: needs 5004 tokens" },
	};
	e2e_write("small.yaml", sim);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		char file[40], at[40];
		e2e_run(&r, "%s", t[i].line);
		snprintf(file, sizeof file, "lim%zu/result.json", i + 1);
		json_t *v = e2e_json(file), *p = e2e_at(v, t[i].limited);
		snprintf(at, sizeof at, "%s", json_string_value(e2e_at(p, "status")) ? json_string_value(e2e_at(p, "status")) : "?");
		const char *reason = json_string_value(e2e_at(p, "reason"));
		if (r.status != t[i].status || strcmp(at, "limit") || !reason || !strstr(reason, t[i].reason))
			fail_msg("%s: status %d, point %s (%s)\n%s", t[i].line, r.status, at, reason, r.err);
		json_decref(v);
		e2e_release(&r);
	}
}

static void test_yaml(void **state)
{
	(void)state;
	static const struct { const char *text, *part; } sims[] = {
		{ "", "s.yaml: a sim file must be a mapping" }, { "clock: maybe\n", "s.yaml:1:1: clock must be virtual or real" }, { "clock: [\n", "s.yaml:2:1: " },
		{ "clock: virtual\nfoo: 1\n", "s.yaml:2:1: unknown key \"foo\"" }, { "decode: {fxied_ms: 1}\n", "s.yaml:1:10: unknown key \"fxied_ms\"" },
		{ "decode: {fixed_ms: -1}\n", "s.yaml:1:10: fixed_ms is -1" }, { "decode: {fixed_ms: 1e400}\n", "s.yaml:1:20: " }, { "decode: {fixed_ms: .nan}\n", "s.yaml:1:20: " },
		{ "clock: virtual\nclock: real\n", "s.yaml:2:1: the key clock is given twice" }, { "\xff\xfe", "s.yaml:1:1: " }, { "a: &x 1\n", "s.yaml:1:4: anchors" },
		{ "max_batch: 0\n", "s.yaml:1:1: max_batch is 0, allowed is 1 to" }, { "max_batch: 99999999999999999999\n", "s.yaml:1:12: " },
		{ "kv: {tokens: -5}\n", "s.yaml:1:6: tokens is -5" }, { "faults: [{kind: explode, every: 2}]\n", "s.yaml:1:10: a fault's kind" },
		{ "clock: virtual\n\tdecode: 3\n", "s.yaml:2:1: found a tab" }, { "clock: virtual\n---\nclock: real\n", "only one document" },
	}, targets[] = {
		{ "", "s.yaml: give a list of targets" }, { "{}\n", "s.yaml:1:1: give a list" }, { "- 5\n", "s.yaml:1:3: a target is a mapping" },
		{ "- {metric: nosuch, max: 1}\n", "s.yaml:1:12: unknown metric \"nosuch\"" }, { "- {metric: ttft_ms, stat: mean}\n", "s.yaml:1:3: give either max or min" },
		{ "- {metric: ttft_ms, stat: mean, max: x}\n", "s.yaml:1:38: max: give a number" }, { "- {metric: ttft_ms, stat: p101, max: 1}\n", "s.yaml:1:27: unknown stat" },
		{ "- {metric: ttft_ms, stat: mean, case: 5, max: 1}\n", "s.yaml:1:39: case" }, { "- metric: ttft_ms\n stat: x\n", "s.yaml:2:2: " },
	}, jobs[] = {
		{ "engine: null\nrusn: 3\n", "s.yaml:2:1: unknown key rusn" }, { "runs: {a: 1}\n", "s.yaml:1:1: runs: expects one whole number" }, { "runs: 0\n", "s.yaml:1:1: runs: \"0\" is out of range" },
		{ "runs: [1]\n", "s.yaml:1:1: runs: " }, { "runs: 3\n  x: 1\n", "s.yaml:2:" }, { "{runs: 3\n", "s.yaml:2:1: " }, { "runs: !int 3\n", "s.yaml:1:7: tags" },
	};
	for (size_t i = 0; i < sizeof sims / sizeof *sims; i++) {
		e2e_write("s.yaml", sims[i].text);
		bad_refused("$A latency -e sim:s.yaml --runs 1", 2, sims[i].part);
	}
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		e2e_write("s.yaml", targets[i].text);
		bad_refused("$A latency -e null --runs 1 --targets ./s.yaml", 2, targets[i].part);
	}
	for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
		e2e_write("s.yaml", jobs[i].text);
		bad_refused("$A latency -e null --job s.yaml", 2, jobs[i].part);
	}
	bad_refused("$A latency -e sim:/dev/zero", 2, "larger than");
	bad_refused("$A latency -e sim:/", 2, "/: cannot read: Is a directory");
	bad_refused("i=0; while [ $i -lt 2000 ]; do printf '['; i=$((i+1)); done >deep.yaml; $A latency -e sim:deep.yaml", 2, "deep.yaml:1:33: nested deeper than 32 levels");
}

static void test_prompts(void **state)
{
	(void)state;
	static const struct { const char *before, *args, *part; } t[] = {
		{ "true >p", "--prompts p", "p: holds no prompt" },
		{ "printf '\\n\\r\\n\\n' >p", "--prompts p", "p: holds no prompt" },
		{ "printf 'one\\ntw\\000o\\n' >p", "--prompts p", "p:2: a prompt may not hold a NUL byte" },
		{ "printf '{\"prompt\": 5}\\n' >p.jsonl", "--prompts p.jsonl", "p.jsonl:1: a line must be" },
		{ "printf '{\"prompt\": \"x\"}\\n{bad\\n' >p.jsonl", "--prompts p.jsonl", "p.jsonl:2:" },
		{ "truncate -s 300M p", "--prompts p", "p: larger than" },
		{ "true", "--prompts nosuch", "nosuch: cannot open" },
		{ "true", "--prompts /", "/: cannot read" },
		{ "true", "--prompts p --prompt x", "give one of them" },
		{ "true", "--prompt x", "--prompt: this engine takes no text" },
		{ "printf '\\377\\376\\375\\n' >p", "--prompts p", "--prompt: this engine takes no text" },
		{ "head -c 3000000 /dev/zero | tr '\\0' 'a' >p", "--prompts p", "--prompt: this engine takes no text" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char line[300];
		snprintf(line, sizeof line, "%s; $A latency -e null --runs 1 %s", t[i].before, t[i].args);
		bad_refused(line, 2, t[i].part);
	}
}

/* Nothing could be recorded: no directory, no parent of it stays. */
static void test_no_output(void **state)
{
	(void)state;
	static const struct { const char *line; int status; const char *part; } t[] = {
		{ "ulimit -f 0; " NULL_RUN "-o new/er/est", 3, "journal.bin: cannot write: File too large" },
		{ "ulimit -f 1; " NULL_RUN "-o new/er/est >/dev/null", 3, "journal.bin: cannot write: File too large" },
		{ "$A latency -e sim:nosuch.yaml -o new/er/est", 2, "nosuch.yaml" },
		{ "true >plain; " NULL_RUN "-o plain/x", 2, "Not a directory" },
		{ "ln -sf nowhere dangling; " NULL_RUN "-o dangling", 2, "dangling: exists and is not a directory" },
		{ NULL_RUN "-o $(printf '%05000d' 0)", 2, "File name too long" },
		{ NULL_RUN "-o /", 2, "--output /: not empty" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		bad_refused(t[i].line, t[i].status, t[i].part);
		assert_true(runs("! ls -d new 2>/dev/null"));
	}
	if (!runs("unshare -m mount -t tmpfs none /mnt"))
		skip();
	bad_refused("mkdir -p t; unshare -m sh -c 'mount -t tmpfs -o ro none t && cd t && " NULL_RUN "'", 2, "results: cannot make directory: Read-only file system");
	bad_refused("unshare -m sh -c 'mount -t tmpfs -o size=64k none t && head -c 65536 /dev/zero >t/fill; " NULL_RUN "-o t/a/b; s=$?; ls t | grep -v fill; exit $s'", 3, "No space left on device");
}

/* A file system that fills during the run: what reached the disk can be read. */
static void test_full(void **state)
{
	(void)state;
	struct e2e r;
	if (!runs("unshare -m mount -t tmpfs none /mnt"))
		skip();
	e2e_run(&r, "%s", "mkdir -p t; unshare -m sh -c 'mount -t tmpfs -o size=64k none t; $A latency -e null --prompt-tokens 8 --output-tokens 100 --runs 500 --warmup 0 --no-progress -o t/x; s=$?; cp -r t/x kept; exit $s'");
	if (r.status != 3 || !strstr(r.err, "No space left on device") || !strstr(r.err, "  results so far: t/x (assay report t/x)\n"))
		fail_msg("status %d\n%s", r.status, r.err);
	e2e_release(&r);
	e2e_run(&r, "%s", "$A report kept");
	assert_int_equal(r.status, 0);
	e2e_release(&r);
	json_t *v = e2e_json("kept/result.json");
	assert_true(json_integer_value(e2e_at(v, "points.0.requests.succeeded")) >= 1);
	json_decref(v);
}

/* Requests that a journal cut at n bytes, or with the byte there made another one, still gives; -1: the status was 3 with one line. */
static int recovered(size_t n, bool flip)
{
	struct e2e r;
	int offered = -1;
	e2e_run(&r, "rm -rf cut; mkdir cut; %s %zu whole/journal.bin >cut/journal.bin; %s $A report cut", "head -c", n, flip ? "tail -c +$(($(stat -c %s cut/journal.bin)+1)) whole/journal.bin | head -c 1 | LC_ALL=C tr '\\000-\\377' '\\001-\\377\\000' >>cut/journal.bin; tail -c +$(($(stat -c %s cut/journal.bin)+1)) whole/journal.bin >>cut/journal.bin;" : "");
	if (r.status == 3) {
		if (!strstr(r.err, "nothing recorded") || strchr(r.err, '\n')[1])
			fail_msg("cut at %zu: %s", n, r.err);
	} else {
		json_t *v = e2e_json("cut/result.json");
		if (r.status || !v || !strstr(r.err, "recovered from cut/journal.bin"))
			fail_msg("cut at %zu: status %d, %s", n, r.status, r.err);
		offered = (int)json_integer_value(e2e_at(v, "points.0.requests.offered"));
		json_decref(v);
	}
	e2e_release(&r);
	return offered;
}

static void test_torn(void **state)
{
	(void)state;
	struct e2e r;
	uint64_t key = assay_rng_key(6, 3);
	size_t at[20];
	e2e_write("torn.yaml", "clock: virtual\nprefill: {fixed_ms: 1}\ndecode: {fixed_ms: 1}\n");
	e2e_run(&r, "$A latency -e sim:torn.yaml --prompt-tokens 8 --output-tokens 4 --runs 40 --warmup 0 --no-progress -o whole >/dev/null; stat -c %%s whole/journal.bin");
	size_t size = (size_t)atol(r.out), before = 0;
	assert_true(size > 5000);
	e2e_release(&r);
	for (int i = 0; i < 20; i++)
		at[i] = assay_rng_below(key, (uint64_t)i, size / 20) + (size_t)i * (size / 20);
	for (int i = 0; i < 20; i++) {
		int n = recovered(at[i], i % 2);
		if (n >= 0 && (size_t)n < before)
			fail_msg("cut at %zu gives %d requests, an earlier cut gave %zu", at[i], n, before);
		before = n > 0 ? (size_t)n : before;
	}
	assert_true(before >= 20);
	assert_int_equal(recovered(0, false), -1);
	bad_refused("rm -rf cut; cp -r whole cut; printf '{' >cut/result.json; $A report cut", 3, "cut/result.json:1:1: not valid JSON");
	bad_refused("$A report cut", 3, "remove the file to rebuild the result");
	bad_refused("rm -rf cut; mkdir cut; mkfifo cut/journal.bin; timeout 20 $A report cut", 3, "cut/journal.bin: not a regular file");
	bad_refused("$A report whole/result.json", 2, "a file: name the result directory");
	assert_int_equal(recovered(size, false), 40);
}

/* A signal before anything is measured: said, and nothing left. */
static void test_signal_loading(void **state)
{
	(void)state;
	static const struct { const char *kill; int status; const char *part; } t[] = {
		{ "kill -INT $p", 130, "interrupted while the model was loaded; nothing was measured" },
		{ "kill -TERM $p", 143, "interrupted while the model was loaded; nothing was measured" },
		{ "kill -INT $p; sleep 0.1; kill -INT $p", 130, "" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		e2e_run(&r, "$A latency -m gpt2 -t 1 --runs 1 -o load/ing & p=$!; while ! [ -d load/ing ]; do sleep 0.01; done; %s; wait $p; s=$?; ls -d load; exit $s", t[i].kill);
		if (r.status != t[i].status || !strstr(r.err, t[i].part) || *r.out)
			fail_msg("%s: status %d\nout %s\nerr %s", t[i].kill, r.status, r.out, r.err);
		e2e_release(&r);
	}
}

/* Verbs that measure nothing, with streams closed: their own status, no crash. */
static void test_streams(void **state)
{
	(void)state;
	static const struct { const char *line; int status; } t[] = {
		{ "$A models list | true", 0 }, { "$A models list >&-", 0 }, { "$A models list >/dev/full", 3 }, { "$A latency --runs 0 2>&-", 2 }, { "$A latency --runs 0 <&- >&- 2>&-", 2 },
		{ "$A latency --runs 0 2>/dev/full", 2 }, { "$A explain <&-", 0 }, { "$A report whole >&- 2>&-", 0 }, { "{ $A report whole; echo $? >status; } | true; exit $(cat status)", 0 },
		{ "$A generate -m gpt2 --ids 99999 2>&-", 2 },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		e2e_run(&r, "%s", t[i].line);
		if (r.status != t[i].status)
			fail_msg("%s: status %d, wanted %d\n%s", t[i].line, r.status, t[i].status, r.err);
		e2e_release(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_slips), cmocka_unit_test(test_too_large), cmocka_unit_test(test_limits), cmocka_unit_test(test_yaml), cmocka_unit_test(test_prompts),
		cmocka_unit_test(test_no_output), cmocka_unit_test(test_full), cmocka_unit_test(test_torn), cmocka_unit_test(test_signal_loading), cmocka_unit_test(test_streams),
	};
	return cmocka_run_group_tests_name("bad input", tests, NULL, NULL);
}
