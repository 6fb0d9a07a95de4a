/* The S2 document's two tables from a sweep: COMPARISON (Model, Latency, Throughput, Memory) where the model was varied, and the configuration sweep
 * (Configuration, Throughput, Latency). Latency is the mean end-to-end time of a request; GB = 10^9 bytes, of weights and KV cache in use. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "report/face_sweep.h"
#include "report/legacy.h"

#define MIB (1024.0 * 1024.0)

static const json_t *configs(const json_t *sweep) { return json_object_get(sweep, "configurations"); }

static double memory_gb(const json_t *row) { return (sweep_value(row, "weights_mib") + sweep_value(row, "kv_peak_mib")) * MIB / 1e9; }

/* The settings but the model: "threads=2 dtype=f32". */
static char *rest_of(const json_t *row)
{
	struct assay_buf b;
	const char *key;
	json_t *v;
	assay_buf_init(&b, 1 << 16);
	json_object_foreach(json_object_get(row, "settings"), key, v)
		if (strcmp(key, "model"))
			assay_buf_printf(&b, "%s%s=%s", b.len_bytes ? " " : "", key, json_string_value(v));
	char *text = xstrdup(b.data ? b.data : "");
	assay_buf_release(&b);
	return text;
}

static void cell(struct draw_table *t, double x, const char *format)
{
	char text[40] = "N/A";
	if (!isnan(x))
		snprintf(text, sizeof text, format, x);
	draw_table_cell(t, "%s", text);
}

static int write_both(const char *dir, const char *name, const char *title, struct draw_table *t, json_t *rows, struct assay_err *e)
{
	struct assay_buf b;
	char *md = xasprintf("%s.md", name), *json = xasprintf("%s.json", name);
	assay_buf_init(&b, 1 << 24);
	assay_buf_printf(&b, "## %s\n\n", title);
	draw_table_markdown(t, &b);
	int rc = legacy_write(dir, "s2", md, b.data, b.len_bytes, e);
	if (!rc)
		rc = legacy_write_json(dir, "s2", json, rows, e);
	else
		json_decref(rows);
	assay_buf_release(&b);
	draw_table_release(t);
	free(md);
	free(json);
	return rc;
}

static int write_models(const json_t *sweep, const char *dir, struct assay_err *e)
{
	struct draw_table t;
	json_t *rows = json_array();
	draw_table_init(&t);
	draw_table_col(&t, "Model", false, 0);
	draw_table_col(&t, "Latency (ms)", true, 0);
	draw_table_col(&t, "Throughput (req/s)", true, 0);
	draw_table_col(&t, "Memory (GB)", true, 0);
	for (size_t i = 0; i < json_array_size(configs(sweep)); i++) {
		const json_t *row = json_array_get(configs(sweep), i);
		const char *model = assay_json_get_str(json_object_get(row, "settings"), "model", "?");
		double latency = sweep_value(row, "e2el_ms"), rate = sweep_value(row, "request_s"), gb = memory_gb(row);
		char *rest = rest_of(row);
		draw_table_cell(&t, "%s%s%s", model, *rest ? " " : "", rest);
		cell(&t, latency, "%.2f");
		cell(&t, rate, "%.2f");
		cell(&t, gb, "%.2f");
		json_array_append_new(rows, json_pack("{s:s, s:s, s:o, s:o, s:o}", "model", model, "configuration", rest, "avg_latency_ms", assay_json_real(latency), "throughput_rps", assay_json_real(rate),
		                                      "model_memory_gb", assay_json_real(gb)));
		free(rest);
	}
	return write_both(dir, "model_comparison", "COMPARISON", &t, rows, e);
}

static int write_configurations(const json_t *sweep, const char *dir, struct assay_err *e)
{
	struct draw_table t;
	json_t *rows = json_array();
	draw_table_init(&t);
	draw_table_col(&t, "Configuration", false, 0);
	draw_table_col(&t, "Throughput (req/s)", true, 0);
	draw_table_col(&t, "Latency (ms)", true, 0);
	for (size_t i = 0; i < json_array_size(configs(sweep)); i++) {
		const json_t *row = json_array_get(configs(sweep), i);
		const char *name = assay_json_get_str(row, "name", "?");
		double latency = sweep_value(row, "e2el_ms"), rate = sweep_value(row, "request_s");
		draw_table_cell(&t, "%s", name);
		cell(&t, rate, "%.2f");
		cell(&t, latency, "%.2f");
		json_array_append_new(rows, json_pack("{s:s, s:o, s:o}", "configuration", name, "throughput_rps", assay_json_real(rate), "avg_latency_ms", assay_json_real(latency)));
	}
	return write_both(dir, "configuration_sweep", "Configuration sweep", &t, rows, e);
}

int sweep_s2_write(const json_t *sweep, const char *dir, struct assay_err *e)
{
	bool models = json_object_get(json_object_get(json_array_get(configs(sweep), 0), "settings"), "model");
	return (models && write_models(sweep, dir, e)) || write_configurations(sweep, dir, e) ? e->code : 0;
}
