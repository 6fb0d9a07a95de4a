/* The command line as its users meet it: what is refused and how, exit statuses, who writes on which stream, where results go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"

#define LATENCY "$A latency -e null --prompt-tokens 8 --output-tokens 4 --runs 2 --warmup 0 "

static int lines(const char *s)
{
	int n = 0;
	for (; *s; s++)
		n += *s == '\n';
	return n;
}

/* A refusal: exit 2, nothing on stdout, one line on stderr that holds `part`, no result directory. */
static void test_refused(void **state)
{
	(void)state;
	static const struct { const char *line, *part; } t[] = {
		{ "$A latnecy", "unknown verb \"latnecy\" (did you mean latency?)" },
		{ "$A oracle", "unknown verb \"oracle\"" },
		{ "$A serve", "unknown verb \"serve\"" },
		{ "$A help latnecy", "(did you mean latency?)" },
		{ "$A latency --rnus 3", "unknown option --rnus (did you mean --runs?)" },
		{ "$A latency --runs", "--runs needs a value" },
		{ "$A latency --runs 0", "--runs: \"0\" is out of range" },
		{ "$A latency --runs -3", "--runs: \"-3\" is out of range" },
		{ "$A latency --runs 1e3", "--runs: \"1e3\" is not a whole number" },
		{ "$A latency --runs 99999999999999999999", "--runs: \"99999999999999999999\" is out of range" },
		{ "$A latency runs", "latency takes no argument: \"runs\" (did you mean --runs?)" },
		{ "$A latency --prompt-tokens 10,x", "--prompt-tokens: item 2: \"x\" is not a whole number" },
		{ "$A latency --prompt-tokens 10,,5", "item 2 of \"10,,5\" is empty" },
		{ "$A throughput --batch 0", "--batch: \"0\" is out of range" },
		{ "$A latency --dtype f23", "not one of auto, f32, bf16, f16, int8 (did you mean f32?)" },
		{ "$A latency -e null --dtype int8", "--dtype int8: not built yet" },
		{ "$A latency -e nul", "unknown engine \"nul\"" },
		{ "$A latency -e null -m gtp2", "did you mean gpt2?" },
		{ "$A latency -e null -m ./nowhere", "./nowhere: no such model" },
		{ "$A latency -e sim:nowhere.yaml", "nowhere.yaml: cannot open" },
		{ "$A latency -e null --targets s3-cup", "(did you mean s3-cpu?)" },
		{ "$A latency -e null --job nowhere.yaml", "nowhere.yaml: cannot open" },
		{ "$A latency -e null --temperature nan", "--temperature: \"nan\" is not a number" },
		{ "$A latency -e null --kv-memory 5Q", "--kv-memory: \"5Q\" is not a size" },
		{ "$A latency -e null --legacy s9", "--legacy: \"s9\" is not one of s0, s2, s3, s4" },
		{ "$A latency -e null --dry-run --json", "a dry run has no result document" },
		{ "$A latency -e null --label fast", "--label: \"fast\" is not of the form K=V" },
		{ "ASSAY_RUNS=x $A latency -e null", "environment variable ASSAY_RUNS: \"x\" is not a whole number" },
		{ "$A explain ttft", "(did you mean ttft_ms?)" },
		{ "$A models lits", "(did you mean list?)" },
		{ "$A models show", "models show needs one model" },
		{ "$A models check nowhere", "none of the arguments is a directory" },
		{ "$A report", "report needs a result directory" },
		{ "$A report nowhere", "nowhere: no such directory" },
		{ "$A completion zsh", "only bash" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		e2e_run(&r, "%s", t[i].line);
		bool skipped_note = strstr(t[i].line, "models check"); /* a note about what was skipped comes first */
		if (r.status != 2 || *r.out || !strstr(r.err, t[i].part) || lines(r.err) != (skipped_note ? 2 : 1))
			fail_msg("%s\nstatus %d\nout: %s\nerr: %s\nwanted: %s", t[i].line, r.status, r.out, r.err, t[i].part);
		e2e_release(&r);
	}
	struct e2e r;
	e2e_run(&r, "ls results");
	assert_int_not_equal(r.status, 0);
	e2e_release(&r);
}

static void test_job(void **state)
{
	(void)state;
	struct e2e r;
	static const struct { const char *yaml, *part; } t[] = {
		{ "engine: null\nrusn: 3\n", "job.yaml:2:1: unknown key rusn (did you mean runs?)" },
		{ "engine: null\nruns: many\n", "job.yaml:2:1: runs: \"many\" is not a whole number" },
		{ "runs: 3\n  seed: 4\n", "job.yaml:2:" },
		{ "runs: 3\nruns: 4\n", "job.yaml:2:1: the key runs is given twice" },
		{ "- runs\n", "job.yaml:1:1: a job is a mapping" },
		{ "", "a job is a mapping" },
		{ "job: job.yaml\n", "job.yaml:1:1: a job file cannot name another job file" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		e2e_write("job.yaml", t[i].yaml);
		e2e_run(&r, "$A latency --job job.yaml");
		if (r.status != 2 || !strstr(r.err, t[i].part) || lines(r.err) != 1)
			fail_msg("%s\nstatus %d, err: %s", t[i].yaml, r.status, r.err);
		e2e_release(&r);
	}
	e2e_write("job.yaml", "engine: 'null'\nprompt_tokens: [8]\noutput_tokens: 4\nruns: 5\nwarmup: 0\nseed: 9\n");
	e2e_run(&r, "ASSAY_SEED=4 ASSAY_NOTE=hello $A latency --job job.yaml --runs 2 -o job-out --no-progress");
	assert_int_equal(r.status, 0);
	json_t *v = e2e_json("job-out/result.json");
	assert_int_equal(json_integer_value(e2e_at(v, "config.runs")), 2);
	assert_int_equal(json_integer_value(e2e_at(v, "config.seed")), 9);
	assert_string_equal(json_string_value(e2e_at(v, "config.note")), "hello");
	json_decref(v);
	e2e_release(&r);
}

static void test_measures(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, LATENCY "-o deep/er/one");
	if (r.status)
		fail_msg("status %d: %s", r.status, r.err);
	assert_string_equal(r.err, "");
	assert_non_null(strstr(r.out, "result  deep/er/one/result.json\n"));
	assert_non_null(strstr(r.out, "\nnext    assay "));
	json_t *v = e2e_json("deep/er/one/result.json");
	assert_string_equal(json_string_value(e2e_at(v, "schema")), "assay.result/1");
	assert_string_equal(json_string_value(e2e_at(v, "command.1")), "latency");
	assert_string_equal(json_string_value(e2e_at(v, "engine.name")), "null");
	assert_int_equal(json_integer_value(e2e_at(v, "points.0.requests.offered")), 2);
	json_decref(v);
	e2e_release(&r);
	e2e_run(&r, "cd deep/er/one && ls result.json journal.bin report.md report.html manifest.json records.csv");
	assert_int_equal(r.status, 0);
	e2e_release(&r);
}

static void test_json_only(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, LATENCY "-o json-out --json");
	assert_int_equal(r.status, 0);
	assert_string_equal(r.err, "");
	json_t *doc = json_loads(r.out, JSON_REJECT_DUPLICATES, NULL), *file = e2e_json("json-out/result.json");
	assert_non_null(doc);
	assert_true(json_equal(doc, file));
	json_decref(doc);
	json_decref(file);
	e2e_release(&r);
}

