/* The worker crew: every worker runs each job once, writes are seen, idle crews sleep, none is created in a job. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nn/threads.h"
#include "thread_count.h"

struct tally {
	int calls[8], workers;
	uint64_t sum[8];
};

static void count(void *arg, int worker, int workers)
{
	struct tally *t = arg;
	t->calls[worker]++;
	if (worker == 0)
		t->workers = workers;
	for (int i = worker; i < 1000; i += workers)
		t->sum[worker] += (uint64_t)i;
}

static void test_runs(void **state)
{
	(void)state;
	for (int workers = 1; workers <= 8; workers++) {
		struct assay_err e = ASSAY_ERR_INIT;
		struct nn_threads *crew;
		struct tally t = { .workers = 0 };
		assert_int_equal(nn_threads_open(workers, &crew, &e), 0);
		assert_int_equal(nn_threads_count(crew), workers);
		int before = thread_count();
		for (int i = 0; i < 300; i++) {
			nn_threads_run(crew, count, &t);
			if (i % 100 == 99) /* long enough for the crew to fall asleep */
				nanosleep(&(struct timespec){ .tv_nsec = 3000000 }, NULL);
		}
		assert_int_equal(thread_count(), before);
		uint64_t sum = 0;
		for (int i = 0; i < workers; i++) {
			assert_int_equal(t.calls[i], 300);
			sum += t.sum[i];
		}
		assert_int_equal(t.workers, workers);
		assert_int_equal(sum, 300 * (999 * 1000 / 2));
		nn_threads_close(crew);
	}
}

static void test_idle_costs_nothing(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_threads *crew;
	struct tally t = { .workers = 0 };
	struct timespec a, b;
	assert_int_equal(nn_threads_open(2, &crew, &e), 0);
	nn_threads_run(crew, count, &t);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	assert_true((b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec < 20000000L);
	nn_threads_close(crew);
}

static void test_share(void **state)
{
	(void)state;
	for (int n = 0; n < 40; n++)
		for (int workers = 1; workers < 9; workers++) {
			int at = 0, first, end;
			for (int w = 0; w < workers; w++) {
				nn_share(n, w, workers, &first, &end);
				assert_int_equal(first, at);
				assert_true(end - first >= n / workers && end - first <= n / workers + 1);
				at = end;
			}
			assert_int_equal(at, n);
		}
}

static void test_refuses(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_threads *crew;
	assert_int_equal(nn_threads_open(0, &crew, &e), ASSAY_E_USAGE);
	assert_int_equal(nn_threads_open(5000, &crew, &e), ASSAY_E_USAGE);
	assert_null(crew);
	nn_threads_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_idle_costs_nothing),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
