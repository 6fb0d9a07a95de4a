/* See tally.h. */
#include "experiment/tally.h"

#include <math.h>
#include <stdio.h>

static void tell(struct assay_tally *t, int64_t now_ns)
{
	double s = (double)(now_ns - t->visit_ns) / 1e9;
	t->told_ns = now_ns;
	if (t->hooks->progress)
		t->hooks->progress(t->hooks->arg, t->experiment, t->what, t->done, t->total, t->visit_output > 0 && s > 0 ? t->visit_output / s : NAN);
}

void assay_tally_visit(struct assay_tally *t, const char *experiment, const char *what, int64_t now_ns)
{
	t->experiment = experiment;
	snprintf(t->what, sizeof t->what, "%s", what);
	t->visit_ns = now_ns;
	t->visit_output = 0;
	tell(t, now_ns);
}

void assay_tally_tokens(struct assay_tally *t, uint32_t prompt, uint32_t output, int64_t now_ns)
{
	t->done += ASSAY_WORK_PROMPT * prompt + output;
	t->visit_output += output;
	if (now_ns - t->told_ns >= ASSAY_TALLY_PERIOD_NS)
		tell(t, now_ns);
}
