/* See sim_noise.h. */
#include "engine/sim_noise.h"

#include <math.h>

#include "base/rng.h"

/* Box and Muller 1958. */
static double normal(uint64_t key)
{
	double u = 1 - assay_rng_unit(key, 0), v = assay_rng_unit(key, 1);
	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* Lognormal with mean 1 whose logarithm has deviation sigma. */
static double lognormal(double sigma, double z)
{
	return sigma > 0 ? exp(sigma * z - sigma * sigma / 2) : 1;
}

void assay_sim_noise_init(struct assay_sim_noise *n, const struct assay_sim_spec *s)
{
	*n = (struct assay_sim_noise){ .seed_key = assay_rng_key(assay_hash_name("assay sim noise"), (uint64_t)s->noise_seed),
				       .step_sigma = sqrt(log1p(s->noise_cv * s->noise_cv)),
				       .run_sigma = sqrt(log1p(s->noise_run_cv * s->noise_run_cv)),
				       .ar1 = s->noise_ar1,
				       .run_factor = 1 };
}

void assay_sim_noise_visit(struct assay_sim_noise *n, uint32_t point, int32_t repeat)
{
	n->visit_key = assay_rng_key(assay_rng_key(n->seed_key, point), (uint64_t)(int64_t)repeat);
	double z = normal(assay_rng_key(n->visit_key, UINT64_MAX));
	n->run_x = n->visits++ ? n->ar1 * n->run_x + sqrt(1 - n->ar1 * n->ar1) * z : z;
	n->run_factor = lognormal(n->run_sigma, n->run_x);
}

double assay_sim_noise_step(const struct assay_sim_noise *n, uint64_t request, uint64_t step)
{
	if (n->step_sigma <= 0)
		return n->run_factor;
	return n->run_factor * lognormal(n->step_sigma, normal(assay_rng_key(assay_rng_key(n->visit_key, request), step)));
}
