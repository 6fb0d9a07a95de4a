/* Estimates with intervals, one below the other, and the two figures made of them: means of points, effects of a comparison. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/svg.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/svg_figures.h"

enum { row_height = 38, rows_most = 40, edge = 12 };

static void draw_row(struct svg *s, const struct svg_scale *x, const struct svg_row *r, double top)
{
	double y = top + 26, right = SVG_WIDTH - edge, text = svg_text_width(r->text);
	char css[64], title[300];
	text = fmin(text, right - edge - 60);
	svg_text(s, "strong halo", SVG_START, edge, top + 12, right - edge - text - 8, r->name);
	svg_text(s, "halo", SVG_END, right, top + 12, text + 1, r->text);
	snprintf(title, sizeof title, "%.120s: %.120s", r->name, r->text);
	snprintf(css, sizeof css, "%.20s thick", r->css);
	svg_line(s, css, svg_at(x, r->lo), y, svg_at(x, r->hi), y);
	for (size_t i = 0; i < r->n_dots; i++)
		svg_mark(s, "mute-mark", SVG_TICK, svg_at(x, r->dots[i]), y, NULL);
	svg_mark(s, r->css, r->lo < x->lo ? SVG_LEFT : SVG_TICK, svg_at(x, r->lo), y, NULL);
	svg_mark(s, r->css, r->hi > x->hi ? SVG_RIGHT : SVG_TICK, svg_at(x, r->hi), y, NULL);
	snprintf(css, sizeof css, "%.20s%s", r->css, r->hollow ? " hollow" : "");
	svg_mark(s, css, r->hollow ? SVG_CIRCLE : SVG_DIAMOND, svg_at(x, r->value), y, title);
}

bool svg_rows(const struct svg_rows *r, struct assay_buf *out)
{
	struct svg s;
	struct svg_scale x;
	double bottom = 6 + row_height * (double)r->n;
	if (!r->n)
		return false;
	svg_scale_fit(&x, r->lo, r->hi, r->log, edge, SVG_WIDTH - edge);
	svg_begin(&s, out, SVG_WIDTH, bottom + 38, r->label);
	if (r->band > 0)
		svg_box(&s, "band", svg_at(&x, -r->band), 2, svg_at(&x, r->band) - svg_at(&x, -r->band), bottom - 2, NULL);
	svg_ticks_x(&s, &x, 2, bottom, r->axis);
	for (size_t i = 0; i < r->n; i++)
		draw_row(&s, &x, &r->rows[i], 2 + row_height * (double)i);
	svg_end(&s);
	return true;
}

/* Rows under construction: they borrow texts that live here. */
struct build { struct svg_row rows[rows_most]; char names[rows_most][140], texts[rows_most][80]; double *dots[rows_most]; size_t n; double lo, hi; };

static struct svg_row *row_new(struct build *b)
{
	struct svg_row *r = &b->rows[b->n];
	*r = (struct svg_row){ .name = b->names[b->n], .text = b->texts[b->n], .value = NAN, .lo = NAN, .hi = NAN, .css = "s1" };
	b->n++;
	return r;
}

static void widen(struct build *b, double x)
{
	b->lo = isfinite(x) ? fmin(b->lo, x) : b->lo;
	b->hi = isfinite(x) ? fmax(b->hi, x) : b->hi;
}

static double at(const json_t *pair, size_t i)
{
	const json_t *v = json_array_get(pair, i);
	return json_is_number(v) ? json_number_value(v) : NAN;
}

/* ---- means of points ---- */

static void add_dots(struct build *b, struct svg_row *r, const json_t *metric)
{
	size_t i;
	json_t *v, *runs = json_object_get(metric, "per_run");
	double *dots = xalloc((json_array_size(runs) + 1) * sizeof *dots);
	json_array_foreach(runs, i, v) {
		dots[i] = json_is_number(v) ? json_number_value(v) : NAN;
		widen(b, dots[i]);
	}
	b->dots[b->n - 1] = dots;
	r->dots = dots;
	r->n_dots = json_array_size(runs);
}

static void add_point(struct build *b, const json_t *point, const char *key)
{
	const json_t *m = face_metric(point, key), *ci = json_object_get(m, "ci95");
	const struct assay_metric *def = assay_metric_find(key);
	char kase[96], number[48];
	double value = face_stat(point, key, "mean");
	if (isnan(value) || b->n == rows_most)
		return;
	struct svg_row *r = row_new(b);
	r->value = value;
	r->lo = at(ci, 0);
	r->hi = at(ci, 1);
	face_case(kase, point);
	face_format(number, value, def ? def->digits : 3);
	snprintf(b->names[b->n - 1], sizeof b->names[0], "%.32s %.96s", assay_json_get_str(point, "experiment", ""), kase);
	snprintf(b->texts[b->n - 1], sizeof b->texts[0], "%.40s %.20s, n %lld", number, assay_json_get_str(m, "unit", ""), (long long)assay_json_get_int(m, "n", 0));
	widen(b, value);
	add_dots(b, r, m);
}

/* Intervals may widen the scale by half of what the values span (a factor of two on a logarithmic one): the interval of two runs can be
 * absurdly wide, and must not squeeze the others into a line. */