static void test_default_directory(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "mkdir d && cd d && for i in 1 2 3; do " LATENCY "|| exit 9; done; ls results");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.out, "Z-latency-gpt2"));
	e2e_release(&r);
	e2e_run(&r, "ls d/results | wc -l; ls d/results | grep -cE '^[0-9]{8}T[0-9]{6}Z-latency-gpt2(-[23])?$'");
	assert_string_equal(r.out, "3\n3\n");
	e2e_release(&r);
}

static void test_output_refused(void **state)
{
	(void)state;
	static const struct { const char *before, *dir, *part; } t[] = {
		{ "mkdir full; echo x >full/x", "full", "--output full: not empty" },
		{ "echo x >file", "file", "--output file: a file, not a directory" },
		{ "echo x >file2", "file2/sub", "file2" },
		{ "mkdir taken; touch taken/journal.bin; flock taken/journal.bin sleep 20 & sleep 0.3", "taken", "taken: in use" },
		{ "true", "/proc/none", "/proc/none" },
		{ "true", "/dev/null/x", "/dev/null" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		e2e_run(&r, "(%s) >/dev/null 2>&1; " LATENCY "-o %s", t[i].before, t[i].dir);
		if (r.status != 2 || *r.out || lines(r.err) != 1 || !strstr(r.err, t[i].part))
			fail_msg("%s: status %d out %s err %s", t[i].dir, r.status, r.out, r.err);
		e2e_release(&r);
	}
}

/* No place to write, as an ordinary user: root may write anywhere, so it steps down first. */
static void test_output_unwritable(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "chmod 755 .; mkdir ro; chmod 555 ro; mkdir ro2; chmod 555 ro2; [ $(id -u) != 0 ] && echo user || { command -v setpriv >/dev/null && echo root; }");
	const char *as = strstr(r.out, "root") ? "setpriv --reuid=65534 --regid=65534 --clear-groups " : "";
	bool can = *r.out;
	e2e_release(&r);
	if (!can)
		skip();
	static const char *const dirs[] = { "ro/x", "ro2" };
	for (int i = 0; i < 2; i++) {
		e2e_run(&r, "%s" LATENCY "-o %s", as, dirs[i]);
		if (r.status == 126 || r.status == 127) {
			e2e_release(&r);
			skip(); /* that user cannot read the program */
		}
		if (r.status != 2 || lines(r.err) != 1 || !strstr(r.err, "Permission denied"))
			fail_msg("status %d out %s err %s", r.status, r.out, r.err);
		e2e_release(&r);
	}
}

