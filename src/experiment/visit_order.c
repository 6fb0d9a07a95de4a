/* See visit.h. Pure. */
#include "experiment/visit.h"

#include <stdio.h>

#include "base/rng.h"

void assay_visit_order(uint64_t seed, uint32_t list, int round, size_t n, uint32_t *out)
{
	uint64_t key = assay_rng_key(assay_rng_key(assay_rng_key(seed, assay_hash_name("visit order")), list), (uint64_t)(round / 2));
	for (size_t i = 0; i < n; i++)
		out[i] = (uint32_t)i;
	for (size_t i = n; i > 1; i--) { /* Fisher and Yates */
		size_t j = assay_rng_below(key, i, i);
		uint32_t was = out[i - 1];
		out[i - 1] = out[j];
		out[j] = was;
	}
	if (round % 2)
		for (size_t i = 0; i < n / 2; i++) {
			uint32_t was = out[i];
			out[i] = out[n - 1 - i];
			out[n - 1 - i] = was;
		}
}

static bool open_point(const struct assay_point *p)
{
	return p->status == ASSAY_POINT_OPEN && p->planned > p->done;
}

typedef double (*est_fn)(void *arg, const struct assay_point *p);

/* The open point whose repeats (whole false) or whose only run (whole true) cost most. */
static struct assay_point *costliest(struct assay_points *lists, int n_lists, bool whole, est_fn est_ns, void *arg)
{
	struct assay_point *most = NULL;
	double cost = -1;
	for (int k = 0; k < n_lists; k++)
		for (size_t i = 0; i < lists[k].n; i++) {
			struct assay_point *p = &lists[k].p[i];
			bool may = whole ? p->done == 0 : p->planned > (p->done > 1 ? p->done : 1);
			if (!open_point(p) || !may)
				continue;
			double c = est_ns(arg, p) * (whole ? 1 : p->planned - p->done);
			if (c > cost) {
				cost = c;
				most = p;
			}
		}
	return most;
}

/* Forgets what an earlier fit took away; returns what all open points would take. */
static double plan_all(struct assay_points *lists, int n_lists, est_fn est_ns, void *arg)
{
	double need_ns = 0;
	for (int k = 0; k < n_lists; k++)
		for (size_t i = 0; i < lists[k].n; i++) {
			struct assay_point *p = &lists[k].p[i];
			if (p->closed)
				continue;
			p->status = ASSAY_POINT_OPEN;
			p->planned = p->runs;
			p->reason[0] = 0;
			need_ns += (p->planned - p->done) * est_ns(arg, p);
		}
	return need_ns;
}

/* The open point that gets a repeat back when room_ns allows it: the one with fewest, then the cheapest. */
static struct assay_point *worth_more(struct assay_points *lists, int n_lists, double room_ns, est_fn est_ns, void *arg)
{
	struct assay_point *best = NULL;
	for (int k = 0; k < n_lists; k++)
		for (size_t i = 0; i < lists[k].n; i++) {
			struct assay_point *p = &lists[k].p[i];
			if (p->closed || p->status != ASSAY_POINT_OPEN || p->planned >= p->runs || est_ns(arg, p) > room_ns)
				continue;
			if (!best || p->planned < best->planned || (p->planned == best->planned && est_ns(arg, p) < est_ns(arg, best)))
				best = p;
		}
	return best;
}

void assay_visit_fit(struct assay_points *lists, int n_lists, double left_ns, est_fn est_ns, void *arg)
{
	double need_ns = plan_all(lists, n_lists, est_ns, arg);
	for (struct assay_point *p; need_ns > left_ns && (p = costliest(lists, n_lists, false, est_ns, arg));) {
		p->planned--;
		need_ns -= est_ns(arg, p);
	}
	for (struct assay_point *p; need_ns > left_ns && (p = costliest(lists, n_lists, true, est_ns, arg));) {
		double own_ns = est_ns(arg, p);
		snprintf(p->reason, sizeof p->reason, "time budget: a run would take about %.1f s; the points still to come would take %.1f s, %.1f s were left",
			 own_ns / 1e9, need_ns / 1e9, left_ns > 0 ? left_ns / 1e9 : 0);
		need_ns -= own_ns;
		p->planned = 0;
		p->status = ASSAY_POINT_DROPPED;
	}
	for (struct assay_point *p; (p = worth_more(lists, n_lists, left_ns - need_ns, est_ns, arg));) { /* a dropped point may leave room */
		p->planned++;
		need_ns += est_ns(arg, p);
	}
}
