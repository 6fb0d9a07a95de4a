/* A step allocates nothing and starts no thread: this program counts every malloc of
 * the process (not under sanitizers, which bring their own). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "golden.h"
#include "nn/forward.h"
#include "thread_count.h"

static unsigned long calls;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTED 0
#elif defined(__has_feature)
#define COUNTED (!__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer))
#else
#define COUNTED 1
#endif

#if COUNTED && defined(__GLIBC__)
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	return __libc_realloc(p, n);
}
#define CAN_COUNT 1
#else
#define CAN_COUNT 0
#endif

static void test_step(void **state)
{
	(void)state;
	static const char *const models[] = { "gpt2", "opt-postln", "llama3-rope", "qwen3" };
	static float logits[512 * 3];
	if (!CAN_COUNT || !golden_root())
		skip();
	for (size_t m = 0; m < sizeof models / sizeof *models; m++)
		for (int t = NN_F32; t <= NN_F16; t++) {
			struct golden g;
			struct assay_err e = ASSAY_ERR_INIT;
			struct nn_source *src;
			struct nn_exec *x;
			struct nn_kv_pool kv;
			int a[8] = { 0, 1, 2, 3, 4, 5, 6, 7 }, b[8] = { 8, 9, 10, 11, 12, 13, 14, 15 };
			assert_int_equal(golden_read(models[m], &g), 0);
			if (nn_source_open(g.dir, 0, &src, &e) || nn_exec_open(src, &(struct nn_exec_options){ .dtype = (enum nn_dtype)t, .threads = 2, .max_rows = 128, .max_logit_rows = 3,
				.max_seqs = 2, .max_context = 128, .own_kernels_only = true }, &x, NULL, &e) || nn_kv_pool_open(&kv, nn_exec_shape(x), (enum nn_dtype)t, 16, 16, &e))
				fail_msg("%s", e.msg);
			int before = thread_count();
			unsigned long made = calls;
			int rc = 0;
			for (int i = 0; i < 10; i++) {
				struct nn_span span[] = { { 0, 60, 0, a, 1 }, { 60, 1, i, b, 1 } };
				rc |= nn_forward(x, &kv, &(struct nn_batch){ 61, g.prompt[2].ids, 2, span }, logits, NULL, &e);
				rc |= nn_forward(x, &kv, &(struct nn_batch){ 1, g.prompt[2].ids, 1, &(struct nn_span){ 0, 1, 60 + i, a, 1 } }, logits, NULL, &e);
			}
			unsigned long after = calls;
			assert_int_equal(rc, 0);
			assert_int_equal(after - made, 0);
			assert_int_equal(thread_count(), before);
			nn_kv_pool_release(&kv);
			nn_exec_close(x);
			nn_source_close(src);
		}
	assert_true(calls > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_step) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
