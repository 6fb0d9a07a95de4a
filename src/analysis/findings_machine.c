/* Rules: is the machine used, is it quiet, and do the numbers hold still? Also the documents' trouble cases. */
#include <math.h>
#include <string.h>

#include "analysis/drift.h"
#include "analysis/findings_rules.h"
#include "analysis/variance.h"
#include "base/json.h"
#include "base/mem.h"
#include "metrics/machine_use.h"

#define STEADY_CV 0.05
#define DRIFT 0.05
#define IDLE 0.02

static const char *engine_of(const struct facts *f)
{
	return assay_json_get_str(json_object_get(f->run->header, "engine"), "name", "?");
}

static bool computes_nothing(const struct facts *f)
{
	return !strcmp(engine_of(f), "sim") || !strcmp(engine_of(f), "null");
}

static void gpu_used(const struct facts *f, struct assay_finding *o)
{
	double least = INFINITY, most = -1;
	if (!f->gpu) {
		finding_not_applicable(o, "no GPU on this machine: its fields are null, and nothing here tells of a GPU.");
		finding_next(o, "for numbers of a GPU, run the same command on a machine that has one");
		return;
	}
	for (size_t i = 0; i < f->run->n_points; i++) {
		double x = fact_value(f, i, "gpu_util");
		if (isnan(x))
			continue;
		finding_evidence(f, o, i);
		least = fmin(least, x);
		most = fmax(most, x);
	}
	if (most < 0) {
		finding_needs_later(o, "a GPU whose use can be read (NVML) in runs long enough for a sample");
		return;
	}
	finding_say(o, "%s: a kernel ran during %.0f to %.0f %% of the time of a point (the documents call 70 %% good; single requests are low by nature).",
		    most >= 0.7 ? "Yes, at the busiest point" : "No", 100 * least, 100 * most);
	finding_next(o, "%s", most >= 0.7 ? "look at bandwidth and arithmetic next: a running kernel may still wait" : "larger batches fill a GPU: assay throughput --batch 16,32,64");
	finding_trust(f, o, true);
}

static void device(const struct facts *f, struct assay_finding *o)
{
	const json_t *eff = json_object_get(json_object_get(f->run->header, "engine"), "effective");
	if (computes_nothing(f)) {
		finding_not_applicable(o, "engine %.40s computes no model.", engine_of(f));
		return;
	}
	if (strcmp(engine_of(f), "cpu")) {
		finding_needs_later(o, "an engine that tells its device");
		return;
	}
	finding_say(o, "On the CPU, as asked: %lld threads, %.20s kernels%s.", (long long)assay_json_get_int(eff, "threads", 0), assay_json_get_str(eff, "isa", "?"),
		    f->gpu ? "; the GPU of this machine was not used" : "; this machine has no GPU");
	size_t p = fact_typical(f);
	if (p != SIZE_MAX)
		finding_evidence(f, o, p);
	finding_next(o, "%s", f->gpu ? "for the GPU's speed choose an engine that uses it (assay engines)" : "speeds of a CPU are no measure of a GPU");
	finding_fact(o);
}

static void idle_gaps(const struct facts *f, struct assay_finding *o)
{
	struct assay_idle all, one;
	assay_variance_idle(f->run, SIZE_MAX, &all);
	if (!all.gaps || !(all.span_s > 0)) {
		finding_needs_later(o, "an engine that reports its steps, as the embedded one does (-e cpu)");
		return;
	}
	double share = all.idle_s / all.span_s;
	for (size_t i = 0; i < f->run->n_points; i++) {
		assay_variance_idle(f->run, i, &one);
		if (one.gaps)
			finding_evidence(f, o, i);
	}
	finding_say(o, "%s: inside runs the engine stood still between steps for %.2g %% of the time (%.3g us a step, %.3g ms at most).", share > IDLE ? "Yes" : "No", 100 * share,
		    all.per_step_us, all.longest_ms);
	finding_next(o, "%s", share > IDLE ? "requests arrive too slowly to fill the engine, or the machine is shared: raise the batch, then assay doctor" :
					     "nothing to gain between steps");
	finding_trust(f, o, share > 2 * IDLE || share < IDLE / 2);
}

/* The point with the most comparable decode steps. */
static size_t most_steps(const struct facts *f, struct assay_variance *out)
{
	size_t best = SIZE_MAX;
	*out = (struct assay_variance){ 0 };
	for (size_t i = 0; i < f->run->n_points; i++) {
		struct assay_variance v;
		if (!fact_measured(f, i) || fact_case(f, i, "batch_size", 0) < 1)
			continue;
		assay_variance_point(f->run, i, &v);
		if (v.steps < 3 || v.runs < out->runs || (v.runs == out->runs && v.steps <= out->steps))
			continue;
		*out = v;
		best = i;
	}
	return best;
}

/* A cause is named when most slow steps lie where it happened, twice as often as steps in general. */
static bool coincides(double slow, double all)
{
	return slow >= 0.5 && slow >= 2 * all;
}

