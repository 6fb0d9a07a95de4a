/* assay verify over a folder of results, and over results of other versions: whole by their hashes, not recomputed, and still found out when edited. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "core/journal_format.h"
#include "e2e.h"
#include "report/report.h"

static int set_up(void **state)
{
	struct e2e r;
	(void)state;
	e2e_write("sim.yaml", "prefill: {fixed_ms: 4, per_token_us: 100}\ndecode: {fixed_ms: 10}\n");
	e2e_run(&r, "for i in 1 2 3; do $A latency -q -e sim:sim.yaml --seed $i -o many/deep/r$i || exit 1; done; cp -r many/deep/r1 one; mkdir empty");
	int status = r.status;
	e2e_release(&r);
	return status;
}

static void test_folder(void **state)
{
	struct e2e r;
	(void)state;
	e2e_expect(0, "$A verify many", "3 results: 3 ok, 0 not ok", "");
	e2e_expect(1, "sed -i s/4/5/ many/deep/r2/latency_results.csv; $A verify many", "3 results: 2 ok, 1 not ok", "");
	e2e_expect(1, "$A verify many", "  latency_results.csv: line 2", "");
	e2e_expect(2, "$A verify empty", "", "");
	e2e_expect(2, "$A verify many --expect 0000000000000000000000000000000000000000000000000000000000000000", "", "");
	e2e_run(&r, "$A verify many --json");
	json_t *v = json_loads(r.out, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(r.status, 1);
	assert_true(json_is_false(json_object_get(v, "ok")));
	assert_int_equal(json_integer_value(e2e_at(v, "not_ok")), 1);
	assert_string_equal(json_string_value(e2e_at(v, "list.1.dir")), "many/deep/r2");
	assert_true(json_is_false(e2e_at(v, "list.1.ok")));
	assert_true(json_is_true(e2e_at(v, "list.2.ok")));
	json_decref(v);
	e2e_release(&r);
}

/* The journal's bytes; the caller writes them back. */
static void edit_journal(const char *dir, void (*edit)(char *data, size_t n))
{
	struct assay_buf b;
	char *path = xasprintf("%s/journal.bin", dir);
	assay_buf_init(&b, (size_t)1 << 28);
	assert_int_equal(assay_fs_read(path, &b, ASSAY_E_IO, NULL), 0);
	edit(b.data, b.len_bytes);
	assert_int_equal(assay_fs_write_atomic(path, b.data, b.len_bytes, NULL), 0);
	assay_buf_release(&b);
	free(path);
}

/* The header record says that its definitions are of version 9; its checksum is right. */
static void other_definitions(char *data, size_t n)
{
	static const char key[] = "\"definitions\":\"";
	char *at = memmem(data, n, key, sizeof key - 1), *frame = data + JOURNAL_START;
	uint32_t len;
	assert_non_null(at);
	at[sizeof key - 1] = '9';
	memcpy(&len, frame, 4);
	uint32_t crc = journal_crc((unsigned char *)frame, frame + JOURNAL_FRAME, len);
	memcpy(frame + 8, &crc, 4);
}

static void other_format(char *data, size_t n)
{
	assert_true(n > JOURNAL_START);
	data[8] = 7;
}

/* A copy of result one, as an assay of another version might have left it: all hashes are right. */
static char *other_version(const char *name, void (*edit)(char *, size_t), const char *key, const char *value)
{
	char line[100], *dir = xasprintf("%s/%s", e2e_dir(), name);
	snprintf(line, sizeof line, "cp -r one %s", name);
	e2e_expect(0, line, "", "");
	json_t *doc = assay_result_load(dir, NULL);
	assert_non_null(doc);
	if (edit)
		edit_journal(dir, edit);
	if (key)
		json_object_set_new(doc, key, json_string(value));
	assert_int_equal(assay_result_write(dir, doc, NULL), 0);
	assert_int_equal(assay_manifest_write(dir, NULL), 0);
	json_decref(doc);
	return dir;
}

static void test_versions(void **state)
{
	static const struct { const char *name; void (*edit)(char *, size_t); const char *key, *value, *says; } rows[] = {
		{ "definitions", other_definitions, "definitions", "9", "journal.bin: header.definitions: mixed_version: written with definitions 9, this assay has 1: only hashes were checked" },
		{ "format", other_format, NULL, NULL, "journal.bin: header: mixed_version: " },
		{ "schema", NULL, "schema", "assay.result/2", "result.json: schema: mixed_version: written as assay.result/2, this assay has assay.result/1: only hashes were checked" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char line[300], *dir = other_version(rows[i].name, rows[i].edit, rows[i].key, rows[i].value);
		snprintf(line, sizeof line, "$A verify %s", rows[i].name);
		e2e_expect(1, line, rows[i].says, "");
		e2e_expect(1, line, " files; only hashes could be checked", "");
		snprintf(line, sizeof line, "$A verify %s --json | grep -c '\"mixed_version\": true'", rows[i].name);
		e2e_expect(0, line, "1", "");
		/* hashes still find an edit */
		snprintf(line, sizeof line, "cd %s && sed -i 's/\"seed\": 1/\"seed\": 2/' result.json; $A verify .", rows[i].name);
		e2e_expect(1, line, "result.json: id: changed", "");
		snprintf(line, sizeof line, "cd %s && sed -i 's/1/2/' records.csv; $A verify .", rows[i].name);
		e2e_expect(1, line, "records.csv: changed", "");
		free(dir);
	}
	e2e_expect(2, "$A compare schema one 2>&1", "assay.result/2 is of another assay; this one reads assay.result/1", "");
	e2e_expect(2, "$A compare definitions one 2>&1", "definitions version: 9 against 1", "");
	e2e_expect(3, "$A report format 2>&1", "journal of another version", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_folder), cmocka_unit_test(test_versions) };
	return cmocka_run_group_tests(tests, set_up, NULL);
}
