/* soak{} of the result document: the windows of a stream, and what hours of them say. Only shows what metrics/ and analysis/ found. */
#include <math.h>

#include "analysis/soak.h"
#include "base/clock.h"
#include "base/json.h"
#include "metrics/log_histogram.h"
#include "metrics/stream_rows.h"
#include "result/result_parts.h"

static json_t *dist_json(const struct assay_rec_dist *d)
{
	if (!d->n)
		return json_null();
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:b}", "n", (json_int_t)d->n, "mean", assay_json_real(d->mean / 1e6), "p50", assay_json_real(d->p50 / 1e6), "p95",
			 assay_json_real(d->p95 / 1e6), "p99", assay_json_real(d->p99 / 1e6), "max", assay_json_real(d->max / 1e6), "exact", (int)d->exact);
}

static json_t *ends_json(const uint32_t *ends)
{
	json_t *o = json_object();
	for (int i = 0; i < ASSAY_END_N; i++)
		if (ends[i])
			json_object_set_new(o, assay_end_name((enum assay_end)i), json_integer(ends[i]));
	return o;
}

static json_t *share(double part, double whole)
{
	return assay_json_real(whole > 0 ? part / whole : NAN);
}

static json_t *window_json(const struct assay_run_window *x)
{
	const struct assay_rec_window *w = &x->w;
	double s = (double)(w->t1_ns - w->t0_ns) / 1e9;
	json_t *o = json_pack("{s:I, s:I, s:o, s:o, s:o}", "index", (json_int_t)w->index, "point", (json_int_t)w->point, "elapsed_s", assay_json_real((double)w->elapsed_ns / 1e9), "seconds",
			      assay_json_real(s), "part_of", json_string(assay_window_part(w)));
	char at[40] = "";
	if (w->wall_ns >= 0)
		assay_rfc3339(w->wall_ns, at, sizeof at);
	json_object_set_new(o, "at", *at ? json_string(at) : json_null());
	json_object_set_new(o, "load_per_s", assay_json_real(w->load_per_s));
	json_object_set_new(o, "offered", json_integer(w->offered));
	json_object_set_new(o, "succeeded", json_integer((json_int_t)w->ends[ASSAY_END_LENGTH] + w->ends[ASSAY_END_STOP]));
	json_object_set_new(o, "failed", json_integer((json_int_t)assay_window_failed_count(w)));
	json_object_set_new(o, "end_states", ends_json(w->ends));
	json_object_set_new(o, "request_s", share((double)w->ends[ASSAY_END_LENGTH] + w->ends[ASSAY_END_STOP], s));
	json_object_set_new(o, "tok_s", share((double)w->tokens, s));
	json_object_set_new(o, "ttft_ms", dist_json(&x->d[ASSAY_STREAM_TTFT]));
	json_object_set_new(o, "tpot_ms", dist_json(&x->d[ASSAY_STREAM_TPOT]));
	json_object_set_new(o, "itl_ms", dist_json(&x->d[ASSAY_STREAM_ITL]));
	json_object_set_new(o, "e2el_ms", dist_json(&x->d[ASSAY_STREAM_E2EL]));
	json_object_set_new(o, "live_most", json_integer(w->most_live));
	json_object_set_new(o, "live_end", json_integer(w->live_end));
	json_object_set_new(o, "engine_busy", w->steps ? share((double)w->busy_ns / 1e9, s) : json_null());
	json_object_set_new(o, "cpu_cores", w->cpu_ns < 0 ? json_null() : share((double)w->cpu_ns / 1e9, s));
	json_object_set_new(o, "rss_mib", w->rss_mean_bytes < 0 ? json_null() : assay_json_real((double)w->rss_mean_bytes / 1048576));
	return o;
}

static json_t *interval(double lo, double hi)
{
	return json_pack("[o, o]", assay_json_real(lo), assay_json_real(hi));
}

static json_t *trend_json(const struct assay_trend *t)
{
	return json_pack("{s:o, s:o}", "slope", assay_json_real(t->slope + 0.0), "ci95", interval(t->lo + 0.0, t->hi + 0.0)); /* never -0 */
}

