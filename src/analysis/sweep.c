/* See sweep.h. A configuration that was not wholly measured, is INVALID, or does not (or not provably) meet what is required wins nothing. */
#include "analysis/sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/pareto.h"
#include "base/json.h"

static const char *const shown[] = { "ttft_ms", "tpot_ms", "e2el_ms", "output_tok_s", "request_s", "weights_mib", "kv_peak_mib", "rss_peak_mib", "load_ms" };

static json_t *row_of(const json_t *sweep, size_t i) { return json_array_get(json_object_get(sweep, "configurations"), i); }
static int number_of(const json_t *row) { return (int)assay_json_get_int(row, "n", 0); }

/* ---- one configuration ---- */

/* Mean over the rounds that have a value; NaN when none has. each: a value a round, null where it has none. */
static double over_rounds(const struct assay_sweep_results *r, const struct assay_objective *o, json_t *each)
{
	double sum = 0, n = 0;
	for (size_t i = 0; i < r->n; i++) {
		double x = assay_objective_value(o, r->list[i]);
		if (each)
			json_array_append_new(each, assay_json_real(x));
		sum += isnan(x) ? 0 : x;
		n += !isnan(x);
	}
	return n > 0 ? sum / n : NAN;
}

static json_t *metrics_json(const struct assay_sweep_results *r)
{
	json_t *out = json_object();
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		struct assay_objective one = { .part = { assay_metric_find(shown[i]) }, .n_parts = 1 };
		json_t *each = json_array();
		double x = over_rounds(r, &one, each);
		json_object_set_new(out, shown[i], json_pack("{s:s, s:o, s:o}", "unit", one.part[0]->unit, "value", assay_json_real(x), "rounds", each));
	}
	return out;
}

/* The codes of a result's reasons of that state, each once in all. */
static void add_codes(json_t *codes, const json_t *result, const char *state)
{
	const json_t *reasons = json_object_get(json_object_get(result, "verdict"), "reasons");
	for (size_t k = 0; k < json_array_size(reasons); k++) {
		const json_t *reason = json_array_get(reasons, k);
		json_t *code = json_object_get(reason, "code");
		bool seen = !json_is_string(code) || strcmp(assay_json_get_str(reason, "state", ""), state);
		for (size_t c = 0; !seen && c < json_array_size(codes); c++)
			seen = json_equal(json_array_get(codes, c), code);
		if (!seen)
			json_array_append(codes, code);
	}
}

/* Worst state of the rounds, and what was found, the worst first. */
static json_t *verdict_json(const struct assay_sweep_results *r)
{
	static const char *const states[] = { "VALID", "CAUTION", "INVALID" };
	json_t *codes = json_array();
	int worst = 0;
	for (int s = 2; s > 0; s--)
		for (size_t i = 0; i < r->n; i++) {
			if (!strcmp(assay_json_get_str(json_object_get(r->list[i], "verdict"), "state", ""), states[s]) && s > worst)
				worst = s;
			add_codes(codes, r->list[i], states[s]);
		}
	return json_pack("{s:s, s:o}", "state", states[worst], "codes", codes);
}

/* status, reason and points, from the first round in which a point is missing, else the first. */
static void set_status(json_t *row, const struct assay_sweep_results *r)
{
	size_t total = 0, ok = 0, limits = 0;
	const char *reason = NULL;
	for (size_t i = 0; i < r->n; i++) {
		const json_t *points = json_object_get(r->list[i], "points");
		total = ok = limits = 0;
		for (size_t k = 0; k < json_array_size(points); k++) {
			const json_t *p = json_array_get(points, k);
			const char *status = assay_json_get_str(p, "status", "");
			bool measured = !strcmp(status, "ok") && assay_json_get_int(json_object_get(p, "requests"), "succeeded", 0) > 0;
			total++;
			ok += measured;
			limits += !strcmp(status, "limit");
			if (!measured && !reason)
				reason = assay_json_get_str(p, "reason", "no request succeeded");
		}
		if (ok < total || !total)
			break;
	}
	json_object_set_new(row, "points", json_pack("{s:I, s:I}", "total", (json_int_t)total, "measured", (json_int_t)ok));
	json_object_set_new(row, "status", json_string(ok && ok == total ? "measured" : ok ? "partial" : total && limits == total ? "limit" : "failed"));
	json_object_set_new(row, "reason", reason ? json_string(reason) : total ? json_null() : json_string("no point was begun"));
}

