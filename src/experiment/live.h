/* What is told of a stream while it runs (experiment.h, struct assay_live). */
#ifndef ASSAY_EXPERIMENT_LIVE_H
#define ASSAY_EXPERIMENT_LIVE_H

#include "experiment/experiment.h"
#include "metrics/window.h"

/* Nothing is known yet. */
void assay_live_init(struct assay_live *l);
/* A window is over (its t1 is set): adds its counts, and its times become the last known. */
void assay_live_window(struct assay_live *l, struct assay_window *w);

#endif
