/* One key of a comparison: its values on both sides as logarithms, pooled over cases, judged by Welch's t or as pairs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/ab_sequential.h"
#include "analysis/compare_parts.h"
#include "base/json.h"
#include "base/rng.h"

enum { UNITS_MAX = 100000, SESSIONS_MIN = 4 }; /* repeats looked at of one point; stored results that give a spread */

struct series { double *ln; size_t n; };

/* How much two sessions of one program differ without a cause. */
struct session { double sd, df; char source[120]; };

const char *compare_word(enum assay_ab_verdict v, const struct assay_metric *m)
{
	static const char *const timed[] = { "s", "ms", "tok/s", "req/s", "x" };
	bool speed = false;
	for (size_t i = 0; m && i < sizeof timed / sizeof *timed; i++)
		speed |= !strcmp(m->unit, timed[i]);
	switch (v) {
	case ASSAY_AB_BETTER: return speed || !m ? "FASTER" : "BETTER";
	case ASSAY_AB_WORSE: return speed || !m ? "SLOWER" : "WORSE";
	case ASSAY_AB_SAME: return "SAME";
	default: return "UNDECIDED";
	}
}

static const json_t *metric(const json_t *point, const char *key)
{
	return json_object_get(json_object_get(point, "metrics"), key);
}

static double ln_of(const json_t *v)
{
	double x = json_is_number(v) ? json_number_value(v) : NAN;
	return x > 0 && isfinite(x) ? log(x) : NAN;
}

/* ln of a point's value: NaN when it is null, zero or negative. */
static double point_ln(const json_t *point, const char *key)
{
	const json_t *m = metric(point, key), *value = json_object_get(m, "value");
	return ln_of(value ? value : json_object_get(m, "mean"));
}

/* Appends ln of every repeat of a point (NaN: that repeat has none); one value where the metric has no repeats. */
static struct series repeats(const json_t *point, const char *key)
{
	const json_t *list = json_object_get(metric(point, key), "per_run");
	size_t n = json_array_size(list) < UNITS_MAX ? json_array_size(list) : UNITS_MAX;
	struct series s = { xalloc((n ? n : 1) * sizeof *s.ln), n ? n : 1 };
	s.ln[0] = point_ln(point, key);
	for (size_t i = 0; i < n; i++)
		s.ln[i] = ln_of(json_array_get(list, i));
	return s;
}

static size_t usable(const struct series *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += !isnan(s->ln[i]);
	return n;
}

/* Values of one side over the chosen cases: per repeat, the mean over the cases of ln; repeats that a case lacks are left out.
 * With several documents: one value a document. */
static struct series side_series(const struct compare_docs *d, const struct compare_case *const *cases, size_t n_cases, size_t from, size_t to, const char *key)
{
	bool single = d->n == 2;
	struct series sum = { NULL, 0 };
	for (size_t c = 0; c < n_cases; c++) {
		struct series s;
		if (single) {
			s = repeats(cases[c]->points[from], key);
		} else {
			s = (struct series){ xalloc((to - from) * sizeof *s.ln), to - from };
			for (size_t i = from; i < to; i++)
				s.ln[i - from] = point_ln(cases[c]->points[i], key);
		}
		if (!sum.ln) {
			sum = s;
			continue;
		}
		sum.n = s.n < sum.n ? s.n : sum.n;
		for (size_t i = 0; i < sum.n; i++)
			sum.ln[i] += s.ln[i];
		free(s.ln);
	}
	size_t kept = 0;
	for (size_t i = 0; i < sum.n; i++)
		if (!isnan(sum.ln[i]))
			sum.ln[kept++] = sum.ln[i] / (double)n_cases;
	sum.n = kept;
	return sum;
}

/* The least number of usable units that the case has on a side. */
static size_t case_units(const struct compare_docs *d, const struct compare_case *c, const char *key)
{
	const struct compare_case *one[] = { c };
	struct series a = side_series(d, one, 1, 0, d->n_a, key), b = side_series(d, one, 1, d->n_a, d->n, key);
	size_t n = usable(&a) < usable(&b) ? usable(&a) : usable(&b);
	if (d->n > 2 && (a.n < d->n_a || b.n < d->n - d->n_a))
		n = 0; /* every result counts, or the case is left out */
	free(a.ln);
	free(b.ln);
	return n;
}

