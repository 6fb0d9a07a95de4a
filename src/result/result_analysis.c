/* analysis{} of the result document: what findings speak of, as data. Only shows what analysis/ found. */
#include "analysis/drift.h"
#include "analysis/roofline.h"
#include "analysis/variance.h"
#include "base/json.h"
#include "metrics/outcome.h"
#include "result/result_parts.h"

static json_int_t index_of(const struct assay_run *run, size_t point)
{
	return assay_json_get_int(run->points[point].info, "index", (int64_t)point);
}

static bool measured(const struct assay_run *run, const struct assay_run_metrics *m, size_t point)
{
	return m->points[point].succeeded > 0 && !assay_point_seeks_limit(run, point);
}

/* ---- roofline ---- */

static json_t *roof(json_int_t point, const char *phase, const struct assay_roof *r)
{
	json_t *o = json_pack("{s:I, s:s, s:I, s:f}", "point", point, "phase", phase, "steps", (json_int_t)r->steps, "time_s", r->time_s);
	json_object_set_new(o, "intensity_flop_per_byte", assay_json_real(r->intensity));
	json_object_set_new(o, "gflop_s", assay_json_real(r->flops / r->time_s / 1e9));
	json_object_set_new(o, "read_gb_s", assay_json_real(r->bytes / r->time_s / 1e9));
	json_object_set_new(o, "ceiling_gflop_s", assay_json_real(r->gflop_s));
	json_object_set_new(o, "ceiling_read_gb_s", assay_json_real(r->read_gb_s));
	json_object_set_new(o, "ceiling_type", json_string(r->gemm_dtype));
	json_object_set_new(o, "share_compute", assay_json_real(r->compute_share));
	json_object_set_new(o, "share_memory", assay_json_real(r->memory_share));
	json_object_set_new(o, "headroom", assay_json_real(r->headroom));
	json_object_set_new(o, "bound", json_string(assay_bound_name(r->bound)));
	return o;
}

/* Phases whose steps the engine counted in bytes and FLOPs. */
static json_t *roofline(const struct assay_run *run, const struct assay_run_metrics *m, json_t *reasons)
{
	static const struct { enum assay_step_kind kind; const char *name; } phases[] = { { ASSAY_STEP_PREFILL, "prefill" }, { ASSAY_STEP_DECODE, "decode" } };
	json_t *a = json_array();
	for (size_t i = 0; i < run->n_points; i++)
		for (size_t k = 0; k < sizeof phases / sizeof *phases && measured(run, m, i); k++) {
			struct assay_roof r;
			assay_roofline_point(run, i, phases[k].kind, &r);
			if (r.steps && r.flops > 0 && r.bytes > 0)
				json_array_append_new(a, roof(index_of(run, i), phases[k].name, &r));
		}
	if (!json_array_size(a))
		json_object_set_new(reasons, "roofline", json_string("needs an engine that reports its steps with bytes and FLOPs, as the embedded one does"));
	return a;
}

/* ---- spread of decode steps ---- */

static json_t *drift(const struct assay_run *run, const struct assay_run_metrics *m, size_t point)
{
	struct assay_drift d;
	assay_drift_repeats(&m->points[point], &d);
	bool repeats = d.known;
	if (!d.known)
		assay_drift_within(run, point, &d);
	if (!d.known)
		return json_null();
	return json_pack("{s:o, s:o, s:s}", "change", assay_json_real(d.change), "ci95", result_interval(d.lo, d.hi), "over", repeats ? "repeats" : "steps");
}

static json_t *variance(const struct assay_run *run, const struct assay_run_metrics *m)
{
	json_t *a = json_array();
	for (size_t i = 0; i < run->n_points; i++) {
		struct assay_variance v;
		if (!measured(run, m, i))
			continue;
		assay_variance_point(run, i, &v);
		json_t *d = drift(run, m, i);
		if (v.steps < 3 && json_is_null(d)) {
			json_decref(d);
			continue;
		}
		bool steps = v.steps >= 3;
		json_array_append_new(a, json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "point", index_of(run, i), "steps", (json_int_t)v.steps, "runs", (json_int_t)v.runs,
			"mean_ms", steps ? assay_json_real(v.mean_ms) : json_null(), "cv", steps ? assay_json_real(v.cv) : json_null(), "along_run", assay_json_real(v.along),
			"between_runs", assay_json_real(v.between), "step_to_step", assay_json_real(v.rest), "drift", d));
	}
	return a;
}

/* How often something happened around slow steps and around all of them. */
static json_t *coincidence(double slow, double all)
{
	return json_pack("{s:o, s:o}", "slow", assay_json_real(slow), "all", assay_json_real(all));
}

static json_t *outliers(const struct assay_run *run, json_t *reasons)
{
	struct assay_outliers x;
	assay_variance_outliers(run, &x);
	if (!x.steps) {
		json_object_set_new(reasons, "outliers", json_string("no run with five decode steps of equal work"));
		return json_null();
	}
	return json_pack("{s:I, s:I, s:o, s:I, s:I, s:o, s:o, s:o, s:I}", "steps", (json_int_t)x.steps, "slow", (json_int_t)x.slow, "slow_time_share",
		assay_json_real(x.slow_time_share), "sampled", (json_int_t)x.sampled, "slow_sampled", (json_int_t)x.slow_sampled, "steal", coincidence(x.steal_slow, x.steal_all),
		"switches", coincidence(x.switch_slow, x.switch_all), "faults", coincidence(x.fault_slow, x.fault_all), "preempted", (json_int_t)x.preempted);
}

/* ---- gaps between steps ---- */

static json_t *idle(const struct assay_run *run, json_t *reasons)
{
	json_t *a = json_array();
	for (size_t i = 0; i < run->n_points; i++) {
		struct assay_idle x;
		assay_variance_idle(run, i, &x);
		if (x.gaps && x.span_s > 0)
			json_array_append_new(a, json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f}", "point", index_of(run, i), "gaps", (json_int_t)x.gaps, "span_s", x.span_s, "idle_s",
				x.idle_s, "share", x.idle_s / x.span_s, "longest_ms", x.longest_ms, "per_step_us", x.per_step_us));
	}
	if (!json_array_size(a))
		json_object_set_new(reasons, "idle", json_string("needs an engine that reports its steps"));
	return a;
}

json_t *result_analysis(const struct assay_run *run, const struct assay_run_metrics *m)
{
	json_t *o = json_object(), *reasons = json_object();
	json_object_set_new(o, "fits", result_fits(run, m, reasons));
	json_object_set_new(o, "roofline", roofline(run, m, reasons));
	json_object_set_new(o, "variance", variance(run, m));
	json_object_set_new(o, "outliers", outliers(run, reasons));
	json_object_set_new(o, "idle", idle(run, reasons));
	json_object_set_new(o, "reasons", reasons);
	return o;
}
