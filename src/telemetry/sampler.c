/* The telemetry thread: one SAMPLE record at each absolute deadline, with its own CPU time in it. After start it
 * allocates nothing and takes no lock that the timed path takes. Must not know what the samples are for. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "telemetry/energy.h"
#include "telemetry/memory_scratch.h"
#include "telemetry/nvml.h"
#include "telemetry/proc_read.h"
#include "telemetry/telemetry.h"

#define GPU_PERIOD_NS ASSAY_NS_PER_S /* the driver averages over up to a second anyway */

struct assay_sampler {
	struct assay_sink *sink;
	int64_t period_ns, gpu_due_ns;
	struct assay_proc proc;
	struct assay_energy energy;
	struct assay_nvml *nvml; /* NULL: no GPU to watch */
	struct assay_group *group; /* the engine's processes; NULL: this one */
	pthread_t thread;
	pthread_mutex_t mutex;   /* guards stopping */
	pthread_cond_t wake;
	int stopping;
};

/* What is told of a process is told of the engine's. */
static void sample_group(struct assay_group *g, struct assay_rec_sample *out)
{
	struct assay_group_use use;
	assay_group_read(g, &use);
	out->engine_cpu_ns = use.cpu_ns;
	out->rss_bytes = use.rss_bytes;
	out->major_faults = use.major_faults;
	out->ctx_voluntary = out->ctx_involuntary = -1;
}

static void take_sample(struct assay_sampler *s)
{
	struct assay_record r = { .type = ASSAY_REC_SAMPLE };
	uint64_t mark = assay_memory_scratch_mark();
	assay_proc_sample(&s->proc, &r.u.sample);
	if (s->group)
		sample_group(s->group, &r.u.sample);
	else if (assay_memory_scratch_since(mark))
		r.u.sample.rss_bytes = -1; /* a probe's buffer is in it: not readable rather than wrong */
	if (s->nvml && r.u.sample.t_ns >= s->gpu_due_ns) {
		assay_nvml_sample(s->nvml, &r.u.sample.gpu_util_pct, &r.u.sample.gpu_used_bytes);
		s->gpu_due_ns = r.u.sample.t_ns + GPU_PERIOD_NS;
	}
	r.u.sample.energy_uj = assay_energy_read(&s->energy);
	r.u.sample.self_cpu_ns = assay_thread_cpu_ns();
	s->sink->put(s->sink, ASSAY_LANE_TELEMETRY, &r);
}

/* Sleeps until t_ns or until stop is asked; non-zero when it is. */
static int wait_until(struct assay_sampler *s, int64_t t_ns)
{
	struct timespec t = { t_ns / ASSAY_NS_PER_S, t_ns % ASSAY_NS_PER_S };
	pthread_mutex_lock(&s->mutex);
	while (!s->stopping && pthread_cond_timedwait(&s->wake, &s->mutex, &t) != ETIMEDOUT)
		;
	int stop = s->stopping;
	pthread_mutex_unlock(&s->mutex);
	return stop;
}

static void *sampler_main(void *arg)
{
	struct assay_sampler *s = arg;
	int64_t due = assay_now_ns();
	do {
		take_sample(s);
		due += s->period_ns;
		int64_t now = assay_now_ns();
		if (due < now) /* we were held up: keep the phase, drop the missed ones (the gap shows in t_ns) */
			due += (now - due) / s->period_ns * s->period_ns + s->period_ns;
	} while (!wait_until(s, due));
	take_sample(s);
	return NULL;
}

static void sampler_free(struct assay_sampler *s)
{
	assay_energy_close(&s->energy);
	assay_nvml_close(s->nvml);
	assay_proc_close(&s->proc);
	assay_group_close(s->group);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

int assay_sampler_start(struct assay_sink *sink, int64_t period_ns, const struct assay_processes *engine, struct assay_sampler **out, struct assay_err *e)
{
	struct assay_sampler *s = xalloc(sizeof *s);
	pthread_condattr_t ca;
	sigset_t all, old;
	s->sink = sink;
	s->period_ns = period_ns > 0 ? period_ns : 100 * ASSAY_NS_PER_MS;
	char why[256];
	assay_proc_open(&s->proc, "");
	assay_energy_open(&s->energy, "", why, sizeof why); /* the inventory tells why there is none */
	s->nvml = assay_nvml_open(NULL, 0);
	s->group = engine ? assay_group_open("", engine) : NULL;
	pthread_mutex_init(&s->mutex, NULL);
	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &ca);
	pthread_condattr_destroy(&ca);
	sigfillset(&all); /* Ctrl-C is for the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(&s->thread, NULL, sampler_main, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc) {
		sampler_free(s);
		return assay_fail(e, ASSAY_E_ENGINE, "telemetry: cannot start its thread: %s", strerror(rc));
	}
	*out = s;
	return 0;
}

void assay_sampler_stop(struct assay_sampler *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->mutex);
	s->stopping = 1;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->mutex);
	pthread_join(s->thread, NULL);
	sampler_free(s);
}
