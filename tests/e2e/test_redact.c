/* A redacted result: no file of it holds what was private, every number is the original's, verify says what it is; at the end of a run too, and after a kill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "core/journal.h"
#include "core/journal_format.h"
#include "e2e.h"

static int set_up(void **state)
{
	struct e2e r;
	(void)state;
	e2e_run(&r, "mkdir -p hush/secretfolder && printf 'prefill: {fixed_ms: 4}\\ndecode: {fixed_ms: 10}\\n' >hush/secretfolder/sim.yaml && "
		    "$A baseline -q -e sim:hush/secretfolder/sim.yaml -o one --legacy s0,s2,s3,s4 --label k=v --note \"at $PWD by $(uname -n)\"");
	int status = r.status;
	e2e_release(&r);
	return status;
}

static void test_copy(void **state)
{
	(void)state;
	e2e_expect(0, "$A report one --redact -o copy --legacy s0,s2,s3,s4", "result  copy/result.json", "");
	e2e_expect(1, "grep -rl -e secretfolder -e \"$PWD\" copy", "", "");
	e2e_expect(0, "grep -rl secretfolder one | wc -l | tr -d ' '", "", ""); /* the original stays as it is */
	e2e_expect(0, "$A verify one && $A verify copy", "redacted     a copy of the journal ", "");
	e2e_expect(0, "$A verify copy --json | grep -c \"\\\"redacted_of\\\": \\\"$(sha256sum one/journal.bin | cut -c1-64)\"", "1", "");
	e2e_expect(1, "sed -i s/4/5/ copy/latency_results.csv; $A verify copy", "latency_results.csv: line 2", "");
	json_t *a = e2e_json("one/result.json"), *b = e2e_json("copy/result.json");
	static const char *const same[] = { "points", "verdict", "telemetry", "memory", "model", "truth", "created", "seed" };
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		if (!json_equal(json_object_get(a, same[i]), json_object_get(b, same[i])))
			fail_msg("%s differs", same[i]);
	assert_string_equal(json_string_value(e2e_at(b, "machine.host")), "(host)");
	assert_string_equal(json_string_value(e2e_at(b, "config.engine")), "sim:(path)");
	assert_string_equal(json_string_value(e2e_at(b, "config.label.k")), "v");
	assert_non_null(e2e_at(b, "redacted.of"));
	assert_null(e2e_at(a, "redacted"));
	json_decref(a);
	json_decref(b);
	e2e_expect(0, "$A report one --redact -o again && $A report again --redact -o twice && test \"$(grep '\"of\"' again/result.json)\" = \"$(grep '\"of\"' twice/result.json)\"", "", "");
}

/* What commands print is theirs: neither their log nor its last line is published. */
static void test_commands(void **state)
{
	(void)state;
	e2e_expect(0, "$A latency -q -e sim:hush/secretfolder/sim.yaml --setup 'echo hunter2' --redact -o said && $A verify said", "redacted", "");
	e2e_expect(1, "grep -ral hunter2 said", "", "");
	e2e_expect(0, "$A latency -q -e sim:hush/secretfolder/sim.yaml --setup 'echo hunter2' -o says && $A report says --redact -o said2 && $A verify said2", "redacted", "");
	e2e_expect(1, "grep -ral hunter2 said2", "", "");
}

static void test_refused(void **state)
{
	(void)state;
	e2e_expect(2, "$A report one --redact", "", "");
	e2e_expect(2, "$A report one -o elsewhere", "", "");
	e2e_expect(2, "$A report one --redact -o one", "", "");
	e2e_expect(2, "$A report nowhere --redact -o new", "", "");
	e2e_expect(3, "mkdir -p broken && echo x >broken/journal.bin; $A report broken --redact -o new", "", "");
	e2e_expect(2, "ls new", "", ""); /* nothing is left behind */
}

/* At the end of a run; the journal of a killed one is redacted when it is rebuilt. */
static void test_run(void **state)
{
	(void)state;
	e2e_expect(0, "$A latency -q -e sim:hush/secretfolder/sim.yaml -o quiet --redact && $A verify quiet", "redacted     a copy", "");
	e2e_expect(1, "grep -rl secretfolder quiet", "", "");
	e2e_write("slow.yaml", "clock: real\nprefill: {fixed_ms: 5}\ndecode: {fixed_ms: 5}\n");
	e2e_expect(0, "cp slow.yaml hush/secretfolder/; $A latency --runs 1000 -e sim:hush/secretfolder/slow.yaml -o killed --redact >/dev/null 2>&1 & sleep 1.5; kill -9 $!; wait $!; $A report killed >/dev/null", "", "");
	e2e_expect(1, "grep -rl secretfolder killed", "", "");
}

