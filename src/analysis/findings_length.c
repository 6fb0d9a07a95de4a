/* Rules: what do longer prompts and outputs cost? */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/findings_rules.h"

#define AXES "seqlen --axes"

/* Whether the interval decides against the bound 2 +- 5 %. */
static bool decided(const struct assay_estimate *e)
{
	return e->hi < 2 || e->lo > 2 || (e->lo >= 1.9 && e->hi <= 2.1);
}

static const char *doubling_word(const struct assay_estimate *e)
{
	bool no_interval = isnan(e->lo);
	if (no_interval ? fabs(e->value - 2) <= 0.1 : !decided(e) || (e->lo >= 1.9 && e->hi <= 2.1))
		return "About";
	return e->value < 2 ? "No, less" : "No, more";
}

static void prompt_scaling(const struct facts *f, struct assay_finding *o)
{
	struct assay_law l;
	char text[80];
	assay_law_fit(f->run, f->m, ASSAY_LAW_PROMPT_TTFT, &l);
	if (!l.known) {
		finding_needs(f, o, l.about->needs, AXES);
		assay_law_release(&l);
		return;
	}
	const struct assay_fit *fit = &l.fit;
	double half = fit->most_n / 2, t = assay_fit_at(fit, fit->most_n);
	struct assay_estimate e = assay_fit_doubling(fit, half);
	finding_estimate(text, &e, 2);
	finding_say(o, "%s: from %.0f to %.0f prompt tokens TTFT takes %s times as long", doubling_word(&e), half, fit->most_n, text);
	if (fit->k[0] > 0 && fit->terms > 1)
		finding_say(o, "; %.3g ms are fixed", fit->k[0]);
	if (fit->terms > 1)
		finding_say(o, "%s each prompt token adds %.3g ms", fit->k[0] > 0 ? " and" : ";", (t - fit->k[0]) / fit->most_n);
	if (fit->terms == 3 && fit->k[2] > 0)
		finding_say(o, " on average, of which the part that grows with the square makes up %.0f %% at %.0f tokens", 100 * fit->k[2] * fit->most_n * fit->most_n / t,
			    fit->most_n);
	if (l.change.found)
		finding_say(o, "; the law changes near %.0f tokens, from %.3g to %.3g ms a token", l.change.at, l.change.slope_before, l.change.slope_after);
	finding_say(o, ".");
	finding_next(o, "%s", e.value < 1.9 ? "long prompts are cheaper by the token than short ones: send several short ones together" :
					      "cutting a long prompt cuts the wait for the first token in proportion");
	law_evidence(f, o, &l);
	finding_trust(f, o, fit->distinct >= 3 && decided(&e));
	assay_law_release(&l);
}

static void output_scaling(const struct facts *f, struct assay_finding *o)
{
	struct series prompts = { 0 };
	struct assay_law l;
	struct assay_fit prompt_fit;
	char text[80];
	assay_law_fit(f->run, f->m, ASSAY_LAW_OUTPUT_E2E, &l);
	series_by_prompt(f, "ttft_ms", &prompts);
	assay_fit_terms(prompts.n, prompts.y, prompts.count, 2, &prompt_fit);
	const struct assay_fit *fit = &l.fit;
	if (!l.known) {
		finding_needs(f, o, l.about->needs, AXES);
	} else {
		struct assay_estimate each = { fit->k[1], fit->lo[1], fit->hi[1] }, twice = assay_fit_doubling(fit, fit->most_n / 2);
		finding_estimate(text, &each, 2);
		finding_say(o, "Each output token adds %s ms to a request of %lld prompt tokens", text, (long long)l.prompt_tokens);
		if (prompt_fit.known && prompt_fit.distinct >= 3 && prompt_fit.k[1] > 0 && fit->k[1] > 0)
			finding_say(o, ", as much as %.3g prompt tokens", fit->k[1] / prompt_fit.k[1]);
		finding_estimate(text, &twice, 2);
		finding_say(o, "; %.0f instead of %.0f output tokens take %s times as long.", fit->most_n, fit->most_n / 2, text);
		finding_next(o, "a limit on output length (max tokens) saves more time than a shorter prompt where a token of output costs more");
		law_evidence(f, o, &l);
		finding_trust(f, o, fit->distinct >= 3 && fit->lo[1] > 0);
	}
	assay_law_release(&l);
	series_release(&prompts);
}

