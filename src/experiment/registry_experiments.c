/* The only place that names the experiments. */
#include <string.h>

#include "experiment/all.h"

static const struct assay_experiment *const experiments[] = {
	&assay_experiment_baseline, &assay_experiment_latency, &assay_experiment_throughput, &assay_experiment_seqlen,
	&assay_experiment_longdoc,  &assay_experiment_memory,  &assay_experiment_offline,
	&assay_experiment_soak,
};
#define N_EXPERIMENTS ((int)(sizeof experiments / sizeof experiments[0]))

const struct assay_experiment *const *assay_experiments(int *n)
{
	*n = N_EXPERIMENTS;
	return experiments;
}

const struct assay_experiment *assay_experiment_find(const char *name)
{
	for (int i = 0; i < N_EXPERIMENTS; i++)
		if (!strcmp(experiments[i]->name, name))
			return experiments[i];
	return NULL;
}
