/* See stream_rows.h. Must not judge. */
#include "metrics/stream_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

bool assay_stream_point(const struct assay_run *run, size_t point)
{
	return assay_json_get_bool(run->points[point].info, "stream", 0);
}

const char *assay_window_part(const struct assay_rec_window *w)
{
	return w->flags & ASSAY_WINDOW_PROBE ? "probe" : w->flags & ASSAY_WINDOW_TAIL ? "tail" : w->flags ? "short" : "series";
}

uint64_t assay_window_ended_count(const struct assay_rec_window *w)
{
	uint64_t n = 0;
	for (int i = 0; i < ASSAY_END_N; i++)
		n += w->ends[i];
	return n;
}

uint64_t assay_window_failed_count(const struct assay_rec_window *w)
{
	uint64_t n = 0;
	for (int i = 0; i < ASSAY_END_N; i++)
		n += assay_end_ok((enum assay_end)i) || i == ASSAY_END_CANCELLED ? 0 : w->ends[i];
	return n;
}

int64_t assay_stream_elapsed(const struct assay_run *run)
{
	int64_t ns = 0;
	for (size_t i = 0; i < run->n_windows; i++) {
		const struct assay_rec_window *w = &run->windows[i].w;
		if (!(w->flags & (ASSAY_WINDOW_PROBE | ASSAY_WINDOW_TAIL)))
			ns = w->elapsed_ns + w->t1_ns - w->t0_ns;
	}
	return ns;
}

size_t assay_stream_first_point(const struct assay_run *run)
{
	for (size_t i = 0; i < run->n_points; i++)
		if (assay_stream_point(run, i) && strcmp(assay_json_get_str(json_object_get(run->points[i].info, "case"), "load", "probe"), "probe"))
			return i;
	return SIZE_MAX;
}

struct assay_stream_row *assay_stream_rows(const struct assay_run *run, size_t point, size_t *n)
{
	struct assay_stream_row *rows = xalloc((run->n_windows + 1) * sizeof *rows);
	double served = 0;
	*n = 0;
	for (size_t i = 0; i < run->n_windows; i++) {
		const struct assay_rec_window *w = &run->windows[i].w;
		served += (double)(assay_window_ended_count(w) - w->ends[ASSAY_END_UNSENT]);
		if (w->flags || (point != SIZE_MAX && w->point != point))
			continue;
		rows[(*n)++] = (struct assay_stream_row){ &run->windows[i], ((double)w->elapsed_ns + (double)(w->t1_ns - w->t0_ns) / 2) / 3.6e12, served / 1000,
							  w->rss_mean_bytes < 0 ? NAN : (double)w->rss_mean_bytes / 1024 };
	}
	return rows;
}

/* How often the run was taken up before a window. */
static size_t part_of(const struct assay_run *run, const struct assay_run_window *w)
{
	size_t part = 0, i;
	json_t *p;
	json_array_foreach(run->parts, i, p)
		part += (double)w->w.elapsed_ns / 1e9 >= assay_json_get_num(p, "elapsed_s", INFINITY) - 1e-6;
	return part;
}

size_t assay_stream_longest_part(const struct assay_run *run, const struct assay_stream_row *rows, size_t n, size_t *count)
{
	size_t from = 0, best = 0;
	*count = 0;
	for (size_t i = 0; i < n; i++) {
		if (part_of(run, rows[i].w) != part_of(run, rows[from].w))
			from = i;
		if (i + 1 - from > *count) {
			*count = i + 1 - from;
			best = from;
		}
	}
	return best;
}

void assay_stream_growth(const struct assay_run *run, size_t point, struct assay_trend *per_1k_kib, struct assay_trend *per_hour_mib)
{
	size_t n, k = 0, count;
	struct assay_stream_row *rows = assay_stream_rows(run, point, &n);
	size_t from = assay_stream_longest_part(run, rows, n, &count);
	double *x = xalloc((n + 1) * sizeof *x), *t = xalloc((n + 1) * sizeof *t), *y = xalloc((n + 1) * sizeof *y);
	for (size_t i = from; i < from + count; i++) {
		if (isnan(rows[i].rss_kib))
			continue;
		x[k] = rows[i].served_k;
		t[k] = rows[i].hours;
		y[k++] = rows[i].rss_kib;
	}
	assay_trend_fit(x, y, k, per_1k_kib);
	for (size_t i = 0; i < k; i++)
		y[i] /= 1024;
	assay_trend_fit(t, y, k, per_hour_mib);
	free(x);
	free(t);
	free(y);
	free(rows);
}