static void context_decode(const struct facts *f, struct assay_finding *o)
{
	struct assay_law l;
	assay_law_fit(f->run, f->m, ASSAY_LAW_CONTEXT_DECODE, &l);
	const struct assay_fit *fit = &l.fit;
	if (!l.known) {
		finding_needs(f, o, l.about->needs, AXES);
	} else {
		double t = assay_fit_at(fit, fit->least_n), rise = assay_fit_at(fit, fit->most_n) / t - 1;
		bool clear = fit->lo[1] > 0 || fit->hi[1] < 0;
		if (!(clear && fabs(rise) >= 0.01) && fit->df > 0)
			finding_say(o, "No growth can be told from noise: a token takes %.3g ms, and %.0f instead of %.0f tokens of context change that by %+.1f %%.", t, fit->most_n,
				    fit->least_n, 100 * rise);
		else
			finding_say(o, "Time per output token goes from %.3g ms at %.0f tokens of context to %.3g ms at %.0f (%+.1f %%): %.3g ms for each 1,000 tokens.", t,
				    fit->least_n, t * (1 + rise), fit->most_n, 100 * rise, 1000 * fit->k[1]);
		law_evidence(f, o, &l);
		finding_trust(f, o, fit->distinct >= 3 && clear);
	}
	assay_law_release(&l);
}

/* One law: "TTFT grows with prompt length to the power 0.71 (95 %: ...)"; false when there is none. */
static bool say_power(struct assay_finding *o, const char *what, const struct series *s, bool first)
{
	struct assay_estimate e = assay_fit_power(s->n, s->y, s->count);
	char text[80];
	if (isnan(e.value))
		return false;
	finding_estimate(text, &e, 2);
	finding_say(o, "%s%s to the power %s", first ? "" : "; ", what, text);
	return true;
}

static void scaling(const struct facts *f, struct assay_finding *o)
{
	struct series prompts = { 0 }, outputs = { 0 }, batches = { 0 };
	series_by_prompt(f, "ttft_ms", &prompts);
	series_by_output(f, &outputs);
	for (size_t i = 0; i < f->run->n_points; i++)
		if (fact_is(f, i, "throughput") && fact_measured(f, i))
			series_runs(f, i, "output_tok_s", (double)fact_case(f, i, "batch_size", 0), &batches);
	int said = say_power(o, "TTFT grows with prompt length", &prompts, true);
	said += say_power(o, said ? "latency with output length" : "Latency grows with output length", &outputs, !said);
	said += say_power(o, said ? "throughput with batch size" : "Throughput grows with batch size", &batches, !said);
	if (said) {
		finding_say(o, " (1 = in proportion).");
		if (series_distinct(&prompts) >= 2)
			series_evidence(f, o, &prompts);
		if (series_distinct(&outputs) >= 2)
			series_evidence(f, o, &outputs);
		if (series_distinct(&batches) >= 2)
			series_evidence(f, o, &batches);
		finding_trust(f, o, said == 3 && series_distinct(&prompts) >= 3 && series_distinct(&outputs) >= 3 && series_distinct(&batches) >= 3);
	} else {
		finding_needs(f, o, "points that differ in prompt, output or batch", "baseline");
	}
	series_release(&prompts);
	series_release(&outputs);
	series_release(&batches);
}

const struct finding_rule findings_length[] = {
	{ "scaling", "How does it scale?", "scaling", 1, scaling },
	{ "prompt_scaling", "Does a prompt of twice the length take twice as long?", "scaling", 6, prompt_scaling },
	{ "output_scaling", "How does output length compare?", "scaling", 5, output_scaling },
	{ "context_decode", "Does decode slow down as the context grows?", "scaling", 2, context_decode },
	{ 0 },
};
