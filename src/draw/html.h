/* A page of HTML that opens offline: one file with its style, its script, Chart.js and its data, and nothing from outside. The
 * report, comparisons, sweeps and histories are drawn with it. Every function that takes text escapes it, so names, prompts and
 * answers of servers cannot become markup; only html_markup takes markup, and only literals of this source may be given to it.
 * The policy of the page (CSP) admits no style attribute and no inline handler: use classes (assets/report.css lists them).
 * Knows nothing of results. Same calls, same bytes. */
#ifndef ASSAY_DRAW_HTML_H
#define ASSAY_DRAW_HTML_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "draw/table.h"

struct html_page {
	struct assay_buf body;     /* markup so far */
	json_t *sections;          /* [{id, title}]: the list of contents */
	json_t *figures;           /* id -> what report.js draws */
	char *title, *heading;     /* heading: the last one, which a table under it need not repeat */
};

void html_page_init(struct html_page *p, const char *title);
void html_page_release(struct html_page *p);
/* The whole file; nothing may be added to the page afterwards. */
int html_page_print(const struct html_page *p, struct assay_buf *out, struct assay_err *e);
int html_page_write(const struct html_page *p, const char *path, struct assay_err *e);

/* ---- text ---- */
/* Any text as a JSON string, cleaned. New reference. */
json_t *html_text_json(const char *text);
void html_markup(struct html_page *p, const char *literal);
/* A text of more than 8 KiB is cut, and says so. */
void html_text(struct html_page *p, const char *text);
void html_textf(struct html_page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* id: a literal of [a-z0-9-], unique in the page; the title stands in the list of contents. */
void html_section_begin(struct html_page *p, const char *id, const char *title);
void html_section_end(struct html_page *p);
void html_subhead(struct html_page *p, const char *text);
/* A paragraph; css: a class, or NULL. Classes: "lead" large, "note" small, "warn" framed. */
void html_para(struct html_page *p, const char *css, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void html_list_begin(struct html_page *p);
void html_item(struct html_page *p, const char *text);
void html_list_end(struct html_page *p);
/* A part that is folded until it is asked for (open in print). */
void html_details_begin(struct html_page *p, const char *summary);
void html_details_end(struct html_page *p);
/* <a href="#target">text</a>; target: an id of this page, [a-z0-9-]. */
void html_link(struct html_page *p, const char *target, const char *text);

/* ---- cards: the few numbers on top ---- */
void html_cards_begin(struct html_page *p);
/* state: "good", "warn", "bad" or "" colours it; note may be empty. */
void html_card(struct html_page *p, const char *label, const char *value, const char *unit, const char *note, const char *state);
void html_cards_end(struct html_page *p);

/* ---- tables: sortable and copyable; each draws and releases t, and draws nothing when t has no row ---- */
void html_table(struct html_page *p, const char *caption, struct draw_table *t);
/* Rows get the id PREFIX + text of their first cell (made of [a-z0-9-]), to be linked to. */
void html_table_linked(struct html_page *p, const char *caption, struct draw_table *t, const char *prefix);

/* ---- figures: <figure data-figure=ID> with one canvas or svg, a caption and the numbers as a table ---- */
enum html_style {
	HTML_LINE,    /* points joined by a line */
	HTML_POINTS,
	HTML_DASHED,  /* a reference: ideal, fit, bound; no points */
	HTML_STEP,    /* a step function: y holds from x to the next x backwards (ECDF) */
	HTML_BAR,     /* over categories; all series of the chart are then bars, stacked on each other */
};
struct html_axis { const char *title; bool log, from_zero; };

struct html_chart {
	size_t least;             /* fewer points with a finite y are no figure; 1 by default */
	const char *id, *title;   /* id: a literal of [a-z0-9-], also without "fig-" that the page puts before it */
	json_t *spec;
};
/* Titles of axes carry the unit: "TTFT (ms)". Titles are copied. */
void html_chart_init(struct html_chart *c, const char *id, const char *title, struct html_axis x, struct html_axis y);
/* The following points belong to this series. */
void html_chart_series(struct html_chart *c, const char *name, enum html_style style);
/* Left out when x is not finite, or <= 0 on a logarithmic axis; a y that is not finite makes a gap. Six digits are kept. */
void html_chart_point(struct html_chart *c, double x, double y);
/* With a whisker from lo to hi. */
void html_chart_interval(struct html_chart *c, double x, double y, double lo, double hi);
/* What the last point is ("batch 4, 128 -> 100"): in its tooltip and in the table. */
void html_chart_label(struct html_chart *c, const char *text);
/* A bar of the last series at that category (made when new). */
void html_chart_bar(struct html_chart *c, const char *category, double y);
/* A labelled line across the plot at x or y; a labelled band between two x. Nothing when not finite. */
void html_chart_mark_x(struct html_chart *c, double x, const char *label);
void html_chart_mark_y(struct html_chart *c, double y, const char *label);
void html_chart_band_x(struct html_chart *c, double from, double to, const char *label);
/* Points with a finite y in all series but dashed ones: a chart with none is not to be drawn. */
size_t html_chart_points(const struct html_chart *c);
/* Draws and releases c. caption: what it shows and how to read it. table: the numbers behind it (released), or NULL: made from
 * the series. A chart without a point becomes html_no_figure with the caption's place taken by `why` and `how`. */
void html_chart_draw(struct html_page *p, struct html_chart *c, const char *caption, struct draw_table *table, const char *why, const char *how);

/* A figure whose drawing is one complete <svg role="img" aria-label="..."> made by draw/svg.h (classes only; text escaped by
 * draw_text_html). Releases table. */
void html_figure_svg(struct html_page *p, const char *id, const char *title, const char *caption, const struct assay_buf *svg, struct draw_table *table);
/* One line in place of a figure that cannot be drawn: why, and how to get it. */
void html_no_figure(struct html_page *p, const char *title, const char *why, const char *how);

#endif
