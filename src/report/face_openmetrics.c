/* openmetrics.txt: every metric as a family, for Prometheus and what speaks its format: a distribution as a summary with n and, apart, its mean; a
 * value of runs as a gauge. A family's help is the metric's definition. Computes nothing. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "draw/file.h"
#include "draw/openmetrics.h"
#include "metrics/definitions.h"
#include "report/face_data.h"
#include "report/faces.h"

/* What every sample of a point carries. New reference. */
static json_t *labels_of(const json_t *result, const json_t *p)
{
	const json_t *model = json_object_get(result, "model");
	const char *key;
	json_t *v, *o = json_pack("{s:s, s:s, s:s, s:s, s:I}", "experiment", assay_json_get_str(p, "experiment", ""), "engine", assay_json_get_str(json_object_get(result, "engine"), "name", ""), "model",
	                          face_model(result), "dtype", assay_json_get_str(model, "dtype", ""), "point", (json_int_t)assay_json_get_int(p, "index", -1));
	json_object_foreach(json_object_get(p, "case"), key, v)
		if (!json_object_get(o, key) && strcmp(key, "quantile"))
			json_object_set(o, key, v);
	return o;
}

static bool measured(const json_t *m) { return json_is_number(json_object_get(m, "value")) || json_is_number(json_object_get(m, "mean")); }

static void quantiles(struct assay_buf *b, const char *name, const json_t *labels, const json_t *m)
{
	static const struct { const char *key, *quantile; } q[] = { { "p50", "0.5" }, { "p90", "0.9" }, { "p95", "0.95" }, { "p99", "0.99" } };
	char count[OPENMETRICS_NAME_MAX + 8];
	for (size_t i = 0; i < sizeof q / sizeof *q; i++)
		if (json_is_number(json_object_get(m, q[i].key)))
			openmetrics_sample(b, name, labels, "quantile", q[i].quantile, assay_json_get_num(m, q[i].key, NAN));
	snprintf(count, sizeof count, "%s_count", name);
	openmetrics_sample(b, count, labels, NULL, NULL, (double)assay_json_get_int(m, "n", 0));
}

/* All samples of one family: a summary's quantiles and counts, or gauges of "value" or "mean". */
static void family(struct assay_buf *b, const json_t *result, const struct assay_metric *def, const char *part)
{
	char name[OPENMETRICS_NAME_MAX];
	const char *unit, *stat = part ? part : "value";
	const json_t *p, *points = json_object_get(result, "points");
	bool begun = false;
	openmetrics_name(name, def->key, def->unit, part, &unit);
	for (size_t i = 0; i < json_array_size(points); i++) {
		p = json_array_get(points, i);
		const json_t *m = face_metric(p, def->key);
		bool summary = !part && json_object_get(m, "p50");
		if (!measured(m) || (!summary && !json_is_number(json_object_get(m, stat))))
			continue;
		if (!begun)
			openmetrics_family(b, name, summary ? "summary" : "gauge", unit, def->definition);
		begun = true;
		json_t *labels = labels_of(result, p);
		if (summary)
			quantiles(b, name, labels, m);
		else
			openmetrics_sample(b, name, labels, NULL, NULL, assay_json_get_num(m, stat, NAN));
		json_decref(labels);
	}
}

static void about(struct assay_buf *b, const json_t *result)
{
	static const char *const states[] = { "VALID", "CAUTION", "INVALID" };
	json_t *labels = json_pack("{s:s, s:s, s:s}", "id", assay_json_get_str(result, "id", ""), "created", assay_json_get_str(result, "created", ""), "version",
	                           assay_json_get_str(json_object_get(result, "assay"), "version", ""));
	openmetrics_family(b, "assay_run", "info", NULL, "The run that these numbers are of.");
	openmetrics_sample(b, "assay_run_info", labels, NULL, NULL, 1);
	json_decref(labels);
	openmetrics_family(b, "assay_verdict", "stateset", NULL, "How far the numbers can be trusted.");
	for (int i = 0; i < 3; i++)
		openmetrics_sample(b, "assay_verdict", NULL, "assay_verdict", states[i], !strcmp(assay_json_get_str(json_object_get(result, "verdict"), "state", ""), states[i]));
}

static void targets(struct assay_buf *b, const json_t *result)
{
	const json_t *list = json_object_get(result, "targets");
	bool begun = false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i), *bound = json_object_get(row, "bound");
		json_t *labels = json_pack("{s:I, s:s, s:s, s:O*, s:O*}", "row", (json_int_t)i, "metric", assay_json_get_str(row, "metric", ""), "stat", assay_json_get_str(row, "stat", ""), "max",
		                           json_object_get(bound, "max"), "min", json_object_get(bound, "min"));
		if (json_is_boolean(json_object_get(row, "met"))) {
			if (!begun)
				openmetrics_family(b, "assay_target_met", "gauge", NULL, "1 where a target was met, 0 where it was missed; a target that was not measured has no sample.");
			begun = true;
			openmetrics_sample(b, "assay_target_met", labels, NULL, NULL, json_is_true(json_object_get(row, "met")));
		}
		json_decref(labels);
	}
}

static int write_openmetrics(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	struct assay_buf b;
	size_t n;
	const struct assay_metric *table = assay_metric_table(&n);
	(void)run;
	assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
	about(&b, result);
	for (size_t i = 0; i < n; i++) {
		family(&b, result, &table[i], NULL);
		if (table[i].scope == ASSAY_PER_REQUEST || table[i].scope == ASSAY_PER_TOKEN || table[i].scope == ASSAY_PER_STEP)
			family(&b, result, &table[i], "mean");
	}
	targets(&b, result);
	assay_buf_puts(&b, "# EOF\n");
	return draw_file_write(&b, dir, "openmetrics.txt", e);
}

const struct assay_face face_openmetrics = { "openmetrics", "openmetrics.txt: metric families for Prometheus", false, write_openmetrics, "openmetrics.txt" };