/* Against every round: not met beats unknown beats met. */
static json_t *condition_json(const struct assay_condition *c, const struct assay_sweep_results *r, enum assay_held *held)
{
	struct assay_condition_answer a = { .held = ASSAY_UNKNOWN, .actual = NAN, .why = "not measured" };
	for (size_t i = 0; i < r->n; i++) {
		struct assay_condition_answer b;
		assay_condition_judge(c, r->list[i], &b);
		if (!i || b.held == ASSAY_NOT_MET || (b.held == ASSAY_UNKNOWN && a.held == ASSAY_MET))
			a = b;
	}
	*held = a.held;
	return json_pack("{s:s, s:s, s:o, s:i, s:i, s:s}", "condition", c->text, "held", assay_held_name(a.held), "actual", assay_json_real(a.actual), "need", a.need, "have", a.have, "why", a.why);
}

static void set_requirements(json_t *row, const struct assay_sweep_results *r, const struct assay_sweep_aims *aims)
{
	int seen[3] = { 0 };
	json_t *list = json_array();
	for (size_t i = 0; i < aims->n_conditions; i++) {
		enum assay_held held;
		json_array_append_new(list, condition_json(&aims->conditions[i], r, &held));
		seen[held]++;
	}
	json_object_set_new(row, "requirements", list);
	const char *meets = seen[ASSAY_NOT_MET] ? "not_met" : seen[ASSAY_UNKNOWN] ? "unknown" : "met";
	json_object_set_new(row, "meets", aims->n_conditions ? json_string(meets) : json_null());
}

static bool measured_at(const json_t *result, size_t place)
{
	const json_t *p = json_array_get(json_object_get(result, "points"), place);
	return !strcmp(assay_json_get_str(p, "status", ""), "ok") && assay_json_get_int(json_object_get(p, "requests"), "succeeded", 0) > 0;
}

/* A point that configuration i was asked and has not, and another one has: then their values are of different work. */
static bool lacks_a_point(const struct assay_sweep_results *r, size_t n, size_t i)
{
	size_t asked = r[i].n ? json_array_size(json_object_get(r[i].list[0], "points")) : 0;
	for (size_t place = 0; place < asked; place++)
		for (size_t k = 0; !measured_at(r[i].list[0], place) && k < n; k++)
			if (r[k].n && measured_at(r[k].list[0], place))
				return true;
	return false;
}

/* Why this configuration can win nothing, or null. lacks: it lacks points that others have. */
static json_t *excluded(const json_t *row, bool lacks)
{
	const char *status = assay_json_get_str(row, "status", ""), *reason = assay_json_get_str(row, "reason", "");
	const json_t *list = json_object_get(row, "requirements"), *points = json_object_get(row, "points"), *verdict = json_object_get(row, "verdict"), *codes = json_object_get(verdict, "codes");
	bool partial = !strcmp(status, "partial");
	if (partial && lacks)
		return json_sprintf("only %d of %d points were measured, others have more: %s", (int)assay_json_get_int(points, "measured", 0), (int)assay_json_get_int(points, "total", 0), reason);
	if (strcmp(status, "measured") && !partial)
		return *reason ? json_sprintf("%s: %s", status, reason) : json_string(status);
	if (!strcmp(assay_json_get_str(verdict, "state", ""), "INVALID"))
		return json_sprintf("INVALID: its numbers do not hold (%s)", json_array_size(codes) ? json_string_value(json_array_get(codes, 0)) : "no reason given");
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *q = json_array_get(list, i);
			const char *held = assay_json_get_str(q, "held", ""), *text = assay_json_get_str(q, "condition", "?"), *why = assay_json_get_str(q, "why", "");
			if (!pass && !strcmp(held, "not_met"))
				return *why ? json_sprintf("does not meet %s: %s", text, why) : json_sprintf("does not meet %s: it is %.6g", text, assay_json_get_num(q, "actual", NAN));
			if (pass && !strcmp(held, "unknown"))
				return json_sprintf("unknown whether it meets %s: %s", text, why);
		}
	return json_null();
}

static void judge_row(json_t *row, const struct assay_sweep_results *r, const struct assay_sweep_aims *aims)
{
	json_t *values = json_object();
	if (r->n) {
		set_status(row, r);
		json_object_set_new(row, "verdict", verdict_json(r));
		json_object_set_new(row, "metrics", metrics_json(r));
	} else {
		json_object_set_new(row, "points", json_null());
		json_object_set_new(row, "verdict", json_null());
		json_object_set_new(row, "metrics", json_null());
	}
	for (size_t i = 0; i < aims->n_objectives; i++)
		json_object_set_new(values, aims->objectives[i].text, assay_json_real(over_rounds(r, &aims->objectives[i], NULL)));
	json_object_set_new(row, "objectives", values);
	set_requirements(row, r, aims);
}

