/* Rules: what takes the memory, what fits, does it grow, and what does loading cost? */
#include <math.h>
#include <string.h>

#include "analysis/findings_rules.h"
#include "analysis/soak.h"
#include "base/json.h"
#include "metrics/outcome.h"

/* First known value of a metric over all points, or the largest. */
static double any_value(const struct facts *f, const char *key, bool largest, size_t *point)
{
	double found = NAN;
	for (size_t i = 0; i < f->run->n_points; i++) {
		double x = fact_value(f, i, key);
		if (isnan(x) || (!isnan(found) && (!largest || x <= found)))
			continue;
		found = x;
		*point = i;
	}
	return found;
}

static void weights_kv(const struct facts *f, struct assay_finding *o)
{
	size_t wp = 0, kp = 0, pp = 0;
	double weights = any_value(f, "weights_mib", false, &wp), each = any_value(f, "kv_bytes_per_token", false, &kp), peak = any_value(f, "kv_peak_mib", true, &pp);
	if (isnan(weights) || isnan(each) || !(each > 0)) {
		finding_needs_later(o, "an engine or model that tells the bytes of its weights and of its KV cache, as the embedded one does (-e cpu)");
		return;
	}
	finding_evidence(f, o, wp);
	finding_say(o, "Weights take %.1f MiB, the KV cache %.0f bytes a token", weights, each);
	if (!isnan(peak)) {
		char label[96];
		fact_label(f, pp, label);
		finding_evidence(f, o, pp);
		finding_say(o, " and at most %.1f MiB in this run (%.1f %% of the weights; %s)", peak, 100 * peak / weights, label);
	}
	finding_say(o, "; they are equal at %.0f tokens held at once.", weights * 1024 * 1024 / each);
	finding_next(o, "%s", peak > weights ? "the KV cache is the larger part: a smaller KV type (--kv-dtype bf16) or fewer sequences save most" :
					       "the weights are the larger part: a smaller type (--dtype bf16) saves most");
	finding_fact(o);
}

static bool is_limit(const struct facts *f, size_t p)
{
	return !strcmp(assay_point_status(f->run, p), "limit");
}

/* Cases that were meant to fit; those that look for the limit are not counted. */
static void all_fit(const struct facts *f, struct assay_finding *o)
{
	size_t ran = 0, not = 0, first = SIZE_MAX, largest = SIZE_MAX;
	char label[96];
	for (size_t i = 0; i < f->run->n_points; i++) {
		if (json_object_get(json_object_get(f->run->points[i].info, "case"), "limit"))
			continue;
		not += is_limit(f, i);
		ran += fact_measured(f, i);
		if (is_limit(f, i) && first == SIZE_MAX)
			first = i;
		if (fact_measured(f, i) && (largest == SIZE_MAX || fact_case(f, i, "batch_size", 1) > fact_case(f, largest, "batch_size", 1)))
			largest = i;
	}
	if (ran + not == 0) {
		finding_needs(f, o, "a measured case", "baseline");
		return;
	}
	if (not) {
		fact_label(f, first, label);
		finding_evidence(f, o, first);
		finding_say(o, "No: %zu of %zu cases did not fit, the first of them %s (%.200s)", not, ran + not, label, assay_point_status_reason(f->run, first));
		finding_next(o, "that is a result, not a failure: smaller batches or fewer output tokens fit, a larger pool (--kv-memory) may; assay memory finds the limit");
	} else {
		finding_say(o, "Yes: all %zu cases", ran);
		finding_next(o, "nothing to do");
	}
	if (largest != SIZE_MAX) {
		fact_label(f, largest, label);
		finding_evidence(f, o, largest);
		finding_say(o, not ? "; the largest batch that ran: %s" : " fit, the largest of them %s", label);
	}
	finding_say(o, ".");
	finding_fact(o);
}

static const json_t *limits_note(const struct facts *f)
{
	size_t i;
	json_t *note;
	json_array_foreach(f->run->notes, i, note)
		if (!strcmp(assay_json_get_str(note, "code", ""), "memory_limits"))
			return note;
	return NULL;
}

/* Points that ran at a limit, or were refused one beyond it. */
static int confirmed(const struct facts *f, struct assay_finding *o)
{
	int ran = 0;
	for (size_t i = 0; i < f->run->n_points; i++) {
		if (!json_object_get(json_object_get(f->run->points[i].info, "case"), "limit"))
			continue;
		finding_evidence(f, o, i);
		ran += f->m->points[i].succeeded > 0;
	}
	return ran;
}

static void memory_limits(const struct facts *f, struct assay_finding *o)
{
	const json_t *note = limits_note(f), *batch = json_object_get(note, "batch"), *context = json_object_get(note, "context");
	double fits = assay_json_get_num(batch, "pool", NAN), memory = assay_json_get_num(batch, "memory", NAN), longest = assay_json_get_num(context, "pool", NAN);
	if (isnan(fits)) {
		finding_needs(f, o, "the limits by batch and by context, computed and confirmed", "memory");
		return;
	}
	finding_say(o, "%.0f sequences of %lld + %lld tokens fit the KV pool of this run", fits, (long long)assay_json_get_int(note, "prompt_tokens", 0),
		    (long long)assay_json_get_int(note, "output_tokens", 0));
	if (!isnan(longest))
		finding_say(o, ", or one of %.0f tokens", longest);
	if (!isnan(memory))
		finding_say(o, "; the memory that is safely free would hold %.0f sequences", memory);
	int ran = confirmed(f, o);
	finding_say(o, "%s.", ran ? " (confirmed by running them)" : " (computed, not run)");
	finding_next(o, "%s", memory > fits ? "a larger pool takes more at once: --kv-memory" : "for larger batches: fewer output tokens, a smaller KV type (--kv-dtype), or more memory");
	o->modelled = !ran;
	finding_fact(o);
	if (!ran)
		o->confidence = ASSAY_LOW;
}

