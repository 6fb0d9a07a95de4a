/* How long will a visit take? A line fitted to the steps seen so far: prefill time is proportional to tokens, a decode
 * step costs fixed + per_sequence. Only for time budgets and never for a reported number. */
#ifndef ASSAY_EXPERIMENT_RATE_H
#define ASSAY_EXPERIMENT_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/record.h"

struct assay_rate {
	double prefill_tokens, prefill_ns;
	double n, x, y, xx, xy;    /* sums over pure decode steps: x = sequences, y = ns */
};

/* Work of one visit. */
struct assay_work { double prompt_tokens, output_tokens, longest_output, slots; };

void assay_rate_add(struct assay_rate *r, const struct assay_rec_step *step);
bool assay_rate_known(const struct assay_rate *r);
/* Expected ns; 0 while nothing is known. */
double assay_rate_visit_ns(const struct assay_rate *r, const struct assay_work *w);

#endif