static void test_streams(void **state)
{
	(void)state;
	static const struct { const char *line; int status; } t[] = {
		{ LATENCY "-o s1 <&-", 0 }, { LATENCY "-o s2 >&-", 0 }, { LATENCY "-o s3 2>&-", 0 }, { LATENCY "-o s4 <&- >&- 2>&-", 0 },
		{ "(" LATENCY "-o s5; echo $? >s5.status) | true; [ $(cat s5.status) = 0 ]", 0 },
		{ "(" LATENCY "-o s6 --json; echo $? >s6.status) | true; [ $(cat s6.status) = 0 ]", 0 },
		{ LATENCY "-o s7 >/dev/full", 3 },
		{ "$A help >&-", 0 }, { "$A help >/dev/full", 3 }, { "$A explain | head -1", 0 },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		e2e_run(&r, "%s", t[i].line);
		if (r.status != t[i].status)
			fail_msg("%s: status %d err %s", t[i].line, r.status, r.err);
		e2e_release(&r);
	}
	for (int i = 1; i <= 7; i++) {
		char name[40];
		snprintf(name, sizeof name, "s%d/result.json", i);
		json_t *v = e2e_json(name);
		if (!v)
			fail_msg("%s is missing", name);
		json_decref(v);
	}
}

static int widest(const char *s)
{
	int w = 0, best = 0;
	for (; *s; s++) {
		w = *s == '\n' ? 0 : w + (((unsigned char)*s & 0xc0) != 0x80);
		best = w > best ? w : best;
	}
	return best;
}

