/* Figures of hours of load, from soak.windows[]; see html_figures.h. Other runs have none of them. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "report/html_figures.h"

enum { drawn = 400 }; /* most windows of a figure; of more, every k-th */

/* Windows of the series proper, not of its probe or tail; each at its middle, in hours. A stat NULL: the number itself. */
static void add_windows(struct html_chart *c, const json_t *windows, const char *name, const char *key, const char *stat)
{
	size_t i, every = (json_array_size(windows) + drawn - 1) / drawn;
	json_t *w;
	html_chart_series(c, name, HTML_LINE);
	json_array_foreach(windows, i, w) {
		double at = assay_json_get_num(w, "elapsed_s", NAN) + assay_json_get_num(w, "seconds", 0) / 2;
		if (!strcmp(assay_json_get_str(w, "part_of", ""), "series") && i % every == 0)
			html_chart_point(c, at / 3600, stat ? assay_json_get_num(json_object_get(w, key), stat, NAN) : assay_json_get_num(w, key, NAN));
	}
}

struct line { const char *name, *key, *stat; };

/* The slope of memory and the ends of its interval, through the middle of the windows. */
static void add_slope(struct html_chart *c, const json_t *line)
{
	static const char *const names[] = { "slope", "slope, lower end (95 %)", "slope, upper end (95 %)" };
	size_t i;
	json_t *p;
	for (size_t k = 0; json_array_size(line) && k < 3; k++) {
		html_chart_series(c, names[k], HTML_DASHED);
		json_array_foreach(line, i, p) {
			const json_t *y = k ? json_array_get(json_object_get(p, "ci95"), k - 1) : json_object_get(p, "mib");
			html_chart_point(c, assay_json_get_num(p, "hours", NAN), json_is_number(y) ? json_number_value(y) : NAN);
		}
	}
}

static void windows_figure(struct html_page *page, const json_t *soak, const char *id, const char *title, struct html_axis y, const char *caption, const char *why, const struct line *lines, size_t n)
{
	const json_t *windows = json_object_get(soak, "windows"), *change;
	struct html_chart c;
	html_chart_init(&c, id, title, (struct html_axis){ "Time of load (h)", false, true }, y);
	c.least = 2;
	for (size_t i = 0; i < n; i++)
		add_windows(&c, windows, lines[i].name, lines[i].key, lines[i].stat);
	for (size_t i = 0; i < 3 && (change = json_array_get(json_object_get(soak, "parts"), i)); i++)
		html_chart_mark_x(&c, assay_json_get_num(change, "elapsed_s", NAN) / 3600, "resumed");
	if (!strcmp(id, "soak-memory"))
		add_slope(&c, json_object_get(json_object_get(soak, "memory"), "line"));
	html_chart_draw(page, &c, caption, NULL, why ? why : "needs two windows of the load", why ? NULL : "Run longer: assay soak --duration 1h");
}

void html_figures_soak(struct html_page *page, const json_t *result)
{
	static const struct line latency[] = { { "TTFT P50", "ttft_ms", "p50" }, { "TTFT P99", "ttft_ms", "p99" }, { "E2E P50", "e2el_ms", "p50" }, { "E2E P99", "e2el_ms", "p99" },
					       { "TPOT P50", "tpot_ms", "p50" } };
	static const struct line rates[] = { { "output tokens/s", "tok_s", NULL } }, load[] = { { "offered", "offered", NULL }, { "succeeded", "succeeded", NULL }, { "failed", "failed", NULL } };
	static const struct line memory[] = { { "resident memory", "rss_mib", NULL } };
	const json_t *soak = json_object_get(result, "soak"), *said = json_object_get(soak, "memory");
	if (!soak)
		return;
	windows_figure(page, soak, "soak-latency", "Latency over hours of load", (struct html_axis){ "Latency (ms)", true, false },
		"A mark a window. Lines that keep rising under the same load are drift.", NULL, latency, sizeof latency / sizeof *latency);
	windows_figure(page, soak, "soak-rate", "Throughput over hours of load", (struct html_axis){ "Output tokens/s", false, true }, "Of each window.", NULL, rates, 1);
	windows_figure(page, soak, "soak-requests", "Requests over hours of load", (struct html_axis){ "Requests a window", false, true },
		"Offered to the engine, and what became of them, in each window.", NULL, load, sizeof load / sizeof *load);
	windows_figure(page, soak, "soak-memory", "Memory over hours of load", (struct html_axis){ "MiB", false, false },
		"The mean of each window. The axis does not begin at zero, so that a slow leak shows; whether it is one is told under Findings.",
		!strcmp(assay_json_get_str(said, "leak", ""), "unknown") ? assay_json_get_str(said, "reason", NULL) : NULL, memory, 1);
}
