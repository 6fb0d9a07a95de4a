/* engines.json as one page that opens offline: what must be read first, the tables, tok/s by batch with an engine a series, and each engine's
 * latencies with their spread over the blocks. See engines_tables.h. Computes nothing but where to draw. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "draw/html.h"
#include "report/engines_tables.h"
#include "report/overlay_parts.h"
#include "report/svg_figures.h"

enum { ROWS_MOST = 12, NAME_BYTES = 120 };

static const json_t *engines(const json_t *doc) { return json_object_get(doc, "engines"); }

static void title_of(char out[NAME_BYTES], const json_t *g)
{
	snprintf(out, NAME_BYTES, "%s: %.90s%s", assay_json_get_str(g, "label", "?"), assay_json_get_str(g, "name", "?"), assay_json_get_int(g, "invalid_blocks", 0) ? " (INVALID)" : "");
}

static double at(const json_t *a, size_t i)
{
	const json_t *v = json_array_get(a, i);
	return json_is_number(v) ? json_number_value(v) : NAN;
}

/* ---- by batch, an engine a series ---- */

static void add_engine(struct html_chart *c, const json_t *g, const char *key)
{
	char name[NAME_BYTES];
	bool begun = false;
	size_t k;
	json_t *row;
	title_of(name, g);
	json_array_foreach(json_object_get(g, "batches"), k, row) {
		const json_t *x = json_object_get(row, key), *ci = json_object_get(x, "ci95");
		double mean = assay_json_get_num(x, "mean", NAN);
		if (isnan(mean))
			continue;
		if (!begun)
			html_chart_series(c, name, HTML_LINE);
		begun = true;
		html_chart_interval(c, (double)assay_json_get_int(row, "batch", 0), mean, at(ci, 0), at(ci, 1));
	}
}

static void by_batch(struct html_page *p, const json_t *doc, const char *key, const char *id, const char *title, const char *axis, const char *what)
{
	struct html_chart c;
	char caption[200];
	size_t i;
	json_t *g;
	html_chart_init(&c, id, title, (struct html_axis){ "Batch size (sequences)", true, false }, (struct html_axis){ axis, true, false });
	json_array_foreach(engines(doc), i, g)
		add_engine(&c, g, key);
	snprintf(caption, sizeof caption, "%s; mean over the blocks; whiskers: 95 %% interval, from three blocks on.", what);
	html_chart_draw(p, &c, caption, NULL, "no engine was timed", "assay compare-engines --resume DIR goes on");
}

/* ---- a latency of the largest batch, a row an engine ---- */

struct rows { struct svg_row row[ROWS_MOST]; char name[ROWS_MOST][NAME_BYTES + 20], text[ROWS_MOST][64]; double *dots[ROWS_MOST]; size_t n; double lo, hi; };

static void widen(struct rows *r, double x)
{
	r->lo = isfinite(x) ? fmin(r->lo, x) : r->lo;
	r->hi = isfinite(x) ? fmax(r->hi, x) : r->hi;
}

static void add_row(struct rows *r, const json_t *g, const json_t *row, size_t engine, const char *key)
{
	static const char *const css[] = { "s1", "s2", "s3", "s4", "s5", "s6" };
	const json_t *x = json_object_get(row, key), *ci = json_object_get(x, "ci95"), *values = json_object_get(x, "values");
	double mean = assay_json_get_num(x, "mean", NAN);
	if (isnan(mean) || r->n == ROWS_MOST)
		return;
	struct svg_row *s = &r->row[r->n];
	char name[NAME_BYTES];
	title_of(name, g);
	snprintf(r->name[r->n], sizeof r->name[0], "%s", name);
	snprintf(r->text[r->n], sizeof r->text[0], "%.4g ms, n %zu", mean, json_array_size(values));
	r->dots[r->n] = xalloc((json_array_size(values) + 1) * sizeof(double));
	*s = (struct svg_row){ .name = r->name[r->n], .text = r->text[r->n], .value = mean, .lo = at(ci, 0), .hi = at(ci, 1), .css = css[engine % 6], .dots = r->dots[r->n], .n_dots = json_array_size(values) };
	for (size_t i = 0; i < s->n_dots; i++) {
		r->dots[r->n][i] = at(values, i);
		widen(r, r->dots[r->n][i]);
	}
	widen(r, mean);
	r->n++;
}

