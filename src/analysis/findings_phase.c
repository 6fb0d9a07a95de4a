/* Rules: where does the time go, and what holds each phase back? */
#include <math.h>
#include <stdio.h>

#include "analysis/findings_rules.h"

#define NEEDS_STEPS "an engine that reports its steps with bytes and FLOPs, as the embedded one does (-e cpu)"

/* ---- prefill or decode ---- */

/* Share of decode in the engine's step time of one run; NaN without steps. Mixed steps count by their tokens. */
static double decode_share(const struct facts *f, const struct assay_run_visit *v)
{
	double decode = 0, all = 0;
	for (size_t i = 0; i < v->n_steps; i++) {
		const struct assay_rec_step *s = &f->run->steps[v->first_step + i];
		double ns = (double)(s->t1_ns - s->t0_ns), tokens = (double)s->prefill_tokens + s->decode_tokens;
		all += ns;
		decode += s->kind == ASSAY_STEP_DECODE ? ns : s->kind == ASSAY_STEP_MIXED && tokens > 0 ? ns * s->decode_tokens / tokens : 0;
	}
	return all > 0 ? decode / all : NAN;
}

/* Mean over runs with its interval; without steps from TTFT and E2E latency of single requests. */
static struct assay_estimate share_of_point(const struct facts *f, size_t point)
{
	const struct assay_run_point *p = &f->run->points[point];
	const struct assay_value *ttft = fact_metric(f, point, "ttft_ms"), *e2el = fact_metric(f, point, "e2el_ms");
	struct series s = { 0 };
	struct assay_summary sum;
	for (size_t i = p->first_visit; i < p->first_visit + p->n_visits; i++)
		if (f->run->visits[i].v.repeat >= 0)
			series_add(&s, 0, decode_share(f, &f->run->visits[i]), point);
	for (size_t i = 0; !s.count && ttft && e2el && f->run->n_steps == 0 && i < ttft->n_per_run && i < e2el->n_per_run; i++)
		series_add(&s, 0, 1 - ttft->per_run[i] / e2el->per_run[i], point);
	assay_summarise(s.y, s.count, 0, &sum);
	struct assay_estimate e = { s.count ? sum.mean : NAN, sum.ci95[0], sum.ci95[1] };
	series_release(&s);
	return e;
}

/* The run that a server's life looks most like: offline, else the largest batch; SIZE_MAX = none. */
static size_t heaviest(const struct facts *f)
{
	size_t best = fact_first(f, "offline");
	for (size_t i = 0; best == SIZE_MAX && i < f->run->n_points; i++)
		if (fact_is(f, i, "throughput") && fact_measured(f, i) && fact_case(f, i, "batch_size", 1) > 1)
			best = i;
	for (size_t i = 0; best != SIZE_MAX && !fact_is(f, best, "offline") && i < f->run->n_points; i++)
		if (fact_is(f, i, "throughput") && fact_measured(f, i) && fact_case(f, i, "batch_size", 1) > fact_case(f, best, "batch_size", 1))
			best = i;
	return best;
}

static void phase_split(const struct facts *f, struct assay_finding *o)
{
	size_t points[2] = { fact_typical(f), heaviest(f) };
	bool clears = true, before = false;
	int said = 0;
	for (int i = 0; i < 2; i++) {
		char label[96];
		if (points[i] == SIZE_MAX || (i && points[1] == points[0]))
			continue;
		struct assay_estimate e = share_of_point(f, points[i]);
		if (isnan(e.value))
			continue;
		double share = fmax(e.value, 1 - e.value);
		fact_label(f, points[i], label);
		const char *phase = e.value >= 0.5 ? said ? "decode" : "Decode" : said ? "prefill" : "Prefill";
		if (said && (e.value >= 0.5) == before)
			finding_say(o, " and %.0f %% (%s)", 100 * share, label);
		else
			finding_say(o, "%s%s takes %.0f %% of the %s (%s)", said ? "; " : "", phase, 100 * share, f->run->n_steps ? "engine's time" : "latency", label);
		before = e.value >= 0.5;
		said++;
		clears &= e.lo > 0.5 || e.hi < 0.5;
		finding_evidence(f, o, points[i]);
		finding_next(o, e.value >= 0.5 ? "speed up decode first: it is where most of the time goes" :
						 "speed up prefill first: shorter or shared prompts, faster matrix products");
	}
	if (!said) {
		finding_needs(f, o, "a measured request of several tokens", "latency");
		return;
	}
	finding_say(o, ".");
	finding_trust(f, o, clears);
}

