/* results.jsonl: a line a point and metric; records.jsonl: a line a request. Flat objects that always have the same keys, for data frames and log
 * stores; missing is null with its reason. Computes nothing. */
#include <string.h>

#include "base/json.h"
#include "draw/file.h"
#include "metrics/outcome.h"
#include "report/face_data.h"
#include "report/face_rows.h"
#include "report/faces.h"
#include "report/jsonl.h"

static json_t *text(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);
	return v && !json_is_object(v) && !json_is_array(v) ? json_incref(v) : json_null();
}

static json_t *element(const json_t *m, const char *key, size_t i)
{
	json_t *v = json_array_get(json_object_get(m, key), i);
	return v ? json_incref(v) : json_null();
}

/* What both kinds of lines begin with: whose number it is, of which case. */
static json_t *line_of(const json_t *result, const json_t *p, const char *step)
{
	const json_t *model = json_object_get(result, "model");
	const char *key;
	json_t *v, *o = json_object();
	if (step)
		json_object_set_new(o, "step", json_string(step));
	json_object_set_new(o, "result", text(result, "id"));
	json_object_set_new(o, "created", text(result, "created"));
	json_object_set_new(o, "engine", text(json_object_get(result, "engine"), "name"));
	json_object_set_new(o, "model", text(model, "name"));
	json_object_set_new(o, "dtype", text(model, "dtype"));
	json_object_set_new(o, "point", text(p, "index"));
	json_object_set_new(o, "experiment", text(p, "experiment"));
	json_object_foreach(json_object_get(p, "case"), key, v) {
		char name[80];
		snprintf(name, sizeof name, "case_%.70s", key);
		if (!json_is_object(v) && !json_is_array(v))
			json_object_set(o, name, v);
	}
	return o;
}

static void print_line(struct assay_buf *out, json_t *o)
{
	assay_json_print(out, o, 0);
	assay_buf_puts(out, "\n");
	json_decref(o);
}

void face_jsonl_results(const json_t *result, const char *step, struct assay_buf *out)
{
	static const char *const stats[] = { "std", "min", "max", "p50", "p90", "p95", "p99" };
	const char *key;
	size_t i;
	json_t *p, *m;
	json_array_foreach(json_object_get(result, "points"), i, p)
		json_object_foreach(json_object_get(p, "metrics"), key, m) {
			json_t *o = line_of(result, p, step);
			json_object_set_new(o, "status", text(p, "status"));
			json_object_set_new(o, "verdict", text(json_object_get(p, "verdict"), "state"));
			json_object_set_new(o, "metric", json_string(key));
			json_object_set_new(o, "unit", text(m, "unit"));
			json_object_set_new(o, "n", text(m, "n"));
			json_object_set_new(o, "value", text(m, json_object_get(m, "value") ? "value" : "mean"));
			for (size_t k = 0; k < sizeof stats / sizeof *stats; k++)
				json_object_set_new(o, stats[k], text(m, stats[k]));
			json_object_set_new(o, "ci95_low", element(m, "ci95", 0));
			json_object_set_new(o, "ci95_high", element(m, "ci95", 1));
			json_object_set_new(o, "reason", text(m, "reason"));
			print_line(out, o);
		}
}

/* Negative: unknown. */
static json_t *stamp(int64_t t) { return t < 0 ? json_null() : json_integer(t); }

static void request_line(struct assay_buf *out, json_t *o, const struct assay_run_visit *v, const struct assay_run_request *q, bool ignore_eos)
{
	const struct { const char *key; int64_t x; } ints[] = {
		{ "repeat", v->v.repeat }, { "order", v->v.order }, { "request", q->r.id }, { "prompt_tokens", q->r.prompt_tokens }, { "max_tokens", q->r.max_tokens }, { "output_tokens", q->r.output_tokens },
		{ "events", q->r.events },
	};
	const struct { const char *key; int64_t t; } stamps[] = {
		{ "t_intended_ns", q->r.t_intended }, { "t_sent_ns", q->r.t_sent }, { "t_scheduled_ns", q->r.t_scheduled }, { "t_first_ns", q->r.t_first }, { "t_last_ns", q->r.t_last }, { "t_end_ns", q->r.t_end },
		{ "reported_tokens", q->r.reported_tokens == UINT32_MAX ? -1 : (int64_t)q->r.reported_tokens }, { "preemptions", q->r.preemptions == UINT32_MAX ? -1 : (int64_t)q->r.preemptions },
	};
	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
		json_object_set_new(o, ints[i].key, json_integer(ints[i].x));
	for (size_t i = 0; i < sizeof stamps / sizeof *stamps; i++)
		json_object_set_new(o, stamps[i].key, stamp(stamps[i].t));
	json_object_set_new(o, "end_state", json_string(assay_end_name(assay_request_outcome(q, ignore_eos))));
	json_object_set_new(o, "ttft_ms", assay_json_real(face_request_ttft_ms(q)));
	json_object_set_new(o, "tpot_ms", assay_json_real(face_request_tpot_ms(q)));
	json_object_set_new(o, "e2el_ms", assay_json_real(face_request_e2el_ms(q)));
	print_line(out, o);
}

static void point_lines(struct assay_buf *out, const json_t *result, const json_t *p, const struct assay_run *run)
{
	const struct assay_run_point *rp = face_run_point(p, run);
	for (size_t i = 0; rp && i < rp->n_visits; i++) {
		const struct assay_run_visit *v = &run->visits[rp->first_visit + i];
		for (size_t k = 0; k < v->n_requests; k++)
			request_line(out, line_of(result, p, NULL), v, &run->requests[v->first_request + k], assay_point_ignores_eos(run, v->v.point));
	}
}

static int write_jsonl(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	struct assay_buf b;
	size_t i;
	json_t *p;
	assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
	face_jsonl_results(result, NULL, &b);
	int rc = draw_file_write(&b, dir, "results.jsonl", e);
	if (rc)
		return rc;
	assay_buf_init(&b, DRAW_FILE_BYTES_MAX);
	json_array_foreach(json_object_get(result, "points"), i, p)
		point_lines(&b, result, p, run);
	return draw_file_write(&b, dir, "records.jsonl", e);
}

const struct assay_face face_jsonl = { "jsonl", "results.jsonl: a line a point and metric; records.jsonl: a line a request", false, write_jsonl, "results.jsonl" };
