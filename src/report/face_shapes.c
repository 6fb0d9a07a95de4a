/* See face_shapes.h. Counts values into columns to draw them; no number is made that is shown. */
#include "report/face_shapes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/chart.h"
#include "draw/text.h"
#include "metrics/definitions.h"
#include "report/face_data.h"

enum { COLUMNS_LEAST = 8, COLUMNS_MOST = 40, NAME = 15 };

/* The numbers of an array, NaN for null; owned by the caller. */
static double *numbers(const json_t *a, size_t *n)
{
	*n = json_array_size(a);
	double *x = xalloc((*n + 1) * sizeof *x);
	for (size_t i = 0; i < *n; i++)
		x[i] = json_is_number(json_array_get(a, i)) ? json_number_value(json_array_get(a, i)) : NAN;
	return x;
}

void face_shape_line(struct assay_buf *out, const char *left, const char *right, const double *x, size_t n, bool from_zero, int width, bool utf8)
{
	int room = width - draw_text_width(left) - draw_text_width(right) - 2;
	if (room < COLUMNS_LEAST)
		return;
	assay_buf_printf(out, "%s|", left);
	draw_chart_spark(out, x, n, room < COLUMNS_MOST ? room : COLUMNS_MOST, from_zero, utf8);
	assay_buf_printf(out, "|%s\n", right);
}

void face_shape_distribution(struct assay_buf *out, const json_t *point, const char *key, int width, bool utf8)
{
	const json_t *d = json_object_get(json_object_get(json_object_get(point, "series"), "distribution"), key);
	const struct assay_metric *def = assay_metric_find(key);
	double counts[COLUMNS_MOST] = { 0 };
	char left[80], right[120], a[48], b[48];
	size_t n;
	double *x = numbers(json_object_get(d, "values"), &n);
	double least = n ? x[0] : NAN, most = n ? x[n - 1] : NAN; /* sorted */
	if (def && most > least) {
		face_format(a, least, def->digits);
		face_format(b, most, def->digits);
		snprintf(left, sizeof left, "%-*s %8s ", NAME, def->title, a);
		snprintf(right, sizeof right, " %s %s (distribution of %lld)", b, def->unit, (long long)assay_json_get_int(d, "n", 0));
		int room = width - draw_text_width(left) - draw_text_width(right) - 2, columns = room < COLUMNS_MOST ? room : COLUMNS_MOST;
		for (size_t i = 0; columns >= COLUMNS_LEAST && i < n; i++) {
			int c = (int)((x[i] - least) / (most - least) * columns);
			counts[c < columns ? c : columns - 1]++;
		}
		if (columns >= COLUMNS_LEAST)
			face_shape_line(out, left, right, counts, (size_t)columns, true, width, utf8);
	}
	free(x);
}

void face_shape_over_time(struct assay_buf *out, const json_t *point, int width, bool utf8)
{
	const json_t *t = json_object_get(json_object_get(point, "series"), "over_time");
	char left[80], right[80], b[48];
	double most = 0;
	size_t n;
	double *x = numbers(json_object_get(t, "output_tok_s"), &n);
	for (size_t i = 0; i < n; i++)
		most = fmax(most, x[i]);
	face_format(b, most, 1);
	snprintf(left, sizeof left, "%-*s %8s ", NAME, "tok/s over time", "0");
	snprintf(right, sizeof right, " %s (%.3g s)", b, assay_json_get_num(t, "bin_s", 0) * (double)n);
	if (n >= 3 && most > 0)
		face_shape_line(out, left, right, x, n, true, width, utf8);
	free(x);
}
