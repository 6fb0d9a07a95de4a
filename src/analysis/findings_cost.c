/* Rules: what does a token cost, in money and in energy? */
#include <math.h>
#include <stdio.h>

#include "analysis/findings_rules.h"
#include "base/json.h"

/* The measured points with the least and the most of a metric; SIZE_MAX = none has it. */
static size_t extremes(const struct facts *f, const char *key, size_t *most)
{
	size_t least = *most = SIZE_MAX;
	for (size_t i = 0; i < f->run->n_points; i++) {
		double x = fact_measured(f, i) ? fact_value(f, i, key) : NAN;
		if (isnan(x))
			continue;
		if (least == SIZE_MAX || x < fact_value(f, least, key))
			least = i;
		if (*most == SIZE_MAX || x > fact_value(f, *most, key))
			*most = i;
	}
	return least;
}

/* "0.42 EUR (batch 16, 64 in, 32 out) and 5.30 (one request, ...)"; whether the interval of the least excludes the most. */
static bool say_extremes(const struct facts *f, struct assay_finding *o, const char *key, const char *unit, size_t least, size_t most)
{
	char label[96];
	const struct assay_value *v = fact_metric(f, least, key);
	double top = fact_value(f, most, key);
	fact_label(f, least, label);
	finding_evidence(f, o, least);
	finding_say(o, "%.3g%s (%s)", fact_value(f, least, key), unit, label);
	if (most != least) {
		fact_label(f, most, label);
		finding_evidence(f, o, most);
		finding_say(o, " and %.3g (%s): %.1f times as much", top, label, top / fact_value(f, least, key));
	}
	return most == least ? v->s.n >= 2 : v->s.ci95[1] < top;
}

static void cost(const struct facts *f, struct assay_finding *o)
{
	const json_t *config = json_object_get(f->run->header, "config");
	const char *currency = assay_json_get_str(config, "currency", "?");
	double price = assay_json_get_num(config, "price_per_hour", NAN);
	size_t most, least = extremes(f, "cost_per_mtok", &most);
	char unit[16];
	if (isnan(price)) {
		finding_needs(f, o, "what an hour of this machine costs", "baseline --price-per-hour 1.50 --currency EUR");
		return;
	}
	if (least == SIZE_MAX) {
		finding_needs(f, o, "a measured run", "baseline");
		return;
	}
	snprintf(unit, sizeof unit, " %.8s", currency);
	finding_say(o, "At %.6g %.8s an hour a million output tokens cost %s", price, currency, most == least ? "" : "between ");
	bool clear = say_extremes(f, o, "cost_per_mtok", unit, least, most);
	finding_say(o, "; input and output together %.3g a million at the cheapest.", fact_value(f, least, "cost_per_mtok_total"));
	finding_next(o, "%s", "the cheapest point is the one with the most throughput: larger batches where latency allows (assay throughput), or a cheaper machine of the same speed");
	finding_trust(f, o, clear);
}

static void energy(const struct facts *f, struct assay_finding *o)
{
	size_t most, least = extremes(f, "joules_per_output_token", &most);
	if (least == SIZE_MAX) {
		const struct assay_value *v = f->run->n_points ? fact_metric(f, 0, "joules_per_output_token") : NULL;
		finding_needs_later(o, "a counter of energy that updates 20 times within a run (%s)", v && *v->reason ? v->reason : "nothing was measured");
		return;
	}
	finding_say(o, "An output token takes %s", most == least ? "" : "between ");
	bool clear = say_extremes(f, o, "joules_per_output_token", " J", least, most);
	finding_say(o, "; %.3g J for a token of input or output at the least. The whole CPU package, idle power included.", fact_value(f, least, "joules_per_token"));
	finding_next(o, "%s", "more tokens from the same power: a larger batch, a smaller type (--dtype bf16)");
	finding_trust(f, o, clear);
}

const struct finding_rule findings_cost[] = {
	{ "cost", "What does a million tokens cost?", "performance", 4, cost },
	{ "energy", "How much energy does a token take?", "performance", 1, energy },
	{ 0 },
};