static json_t *leak_json(const struct assay_run *run)
{
	struct assay_leak l;
	assay_soak_leak(run, &l);
	const char *reason = l.state == ASSAY_LEAK_UNKNOWN ? "the engine does not say how much memory it holds" : l.state == ASSAY_LEAK_NOT_YET ? "fewer than 10 blocks of windows after the first 20 %" : NULL;
	json_t *o = json_pack("{s:s, s:s?, s:I, s:o}", "leak", assay_leak_name(l.state), "reason", reason, "blocks", (json_int_t)l.per_1k_kib.blocks, "allowed_kib_per_1k",
			      assay_json_real(l.allowed_kib));
	json_object_set_new(o, "kib_per_1k", trend_json(&l.per_1k_kib));
	json_object_set_new(o, "mib_per_hour", trend_json(&l.per_hour_mib));
	json_t *line = json_array();
	for (size_t i = 0; i < l.line_n; i++)
		json_array_append_new(line, json_pack("{s:o, s:o, s:o}", "hours", assay_json_real(l.line[i].hours), "mib", assay_json_real(l.line[i].mib), "ci95",
						      interval(l.line[i].lo_mib, l.line[i].hi_mib)));
	json_object_set_new(o, "line", line);
	json_object_set_new(o, "first_mib", assay_json_real(l.first_mib));
	json_object_set_new(o, "last_mib", assay_json_real(l.last_mib));
	return o;
}

static void put_drift(const struct assay_run *run, size_t point, json_t *drift, json_t *changes)
{
	for (int s = 0; s < ASSAY_SOAK_SERIES; s++) {
		struct assay_soak_trend t;
		struct assay_soak_change c[ASSAY_SOAK_CHANGES];
		assay_soak_trend(run, point, (enum assay_soak_series)s, &t);
		const char *name = assay_soak_series_name((enum assay_soak_series)s);
		json_array_append_new(drift, json_pack("{s:I, s:s, s:I, s:o, s:o, s:o}", "point", (json_int_t)point, "series", name, "windows", (json_int_t)t.windows, "median",
						       assay_json_real(t.level), "pct_per_hour", assay_json_real(t.pct_per_hour + 0.0), "ci95", interval(t.lo + 0.0, t.hi + 0.0)));
		size_t n = assay_soak_changes(run, point, (enum assay_soak_series)s, c);
		for (size_t i = 0; i < n; i++)
			json_array_append_new(changes, json_pack("{s:I, s:s, s:o, s:o, s:o, s:o}", "point", (json_int_t)point, "series", name, "hours", assay_json_real(c[i].hours), "before",
								 assay_json_real(c[i].before), "after", assay_json_real(c[i].after), "p", assay_json_real(c[i].p)));
	}
}

/* Measured time: windows that are no probe and no tail. */
static double measured_s(const struct assay_run *run)
{
	double s = 0;
	for (size_t i = 0; i < run->n_windows; i++)
		if (!(run->windows[i].w.flags & (ASSAY_WINDOW_PROBE | ASSAY_WINDOW_TAIL)))
			s += (double)(run->windows[i].w.t1_ns - run->windows[i].w.t0_ns) / 1e9;
	return s;
}

/* Single requests on disk: what windows can be checked by. */
static json_t *kept_json(const struct assay_run *run)
{
	uint64_t kept = 0, loose = run->served_loose;
	for (size_t i = 0; i < run->n_windows; i++)
		kept += run->windows[i].w.kept_requests;
	for (size_t i = 0; i < json_array_size(run->parts); i++)
		loose += (uint64_t)assay_json_get_int(json_array_get(run->parts, i), "loose_requests", 0);
	return json_pack("{s:I, s:I, s:I, s:I}", "requests", (json_int_t)run->served, "in_no_window", (json_int_t)loose, "with_tokens", (json_int_t)kept, "token_events",
			 (json_int_t)run->served_tokens);
}

/* Where the series was taken up again. */
static json_t *parts_json(const struct assay_run *run)
{
	static const char *const keys[] = { "created", "elapsed_s", "gap_s", "killed", "loose_requests" };
	json_t *a = json_array();
	for (size_t i = 0; i < json_array_size(run->parts); i++) {
		json_t *o = json_object();
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
			json_t *v = json_object_get(json_array_get(run->parts, i), keys[k]);
			json_object_set(o, keys[k], v ? v : json_null());
		}
		json_array_append_new(a, o);
	}
	return a;
}

json_t *result_soak(const struct assay_run *run)
{
	json_t *o = json_object(), *windows = json_array(), *drift = json_array(), *changes = json_array();
	for (size_t i = 0; i < run->n_windows; i++)
		json_array_append_new(windows, window_json(&run->windows[i]));
	for (size_t i = 0; i < run->n_points; i++)
		if (assay_soak_is_steady(run, i))
			put_drift(run, i, drift, changes);
	json_object_set_new(o, "measured_s", assay_json_real(measured_s(run)));
	json_object_set_new(o, "histogram_error", assay_json_real(ASSAY_LOG_ERROR));
	json_object_set_new(o, "kept", kept_json(run));
	json_object_set_new(o, "segments", json_integer(run->segments));
	json_object_set_new(o, "parts", parts_json(run));
	json_object_set_new(o, "memory", leak_json(run));
	json_object_set_new(o, "drift", drift);
	json_object_set_new(o, "changes", changes);
	json_object_set_new(o, "windows", windows);
	return o;
}
