/* See rate.h. */
#include "experiment/rate.h"

void assay_rate_add(struct assay_rate *r, const struct assay_rec_step *step)
{
	double ns = (double)(step->t1_ns - step->t0_ns), seqs = step->seqs;
	if (step->kind == ASSAY_STEP_PREFILL) {
		r->prefill_tokens += step->prefill_tokens;
		r->prefill_ns += ns;
	} else if (step->kind == ASSAY_STEP_DECODE) {
		r->n++;
		r->x += seqs;
		r->y += ns;
		r->xx += seqs * seqs;
		r->xy += seqs * ns;
	}
}

bool assay_rate_known(const struct assay_rate *r)
{
	return r->prefill_tokens > 0 && r->n > 0;
}

double assay_rate_visit_ns(const struct assay_rate *r, const struct assay_work *w)
{
	if (!assay_rate_known(r))
		return 0;
	double token_ns = r->prefill_ns / r->prefill_tokens, mean_x = r->x / r->n, mean_y = r->y / r->n;
	double var = r->xx / r->n - mean_x * mean_x, slope = token_ns;
	if (var > 0.01) /* several batch sizes were seen; else a sequence more costs what a prompt token costs */
		slope = (r->xy / r->n - mean_x * mean_y) / var;
	if (slope < 0)
		slope = 0;
	double fixed = mean_y - slope * mean_x;
	if (fixed < 0)
		fixed = 0;
	double slots = w->slots < 1 ? 1 : w->slots, steps = w->output_tokens / slots;
	if (steps < w->longest_output)
		steps = w->longest_output;
	return w->prompt_tokens * token_ns + steps * fixed + w->output_tokens * slope;
}
