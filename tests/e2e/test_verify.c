/* assay verify: every seeded single-byte edit of every file is found and named by its file; so are files that are missing,
 * added or of another run; and what nobody touched is ok. EDIT_SEED=N repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "e2e.h"
#include "report/verify.h"

enum { EDITS = 100, EDITS_LEGACY = 5 };

static const char sim_yaml[] = "clock: virtual\nprefill: {fixed_ms: 5, per_token_us: 100}\ndecode: {fixed_ms: 8, per_sequence_us: 200}\nkv: {tokens: 3000, bytes_per_token: 36864}\n"
			       "weights_mib: 250\nnoise: {cv: 0.02, seed: 1}\nceilings: {read_gb_s: 20, gemm_gflop_s: 2000}\ntelemetry: [{at_ms: 0, cpu_steal_pct: 0, rss_mib: 500}]\n";

static void sh(int status, const char *line)
{
	struct e2e r;
	e2e_run(&r, "%s", line);
	if (r.status != status)
		fail_msg("%s: status %d, should be %d\n%s\n%s", line, r.status, status, r.out, r.err);
	e2e_release(&r);
}

/* The first problem's "where: what" (owned), "" when ok; *n = problems. */
static char *problems(const char *dir, int *n)
{
	struct assay_verify v;
	struct assay_err e = ASSAY_ERR_INIT;
	char *path = xasprintf("%s/%s", e2e_dir(), dir);
	if (assay_verify(path, NULL, NULL, &v, &e))
		fail_msg("%s: %s", dir, e.msg);
	const json_t *p = json_array_get(v.problems, 0);
	*n = (int)json_array_size(v.problems);
	assert_int_equal(v.ok, *n == 0);
	char *s = p ? xasprintf("%s: %s", assay_json_get_str(p, "where", "?"), assay_json_get_str(p, "what", "?")) : xstrdup("");
	for (int i = 0; i < *n; i++) /* a problem with one file is not blamed on another */
		if (strncmp(assay_json_get_str(json_array_get(v.problems, i), "where", ""), s, strcspn(s, ":")))
			*n = 1000;
	assay_verify_release(&v);
	free(path);
	return s;
}

static char *slurp(const char *dir, const char *file, size_t *n)
{
	struct assay_buf b;
	char *path = xasprintf("%s/%s/%s", e2e_dir(), dir, file);
	assay_buf_init(&b, (size_t)1 << 28);
	assert_int_equal(assay_fs_read(path, &b, ASSAY_E_IO, NULL), 0);
	free(path);
	*n = b.len_bytes;
	return b.data;
}

static void spill(const char *dir, const char *file, const char *data, size_t n)
{
	char *path = xasprintf("%s/%s/%s", e2e_dir(), dir, file);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	free(path);
}

static uint64_t edit_seed(void)
{
	const char *fixed = getenv("EDIT_SEED");
	return fixed ? strtoull(fixed, NULL, 10) : 4711;
}

/* Single-byte edits of one file, one at a time. */
static void edit_file(const char *dir, const char *file, uint64_t edits)
{
	bool whole = strcmp(file, "manifest.json") != 0; /* an edit there may also make it name a file that is not here */
	size_t n, found = 0;
	char *data = slurp(dir, file, &n), *prefix = xasprintf("%s: ", file);
	for (uint64_t i = 0; i < edits; i++) {
		size_t at = (size_t)(assay_rng_unit(edit_seed(), 3 * i) * (double)n);
		char was = data[at], now = (char)(was + 1 + (int)(assay_rng_unit(edit_seed(), 3 * i + 1) * 255));
		if (i % 2) { /* every second one as a forger would: another digit */
			for (size_t k = 0; k < n && !(data[at] >= '0' && data[at] <= '9'); k++)
				at = (at + 1) % n;
			was = data[at];
			now = (char)(was == '9' ? '0' : was + 1);
		}
		data[at] = now;
		spill(dir, file, data, n);
		int count;
		char *first = problems(dir, &count);
		bool named = strncmp(first, prefix, strlen(prefix)) == 0;
		if (!count || (whole && (!named || count > 2)))
			fail_msg("%s/%s: byte %zu from %02x to %02x: %d problems, first \"%s\"", dir, file, at, (unsigned char)was, (unsigned char)now, count, first);
		found += count > 0;
		free(first);
		data[at] = was;
	}
	spill(dir, file, data, n);
	printf("# %s/%s: %zu of %d edits found\n", dir, file, found, (int)edits);
	free(prefix);
	free(data);
}

