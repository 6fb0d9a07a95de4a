/* Rules: is it good enough, and what should be done next? */
#include <math.h>
#include <string.h>

#include "analysis/findings_rules.h"
#include "analysis/targets.h"
#include "base/json.h"

static void acceptable(const struct facts *f, struct assay_finding *o)
{
	const json_t *rows = json_object_get(f->run->header, "targets"), *first = NULL;
	int counts[3] = { 0 }, failed = 0;
	size_t i;
	json_t *row, *judged = json_is_array(rows) ? assay_targets_judge(rows, f->run, f->m, &failed) : NULL;
	json_array_foreach(judged, i, row) {
		const char *status = assay_json_get_str(row, "status", "");
		int which = !strcmp(status, "pass") ? 0 : !strcmp(status, "fail") ? 1 : 2;
		int64_t point = assay_json_get_int(row, "point", -1);
		counts[which]++;
		if (which == 1 && !first)
			first = row;
		if (which < 2 && point >= 0 && (size_t)point < f->run->n_points)
			finding_evidence(f, o, (size_t)point);
	}
	if (counts[0] + counts[1] == 0) {
		finding_needs(f, o, "bounds to hold the numbers against, a file or a named set", "baseline --targets s3-cpu");
	} else {
		finding_say(o, "%s: %d of %d targets are met", counts[1] ? "No" : "Yes", counts[0], counts[0] + counts[1]);
		if (counts[2])
			finding_say(o, " (%d more not measured or for information)", counts[2]);
		if (first)
			finding_say(o, "; missed: %.40s %.20s at %.6g", assay_json_get_str(first, "metric", "?"), assay_json_get_str(first, "stat", "mean"),
				    assay_json_get_num(first, "actual", NAN));
		finding_say(o, ".");
		finding_next(o, "%s", counts[1] ? "table Targets shows each bound" : "nothing to do");
		finding_trust(f, o, true);
	}
	json_decref(judged);
}

/* Where the most time could be saved in a point: time of a phase above its floor. */
struct gain { struct assay_roof roof; double saved; };

static struct gain gain_of(const struct facts *f, size_t p, enum assay_step_kind kind)
{
	struct gain g = { .saved = NAN };
	assay_roofline_point(f->run, p, kind, &g.roof);
	if (g.roof.steps && !isnan(g.roof.headroom))
		g.saved = g.roof.time_s * (1 - 1 / fmax(1, g.roof.headroom));
	return g;
}

static const char *advice_for(enum assay_bound b, bool decode)
{
	if (b == ASSAY_BOUND_MEMORY)
		return "fewer bytes a token: --dtype bf16, or a larger batch that shares each read of the weights";
	if (b == ASSAY_BOUND_COMPUTE)
		return "faster arithmetic: --dtype bf16 where the CPU has it, more cores";
	return decode ? "neither memory nor arithmetic fills the time: quiet the machine (assay doctor), try other --threads, a larger batch" :
			"neither memory nor arithmetic fills the time: longer or batched prompts, a quiet machine (assay doctor)";
}

static void opportunity(const struct facts *f, struct assay_finding *o)
{
	size_t p = fact_typical(f);
	char label[96];
	struct gain d = { .saved = NAN }, r = { .saved = NAN };
	if (p != SIZE_MAX) {
		d = gain_of(f, p, ASSAY_STEP_DECODE);
		r = gain_of(f, p, ASSAY_STEP_PREFILL);
	}
	if (isnan(d.saved)) {
		finding_needs_later(o, "an engine that reports steps with bytes and FLOPs, and ceilings of the machine to hold them against (-e cpu measures both)");
		return;
	}
	bool decode = !(r.saved > d.saved);
	const struct gain *g = decode ? &d : &r;
	double all = d.roof.time_s + r.roof.time_s;
	o->modelled = true;
	finding_evidence(f, o, p);
	fact_label(f, p, label);
	finding_say(o, "%s (%s) offers the most: it takes %.0f %% of the engine's time and is %s; at the machine's measured ceiling %.0f %% of the whole time would be saved.",
		    decode ? "Decode" : "Prefill", label, 100 * g->roof.time_s / all, assay_bound_name(g->roof.bound), 100 * g->saved / all);
	finding_next(o, "%s", advice_for(g->roof.bound, decode));
	finding_trust(f, o, true);
}

static void best_configuration(const struct facts *f, struct assay_finding *o)
{
	finding_needs(f, o, "several configurations measured in turn (this run has one)", "sweep --vary batch=1,4,16 --vary dtype=f32,bf16");
}

static void trend(const struct facts *f, struct assay_finding *o)
{
	(void)f;
	finding_needs_later(o, "ten results or more over time: keep the directories of repeated runs below one folder, then assay history FOLDER");
}

const struct finding_rule findings_choice[] = {
	{ "acceptable", "Are the numbers in an acceptable range?", "performance", 7, acceptable },
	{ "opportunity", "Where is the largest opportunity for optimisation?", "choice", 8, opportunity },
	{ "best_configuration", "Which configuration is best?", "choice", 0, best_configuration },
	{ "trend", "Does speed change from version to version?", "choice", 0, trend },
	{ 0 },
};
