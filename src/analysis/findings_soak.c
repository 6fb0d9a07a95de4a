/* Rules: does the service hold its load, and does it stay as fast, over hours? */
#include <math.h>
#include <string.h>

#include "analysis/findings_rules.h"
#include "analysis/soak.h"
#include "base/json.h"
#include "metrics/stream_rows.h"

#define CHANGE_PCT 5.0

static const char *load_of(const struct facts *f, size_t point)
{
	return assay_json_get_str(json_object_get(f->run->points[point].info, "case"), "load", "?");
}

static bool is_load(const struct facts *f, size_t point)
{
	return assay_stream_point(f->run, point) && strcmp(load_of(f, point), "probe") && f->m->points[point].offered > 0;
}

/* Change of a series over the measured time in percent, positive = slower, with its interval; false with too few windows. */
static bool change_of(const struct facts *f, size_t point, enum assay_soak_series s, double change[3])
{
	struct assay_soak_trend t;
	assay_soak_trend(f->run, point, s, &t);
	change[0] = t.pct_per_hour * t.hours;
	change[1] = t.lo * t.hours;
	change[2] = t.hi * t.hours;
	return !isnan(change[0]);
}

static void say_changes(const struct facts *f, size_t point, struct assay_finding *o)
{
	struct assay_soak_change c[ASSAY_SOAK_CHANGES];
	size_t n = assay_soak_changes(f->run, point, ASSAY_SOAK_TPOT, c);
	if (n)
		finding_say(o, " TPOT stepped from %.3g to %.3g ms after %.2f h%s.", c[0].before, c[0].after, c[0].hours, n > 1 ? ", and again later" : "");
}

/* The steady load whose time per token changed most; TPOT, because waiting times move with the load itself. */
static void load_drift(const struct facts *f, struct assay_finding *o)
{
	size_t worst = SIZE_MAX;
	double most[3] = { 0 }, c[3];
	for (size_t i = 0; i < f->run->n_points; i++) {
		if (!assay_soak_is_steady(f->run, i) || !change_of(f, i, ASSAY_SOAK_TPOT, c))
			continue;
		finding_evidence(f, o, i);
		if (worst != SIZE_MAX && fabs(c[0]) <= fabs(most[0]))
			continue;
		worst = i;
		memcpy(most, c, sizeof most);
	}
	if (worst == SIZE_MAX) {
		finding_needs(f, o, "12 windows or more of an even load", "soak --duration 1h");
		return;
	}
	bool slower = most[1] > CHANGE_PCT, holds = most[1] >= -CHANGE_PCT && most[2] <= CHANGE_PCT, faster = most[2] < -CHANGE_PCT;
	finding_say(o, "%s: at load %.40s the median TPOT changed by %+.1f %% over the measured time (95 %%: %+.1f to %+.1f %%).",
		    slower ? "Yes" : holds ? "No" : faster ? "It gets faster" : "It cannot be told yet", load_of(f, worst), most[0], most[1], most[2]);
	say_changes(f, worst, o);
	finding_next(o, "%s", slower ? "look at the clock frequency, the memory and other load over time (telemetry), then soak again" : holds ? "nothing to do" : "a longer run narrows the interval");
	finding_trust(f, o, slower || holds || faster);
}

/* Does it serve what is offered? The load with the largest share of failures. */
static void holds_load(const struct facts *f, struct assay_finding *o)
{
	size_t worst = SIZE_MAX, n = 0;
	double most = -1;
	for (size_t i = 0; i < f->run->n_points; i++) {
		const struct assay_point_metrics *p = &f->m->points[i];
		double share = p->offered ? (double)p->failed / (double)p->offered : 0;
		if (!is_load(f, i))
			continue;
		finding_evidence(f, o, i);
		n++;
		if (share > most) {
			most = share;
			worst = i;
		}
	}
	if (worst == SIZE_MAX) {
		finding_needs(f, o, "hours of load", "soak --duration 1h");
		return;
	}
	const struct assay_point_metrics *p = &f->m->points[worst];
	size_t unsent = p->end_states[ASSAY_END_UNSENT];
	finding_say(o, "%s: at load %.40s %zu of %zu requests failed (%.2g %%%s); %.3g req/s were offered, %.3g served, TTFT P99 %.0f ms.", p->failed ? "No" : "Yes", load_of(f, worst), p->failed,
		    p->offered, 100 * most, unsent ? ", most of them never sent: too many were waiting" : "", fact_value(f, worst, "offered_s"), fact_value(f, worst, "request_s"),
		    fact_metric(f, worst, "ttft_ms") ? fact_metric(f, worst, "ttft_ms")->s.pct[ASSAY_P99] : NAN);
	if (n > 1)
		finding_say(o, " It is the worst of %zu loads.", n);
	finding_next(o, "%s", p->failed ? unsent ? "the load is above what the engine serves: lower it, or raise its throughput" : "see end_states for what failed" : "nothing to do; a burst shows the margin: soak --load steps:50%x10m,200%x5m");
	finding_trust(f, o, true);
}

const struct finding_rule findings_soak[] = {
	{ "holds_load", "Does it hold the load over hours?", "machine", 4, holds_load },
	{ "load_drift", "Does it get slower over hours?", "machine", 4, load_drift },
	{ 0 },
};
