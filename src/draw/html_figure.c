/* Tables and figures of a page; see html.h. A chart is a small description in JSON that report.js turns into a configuration of
 * Chart.js; the table of its numbers is made here, so that nothing needs the script to be read. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/html.h"

/* ---- tables ---- */
static void put_heads(struct html_page *p, const struct draw_table *t)
{
	html_markup(p, "<thead><tr>");
	for (int c = 0; c < t->n_cols; c++) {
		html_markup(p, t->col[c].right ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
		html_text(p, t->col[c].head);
		html_markup(p, "</th>");
	}
	html_markup(p, "</tr></thead>\n<tbody>\n");
}

static bool is_id(const char *s)
{
	if (!*s || strlen(s) > 40)
		return false;
	for (; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '-')
			return false;
	return true;
}

static void put_row(struct html_page *p, const struct draw_table *t, char *const *cells, const char *prefix)
{
	if (prefix && is_id(cells[0]))
		assay_buf_printf(&p->body, "<tr id=\"%s%s\">", prefix, cells[0]);
	else
		html_markup(p, "<tr>");
	for (int c = 0; c < t->n_cols; c++) {
		html_markup(p, t->col[c].right ? "<td class=\"n\">" : "<td>");
		html_text(p, cells[c]);
		html_markup(p, "</td>");
	}
	html_markup(p, "</tr>\n");
}

void html_table_linked(struct html_page *p, const char *caption, struct draw_table *t, const char *prefix)
{
	if (draw_table_rows(t)) {
		html_markup(p, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
		html_text(p, caption);
		html_markup(p, strcmp(caption, p->heading) ? "\"><table><caption>" : "\"><table><caption class=\"skip\">");
		html_text(p, caption);
		html_markup(p, "</caption>\n");
		put_heads(p, t);
		for (size_t r = 0; r < draw_table_rows(t); r++)
			put_row(p, t, t->cells + r * (size_t)t->n_cols, prefix);
		html_markup(p, "</tbody></table></div>\n");
	}
	draw_table_release(t);
}

void html_table(struct html_page *p, const char *caption, struct draw_table *t) { html_table_linked(p, caption, t, NULL); }

/* ---- a chart's description ---- */
static json_t *number_json(double x)
{
	char text[32];
	if (!isfinite(x))
		return json_null();
	snprintf(text, sizeof text, "%.6g", x);
	return json_real(strtod(text, NULL));
}

static json_t *axis_json(struct html_axis a)
{
	return json_pack("{s:o, s:b, s:b}", "title", html_text_json(a.title), "log", a.log, "zero", a.from_zero);
}

void html_chart_init(struct html_chart *c, const char *id, const char *title, struct html_axis x, struct html_axis y)
{
	c->least = 1;
	c->id = id;
	c->title = title;
	c->spec = json_pack("{s:o, s:o, s:o, s:[], s:[]}", "title", html_text_json(title), "x", axis_json(x), "y", axis_json(y), "series", "marks");
}

void html_chart_series(struct html_chart *c, const char *name, enum html_style style)
{
	static const char *const names[] = { "line", "points", "dashed", "step", "bar" };
	json_array_append_new(json_object_get(c->spec, "series"), json_pack("{s:o, s:s, s:[]}", "name", html_text_json(name), "style", names[style], "points"));
}

static json_t *last(json_t *a)
{
	return json_array_get(a, json_array_size(a) - 1);
}

static json_t *last_series(const struct html_chart *c) { return last(json_object_get(c->spec, "series")); }

static bool fits(const struct html_chart *c, const char *axis, double v)
{
	return isfinite(v) && (v > 0 || !json_is_true(json_object_get(json_object_get(c->spec, axis), "log")));
}

void html_chart_point(struct html_chart *c, double x, double y)
{
	if (fits(c, "x", x))
		json_array_append_new(json_object_get(last_series(c), "points"), json_pack("[o, o]", number_json(x), number_json(fits(c, "y", y) ? y : NAN)));
}

void html_chart_interval(struct html_chart *c, double x, double y, double lo, double hi)
{
	html_chart_point(c, x, y);
	if (!fits(c, "x", x) || !fits(c, "y", lo) || !fits(c, "y", hi))
		return;
	json_t *point = last(json_object_get(last_series(c), "points"));
	json_array_append_new(point, number_json(lo));
	json_array_append_new(point, number_json(hi));
}

void html_chart_label(struct html_chart *c, const char *text)
{
	json_t *s = last_series(c), *labels = json_object_get(s, "labels");
	size_t n = json_array_size(json_object_get(s, "points"));
	if (!labels)
		json_object_set_new(s, "labels", labels = json_array());
	while (json_array_size(labels) < n)
		json_array_append_new(labels, json_string(""));
	if (n)
		json_array_set_new(labels, n - 1, html_text_json(text));
}

void html_chart_bar(struct html_chart *c, const char *category, double y)
{
	json_t *all = json_object_get(c->spec, "categories"), *name = html_text_json(category), *item;
	size_t i;
	if (!all)
		json_object_set_new(c->spec, "categories", all = json_array());
	json_array_foreach(all, i, item)
		if (json_equal(item, name))
			break;
	if (i == json_array_size(all))
		json_array_append(all, name);
	json_decref(name);
	html_chart_point(c, (double)i, y);
}

static void mark(struct html_chart *c, const char *axis, double from, double to, const char *label)
{
	if (fits(c, axis, from))
		json_array_append_new(json_object_get(c->spec, "marks"), json_pack("{s:s, s:o, s:o, s:o}", "axis", axis, "from", number_json(from), "to", number_json(to), "label", html_text_json(label)));
}

void html_chart_mark_x(struct html_chart *c, double x, const char *label) { mark(c, "x", x, NAN, label); }
void html_chart_mark_y(struct html_chart *c, double y, const char *label) { mark(c, "y", y, NAN, label); }

void html_chart_band_x(struct html_chart *c, double from, double to, const char *label)
{
	if (fits(c, "x", to))
		mark(c, "x", from, to, label);
}

size_t html_chart_points(const struct html_chart *c)
{
	size_t i, k, n = 0;
	json_t *s, *point;
	json_array_foreach(json_object_get(c->spec, "series"), i, s) {
		if (!strcmp(assay_json_get_str(s, "style", ""), "dashed"))
			continue;
		json_array_foreach(json_object_get(s, "points"), k, point)
			n += json_is_number(json_array_get(point, 1));
	}
	return n;
}

/* ---- the table behind a chart: a row an x, a column a series ---- */
struct row { double x; size_t seen; const json_t *of[DRAW_COLUMNS]; const char *label; };
struct rows { struct row *row; size_t n; };

static struct row *row_of(struct rows *r, double x, size_t column)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->row[i].x == x && !r->row[i].of[column])
			return &r->row[i];
	if ((r->n & (r->n + 1)) == 0)
		r->row = xrealloc(r->row, (2 * r->n + 1) * sizeof *r->row);
	r->row[r->n] = (struct row){ .x = x, .seen = r->n };
	return &r->row[r->n++];
}

