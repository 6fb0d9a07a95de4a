/* How much of the run is done, for the progress hook. Work is counted in output tokens, a prompt token as a tenth. */
#ifndef ASSAY_EXPERIMENT_TALLY_H
#define ASSAY_EXPERIMENT_TALLY_H

#include "experiment/experiment.h"

#define ASSAY_WORK_PROMPT 0.1
#define ASSAY_TALLY_PERIOD_NS INT64_C(200000000)

struct assay_tally {
	const struct assay_session_hooks *hooks;
	const char *experiment;
	char what[120];
	double done, total;
	int64_t visit_ns, told_ns;     /* engine's clock: this visit's start; last call of the hook */
	double visit_output;           /* output tokens of this visit */
};

void assay_tally_visit(struct assay_tally *t, const char *experiment, const char *what, int64_t now_ns);
/* Counts tokens; calls the hook when a period has passed. On the timed path: the hook may not block (experiment.h). */
void assay_tally_tokens(struct assay_tally *t, uint32_t prompt, uint32_t output, int64_t now_ns);

#endif
