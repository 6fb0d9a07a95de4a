/* Simulated comparisons; see ab_sim.h. */
#include "ab_sim.h"

#include <math.h>

#include "base/rng.h"

static double normal(uint64_t key, uint64_t at) /* Box and Muller */
{
	double u = 1 - assay_rng_unit(key, 2 * at), v = assay_rng_unit(key, 2 * at + 1);
	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* ln(value) of every visit of one key: an AR(1) over the visits in the order in which they come. */
static void visits(const struct ab_sim *s, uint64_t seed, size_t key, double out[2 * AB_SIM_PAIRS])
{
	uint64_t own = assay_rng_key(seed, key + 1), common = assay_rng_key(seed, 0);
	double sigma = sqrt(log1p(s->run_cv * s->run_cv)), x = 0;
	for (size_t v = 0; v < 2 * s->max_pairs; v++) {
		double fresh = sqrt(s->shared) * normal(common, v) + sqrt(1 - s->shared) * normal(own, v);
		x = v ? s->ar1 * x + sqrt(1 - s->ar1 * s->ar1) * fresh : fresh;
		out[v] = sigma * x;
	}
}

enum assay_ab_verdict ab_sim_run(const struct ab_sim *s, uint64_t seed, enum assay_ab_verdict *first, size_t *pairs)
{
	double y[2 * AB_SIM_PAIRS], d[AB_SIM_KEYS][AB_SIM_PAIRS];
	struct assay_ab_key keys[AB_SIM_KEYS] = { 0 };
	enum assay_ab_verdict overall = ASSAY_AB_UNDECIDED;
	for (size_t k = 0; k < s->keys; k++) {
		visits(s, seed, k, y);
		for (size_t i = 0; i < s->max_pairs; i++) /* A B, B A, A B, ... */
			d[k][i] = (i % 2 ? y[2 * i] - y[2 * i + 1] : y[2 * i + 1] - y[2 * i]) + (k ? 0 : log1p(s->effect));
		keys[k] = (struct assay_ab_key){ .d = d[k], .sign = -1 };
	}
	for (int look = 0; look < ASSAY_AB_LOOKS && s->looks->pairs[look] <= s->max_pairs && overall == ASSAY_AB_UNDECIDED; look++) {
		*pairs = s->looks->pairs[look];
		overall = assay_ab_look(s->looks, look, keys, s->keys, s->min_effect, assay_rng_key(seed, 1000 + (uint64_t)look));
	}
	*first = keys[0].verdict;
	return overall;
}
