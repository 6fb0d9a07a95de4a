/* Figures of speed against batch and lengths; see html_figures.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "report/face_data.h"
#include "report/html_figures.h"
#include "report/svg_figures.h"

#define BATCHES "Measure several batch sizes: assay throughput --batch 1,2,4,8,16,32"
#define LENGTHS "Measure several lengths: assay seqlen --axes"

static const struct html_axis batch_axis = { "Batch size (sequences)", true, false };

const json_t *html_fit(const json_t *result, const char *id)
{
	return assay_json_find(assay_json_at(result, "analysis.fits"), "id", id);
}

const char *html_reason(const json_t *reasons, const char *key, const char *otherwise)
{
	return assay_json_get_str(reasons, key, otherwise);
}

static double of_pair(const json_t *pair, size_t i)
{
	const json_t *v = json_array_get(pair, i);
	return json_is_number(v) ? json_number_value(v) : NAN;
}

/* ---- batch ---- */
/* The first point of the experiment that varies the batch. */
static const json_t *first_of(const json_t *result)
{
	const json_t *p = face_first(result, "throughput");
	return p ? p : face_first(result, "seqlen");
}

/* Only points of the first one's lengths belong on one line. */
static bool of_first_lengths(const json_t *p, const json_t *first)
{
	static const char *const keys[] = { "prompt_tokens", "output_tokens" };
	for (int i = 0; i < 2; i++) {
		const json_t *a = json_object_get(json_object_get(p, "case"), keys[i]), *b = json_object_get(json_object_get(first, "case"), keys[i]);
		if (a != b && !json_equal(a, b))
			return false;
	}
	return face_is(p, assay_json_get_str(first, "experiment", "?")) && face_ok(p);
}

static void add_batches(struct html_chart *c, const json_t *result, const char *key, bool interval)
{
	const json_t *first = first_of(result);
	size_t i;
	json_t *p;
	char label[96];
	json_array_foreach(json_object_get(result, "points"), i, p) {
		const json_t *ci = json_object_get(face_metric(p, key), "ci95");
		if (!of_first_lengths(p, first))
			continue;
		double batch = (double)face_case_int(p, "batch_size", 0), y = face_stat(p, key, "mean");
		if (interval)
			html_chart_interval(c, batch, y, of_pair(ci, 0), of_pair(ci, 1));
		else
			html_chart_point(c, batch, y);
		face_case(label, p);
		html_chart_label(c, label);
	}
}

static void most_and_least(const json_t *result, double *least, double *most)
{
	const json_t *first = first_of(result);
	size_t i;
	json_t *p;
	*least = INFINITY;
	*most = 0;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (of_first_lengths(p, first)) {
			double b = (double)face_case_int(p, "batch_size", 0);
			*least = fmin(*least, b);
			*most = fmax(*most, b);
		}
}

/* The knee where it lies inside what was measured; a sentence on it for the caption. */
static void knee(struct html_chart *c, const json_t *result, double most, char *said, size_t size)
{
	const json_t *k = json_object_get(html_fit(result, "batch_step"), "knee"), *batch = json_object_get(k, "batch"), *ci = json_object_get(batch, "ci95");
	double at = assay_json_get_num(batch, "value", NAN), limit = assay_json_get_num(k, "limit_tok_s", NAN);
	char label[48];
	said[0] = 0;
	if (isnan(at))
		return;
	snprintf(label, sizeof label, "knee %.3g", at);
	if (at <= most)
		html_chart_mark_x(c, at, label);
	int n = snprintf(said, size, " The knee, where another sequence buys half of what the first bought, is at batch %.3g%s", at, at > most ? ", beyond what was measured" : "");
	if (!isnan(of_pair(ci, 0)))
		n += snprintf(said + n, size - (size_t)n, " (95 %% interval %.3g to %.3g)", of_pair(ci, 0), of_pair(ci, 1));
	else
		n += snprintf(said + n, size - (size_t)n, " (too few runs for an interval)");
	if (isnan(limit))
		snprintf(said + n, size - (size_t)n, ".");
	else
		snprintf(said + n, size - (size_t)n, "; decode alone tends to %.4g tok/s.", limit);
}

static const json_t *smallest_batch(const json_t *result, double least)
{
	const json_t *first = first_of(result);
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (of_first_lengths(p, first) && (double)face_case_int(p, "batch_size", 0) == least)
			return p;
	return NULL;
}

