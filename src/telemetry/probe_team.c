/* See probe_team.h. Must not know what is measured. */
#include "telemetry/probe_team.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

struct team {
	assay_probe_pass prepare, pass;
	void *arg;
	int n;
	int64_t until_ns;
	atomic_int arrived, round, go_on, held; /* held: threads wait for the whole team to exist */
	double best;
	struct member *members;
};

struct member {
	struct team *team;
	int index;
	pthread_t thread;
	int64_t t0_ns, t1_ns;
	double units;
};

/* Spinning start: a futex wake would skew the threads by as much as a short pass takes. Yields so that it also ends on too few CPUs. */
static void meet(struct team *t)
{
	int round = atomic_load(&t->round);
	if (atomic_fetch_add(&t->arrived, 1) + 1 == t->n) {
		atomic_store(&t->arrived, 0);
		atomic_store(&t->round, round + 1);
		return;
	}
	for (unsigned spins = 0; atomic_load(&t->round) == round; spins++)
		if (spins > 2000)
			sched_yield();
}

/* Called by member 0 while the others wait: the pass lasted from the first start to the last end. */
static void judge(struct team *t)
{
	int64_t t0 = INT64_MAX, t1 = 0;
	double units = 0;
	for (int i = 0; i < t->n; i++) {
		if (t->members[i].t0_ns < t0)
			t0 = t->members[i].t0_ns;
		if (t->members[i].t1_ns > t1)
			t1 = t->members[i].t1_ns;
		units += t->members[i].units;
	}
	if (t1 > t0 && units / (double)(t1 - t0) > t->best)
		t->best = units / (double)(t1 - t0);
}

static void *member_main(void *arg)
{
	struct member *m = arg;
	struct team *t = m->team;
	while (atomic_load(&t->held))
		sched_yield();
	if (t->prepare)
		t->prepare(t->arg, m->index, t->n);
	for (int passes = 0;; passes++) {
		meet(t);
		m->t0_ns = assay_now_ns();
		m->units = t->pass(t->arg, m->index, t->n);
		m->t1_ns = assay_now_ns();
		meet(t);
		if (m->index == 0) {
			judge(t);
			atomic_store(&t->go_on, passes < 1 || m->t1_ns < t->until_ns);
		}
		meet(t);
		if (!atomic_load(&t->go_on))
			return NULL;
	}
}

double assay_probe_team_run(int n, assay_probe_pass prepare, assay_probe_pass pass, void *arg, int64_t budget_ns)
{
	struct team t = { .prepare = prepare, .pass = pass, .arg = arg, .until_ns = assay_now_ns() + budget_ns };
	int want = n < 1 ? 1 : n > ASSAY_PROBE_THREADS_MAX ? ASSAY_PROBE_THREADS_MAX : n, made = 0;
	sigset_t all, old;
	t.members = xalloc((size_t)want * sizeof *t.members);
	atomic_store(&t.held, 1);
	sigfillset(&all); /* signals are for the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (; made < want; made++) {
		t.members[made].team = &t;
		t.members[made].index = made;
		if (pthread_create(&t.members[made].thread, NULL, member_main, &t.members[made]))
			break;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	t.n = made;
	atomic_store(&t.held, 0);
	for (int i = 0; i < made; i++)
		pthread_join(t.members[i].thread, NULL);
	free(t.members);
	return t.best;
}
