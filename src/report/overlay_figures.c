/* Figures of several results laid over each other; see overlay_parts.h. */
#include "report/overlay_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/html_figures.h"

void overlay_name(char out[80], const struct assay_overlay_side *sides, size_t i)
{
	const char *dir = sides[i].dir;
	size_t len = strlen(dir);
	while (len > 1 && dir[len - 1] == '/')
		len--;
	const char *slash = memrchr(dir, '/', len > 1 ? len - 1 : len), *base = slash ? slash + 1 : dir;
	snprintf(out, 80, "%c: %.*s", 'A' + (int)i, (int)(len - (size_t)(base - dir) < 70 ? len - (size_t)(base - dir) : 70), base);
}

const json_t *overlay_point(const json_t *result, const json_t *like)
{
	const char *experiment = assay_json_get_str(like, "experiment", "");
	size_t i;
	json_t *p;
	char want[96], name[96];
	face_case(want, like);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		face_case(name, p);
		if (!strcmp(name, want) && face_is(p, experiment))
			return p;
	}
	return NULL;
}

static double at(const json_t *a, size_t i)
{
	const json_t *v = json_array_get(a, i);
	return json_is_number(v) ? json_number_value(v) : NAN;
}

/* ---- throughput over batch ---- */

/* The points of a result that differ from its first in the batch only. */
static void add_batches(struct html_chart *c, const json_t *result, const char *name)
{
	const json_t *first = face_first(result, "throughput");
	size_t i;
	json_t *p;
	char label[96], legend[180];
	long long prompt = face_case_int(first, "prompt_tokens", -1), output = face_case_int(first, "output_tokens", -1);
	snprintf(legend, sizeof legend, "%s (%lld -> %lld)", name, prompt, output);
	html_chart_series(c, legend, HTML_LINE);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		const json_t *ci = json_object_get(face_metric(p, "output_tok_s"), "ci95");
		if (!face_is(p, "throughput") || !face_ok(p) || face_case_int(p, "prompt_tokens", -1) != prompt || face_case_int(p, "output_tokens", -1) != output)
			continue;
		html_chart_interval(c, (double)face_case_int(p, "batch_size", 0), face_stat(p, "output_tok_s", "mean"), at(ci, 0), at(ci, 1));
		face_case(label, p);
		html_chart_label(c, label);
	}
}

static void throughput(struct html_page *page, const struct assay_overlay_side *sides, size_t n)
{
	struct html_chart c;
	char name[80];
	html_chart_init(&c, "throughput", "Throughput by batch size", (struct html_axis){ "Batch size (sequences)", true, false }, (struct html_axis){ "Output tokens/s", true, false });
	for (size_t i = 0; i < n; i++) {
		overlay_name(name, sides, i);
		if (face_first(sides[i].result, "throughput"))
			add_batches(&c, sides[i].result, name);
	}
	html_chart_draw(page, &c, "Output tokens per second of the whole batch, with 95 % intervals.", NULL, "none of these results holds points of the throughput experiment",
		"Measure batches: assay throughput");
}

/* ---- TTFT over prompt length ---- */
static void prompt(struct html_page *page, const struct assay_overlay_side *sides, size_t n)
{
	struct html_chart c;
	char name[80];
	html_chart_init(&c, "prompt", "TTFT by prompt length", (struct html_axis){ "Prompt (tokens)", false, true }, (struct html_axis){ "TTFT (ms)", false, true });
	for (size_t i = 0; i < n; i++) {
		const json_t *observed = json_object_get(html_fit(sides[i].result, "prompt_ttft"), "observed");
		size_t k;
		json_t *o;
		overlay_name(name, sides, i);
		if (json_array_size(observed))
			html_chart_series(&c, name, HTML_LINE);
		json_array_foreach(observed, k, o)
			html_chart_interval(&c, assay_json_get_num(o, "x", NAN), assay_json_get_num(o, "mean", NAN), assay_json_get_num(o, "min", NAN), assay_json_get_num(o, "max", NAN));
	}
	html_chart_draw(page, &c, "Mean over the runs of single requests, with the least and the most of them.", NULL, "none of these results holds single requests of several prompt lengths",
		"Measure lengths: assay seqlen --axes");
}

/* ---- distributions ---- */
static const json_t *values_of(const json_t *point, const char *key)
{
	return json_object_get(json_object_get(json_object_get(json_object_get(point, "series"), "distribution"), key), "values");
}

/* The first case of A that every result has; without one, of as many as possible. */
static const json_t *shared_case(const struct assay_overlay_side *sides, size_t n, const char *key)
{
	const json_t *best = NULL;
	size_t i, most = 0;
	json_t *p;
	for (size_t s = 0; s < n; s++)
		json_array_foreach(json_object_get(sides[s].result, "points"), i, p) {
			size_t have = 0;
			for (size_t k = 0; k < n; k++)
				have += json_array_size(values_of(overlay_point(sides[k].result, p), key)) > 0;
			if (have > most) {
				most = have;
				best = p;
			}
		}
	return best;
}

/* Whether the samples span a factor of ten: then the axis is logarithmic. */
static bool far_apart(const struct assay_overlay_side *sides, size_t n, const json_t *like, const char *key)
{
	double least = INFINITY, most = 0;
	for (size_t s = 0; s < n && like; s++) {
		const json_t *values = values_of(overlay_point(sides[s].result, like), key);
		least = json_array_size(values) ? fmin(least, at(values, 0)) : least;
		most = json_array_size(values) ? fmax(most, at(values, json_array_size(values) - 1)) : most;
	}
	return most > 10 * least;
}

void overlay_ecdf(struct html_page *page, const struct assay_overlay_side *sides, size_t n, const char *key, const char *id)
{
	const struct assay_metric *def = assay_metric_find(key);
	const json_t *like = shared_case(sides, n, key);
	struct html_chart c;
	char name[80], label[96], title[120], x[100], caption[300];
	snprintf(title, sizeof title, "Distribution of %.60s", def->title);
	snprintf(x, sizeof x, "%.60s (%.20s)", def->title, def->unit);
	html_chart_init(&c, id, title, (struct html_axis){ x, far_apart(sides, n, like, key), false }, (struct html_axis){ "Share of samples up to it", false, true });
	for (size_t s = 0; s < n; s++) {
		const json_t *values = like ? values_of(overlay_point(sides[s].result, like), key) : NULL;
		size_t count = json_array_size(values);
		if (!count)
			continue;
		overlay_name(name, sides, s);
		html_chart_series(&c, name, HTML_STEP);
		html_chart_point(&c, at(values, 0), 0);
		for (size_t i = 0; i < count; i++)
			html_chart_point(&c, at(values, i), (double)(i + 1) / (double)count);
	}
	face_case(label, like);
	snprintf(caption, sizeof caption, "Empirical distributions of one case that they share: %.30s, %.90s. Further left is faster.", assay_json_get_str(like, "experiment", "?"), label);
	html_chart_draw(page, &c, caption, NULL, "none of these results holds five samples of it", "Measure more: assay latency --runs 30");
}

void overlay_figures(struct html_page *page, const struct assay_overlay_side *sides, size_t n)
{
	html_section_begin(page, "figures", "Figures");
	html_markup(page, "<div class=\"figures\">\n");
	throughput(page, sides, n);
	prompt(page, sides, n);
	overlay_ecdf(page, sides, n, "ttft_ms", "ecdf-ttft");
	overlay_ecdf(page, sides, n, "itl_ms", "ecdf-itl");
	overlay_ecdf(page, sides, n, "e2el_ms", "ecdf-e2el");
	html_markup(page, "</div>\n");
	html_section_end(page);
}
