/* See condition.h. Values come from the result document as it stands: nothing is computed again. */
#include "analysis/condition.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/options.h"

enum { KEY_MAX = 48, KEYS_MAX = 256 };

static const char *const stats[] = { "mean", "min", "max", "p50", "p90", "p95", "p99", "value" };
enum { N_STATS = sizeof stats / sizeof *stats, FIRST_PCT = 3, VALUE = 7 };
static const char *const relations[] = { [ASSAY_LESS] = "<", [ASSAY_AT_MOST] = "<=", [ASSAY_MORE] = ">", [ASSAY_AT_LEAST] = ">=" };

/* ---- parsing ---- */

static const char *skip_blanks(const char *p) { return p + strspn(p, " \t"); }

/* A name of a-z, 0-9 and _ at *p; "" when there is none or it is longer than any name. */
static void take_name(const char **p, char out[KEY_MAX])
{
	size_t n = strspn(*p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	snprintf(out, KEY_MAX, "%.*s", n < KEY_MAX ? (int)n : 0, *p);
	*p += n;
}

static int unknown_metric(const char *key, struct assay_err *e)
{
	const char *names[KEYS_MAX];
	size_t n;
	const struct assay_metric *t = assay_metric_table(&n);
	n = n < KEYS_MAX ? n : KEYS_MAX;
	for (size_t i = 0; i < n; i++)
		names[i] = t[i].key;
	const char *near = assay_nearest(key, names, (int)n);
	return assay_fail(e, ASSAY_E_USAGE, "unknown metric \"%s\"%s%s%s", key, near ? " (did you mean " : "; assay explain lists them", near ? near : "", near ? "?)" : "");
}

static bool has_percentiles(const struct assay_metric *m)
{
	return m->scope == ASSAY_PER_REQUEST || m->scope == ASSAY_PER_TOKEN || m->scope == ASSAY_PER_STEP;
}

static int parse_stat(const char **p, struct assay_condition *c, struct assay_err *e)
{
	char name[KEY_MAX];
	int at = 0;
	c->stat = stats[0];
	if (**p != '.')
		return 0;
	(*p)++;
	take_name(p, name);
	while (at < N_STATS && strcmp(stats[at], name))
		at++;
	if (at == N_STATS) {
		const char *near = assay_nearest(name, stats, N_STATS);
		return assay_fail(e, ASSAY_E_USAGE, "%s.%s: the statistic is one of mean, min, max, p50, p90, p95, p99, value%s%s%s", c->metric->key, name, near ? " (did you mean " : "",
		                  near ? near : "", near ? "?)" : "");
	}
	if (at >= FIRST_PCT && at < VALUE && !has_percentiles(c->metric))
		return assay_fail(e, ASSAY_E_USAGE, "%s.%s: this metric has one value a run and no percentiles: take mean, min or max", c->metric->key, name);
	c->stat = stats[at == VALUE ? 0 : at];
	return 0;
}

static int parse_relation(const char **p, struct assay_condition *c, struct assay_err *e)
{
	bool less = **p == '<', equal = **p && (*p)[1] == '=';
	if (!less && **p != '>')
		return assay_fail(e, ASSAY_E_USAGE, "%s is followed by one of < <= > >= and a number, as in %s<200", c->metric->key, c->metric->key);
	c->relation = less ? equal ? ASSAY_AT_MOST : ASSAY_LESS : equal ? ASSAY_AT_LEAST : ASSAY_MORE;
	*p = skip_blanks(*p + 1 + equal);
	return 0;
}

static int parse_bound(const char *p, struct assay_condition *c, struct assay_err *e)
{
	size_t digits = strspn(p, "+-0123456789.eE");
	char *end = NULL;
	c->bound = strtod(p, &end);
	if (!digits || end == p || !isfinite(c->bound) || end > p + digits || *skip_blanks(end)) /* strtod alone reads 0x10, inf and nan too */
		return assay_fail(e, ASSAY_E_USAGE, "the bound of %s is one plain number, in %s", c->metric->key, c->metric->unit);
	return 0;
}

int assay_condition_parse(const char *text, struct assay_condition *out, struct assay_err *e)
{
	char key[KEY_MAX], number[32];
	const char *p = skip_blanks(text);
	memset(out, 0, sizeof *out);
	take_name(&p, key);
	if (!*key)
		return assay_fail(e, ASSAY_E_USAGE, "a condition begins with a metric's key, as in ttft_ms.p99<200");
	if (!(out->metric = assay_metric_find(key)))
		return unknown_metric(key, e);
	if (parse_stat(&p, out, e))
		return e ? e->code : ASSAY_E_USAGE;
	p = skip_blanks(p);
	if (parse_relation(&p, out, e) || parse_bound(p, out, e))
		return e ? e->code : ASSAY_E_USAGE;
	assay_json_number(out->bound, number);
	size_t n = strlen(number);
	if (n > 2 && !strcmp(number + n - 2, ".0"))
		number[n - 2] = 0;
	bool plain = out->stat == stats[0];
	snprintf(out->text, sizeof out->text, "%s%s%s%s%s", key, plain ? "" : ".", plain ? "" : out->stat, relations[out->relation], number);
	return 0;
}

/* ---- judging ---- */

static bool is_upper(const struct assay_condition *c) { return c->relation == ASSAY_LESS || c->relation == ASSAY_AT_MOST; }

bool assay_condition_holds(const struct assay_condition *c, double x)
{
	switch (c->relation) {
	case ASSAY_LESS: return x < c->bound;
	case ASSAY_AT_MOST: return x <= c->bound;
	case ASSAY_MORE: return x > c->bound;
	case ASSAY_AT_LEAST: return x >= c->bound;
	}
	return false;
}

const char *assay_held_name(enum assay_held h)
{
	static const char *const names[] = { "met", "not_met", "unknown" };
	return names[h];
}

/* The statistic in a metric's object; NaN where it is null. */
static double stat_of(const struct assay_condition *c, const json_t *value)
{
	const json_t *failures = json_object_get(value, "with_failures"), *x = json_object_get(failures, c->stat);
	if (json_is_string(x))
		return INFINITY;
	if (json_is_number(x))
		return json_number_value(x);
	return assay_json_get_num(value, c->stat, c->stat == stats[0] ? assay_json_get_num(value, "value", NAN) : NAN);
}

/* One point's answer: *x and how it stands. Unknown fills a->why, need and have, unless an earlier point has. */
static enum assay_held judge_point(const struct assay_condition *c, const json_t *point, double *x, struct assay_condition_answer *a)
{
	const json_t *metrics = json_object_get(point, "metrics"), *value = json_object_get(metrics, c->metric->key);
	int need = (int)assay_json_get_int(json_object_get(value, "need"), c->stat, 0);
	const char *status = assay_json_get_str(point, "status", "ok"), *reason = assay_json_get_str(value, "reason", assay_json_get_str(point, "reason", NULL));
	int failed = (int)assay_json_get_int(json_object_get(point, "requests"), "failed", 0);
	bool no_rank = failed && !is_upper(c) && c->stat[0] == 'p'; /* a failure counts as +inf, which would hold a lower bound */
	*x = stat_of(c, value);
	if (!isnan(*x) && !need && !no_rank)
		return assay_condition_holds(c, *x) ? ASSAY_MET : ASSAY_NOT_MET;
	if (*a->why)
		return ASSAY_UNKNOWN;
	if (need) {
		a->need = need;
		a->have = (int)assay_json_get_int(json_object_get(point, "requests"), "succeeded", 0);
		snprintf(a->why, sizeof a->why, "%s of %s needs %d requests, %d were measured", c->stat, c->metric->key, need, a->have);
	} else if (no_rank) {
		snprintf(a->why, sizeof a->why, "%s of %s is not known: %d failed requests have none", c->stat, c->metric->key, failed);
	} else {
		snprintf(a->why, sizeof a->why, "%s was not measured (%s)", c->metric->key, reason ? reason : status);
	}
	return ASSAY_UNKNOWN;
}

/* The value that is hardest to hold speaks for all points. */
static void keep_worst(const struct assay_condition *c, double x, int point, struct assay_condition_answer *a)
{
	if (a->point >= 0 && (is_upper(c) ? x <= a->actual : x >= a->actual))
		return;
	a->actual = x;
	a->point = point;
}

void assay_condition_judge(const struct assay_condition *c, const json_t *result, struct assay_condition_answer *out)
{
	const json_t *points = json_object_get(result, "points");
	struct assay_condition_answer over = { .why = "no point was measured" };
	int seen[3] = { 0 };
	*out = (struct assay_condition_answer){ .held = ASSAY_UNKNOWN, .actual = NAN, .point = -1 };
	for (size_t i = 0; i < json_array_size(points); i++) {
		const json_t *point = json_array_get(points, i);
		double x;
		bool limit = !strcmp(assay_json_get_str(point, "status", ""), "limit");
		over.why[0] = limit ? 0 : over.why[0];
		enum assay_held h = judge_point(c, point, &x, limit ? &over : out);
		seen[h] += !limit || h != ASSAY_UNKNOWN;
		if (h != ASSAY_UNKNOWN)
			keep_worst(c, x, (int)i, out);
	}
	out->held = seen[ASSAY_NOT_MET] ? ASSAY_NOT_MET : seen[ASSAY_UNKNOWN] || !seen[ASSAY_MET] ? ASSAY_UNKNOWN : ASSAY_MET;
	if (out->held == ASSAY_UNKNOWN && !seen[ASSAY_UNKNOWN])
		memcpy(out->why, over.why, sizeof out->why);
	if (out->held != ASSAY_UNKNOWN) {
		out->need = out->have = 0;
		snprintf(out->why, sizeof out->why, "%s", isinf(out->actual) ? "failed requests count as infinite" : "");
	} else {
		out->actual = NAN;
		out->point = -1;
	}
}