bool compare_key_applies(const struct compare_docs *d, const struct compare_cases *cases, const char *key)
{
	for (size_t i = 0; i < cases->n; i++)
		if (case_units(d, &cases->list[i], key))
			return true;
	return false;
}

static bool same_text(const json_t *a, const json_t *b, const char *object, const char *key)
{
	return !strcmp(assay_json_get_str(json_object_get(a, object), key, ""), assay_json_get_str(json_object_get(b, object), key, "?"));
}

/* A stored result of A's machine, engine and model: mean over the cases of ln(value), NaN when it does not match. */
static double stored_value(const json_t *doc, const json_t *a, const struct compare_case *const *cases, size_t n_cases, const char *key)
{
	double sum = 0;
	if (!same_text(doc, a, "machine", "host") || !same_text(doc, a, "engine", "name") || !same_text(doc, a, "config", "engine") || !same_text(doc, a, "model", "name") ||
	    !strcmp(assay_json_get_str(json_object_get(doc, "verdict"), "state", ""), "INVALID"))
		return NAN;
	for (size_t c = 0; c < n_cases; c++) {
		const json_t *p = compare_point(doc, cases[c]->points[0]);
		sum += p ? point_ln(p, key) : NAN;
	}
	return sum / (double)n_cases;
}

static void session_spread(const struct compare_docs *d, const struct compare_case *const *cases, size_t n_cases, const char *key, const struct assay_compare_options *o, struct session *out)
{
	double *y = xalloc((o->n_stored + 1) * sizeof *y);
	struct assay_ab_estimate x;
	size_t n = 0;
	*out = (struct session){ 0, INFINITY, "" };
	if (d->n > 2) {
		snprintf(out->source, sizeof out->source, o->paired ? "none: the unit is the pair" : "none: the unit is the result");
	} else if (assay_json_get_bool(json_object_get(d->docs[0], "clock"), "virtual", 0)) {
		snprintf(out->source, sizeof out->source, "none: a virtual clock repeats exactly");
	} else {
		for (size_t i = 0; i < o->n_stored; i++) {
			y[n] = stored_value(o->stored[i], d->docs[0], cases, n_cases, key);
			n += !isnan(y[n]);
		}
		assay_ab_pairs(y, n, &x);
		*out = n >= SESSIONS_MIN ? (struct session){ x.sd, x.df, "" } : (struct session){ ASSAY_COMPARE_SESSION_SD, INFINITY, "" };
		snprintf(out->source, sizeof out->source, n >= SESSIONS_MIN ? "%zu stored results" : "assumed: %zu stored results match, 4 would tell", n);
	}
	free(y);
}

static json_t *pct_pair(double effect, double half)
{
	json_t *list = json_array();
	json_array_append_new(list, assay_json_real(assay_ab_percent(effect - half)));
	json_array_append_new(list, assay_json_real(assay_ab_percent(effect + half)));
	return list;
}

static double mean(const struct series *s)
{
	double sum = 0;
	for (size_t i = 0; i < s->n; i++)
		sum += s->ln[i];
	return s->n ? sum / (double)s->n : NAN;
}

