/* The looks of a sequential comparison; see ab_sequential.h. */
#include "analysis/ab_sequential.h"

#include <math.h>

#include "base/rng.h"

void assay_ab_looks_init(struct assay_ab_looks *l)
{
	static const size_t pairs[ASSAY_AB_LOOKS] = { 10, 14, 20, 28, 40 };
	for (int i = 0; i < ASSAY_AB_LOOKS; i++) {
		l->pairs[i] = pairs[i];
		l->t_ci[i] = assay_ab_t(1 - ASSAY_AB_LOOK_ALPHA, (double)pairs[i] - 1);
		l->t_same[i] = assay_ab_t(1 - 2 * ASSAY_AB_LOOK_ALPHA, (double)pairs[i] - 1);
	}
}

int assay_ab_look_at(const struct assay_ab_looks *l, size_t n)
{
	for (int i = 0; i < ASSAY_AB_LOOKS; i++)
		if (l->pairs[i] == n)
			return i;
	return -1;
}

enum assay_ab_verdict assay_ab_look(const struct assay_ab_looks *l, int look, struct assay_ab_key *keys, size_t n_keys, double min_effect, uint64_t seed)
{
	double p[ASSAY_AB_FAMILY];
	enum assay_ab_verdict v[ASSAY_AB_FAMILY];
	size_t n = n_keys < ASSAY_AB_FAMILY ? n_keys : ASSAY_AB_FAMILY;
	for (size_t k = 0; k < n; k++) {
		struct assay_ab_key *x = &keys[k];
		assay_ab_pairs(x->d, l->pairs[look], &x->x);
		x->p = p[k] = assay_ab_flip_p(x->d, l->pairs[look], assay_rng_key(seed, k));
		x->lo = x->x.effect - l->t_ci[look] * x->x.se;
		x->hi = x->x.effect + l->t_ci[look] * x->x.se;
	}
	assay_ab_holm(p, n);
	for (size_t k = 0; k < n; k++) {
		double half = l->t_same[look] * keys[k].x.se, effect = keys[k].x.effect;
		keys[k].p_adjusted = p[k];
		v[k] = keys[k].verdict = assay_ab_decide(p[k], ASSAY_AB_LOOK_ALPHA, effect, effect - half, effect + half, min_effect, keys[k].sign);
	}
	return assay_ab_overall(v, n);
}
