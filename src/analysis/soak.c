/* See soak.h. Must not know how the load was made. */
#include "analysis/soak.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "metrics/stream_rows.h"

enum { least_segment = 6 };
static const double change_p = 0.01, change_share = 0.05;

const char *assay_leak_name(enum assay_leak_state s)
{
	static const char *const names[] = { "unknown", "not yet", "no", "cannot be told", "yes" };
	return names[s];
}

const char *assay_soak_series_name(enum assay_soak_series s)
{
	static const char *const names[] = { "ttft_p50_ms", "tpot_p50_ms", "e2el_p50_ms", "tok_s" };
	return names[s];
}

void assay_soak_leak(const struct assay_run *run, struct assay_leak *out)
{
	size_t n;
	struct assay_stream_row *rows = assay_stream_rows(run, SIZE_MAX, &n);
	*out = (struct assay_leak){ .first_mib = NAN, .last_mib = NAN, .most_mib = NAN };
	assay_stream_growth(run, SIZE_MAX, &out->per_1k_kib, &out->per_hour_mib);
	for (size_t i = 0; i < n; i++) {
		double mib = rows[i].rss_kib / 1024;
		out->first_mib = isnan(out->first_mib) ? mib : out->first_mib;
		out->last_mib = isnan(mib) ? out->last_mib : mib;
		out->most_mib = fmax(out->most_mib, mib);
	}
	free(rows);
	out->allowed_kib = fmax(1024, isnan(out->most_mib) ? 0 : out->most_mib * 1.024);
	if (isnan(out->most_mib))
		return;
	const struct assay_trend *t = &out->per_1k_kib;
	out->state = isnan(t->slope) ? ASSAY_LEAK_NOT_YET : t->lo > out->allowed_kib ? ASSAY_LEAK_YES : t->hi <= out->allowed_kib ? ASSAY_LEAK_NO : ASSAY_LEAK_UNSURE;
}

bool assay_soak_is_steady(const struct assay_run *run, size_t point)
{
	const json_t *kase = json_object_get(run->points[point].info, "case");
	return assay_stream_point(run, point) && strcmp(assay_json_get_str(kase, "load", ""), "probe") &&
	       (json_is_number(json_object_get(kase, "rate_per_s")) || json_object_get(kase, "concurrency"));
}

static double value_of(const struct assay_run_window *w, enum assay_soak_series series)
{
	static const enum assay_stream_metric metric[] = { ASSAY_STREAM_TTFT, ASSAY_STREAM_TPOT, ASSAY_STREAM_E2EL };
	double s = (double)(w->w.t1_ns - w->w.t0_ns) / 1e9;
	if (series == ASSAY_SOAK_TOK_S)
		return s > 0 ? (double)w->w.tokens / s : NAN;
	const struct assay_rec_dist *d = &w->d[metric[series]];
	return d->n ? d->p50 / 1e6 : NAN;
}