void html_figure_throughput(struct html_page *page, const json_t *result)
{
	struct html_chart c;
	char caption[500], said[300];
	double least, most;
	html_chart_init(&c, "throughput", "Throughput by batch size", batch_axis, (struct html_axis){ "Output tokens/s", true, false });
	most_and_least(result, &least, &most);
	c.least = least < most ? 2 : SIZE_MAX;
	double rate = face_stat(smallest_batch(result, least), "output_tok_s", "mean");
	html_chart_series(&c, "measured (95 % interval)", HTML_LINE);
	add_batches(&c, result, "output_tok_s", true);
	html_chart_series(&c, "ideal", HTML_DASHED);
	if (least < most) {
		html_chart_point(&c, least, rate);
		html_chart_point(&c, most, rate * most / least);
	}
	knee(&c, result, most, said, sizeof said);
	snprintf(caption, sizeof caption, "Output tokens per second of the whole batch; on the dashed line every sequence would run as fast as in the smallest batch.%s", said);
	html_chart_draw(page, &c, caption, NULL, "needs two batch sizes at the same lengths", BATCHES);
}

void html_figure_speedup(struct html_page *page, const json_t *result)
{
	struct html_chart c;
	char caption[500], said[300];
	double least, most;
	html_chart_init(&c, "speedup", "Speed-up by batch size", batch_axis, (struct html_axis){ "Speed-up over batch 1 (x)", true, false });
	most_and_least(result, &least, &most);
	c.least = least < most ? 2 : SIZE_MAX;
	html_chart_series(&c, "measured", HTML_LINE);
	add_batches(&c, result, "speedup", false);
	html_chart_series(&c, "ideal", HTML_DASHED);
	if (least < most) {
		html_chart_point(&c, least, least);
		html_chart_point(&c, most, most);
	}
	knee(&c, result, most, said, sizeof said);
	snprintf(caption, sizeof caption, "How many times the throughput of batch 1 comes out; the gap to the dashed line is what batching costs each sequence.%s", said);
	html_chart_draw(page, &c, caption, NULL, "needs a batch of 1 and others of the throughput experiment", BATCHES);
}

void html_figure_tradeoff(struct html_page *page, const json_t *result)
{
	static const struct { const char *key, *name; } rows[] = { { "ttft_ms", "TTFT (P50)" }, { "tpot_ms", "time per output token (P50)" }, { "e2el_ms", "end to end (P50)" } };
	const json_t *first = first_of(result);
	struct html_chart c;
	size_t i;
	json_t *p;
	char label[96];
	double least, most;
	html_chart_init(&c, "tradeoff", "Latency against throughput", (struct html_axis){ "Output tokens/s", false, true }, (struct html_axis){ "Latency (ms)", true, false });
	most_and_least(result, &least, &most);
	c.least = least < most ? 2 : SIZE_MAX;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		html_chart_series(&c, rows[k].name, HTML_LINE);
		json_array_foreach(json_object_get(result, "points"), i, p) {
			if (!of_first_lengths(p, first))
				continue;
			html_chart_point(&c, face_stat(p, "output_tok_s", "mean"), face_stat(p, rows[k].key, "p50"));
			face_case(label, p);
			html_chart_label(&c, label);
		}
	}
	html_chart_draw(page, &c, "Each mark is a batch size: what a user waits for what the machine delivers. Where a curve turns upwards, more load buys latency and little else.", NULL,
		"needs two batch sizes at the same lengths", BATCHES);
}

/* ---- lengths ---- */
/* a + b x + q x^2 of a fit, at x. */
static double law_at(const json_t *fit, double x)
{
	const json_t *t = json_object_get(fit, "terms");
	double a = assay_json_get_num(json_object_get(t, "a"), "value", 0), b = assay_json_get_num(json_object_get(t, "b"), "value", 0);
	return a + b * x + assay_json_get_num(json_object_get(t, "q"), "value", 0) * x * x;
}

static void law_text(const json_t *fit, char *out, size_t size)
{
	static const char *const names[] = { "a", "b", "q" }, *const of[] = { "", " n", " n²" };
	int n = snprintf(out, size, "Fitted: t =");
	for (int i = 0; i < 3; i++) {
		double v = assay_json_get_num(json_object_get(json_object_get(fit, "terms"), names[i]), "value", NAN);
		if (!isnan(v))
			n += snprintf(out + n, size - (size_t)n, " %s%.4g%s", i == 0 ? (v < 0 ? "-" : "") : v < 0 ? "- " : "+ ", fabs(v), of[i]);
	}
	double r2 = assay_json_get_num(fit, "r2", NAN);
	if (isnan(r2))
		snprintf(out + n, size - (size_t)n, " ms over %lld runs.", (long long)assay_json_get_int(fit, "n", 0));
	else
		snprintf(out + n, size - (size_t)n, " ms over %lld runs (R² %.4f).", (long long)assay_json_get_int(fit, "n", 0), r2);
}