static void say_outliers(const struct assay_outliers *x, struct assay_finding *o)
{
	if (!x->slow) {
		finding_say(o, "; none of %zu steps took over 1.5 times the median of its run.", x->steps);
		return;
	}
	finding_say(o, "; %zu of %zu steps took over 1.5 times the median of their run (%.1f %% of all step time)", x->slow, x->steps, 100 * x->slow_time_share);
	if (2 * x->preempted >= x->slow)
		finding_say(o, ", %zu of them while a sequence was preempted.", x->preempted);
	else if (coincides(x->steal_slow, x->steal_all))
		finding_say(o, ", %.0f %% of them while the hypervisor took CPU time away (all steps: %.0f %%).", 100 * x->steal_slow, 100 * x->steal_all);
	else if (coincides(x->switch_slow, x->switch_all))
		finding_say(o, ", %.0f %% of them while other programs pushed this one off a CPU (all steps: %.0f %%).", 100 * x->switch_slow, 100 * x->switch_all);
	else if (coincides(x->fault_slow, x->fault_all))
		finding_say(o, ", %.0f %% of them while pages came from disk (all steps: %.0f %%).", 100 * x->fault_slow, 100 * x->fault_all);
	else
		finding_say(o, "; %s.", x->slow_sampled ? "they coincide with no recorded disturbance more often than other steps do" : "no telemetry tells why");
}

static void variance_causes(const struct facts *f, struct assay_finding *o)
{
	struct assay_variance v;
	struct assay_outliers x;
	char label[96];
	size_t p = most_steps(f, &v);
	if (p == SIZE_MAX) {
		finding_needs_later(o, "an engine that reports its steps, as the embedded one does (-e cpu)");
		return;
	}
	assay_variance_outliers(f->run, &x);
	fact_label(f, p, label);
	finding_evidence(f, o, p);
	finding_say(o, "Decode steps (%s) vary by %.1f %% around %.3g ms (%zu steps, %zu run%s)", label, 100 * v.cv, v.mean_ms, v.steps, v.runs, v.runs == 1 ? "" : "s");
	if (!isnan(v.rest))
		finding_say(o, ": %.0f %% of that variance is a trend along each run (context grows, or the machine drifts), %.0f %% differences between runs, %.0f %% from step to step",
			    100 * v.along, 100 * v.between, 100 * v.rest);
	say_outliers(&x, o);
	finding_next(o, "%s", v.rest > 0.5 ? "step-to-step noise comes from the machine: assay doctor names what disturbs it, a free core for others helps (--threads one less)" :
			      v.between > 0.5 ? "runs differ from each other: more runs (--runs 20) and an idle machine" :
						"compare only equal lengths: the work itself changes along a run");
	finding_trust(f, o, v.runs >= 3 && v.steps >= 50);
}

/* Wilson and Hilferty 1931; z = +-1.96 for 95 %. */
static double chi2(double df, double z)
{
	double x = 1 - 2 / (9 * df) + z * sqrt(2 / (9 * df));
	return df * x * x * x;
}

static void consistency(const struct facts *f, struct assay_finding *o)
{
	size_t best = SIZE_MAX, most = 2;
	struct assay_summary s;
	char label[96];
	for (size_t i = 0; i < f->run->n_points; i++) {
		const struct assay_value *v = fact_metric(f, i, "e2el_ms");
		if (v && fact_measured(f, i) && v->n_per_run > most) {
			most = v->n_per_run;
			best = i;
		}
	}
	if (best == SIZE_MAX) {
		finding_needs(f, o, "three runs or more of one point", "latency --runs 10");
		return;
	}
	struct series x = { 0 };
	const struct assay_value *v = fact_metric(f, best, "e2el_ms");
	for (size_t i = 0; i < v->n_per_run; i++)
		series_add(&x, 0, v->per_run[i], best);
	assay_summarise(x.y, x.count, 0, &s);
	series_release(&x);
	double df = (double)s.n - 1, cv = s.std / s.mean, lo = cv * sqrt(df / chi2(df, 1.96)), hi = cv * sqrt(df / chi2(df, -1.96));
	if (!(s.n >= 3)) {
		finding_needs(f, o, "three runs or more of one point", "latency --runs 10");
		return;
	}
	fact_label(f, best, label);
	finding_evidence(f, o, best);
	finding_say(o, "%s: end-to-end latency of %zu runs (%s) varies by %.1f %% (95 %%: %.1f to %.1f; bound %.0f).", cv <= STEADY_CV ? "Yes" : "No", s.n, label, 100 * cv, 100 * lo,
		    100 * hi, 100 * STEADY_CV);
	finding_next(o, "%s", cv <= STEADY_CV ? "nothing to do" : "more runs (--runs 20), no other programs on the machine (assay doctor), temperature 0");
	finding_trust(f, o, hi <= STEADY_CV || lo > STEADY_CV);
}

static void between_results(const struct facts *f, struct assay_finding *o)
{
	(void)f;
	finding_needs_later(o, "three results or more of this command on different occasions: run it again on other days, then assay history FOLDER (assay compare A B tells two apart)");
}

