/* Primitives; see svg.h. Must not know what is drawn. */
#include "draw/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "draw/text.h"

void svg_begin(struct svg *s, struct assay_buf *out, double width, double height, const char *label)
{
	s->out = out;
	assay_buf_printf(out, "<svg role=\"img\" viewBox=\"0 0 %.0f %.0f\" aria-label=\"", width, height);
	draw_text_html(out, label);
	assay_buf_puts(out, "\">\n");
}

void svg_end(struct svg *s) { assay_buf_puts(s->out, "</svg>\n"); }

void svg_line(struct svg *s, const char *css, double x1, double y1, double x2, double y2)
{
	if (isfinite(x1) && isfinite(y1) && isfinite(x2) && isfinite(y2))
		assay_buf_printf(s->out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", css, x1, y1, x2, y2);
}

/* Ends an element that may have a title. */
static void close_titled(struct svg *s, const char *element, const char *title)
{
	if (!title) {
		assay_buf_puts(s->out, "/>\n");
		return;
	}
	assay_buf_puts(s->out, "><title>");
	draw_text_html(s->out, title);
	assay_buf_printf(s->out, "</title></%s>\n", element);
}

void svg_box(struct svg *s, const char *css, double x, double y, double w, double h, const char *title)
{
	if (!isfinite(x) || !isfinite(y) || !(w >= 0) || !(h >= 0) || isinf(w) || isinf(h))
		return;
	assay_buf_printf(s->out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", css, x, y, w, h);
	close_titled(s, "rect", title);
}

void svg_path(struct svg *s, const char *css, const double *x, const double *y, size_t n)
{
	bool joined = false;
	assay_buf_printf(s->out, "<path class=\"%s\" d=\"", css);
	for (size_t i = 0; i < n; i++) {
		bool here = isfinite(x[i]) && isfinite(y[i]);
		if (here)
			assay_buf_printf(s->out, "%c%.1f %.1f", joined ? 'L' : 'M', x[i], y[i]);
		joined = here;
	}
	assay_buf_puts(s->out, "\"/>\n");
}

void svg_mark(struct svg *s, const char *css, enum svg_shape shape, double x, double y, const char *title)
{
	static const char *const paths[] = { "", "m0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z", "m0 -4v8", "m0 0l6 -4v8z", "m0 0l-6 -4v8z" };
	if (!isfinite(x) || !isfinite(y))
		return;
	if (shape == SVG_CIRCLE)
		assay_buf_printf(s->out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"", css, x, y);
	else
		assay_buf_printf(s->out, "<path class=\"%s\" d=\"M%.1f %.1f%s\"", css, x, y, paths[shape]);
	close_titled(s, shape == SVG_CIRCLE ? "circle" : "path", title);
}

/* ---- text ---- */

/* Widths in DejaVu Sans, the widest of the fonts that a browser is likely to take, in units of its size. */
static double advance(utf8proc_int32_t c)
{
	if (c >= 128)
		return utf8proc_charwidth(c) > 1 ? 1.05 : 0.85;
	if (strchr("ijl|'", c))
		return 0.34;
	if (strchr(" ,.:;!()[]ftIr/\\-\"", c))
		return 0.43;
	if (strchr("mwMW%@", c))
		return 1.0;
	if (strchr("+<>=~#&O", c) || (c >= 'A' && c <= 'Z'))
		return 0.8;
	return 0.64;
}

/* Bytes of s that fit into room. */
static size_t fitting(const char *s, double room, double *width)
{
	size_t at = 0, left = strlen(s);
	*width = 0;
	while (left) {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s + at, (utf8proc_ssize_t)left, &c);
		double w = 12 * advance(n > 0 ? c : '?');
		size_t step = n > 0 ? (size_t)n : 1;
		if (*width + w > room)
			break;
		*width += w;
		at += step;
		left -= step;
	}
	return at;
}

double svg_text_width(const char *text)
{
	double width;
	fitting(text, INFINITY, &width);
	return width;
}

void svg_text(struct svg *s, const char *css, enum svg_anchor anchor, double x, double y, double room, const char *text)
{
	static const char *const anchors[] = { "start", "middle", "end" };
	double width;
	size_t n = fitting(text, room, &width), len = strlen(text);
	if (!isfinite(x) || !isfinite(y) || !len)
		return;
	if (n < len)
		n = fitting(text, room - 12, &width); /* room for the ellipsis */
	assay_buf_printf(s->out, "<text class=\"%s\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">", css, anchors[anchor], x, y);
	if (n < len) {
		assay_buf_puts(s->out, "<title>");
		draw_text_html(s->out, text);
		assay_buf_puts(s->out, "</title>");
	}
	char *part = strndup(text, n);
	draw_text_html(s->out, part ? part : "");
	free(part);
	assay_buf_puts(s->out, n < len ? "\xe2\x80\xa6</text>\n" : "</text>\n");
}