/* ---- all of them ---- */

static bool may_win(const json_t *row) { return json_is_null(json_object_get(row, "excluded")); }

static double value_of(const json_t *row, const struct assay_objective *o)
{
	return assay_json_get_num(json_object_get(row, "objectives"), o->text, NAN);
}

/* A second table of values in which what cannot win has none; an objective that nobody has a value of is left out of it. */
static void set_front(json_t *sweep, size_t n, const struct assay_sweep_aims *aims)
{
	int sign[ASSAY_SWEEP_OBJECTIVES];
	const struct assay_objective *used[ASSAY_SWEEP_OBJECTIVES];
	size_t k = 0;
	json_t *front = json_array(), *over = json_array();
	for (size_t j = 0; j < aims->n_objectives && k < ASSAY_SWEEP_OBJECTIVES; j++) {
		bool any = false;
		for (size_t i = 0; i < n; i++)
			any |= !isnan(value_of(row_of(sweep, i), &aims->objectives[j]));
		if (!any)
			continue;
		used[k] = &aims->objectives[j];
		sign[k++] = aims->objectives[j].sign;
		json_array_append_new(over, json_string(aims->objectives[j].text));
	}
	double *x = xalloc((n * k + 1) * sizeof *x);
	bool *on = xalloc((n + 1) * sizeof *on);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < k; j++)
			x[i * k + j] = may_win(row_of(sweep, i)) ? value_of(row_of(sweep, i), used[j]) : NAN;
	assay_pareto(x, n, sign, k, on);
	for (size_t i = 0; i < n; i++) {
		json_object_set_new(row_of(sweep, i), "front", json_boolean(on[i]));
		if (on[i])
			json_array_append_new(front, json_integer(number_of(row_of(sweep, i))));
	}
	json_object_set_new(sweep, "front", json_pack("{s:o, s:o}", "objectives", over, "configurations", front));
	free(x);
	free(on);
}

/* What has a better value than the best one but may not win, and why. */
static json_t *passed_over(const json_t *sweep, size_t n, const struct assay_objective *o, double best)
{
	json_t *out = json_array();
	for (size_t i = 0; i < n; i++) {
		const json_t *row = row_of(sweep, i);
		double x = value_of(row, o);
		if (!may_win(row) && !isnan(x) && (isnan(best) || o->sign * x > o->sign * best))
			json_array_append_new(out, json_pack("{s:i, s:o, s:O}", "configuration", number_of(row), "value", assay_json_real(x), "reason", json_object_get(row, "excluded")));
	}
	return out;
}

static json_t *best_json(const json_t *sweep, size_t n, const struct assay_objective *o)
{
	size_t at[2] = { n, n }, candidates = 0; /* best, runner-up; of equals the first */
	double x[2] = { NAN, NAN };
	for (size_t i = 0; i < n; i++) {
		double v = may_win(row_of(sweep, i)) ? value_of(row_of(sweep, i), o) : NAN;
		if (isnan(v))
			continue;
		candidates++;
		if (at[0] == n || o->sign * v > o->sign * x[0]) {
			at[1] = at[0];
			x[1] = x[0];
			at[0] = i;
			x[0] = v;
		} else if (at[1] == n || o->sign * v > o->sign * x[1]) {
			at[1] = i;
			x[1] = v;
		}
	}
	json_t *b = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "objective", o->text, "configuration", at[0] < n ? json_integer(number_of(row_of(sweep, at[0]))) : json_null(), "value", assay_json_real(x[0]),
	                      "runner_up", at[1] < n ? json_integer(number_of(row_of(sweep, at[1]))) : json_null(), "runner_up_value", assay_json_real(x[1]),
	                      "margin_pct", x[1] != 0 ? assay_json_real(100 * o->sign * (x[0] - x[1]) / fabs(x[1])) : json_null());
	json_object_set_new(b, "candidates", json_integer((json_int_t)candidates));
	json_object_set_new(b, "passed_over", passed_over(sweep, n, o, x[0]));
	assay_sweep_margin_say(b, "not_tested", NULL, at[0] == n ? "no configuration may be named" : at[1] == n ? "there is no runner-up" : "no comparison was made");
	return b;
}

