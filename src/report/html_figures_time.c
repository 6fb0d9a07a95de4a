/* Figures of how values spread and of what went on during a run, from points[].series; see html_figures.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/html_figures.h"

#define MORE_RUNS "Measure more: assay latency --runs 30"
#define LONGER "Measure a longer run: assay offline, or assay latency with longer outputs"

static const struct html_axis seconds_axis = { "Time since the run began (s)", false, true };

static const json_t *values_of(const json_t *point, const char *key)
{
	return json_object_get(json_object_get(json_object_get(json_object_get(point, "series"), "distribution"), key), "values");
}

/* The measured point with most samples of key, those of `experiment` first (NULL: any). */
static const json_t *richest(const json_t *result, const char *key)
{
	static const char *const order[] = { "latency", "load", "throughput", "offline", "soak", NULL };
	const json_t *best = NULL;
	size_t i, most = 0;
	json_t *p;
	for (const char *const *experiment = order; *experiment && !best; experiment++)
		json_array_foreach(json_object_get(result, "points"), i, p)
			if (face_is(p, *experiment) && json_array_size(values_of(p, key)) > most) {
				most = json_array_size(values_of(p, key));
				best = p;
			}
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (!best && json_array_size(values_of(p, key)))
			best = p;
	return best;
}

static const char *spread_reason(const json_t *result, const char *key)
{
	const json_t *p = json_array_get(json_object_get(result, "points"), 0);
	return html_reason(json_object_get(json_object_get(p, "series"), "reasons"), key, "this result holds no sorted samples");
}

static double number_at(const json_t *a, size_t i)
{
	const json_t *v = json_array_get(a, i);
	return json_is_number(v) ? json_number_value(v) : NAN;
}

void html_figure_ecdf(struct html_page *page, const json_t *result)
{
	static const char *const keys[] = { "itl_ms", "tpot_ms", "ttft_ms", "e2el_ms" };
	const json_t *p = richest(result, "ttft_ms");
	struct html_chart c;
	char label[96], caption[300], name[80];
	p = p ? p : richest(result, "itl_ms");
	face_case(label, p);
	html_chart_init(&c, "ecdf", "Share of samples up to a latency", (struct html_axis){ "Latency (ms)", true, false }, (struct html_axis){ "Share of samples", false, true });
	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
		const json_t *values = values_of(p, keys[k]);
		size_t n = json_array_size(values);
		const struct assay_metric *def = assay_metric_find(keys[k]);
		if (!n || !def)
			continue;
		snprintf(name, sizeof name, "%.50s, n %lld", def->title, (long long)assay_json_get_int(face_metric(p, keys[k]), "n", 0));
		html_chart_series(&c, name, HTML_STEP);
		html_chart_point(&c, number_at(values, 0), 0);
		for (size_t i = 0; i < n; i++)
			html_chart_point(&c, number_at(values, i), (double)(i + 1) / (double)n);
	}
	snprintf(caption, sizeof caption, "Empirical distribution (ECDF) of %.30s, %.90s: a steep step is a steady latency, a long foot to the right is a tail.", assay_json_get_str(p, "experiment", "?"), label);
	html_chart_draw(page, &c, caption, NULL, spread_reason(result, "ttft_ms"), MORE_RUNS);
}

/* Bins of equal width, about the square root of the number of values. */
void html_figure_histogram(struct html_page *page, const json_t *result, const char *key)
{
	const struct assay_metric *def = assay_metric_find(key);
	const json_t *p = richest(result, key), *values = values_of(p, key);
	size_t n = json_array_size(values), bins = n > 400 ? 20 : (size_t)ceil(sqrt((double)n)), at = 0;
	double from = number_at(values, 0), to = number_at(values, n ? n - 1 : 0);
	struct html_chart c;
	char id[40], title[80], text[96], caption[300];
	snprintf(id, sizeof id, "spread-%.*s", (int)strcspn(key, "_"), key);
	snprintf(title, sizeof title, "Distribution of %.60s", def->title);
	snprintf(text, sizeof text, "%.50s (%.20s)", def->title, def->unit);
	html_chart_init(&c, id, title, (struct html_axis){ text, false, false }, (struct html_axis){ "Share of samples", false, true });
	html_chart_series(&c, "share", HTML_BAR);
	bins = isnan(from + to) ? 0 : from == to ? 1 : bins;
	for (size_t b = 0; b < bins; b++) {
		double upper = from + (to - from) * (double)(b + 1) / (double)bins;
		size_t in = 0;
		for (; at < n && (number_at(values, at) <= upper || b + 1 == bins); at++)
			in++;
		snprintf(text, sizeof text, "%.4g to %.4g", from + (to - from) * (double)b / (double)bins, upper);
		html_chart_bar(&c, text, (double)in / (double)n);
	}
	face_case(text, p);
	snprintf(caption, sizeof caption, "%.30s, %.90s: %lld samples.", assay_json_get_str(p, "experiment", "?"), text, (long long)assay_json_get_int(face_metric(p, key), "n", 0));
	html_chart_draw(page, &c, caption, NULL, spread_reason(result, key), MORE_RUNS);
}

