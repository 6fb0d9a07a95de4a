/* What the sequential comparison finds: simulated slow-downs in one key of a family of 8, by repeats' noise and pairs.
 *   power_curve [COMPARISONS [RUN_CV_PERCENT [AR1]]]      (1000 1 0)
 * Prints Markdown. No clock and no machine is involved: the same arguments print the same table.
 * Build: make build/bench/power_curve */
#include <stdio.h>
#include <stdlib.h>

#include "../tests/unit/ab_sim.h"

/* SLOWER (wanted) and wrong verdicts for one cell. */
static void cell(const struct ab_sim *s, long rounds)
{
	long slower = 0, same = 0;
	double used = 0;
	for (long i = 0; i < rounds; i++) {
		enum assay_ab_verdict first;
		size_t pairs;
		ab_sim_run(s, 1 + (uint64_t)i, &first, &pairs);
		slower += first == ASSAY_AB_WORSE;
		same += first == ASSAY_AB_SAME;
		used += (double)pairs;
	}
	printf(" %.1f%% / %.1f%% / %.0f |", 100.0 * (double)slower / (double)rounds, 100.0 * (double)same / (double)rounds, used / (double)rounds);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const double effects[] = { 0, 0.005, 0.01, 0.02, 0.03, 0.05 };
	static const size_t pairs[] = { 10, 20, 40 };
	long rounds = argc > 1 ? atol(argv[1]) : 1000;
	double cv = argc > 2 ? atof(argv[2]) / 100 : 0.01, ar1 = argc > 3 ? atof(argv[3]) : 0;
	struct assay_ab_looks looks;
	if (rounds < 1 || !(cv > 0 && cv < 1) || !(ar1 >= 0 && ar1 < 1)) {
		fprintf(stderr, "usage: power_curve [COMPARISONS [RUN_CV_PERCENT [AR1]]]\n");
		return 2;
	}
	assay_ab_looks_init(&looks);
	printf("%ld comparisons a cell, run_cv %g %%, ar1 %g, family of 8, least effect 1 %%: SLOWER / SAME / pairs used\n\n| slow-down | up to 10 pairs | up to 20 | up to 40 |\n|---|---|---|---|\n", rounds, 100 * cv, ar1);
	for (size_t e = 0; e < sizeof effects / sizeof *effects; e++) {
		printf("| %g %% |", 100 * effects[e]);
		for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
			struct ab_sim s = { .run_cv = cv, .ar1 = ar1, .effect = effects[e], .keys = AB_SIM_KEYS, .max_pairs = pairs[p], .min_effect = 0.01, .looks = &looks };
			cell(&s, rounds);
		}
		printf("\n");
	}
	return 0;
}
