/* See soak.h. Must not know how the load was made. */
#include "analysis/soak.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/change_points.h"
#include "analysis/series_stats.h"
#include "base/json.h"
#include "base/mem.h"
#include "metrics/stream_rows.h"

static const double change_share = 0.05;

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

static double median(const double *y, size_t n)
{
	double *scratch = xalloc((n + 1) * sizeof *scratch), m = assay_median(y, n, scratch);
	free(scratch);
	return m;
}

/* The slope drawn through the middle of the windows that it is of, and the ends of its interval through the same place. */
static void set_line(const struct assay_stream_row *rows, size_t n, struct assay_leak *out)
{
	double *x = xalloc((n + 1) * sizeof *x), *y = xalloc((n + 1) * sizeof *y);
	const struct assay_trend *t = &out->per_hour_mib;
	size_t k = 0;
	for (size_t i = n / 5; i < n; i++) {
		if (isnan(rows[i].rss_kib))
			continue;
		x[k] = rows[i].hours;
		y[k++] = rows[i].rss_kib / 1024;
	}
	out->line_n = isnan(t->slope) || !k ? 0 : 2;
	double at = median(x, k), level = median(y, k);
	for (size_t i = 0; i < out->line_n; i++) {
		double h = i ? x[k - 1] : x[0];
		out->line[i] = (struct assay_leak_line){ h, level + t->slope * (h - at), level + t->lo * (h - at), level + t->hi * (h - at) };
	}
	free(x);
	free(y);
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
	size_t count, from = assay_stream_longest_part(run, rows, n, &count);
	set_line(rows + from, count, out);
	free(rows);
	out->allowed_kib = fmax(1024, isnan(out->most_mib) ? 0 : out->most_mib * 1.024);
	if (isnan(out->most_mib))
		return;
	const struct assay_trend *t = &out->per_1k_kib;
	out->state = isnan(t->slope) ? ASSAY_LEAK_NOT_YET : t->lo > out->allowed_kib ? ASSAY_LEAK_YES : t->hi <= out->allowed_kib ? ASSAY_LEAK_NO : ASSAY_LEAK_UNSURE;
}

bool assay_soak_is_steady(const struct assay_run *run, size_t point)
{
	const char *load = assay_json_get_str(json_object_get(run->points[point].info, "case"), "load", "probe");
	return assay_stream_point(run, point) && strcmp(load, "probe") && strcmp(load, "variable") && strncmp(load, "ramp:", 5);
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

/* A step that is not worth the name is passed over. */
size_t assay_soak_changes(const struct assay_run *run, size_t point, enum assay_soak_series series, struct assay_soak_change out[ASSAY_SOAK_CHANGES])
{
	struct assay_change found[ASSAY_CHANGE_MAX];
	double *x, *y;
	size_t n = values(run, point, series, &x, &y), steps = assay_change_points(y, n, ASSAY_CHANGE_LEVEL, 0, found), k = 0;
	for (size_t i = 0; i < steps && k < ASSAY_SOAK_CHANGES; i++) {
		size_t from = i ? found[i - 1].at : 0, at = found[i].at, end = i + 1 < steps ? found[i + 1].at : n;
		double before = median(y + from, at - from), after = median(y + at, end - at);
		if (fabs(after - before) >= change_share * fabs(before))
			out[k++] = (struct assay_soak_change){ (x[at - 1] + x[at]) / 2, before, after, found[i].p };
	}
	free(x);
	free(y);
	return k;
}
