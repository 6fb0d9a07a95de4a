/* See visit.h. Pure. */
#include "experiment/visit.h"

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

/* The open point whose repeats (min_planned 2) or whose all (1) cost most. */
static struct assay_point *costliest(struct assay_points *l, int min_planned, double (*est_ns)(void *, const struct assay_point *), void *arg)
{
	struct assay_point *most = NULL;
	double cost = -1;
	for (size_t i = 0; i < l->n; i++) {
		struct assay_point *p = &l->p[i];
		bool may = min_planned > 1 ? p->planned > (p->done > 1 ? p->done : 1) : p->done == 0;
		double c = est_ns(arg, p) * (min_planned > 1 ? p->planned - p->done : 1);
		if (open_point(p) && may && c > cost) {
			cost = c;
			most = p;
		}
	}
	return most;
}

void assay_visit_fit(struct assay_points *l, double left_ns, double (*est_ns)(void *, const struct assay_point *), void *arg)
{
	double need_ns = 0;
	for (size_t i = 0; i < l->n; i++)
		if (open_point(&l->p[i]))
			need_ns += (l->p[i].planned - l->p[i].done) * est_ns(arg, &l->p[i]);
	for (struct assay_point *p; need_ns > left_ns && (p = costliest(l, 2, est_ns, arg));) {
		p->planned--;
		need_ns -= est_ns(arg, p);
	}
	for (struct assay_point *p; need_ns > left_ns && (p = costliest(l, 1, est_ns, arg));) {
		double own_ns = est_ns(arg, p);
		need_ns -= own_ns;
		p->planned = 0;
		p->status = ASSAY_POINT_DROPPED;
		snprintf(p->reason, sizeof p->reason, "time budget: a run would take about %.1f s, %.1f s were left for all that was to come", own_ns / 1e9,
			 left_ns > 0 ? left_ns / 1e9 : 0);
	}
}
