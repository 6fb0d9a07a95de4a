/* Drawings in SVG for pages: primitives, scales and axes. Knows nothing of results. Each drawing is one
 * <svg role="img" aria-label="...">. Sizes are units of the viewBox; at SVG_WIDTH units a 12-unit text is about 10 px on a phone of
 * 390 px and at most 18 px on a desktop. The page's policy admits no style attribute: looks come from classes (assets/report.css).
 * All text is cleaned and escaped; a coordinate that is not finite draws nothing. Same input, same bytes. */
#ifndef ASSAY_DRAW_SVG_H
#define ASSAY_DRAW_SVG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

#define SVG_WIDTH 420.0

/* ---- primitives; css: one or more classes ---- */
struct svg { struct assay_buf *out; };
/* label: what a screen reader says of the drawing. */
void svg_begin(struct svg *s, struct assay_buf *out, double width, double height, const char *label);
void svg_end(struct svg *s);
void svg_line(struct svg *s, const char *css, double x1, double y1, double x2, double y2);
/* title: shown when pointed at; NULL = none. */
void svg_box(struct svg *s, const char *css, double x, double y, double w, double h, const char *title);
/* Joined points; those that are not finite break the line. */
void svg_path(struct svg *s, const char *css, const double *x, const double *y, size_t n);
enum svg_shape { SVG_CIRCLE, SVG_DIAMOND, SVG_TICK, SVG_LEFT, SVG_RIGHT };
void svg_mark(struct svg *s, const char *css, enum svg_shape shape, double x, double y, const char *title);

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };
/* Units that a text of 12 takes at most, in the widest of the usual fonts. */
double svg_text_width(const char *text);
/* A text whose baseline is at y; cut with an ellipsis where it would take more than `room` units, the whole then being its title. */
void svg_text(struct svg *s, const char *css, enum svg_anchor anchor, double x, double y, double room, const char *text);

/* ---- scales and axes ---- */
enum { SVG_TICKS = 12 };
struct svg_scale { double lo, hi; bool log; double from, to; }; /* values lo to hi lie at units from to to */
/* Widens lo and hi to round numbers. log with lo <= 0, or numbers that are not finite: becomes 0 to 1. */
void svg_scale_fit(struct svg_scale *c, double lo, double hi, bool log, double from, double to);
/* Where x lies, at most at the ends; NaN for NaN. */
double svg_at(const struct svg_scale *c, double x);
/* Round numbers inside, about `want`; the count. */
size_t svg_ticks(const struct svg_scale *c, size_t want, double out[SVG_TICKS]);
/* "0.05", "12", "1,500", "20k", "3M". */
void svg_number(char out[24], double x);

/* Grid lines from top to bottom, their labels (left out where they would touch) and the title below. */
void svg_ticks_x(struct svg *s, const struct svg_scale *x, double top, double bottom, const char *title);

/* A plane with two axes in the box given; scales are fitted, and the left edge moves right to make room for the labels. Titles carry
 * units; that of y stands above it. */
struct svg_plot { struct svg_scale x, y; double left, top, right, bottom; };
struct svg_range { double lo, hi; bool log; const char *title; };
void svg_plot_begin(struct svg *s, struct svg_plot *p, struct svg_range x, struct svg_range y);

#endif