static void test_help(void **state)
{
	(void)state;
	static const char *const verbs[] = { "baseline", "latency", "throughput", "seqlen", "longdoc", "memory", "offline", "report", "explain", "models", "engines", "doctor", "completion", "man", "version", "help" };
	struct e2e r;
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		for (int columns = 40; columns <= 120; columns += 80) {
			char usage[64];
			snprintf(usage, sizeof usage, "usage: assay %s", verbs[i]);
			e2e_run(&r, "COLUMNS=%d $A %s --help", columns, verbs[i]);
			assert_int_equal(r.status, 0);
			assert_string_equal(r.err, "");
			assert_int_equal(strncmp(r.out, usage, strlen(usage)), 0);
			e2e_release(&r);
		}
	e2e_run(&r, "COLUMNS=60 $A help");
	assert_true(widest(r.out) < 60);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		assert_non_null(strstr(r.out, verbs[i]));
	assert_null(strstr(r.out, "oracle"));
	e2e_release(&r);
	e2e_run(&r, "$A");
	assert_int_equal(r.status, 2);
	assert_true(lines(r.err) < 8);
	e2e_release(&r);
	e2e_run(&r, "$A --help && $A -h && $A --version && $A latency -h");
	assert_int_equal(r.status, 0);
	e2e_release(&r);
}

static void test_narrow_and_colour(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "COLUMNS=50 " LATENCY "-o narrow");
	assert_int_equal(r.status, 0);
	if (widest(r.out) > 50)
		fail_msg("%d columns wide:\n%s", widest(r.out), r.out);
	assert_null(strchr(r.out, '\033')); /* no terminal, no colour */
	e2e_release(&r);
	/* script(1) gives the program a terminal */
	e2e_run(&r, "command -v script >/dev/null");
	bool has_script = r.status == 0;
	e2e_release(&r);
	if (!has_script)
		return;
	e2e_run(&r, "TERM=xterm script -qec \"" LATENCY "-o c1\" /dev/null");
	assert_non_null(strchr(r.out, '\033'));
	e2e_release(&r);
	e2e_run(&r, "TERM=xterm NO_COLOR=1 script -qec \"" LATENCY "-o c2 --no-progress\" /dev/null");
	assert_null(strchr(r.out, '\033'));
	e2e_release(&r);
	e2e_run(&r, "TERM=xterm script -qec \"" LATENCY "-o c3 --no-progress --no-color\" /dev/null");
	assert_null(strchr(r.out, '\033'));
	e2e_release(&r);
}

static void test_targets(void **state)
{
	(void)state;
	struct e2e r;
	e2e_write("met.yaml", "- {metric: ttft_ms, stat: mean, case: {experiment: latency}, max: 100000}\n");
	e2e_write("missed.yaml", "- {metric: output_tok_s, stat: value, case: {experiment: latency}, min: 1.0e+30}\n");
	e2e_write("bad.yaml", "- {metric: ttft_mss, stat: mean, max: 1}\n");
	e2e_run(&r, LATENCY "-o t1 --targets met.yaml");
	assert_int_equal(r.status, 0);
	e2e_release(&r);
	e2e_run(&r, LATENCY "-o t2 --targets missed.yaml");
	if (r.status != 1)
		fail_msg("status %d\n%s\n%s", r.status, r.out, r.err);
	e2e_release(&r);
	e2e_run(&r, LATENCY "-o t3 --targets bad.yaml");
	assert_int_equal(r.status, 2);
	assert_non_null(strstr(r.err, "bad.yaml:1:"));
	assert_int_equal(lines(r.err), 1);
	e2e_release(&r);
}

static void test_limit_everywhere(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "$A latency -e null --prompt-tokens 5000 --output-tokens 4 --runs 1 --warmup 0 -o lim");
	assert_int_equal(r.status, 3);
	assert_non_null(strstr(r.err, "no point could be measured"));
	json_t *v = e2e_json("lim/result.json");
	assert_string_equal(json_string_value(e2e_at(v, "points.0.status")), "limit");
	json_decref(v);
	e2e_release(&r);
}

