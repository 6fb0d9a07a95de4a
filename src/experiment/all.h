/* The experiments' tables, for registry.c and the files that define them. */
#ifndef ASSAY_EXPERIMENT_ALL_H
#define ASSAY_EXPERIMENT_ALL_H

#include "experiment/experiment.h"

extern const struct assay_experiment assay_experiment_baseline, assay_experiment_latency, assay_experiment_throughput, assay_experiment_seqlen,
	assay_experiment_longdoc, assay_experiment_memory, assay_experiment_offline, assay_experiment_soak;

#endif
