/* Heat map of a metric over two lengths of cases; see svg.h. Computes nothing: a cell is a point's own number. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/svg.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/svg_figures.h"

enum { most = 12, shades = 8, cell_height = 26, top = 26 };

struct cell { double value; bool limit, seen; char title[200]; };
struct heat {
	const char *row_title, *col_title, *key;
	int64_t rows[most], cols[most];
	size_t n_rows, n_cols;
	struct cell cells[most][most];
	double lo, hi;
};

/* Index of x in the ascending list, added when new; most = no room. */
static size_t place(int64_t *list, size_t *n, int64_t x)
{
	size_t i = 0;
	while (i < *n && list[i] < x)
		i++;
	if (i < *n && list[i] == x)
		return i;
	if (*n == most)
		return most;
	memmove(list + i + 1, list + i, (*n - i) * sizeof *list);
	list[i] = x;
	++*n;
	return i;
}

/* The row and column of a point; false when it has none. by_batch: batch over prompt + output, else prompt over output. */
static bool axes_of(const json_t *p, bool by_batch, int64_t *row, int64_t *col)
{
	int64_t batch = face_case_int(p, "batch_size", -1), prompt = face_case_int(p, "prompt_tokens", -1), output = face_case_int(p, "output_tokens", -1);
	if (!(face_is(p, "seqlen") || face_is(p, "throughput")) || batch < 1 || prompt < 0 || output < 0 || prompt > INT32_MAX || output > INT32_MAX || (!by_batch && batch != 1))
		return false;
	*row = by_batch ? batch : prompt;
	*col = by_batch ? prompt + output : output;
	return true;
}

static void fill(struct heat *h, const json_t *p, int64_t row, int64_t col)
{
	struct cell *c = &h->cells[place(h->rows, &h->n_rows, row)][place(h->cols, &h->n_cols, col)];
	char kase[96], number[48];
	double x = face_stat(p, h->key, "mean");
	c->limit |= !strcmp(assay_json_get_str(p, "status", ""), "limit");
	if (c->seen || isnan(x))
		return;
	c->seen = true;
	c->value = x;
	face_case(kase, p);
	face_number(number, p, h->key, "mean", "-");
	snprintf(c->title, sizeof c->title, "%.96s: %.40s", kase, number);
	h->lo = fmin(h->lo, x);
	h->hi = fmax(h->hi, x);
}

/* False when there is too little for a map: fewer than two rows or columns, more than fit, or over half of the cells empty. */
static bool collect(struct heat *h, const json_t *points, bool by_batch)
{
	size_t i, seen = 0;
	json_t *p;
	int64_t row, col;
	const char *key = h->key;
	*h = (struct heat){ .key = key, .row_title = by_batch ? "batch" : "prompt", .col_title = by_batch ? "prompt + output (tokens)" : "output (tokens)", .lo = INFINITY, .hi = -INFINITY };
	json_array_foreach(points, i, p)
		if (axes_of(p, by_batch, &row, &col) && (place(h->rows, &h->n_rows, row) == most || place(h->cols, &h->n_cols, col) == most))
			return false;
	json_array_foreach(points, i, p)
		if (axes_of(p, by_batch, &row, &col))
			fill(h, p, row, col);
	for (size_t r = 0; r < h->n_rows; r++)
		for (size_t c = 0; c < h->n_cols; c++)
			seen += h->cells[r][c].seen || h->cells[r][c].limit;
	return h->n_rows >= 2 && h->n_cols >= 2 && 2 * seen >= h->n_rows * h->n_cols && isfinite(h->lo) && isfinite(h->hi);
}

/* 0 to shades - 1; by ratio where the values span a factor of ten. */
static int shade(const struct heat *h, double x)
{
	bool log_scale = h->lo > 0 && h->hi > 10 * h->lo;
	double part = h->hi <= h->lo ? 0.5 : log_scale ? log(x / h->lo) / log(h->hi / h->lo) : (x - h->lo) / (h->hi - h->lo);
	return (int)fmin(shades - 1, part * shades);
}

