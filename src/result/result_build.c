/* Records -> the result document "assay.result/1" (docs/result.schema.json). A pure function of the run: no
 * clock, no file, no machine; the same journal gives the same bytes. */
#include "analysis/findings.h"
#include "analysis/targets.h"
#include "analysis/verdict.h"
#include "base/json.h"
#include "result/result.h"
#include "result/result_parts.h"

/* Of the header, under the document's name; null where the header lacks it. */
static void put_header(json_t *doc, const char *name, const json_t *header, const char *key)
{
	json_t *v = json_object_get(header, key);
	json_object_set(doc, name, v ? v : json_null());
}

/* What newer headers have: absent in the document where the header lacks it, so that older journals give the bytes that they gave. */
static void put_newer(json_t *doc, const char *key, const json_t *header)
{
	if (json_object_get(header, key))
		json_object_set(doc, key, json_object_get(header, key));
}

/* Ctrl-C, SIGTERM, or a journal that ends before its run did. */
static bool was_interrupted(const struct assay_run *run)
{
	return !run->footer || assay_json_get_bool(run->footer, "interrupted", 0);
}

static json_t *journal_json(const struct assay_run *run)
{
	double cpu_ns = assay_json_get_num(run->footer, "cpu_ns", -1);
	json_t *o = json_object();
	json_object_set_new(o, "bytes", json_integer((json_int_t)run->bytes_total));
	json_object_set_new(o, "bytes_read", json_integer((json_int_t)run->bytes_read));
	json_object_set_new(o, "torn", json_boolean(run->torn));
	json_object_set_new(o, "torn_reason", run->torn ? json_string(run->torn_reason) : json_null());
	put_header(o, "records_lost", run->footer, "records_lost");
	put_header(o, "lag_ms", run->footer, "journal_lag_ms");
	json_object_set_new(o, "cpu_ms", cpu_ns < 0 ? json_null() : json_real(cpu_ns / 1e6));
	return o;
}

static json_t *targets_json(const struct assay_run *run, const struct assay_run_metrics *m)
{
	const json_t *rows = json_object_get(run->header, "targets");
	int failed = 0;
	json_t *judged = json_is_array(rows) ? assay_targets_judge(rows, run, m, &failed) : NULL;
	return judged ? judged : json_array();
}

static void put_run_verdict(json_t *doc, const struct assay_run *run, const struct assay_run_metrics *m)
{
	struct assay_verdict v;
	assay_verdict_run(run, m, &v);
	json_object_set_new(doc, "verdict", result_verdict(&v));
	assay_verdict_release(&v);
}

static void put_about(json_t *doc, const struct assay_run *run)
{
	const json_t *h = run->header;
	json_object_set_new(doc, "schema", json_string(ASSAY_RESULT_SCHEMA));
	json_object_set_new(doc, "id", json_string(""));
	put_header(doc, "created", h, "created");
	put_header(doc, "ended", run->footer, "ended");
	json_object_set_new(doc, "interrupted", json_boolean(was_interrupted(run)));
	put_header(doc, "assay", h, "assay");
	put_header(doc, "definitions", h, "definitions");
	put_header(doc, "command", h, "argv");
	put_header(doc, "experiment", h, "experiment");
	put_header(doc, "config", h, "config");
	put_header(doc, "seed", h, "seed");
	json_object_set_new(doc, "clock", json_pack("{s:b, s:o}", "virtual", assay_json_get_bool(h, "virtual_clock", 0), "resolution_ns",
		json_object_get(h, "clock_resolution_ns") ? json_incref(json_object_get(h, "clock_resolution_ns")) : json_null()));
	put_header(doc, "machine", h, "machine");
	put_header(doc, "engine", h, "engine");
	put_header(doc, "model", h, "model");
	put_header(doc, "truth", h, "truth");
	put_newer(doc, "provenance", h);
	put_newer(doc, "redacted", h);
}

json_t *assay_result_build(const struct assay_run *run)
{
	struct assay_run_metrics m;
	json_t *doc = json_object();
	assay_run_metrics_compute(run, &m);
	put_about(doc, run);
	json_object_set_new(doc, "points", result_points(run, &m));
	if (run->n_windows)
		json_object_set_new(doc, "soak", result_soak(run));
	json_object_set_new(doc, "telemetry", result_telemetry(run));
	json_object_set_new(doc, "memory", result_memory(run));
	json_object_set_new(doc, "ceilings", result_ceilings(run));
	json_object_set_new(doc, "analysis", result_analysis(run, &m));
	json_object_set_new(doc, "findings", result_findings(run, &m));
	json_object_set_new(doc, "targets", targets_json(run, &m));
	put_run_verdict(doc, run, &m);
	json_object_set(doc, "notes", run->notes);
	json_object_set_new(doc, "unavailable", result_unavailable(doc));
	json_object_set_new(doc, "journal", journal_json(run));
	json_object_set_new(doc, "files", json_array());
	assay_run_metrics_release(&m);
	return doc;
}