/* A model that cannot be read: exit 3, one line, and no directory is left behind. */
static void test_bad_model(void **state)
{
	(void)state;
	static const char config[] = "{\"model_type\": \"gpt2\", \"n_layer\": 1, \"n_embd\": 64, \"n_head\": 1, \"vocab_size\": 100, \"n_positions\": 64, \"n_ctx\": 64}";
	static const char *const commands[] = {
		"mkdir m1; $A latency -m m1", "mkdir m2; echo '{' >m2/config.json; $A latency -m m2", "mkdir m3; cp config.json m3; $A latency -m m3 --prompt-tokens 8 --output-tokens 4",
		"echo GGUF >m4.gguf; $A latency -m m4.gguf", "echo x >m5; $A latency -m m5", "mkdir m6; cp config.json m6; echo short >m6/model.safetensors; $A memory -m m6",
	};
	e2e_write("config.json", config);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		struct e2e r;
		e2e_run(&r, "%s", commands[i]);
		if (r.status != 3 || *r.out || lines(r.err) != 1)
			fail_msg("%s: status %d\n%s\n%s", commands[i], r.status, r.out, r.err);
		e2e_release(&r);
	}
	struct e2e r;
	e2e_run(&r, "$A latency -m m3 -o m-out --prompt-tokens 8 --output-tokens 4; ls m-out");
	assert_int_equal(r.status, 2); /* of ls */
	e2e_release(&r);
}

static void test_dry_run(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, LATENCY "--dry-run -o dry; ls dry");
	assert_int_not_equal(r.status, 0); /* of ls: no directory was made */
	assert_non_null(strstr(r.out, "requests"));
	e2e_release(&r);
	e2e_run(&r, "$A offline -e null --preset s1 --dry-run");
	assert_int_equal(r.status, 2);
	assert_int_equal(lines(r.err), 1);
	assert_non_null(strstr(r.err, "3 of"));
	e2e_release(&r);
}

/* An hour of sim on the real clock: Ctrl-C after the first requests. */
static void test_interrupt(void **state)
{
	(void)state;
	static const struct { const char *signal; int status; } t[] = { { "INT", 130 }, { "TERM", 143 } };
	e2e_write("slow.yaml", "clock: real\nprefill: {fixed_ms: 5, per_token_us: 0}\ndecode: {fixed_ms: 5}\n");
	for (int i = 0; i < 2; i++) {
		struct e2e r;
		char name[40];
		e2e_run(&r, "$A latency -e sim:slow.yaml --prompt-tokens 8 --output-tokens 20 --runs 1000 --warmup 0 -o i%d & p=$!; sleep 1.5; kill -%s $p; wait $p", i, t[i].signal);
		if (r.status != t[i].status)
			fail_msg("status %d err %s", r.status, r.err);
		assert_non_null(strstr(r.err, "interrupted; results so far are saved in i"));
		snprintf(name, sizeof name, "i%d/result.json", i);
		json_t *v = e2e_json(name);
		assert_true(json_is_true(e2e_at(v, "interrupted")));
		assert_true(json_integer_value(e2e_at(v, "points.0.requests.succeeded")) >= 2);
		json_decref(v);
		e2e_release(&r);
	}
}

/* While a run writes, nobody else touches its directory. */
static void test_live_directory(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "$A latency -e sim:slow.yaml --prompt-tokens 8 --output-tokens 400 --runs 1000 --warmup 0 -o live >/dev/null 2>&1 & p=$!; sleep 1.5; "
	            "$A report live; echo $?; " LATENCY "-o live; echo $?; kill -INT $p; wait $p; echo $?; $A report live >/dev/null; echo $?");
	assert_string_equal(r.out, "2\n2\n130\n0\n");
	assert_non_null(strstr(r.err, "live: in use"));
	e2e_release(&r);
}

