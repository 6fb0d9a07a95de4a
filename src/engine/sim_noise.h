/* Noise of the sim engine: every factor is a pure function of (seed, visit, request, step), so a run repeats bit for
 * bit whatever else happens. Lognormal with mean 1. The factor of a repeat follows an AR(1) over the visits as they come. */
#ifndef ASSAY_ENGINE_SIM_NOISE_H
#define ASSAY_ENGINE_SIM_NOISE_H

#include <stdint.h>

#include "engine/sim_file.h"

struct assay_sim_noise {
	uint64_t seed_key, visit_key;
	double step_sigma, run_sigma, ar1; /* sigmas of the logarithm */
	double run_x, run_factor;  /* the AR(1)'s standard normal state; this visit's factor */
	int visits;
};

void assay_sim_noise_init(struct assay_sim_noise *n, const struct assay_sim_spec *s);
void assay_sim_noise_visit(struct assay_sim_noise *n, uint32_t point, int32_t repeat);
/* Factor of one step: of the visit's repeat and of its own. */
double assay_sim_noise_step(const struct assay_sim_noise *n, uint64_t request, uint64_t step);

#endif
