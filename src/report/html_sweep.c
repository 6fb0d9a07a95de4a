/* A sweep as one page that opens offline: the best, the table, every two objectives against each other with the front. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/html.h"
#include "report/face_sweep.h"

static const json_t *configs(const json_t *sweep) { return json_object_get(sweep, "configurations"); }

static double objective(const json_t *row, const char *key) { return assay_json_get_num(json_object_get(row, "objectives"), key, NAN); }

static void points(const json_t *sweep, struct html_chart *c, bool on_front, const char *x, const char *y)
{
	for (size_t i = 0; i < json_array_size(configs(sweep)); i++) {
		const json_t *row = json_array_get(configs(sweep), i);
		char label[240];
		double a = objective(row, x), b = objective(row, y);
		if (assay_json_get_bool(row, "front", 0) != on_front || isnan(a) || isnan(b))
			continue;
		snprintf(label, sizeof label, "%d: %.200s", (int)assay_json_get_int(row, "n", 0), assay_json_get_str(row, "name", "?"));
		html_chart_point(c, a, b);
		html_chart_label(c, label);
	}
}

static void axis_title(const json_t *o, char *out, size_t size)
{
	snprintf(out, size, "%s (%s)", assay_json_get_str(o, "key", "?"), assay_json_get_str(o, "unit", ""));
}

static const char *towards(const json_t *o, const char *more, const char *less)
{
	return strcmp(assay_json_get_str(o, "better", ""), "higher") ? less : more;
}

/* The first objective, most wanted, against each of the others. */
static void scatter(struct html_page *p, const json_t *sweep, size_t k)
{
	static const char *const ids[] = { "pareto-1", "pareto-2", "pareto-3", "pareto-4", "pareto-5", "pareto-6", "pareto-7" };
	const json_t *list = json_object_get(sweep, "objectives"), *ox = json_array_get(list, k + 1), *oy = json_array_get(list, 0);
	const char *x = assay_json_get_str(ox, "key", ""), *y = assay_json_get_str(oy, "key", "");
	struct html_chart c;
	char tx[200], ty[200], title[320], caption[240];
	axis_title(ox, tx, sizeof tx);
	axis_title(oy, ty, sizeof ty);
	snprintf(title, sizeof title, "%s against %s", y, x);
	html_chart_init(&c, ids[k], title, (struct html_axis){ tx, false, false }, (struct html_axis){ ty, false, false });
	html_chart_series(&c, "on the front", HTML_POINTS);
	points(sweep, &c, true, x, y);
	html_chart_series(&c, "not on it", HTML_POINTS);
	points(sweep, &c, false, x, y);
	snprintf(caption, sizeof caption, "Each point is a configuration; %s and %s are better. The front is over all objectives, so a point of it may look beaten in two of them.", towards(oy, "up", "down"), towards(ox, "right", "left"));
	html_chart_draw(p, &c, caption, NULL, "no configuration has both values", "assay explain KEY says what a metric needs");
}

static void text_item(struct html_page *p, struct assay_buf *b)
{
	html_item(p, b->data ? b->data : "");
	assay_buf_release(b);
	assay_buf_init(b, 1 << 20);
}

static void best(struct html_page *p, const json_t *sweep)
{
	struct assay_buf b;
	assay_buf_init(&b, 1 << 20);
	html_section_begin(p, "best", "Best");
	html_list_begin(p);
	for (size_t i = 0; i < json_array_size(json_object_get(sweep, "best")); i++) {
		sweep_best_text(sweep, i, &b);
		text_item(p, &b);
	}
	html_list_end(p);
	sweep_front_text(sweep, &b);
	html_para(p, NULL, "%s", b.data ? b.data : "");
	assay_buf_release(&b);
	html_section_end(p);
}

static void troubles(struct html_page *p, const json_t *sweep)
{
	struct assay_buf b;
	bool any = false;
	assay_buf_init(&b, 1 << 20);
	for (size_t i = 0; i < json_array_size(configs(sweep)); i++) {
		if (!sweep_trouble_text(json_array_get(configs(sweep), i), &b))
			continue;
		if (!any) {
			html_section_begin(p, "excluded", "Cannot be named");
			html_list_begin(p);
		}
		any = true;
		text_item(p, &b);
	}
	if (any) {
		html_list_end(p);
		html_section_end(p);
	}
	assay_buf_release(&b);
}

int sweep_html_write(const json_t *sweep, const char *dir, struct assay_err *e)
{
	struct html_page p;
	struct draw_table t;
	struct assay_buf b;
	char *path = xasprintf("%s/report.html", dir);
	size_t n = json_array_size(json_object_get(sweep, "objectives"));
	assay_buf_init(&b, 1 << 20);
	html_page_init(&p, "assay: sweep");
	sweep_about_text(sweep, &b);
	html_para(&p, "lead", "%s", b.data ? b.data : "");
	assay_buf_release(&b);
	best(&p, sweep);
	html_section_begin(&p, "front", "Pareto front");
	for (size_t k = 0; k + 1 < n && k < 7; k++)
		scatter(&p, sweep, k);
	if (n < 2)
		html_no_figure(&p, "Pareto front", "one objective has no front", "give --objective twice");
	html_section_end(&p);
	html_section_begin(&p, "configurations", "Configurations");
	sweep_table(sweep, &t);
	html_table(&p, "Every configuration; s: measured with a load that others share", &t);
	html_section_end(&p);
	troubles(&p, sweep);
	html_section_begin(&p, "how", "How it was measured");
	assay_buf_init(&b, 1 << 20);
	sweep_how_text(sweep, &b);
	html_para(&p, "note", "%s", b.data ? b.data : "");
	assay_buf_release(&b);
	html_section_end(&p);
	int rc = html_page_write(&p, path, e);
	html_page_release(&p);
	free(path);
	return rc;
}