/* The same bound over the windows of a soak, all loads together. */
static void leak_over_hours(const struct facts *f, struct assay_finding *o)
{
	struct assay_leak l;
	assay_soak_leak(f->run, &l);
	bool told = l.state == ASSAY_LEAK_YES || l.state == ASSAY_LEAK_NO;
	for (size_t i = 0; i < f->run->n_points; i++)
		if (f->m->points[i].offered)
			finding_evidence(f, o, i);
	if (l.state == ASSAY_LEAK_UNKNOWN) {
		finding_needs_later(o, "an engine that tells how much memory it holds");
		return;
	}
	if (l.state == ASSAY_LEAK_NOT_YET) {
		finding_needs(f, o, "12 windows or more with readings of memory", "soak --duration 1h");
		return;
	}
	finding_say(o, "%s: under load resident memory changes by %.0f KiB per 1,000 requests (95 %%: %.0f to %.0f; allowed %.0f), %.2f MiB per hour (%.2f to %.2f).",
		    l.state == ASSAY_LEAK_YES ? "Yes" : told ? "No" : "It cannot be told yet", l.per_1k_kib.slope + 0.0, l.per_1k_kib.lo + 0.0, l.per_1k_kib.hi + 0.0, l.allowed_kib,
		    l.per_hour_mib.slope + 0.0, l.per_hour_mib.lo + 0.0, l.per_hour_mib.hi + 0.0);
	finding_next(o, "%s", l.state == ASSAY_LEAK_YES ? "look at the engine's allocations: the growth goes on as long as requests do" : told ? "nothing to do" : "a longer run narrows the interval");
	finding_trust(f, o, told);
}

/* The bound of decisions.md: 0.1 % of resident memory, at least 1 MiB, per 1,000 requests. */
static void leak(const struct facts *f, struct assay_finding *o)
{
	if (f->run->n_windows) {
		leak_over_hours(f, o);
		return;
	}
	for (size_t i = 0; i < f->run->n_points; i++) {
		const struct assay_value *g = fact_metric(f, i, "rss_growth_kib_per_1k");
		double rss = fact_value(f, i, "rss_peak_mib"), allowed = fmax(1024, isnan(rss) ? 0 : rss * 1024 * 0.001);
		if (!g || isnan(g->value))
			continue;
		double lo = g->s.ci95[0], hi = g->s.ci95[1];
		finding_evidence(f, o, i);
		finding_say(o, "%s: resident memory changes by %.0f KiB per 1,000 requests (95 %%: %.0f to %.0f; allowed %.0f).",
			    lo > allowed ? "Yes" : hi <= allowed ? "No" : "It cannot be told yet", rint(g->value) + 0.0, rint(lo) + 0.0, rint(hi) + 0.0, allowed); /* no "-0" */
		finding_next(o, "%s", lo > allowed ? "repeat with more runs (assay memory --runs 1000) and look at the engine's allocations" :
				      hi <= allowed ? "nothing to do" : "more runs narrow the interval: assay memory --runs 1000");
		finding_trust(f, o, lo > allowed || hi <= allowed);
		return;
	}
	finding_needs(f, o, "at least 13 runs with readings of memory", "memory --runs 100");
}

static void load_overhead(const struct facts *f, struct assay_finding *o)
{
	size_t p = fact_typical(f);
	double load = p == SIZE_MAX ? NAN : fact_value(f, p, "load_ms"), each = p == SIZE_MAX ? NAN : fact_value(f, p, "e2el_ms");
	char label[96];
	if (isnan(load) || !(each > 0)) {
		finding_needs_later(o, "a load time and a measured request: this engine tells no load phase, or nothing was measured");
		return;
	}
	fact_label(f, p, label);
	finding_evidence(f, o, p);
	finding_say(o, "Loading takes %.2f s once, as long as %.1f requests (%s, %.2f s each); after %.0f such requests it is under 1 %% of the time.", load / 1e3, load / each, label,
		    each / 1e3, ceil(99 * load / each));
	finding_next(o, "%s", load > 20 * each ? "keep the model loaded between requests; a process for each request would spend most of its time loading" :
						 "loading matters only for processes that serve a few requests");
	finding_trust(f, o, true);
}

const struct finding_rule findings_memory[] = {
	{ "weights_kv", "What takes the memory: weights or KV cache?", "memory", 4, weights_kv },
	{ "fits", "Did every case fit into memory and context?", "memory", 2, all_fit },
	{ "memory_limits", "How large a batch and how long a context fit?", "memory", 2, memory_limits },
	{ "leak", "Does memory leak?", "memory", 3, leak },
	{ "load_overhead", "What does loading the model cost?", "memory", 2, load_overhead },
	{ 0 },
};