void assay_sweep_judge(json_t *sweep, const struct assay_sweep_results *results, const struct assay_sweep_aims *aims)
{
	size_t n = json_array_size(json_object_get(sweep, "configurations"));
	json_t *objectives = json_array(), *require = json_array(), *best = json_array();
	for (size_t i = 0; i < n; i++)
		judge_row(row_of(sweep, i), &results[i], aims);
	for (size_t i = 0; i < n; i++)
		json_object_set_new(row_of(sweep, i), "excluded", excluded(row_of(sweep, i), lacks_a_point(results, n, i)));
	set_front(sweep, n, aims);
	for (size_t i = 0; i < aims->n_objectives; i++) {
		const struct assay_objective *o = &aims->objectives[i];
		json_array_append_new(objectives, json_pack("{s:s, s:s, s:s}", "key", o->text, "unit", o->part[0]->unit, "better", o->sign > 0 ? "higher" : "lower"));
		json_array_append_new(best, best_json(sweep, n, o));
	}
	for (size_t i = 0; i < aims->n_conditions; i++)
		json_array_append_new(require, json_string(aims->conditions[i].text));
	json_object_set_new(sweep, "objectives", objectives);
	json_object_set_new(sweep, "require", require);
	json_object_set_new(sweep, "best", best);
}

/* ---- is the margin real? ---- */

void assay_sweep_margin_say(json_t *best, const char *margin, const char *method, const char *reason)
{
	json_object_set_new(best, "margin", json_string(margin));
	json_object_set_new(best, "method", method ? json_string(method) : json_null());
	json_object_set_new(best, "effect_pct", json_null());
	json_object_set_new(best, "ci_pct", json_null());
	json_object_set_new(best, "reason", json_string(reason));
}

/* The row that judges the objective's key. */
static const json_t *family_row(const json_t *comparison, const char *key)
{
	const json_t *rows = json_object_get(comparison, "metrics");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		if (!strcmp(assay_json_get_str(row, "key", ""), key) && !strcmp(assay_json_get_str(row, "role", ""), "family"))
			return row;
	}
	return NULL;
}

static json_t *reason_of(const char *verdict, const json_t *row, double min_effect_pct)
{
	if (!strcmp(verdict, "SAME"))
		return json_sprintf("shown to be equal within %g %%: either serves", min_effect_pct);
	if (strcmp(verdict, "UNDECIDED"))
		return json_sprintf("against the runner-up it is %s, by %+.2f %%", verdict, assay_json_get_num(row, "effect_pct", NAN));
	if (json_is_string(json_object_get(row, "reason")))
		return json_sprintf("%s: it decides nothing", assay_json_get_str(row, "reason", ""));
	if (json_is_integer(json_object_get(row, "pairs_needed")))
		return json_sprintf("the difference of %.2f %% is inside the noise; about %d pairs would tell", assay_json_get_num(row, "effect_pct", NAN), (int)assay_json_get_int(row, "pairs_needed", 0));
	return json_sprintf("the difference of %.2f %% is inside the noise; more than 1,000 pairs would be needed", assay_json_get_num(row, "effect_pct", NAN));
}

void assay_sweep_margin(json_t *best, const json_t *comparison, int rivals)
{
	const json_t *row = family_row(comparison, assay_json_get_str(best, "objective", ""));
	const char *verdict = assay_json_get_str(row, "verdict", "UNDECIDED");
	bool better = !strcmp(verdict, "FASTER") || !strcmp(verdict, "BETTER"), worse = !strcmp(verdict, "SLOWER") || !strcmp(verdict, "WORSE");
	if (!row) {
		assay_sweep_margin_say(best, "not_tested", NULL, "the comparison has no such metric");
		return;
	}
	bool lucky = better && rivals > 1 && assay_json_get_num(row, "p_adjusted", 1) * rivals > assay_json_get_num(comparison, "alpha", 0);
	assay_sweep_margin_say(best, better && !lucky ? "real" : worse ? "reversed" : "not_told_apart", assay_json_get_str(comparison, "method", NULL), "");
	json_object_set(best, "effect_pct", json_object_get(row, "effect_pct"));
	json_object_set(best, "ci_pct", json_object_get(row, "level_ci_pct"));
	json_object_set_new(best, "reason", !lucky ? reason_of(verdict, row, assay_json_get_num(comparison, "min_effect_pct", 1)) :
	                    json_sprintf("%+.2f %% may be the luck of the best of %d: p = %.2g, to be multiplied by %d", assay_json_get_num(row, "effect_pct", NAN), rivals + 1, assay_json_get_num(row, "p_adjusted", NAN), rivals));
}