/* The journal of result one in two files, as a long run leaves it: cut at a frame near the middle. */
static void split_journal(const char *dir)
{
	struct assay_buf b, second;
	unsigned char start[JOURNAL_START], head[JOURNAL_FRAME];
	char *path = xasprintf("%s/%s/journal.bin", e2e_dir(), dir), *other = xasprintf("%s/%s/journal-001.bin", e2e_dir(), dir), text[100];
	assay_buf_init(&b, (size_t)1 << 28);
	assay_buf_init(&second, (size_t)1 << 28);
	assert_int_equal(assay_fs_read(path, &b, ASSAY_E_IO, NULL), 0);
	size_t at = JOURNAL_START;
	for (uint32_t n; at < b.len_bytes / 2; at += JOURNAL_FRAME + n)
		memcpy(&n, b.data + at, 4);
	int n = snprintf(text, sizeof text, "{\"index\": 1, \"before_bytes\": %zu}", at);
	journal_start_put(start);
	journal_frame_put(head, ASSAY_REC_SEGMENT, text, (uint32_t)n);
	assay_buf_append(&second, start, sizeof start);
	assay_buf_append(&second, head, sizeof head);
	assay_buf_append(&second, text, (size_t)n);
	assay_buf_append(&second, b.data + at, b.len_bytes - at);
	assert_int_equal(assay_fs_write_atomic(other, second.data, second.len_bytes, NULL), 0);
	assert_int_equal(assay_fs_write_atomic(path, b.data, at, NULL), 0);
	assay_buf_release(&b);
	assay_buf_release(&second);
	free(path);
	free(other);
}

static void test_segments(void **state)
{
	(void)state;
	e2e_expect(0, "mkdir long && cp one/journal.bin long/", "", "");
	split_journal("long");
	e2e_expect(0, "$A report long >/dev/null 2>&1 && $A verify long && $A report long --redact -o longcopy && $A verify longcopy", "redacted     a copy of the journal ", "");
	e2e_expect(0, "$A verify longcopy --json | grep -c \"\\\"redacted_of\\\": \\\"$($A verify long --json | sed -n 's/.*\"fingerprint\": \"\\(.*\\)\".*/\\1/p')\"", "1", "");
	e2e_expect(1, "grep -rl secretfolder longcopy", "", "");
	json_t *a = e2e_json("one/result.json"), *b = e2e_json("longcopy/result.json");
	assert_true(json_equal(json_object_get(a, "points"), json_object_get(b, "points")));
	assert_int_equal(json_array_size(e2e_at(b, "files")), 2);
	json_decref(a);
	json_decref(b);
}

static void test_tokens(void **state)
{
	struct assay_run run_ = { 0 };
	struct assay_err e = ASSAY_ERR_INIT;
	char *model = realpath("tests/golden/gpt2", NULL), line[4400], *dir = xasprintf("%s/public", e2e_dir());
	(void)state;
	if (!model)
		skip();
	snprintf(line, sizeof line, "$A latency -m %s -q --prompt-tokens 8 --output-tokens 8 -o public --redact", model);
	struct e2e r;
	e2e_run(&r, "%s", line);
	e2e_release(&r);
	assert_int_equal(assay_journal_read(dir, &run_, &e), 0);
	assert_true(run_.n_tokens > 0);
	for (size_t i = 0; i < run_.n_tokens; i++)
		assert_int_equal(run_.tokens[i].token, -1);
	assay_run_release(&run_);
	snprintf(line, sizeof line, "grep -rl '%s' public", model);
	e2e_expect(1, line, "", "");
	free(dir);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_copy), cmocka_unit_test(test_commands), cmocka_unit_test(test_refused), cmocka_unit_test(test_run), cmocka_unit_test(test_segments), cmocka_unit_test(test_tokens) };
	return cmocka_run_group_tests(tests, set_up, NULL);
}