static void rows_table(const struct rows *r, struct draw_table *t)
{
	static const char *const heads[] = { "Engine", "Mean (ms)", "95 % from", "to" };
	draw_table_init(t);
	for (size_t i = 0; i < 4; i++)
		draw_table_col(t, heads[i], i > 0, 0);
	for (size_t i = 0; i < r->n; i++) {
		const double x[] = { r->row[i].value, r->row[i].lo, r->row[i].hi };
		draw_table_cell(t, "%s", r->name[i]);
		for (size_t k = 0; k < 3; k++)
			draw_table_cell(t, isfinite(x[k]) ? "%.4g" : "-", x[k]);
	}
}

static size_t largest(const json_t *doc)
{
	const json_t *sizes = json_object_get(json_object_get(doc, "workload"), "batches");
	size_t most = 0;
	for (size_t i = 1; i < json_array_size(sizes); i++)
		most = at(sizes, i) > at(sizes, most) ? i : most;
	return most;
}

static void latency(struct html_page *p, const json_t *doc, const char *key, const char *id, const char *metric)
{
	struct rows *r = xalloc(sizeof *r);
	struct assay_buf svg;
	struct draw_table t;
	char axis[80], title[100];
	size_t i, most = largest(doc);
	json_t *g;
	r->lo = INFINITY;
	r->hi = -INFINITY;
	json_array_foreach(engines(doc), i, g)
		add_row(r, g, json_array_get(json_object_get(g, "batches"), most), i, key);
	bool log = r->lo > 0 && r->hi > 10 * r->lo;
	snprintf(axis, sizeof axis, "%s (ms)", metric);
	snprintf(title, sizeof title, "%s at batch %.0f", metric, at(json_object_get(json_object_get(doc, "workload"), "batches"), most));
	assay_buf_init(&svg, (size_t)4 << 20);
	rows_table(r, &t);
	if (svg_rows(&(struct svg_rows){ .rows = r->row, .n = r->n, .lo = log ? r->lo : 0, .hi = r->hi, .log = log, .axis = axis, .label = title }, &svg))
		html_figure_svg(p, id, title, "Diamond: mean over the blocks; ticks: the blocks; line: 95 % interval, from three blocks on. Further left is faster.", &svg, &t);
	else
		html_no_figure(p, title, "no engine was timed", "assay compare-engines --resume DIR goes on");
	draw_table_release(&t);
	assay_buf_release(&svg);
	for (size_t k = 0; k < r->n; k++)
		free(r->dots[k]);
	free(r);
}

/* ---- load and memory ---- */

static void bars(struct html_page *p, const json_t *doc, const char *id, const char *title, const char *unit, const char *caption, const char *part, const char *key)
{
	struct html_chart c;
	size_t i;
	json_t *g;
	html_chart_init(&c, id, title, (struct html_axis){ "Engine", false, false }, (struct html_axis){ unit, false, true });
	html_chart_series(&c, title, HTML_BAR);
	json_array_foreach(engines(doc), i, g) {
		char name[NAME_BYTES];
		double x = assay_json_get_num(json_object_get(part ? json_object_get(g, part) : g, key), "mean", NAN);
		title_of(name, g);
		if (isfinite(x))
			html_chart_bar(&c, name, part ? x : x / 1e3);
	}
	html_chart_draw(p, &c, caption, NULL, "no engine told it", "assay explain says what it needs");
}