/* ---- roofline ---- */

/* The measured point that shows a phase best: decode of a single sequence (typical), decode of the largest batch, prefill of the longest prompt. */
static size_t roof_point(const struct facts *f, enum assay_step_kind kind, bool largest, struct assay_roof *out)
{
	size_t best = SIZE_MAX;
	int64_t most = -1;
	for (size_t i = 0; i < f->run->n_points; i++) {
		struct assay_roof r;
		int64_t batch = fact_case(f, i, "batch_size", 0);
		if (!fact_measured(f, i) || batch < 1 || (!largest && batch > 1))
			continue;
		assay_roofline_point(f->run, i, kind, &r);
		int64_t size = kind == ASSAY_STEP_PREFILL ? fact_case(f, i, "prompt_tokens", 0) : largest ? batch : fact_is(f, i, "latency") ? 1 : 0;
		if (!r.steps || size <= most)
			continue;
		most = size;
		best = i;
		*out = r;
	}
	return best;
}

/* What is missing when a roof's place is not known. */
static void roof_needs(const struct facts *f, struct assay_finding *o, const struct assay_roof *r)
{
	if (!r->steps || isnan(r->bytes) || isnan(r->flops))
		finding_needs_later(o, NEEDS_STEPS);
	else if (f->virtual_clock)
		finding_needs_later(o, "ceilings of the simulated machine: add ceilings: {read_gb_s: 20, gemm_gflop_s: 2000} to the sim file");
	else
		finding_needs(f, o, "a probe of what this machine can read and compute", "baseline");
}

static void say_roof(struct assay_finding *o, const char *what, const struct assay_roof *r)
{
	finding_say(o, "%s is %s (%.0f %% of bandwidth, %.0f %% of arithmetic)", what, assay_bound_name(r->bound), 100 * r->memory_share, 100 * r->compute_share);
}

static void bound(const struct facts *f, struct assay_finding *o)
{
	struct assay_roof one = { 0 }, many = { 0 }, prefill = { 0 };
	char what[80];
	size_t p1 = roof_point(f, ASSAY_STEP_DECODE, false, &one), pn = roof_point(f, ASSAY_STEP_DECODE, true, &many);
	size_t pp = roof_point(f, ASSAY_STEP_PREFILL, false, &prefill);
	if (p1 == SIZE_MAX || one.bound == ASSAY_BOUND_UNKNOWN) {
		roof_needs(f, o, &one);
		return;
	}
	o->modelled = true;
	say_roof(o, "Decode of one sequence", &one);
	finding_evidence(f, o, p1);
	if (pp != SIZE_MAX && prefill.bound != ASSAY_BOUND_UNKNOWN) {
		snprintf(what, sizeof what, "; prefill of %lld tokens", (long long)fact_case(f, pp, "prompt_tokens", 0));
		say_roof(o, what, &prefill);
		finding_evidence(f, o, pp);
	}
	if (pn != SIZE_MAX && pn != p1 && fact_case(f, pn, "batch_size", 1) > 1 && many.bound != ASSAY_BOUND_UNKNOWN) {
		snprintf(what, sizeof what, "; decode at batch %lld", (long long)fact_case(f, pn, "batch_size", 1));
		say_roof(o, what, &many);
		finding_evidence(f, o, pn);
	}
	finding_say(o, "; 100 %% = the %.1f GB/s and %.0f GFLOP/s that this machine was measured to reach, and overhead-bound = neither fills half of the time.", one.read_gb_s,
		    one.gflop_s);
	finding_next(o, "%s", one.bound == ASSAY_BOUND_MEMORY ? "fewer bytes for each token: a smaller type (--dtype bf16) or more sequences at once (assay throughput)" :
			      one.bound == ASSAY_BOUND_COMPUTE ? "a type that the CPU multiplies faster (--dtype bf16), or more cores (--threads)" :
								 "neither memory nor arithmetic explains the time: look at thread waits and small operators, and at other load on the machine");
	finding_trust(f, o, true);
}

