/* What ran: hashes whole and sampled, and that nothing of an environment or a kernel command line comes in but what is listed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "telemetry/provenance.h"

static char path[] = "/tmp/assay-provenance-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 || write(fd, "abc", 3) != 3 || close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static void change(off_t at, const char *byte)
{
	FILE *f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fseeko(f, at, SEEK_SET), 0);
	assert_int_equal(fwrite(byte, 1, 1, f), 1);
	assert_int_equal(fclose(f), 0);
}

static void test_file(void **state)
{
	static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; /* FIPS 180-2, B.1 */
	(void)state;
	json_t *o = assay_provenance_file(path, 1000);
	assert_string_equal(assay_json_get_str(o, "sha256", ""), abc);
	assert_string_equal(assay_json_get_str(o, "method", ""), "sha256");
	assert_int_equal(assay_json_get_int(o, "bytes", 0), 3);
	json_decref(o);
	o = assay_provenance_file("/nowhere/x", 1000);
	assert_true(json_is_null(json_object_get(o, "sha256")));
	assert_string_equal(assay_json_get_str(o, "reason", ""), "no such file");
	json_decref(o);
	o = assay_provenance_file("/dev/null", 1000);
	assert_string_equal(assay_json_get_str(o, "reason", ""), "not a regular file");
	json_decref(o);
}

/* Holes read as zeros: a sparse file of 100 MiB + 5. */
static void test_sampled(void **state)
{
	enum { MIB = 1 << 20 };
	char before[65], after[65], whole[65];
	(void)state;
	assert_int_equal(truncate(path, 0) || truncate(path, 10 * MIB), 0);
	assert_int_equal(assay_fs_sha256_sampled(path, before, NULL), 0);
	assert_int_equal(assay_fs_sha256(path, whole, NULL, NULL), 0);
	assert_string_equal(before, whole); /* small: all of it */
	assert_int_equal(truncate(path, 100 * MIB + 5), 0);
	assert_int_equal(assay_fs_sha256_sampled(path, before, NULL), 0);
	static const struct { off_t at; bool seen; } rows[] = {
		{ 0, true }, { MIB - 1, true }, { MIB, false }, { 100 * MIB + 4, true }, { 99 * MIB + 5, true }, { 99 * MIB + 4, false }, { (off_t)((99 * MIB + 5) / 63) * 31, true },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		change(rows[i].at, "x");
		assert_int_equal(assay_fs_sha256_sampled(path, after, NULL), 0);
		if (rows[i].seen != (strcmp(before, after) != 0))
			fail_msg("a change of byte %lld is %s", (long long)rows[i].at, rows[i].seen ? "not seen" : "seen");
		change(rows[i].at, "");
	}
	json_t *o = assay_provenance_file(path, 64 * MIB);
	assert_string_equal(assay_json_get_str(o, "method", ""), "sha256-sampled");
	assert_string_equal(assay_json_get_str(o, "sha256", ""), before);
	json_decref(o);
	assert_int_equal(truncate(path, 100 * MIB + 4), 0); /* another size, the same zeros */
	assert_int_equal(assay_fs_sha256_sampled(path, after, NULL), 0);
	assert_string_not_equal(before, after);
}

static void test_process(void **state)
{
	(void)state;
	setenv("OMP_NUM_THREADS", "3", 1);
	setenv("OMP", "no", 1);
	setenv("MY_API_KEY", "secret", 1);
	setenv("ASSAY_TOKEN", "secret", 1);
	json_t *o = assay_provenance(), *env = json_object_get(o, "environment");
	char *all = json_dumps(o, 0);
	assert_null(strstr(all, "secret"));
	assert_string_equal(assay_json_get_str(env, "OMP_NUM_THREADS", ""), "3");
	assert_null(json_object_get(env, "OMP"));
	assert_int_equal(strlen(assay_json_get_str(json_object_get(o, "binary"), "sha256", "")), 64);
	free(all);
	json_decref(o);
}

static void test_kernel(void **state)
{
	(void)state;
	json_t *a = assay_provenance_kernel_words("root=/dev/sda1 mitigations=off  quiet nosmt\tpassword=x isolcpus=1-3 nosmtx mem\n");
	char *all = json_dumps(a, JSON_COMPACT);
	assert_string_equal(all, "[\"mitigations=off\",\"nosmt\",\"isolcpus=1-3\",\"mem\"]");
	free(all);
	json_decref(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_file), cmocka_unit_test(test_sampled), cmocka_unit_test(test_process), cmocka_unit_test(test_kernel) };
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