static int by_x(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	if (x->x != y->x)
		return x->x < y->x ? -1 : 1;
	return x->seen < y->seen ? -1 : 1;
}

static bool collect(const json_t *series, size_t columns, struct rows *r)
{
	bool labelled = false;
	for (size_t k = 0; k < columns; k++) {
		const json_t *s = json_array_get(series, k), *labels = json_object_get(s, "labels");
		size_t i;
		json_t *point;
		json_array_foreach(json_object_get(s, "points"), i, point) {
			struct row *row = row_of(r, json_number_value(json_array_get(point, 0)), k);
			const char *label = json_string_value(json_array_get(labels, i));
			row->of[k] = point;
			row->label = label && *label ? label : row->label;
			labelled = labelled || row->label;
		}
	}
	if (r->n)
		qsort(r->row, r->n, sizeof *r->row, by_x);
	return labelled;
}

static void value_cell(struct draw_table *t, const json_t *point)
{
	const json_t *y = json_array_get(point, 1);
	if (!json_is_number(y))
		draw_table_cell(t, "-");
	else if (json_array_size(point) == 4)
		draw_table_cell(t, "%.6g (%.6g to %.6g)", json_number_value(y), json_number_value(json_array_get(point, 2)), json_number_value(json_array_get(point, 3)));
	else
		draw_table_cell(t, "%.6g", json_number_value(y));
}

