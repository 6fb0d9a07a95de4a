/* Parts of visiting that can be looked at alone: the order of a round, and what a time budget leaves. */
#ifndef ASSAY_EXPERIMENT_VISIT_H
#define ASSAY_EXPERIMENT_VISIT_H

#include "experiment/points.h"

/* Order of round r over n points: a seeded permutation in even rounds, the same one backwards in odd ones, so that over every two
 * rounds each point's mean place is the same and a machine that drifts evenly favours none. */
void assay_visit_order(uint64_t seed, uint32_t list, int round, size_t n, uint32_t *out);

/* Plans the open points of all lists anew: all their runs; then, until what is left fits, fewer repeats (of the point whose repeats cost
 * most, never below one), then points DROPPED (the costliest first). Points that are closed or have a run keep it.
 * est_ns(arg, p) = expected ns of one run. */
void assay_visit_fit(struct assay_points *lists, int n_lists, double left_ns, double (*est_ns)(void *arg, const struct assay_point *p), void *arg);

#endif
