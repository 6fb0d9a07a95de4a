/* How far can the numbers be trusted? Holds what was measured of a point, and of the whole run, against the
 * table of verdict_rules.c. A point that did not fit (limit) or was dropped for time is a result, never a fault. */
#include "analysis/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/drift.h"
#include "analysis/soak.h"
#include "analysis/verdict_rules.h"
#include "base/json.h"
#include "metrics/machine_use.h"
#include "metrics/outcome.h"

const char *assay_verdict_name(enum assay_verdict_state s)
{
	static const char *const names[] = { "VALID", "CAUTION", "INVALID" };
	return names[s];
}

void assay_verdict_release(struct assay_verdict *v)
{
	free(v->reasons);
	*v = (struct assay_verdict){ 0 };
}

/* Holds a value against the rule of that code. */
static enum assay_verdict_state state_of(const char *code, double measured)
{
	return verdict_rule_state(verdict_rule_find(code), measured);
}

/* ---- one point ---- */

static double point_value(const struct assay_point_metrics *p, const char *key)
{
	const struct assay_value *v = assay_point_value(p, key);
	return v ? v->value : NAN;
}

/* A batch's result is its throughput, so its samples are runs; elsewhere they are requests. A case that looks for a limit asks only
 * whether it fits: once is enough. */
static void samples(const struct assay_run *run, const struct assay_point_metrics *p, size_t point, struct assay_verdict *v)
{
	const json_t *kase = json_object_get(run->points[point].info, "case");
	bool batch = assay_json_get_int(kase, "batch_size", 0) > 1;
	if (json_object_get(kase, "limit"))
		return;
	size_t n = batch ? (size_t)p->runs_done : p->succeeded;
	verdict_add(v, "too_few_samples", state_of("too_few_samples", (double)n), "%zu measured %s%s", n, batch ? "run" : "request", n == 1 ? "" : "s");
}

static void failures(const struct assay_run *run, const struct assay_point_metrics *p, size_t point, struct assay_verdict *v)
{
	if (!strcmp(assay_point_status(run, point), "error")) {
		verdict_add(v, "failures", ASSAY_INVALID, "the point ended in an error: %.80s", assay_point_status_reason(run, point));
		return;
	}
	if (p->offered)
		verdict_add(v, "failures", state_of("failures", (double)p->failed / (double)p->offered), "%zu of %zu requests failed", p->failed, p->offered);
	verdict_add(v, "count_mismatch", state_of("count_mismatch", (double)p->end_states[ASSAY_END_COUNT_MISMATCH]), "%zu of %zu requests",
	            p->end_states[ASSAY_END_COUNT_MISMATCH], p->offered);
}

static void drifted(const struct assay_drift *d, const char *what, struct assay_verdict *v)
{
	if (d->known && (d->lo > 0 || d->hi < 0))
		verdict_add(v, "drift", state_of("drift", fabs(d->change)), "%s: second half %.1f %% %s (95 %%: %+.1f to %+.1f %%)", what,
		            100 * fabs(d->change), d->change > 0 ? "slower" : "faster", 100 * d->lo, 100 * d->hi);
}

static void drifts(const struct assay_run *run, const struct assay_point_metrics *p, size_t point, struct assay_verdict *v)
{
	struct assay_drift d;
	size_t before = v->n;
	if (assay_soak_is_steady(run, point)) { /* the time a token takes: waiting times move with the load itself */
		assay_soak_halves(run, point, ASSAY_SOAK_TPOT, &d);
		drifted(&d, "TPOT over windows", v);
		return;
	}
	assay_drift_repeats(p, &d);
	drifted(&d, "over repeats", v);
	if (v->n > before || assay_json_get_bool(run->header, "virtual_clock", 0))
		return; /* computed steps grow with their context as stated: that is no machine that changes */
	assay_drift_within(run, point, &d);
	drifted(&d, "inside runs", v);
}