/* The known values of a series, x in hours; both owned by the caller. */
static size_t values(const struct assay_run *run, size_t point, enum assay_soak_series series, double **x, double **y)
{
	size_t n, k = 0;
	struct assay_stream_row *rows = assay_stream_rows(run, point, &n);
	*x = xalloc((n + 1) * sizeof **x);
	*y = xalloc((n + 1) * sizeof **y);
	for (size_t i = 0; i < n; i++) {
		(*x)[k] = rows[i].hours;
		(*y)[k] = value_of(rows[i].w, series);
		k += !isnan((*y)[k]);
	}
	free(rows);
	return k;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(const double *y, size_t n)
{
	double *s = xalloc((n + 1) * sizeof *s), m = NAN;
	memcpy(s, y, n * sizeof *s);
	qsort(s, n, sizeof *s, by_value);
	if (n)
		m = n % 2 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
	free(s);
	return m;
}

void assay_soak_trend(const struct assay_run *run, size_t point, enum assay_soak_series series, struct assay_soak_trend *out)
{
	double *x, *y;
	struct assay_trend t;
	size_t n = values(run, point, series, &x, &y);
	double level = median(y, n), k = level > 0 ? 100 / level : NAN;
	assay_trend_fit(x, y, n, &t);
	*out = (struct assay_soak_trend){ n, level, t.slope * k, t.lo * k, t.hi * k, n ? x[n - 1] - x[0] : 0 };
	free(x);
	free(y);
}

void assay_soak_halves(const struct assay_run *run, size_t point, enum assay_soak_series series, struct assay_drift *out)
{
	double *x, *y;
	size_t n = values(run, point, series, &x, &y);
	assay_drift_halves(y, n, out);
	free(x);
	free(y);
}

/* ---- sudden changes ---- */

struct ranked { double y; size_t at; };

static int by_y(const void *a, const void *b)
{
	const struct ranked *p = a, *q = b;
	return p->y != q->y ? (p->y > q->y) - (p->y < q->y) : (p->at > q->at) - (p->at < q->at);
}

/* Pettitt's test: the likeliest last index of the first part, and how likely so large a statistic is without a change. */
static size_t pettitt(const double *y, size_t n, double *p)
{
	struct ranked *r = xalloc(n * sizeof *r);
	double *rank = xalloc(n * sizeof *rank), u = 0, most = 0;
	size_t at = 0;
	for (size_t i = 0; i < n; i++)
		r[i] = (struct ranked){ y[i], i };
	qsort(r, n, sizeof *r, by_y);
	for (size_t i = 0, j; i < n; i = j) {
		for (j = i; j < n && r[j].y == r[i].y; j++)
			;
		for (size_t k = i; k < j; k++)
			rank[r[k].at] = (double)(i + j + 1) / 2; /* ties share the mean of their ranks */
	}
	for (size_t i = 0; i + 1 < n; i++) {
		u += 2 * rank[i] - (double)(n + 1);
		if (fabs(u) > most && i + 1 >= least_segment && n - i - 1 >= least_segment) {
			most = fabs(u);
			at = i;
		}
	}
	double cube = (double)n * (double)n * ((double)n + 1);
	*p = fmin(1, 2 * exp(-6 * most * most / cube));
	free(r);
	free(rank);
	return at;
}

static double distance_about(const double *y, size_t n, double m)
{
	double s = 0;
	for (size_t i = 0; i < n; i++)
		s += fabs(y[i] - m); /* absolute: one wild window decides nothing */
	return s;
}

/* Whether a step after `at` explains the values better than the straight line through the medians of the outer thirds. */
static bool is_step(const double *x, const double *y, size_t n, size_t at, double before, double after)
{
	size_t third = n / 3;
	double x0 = median(x, third), y0 = median(y, third), x1 = median(x + n - third, third), y1 = median(y + n - third, third);
	double slope = x1 > x0 ? (y1 - y0) / (x1 - x0) : 0, line = 0;
	for (size_t i = 0; i < n; i++)
		line += fabs(y[i] - y0 - slope * (x[i] - x0));
	return distance_about(y, at + 1, before) + distance_about(y + at + 1, n - at - 1, after) < line;
}

static size_t segment(const double *x, const double *y, size_t n, struct assay_soak_change *out, size_t room)
{
	double p;
	if (n < 2 * least_segment || !room)
		return 0;
	size_t at = pettitt(y, n, &p);
	double before = median(y, at + 1), after = median(y + at + 1, n - at - 1);
	if (p > change_p || fabs(after - before) < change_share * fabs(before) || !is_step(x, y, n, at, before, after))
		return 0;
	size_t k = segment(x, y, at + 1, out, room);
	if (k < room)
		out[k++] = (struct assay_soak_change){ (x[at] + x[at + 1]) / 2, before, after, p };
	return k + segment(x + at + 1, y + at + 1, n - at - 1, out + k, room - k);
}

size_t assay_soak_changes(const struct assay_run *run, size_t point, enum assay_soak_series series, struct assay_soak_change out[ASSAY_SOAK_CHANGES])
{
	double *x, *y;
	size_t n = values(run, point, series, &x, &y), k = segment(x, y, n, out, ASSAY_SOAK_CHANGES);
	free(x);
	free(y);
	return k;
}
