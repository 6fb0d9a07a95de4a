/* Figures of what the hardware was used for: roofline, memory, telemetry; see html_figures.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/html_figures.h"
#include "report/svg_figures.h"

#define STEPS "Measure with the embedded engine: assay baseline --engine cpu"

/* ---- roofline ---- */
static void roofline_table(const json_t *result, const json_t *roofs, struct draw_table *t)
{
	static const struct { const char *head, *key; } cols[] = {
		{ "FLOP/byte", "intensity_flop_per_byte" }, { "GFLOP/s", "gflop_s" }, { "GB/s", "read_gb_s" }, { "Ceiling GFLOP/s", "ceiling_gflop_s" }, { "Ceiling GB/s", "ceiling_read_gb_s" },
	};
	size_t i;
	json_t *r;
	char label[96];
	draw_table_init(t);
	draw_table_col(t, "Point", true, 0);
	draw_table_col(t, "Case", false, 0);
	draw_table_col(t, "Phase", false, 0);
	for (size_t k = 0; k < sizeof cols / sizeof *cols; k++)
		draw_table_col(t, cols[k].head, true, 0);
	draw_table_col(t, "Bound by", false, 0);
	json_array_foreach(roofs, i, r) {
		int64_t index = assay_json_get_int(r, "point", -1);
		face_case(label, json_array_get(json_object_get(result, "points"), (size_t)index));
		draw_table_cell(t, "%lld", (long long)index);
		draw_table_cell(t, "%s", label);
		draw_table_cell(t, "%s", assay_json_get_str(r, "phase", "?"));
		for (size_t k = 0; k < sizeof cols / sizeof *cols; k++) {
			double x = assay_json_get_num(r, cols[k].key, NAN);
			if (isnan(x))
				draw_table_cell(t, "-");
			else
				draw_table_cell(t, "%.4g", x);
		}
		draw_table_cell(t, "%s", assay_json_get_str(r, "bound", "-"));
	}
}

void html_figure_roofline(struct html_page *page, const json_t *result)
{
	static const char title[] = "Roofline of the phases";
	const json_t *analysis = json_object_get(result, "analysis");
	struct assay_buf svg;
	struct draw_table t;
	assay_buf_init(&svg, (size_t)1 << 22);
	if (svg_roofline(result, &svg)) {
		roofline_table(result, json_object_get(analysis, "roofline"), &t);
		html_figure_svg(page, "roofline", title,
			"Work that the steps of each point did, by their counted bytes and FLOPs, under the best ceilings that this machine was measured to reach during the run. Left of "
			"the bend memory bounds, right of it arithmetic; far below the roof neither does.", &svg, &t);
	} else {
		html_no_figure(page, title, html_reason(json_object_get(analysis, "reasons"), "roofline", "needs steps with counted bytes and FLOPs, and measured ceilings"), STEPS);
	}
	assay_buf_release(&svg);
}

/* ---- memory ---- */
/* The experiment that looks at memory, else the point that took most. */
static const json_t *memory_point(const json_t *result)
{
	const json_t *best = face_first(result, "memory");
	size_t i;
	json_t *p;
	if (best)
		return best;
	json_array_foreach(json_object_get(result, "points"), i, p)
		if (face_ok(p) && !isnan(face_stat(p, "rss_peak_mib", "mean")) && (!best || face_stat(p, "rss_peak_mib", "mean") > face_stat(best, "rss_peak_mib", "mean")))
			best = p;
	return best;
}

void html_figure_memory(struct html_page *page, const json_t *result)
{
	static const char *const keys[] = { "weights_mib", "kv_pool_mib", "kv_peak_mib", "workspace_mib", "rss_mean_mib", "rss_peak_mib", "pss_mib" };
	const json_t *p = memory_point(result);
	struct html_chart c;
	char label[96], caption[300];
	html_chart_init(&c, "memory", "Memory by part", (struct html_axis){ "Part", false, false }, (struct html_axis){ "MiB", false, true });
	html_chart_series(&c, "MiB", HTML_BAR);
	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
		const struct assay_metric *def = assay_metric_find(keys[k]);
		double x = face_stat(p, keys[k], "mean");
		if (def && !isnan(x))
			html_chart_bar(&c, def->title, x);
	}
	face_case(label, p);
	snprintf(caption, sizeof caption, "%.30s, %.90s. Parts of the engine beside what the process held in all; the KV pool is reserved, KV peak is what was used of it.",
		assay_json_get_str(p, "experiment", "?"), label);
	html_chart_draw(page, &c, caption, NULL, "no point with memory readings", "Measure it: assay memory");
}

