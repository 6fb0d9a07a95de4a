/* A fixed crew of worker threads. The caller is worker 0; the others wait between
 * jobs by spinning briefly and then sleeping in the kernel, so an idle crew costs
 * no CPU time. No thread is created and nothing is allocated after open. */
#ifndef ASSAY_NN_THREADS_H
#define ASSAY_NN_THREADS_H

#include "base/err.h"

struct nn_threads;

/* One call for each worker: worker is 0 .. workers-1. */
typedef void (*nn_job_fn)(void *arg, int worker, int workers);

/* workers >= 1; ASSAY_E_ENGINE when the system refuses a thread. */
int nn_threads_open(int workers, struct nn_threads **out, struct assay_err *e);
void nn_threads_close(struct nn_threads *t);
int nn_threads_count(const struct nn_threads *t);

/* Runs fn on every worker and returns when all are done; what they wrote is visible. One caller at a time. */
void nn_threads_run(struct nn_threads *t, nn_job_fn fn, void *arg);

/* The share [*first, *end) of worker among n items: contiguous, sizes differ by at most one. */
static inline void nn_share(int n, int worker, int workers, int *first, int *end)
{
	*first = (int)((long long)n * worker / workers);
	*end = (int)((long long)n * (worker + 1) / workers);
}

#endif