static void test_report_again(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, LATENCY "-o again && cp again/result.json was.json && rm again/report.md && $A report again >/dev/null && cmp was.json again/result.json && ls again/report.md");
	if (r.status)
		fail_msg("status %d: %s", r.status, r.err);
	e2e_release(&r);
	/* the journal alone, cut in the middle */
	e2e_run(&r, "mkdir torn && n=$(stat -c %%s again/journal.bin) && head -c $((n - 40)) again/journal.bin >torn/journal.bin && $A report torn");
	assert_int_equal(r.status, 0);
	assert_non_null(strstr(r.err, "recovered from torn/journal.bin"));
	json_t *v = e2e_json("torn/result.json");
	assert_true(json_is_true(e2e_at(v, "interrupted")));
	json_decref(v);
	e2e_release(&r);
	e2e_run(&r, "mkdir none && head -c 20 again/journal.bin >none/journal.bin && $A report none");
	assert_int_equal(r.status, 3);
	assert_int_equal(lines(r.err), 1);
	assert_non_null(strstr(r.err, "nothing recorded"));
	e2e_release(&r);
}

/* The file size limit stands for a full disk: the journal stops growing in the middle of the run. */
static void test_disk_full(void **state)
{
	(void)state;
	struct e2e r;
	e2e_run(&r, "ulimit -f 64; $A latency -e null --prompt-tokens 8 --output-tokens 100 --runs 500 --warmup 0 -o df");
	if (r.status != 3)
		fail_msg("status %d\n%s\n%s", r.status, r.out, r.err);
	assert_non_null(strstr(r.err, "File too large"));
	assert_non_null(strstr(r.err, "results so far: df (assay report df)"));
	assert_true(lines(r.err) <= 3);
	e2e_release(&r);
	e2e_run(&r, "rm -f df/result.json; $A report df --json");
	assert_int_equal(r.status, 0);
	json_t *v = json_loads(r.out, 0, NULL);
	assert_true(json_integer_value(e2e_at(v, "points.0.requests.succeeded")) >= 1);
	json_decref(v);
	e2e_release(&r);
}

static void test_tools(void **state)
{
	(void)state;
	static const struct { const char *line, *part; } t[] = {
		{ "$A version", "commit" }, { "$A engines", "sim:FILE" }, { "$A models list", "qwen2.5-0.5b" }, { "$A models show gpt2", "124439808" }, { "$A explain", "tpot_ms" },
		{ "$A explain itl_ms ttft_ms", "TTFT" }, { "$A man", ".TH ASSAY 1" }, { "$A completion bash | bash -n && echo fine", "fine" }, { "$A help latency", "--prompt-tokens" },
		{ "bash -c 'source <($A completion bash); COMP_WORDS=(assay latency --dt) COMP_CWORD=2; _assay; echo ${COMPREPLY[*]}'", "--dtype" },
		{ "bash -c 'source <($A completion bash); COMP_WORDS=(assay latency --isa a) COMP_CWORD=3; _assay; echo ${COMPREPLY[*]}'", "auto avx2 avx512 amx" },
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct e2e r;
		e2e_run(&r, "%s", t[i].line);
		if (r.status || !strstr(r.out, t[i].part))
			fail_msg("%s: status %d\n%s\n%s", t[i].line, r.status, r.out, r.err);
		e2e_release(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_job), cmocka_unit_test(test_measures), cmocka_unit_test(test_json_only), cmocka_unit_test(test_default_directory),
		cmocka_unit_test(test_output_refused), cmocka_unit_test(test_output_unwritable), cmocka_unit_test(test_streams), cmocka_unit_test(test_help),
		cmocka_unit_test(test_narrow_and_colour), cmocka_unit_test(test_targets), cmocka_unit_test(test_limit_everywhere), cmocka_unit_test(test_bad_model), cmocka_unit_test(test_dry_run),
		cmocka_unit_test(test_interrupt), cmocka_unit_test(test_live_directory), cmocka_unit_test(test_report_again), cmocka_unit_test(test_disk_full), cmocka_unit_test(test_tools),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