static void figures(struct html_page *p, const json_t *doc, const json_t *const *first, size_t n)
{
	struct assay_overlay_side sides[ASSAY_OVERLAY_MOST];
	for (size_t i = 0; i < n && i < ASSAY_OVERLAY_MOST; i++)
		sides[i] = (struct assay_overlay_side){ first[i], assay_json_get_str(json_array_get(engines(doc), i), "name", "?") };
	html_section_begin(p, "figures", "Figures");
	html_markup(p, "<div class=\"figures\">\n");
	by_batch(p, doc, "output_tok_s", "throughput", "Throughput by batch size", "Output tokens/s", "Output tokens per second of the whole batch");
	by_batch(p, doc, "tpot_ms", "tpot-batch", "TPOT by batch size", "TPOT (ms)", "Time per output token after the first");
	by_batch(p, doc, "ttft_ms", "ttft-batch", "TTFT by batch size", "TTFT (ms)", "Time to first token");
	overlay_ecdf(p, sides, n, "itl_ms", "ecdf-itl");
	latency(p, doc, "ttft_ms", "ttft", "TTFT");
	latency(p, doc, "tpot_ms", "tpot", "TPOT");
	bars(p, doc, "load-time", "Load time", "Load (s)", "Mean over the blocks; the load is outside the timing.", NULL, "load_ms");
	bars(p, doc, "memory-peak", "Peak memory", "RSS peak (MiB)", "Mean over the blocks: assay's own process for the embedded engine, the worker's process group for a worker.", "memory", "rss_peak_mib");
	html_markup(p, "</div>\n");
	html_section_end(p);
}

/* ---- the page ---- */

static void say_warn(void *arg, const char *text) { html_para(arg, "warn", "%s", text); }
static void say_item(void *arg, const char *text) { html_item(arg, text); }

static void cards(struct html_page *p, const json_t *doc)
{
	size_t i;
	json_t *g;
	html_cards_begin(p);
	json_array_foreach(engines(doc), i, g) {
		const json_t *last = json_array_get(json_object_get(g, "batches"), largest(doc));
		const char *state = assay_json_get_str(g, "state", "?"), *verdict = assay_json_get_str(json_object_get(g, "comparison"), "verdict", i ? "not compared" : "reference");
		double rate = assay_json_get_num(json_object_get(last, "output_tok_s"), "mean", NAN);
		char name[NAME_BYTES], value[32], note[80];
		bool bad = assay_json_get_int(g, "invalid_blocks", 0) || strcmp(state, "ready");
		title_of(name, g);
		if (isfinite(rate))
			snprintf(value, sizeof value, "%.*f", rate < 100 ? 1 : 0, rate);
		else
			snprintf(value, sizeof value, "-");
		snprintf(note, sizeof note, "batch %lld; %s", (long long)assay_json_get_int(last, "batch", 0), bad ? (strcmp(state, "ready") ? state : "INVALID") : verdict);
		html_card(p, name, value, isfinite(rate) ? "tok/s" : "", note, bad ? "bad" : "");
	}
	html_cards_end(p);
}

int engines_html_write(const json_t *doc, const json_t *const *first, size_t n, const char *dir, struct assay_err *e)
{
	struct html_page p;
	char *path = xasprintf("%s/report.html", dir);
	html_page_init(&p, "assay: engines compared");
	engines_warnings(doc, say_warn, &p);
	cards(&p, doc);
	html_section_begin(&p, "what", "What was measured");
	html_list_begin(&p);
	engines_facts(doc, say_item, &p);
	html_list_end(&p);
	html_section_end(&p);
	bool drawn = false;
	for (const struct engines_part *part = engines_parts; part->title; part++) {
		struct draw_table t;
		part->fill(doc, &t);
		if (!draw_table_rows(&t)) {
			draw_table_release(&t);
			continue;
		}
		html_section_begin(&p, part->id, part->title);
		if (part->files_only)
			html_details_begin(&p, "Every mean with its blocks");
		html_table(&p, part->title, &t);
		if (part->files_only)
			html_details_end(&p);
		html_para(&p, "note", "%s", part->under);
		html_section_end(&p);
		if (!drawn && !strcmp(part->id, "speed"))
			figures(&p, doc, first, n);
		drawn = drawn || !strcmp(part->id, "speed");
	}
	html_section_begin(&p, "notes", "Notes");
	html_list_begin(&p);
	engines_notes(doc, say_item, &p);
	html_list_end(&p);
	html_section_end(&p);
	int rc = html_page_write(&p, path, e);
	html_page_release(&p);
	free(path);
	return rc;
}