static void reach_out(struct build *b, bool log)
{
	double lo = b->lo, hi = b->hi, most = log ? 0 : 0.5 * (hi - lo) + 0.1 * fabs(hi);
	for (size_t i = 0; i < b->n; i++) {
		const struct svg_row *r = &b->rows[i];
		if (isfinite(r->lo))
			b->lo = fmin(b->lo, fmax(r->lo, log ? lo / 2 : lo - most));
		if (isfinite(r->hi))
			b->hi = fmax(b->hi, fmin(r->hi, log ? hi * 2 : hi + most));
	}
	if (lo >= 0 && b->lo < 0)
		b->lo = 0; /* what is never negative needs no negative axis */
}

bool svg_intervals(const json_t *result, const char *key, const char *experiment, struct assay_buf *out)
{
	const struct assay_metric *def = assay_metric_find(key);
	struct build *b = xalloc(sizeof *b);
	size_t i;
	json_t *p;
	char axis[160], label[260];
	b->lo = INFINITY;
	b->hi = -INFINITY;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (!experiment || face_is(p, experiment))
			add_point(b, p, key);
	bool log = b->lo > 0 && b->hi > 20 * b->lo;
	reach_out(b, log);
	snprintf(axis, sizeof axis, "%.60s%s%.20s%s: mean, 95 %% interval, each run", key, def && *def->unit ? " (" : "", def ? def->unit : "", def && *def->unit ? ")" : "");
	snprintf(label, sizeof label, "Means of %.60s with intervals, a row for each of %zu cases", key, b->n);
	bool drawn = svg_rows(&(struct svg_rows){ b->rows, b->n, b->lo, b->hi, log, 0, axis, label }, out);
	for (size_t k = 0; k < b->n; k++)
		free(b->dots[k]);
	free(b);
	return drawn;
}

/* ---- effects of a comparison ---- */

static const char *css_of(const char *verdict)
{
	static const struct { const char *verdict, *css; } table[] = { { "FASTER", "good" }, { "BETTER", "good" }, { "SLOWER", "bad" }, { "WORSE", "bad" }, { "SAME", "s1" } };
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (!strcmp(verdict, table[i].verdict))
			return table[i].css;
	return "mute-mark";
}

static void add_effect(struct build *b, const json_t *row)
{
	const json_t *ci = json_object_get(row, "level_ci_pct");
	const char *verdict = assay_json_get_str(row, "verdict", "?");
	double effect = assay_json_get_num(row, "effect_pct", NAN), lo = at(ci, 0), hi = at(ci, 1);
	int digits = fmax(fabs(lo), fabs(hi)) < 9.995 ? 2 : 1;
	if (b->n == rows_most)
		return;
	struct svg_row *r = row_new(b);
	char *text = b->texts[b->n - 1];
	snprintf(b->names[b->n - 1], sizeof b->names[0], "%.120s", assay_json_get_str(row, "key", "?"));
	if (isnan(effect))
		snprintf(text, sizeof b->texts[0], "%.20s", verdict);
	else if (isnan(lo) || isnan(hi))
		snprintf(text, sizeof b->texts[0], "%.20s %+.*f %%", verdict, digits, effect);
	else
		snprintf(text, sizeof b->texts[0], "%.20s %+.*f %% (%+.*f to %+.*f)", verdict, digits, effect, digits, lo, digits, hi);
	r->value = effect;
	r->lo = lo;
	r->hi = hi;
	r->css = css_of(verdict);
	r->hollow = !strcmp(r->css, "mute-mark");
	widen(b, effect);
}

/* Intervals widen the scale, but a very wide one ends in an arrow: it must not squeeze the others into a line. */
static void fit_scale(struct build *b, double delta)
{
	double most = fmax(delta, fmax(fabs(b->lo), fabs(b->hi))), cap = 4 * (isfinite(most) ? most : delta), reach = 1.5 * delta;
	for (size_t i = 0; i < b->n; i++) {
		reach = isfinite(b->rows[i].lo) ? fmax(reach, fmin(cap, fabs(b->rows[i].lo))) : reach;
		reach = isfinite(b->rows[i].hi) ? fmax(reach, fmin(cap, fabs(b->rows[i].hi))) : reach;
	}
	if (isfinite(most))
		reach = fmax(reach, most);
	b->lo = -reach;
	b->hi = reach;
}

bool svg_forest(const json_t *comparison, struct assay_buf *out)
{
	struct build *b = xalloc(sizeof *b);
	size_t i;
	json_t *row;
	double delta = assay_json_get_num(comparison, "min_effect_pct", 1);
	char label[200], axis[100];
	b->lo = INFINITY;
	b->hi = -INFINITY;
	json_array_foreach(json_object_get(comparison, "metrics"), i, row)
		if (!strcmp(assay_json_get_str(row, "role", ""), "family"))
			add_effect(b, row);
	fit_scale(b, delta);
	snprintf(axis, sizeof axis, "B against A (%%); shaded: \xc2\xb1%.3g %%, too small to count", delta);
	snprintf(label, sizeof label, "Effects of B against A with intervals for %zu metrics; overall %.40s", b->n, assay_json_get_str(comparison, "verdict", "?"));
	bool drawn = svg_rows(&(struct svg_rows){ b->rows, b->n, b->lo, b->hi, false, delta, axis, label }, out);
	free(b);
	return drawn;
}