static void edit_all(const char *dir)
{
	size_t i;
	json_t *entry;
	char *path = xasprintf("%s/manifest.json", dir);
	json_t *manifest = e2e_json(path);
	int n;
	json_array_foreach(json_object_get(manifest, "files"), i, entry)
		edit_file(dir, assay_json_get_str(entry, "path", ""), strncmp(assay_json_get_str(entry, "path", ""), "legacy/", 7) ? EDITS : EDITS_LEGACY);
	edit_file(dir, "manifest.json", EDITS_LEGACY * 4);
	char *first = problems(dir, &n);
	assert_string_equal(first, "");
	free(first);
	json_decref(manifest);
	free(path);
}

static void test_edits_sim(void **state)
{
	(void)state;
	e2e_write("sim.yaml", sim_yaml);
	sh(0, "$A baseline -q -e sim:sim.yaml -o sim --legacy s0,s2,s3,s4 && $A verify sim");
	edit_all("sim");
}

static void test_edits_cpu(void **state)
{
	(void)state;
	char *model = realpath("tests/golden/gpt2", NULL);
	if (!model)
		skip();
	char *line = xasprintf("$A latency -m %s -q --prompt-tokens 8 --output-tokens 8 -o cpu; $A verify cpu", model);
	sh(0, line);
	edit_all("cpu");
	free(line);
	free(model);
}

/* What a change of files is called. */
static void test_files(void **state)
{
	static const struct { const char *change, *says; } rows[] = {
		{ "rm report.md", "report.md: missing" },
		{ "rm journal.bin", "journal.bin: missing" },
		{ "rm result.json", "result.json: missing" },
		{ "rm manifest.json", "manifest.json: missing" },
		{ "rm latency_results.csv", "latency_results.csv: missing" },
		{ "echo x >extra.txt", "extra.txt: added" },
		{ "mkdir -p legacy/s9 && echo x >legacy/s9/x", "legacy/s9/x: added" },
		{ "echo x >\"$(printf 'a\\033[2Jb\\377')\"", "a?[2Jb\xef\xbf\xbd: added" },
		{ "cp ../two/journal.bin .", "journal.bin: changed, or of another run" },
		{ "cp ../two/result.json .", "result.json: " },
		{ "cp ../two/latency_results.csv .", "latency_results.csv: line 2, column test_case" },
		{ "truncate -s -5 journal.bin", "journal.bin: changed, or of another run" },
		{ "truncate -s -5 journal.bin && rm manifest.json result.json", "journal.bin: byte " },
		{ ": >journal.bin", "journal.bin: changed, or of another run" },
		{ ": >result.json", "result.json: line 1" },
		{ "echo >>records.csv", "records.csv: line " },
		{ "rm report.md && ln -s /etc/hostname report.md", "report.md: missing" },
		{ "echo x >note.txt && $A report . >/dev/null 2>&1 && echo y >note.txt", "note.txt: changed" },
	};
	(void)state;
	e2e_write("sim.yaml", sim_yaml);
	sh(0, "$A latency -q -e sim:sim.yaml -o one && $A latency -q --seed 1 --runs 7 --prompt-tokens 33 -e sim:sim.yaml -o two");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct e2e r;
		e2e_run(&r, "rm -rf t && cp -r one t && cd t && %s", rows[i].change);
		assert_int_equal(r.status, 0);
		e2e_release(&r);
		e2e_run(&r, "$A verify t");
		char *line = strchr(r.out, '\n');
		if (r.status != 1 || !line || strncmp(line + 3, rows[i].says, strlen(rows[i].says)))
			fail_msg("%s: status %d, should begin with \"%s\":\n%s%s", rows[i].change, r.status, rows[i].says, r.out, r.err);
		e2e_release(&r);
	}
}

