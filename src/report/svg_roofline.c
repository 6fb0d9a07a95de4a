/* The phases of points under the two roofs that the machine was measured to have (Williams, Waterman and Patterson 2009); see svg.h.
 * Computes nothing but places: numbers come from analysis.roofline[]. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/svg.h"
#include "report/face_data.h"
#include "report/svg_figures.h"

enum { marks_most = 200, taken_most = marks_most + 60 };

struct mark { const json_t *roof, *point; double x, y; bool decode, named; };
struct plane {
	struct mark marks[marks_most];
	size_t n;
	double read, compute;                   /* the highest ceilings beside any of the points */
	const char *type;
	double x_lo, x_hi, y_lo, y_hi;
	struct box { double x1, y1, x2, y2; } taken[taken_most]; /* where no label may go */
	size_t n_taken;
};

static const json_t *point_of(const json_t *result, int64_t index)
{
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (assay_json_get_int(p, "index", -1) == index)
			return p;
	return NULL;
}

static void collect(struct plane *p, const json_t *result)
{
	size_t i;
	json_t *r;
	json_array_foreach(json_object_get(json_object_get(result, "analysis"), "roofline"), i, r) {
		double x = assay_json_get_num(r, "intensity_flop_per_byte", NAN), y = assay_json_get_num(r, "gflop_s", NAN);
		double read = assay_json_get_num(r, "ceiling_read_gb_s", NAN), compute = assay_json_get_num(r, "ceiling_gflop_s", NAN);
		if (!(x > 0) || !(y > 0) || !(read > 0) || !(compute > 0) || p->n == marks_most)
			continue;
		p->marks[p->n++] = (struct mark){ r, point_of(result, assay_json_get_int(r, "point", -1)), x, y, !strcmp(assay_json_get_str(r, "phase", ""), "decode"), false };
		p->type = compute > p->compute ? assay_json_get_str(r, "ceiling_type", "?") : p->type;
		p->read = fmax(p->read, read);
		p->compute = fmax(p->compute, compute);
	}
	double ridge = p->compute / p->read;
	p->x_lo = ridge / 4;
	p->x_hi = ridge * 4;
	p->y_lo = p->compute / 10;
	p->y_hi = p->compute * 1.6;
	for (size_t k = 0; k < p->n; k++) {
		p->x_lo = fmin(p->x_lo, p->marks[k].x / 1.5);
		p->x_hi = fmax(p->x_hi, p->marks[k].x * 1.5);
		p->y_lo = fmin(p->y_lo, p->marks[k].y / 2);
		p->y_hi = fmax(p->y_hi, p->marks[k].y * 1.6);
	}
}

/* Tokens that one step of the phase handles, by which the ends of each phase get a name; -1 where they vary. */
static double size_of(const struct mark *m)
{
	double batch = (double)face_case_int(m->point, "batch_size", -1), prompt = (double)face_case_int(m->point, "prompt_tokens", -1);
	return batch < 1 || prompt < 0 ? -1 : m->decode ? batch : batch * prompt;
}

/* The smallest and the largest of each phase. */
static void choose_names(struct plane *p)
{
	for (int decode = 0; decode < 2; decode++) {
		struct mark *least = NULL, *largest = NULL;
		for (size_t i = 0; i < p->n; i++) {
			struct mark *m = &p->marks[i];
			if (m->decode != (bool)decode || size_of(m) < 0)
				continue;
			least = !least || size_of(m) < size_of(least) ? m : least;
			largest = !largest || size_of(m) > size_of(largest) ? m : largest;
		}
		if (least)
			least->named = largest->named = true;
	}
}

/* ---- labels that touch nothing ---- */

static void take(struct plane *l, double x1, double y1, double x2, double y2)
{
	if (l->n_taken < taken_most)
		l->taken[l->n_taken++] = (struct box){ x1, y1, x2, y2 };
}

static bool is_free(const struct plane *l, double x1, double y1, double x2, double y2)
{
	for (size_t i = 0; i < l->n_taken; i++)
		if (x1 < l->taken[i].x2 && x2 > l->taken[i].x1 && y1 < l->taken[i].y2 && y2 > l->taken[i].y1)
			return false;
	return true;
}

/* Puts a text at (x, base) when it is inside and touches nothing. */
static bool put_text(struct svg *s, const struct svg_plot *p, struct plane *l, enum svg_anchor anchor, double x, double base, const char *text)
{
	double width = svg_text_width(text), x1 = anchor == SVG_START ? x : anchor == SVG_END ? x - width : x - width / 2;
	if (x1 < p->left + 2 || x1 + width > SVG_WIDTH || base - 10 < p->top - 4 || base + 3 > p->bottom || !is_free(l, x1, base - 10, x1 + width, base + 3))
		return false;
	svg_text(s, "halo", SVG_START, x1, base, width + 1, text);
	take(l, x1, base - 10, x1 + width, base + 3);
	return true;
}