static void timer(const struct assay_run *run, const struct assay_point_metrics *p, struct assay_verdict *v)
{
	static const char *const keys[] = { "ttft_ms", "tpot_ms" };
	if (assay_json_get_bool(run->header, "virtual_clock", 0))
		return;
	double tick_ns = assay_json_get_num(run->header, "clock_resolution_ns", 1), least = NAN;
	for (size_t i = 0; i < 2; i++) {
		const struct assay_value *x = assay_point_value(p, keys[i]);
		if (x && x->s.n && !(least <= x->s.pct[ASSAY_P50]))
			least = x->s.pct[ASSAY_P50];
	}
	verdict_add(v, "timer_resolution", state_of("timer_resolution", least * 1e6 / tick_ns), "shortest median time %.3g us, clock step %.3g us",
	            least * 1e3, tick_ns / 1e3);
}

static void requests_cached(const struct assay_run *run, size_t point, struct assay_verdict *v)
{
	const struct assay_run_point *p = &run->points[point];
	uint64_t cached = 0;
	for (size_t i = p->first_visit; i < p->first_visit + p->n_visits; i++)
		for (size_t k = 0; k < run->visits[i].n_requests && run->visits[i].v.repeat >= 0; k++) {
			uint32_t n = run->requests[run->visits[i].first_request + k].r.cached_tokens;
			cached += n == ASSAY_COUNT_UNKNOWN ? 0 : n;
		}
	verdict_add(v, "cached_prompts", state_of("cached_prompts", (double)cached), "%llu prompt tokens", (unsigned long long)cached);
}

static void ceilings(const struct assay_point_metrics *p, struct assay_verdict *v)
{
	static const char *const keys[] = { "mbu", "mfu" };
	for (size_t i = 0; i < 2; i++) {
		double x = point_value(p, keys[i]);
		verdict_add(v, "ceiling_error", state_of("ceiling_error", x), "%s %.3f", keys[i], x);
	}
}

/* Growth of resident memory per 1,000 requests: judged by the lower end of its interval, in units of what is allowed. */
static void leak(const struct assay_point_metrics *p, struct assay_verdict *v)
{
	const struct assay_value *g = assay_point_value(p, "rss_growth_kib_per_1k");
	double rss_mib = point_value(p, "rss_peak_mib"), allowed_kib = fmax(1024, isnan(rss_mib) ? 0 : rss_mib * 1024 * 0.001);
	if (g && !isnan(g->value))
		verdict_add(v, "leak", state_of("leak", g->s.ci95[0] / allowed_kib), "%.0f KiB per 1,000 requests (95 %%: %.0f to %.0f)", g->value,
		            g->s.ci95[0], g->s.ci95[1]);
}

static void machine(const struct assay_run *run, size_t point, struct assay_verdict *v)
{
	const struct assay_run_point *p = &run->points[point];
	struct assay_machine_use use = { 0 }, inside = { 0 };
	for (size_t i = p->first_visit; i < p->first_visit + p->n_visits; i++) {
		if (run->visits[i].v.repeat < 0)
			continue;
		assay_machine_use_visit(run, &run->visits[i], &use);
		assay_machine_use_add(run->samples + run->visits[i].first_sample, run->visits[i].n_samples, &inside);
	}
	verdict_machine(&use, v);
	verdict_client(&inside, v);
}

static bool is_result_only(const char *status)
{
	return !strcmp(status, "limit") || !strcmp(status, "dropped");
}

void assay_verdict_point(const struct assay_run *run, const struct assay_run_metrics *m, size_t point, struct assay_verdict *out)
{
	const struct assay_point_metrics *p = &m->points[point];
	const char *status = assay_point_status(run, point);
	*out = (struct assay_verdict){ 0 };
	if (is_result_only(status))
		return;
	if (!strcmp(status, "interrupted")) {
		verdict_add(out, "interrupted", ASSAY_CAUTION, "%d of %lld runs ended", p->runs_done,
		            (long long)assay_json_get_int(run->points[point].info, "runs", 0));
		if (!p->offered)
			return;
	}
	failures(run, p, point, out);
	samples(run, p, point, out);
	drifts(run, p, point, out);
	timer(run, p, out);
	requests_cached(run, point, out);
	ceilings(p, out);
	leak(p, out);
	machine(run, point, out);
}

