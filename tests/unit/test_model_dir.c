/* The directory that a worker loads: named after model, type and seed or file, written once, whole or not at all, by one process at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "engine/model_dir.h"
#include "nn/source.h"
#include "unit/gguf_build.h"

static char cache[] = "/tmp/assay-model-dir-XXXXXX";
static char *model; /* a small GGUF */

static int setup(void **state)
{
	struct gguf_build b;
	(void)state;
	gguf_build_init(&b);
	gguf_put_llama_keys(&b, "llama");
	gguf_put_llama_tensors(&b);
	model = gguf_build_save(&b, "model-dir.gguf");
	gguf_build_release(&b);
	return mkdtemp(cache) && !setenv("XDG_CACHE_HOME", cache, 1) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	unlink(model);
	free(model);
	return assay_fs_remove_tree(cache);
}

static int progress_calls, waits;
static int held = -1; /* fd of a lock that another process would hold */

static void count(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	assert_true(done <= total);
	progress_calls += total > 0;
	waits += !total;
	if (!total && waits == 2 && held >= 0)
		flock(held, LOCK_UN);
}

static bool yes(void) { return true; }

static char *path_of(const struct assay_model_dir *m)
{
	struct nn_shape s;
	struct assay_err e = ASSAY_ERR_INIT;
	if (nn_shape_of(m->model, &s, &e))
		fail_msg("%s", e.msg);
	return assay_model_dir_path(m, &s);
}

static void expect_name(const char *name, const char *dtype, uint64_t seed, const char *end)
{
	struct assay_model_dir m = { .model = name, .dtype = dtype, .seed = seed };
	char *path = path_of(&m), *want = xasprintf("%s/assay/exports/%s", cache, end);
	assert_string_equal(path, want);
	free(path);
	free(want);
}

static void test_names(void **state)
{
	(void)state;
	struct assay_model_dir dir = { .model = cache, .dtype = "f32" }, file = { .model = model, .dtype = "auto", .seed = 3 };
	struct nn_shape any = { .name = "a/b c" };
	expect_name("gpt2", "auto", 0, "gpt2-f32-seed0");
	expect_name("gpt2", "bf16", 7, "gpt2-bf16-seed7");
	expect_name("qwen3-0.6b", "auto", 7, "qwen3-0.6b-bf16-seed7");
	char *as_it_is = assay_model_dir_path(&dir, &any), *one = path_of(&file), *other, *odd;
	assert_string_equal(as_it_is, cache);
	struct timespec t[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	assert_int_equal(utimensat(AT_FDCWD, model, t, 0), 0);
	other = path_of(&file); /* another file of that name */
	assert_string_not_equal(one, other);
	odd = assay_model_dir_path(&file, &any);
	assert_non_null(strstr(odd, "/exports/a_b_c-"));
	free(as_it_is);
	free(one);
	free(other);
	free(odd);
}

static ino_t inode(const char *dir, const char *name)
{
	struct stat st;
	char *path = xasprintf("%s/%s", dir, name);
	ino_t i = stat(path, &st) ? 0 : st.st_ino;
	free(path);
	return i;
}

static void make(const struct assay_model_dir *m, const char *path)
{
	struct assay_err e = ASSAY_ERR_INIT;
	if (assay_model_dir_make(m, path, &e))
		fail_msg("%s", e.msg);
}

static void test_once(void **state)
{
	(void)state;
	struct assay_model_dir m = { .model = model, .dtype = "f32", .progress = count };
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_shape s;
	char *path = path_of(&m), *left = xasprintf("%s.123.tmp", path), *other = xasprintf("%s-other.9.tmp", path), *weights = xasprintf("%s/model.safetensors", path);
	assert_int_equal(assay_fs_mkdir_p(left, &e), 0); /* of one that was killed */
	assert_int_equal(assay_fs_mkdir_p(other, &e), 0);
	progress_calls = 0;
	make(&m, path);
	assert_true(progress_calls > 0 && !assay_fs_exists(left) && assay_fs_exists(other));
	ino_t first = inode(path, "model.safetensors");
	progress_calls = 0;
	make(&m, path);
	assert_true(first && progress_calls == 0 && inode(path, "model.safetensors") == first);
	assert_int_equal(nn_shape_of(path, &s, &e), 0);
	assert_true(!strcmp(s.name, "model-dir.gguf") || strstr(s.name, "model-dir"));
	assert_false(s.synthetic);
	assert_int_equal(truncate(weights, 100), 0); /* not whole: written again */
	make(&m, path);
	assert_true(progress_calls > 0 && inode(path, "model.safetensors"));
	char *config = xasprintf("%s/config.json", path);
	progress_calls = 0;
	unlink(config);
	make(&m, path);
	assert_true(progress_calls > 0 && assay_fs_exists(config));
	free(config);
	free(weights);
	free(other);
	free(left);
	free(path);
}

static void test_one_at_a_time(void **state)
{
	(void)state;
	struct assay_model_dir m = { .model = model, .dtype = "bf16", .progress = count, .cancelled = yes };
	struct assay_err e = ASSAY_ERR_INIT;
	char *path = path_of(&m), *lock = xasprintf("%s.lock", path), *folder = xasprintf("%s/assay/exports", cache);
	assert_int_equal(assay_fs_mkdir_p(folder, &e), 0);
	held = open(lock, O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(held, LOCK_EX), 0);
	assert_int_equal(assay_model_dir_make(&m, path, &e), ASSAY_E_INTERRUPT);
	m.cancelled = NULL;
	waits = 0;
	make(&m, path); /* the second look lets go of the lock */
	assert_int_equal(waits, 2);
	close(held);
	held = -1;
	free(folder);
	free(lock);
	free(path);
}

static void test_refused(void **state)
{
	(void)state;
	struct assay_model_dir m = { .model = model, .dtype = "f16", .cancelled = yes };
	struct assay_err e = ASSAY_ERR_INIT;
	char *path = path_of(&m), *file = xasprintf("%s/assay-is-a-file", cache), *sub = xasprintf("%s/x/model", file);
	assert_int_equal(assay_model_dir_make(&m, path, &e), ASSAY_E_INTERRUPT);
	assert_false(assay_fs_exists(path)); /* and nothing of it */
	m.cancelled = NULL;
	assert_int_equal(assay_fs_write_atomic(file, "", 0, &e), 0);
	assert_int_equal(assay_model_dir_make(&m, sub, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "assay-is-a-file"));
	assert_non_null(strstr(e.msg, "XDG_CACHE_HOME"));
	free(sub);
	free(file);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_once), cmocka_unit_test(test_one_at_a_time), cmocka_unit_test(test_refused) };
	return cmocka_run_group_tests_name("model_dir", tests, setup, teardown);
}