/* The roofs as a line, and the places that it takes. */
static void roofs(struct svg *s, const struct svg_plot *p, struct plane *l, double x[3], double y[3])
{
	double ridge = l->compute / l->read, from = fmax(p->x.lo, p->y.lo / l->read); /* where the slope enters the plane */
	const double vx[3] = { from, ridge, p->x.hi }, vy[3] = { from * l->read, l->compute, l->compute };
	for (int i = 0; i < 3; i++) {
		x[i] = svg_at(&p->x, vx[i]);
		y[i] = svg_at(&p->y, vy[i]);
	}
	svg_path(s, "axis thick", x, y, 3);
	for (int i = 0; i < 30; i++) {
		double at_x = x[0] + (x[1] - x[0]) * i / 30, at_y = y[0] + (y[1] - y[0]) * i / 30;
		take(l, at_x - 2, at_y - 3, at_x + 2, at_y + 3);
	}
	take(l, x[1], y[1] - 3, x[2], y[1] + 3);
}

static void name_roofs(struct svg *s, const struct svg_plot *p, struct plane *l, const double x[3], const double y[3])
{
	char text[64], number[24];
	svg_number(number, l->compute);
	snprintf(text, sizeof text, "%s GFLOP/s (%.8s)", number, l->type);
	for (int i = 0; i < 4 && !put_text(s, p, l, SVG_END, p->right - 20 * i, y[1] - 7, text); i++)
		;
	svg_number(number, l->read);
	snprintf(text, sizeof text, "%s GB/s", number);
	for (int i = 1; i < 10; i++) {
		double at_x = x[0] + (x[1] - x[0]) * i / 10, at_y = y[0] + (y[1] - y[0]) * i / 10;
		if (put_text(s, p, l, SVG_END, at_x - 6, at_y - 4, text) || put_text(s, p, l, SVG_START, at_x + 8, at_y + 10, text))
			return;
	}
}

static void name_mark(struct svg *s, const struct svg_plot *p, struct plane *l, const struct mark *m)
{
	static const struct { double dx, dy; enum svg_anchor anchor; } places[] = { { 9, 4, SVG_START }, { -9, 4, SVG_END }, { 9, 16, SVG_START }, { 9, -9, SVG_START }, { -9, 16, SVG_END },
		{ -9, -9, SVG_END }, { 0, 19, SVG_MIDDLE }, { 0, -12, SVG_MIDDLE }, { 9, 28, SVG_START }, { -9, 28, SVG_END }, { 0, 34, SVG_MIDDLE } };
	char text[64];
	double x = svg_at(&p->x, m->x), y = svg_at(&p->y, m->y);
	snprintf(text, sizeof text, m->decode ? "batch %.0f" : "%.0f tokens", size_of(m));
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (put_text(s, p, l, places[i].anchor, x + places[i].dx, y + places[i].dy, text))
			return;
}

static void draw_mark(struct svg *s, const struct svg_plot *p, struct plane *l, const struct mark *m)
{
	char kase[96], title[260];
	face_case(kase, m->point);
	snprintf(title, sizeof title, "%s, %.96s: %.4g FLOP/byte, %.4g GFLOP/s; %.20s", m->decode ? "decode" : "prefill", kase, m->x, m->y, assay_json_get_str(m->roof, "bound", "?"));
	double x = svg_at(&p->x, m->x), y = svg_at(&p->y, m->y);
	svg_mark(s, m->decode ? "s2" : "s1", m->decode ? SVG_CIRCLE : SVG_DIAMOND, x, y, title);
	take(l, x - 6, y - 6, x + 6, y + 6);
}

static void legend(struct svg *s, double y)
{
	svg_mark(s, "s1", SVG_DIAMOND, 288, y - 4, NULL);
	svg_text(s, "", SVG_START, 298, y, 60, "prefill");
	svg_mark(s, "s2", SVG_CIRCLE, 352, y - 4, NULL);
	svg_text(s, "", SVG_START, 362, y, 58, "decode");
}

static void draw(struct plane *l, struct assay_buf *out)
{
	struct svg s;
	struct svg_plot p = { .left = 4, .top = 26, .right = SVG_WIDTH - 8, .bottom = 286 };
	double x[3], y[3];
	char label[200];
	snprintf(label, sizeof label, "Roofline: %zu phases under ceilings of %.3g GB/s and %.3g GFLOP/s", l->n, l->read, l->compute);
	svg_begin(&s, out, SVG_WIDTH, 322, label);
	svg_plot_begin(&s, &p, (struct svg_range){ l->x_lo, l->x_hi, true, "work per byte (FLOP/byte)" }, (struct svg_range){ l->y_lo, l->y_hi, true, "speed (GFLOP/s)" });
	roofs(&s, &p, l, x, y);
	legend(&s, 18);
	for (size_t i = 0; i < l->n; i++)
		draw_mark(&s, &p, l, &l->marks[i]);
	name_roofs(&s, &p, l, x, y);
	for (size_t i = 0; i < l->n; i++)
		if (l->marks[i].named)
			name_mark(&s, &p, l, &l->marks[i]);
	svg_end(&s);
}

bool svg_roofline(const json_t *result, struct assay_buf *out)
{
	struct plane *p = xalloc(sizeof *p);
	collect(p, result);
	bool found = p->n > 0;
	if (found) {
		choose_names(p);
		draw(p, out);
	}
	free(p);
	return found;
}
