/* See threads.h. A job is published by raising `epoch`; workers count down `busy`.
 * Must not know what the jobs are. */
#include "nn/threads.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/mem.h"

enum { SPINS = 6000 }; /* about 0.1-0.3 ms of `pause`: longer than the gaps inside a step */

struct worker {
	struct nn_threads *crew;
	pthread_t thread;
	int index;
};

struct nn_threads {
	int workers, started, spins;
	struct worker *worker;
	nn_job_fn fn;
	void *arg;
	bool quit;
	_Alignas(64) uint32_t epoch;    /* job number */
	_Alignas(64) uint32_t sleepers; /* workers inside or about to enter a wait on epoch */
	_Alignas(64) uint32_t busy;     /* workers (without the caller) still in the job */
	_Alignas(64) uint32_t waiting;  /* 1: the caller sleeps on busy */
};

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" ::: "memory");
#endif
}

static void futex_wait(uint32_t *at, uint32_t seen)
{
	syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(uint32_t *at)
{
	syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static uint32_t await_job(struct nn_threads *t, uint32_t last)
{
	uint32_t now;
	for (int i = 0; i < t->spins; i++) {
		if ((now = __atomic_load_n(&t->epoch, __ATOMIC_ACQUIRE)) != last)
			return now;
		relax();
	}
	__atomic_fetch_add(&t->sleepers, 1, __ATOMIC_SEQ_CST);
	while ((now = __atomic_load_n(&t->epoch, __ATOMIC_SEQ_CST)) == last)
		futex_wait(&t->epoch, last);
	__atomic_fetch_sub(&t->sleepers, 1, __ATOMIC_SEQ_CST);
	return now;
}

static void publish(struct nn_threads *t)
{
	__atomic_fetch_add(&t->epoch, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&t->sleepers, __ATOMIC_SEQ_CST))
		futex_wake(&t->epoch);
}

static void *work(void *p)
{
	struct worker *me = p;
	struct nn_threads *t = me->crew;
	uint32_t epoch = 0;
	for (;;) {
		epoch = await_job(t, epoch);
		if (t->quit)
			return NULL;
		t->fn(t->arg, me->index, t->workers);
		if (__atomic_sub_fetch(&t->busy, 1, __ATOMIC_SEQ_CST) == 0 && __atomic_load_n(&t->waiting, __ATOMIC_SEQ_CST))
			futex_wake(&t->busy);
	}
}

static void await_done(struct nn_threads *t)
{
	for (int i = 0; i < t->spins; i++) {
		if (!__atomic_load_n(&t->busy, __ATOMIC_ACQUIRE))
			return;
		relax();
	}
	__atomic_store_n(&t->waiting, 1, __ATOMIC_SEQ_CST);
	uint32_t n;
	while ((n = __atomic_load_n(&t->busy, __ATOMIC_SEQ_CST)))
		futex_wait(&t->busy, n);
	__atomic_store_n(&t->waiting, 0, __ATOMIC_SEQ_CST);
}

void nn_threads_run(struct nn_threads *t, nn_job_fn fn, void *arg)
{
	if (t->workers == 1) {
		fn(arg, 0, 1);
		return;
	}
	t->fn = fn;
	t->arg = arg;
	__atomic_store_n(&t->busy, (uint32_t)t->workers - 1, __ATOMIC_SEQ_CST);
	publish(t);
	fn(arg, 0, t->workers);
	await_done(t);
}

int nn_threads_count(const struct nn_threads *t)
{
	return t->workers;
}

int nn_threads_open(int workers, struct nn_threads **out, struct assay_err *e)
{
	*out = NULL;
	if (workers < 1 || workers > 4096)
		return assay_fail(e, ASSAY_E_USAGE, "threads: %d is not in 1..4096", workers);
	struct nn_threads *t = aligned_alloc(64, (sizeof *t + 63) / 64 * 64);
	if (!t)
		return assay_fail(e, ASSAY_E_ENGINE, "threads: out of memory");
	memset(t, 0, sizeof *t);
	t->workers = workers;
	t->spins = workers <= assay_cpu_count() ? SPINS : 1; /* spinning on shared CPUs only delays the others */
	t->worker = xalloc((size_t)workers * sizeof *t->worker);
	for (int i = 1; i < workers; i++) {
		t->worker[i] = (struct worker){ .crew = t, .index = i };
		int rc = pthread_create(&t->worker[i].thread, NULL, work, &t->worker[i]);
		if (rc) {
			assay_fail(e, ASSAY_E_ENGINE, "threads: cannot start worker %d of %d: %s", i + 1, workers, strerror(rc));
			nn_threads_close(t);
			return e ? e->code : ASSAY_E_ENGINE;
		}
		t->started++;
	}
	*out = t;
	return 0;
}

void nn_threads_close(struct nn_threads *t)
{
	if (!t)
		return;
	t->quit = true;
	publish(t);
	for (int i = 1; i <= t->started; i++)
		pthread_join(t->worker[i].thread, NULL);
	free(t->worker);
	free(t);
}