/* ---- the whole run ---- */

static struct assay_reason *reason_of(struct assay_verdict *v, const char *code)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(v->reasons[i].code, code))
			return &v->reasons[i];
	return NULL;
}

/* One reason a code: that of the first worst point, and in how many points it was. */
static void merge(struct assay_verdict *to, const struct assay_verdict *from, size_t *counts)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct assay_reason *r = &from->reasons[i];
		struct assay_reason *have = reason_of(to, r->code);
		bool again = i > 0 && !strcmp(from->reasons[i - 1].code, r->code); /* two of a kind in one point */
		if (!have) {
			verdict_add(to, r->code, r->state, "%s", r->measured);
			counts[to->n - 1] = 1;
			continue;
		}
		counts[have - to->reasons] += !again;
		if (r->state > have->state)
			*have = *r;
		if (r->state > to->state)
			to->state = r->state;
	}
}

/* An engine that was given other threads than were asked for, or uses more, is compared with others on unequal terms. */
static void engine_threads(const struct assay_run *run, struct assay_verdict *v)
{
	size_t i;
	json_t *n;
	int64_t asked = assay_json_get_int(json_object_get(run->header, "config"), "threads", 0); /* 0 = all */
	json_array_foreach(run->notes, i, n) {
		if (strcmp(assay_json_get_str(n, "code", ""), "engine_threads"))
			continue;
		int64_t busy = assay_json_get_int(n, "busy", 0), effective = assay_json_get_int(n, "effective", 0), most = asked > 0 ? asked : effective;
		if (asked > 0 && effective > 0 && effective != asked)
			verdict_add(v, "engine_threads", ASSAY_CAUTION, "%lld asked for, %lld in force as the engine says, %lld busy", (long long)asked, (long long)effective, (long long)busy);
		else if (most > 0)
			verdict_add(v, "engine_threads", state_of("engine_threads", (double)(busy - most)), "%lld %s, %lld busy", (long long)most,
				    asked > 0 ? "asked for" : "in force as the engine says", (long long)busy);
	}
}

static void build(const struct assay_run *run, struct assay_verdict *v)
{
	const char *text = assay_json_get_str(json_object_get(run->header, "assay"), "build", "");
	const char *engine = assay_json_get_str(json_object_get(run->header, "engine"), "name", "");
	bool sanitizer = strstr(text, "sanitize") != NULL, debug = !strncmp(text, "debug", 5) || strstr(text, "-O0");
	if (assay_json_get_bool(run->header, "virtual_clock", 0))
		return; /* its times are computed, not measured */
	/* sim and null time no model: they measure assay itself. */
	enum assay_verdict_state worst = !strcmp(engine, "sim") || !strcmp(engine, "null") ? ASSAY_CAUTION : ASSAY_INVALID;
	if (sanitizer)
		verdict_add(v, "sanitizer_build", worst, "%.100s", text);
	else if (debug)
		verdict_add(v, "debug_build", worst, "%.100s", text);
}

/* Wall and monotonic time that passed between header and footer, where both were recorded. */
static void clock_step(const struct assay_run *run, struct assay_verdict *v)
{
	const json_t *last_part = json_array_get(run->parts, json_array_size(run->parts) - 1); /* of a run that was taken up again: from there on */
	const json_t *a = json_object_get(last_part ? last_part : run->header, "clock"), *b = json_object_get(run->footer, "clock");
	double wall = assay_json_get_num(b, "wall_ns", NAN) - assay_json_get_num(a, "wall_ns", NAN);
	double mono = assay_json_get_num(b, "mono_ns", NAN) - assay_json_get_num(a, "mono_ns", NAN);
	double step = fabs(wall - mono) - mono * 5e-4; /* NTP may slew by 500 ppm */
	if (assay_json_get_bool(run->header, "virtual_clock", 0))
		return;
	verdict_add(v, "clock_step", state_of("clock_step", step / 1e9), "%.3f s apart after %.1f s", (wall - mono) / 1e9, mono / 1e9);
}

