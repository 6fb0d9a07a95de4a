/* One series of a history: spread, changes of level, the trend since the last of them, what stands out. On ln(value); effects are per cent. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/change_points.h"
#include "analysis/history_parts.h"
#include "analysis/series_stats.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"

#define LEAST_OUTLIER 0.001 /* 0.1 %: spreads below it are taken as this much */
#define SECONDS_A_DAY 86400.0

struct sorted { const struct history_result *result; double x; };

/* The values in time order, and what was computed of them. */
struct judged {
	const struct history_series *s;
	struct sorted *v;
	double *y, *t, *scratch;   /* ln x; days or places */
	size_t n;
	struct assay_change changes[ASSAY_CHANGE_MAX];
	size_t n_changes;
	uint64_t seed;
};

static double percent(double ln) { return 100 * (exp(ln) - 1); }

static int by_place(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	return (x->result->place > y->result->place) - (x->result->place < y->result->place);
}

static const char *direction(const struct judged *j, double change)
{
	return (change < 0) == (j->s->metric->better == ASSAY_LOWER) ? "better" : "worse";
}

/* Values from the last change on. */
static size_t last_level(const struct judged *j)
{
	return j->n_changes ? j->changes[j->n_changes - 1].at : 0;
}

/* Of level k: [*from, its end). */
static size_t level_end(const struct judged *j, size_t k, size_t *from)
{
	*from = k ? j->changes[k - 1].at : 0;
	return k < j->n_changes ? j->changes[k].at : j->n;
}

static double level_median(const struct judged *j, size_t k)
{
	size_t from, to = level_end(j, k, &from);
	return assay_median(j->y + from, to - from, j->scratch);
}

/* Standard deviation of the rest after each level's mean, in per cent; NaN when there are too few. */
static double spread(const struct judged *j, bool within)
{
	double sum = 0;
	size_t levels = within ? j->n_changes + 1 : 1;
	for (size_t k = 0; k < levels; k++) {
		size_t from = 0, to = within ? level_end(j, k, &from) : j->n;
		double mean = 0;
		for (size_t i = from; i < to; i++)
			mean += j->y[i] / (double)(to - from);
		for (size_t i = from; i < to; i++)
			sum += (j->y[i] - mean) * (j->y[i] - mean);
	}
	return j->n >= ASSAY_HISTORY_SPREAD && j->n > levels ? 100 * sqrt(sum / (double)(j->n - levels)) : NAN;
}

static json_t *changes_json(const struct judged *j)
{
	json_t *list = json_array();
	for (size_t k = 0; k < j->n_changes; k++) {
		double before = level_median(j, k), after = level_median(j, k + 1);
		const json_t *row = j->v[j->changes[k].at].result->row;
		json_array_append_new(list, json_pack("{s:I, s:I, s:O, s:O, s:o, s:o, s:o, s:s, s:o}", "at", (json_int_t)j->changes[k].at, "result", (json_int_t)j->v[j->changes[k].at].result->place, "dir",
		                                      json_object_get(row, "dir"), "created", json_object_get(row, "created"), "before", assay_json_real(exp(before)), "after", assay_json_real(exp(after)),
		                                      "effect_pct", assay_json_real(percent(after - before)), "change", direction(j, after - before), "p", assay_json_real(j->changes[k].p)));
	}
	return list;
}

static json_t *outliers_json(const struct judged *j)
{
	json_t *list = json_array();
	double *r = xalloc((j->n + 1) * sizeof *r);
	bool *out = xalloc((j->n + 1) * sizeof *out);
	for (size_t k = 0; k <= j->n_changes; k++) {
		size_t from, to = level_end(j, k, &from);
		double middle = level_median(j, k);
		for (size_t i = from; i < to; i++)
			r[i] = j->y[i] - middle;
	}
	if (j->n >= ASSAY_HISTORY_TREND)
		assay_outliers(r, j->n, LEAST_OUTLIER, out);
	for (size_t i = 0; i < j->n; i++)
		if (out[i])
			json_array_append_new(list, json_pack("{s:I, s:I, s:O, s:o, s:o}", "at", (json_int_t)i, "result", (json_int_t)j->v[i].result->place, "dir", json_object_get(j->v[i].result->row, "dir"), "value",
			                                      assay_json_real(j->v[i].x), "off_pct", assay_json_real(percent(r[i]))));
	free(r);
	free(out);
	return list;
}