static void drift(const struct facts *f, struct assay_finding *o)
{
	size_t worst = SIZE_MAX;
	struct assay_drift d, most = { 0 };
	for (size_t i = 0; i < f->run->n_points; i++) {
		assay_drift_repeats(&f->m->points[i], &d);
		if (!d.known)
			assay_drift_within(f->run, i, &d);
		if (!d.known || !fact_measured(f, i))
			continue;
		finding_evidence(f, o, i);
		if (worst == SIZE_MAX || fabs(d.change) > fabs(most.change)) {
			worst = i;
			most = d;
		}
	}
	if (worst == SIZE_MAX) {
		finding_needs(f, o, "six runs or more of one point", "latency --runs 10");
		return;
	}
	char label[96];
	bool shown = most.lo > 0 || most.hi < 0;
	fact_label(f, worst, label);
	finding_say(o, "%s: the largest change from the first to the second half is %+.1f %% of time (95 %%: %+.1f to %+.1f; %s).",
		    !shown ? "None that can be told from noise" : fabs(most.change) > DRIFT ? "Yes" : "Hardly", 100 * most.change, 100 * most.lo, 100 * most.hi, label);
	finding_next(o, "%s", shown && fabs(most.change) > DRIFT ? "let the machine settle (heat, other programs: assay doctor), measure again with more runs" : "nothing to do");
	finding_trust(f, o, (most.lo > -DRIFT && most.hi < DRIFT) || most.lo > DRIFT || most.hi < -DRIFT);
}

static void quiet(const struct facts *f, struct assay_finding *o)
{
	struct assay_machine_use u = { 0 };
	if (f->virtual_clock && !f->run->n_samples) { /* a sim file may state telemetry */
		finding_not_applicable(o, "virtual clock: times are computed, no machine disturbs them.");
		return;
	}
	assay_machine_use_add(f->run->samples, f->run->n_samples, &u);
	if (!(u.offered_ns > 0)) {
		finding_needs_later(o, "telemetry of the CPUs: this machine or this short a run gave none");
		return;
	}
	double others = fmax(0, (double)(u.busy_ns - u.own_ns)) / (double)u.offered_ns, steal = (double)u.steal_ns / (double)u.offered_ns;
	for (size_t i = 0; i < f->run->n_points; i++)
		if (fact_measured(f, i))
			finding_evidence(f, o, i);
	finding_say(o, "%s: other programs used %.1f %% of the CPU time and the hypervisor withheld %.1f %% (bound 2 %% each)%s.", others > 0.02 || steal > 0.02 ? "Yes" : "No",
		    100 * others, 100 * steal, u.swap_in_pages > 0 ? "; memory was swapped in" : "");
	finding_next(o, "%s", others > 0.02 ? "stop the other programs or leave them a core (--threads one less), then measure again" :
			      steal > 0.02 ? "measure at another hour or on a machine with CPUs of its own" : "nothing to do");
	finding_fact(o);
	if (others > 0.02 || steal > 0.02)
		o->weight = 10; /* the first thing to know */
}

static void flash_attention(const struct facts *f, struct assay_finding *o)
{
	if (computes_nothing(f) || !strcmp(engine_of(f), "cpu"))
		finding_not_applicable(o, "engine %.40s does not use flash-attn.", engine_of(f));
	else
		finding_needs_later(o, "an engine that tells its attention kernels");
}

static void model_access(const struct facts *f, struct assay_finding *o)
{
	const json_t *model = json_object_get(f->run->header, "model");
	size_t p = fact_typical(f);
	if (computes_nothing(f) || !json_is_boolean(json_object_get(model, "synthetic"))) {
		finding_not_applicable(o, "engine %.40s reads no model files.", engine_of(f));
		return;
	}
	finding_say(o, "%s", assay_json_get_bool(model, "synthetic", 0) ? "No download was needed: the weights are synthetic, in the model's published shape; the speed is real, the text is not." :
									   "No download was needed: the model was read from local files.");
	if (p != SIZE_MAX)
		finding_evidence(f, o, p);
	finding_next(o, "%s", assay_json_get_bool(model, "synthetic", 0) ? "for real text give a directory with the model's files: -m DIR" : "nothing to do");
	finding_fact(o);
}

const struct finding_rule findings_machine[] = {
	{ "consistency", "Are the results consistent?", "performance", 5, consistency },
	{ "variance_causes", "What causes variance?", "machine", 3, variance_causes },
	{ "disturbed", "Did anything else disturb the measurement?", "machine", 4, quiet },
	{ "drift", "Did speed change while it was measured?", "machine", 1, drift },
	{ "between_results", "How much do whole results differ from day to day?", "machine", 0, between_results },
	{ "idle_gaps", "Are there idle gaps between steps or requests?", "machine", 2, idle_gaps },
	{ "gpu_used", "Is the GPU fully used?", "machine", 5, gpu_used },
	{ "device", "Did it run on the device that was meant?", "machine", 0, device },
	{ "flash_attention", "Does flash-attn work?", "machine", 0, flash_attention },
	{ "model_access", "Could the model be had?", "machine", 0, model_access },
	{ 0 },
};