static void journal(const struct assay_run *run, struct assay_verdict *v)
{
	double lost = assay_json_get_num(run->footer, "records_lost", 0), lag = assay_json_get_num(run->footer, "journal_lag_ms", 0);
	verdict_add(v, "records_lost", state_of("records_lost", lost), "%.0f records", lost);
	verdict_add(v, "journal_lag", state_of("journal_lag", lag), "%.0f ms", lag);
	if (reason_of(v, "interrupted"))
		return;
	if (run->torn)
		verdict_add(v, "interrupted", ASSAY_CAUTION, "the journal is cut: %.80s", run->torn_reason);
	else if (!run->footer)
		verdict_add(v, "interrupted", ASSAY_CAUTION, "the journal has no end");
	else if (assay_json_get_bool(run->footer, "interrupted", 0))
		verdict_add(v, "interrupted", ASSAY_CAUTION, "stopped by a signal");
}

/* What a worker says that telling each step took of its runs. */
static void reporting(const struct assay_run *run, struct assay_verdict *v)
{
	double run_ns = 0, report_ns = 0;
	json_t *note;
	size_t i;
	json_array_foreach(run->notes, i, note)
		if (!strcmp(assay_json_get_str(note, "code", ""), "worker_reporting") && !strcmp(assay_json_get_str(note, "emit", ""), "step")) {
			run_ns += assay_json_get_num(note, "run_ns", 0);
			report_ns += assay_json_get_num(note, "report_ns", 0);
		}
	if (run_ns > 0)
		verdict_add(v, "reporting_cost", state_of("reporting_cost", report_ns / run_ns), "%.2g %% of the time in which the engine works", 100 * report_ns / run_ns);
}

/* Loads that follow each other are judged together, unless one of them was found to leak already. */
static void soak_leak(const struct assay_run *run, struct assay_verdict *v)
{
	struct assay_leak l;
	if (!run->n_windows || reason_of(v, "leak"))
		return;
	assay_soak_leak(run, &l);
	if (l.state != ASSAY_LEAK_UNKNOWN && l.state != ASSAY_LEAK_NOT_YET)
		verdict_add(v, "leak", state_of("leak", l.per_1k_kib.lo / l.allowed_kib), "%.0f KiB per 1,000 requests (95 %%: %.0f to %.0f) over all loads", l.per_1k_kib.slope, l.per_1k_kib.lo,
			    l.per_1k_kib.hi);
}

/* Points too short to be judged alone are judged together, over everything from the first to the last visit. */
static void whole_machine(const struct assay_run *run, struct assay_verdict *v)
{
	struct assay_machine_use use = { 0 };
	struct assay_verdict all = { 0 };
	assay_machine_use_add(run->samples, run->n_samples, &use);
	verdict_machine(&use, &all);
	for (size_t i = 0; i < all.n; i++)
		if (!reason_of(v, all.reasons[i].code) && strcmp(all.reasons[i].code, "throttled"))
			verdict_add(v, all.reasons[i].code, all.reasons[i].state, "%s (whole run)", all.reasons[i].measured);
	assay_verdict_release(&all);
}

void assay_verdict_run(const struct assay_run *run, const struct assay_run_metrics *m, struct assay_verdict *out)
{
	size_t counts[64] = { 0 }, judged = 0;
	*out = (struct assay_verdict){ 0 };
	for (size_t i = 0; i < run->n_points; i++) {
		struct assay_verdict one;
		if (is_result_only(assay_point_status(run, i)))
			continue;
		judged++;
		assay_verdict_point(run, m, i, &one);
		merge(out, &one, counts);
		assay_verdict_release(&one);
	}
	for (size_t i = 0; i < out->n && judged > 1; i++) {
		char *text = out->reasons[i].measured;
		size_t len = strlen(text);
		snprintf(text + len, sizeof out->reasons[i].measured - len, " (%zu of %zu points)", counts[i], judged);
	}
	soak_leak(run, out);
	engine_threads(run, out);
	build(run, out);
	clock_step(run, out);
	journal(run, out);
	reporting(run, out);
	whole_machine(run, out);
}
