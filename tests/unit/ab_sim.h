/* Simulated comparisons: interleaved visits A B B A ... of two programs whose repeats scatter as the sim engine's do. For the calibration
 * tests and bench/power_curve.c. */
#ifndef ASSAY_TESTS_AB_SIM_H
#define ASSAY_TESTS_AB_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/ab_sequential.h"

enum { AB_SIM_PAIRS = 40, AB_SIM_KEYS = 8 };

struct ab_sim {
	double run_cv, ar1;  /* noise of a repeat, and how much of it the next visit inherits */
	double effect;       /* relative slow-down of B in key 0; the other keys are equal */
	double shared;       /* share (correlation) of the noise that all keys have in common */
	size_t keys, max_pairs;
	double min_effect;
	const struct assay_ab_looks *looks;
};

/* One whole sequential comparison from this seed; the overall verdict, key 0's in *first, pairs used in *pairs. */
enum assay_ab_verdict ab_sim_run(const struct ab_sim *s, uint64_t seed, enum assay_ab_verdict *first, size_t *pairs);

#endif