/* Needs 10 results on one level. */
static json_t *trend_json(const struct judged *j, bool by_time)
{
	size_t from = last_level(j), n = j->n - from;
	struct assay_slope s = { NAN, NAN, NAN };
	const char *said = NULL;
	char needs[120];
	snprintf(needs, sizeof needs, "%d results%s, has %zu", ASSAY_HISTORY_TREND, j->n_changes ? " since the last change" : "", n);
	if (n >= ASSAY_HISTORY_TREND) {
		assay_theil_sen(j->t + from, j->y + from, n, ASSAY_Z99, j->seed, &s);
		said = isnan(s.slope) || (s.lo <= 0 && s.hi >= 0) ? "none" : direction(j, s.slope);
	}
	return json_pack("{s:I, s:s, s:o, s:o, s:o, s:s?, s:s?}", "from", (json_int_t)from, "unit", by_time ? "% per day" : "% per result", "slope_pct", assay_json_real(percent(s.slope)), "lo_pct",
	                 assay_json_real(percent(s.lo)), "hi_pct", assay_json_real(percent(s.hi)), "change", said, "needs", said ? NULL : needs);
}

static void prepare(struct judged *j, const struct history_series *s, const struct history_result *results, bool by_time)
{
	*j = (struct judged){ .s = s, .n = s->n, .v = xalloc(s->n * sizeof *j->v), .y = xalloc(3 * s->n * sizeof *j->y) };
	j->t = j->y + s->n;
	j->scratch = j->t + s->n;
	for (size_t i = 0; i < s->n; i++)
		j->v[i] = (struct sorted){ &results[s->values[i].result], s->values[i].x };
	qsort(j->v, j->n, sizeof *j->v, by_place);
	for (size_t i = 0; i < j->n; i++) {
		j->y[i] = log(j->v[i].x);
		j->t[i] = by_time ? (j->v[i].result->t_s - j->v[0].result->t_s) / SECONDS_A_DAY : (double)i;
	}
	char *name = json_dumps(s->group, JSON_COMPACT | JSON_SORT_KEYS);
	j->seed = assay_rng_key(assay_hash_name(name ? name : ""), assay_hash_name(s->metric->key));
	free(name);
	j->n_changes = assay_change_points(j->y, j->n, ASSAY_CHANGE_LEVEL, j->seed, j->changes);
}

json_t *history_series_json(const struct history_series *s, const struct history_result *results, bool by_time)
{
	struct judged j;
	prepare(&j, s, results, by_time);
	json_t *o = json_copy((json_t *)s->group), *values = json_array(), *places = json_array();
	for (size_t i = 0; i < j.n; i++) {
		json_array_append_new(values, assay_json_real(j.v[i].x));
		json_array_append_new(places, json_integer((json_int_t)j.v[i].result->place));
	}
	json_object_set_new(o, "key", json_string(s->metric->key));
	json_object_set_new(o, "unit", json_string(s->metric->unit));
	json_object_set_new(o, "better", json_string(s->metric->better == ASSAY_LOWER ? "lower" : "higher"));
	json_object_set_new(o, "n", json_integer((json_int_t)j.n));
	json_object_set_new(o, "median", assay_json_real(exp(assay_median(j.y, j.n, j.scratch))));
	json_object_set_new(o, "latest", assay_json_real(j.v[j.n - 1].x));
	json_object_set_new(o, "sd_pct", assay_json_real(spread(&j, false)));
	json_object_set_new(o, "sd_within_pct", assay_json_real(spread(&j, true)));
	json_object_set_new(o, "needs", j.n >= ASSAY_HISTORY_TREND ? json_null() : json_sprintf("%d results for changes and a trend, has %zu", ASSAY_HISTORY_TREND, j.n));
	json_object_set_new(o, "changes", changes_json(&j));
	json_object_set_new(o, "trend", trend_json(&j, by_time));
	json_object_set_new(o, "outliers", outliers_json(&j));
	json_object_set_new(o, "values", values);
	json_object_set_new(o, "result", places);
	free(j.v);
	free(j.y);
	return o;
}
