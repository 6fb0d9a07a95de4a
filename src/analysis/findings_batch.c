/* Rules: what does a larger batch bring? */
#include <math.h>
#include <stdlib.h>

#include "analysis/findings_rules.h"

static bool different(const struct facts *f, const size_t *p, size_t n)
{
	return n >= 2 && fact_case(f, p[n - 1], "batch_size", 0) > fact_case(f, p[0], "batch_size", 0);
}

#define NEEDS_BATCHES "measured points at two batch sizes or more"
#define BATCHES "throughput --batch 1,4,16"

static void batch_throughput(const struct facts *f, struct assay_finding *o)
{
	size_t n;
	size_t *p = fact_batch_points(f, &n);
	if (!different(f, p, n)) {
		finding_needs(f, o, NEEDS_BATCHES, BATCHES);
		free(p);
		return;
	}
	size_t last = p[n - 1], best = last;
	const struct assay_value *s = fact_metric(f, last, "speedup");
	double from = fact_value(f, p[0], "output_tok_s"), ratio = fact_value(f, last, "output_tok_s") / from;
	long long b0 = fact_case(f, p[0], "batch_size", 0), b1 = fact_case(f, last, "batch_size", 0);
	for (size_t i = 0; i < n; i++) {
		if (fact_value(f, p[i], "output_tok_s") > fact_value(f, best, "output_tok_s"))
			best = p[i];
		finding_evidence(f, o, p[i]);
	}
	finding_say(o, "Output throughput goes from %.1f tok/s at batch %lld to %.1f at batch %lld: %.1f times with %.3g times the sequences, %.0f %% of linear scaling", from, b0,
		    fact_value(f, last, "output_tok_s"), b1, ratio, (double)b1 / (double)b0, 100 * ratio * (double)b0 / (double)b1);
	if (best != last)
		finding_say(o, "; the most is %.1f tok/s at batch %lld", fact_value(f, best, "output_tok_s"), (long long)fact_case(f, best, "batch_size", 0));
	finding_say(o, ", while each request takes %.1f times as long.", fact_value(f, last, "e2el_ms") / fact_value(f, p[0], "e2el_ms"));
	if (best == last)
		finding_next(o, "throughput still rises at the largest batch that was measured: try larger ones (assay throughput --batch %lld,%lld)", 2 * b1, 4 * b1);
	else
		finding_next(o, "stay at the batch with the most throughput, or below it when latency matters");
	finding_trust(f, o, s && (s->s.ci95[0] > 1 || s->s.ci95[1] < 1));
	free(p);
}

static void say_knee(const struct assay_knee *k, double most_batch, struct assay_finding *o)
{
	char b[80];
	finding_estimate(b, &k->knee, 1);
	if (k->knee.value <= most_batch)
		finding_say(o, "From about batch %s", b);
	else
		finding_say(o, "Not up to batch %.0f, the largest that ran at once; their law puts it at batch %s", most_batch, b);
	finding_say(o, ": a decode step takes %.3g ms and %.3g ms more for each sequence", k->law.k[0], k->law.k[1]);
	if (k->law.worst > 0.1)
		finding_say(o, " (a straight line misses the worst batch by %.0f %%)", 100 * k->law.worst);
	finding_say(o, "%s, so by this law decode cannot pass %.1f tok/s; 95 %% of that was ", k->clear ? "" : " (uncertain: few or noisy runs)", 1e3 * k->most_per_time);
	if (isnan(k->saturation))
		finding_say(o, "not reached (%.0f %% at best).", 100 * k->reached);
	else
		finding_say(o, "reached at batch %.0f.", k->saturation);
}

static void batch_knee(const struct facts *f, struct assay_finding *o)
{
	struct assay_law l;
	assay_law_fit(f->run, f->m, ASSAY_LAW_BATCH_STEP, &l);
	const struct assay_knee *k = &l.knee;
	double most = 0;
	for (size_t i = 0; i < l.count; i++)
		most = fmax(most, l.x[i]);
	if (!l.known) {
		finding_needs(f, o, l.about->needs, BATCHES);
	} else if (!k->bends) {
		finding_say(o, "Not within batch %.0f: a decode step takes %.3g ms whatever the batch%s, so decode still gains in proportion.", most,
			    assay_fit_at(&k->law, most), k->clear ? "" : " (as far as these runs can tell)");
		finding_next(o, "measure larger batches: assay throughput --batch %.0f,%.0f", 2 * most, 4 * most);
	} else {
		say_knee(k, most, o);
		if (k->knee.value <= most)
			finding_next(o, "batches beyond this buy little throughput and cost latency: stay near it unless only throughput counts");
		else
			finding_next(o, "larger batches still pay: measure them (assay throughput --batch %.0f,%.0f)", 2 * most, 4 * most);
	}
	law_evidence(f, o, &l);
	if (l.known)
		finding_trust(f, o, k->clear && k->law.worst <= 0.1 && (!k->bends || k->knee.hi <= most || k->knee.lo > most));
	assay_law_release(&l);
}

static void batch_utilisation(const struct facts *f, struct assay_finding *o)
{
	struct assay_roof a = { 0 }, b = { 0 };
	size_t n;
	size_t *p = fact_batch_points(f, &n);
	bool two = different(f, p, n);
	if (two) {
		assay_roofline_point(f->run, p[0], ASSAY_STEP_DECODE, &a);
		assay_roofline_point(f->run, p[n - 1], ASSAY_STEP_DECODE, &b);
	}
	if (!two) {
		finding_needs(f, o, NEEDS_BATCHES, BATCHES);
	} else if (!a.steps || !b.steps || isnan(a.flops) || isnan(b.flops)) {
		finding_needs_later(o, "an engine that counts the FLOPs of its decode steps, as the embedded one does (-e cpu)");
	} else {
		double rate_a = a.flops / a.time_s / 1e9, rate_b = b.flops / b.time_s / 1e9;
		o->modelled = true;
		finding_evidence(f, o, p[0]);
		finding_evidence(f, o, p[n - 1]);
		finding_say(o, "%s: from batch %lld to %lld decode computes %.1f instead of %.1f GFLOP/s (%.1f times)", rate_b > 1.1 * rate_a ? "Yes" : "No",
			    (long long)fact_case(f, p[0], "batch_size", 0), (long long)fact_case(f, p[n - 1], "batch_size", 0), rate_b, rate_a, rate_b / rate_a);
		if (!isnan(a.compute_share) && !isnan(b.compute_share))
			finding_say(o, ", %.0f instead of %.0f %% of the machine's measured arithmetic", 100 * b.compute_share, 100 * a.compute_share);
		if (!isnan(a.memory_share) && !isnan(b.memory_share))
			finding_say(o, ", with %.0f instead of %.0f %% of its memory bandwidth", 100 * b.memory_share, 100 * a.memory_share);
		finding_say(o, ".");
		finding_trust(f, o, true);
	}
	free(p);
}

const struct finding_rule findings_batch[] = {
	{ "batch_throughput", "How does batch size affect throughput?", "scaling", 9, batch_throughput },
	{ "batch_knee", "At what batch size does scaling slow?", "scaling", 7, batch_knee },
	{ "batch_utilisation", "Does a larger batch improve utilisation?", "scaling", 3, batch_utilisation },
	{ 0 },
};