static void draw_cell(struct svg *s, const struct heat *h, const struct cell *c, double x, double y, double w)
{
	char css[16], text[24];
	if (!c->seen) {
		svg_box(s, "empty", x, y, w - 2, cell_height - 2, c->limit ? "does not fit the context or the KV pool" : "not measured");
		svg_text(s, "mute", SVG_MIDDLE, x + w / 2 - 1, y + 16, w, c->limit ? "limit" : "");
		return;
	}
	int level = shade(h, c->value);
	snprintf(css, sizeof css, "h%d", level);
	svg_box(s, css, x, y, w - 2, cell_height - 2, c->title);
	if (fabs(c->value) >= 99.95)
		svg_number(text, round(c->value));
	else
		snprintf(text, sizeof text, "%.3g", c->value);
	svg_text(s, level >= shades / 2 ? "on-dark" : "on-light", SVG_MIDDLE, x + w / 2 - 1, y + 16, w + 4, text);
}

/* The shades with the least and the largest value. */
static void legend(struct svg *s, const struct heat *h, double left, double y)
{
	char text[24], css[8];
	svg_number(text, h->lo);
	double x = left + svg_text_width(text) + 6;
	svg_text(s, "mute", SVG_START, left, y + 10, 90, text);
	for (int i = 0; i < shades; i++) {
		snprintf(css, sizeof css, "h%d", i);
		svg_box(s, css, x + 14 * i, y, 14, 12, NULL);
	}
	svg_number(text, h->hi);
	svg_text(s, "mute", SVG_START, x + 14 * shades + 6, y + 10, 90, text);
}

static void draw(const struct heat *h, struct assay_buf *out)
{
	struct svg s;
	const struct assay_metric *def = assay_metric_find(h->key);
	char text[200], least[24], largest[24];
	double left = 12, width, bottom = top + 18 + cell_height * (double)h->n_rows;
	for (size_t r = 0; r < h->n_rows; r++) {
		svg_number(text, (double)h->rows[r]);
		left = fmax(left, svg_text_width(text) + 10);
	}
	left = fmax(left, svg_text_width(h->row_title) + 8);
	width = (SVG_WIDTH - left) / (double)h->n_cols;
	svg_number(least, h->lo);
	svg_number(largest, h->hi);
	snprintf(text, sizeof text, "%.60s (%.20s) by %s and %s, from %s to %s", h->key, def ? def->unit : "", h->row_title, h->col_title, least, largest);
	svg_begin(&s, out, SVG_WIDTH, bottom + 24, text);
	svg_text(&s, "mute", SVG_START, 2, top + 10, left, h->row_title);
	svg_text(&s, "mute", SVG_MIDDLE, left + width * (double)h->n_cols / 2, 12, SVG_WIDTH - left, h->col_title);
	for (size_t c = 0; c < h->n_cols; c++) {
		svg_number(text, (double)h->cols[c]);
		svg_text(&s, "mute", SVG_MIDDLE, left + width * ((double)c + 0.5), top + 10, width + 4, text);
	}
	for (size_t r = 0; r < h->n_rows; r++) {
		double y = top + 16 + cell_height * (double)r;
		svg_number(text, (double)h->rows[r]);
		svg_text(&s, "mute", SVG_END, left - 6, y + 16, left, text);
		for (size_t c = 0; c < h->n_cols; c++)
			draw_cell(&s, h, &h->cells[r][c], left + width * (double)c, y, width);
	}
	legend(&s, h, left, bottom + 6);
	svg_end(&s);
}

bool svg_heat(const json_t *result, const char *key, struct assay_buf *out)
{
	struct heat *h = xalloc(sizeof *h);
	const json_t *points = json_object_get(result, "points");
	h->key = key;
	bool found = collect(h, points, true) || collect(h, points, false);
	if (found)
		draw(h, out);
	free(h);
	return found;
}