static void fill_from_series(const struct html_chart *c, struct draw_table *t)
{
	const json_t *series = json_object_get(c->spec, "series"), *categories = json_object_get(c->spec, "categories");
	size_t columns = json_array_size(series) < DRAW_COLUMNS - 2 ? json_array_size(series) : DRAW_COLUMNS - 2;
	struct rows r = { 0 };
	bool labelled = collect(series, columns, &r);
	if (labelled)
		draw_table_col(t, "Point", false, 0);
	draw_table_col(t, assay_json_get_str(json_object_get(c->spec, "x"), "title", "x"), !categories, 0);
	for (size_t k = 0; k < columns; k++)
		draw_table_col(t, assay_json_get_str(json_array_get(series, k), "name", "?"), true, 0);
	for (size_t i = 0; i < r.n; i++) {
		if (labelled)
			draw_table_cell(t, "%s", r.row[i].label ? r.row[i].label : "-");
		if (categories)
			draw_table_cell(t, "%s", json_string_value(json_array_get(categories, (size_t)r.row[i].x)));
		else
			draw_table_cell(t, "%.6g", r.row[i].x);
		for (size_t k = 0; k < columns; k++)
			value_cell(t, r.row[i].of[k]);
	}
	free(r.row);
}

/* ---- figures ---- */
static void figure_begin(struct html_page *p, const char *id, const char *title)
{
	assay_buf_printf(&p->body, "<figure data-figure=\"%s\" id=\"fig-%s\" aria-labelledby=\"fig-%s-title\">\n<h3 id=\"fig-%s-title\">", id, id, id, id);
	html_text(p, title);
	html_markup(p, "</h3>\n<div class=\"plot\">");
}

static void figure_end(struct html_page *p, const char *title, const char *caption, struct draw_table *table)
{
	free(p->heading);
	p->heading = xstrdup(title);
	html_markup(p, "</div>\n<figcaption>");
	html_text(p, caption);
	html_markup(p, "</figcaption>\n<details class=\"numbers\"><summary>The numbers</summary>\n");
	html_table(p, title, table);
	html_markup(p, "</details>\n</figure>\n");
}

void html_chart_draw(struct html_page *p, struct html_chart *c, const char *caption, struct draw_table *table, const char *why, const char *how)
{
	struct draw_table made;
	if (html_chart_points(c) < c->least) {
		html_no_figure(p, c->title, why, how);
		if (table)
			draw_table_release(table);
		json_decref(c->spec);
		return;
	}
	if (!table) {
		table = &made;
		draw_table_init(table);
		fill_from_series(c, table);
	}
	figure_begin(p, c->id, c->title);
	html_markup(p, "<canvas role=\"img\" tabindex=\"0\" aria-label=\"");
	html_textf(p, "%s. %s Arrow keys read the points.", c->title, caption);
	html_markup(p, "\"></canvas>");
	figure_end(p, c->title, caption, table);
	json_object_set_new(p->figures, c->id, c->spec);
}

void html_figure_svg(struct html_page *p, const char *id, const char *title, const char *caption, const struct assay_buf *svg, struct draw_table *table)
{
	figure_begin(p, id, title);
	assay_buf_append(&p->body, svg->data, svg->len_bytes);
	figure_end(p, title, caption, table);
}

void html_no_figure(struct html_page *p, const char *title, const char *why, const char *how)
{
	html_markup(p, "<p class=\"absent\"><b>");
	html_text(p, title);
	html_markup(p, ":</b> ");
	html_textf(p, "%s. %s", why, how);
	html_markup(p, "</p>\n");
}