static void test_command(void **state)
{
	struct e2e r;
	char hash[65], line[300];
	(void)state;
	e2e_write("sim.yaml", sim_yaml);
	sh(0, "$A latency -q -e sim:sim.yaml -o cmd");
	snprintf(line, sizeof line, "%s/cmd/journal.bin", e2e_dir());
	assert_int_equal(assay_fs_sha256(line, hash, NULL, NULL), 0);
	e2e_run(&r, "$A verify cmd --json --expect %s", hash);
	assert_int_equal(r.status, 0);
	json_t *v = json_loads(r.out, 0, NULL);
	assert_true(json_is_true(json_object_get(v, "ok")));
	assert_int_equal(json_integer_value(json_object_get(v, "checked")), 7);
	assert_int_equal(json_array_size(json_object_get(v, "problems")), 0);
	assert_string_equal(json_string_value(json_object_get(v, "fingerprint")), hash);
	json_decref(v);
	e2e_release(&r);
	hash[0] = hash[0] == 'a' ? 'b' : 'a';
	e2e_run(&r, "$A verify cmd --json --expect %s", hash);
	assert_int_equal(r.status, 1);
	v = json_loads(r.out, 0, NULL);
	assert_true(json_is_false(json_object_get(v, "ok")));
	assert_string_equal(json_string_value(e2e_at(v, "problems.0.where")), "journal.bin");
	assert_non_null(strstr(json_string_value(e2e_at(v, "problems.0.what")), "not the one expected"));
	json_decref(v);
	e2e_release(&r);
	sh(2, "$A verify cmd --expect abc");
	sh(2, "$A verify nowhere");
	sh(2, "$A verify");
	sh(2, "mkdir -p empty && $A verify empty");
	sh(0, "$A report cmd --legacy s3 >/dev/null && $A verify cmd");
	sh(0, "rm cmd/report.md cmd/manifest.json && $A report cmd >/dev/null && $A verify cmd");
}

/* Limits, dropped points, other verbs, a killed run that was rebuilt. */
static void test_results_of_all_kinds(void **state)
{
	static const char *const runs[] = {
		"latency -q", "throughput -q --batch 1,4,256", "seqlen -q", "memory -q", "longdoc -q", "offline -q", "baseline -q --format csv",
		"latency -q -m gpt2 --prompt-tokens 5000", "latency --runs 20 --no-ignore-eos --format md",
	};
	(void)state;
	e2e_write("sim.yaml", sim_yaml);
	for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
		char *line = xasprintf("$A %s -e sim:sim.yaml -o all%zu >/dev/null 2>&1; $A verify all%zu", runs[i], i, i);
		sh(0, line);
		free(line);
	}
	e2e_write("slow.yaml", "clock: real\nprefill: {fixed_ms: 5, per_token_us: 0}\ndecode: {fixed_ms: 5}\n");
	struct e2e r;
	e2e_run(&r, "$A latency --runs 1000 -e sim:slow.yaml -o killed >/dev/null 2>&1 & sleep 2; kill -9 $!; wait $!; $A verify killed; $A report killed >/dev/null 2>&1; $A verify killed");
	char *again = strstr(r.out + 1, "not ok: ");
	assert_int_equal(r.status, 1);
	assert_non_null(strstr(r.out, "journal.bin: byte"));
	assert_non_null(strstr(r.out, "interrupted"));
	assert_non_null(strstr(r.out, "result.json: missing"));
	assert_non_null(again);
	assert_non_null(strstr(again, "1 problem in")); /* rebuilt: all follows from what was read */
	e2e_release(&r);
	e2e_run(&r, "$A latency --runs 1000 -e sim:slow.yaml -o stopped >/dev/null 2>&1 & sleep 2; kill -TERM $!; wait $!; $A verify stopped");
	assert_int_equal(r.status, 0);
	e2e_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_command), cmocka_unit_test(test_files), cmocka_unit_test(test_results_of_all_kinds), cmocka_unit_test(test_edits_cpu),
					    cmocka_unit_test(test_edits_sim) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