/* ---- over time ---- */
static const json_t *over_time(const json_t *point) { return json_object_get(json_object_get(point, "series"), "over_time"); }

/* The point whose run over time says most: one with many requests in flight before single ones, then the one with most stretches. */
static const json_t *busiest(const json_t *result)
{
	static const char *const order[] = { "soak", "load", "offline", "throughput", "latency", "longdoc", "seqlen", "memory", NULL };
	const json_t *best = NULL;
	size_t i, most = 0;
	json_t *p;
	for (const char *const *experiment = order; *experiment && !best; experiment++)
		json_array_foreach(json_object_get(result, "points"), i, p) {
			size_t n = json_array_size(json_object_get(over_time(p), "t_s"));
			if (face_is(p, *experiment) && n > 0 && n >= most) {
				most = n;
				best = p;
			}
		}
	return best;
}

static void add_over_time(struct html_chart *c, const json_t *point, const char *key, const char *name)
{
	const json_t *o = over_time(point), *t = json_object_get(o, "t_s"), *y = json_object_get(o, key);
	html_chart_series(c, name, HTML_LINE);
	for (size_t i = 0; i < json_array_size(t); i++)
		html_chart_point(c, number_at(t, i), number_at(y, i));
}

static void time_caption(const json_t *point, const char *about, char *out, size_t size)
{
	char label[96];
	face_case(label, point);
	snprintf(out, size, "%.30s, %.90s, its run of median length (repeat %lld), in stretches of %.3g s. %.200s", assay_json_get_str(point, "experiment", "?"), label,
		 (long long)assay_json_get_int(over_time(point), "repeat", 0), assay_json_get_num(over_time(point), "bin_s", NAN), about);
}

static const char *time_reason(const json_t *result)
{
	const json_t *p = json_array_get(json_object_get(result, "points"), 0);
	return html_reason(json_object_get(json_object_get(p, "series"), "reasons"), "over_time", "this result holds no run over time");
}

void html_figure_itl(struct html_page *page, const json_t *result)
{
	const json_t *p = busiest(result);
	struct html_chart c;
	char caption[500];
	html_chart_init(&c, "itl", "Inter-token latency over time", seconds_axis, (struct html_axis){ "ITL (ms)", true, false });
	add_over_time(&c, p, "itl_ms_p50", "P50 of the stretch");
	add_over_time(&c, p, "itl_ms_max", "longest of the stretch");
	time_caption(p, "Peaks of the upper line are gaps that a reader of the answer sees: a prefill that cut in, a preemption, a disturbance.", caption, sizeof caption);
	html_chart_draw(page, &c, caption, NULL, time_reason(result), LONGER);
}

void html_figure_output_rate(struct html_page *page, const json_t *result)
{
	const json_t *p = busiest(result), *s = json_object_get(p, "series"), *steady = json_object_get(s, "steady");
	struct html_chart c;
	char caption[500], about[200];
	html_chart_init(&c, "rate", "Throughput over time", seconds_axis, (struct html_axis){ "Output tokens/s", false, true });
	add_over_time(&c, p, "output_tok_s", "output tokens/s");
	html_chart_band_x(&c, assay_json_get_num(steady, "t0_s", NAN), assay_json_get_num(steady, "t1_s", NAN), "steady window");
	if (json_is_object(steady))
		snprintf(about, sizeof about, "The shaded part is the steady window, where the load is full.");
	else
		snprintf(about, sizeof about, "No steady window: %.150s.", html_reason(json_object_get(s, "reasons"), "steady", "none was found"));
	time_caption(p, about, caption, sizeof caption);
	html_chart_draw(page, &c, caption, NULL, time_reason(result), LONGER);
}

void html_figure_running(struct html_page *page, const json_t *result)
{
	const json_t *p = busiest(result);
	struct html_chart c;
	char caption[500];
	html_chart_init(&c, "running", "Requests running over time", seconds_axis, (struct html_axis){ "Requests", false, true });
	add_over_time(&c, p, "running", "requests running");
	time_caption(p, "Requests between their first and their last token.", caption, sizeof caption);
	html_chart_draw(page, &c, caption, NULL, time_reason(result), LONGER);
}

void html_figure_kv(struct html_page *page, const json_t *result)
{
	const json_t *p = busiest(result);
	struct html_chart c;
	char caption[500];
	html_chart_init(&c, "kv", "KV cache over time", seconds_axis, (struct html_axis){ "KV cache in use (MiB)", false, true });
	add_over_time(&c, p, "kv_used_mib", "KV cache in use");
	time_caption(p, "Whole pages that sequences held.", caption, sizeof caption);
	html_chart_draw(page, &c, caption, NULL, p ? html_reason(json_object_get(json_object_get(p, "series"), "reasons"), "kv_used_mib", "not known") : time_reason(result), LONGER);
}