/* The numbers of a row. verdict is set by the family, after Holm. */
static json_t *row_json(const struct compare_docs *d, const struct assay_metric *m, const struct compare_case *const *cases, size_t n_cases, const struct series *a, const struct series *b,
                        const struct assay_ab_estimate *x, const struct session *s, const struct assay_compare_options *o)
{
	double t95 = assay_ab_t(0.95, x->df), t90 = assay_ab_t(0.90, x->df);
	bool known = !isnan(x->se);
	int need = known ? assay_ab_pairs_needed(x->sd, fmax(fabs(x->effect), log1p(o->min_effect))) : 0;
	json_t *row = json_pack("{s:s}", "key", m->key);
	json_object_set_new(row, "case", n_cases == 1 ? json_deep_copy(json_object_get(cases[0]->points[0], "case")) : json_null());
	json_object_set_new(row, "a", assay_json_real(exp(mean(a))));
	json_object_set_new(row, "b", assay_json_real(exp(mean(b))));
	json_object_set_new(row, "effect_pct", assay_json_real(assay_ab_percent(x->effect)));
	json_object_set_new(row, "ci95_pct", pct_pair(x->effect, t95 * x->se));
	json_object_set_new(row, "verdict", json_null());
	json_object_set_new(row, "pairs_needed", known && need <= ASSAY_AB_PAIRS_CAP ? json_integer(need) : json_null());
	json_object_set_new(row, "experiment", n_cases == 1 ? json_deep_copy(json_object_get(cases[0]->points[0], "experiment")) : json_null());
	json_object_set_new(row, "unit", json_string(m->unit));
	json_object_set_new(row, "better", json_string(m->better == ASSAY_LOWER ? "lower" : "higher"));
	json_object_set_new(row, "cases", json_integer((json_int_t)n_cases));
	json_object_set_new(row, "n", json_pack("[I, I]", (json_int_t)x->n_a, (json_int_t)x->n_b));
	json_object_set_new(row, "level_ci_pct", pct_pair(x->effect, assay_ab_t(1 - compare_level(o), x->df) * x->se));
	json_object_set_new(row, "ci90_pct", pct_pair(x->effect, t90 * x->se));
	json_object_set_new(row, "smallest_visible_pct", assay_json_real(assay_ab_percent(assay_ab_visible(x))));
	json_object_set_new(row, "session_sd_pct", assay_json_real(100 * s->sd));
	json_object_set_new(row, "session_source", json_string(s->source));
	json_object_set_new(row, "reason", known ? json_null() : json_string(d->n > 2 ? "fewer than 2 results a side have a value" : "fewer than 2 repeats a side have a value"));
	return row;
}

double compare_level(const struct assay_compare_options *o)
{
	return o->sequential ? ASSAY_AB_LOOK_ALPHA : ASSAY_COMPARE_ALPHA;
}

/* Every result of a chosen case has a value (case_units), so a and b are in step. */
static void judge_pairs(const struct series *a, const struct series *b, const char *key, struct compare_row *out)
{
	size_t n = a->n < b->n ? a->n : b->n;
	double *d = xalloc((n + 1) * sizeof *d);
	for (size_t i = 0; i < n; i++)
		d[i] = b->ln[i] - a->ln[i];
	assay_ab_pairs(d, n, &out->x);
	out->p = n > 1 ? assay_ab_flip_p(d, n, assay_hash_name(key)) : NAN;
	free(d);
}

static void judge(const struct compare_docs *d, const struct compare_case *const *cases, size_t n_cases, const struct assay_metric *m, const struct assay_compare_options *o, struct compare_row *out)
{
	struct series a = side_series(d, cases, n_cases, 0, d->n_a, m->key), b = side_series(d, cases, n_cases, d->n_a, d->n, m->key);
	struct session s;
	session_spread(d, cases, n_cases, m->key, o, &s);
	*out = (struct compare_row){ .sign = m->better == ASSAY_HIGHER ? 1 : -1 };
	if (o->paired) {
		judge_pairs(&a, &b, m->key, out);
	} else {
		assay_ab_welch(a.ln, a.n, b.ln, b.n, s.sd, s.df, &out->x);
		out->p = assay_ab_t_p(&out->x);
	}
	out->decides = !isnan(out->p);
	out->row = row_json(d, m, cases, n_cases, &a, &b, &out->x, &s, o);
	free(a.ln);
	free(b.ln);
}

void compare_key(const struct compare_docs *d, const struct compare_cases *cases, const struct assay_metric *m, const struct assay_compare_options *o, struct compare_row *family, json_t *details)
{
	const struct compare_case **used = xalloc((cases->n + 1) * sizeof *used);
	size_t n = 0;
	for (size_t least = 2; !n && least; least--) /* cases with two units or more; only if there is none, those with one */
		for (size_t i = 0; i < cases->n; i++)
			if (case_units(d, &cases->list[i], m->key) >= least)
				used[n++] = &cases->list[i];
	judge(d, used, n, m, o, family);
	json_object_set_new(family->row, "role", json_string("family"));
	for (size_t i = 0; n > 1 && i < n; i++) {
		struct compare_row one;
		judge(d, &used[i], 1, m, o, &one);
		json_object_set_new(one.row, "role", json_string("detail"));
		json_array_append_new(details, one.row);
	}
	free(used);
}