/* ---- telemetry ---- */
static const json_t *telemetry_series(const json_t *result, const char *name)
{
	return assay_json_find(assay_json_at(result, "telemetry.series"), "name", name);
}

static int64_t time_at(const json_t *result, size_t i)
{
	return json_integer_value(json_array_get(json_object_get(json_object_get(result, "telemetry"), "t_ns"), i));
}

static void add_telemetry(struct html_chart *c, const json_t *result, const char *name, const char *words)
{
	const json_t *values = json_object_get(telemetry_series(result, name), "values");
	size_t i;
	json_t *v;
	if (!json_array_size(values))
		return;
	html_chart_series(c, words, HTML_LINE);
	json_array_foreach(values, i, v)
		html_chart_point(c, (double)(time_at(result, i) - time_at(result, 0)) / 1e9, json_is_number(v) ? json_number_value(v) : NAN);
}

static const char *telemetry_reason(const json_t *result)
{
	return html_reason(json_object_get(result, "telemetry"), "reason", "nothing was sampled");
}

#define TELEMETRY "Telemetry is sampled on a real clock: measure with an engine that runs in real time"

static const struct html_axis whole_axis = { "Time since sampling began (s)", false, true };

void html_figure_memory_time(struct html_page *page, const json_t *result)
{
	struct html_chart c;
	html_chart_init(&c, "memory-time", "Memory over time", whole_axis, (struct html_axis){ "MiB", false, true });
	add_telemetry(&c, result, "rss_mib", "resident memory of the process");
	add_telemetry(&c, result, "gpu_used_mib", "memory of the GPU in use");
	html_chart_draw(page, &c, "Over the whole run, loading included. A level that keeps rising under the same work is a leak; steps are loads and larger batches.", NULL,
		telemetry_reason(result), TELEMETRY);
}

void html_figure_use(struct html_page *page, const json_t *result)
{
	static const char *const rows[][2] = {
		{ "gpu_util_pct", "GPU busy" }, { "machine_busy_pct", "CPUs busy" }, { "psi_cpu_pct", "tasks waiting for a CPU" }, { "steal_pct", "stolen by the hypervisor" },
		{ "iowait_pct", "waiting for I/O" },
	};
	struct html_chart c;
	html_chart_init(&c, "use", "Utilisation over time", whole_axis, (struct html_axis){ "Share of time (%)", false, true });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		add_telemetry(&c, result, rows[i][0], rows[i][1]);
	html_chart_draw(page, &c, "What the processors did over the whole run. Threads that spin while they wait count as busy: how well the hardware was used is told by MBU and MFU in the tables, and by the "
		"roofline.", NULL, telemetry_reason(result), TELEMETRY);
}

void html_figure_ceilings(struct html_page *page, const json_t *result)
{
	const json_t *all = json_object_get(result, "ceilings");
	struct html_chart c;
	size_t i;
	json_t *o;
	html_chart_init(&c, "ceilings", "Read bandwidth of the machine over the run", (struct html_axis){ "Time since the first probe (s)", false, true }, (struct html_axis){ "GB/s", false, true });
	c.least = 2;
	html_chart_series(&c, "probed", HTML_LINE);
	json_array_foreach(all, i, o)
		html_chart_point(&c, (double)(assay_json_get_int(o, "t_ns", 0) - assay_json_get_int(json_array_get(all, 0), "t_ns", 0)) / 1e9, assay_json_get_num(o, "read_gb_s", NAN));
	html_chart_draw(page, &c, "Probed between runs. Decode lives on it: where this line moves, so do the numbers, whatever the engine does.", NULL, "the machine was probed less than twice", STEPS);
}
