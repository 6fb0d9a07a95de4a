/* Scales with round numbers, and a plane with two axes; see svg.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "draw/svg.h"

enum { tick_height = 15, title_height = 16 };

/* 1, 2 or 5 times a power of ten: the step that cuts the range into about `want`. */
static double step_of(double range, size_t want)
{
	double raw = range / (double)(want ? want : 1), power = pow(10, floor(log10(raw))), by = raw / power;
	return power * (by < 1.5 ? 1 : by < 3.5 ? 2 : by < 7.5 ? 5 : 10);
}

/* 1, 2 or 5 times a power of ten: the last that is <= x, or (up) the first that is >= x > 0. */
static double round_to(double x, bool up)
{
	static const double by[] = { 1, 2, 5, 10 };
	double power = pow(10, floor(log10(x) + 1e-9)), found = power;
	for (size_t i = 0; i < 4; i++) {
		if (up && by[i] * power >= x * (1 - 1e-9))
			return by[i] * power;
		if (by[i] * power <= x * (1 + 1e-9))
			found = by[i] * power;
	}
	return found;
}

void svg_scale_fit(struct svg_scale *c, double lo, double hi, bool log, double from, double to)
{
	*c = (struct svg_scale){ 0, 1, false, from, to };
	if (!isfinite(lo) || !isfinite(hi) || hi < lo || fabs(lo) > 1e200 || fabs(hi) > 1e200 || (log && (lo <= 1e-200 || hi / lo > 1e30)))
		return;
	c->log = log;
	if (log) {
		c->lo = round_to(lo, false);
		c->hi = fmax(round_to(hi, true), 2 * c->lo);
		return;
	}
	if (hi - lo < 1e-9 * fmax(fabs(lo), fabs(hi)) || hi <= lo) {
		double pad = fmax(fabs(lo) * 0.05, 1e-9);
		lo -= pad;
		hi += pad;
	}
	double step = step_of(hi - lo, 5);
	c->lo = floor(lo / step + 1e-9) * step;
	c->hi = ceil(hi / step - 1e-9) * step;
}

double svg_at(const struct svg_scale *c, double x)
{
	if (isnan(x))
		return NAN;
	double part = c->log ? x > 0 ? log(x / c->lo) / log(c->hi / c->lo) : 0 : (x - c->lo) / (c->hi - c->lo);
	return c->from + fmin(1, fmax(0, part)) * (c->to - c->from);
}

static size_t log_ticks(const struct svg_scale *c, size_t want, double out[SVG_TICKS])
{
	static const double by[] = { 1, 2, 5 };
	double decades = log10(c->hi / c->lo);
	int skip = decades > (double)want ? (int)ceil(decades / (double)want) : 1;
	bool fine = decades * 3 <= (double)want + 1;
	size_t n = 0;
	for (int e = (int)floor(log10(c->lo) + 1e-9); n < SVG_TICKS && pow(10, e) <= c->hi * 1.001; e += skip)
		for (int k = 0; k < (fine ? 3 : 1) && n < SVG_TICKS; k++) {
			double x = by[k] * pow(10, e);
			if (x >= c->lo * 0.999 && x <= c->hi * 1.001)
				out[n++] = x;
		}
	return n;
}

size_t svg_ticks(const struct svg_scale *c, size_t want, double out[SVG_TICKS])
{
	if (c->log)
		return log_ticks(c, want, out);
	double step = step_of(c->hi - c->lo, want);
	size_t n = 0;
	for (double k = ceil(c->lo / step - 1e-9); n < SVG_TICKS && k * step <= c->hi + 1e-9 * step; k++)
		out[n++] = k == 0 ? 0 : k * step; /* never -0 */
	return n;
}

void svg_number(char out[24], double x)
{
	static const struct { double from; const char *suffix; } big[] = { { 1e12, "T" }, { 1e9, "G" }, { 1e6, "M" }, { 1e4, "k" } };
	for (size_t i = 0; i < sizeof big / sizeof *big && fabs(x) < 1e15; i++)
		if (fabs(x) >= big[i].from * 0.9999) {
			snprintf(out, 24, "%.4g%s", x / (big[i].from == 1e4 ? 1e3 : big[i].from), big[i].suffix);
			return;
		}
	if (fabs(x) >= 999.5 && fabs(x) < 1e5)
		snprintf(out, 24, "%s%d,%03d", x < 0 ? "-" : "", (int)(fabs(x) + 0.5) / 1000, (int)(fabs(x) + 0.5) % 1000);
	else
		snprintf(out, 24, "%.4g", x);
}

static void y_axis(struct svg *s, struct svg_plot *p, const char *title)
{
	double t[SVG_TICKS], widest = 0;
	char text[24];
	size_t n = svg_ticks(&p->y, 5, t);
	for (size_t i = 0; i < n; i++) {
		svg_number(text, t[i]);
		widest = fmax(widest, svg_text_width(text));
	}
	p->left += widest + 6;
	svg_text(s, "mute", SVG_START, 2, p->top - 8, p->right - 2, title);
	for (size_t i = 0; i < n; i++) {
		double y = svg_at(&p->y, t[i]);
		svg_number(text, t[i]);
		svg_line(s, "grid", p->left, y, p->right, y);
		svg_text(s, "mute", SVG_END, p->left - 5, y + 4, widest + 12, text);
	}
}

void svg_ticks_x(struct svg *s, const struct svg_scale *x, double top, double bottom, const char *title)
{
	double t[SVG_TICKS], free_from = 0;
	char text[24];
	size_t n = svg_ticks(x, 6, t);
	for (size_t i = 0; i < n; i++) {
		svg_number(text, t[i]);
		double width = svg_text_width(text), at = svg_at(x, t[i]), from = fmin(fmax(at - width / 2, 1), SVG_WIDTH - width - 1);
		svg_line(s, t[i] == 0 ? "axis" : "grid", at, top, at, bottom);
		if (from < free_from)
			continue;
		svg_text(s, "mute", SVG_MIDDLE, from + width / 2, bottom + tick_height, width + 12, text);
		free_from = from + width + 4;
	}
	svg_line(s, "axis", x->from, bottom, x->to, bottom);
	svg_text(s, "mute", SVG_MIDDLE, (x->from + x->to) / 2, bottom + tick_height + title_height, SVG_WIDTH - 4, title);
}

void svg_plot_begin(struct svg *s, struct svg_plot *p, struct svg_range x, struct svg_range y)
{
	svg_scale_fit(&p->y, y.lo, y.hi, y.log, p->bottom, p->top);
	y_axis(s, p, y.title);
	svg_scale_fit(&p->x, x.lo, x.hi, x.log, p->left, p->right);
	svg_ticks_x(s, &p->x, p->top, p->bottom, x.title);
	svg_line(s, "axis", p->left, p->top, p->left, p->bottom);
}