static void add_law(struct html_chart *c, const json_t *fit)
{
	const json_t *range = json_object_get(fit, "x_range");
	double from = of_pair(range, 0), to = of_pair(range, 1);
	html_chart_series(c, "fit", HTML_DASHED);
	for (int i = 0; i <= 40; i++)
		html_chart_point(c, from + (to - from) * i / 40, law_at(fit, from + (to - from) * i / 40));
}

/* Mean of the runs at each length with the least and the most of them, the law, and where it changes. */
static void length_figure(struct html_page *page, const json_t *result, const char *id, const char *law, const char *title, struct html_axis x, struct html_axis y, const char *about)
{
	const json_t *fit = html_fit(result, law), *change = json_object_get(fit, "break");
	struct html_chart c;
	struct draw_table t;
	size_t i;
	json_t *o;
	char caption[500], said[200];
	html_chart_init(&c, id, title, x, y);
	html_chart_series(&c, "mean of runs (least to most)", HTML_POINTS);
	draw_table_init(&t);
	draw_table_col(&t, x.title, true, 0);
	draw_table_col(&t, y.title, true, 0);
	draw_table_col(&t, "Least", true, 0);
	draw_table_col(&t, "Most", true, 0);
	draw_table_col(&t, "n", true, 0);
	draw_table_col(&t, "Fit", true, 0);
	json_array_foreach(json_object_get(fit, "observed"), i, o) {
		const double v[] = { assay_json_get_num(o, "x", NAN), assay_json_get_num(o, "mean", NAN), assay_json_get_num(o, "min", NAN), assay_json_get_num(o, "max", NAN) };
		html_chart_interval(&c, v[0], v[1], v[2], v[3]);
		for (int k = 0; k < 4; k++)
			draw_table_cell(&t, "%.6g", v[k]);
		draw_table_cell(&t, "%lld", (long long)assay_json_get_int(o, "n", 0));
		draw_table_cell(&t, "%.6g", law_at(fit, v[0]));
	}
	add_law(&c, fit);
	html_chart_mark_x(&c, assay_json_get_num(change, "at", NAN), "the law changes");
	law_text(fit, said, sizeof said);
	snprintf(caption, sizeof caption, "%s %s", about, said);
	html_chart_draw(page, &c, caption, &t, html_reason(json_object_get(json_object_get(result, "analysis"), "reasons"), law, "this result holds no fitted law"), LENGTHS);
}

void html_figure_prompt(struct html_page *page, const json_t *result)
{
	length_figure(page, result, "prompt", "prompt_ttft", "TTFT by prompt length", (struct html_axis){ "Prompt (tokens)", false, true },
		(struct html_axis){ "TTFT (ms)", false, true }, "What a longer prompt costs before the first token of a single request.");
}

void html_figure_output(struct html_page *page, const json_t *result)
{
	length_figure(page, result, "output", "output_e2e", "End-to-end latency by output length", (struct html_axis){ "Output (tokens)", false, true },
		(struct html_axis){ "End-to-end latency (ms)", false, true }, "What a longer answer costs a single request.");
}

/* ---- batch and length ---- */
static void heat_table(const json_t *result, const char *key, struct draw_table *t)
{
	size_t i;
	json_t *p;
	char number[48];
	draw_table_init(t);
	draw_table_col(t, "Batch", true, 0);
	draw_table_col(t, "Prompt", true, 0);
	draw_table_col(t, "Output", true, 0);
	draw_table_col(t, "Value", true, 0);
	draw_table_col(t, "Status", false, 0);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		if (!face_is(p, "seqlen") && !face_is(p, "throughput"))
			continue;
		face_case_cell(t, p, "batch_size");
		face_case_cell(t, p, "prompt_tokens");
		face_case_cell(t, p, "output_tokens");
		face_number(number, p, key, "mean", "-");
		draw_table_cell(t, "%s", number);
		draw_table_cell(t, "%s", assay_json_get_str(p, "status", "?"));
	}
}

void html_figure_heat(struct html_page *page, const json_t *result)
{
	static const char title[] = "Output tokens/s by batch and length";
	struct assay_buf svg;
	struct draw_table t;
	assay_buf_init(&svg, (size_t)1 << 22);
	if (svg_heat(result, "output_tok_s", &svg)) {
		heat_table(result, "output_tok_s", &t);
		html_figure_svg(page, "heat", title, "Darker is more. Where a row stops getting darker, a larger batch or a longer request no longer pays.", &svg, &t);
	} else {
		html_no_figure(page, title, "needs two batch sizes at two lengths each, or two prompt and two output lengths", "Measure a grid: assay seqlen, or assay seqlen --grid s0");
	}
	assay_buf_release(&svg);
}