static void bandwidth(const struct facts *f, struct assay_finding *o)
{
	struct assay_roof r = { 0 };
	size_t p = roof_point(f, ASSAY_STEP_DECODE, false, &r);
	if (p == SIZE_MAX || isnan(r.memory_share)) {
		roof_needs(f, o, &r);
		return;
	}
	o->modelled = true;
	finding_evidence(f, o, p);
	finding_say(o, "%s: decode of one sequence moves %.2f GB a token, %.1f GB/s, which is %.0f %% of the %.1f GB/s that the machine was measured to read.",
		    r.memory_share >= 0.8 ? "Yes" : r.memory_share >= ASSAY_ROOF_NEAR ? "Mostly" : "No", r.bytes / 1e9 / (double)r.steps, r.bytes / 1e9 / r.time_s,
		    100 * r.memory_share, r.read_gb_s);
	finding_next(o, "%s", r.memory_share >= ASSAY_ROOF_NEAR ? "halve the bytes: --dtype bf16; or share each read among more sequences: a larger batch" :
							      "bandwidth is left: something else takes the time (compute, waits, or other load on the machine)");
	finding_trust(f, o, true);
}

static void headroom(const struct facts *f, struct assay_finding *o)
{
	struct assay_roof d = { 0 }, p = { 0 };
	size_t pd = roof_point(f, ASSAY_STEP_DECODE, false, &d), pp = roof_point(f, ASSAY_STEP_PREFILL, false, &p);
	if (pd == SIZE_MAX || isnan(d.headroom)) {
		roof_needs(f, o, &d);
		return;
	}
	o->modelled = true;
	finding_evidence(f, o, pd);
	finding_say(o, "At the machine's measured ceilings decode of one sequence could be at most %.1f times as fast (%.1f instead of %.1f tok/s)", d.headroom,
		    (double)d.steps / d.time_s * d.headroom, (double)d.steps / d.time_s);
	if (pp != SIZE_MAX && !isnan(p.headroom)) {
		finding_evidence(f, o, pp);
		finding_say(o, ", and prefill of %lld tokens at most %.1f times", (long long)fact_case(f, pp, "prompt_tokens", 0), p.headroom);
	}
	finding_say(o, "%s.", d.headroom < 1 ? "; under 1 means that the probe or the byte count is wrong" : "; beyond that only fewer bytes or FLOPs help");
	finding_next(o, "%s", d.headroom > 1.5 ? "bytes and FLOPs do not explain all of the time: quiet the machine (assay doctor), then look for waits" :
					       "the engine is near this machine's limit: change the type, the batch or the machine");
	finding_trust(f, o, true);
}

/* ---- what only a profile shows ---- */

static void profile(const struct facts *f, struct assay_finding *o)
{
	(void)f;
	finding_needs_later(o, "per-layer timing, which this version does not measure: an engine step is its smallest piece of time");
}

const struct finding_rule findings_phase[] = {
	{ "phase_split", "Does decode or prefill take most of the time?", "performance", 8, phase_split },
	{ "bound", "Is it compute-bound or memory-bound?", "bottleneck", 9, bound },
	{ "bandwidth", "Is memory bandwidth a bottleneck?", "bottleneck", 5, bandwidth },
	{ "headroom", "How much headroom is left for optimisation?", "bottleneck", 6, headroom },
	{ "layers", "How does latency break down by layer?", "bottleneck", 0, profile },
	{ "operators", "Which operations take the most time?", "bottleneck", 0, profile },
	{ "synchronisation", "How much time goes into synchronisation?", "bottleneck", 0, profile },
	{ 0 },
};
