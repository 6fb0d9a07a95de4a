/* What a run delivers: wall time, throughput whole and steady, speed-up, engine steps. Only successful requests
 * count as work done; the time is everyone's. */
#include "metrics/effective.h"
#include "metrics/outcome.h"
#include "metrics/point_builder.h"
#include "metrics/steady_window.h"

#include <math.h>

#include "base/json.h"

struct work { double requests, prompt, output; };

static struct work work_done(const struct point_builder *b, const struct assay_run_visit *v)
{
	struct work w = { 0 };
	const struct assay_run_request *q = visit_requests(b, v);
	for (size_t i = 0; i < v->n_requests; i++) {
		if (!assay_end_ok(assay_request_outcome(&q[i], b->ignore_eos)))
			continue;
		w.requests++;
		w.prompt += q[i].r.prompt_tokens;
		w.output += q[i].r.output_tokens;
	}
	return w;
}

double visit_tokens(const struct point_builder *b, const struct assay_run_visit *v, bool with_prompts, char reason[REASON_BYTES])
{
	struct work w = work_done(b, v);
	if (w.output > 0)
		return with_prompts ? w.prompt + w.output : w.output;
	reason_set(reason, "no request succeeded");
	return NAN;
}

static double wall(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	(void)b;
	int64_t ns = visit_wall_ns(v, reason);
	return ns < 0 ? NAN : (double)ns / 1e9;
}

/* Work over wall time; a run without one success has no rate. */
static double work_rate(const struct point_builder *b, const struct assay_run_visit *v, double w_requests, double w_prompt,
                        double w_output, char reason[REASON_BYTES])
{
	int64_t ns = visit_wall_ns(v, reason);
	struct work w = work_done(b, v);
	if (ns < 0)
		return NAN;
	if (w.requests == 0) {
		reason_set(reason, "no request succeeded");
		return NAN;
	}
	return rate_per_s(w_requests * w.requests + w_prompt * w.prompt + w_output * w.output, ns, reason);
}

static double output_rate(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	return work_rate(b, v, 0, 0, 1, reason);
}

static double input_rate(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	return work_rate(b, v, 0, 1, 0, reason);
}

static double total_rate(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	return work_rate(b, v, 0, 1, 1, reason);
}

static double request_rate(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	return work_rate(b, v, 1, 0, 0, reason);
}

static double inverse_throughput(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	return 1e3 / work_rate(b, v, 1, 0, 0, reason);
}

static double steady_rate(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	struct assay_steady w;
	assay_steady_window(visit_requests(b, v), v->n_requests, assay_effective_slots(b->run, b->point), &w);
	if (*w.reason) {
		reason_set(reason, "%s", w.reason);
		return NAN;
	}
	return rate_per_s((double)w.tokens, w.ns, reason);
}

/* ---- engine steps ---- */

static double prefill_rate(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	const struct assay_rec_step *s = visit_steps(b, v);
	double tokens = 0;
	int64_t ns = 0;
	for (size_t i = 0; i < v->n_steps; i++)
		if (s[i].kind == ASSAY_STEP_PREFILL) {
			tokens += s[i].prefill_tokens;
			ns += s[i].t1_ns - s[i].t0_ns;
		}
	if (tokens > 0)
		return rate_per_s(tokens, ns, reason);
	const struct assay_run_request *q = visit_requests(b, v);
	if (v->n_steps || v->n_requests != 1) {
		reason_set(reason, v->n_steps ? "no step was prefill only" : "the engine reports no steps, and requests overlap");
		return NAN;
	}
	if (!assay_end_ok(assay_request_outcome(q, b->ignore_eos)) || q->r.t_first < 0) {
		reason_set(reason, "no request succeeded");
		return NAN;
	}
	double rate = rate_per_s(q->r.prompt_tokens, q->r.t_first - q->r.t_sent, reason);
	if (!isnan(rate))
		reason_set(reason, "from TTFT: the engine reports no steps");
	return rate;
}

static double step_seqs(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	const struct assay_rec_step *s = visit_steps(b, v);
	double sum = 0, time = 0;
	for (size_t i = 0; i < v->n_steps; i++) {
		double ns = (double)(s[i].t1_ns - s[i].t0_ns);
		sum += ns * s[i].seqs;
		time += ns;
	}
	if (time > 0)
		return sum / time;
	reason_set(reason, v->n_steps ? REASON_TIMER : "the engine reports no steps");
	return NAN;
}

static double preemptions(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	const struct assay_run_request *q = visit_requests(b, v);
	double sum = 0;
	for (size_t i = 0; i < v->n_requests; i++) {
		if (q[i].r.preemptions == ASSAY_COUNT_UNKNOWN) {
			reason_set(reason, "the engine does not say");
			return NAN;
		}
		sum += q[i].r.preemptions;
	}
	return sum;
}

static void put_steps(const struct point_builder *b, const struct assay_run_visit *v, struct sample_set *s, bool decode_only)
{
	const struct assay_rec_step *t = visit_steps(b, v);
	for (size_t i = 0; i < v->n_steps; i++)
		if (!decode_only || t[i].kind == ASSAY_STEP_DECODE)
			sample_put(s, (double)(t[i].t1_ns - t[i].t0_ns) / 1e6);
	if (!v->n_steps)
		sample_missing(s, "the engine reports no steps");
}

static void all_steps(const struct point_builder *b, const struct assay_run_visit *v, struct sample_set *s)
{
	put_steps(b, v, s, false);
}

static void decode_steps(const struct point_builder *b, const struct assay_run_visit *v, struct sample_set *s)
{
	put_steps(b, v, s, true);
}

void point_run_metrics(struct point_builder *b)
{
	point_add_per_run(b, "wall_s", wall);
	point_add_per_run(b, "output_tok_s", output_rate);
	point_add_per_run(b, "output_tok_s_steady", steady_rate);
	point_add_per_run(b, "input_tok_s", input_rate);
	point_add_per_run(b, "total_tok_s", total_rate);
	point_add_per_run(b, "request_s", request_rate);
	point_add_per_run(b, "inverse_throughput_ms", inverse_throughput);
	point_add_per_run(b, "prefill_tok_s", prefill_rate);
	/* Steps of one run stall together: a run is the independent unit. */
	point_add_distribution(b, "step_ms", all_steps, true, 0);
	point_add_distribution(b, "decode_step_ms", decode_steps, true, 0);
	point_add_per_run(b, "step_seqs", step_seqs);
	point_add_per_run(b, "preemptions", preemptions);
}
