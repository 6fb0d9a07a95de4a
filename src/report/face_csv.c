/* The CSV files: one row a request or a run, columns as the documents' users expect them (field names are a
 * contract: docs/results.md). A case that could not be measured keeps its row, empty but for its status. */
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "draw/csv.h"
#include "metrics/outcome.h"
#include "metrics/stream_rows.h"
#include "report/face_data.h"
#include "report/face_rows.h"
#include "report/faces.h"

static void status_cell(struct csv *c, const json_t *point)
{
	char text[400];
	const char *reason = assay_json_get_str(point, "reason", NULL);
	snprintf(text, sizeof text, "%s%s%s", assay_json_get_str(point, "status", "?"), reason ? ": " : "", reason ? reason : "");
	csv_text(c, text);
}

static void case_cell(struct csv *c, const json_t *point, const char *key)
{
	const json_t *v = json_object_get(json_object_get(point, "case"), key);
	if (json_is_string(v))
		csv_text(c, json_string_value(v));
	else
		csv_count(c, json_is_integer(v) ? json_integer_value(v) : -1);
}

static void empty_cells(struct csv *c, int n)
{
	while (n--)
		csv_text(c, NULL);
}

/* ---- latency_results.csv: a row a request ---- */
static void latency_row(struct csv *c, const char *label, int run_number, const struct assay_run_request *q, bool ignore_eos)
{
	csv_int(c, run_number);
	csv_text(c, label);
	csv_int(c, q->r.prompt_tokens);
	csv_int(c, q->r.output_tokens);
	csv_num(c, face_request_ttft_ms(q));
	csv_num(c, face_request_tpot_ms(q));
	csv_num(c, face_request_e2el_ms(q));
	csv_num(c, face_request_tok_s(q));
	csv_text(c, assay_end_name(assay_request_outcome(q, ignore_eos)));
	csv_end(c);
}

static void latency_point(struct csv *c, const json_t *p, const struct assay_run *run)
{
	const struct assay_run_visit *v = face_measured(p, run, 0);
	bool ignore_eos = assay_point_ignores_eos(run, (size_t)assay_json_get_int(p, "index", 0));
	char label[96];
	face_case(label, p);
	if (!v) {
		csv_text(c, NULL);
		csv_text(c, label);
		case_cell(c, p, "prompt_tokens");
		case_cell(c, p, "output_tokens");
		empty_cells(c, 4);
		status_cell(c, p);
		csv_end(c);
	}
	for (size_t i = 0; (v = face_measured(p, run, i)); i++)
		for (size_t k = 0; k < v->n_requests; k++)
			latency_row(c, label, (int)i + 1, &run->requests[v->first_request + k], ignore_eos);
}

/* ---- throughput_results.csv: a row a run ---- */
static void throughput_row(struct csv *c, const json_t *result, const json_t *p, const struct assay_run *run, const struct assay_run_visit *v, size_t i)
{
	int64_t prompt = 0, output = 0;
	(void)result;
	for (size_t k = 0; v && k < v->n_requests; k++) {
		prompt += run->requests[v->first_request + k].r.prompt_tokens;
		output += run->requests[v->first_request + k].r.output_tokens;
	}
	case_cell(c, p, "batch_size");
	csv_count(c, v ? (int64_t)i + 1 : -1);
	csv_num(c, face_per_run(p, "wall_s", i));
	csv_count(c, v ? (int64_t)v->n_requests : -1);
	csv_count(c, v ? prompt : -1);
	csv_count(c, v ? output : -1);
	csv_num(c, face_per_run(p, "output_tok_s", i));
	csv_num(c, face_per_run(p, "request_s", i));
	csv_num(c, face_per_run(p, "speedup", i));
	csv_num(c, face_per_run(p, "gpu_util", i) * 100);
	csv_num(c, face_per_run(p, "rss_peak_mib", i));
	status_cell(c, p);
	csv_end(c);
}

/* ---- sequence_length_results.csv: a row a run ---- */
static void sequence_row(struct csv *c, const json_t *result, const json_t *p, const struct assay_run *run, const struct assay_run_visit *v, size_t i)
{
	(void)run;
	csv_text(c, face_axis_name(result, p));
	case_cell(c, p, "prompt_tokens");
	case_cell(c, p, "output_tokens");
	csv_count(c, v ? (int64_t)i + 1 : -1);
	csv_num(c, face_per_run(p, "ttft_ms", i));
	csv_num(c, face_per_run(p, "tpot_ms", i));
	csv_num(c, face_per_run(p, "e2el_ms", i));
	csv_num(c, face_per_run(p, "prefill_tok_s", i));
	csv_num(c, face_per_run(p, "decode_tok_s", i));
	status_cell(c, p);
	csv_end(c);
}

/* ---- memory_results.csv: a row a run ---- */
static void mib_cell(struct csv *c, const struct assay_rec_memory *m, int64_t bytes)
{
	csv_num(c, m && bytes >= 0 ? (double)bytes / (1024.0 * 1024.0) : NAN);
}

static void memory_row(struct csv *c, const json_t *result, const json_t *p, const struct assay_run *run, const struct assay_run_visit *v, size_t i)
{
	uint32_t point = (uint32_t)assay_json_get_int(p, "index", 0);
	const struct assay_rec_memory none = { 0 };
	(void)result;
	const struct assay_rec_memory *before = v ? face_memory(run, point, v->v.repeat, ASSAY_MEM_BEFORE_RUN) : NULL;
	const struct assay_rec_memory *after = v ? face_memory(run, point, v->v.repeat, ASSAY_MEM_AFTER_RUN) : NULL;
	const struct assay_rec_memory *b = before ? before : &none, *a = after ? after : &none;
	case_cell(c, p, "prompt_tokens");
	case_cell(c, p, "output_tokens");
	csv_count(c, v ? (int64_t)i + 1 : -1);
	mib_cell(c, before, b->rss_bytes);
	mib_cell(c, after, a->rss_bytes);
	csv_num(c, face_per_run(p, "rss_peak_mib", i));
	csv_num(c, face_per_run(p, "rss_delta_mib", i));
	mib_cell(c, after, a->pss_bytes);
	mib_cell(c, after, a->hwm_bytes);
	mib_cell(c, after, a->weight_bytes);
	mib_cell(c, after, a->kv_pool_bytes);
	csv_num(c, face_per_run(p, "kv_used_mib", i));
	csv_num(c, face_per_run(p, "kv_peak_mib", i));
	mib_cell(c, after, a->workspace_bytes);
	status_cell(c, p);
	csv_end(c);
}

/* ---- records.csv: a row a request of every experiment, warm-ups too ---- */
static void record_row(struct csv *c, const json_t *p, const struct assay_run_visit *v, const struct assay_run_request *q, bool ignore_eos)
{
	char label[96];
	face_case(label, p);
	csv_int(c, assay_json_get_int(p, "index", -1));
	csv_text(c, assay_json_get_str(p, "experiment", ""));
	csv_text(c, label);
	csv_int(c, v->v.repeat);
	csv_int(c, v->v.order);
	csv_int(c, q->r.id);
	csv_text(c, assay_end_name(assay_request_outcome(q, ignore_eos)));
	csv_int(c, q->r.prompt_tokens);
	csv_int(c, q->r.max_tokens);
	csv_int(c, q->r.output_tokens);
	csv_count(c, q->r.reported_tokens == UINT32_MAX ? -1 : (int64_t)q->r.reported_tokens);
	csv_int(c, q->r.events);
	csv_count(c, q->r.preemptions == UINT32_MAX ? -1 : (int64_t)q->r.preemptions);
	csv_count(c, q->r.t_intended);
	csv_count(c, q->r.t_sent);
	csv_count(c, q->r.t_scheduled);
	csv_count(c, q->r.t_first);
	csv_count(c, q->r.t_last);
	csv_count(c, q->r.t_end);
	csv_num(c, face_request_ttft_ms(q));
	csv_num(c, face_request_tpot_ms(q));
	csv_num(c, face_request_e2el_ms(q));
	csv_end(c);
}

static void record_point(struct csv *c, const json_t *p, const struct assay_run *run)
{
	const struct assay_run_point *rp = face_run_point(p, run);
	for (size_t i = 0; rp && i < rp->n_visits; i++) {
		const struct assay_run_visit *v = &run->visits[rp->first_visit + i];
		for (size_t k = 0; k < v->n_requests; k++)
			record_row(c, p, v, &run->requests[v->first_request + k], assay_point_ignores_eos(run, v->v.point));
	}
}

/* ---- windows of a stream ---- */
static void put_ms(struct csv *c, const struct assay_rec_dist *d, double ns)
{
	csv_num(c, d->n ? ns / 1e6 : NAN);
}

static void window_row(struct csv *c, const json_t *p, const struct assay_run_window *x)
{
	const struct assay_rec_window *w = &x->w;
	const struct assay_rec_dist *ttft = &x->d[ASSAY_STREAM_TTFT], *tpot = &x->d[ASSAY_STREAM_TPOT], *e2el = &x->d[ASSAY_STREAM_E2EL];
	csv_int(c, w->index);
	csv_int(c, w->point);
	csv_text(c, assay_json_get_str(json_object_get(p, "case"), "load", ""));
	csv_text(c, assay_window_part(w));
	csv_num(c, (double)w->elapsed_ns / 1e9);
	csv_num(c, (double)(w->t1_ns - w->t0_ns) / 1e9);
	csv_num(c, w->load_per_s);
	csv_int(c, w->offered);
	csv_int(c, (int64_t)w->ends[ASSAY_END_LENGTH] + w->ends[ASSAY_END_STOP]);
	csv_int(c, (int64_t)assay_window_failed_count(w));
	csv_int(c, w->ends[ASSAY_END_UNSENT]);
	csv_int(c, w->prompt_tokens);
	csv_int(c, w->output_tokens);
	csv_int(c, w->tokens);
	put_ms(c, ttft, ttft->p50);
	put_ms(c, ttft, ttft->p95);
	put_ms(c, ttft, ttft->p99);
	put_ms(c, tpot, tpot->p50);
	put_ms(c, tpot, tpot->p99);
	put_ms(c, e2el, e2el->p50);
	put_ms(c, e2el, e2el->p99);
	csv_int(c, w->most_live);
	csv_int(c, w->live_end);
	csv_num(c, w->steps ? (double)w->busy_ns / 1e9 : NAN);
	csv_num(c, w->cpu_ns < 0 ? NAN : (double)w->cpu_ns / 1e9);
	csv_num(c, w->rss_mean_bytes < 0 ? NAN : (double)w->rss_mean_bytes / 1048576);
	csv_end(c);
}

static void window_point(struct csv *c, const json_t *p, const struct assay_run *run)
{
	for (size_t i = 0; i < run->n_windows; i++)
		if (run->windows[i].w.point == (uint64_t)assay_json_get_int(p, "index", -1))
			window_row(c, p, &run->windows[i]);
}

/* ---- files ---- */
typedef void row_fn(struct csv *c, const json_t *result, const json_t *p, const struct assay_run *run, const struct assay_run_visit *v, size_t i);

/* A row a measured run, or one row for a case that has none. */
static void run_rows(struct csv *c, const json_t *result, const json_t *p, const struct assay_run *run, row_fn *row)
{
	const struct assay_run_visit *v = face_measured(p, run, 0);
	if (!v)
		row(c, result, p, run, NULL, 0);
	for (size_t i = 0; (v = face_measured(p, run, i)); i++)
		row(c, result, p, run, v, i);
}

static const struct file {
	const char *name, *experiments[2], *header;
	void (*each)(struct csv *c, const json_t *p, const struct assay_run *run);
	row_fn *row;                              /* used when each is NULL */
} files[] = {
	{ "latency_results.csv", { "latency" }, "run,test_case,prompt_tokens,output_tokens,ttft_ms,tpot_ms,e2e_ms,output_tok_s,status", latency_point, NULL },
	{ "throughput_results.csv", { "throughput" },
	  "batch_size,repeat,wall_s,requests,prompt_tokens,output_tokens,output_tok_s,req_s,speedup,gpu_util_mean,mem_peak_mb,status", NULL, throughput_row },
	{ "sequence_length_results.csv", { "seqlen", "longdoc" }, "axis,prompt_tokens,output_tokens,repeat,ttft_ms,tpot_ms,e2e_ms,prefill_tok_s,decode_tok_s,status", NULL, sequence_row },
	{ "memory_results.csv", { "memory" },
	  "prompt_tokens,output_tokens,repeat,rss_before_mib,rss_after_mib,rss_peak_mib,rss_delta_mib,pss_mib,hwm_mib,weights_mib,kv_pool_mib,kv_used_mib,kv_peak_mib,workspace_mib,status",
	  NULL, memory_row },
	{ "windows.csv", { "soak" },
	  "window,point,load,part_of,elapsed_s,seconds,load_per_s,offered,succeeded,failed,unsent,prompt_tokens,output_tokens,tokens,ttft_p50_ms,ttft_p95_ms,ttft_p99_ms,"
	  "tpot_p50_ms,tpot_p99_ms,e2el_p50_ms,e2el_p99_ms,live_most,live_end,busy_s,cpu_s,rss_mib", window_point, NULL },
	{ "records.csv", { NULL },
	  "point,experiment,case,repeat,order,request,end_state,prompt_tokens,max_tokens,output_tokens,reported_tokens,events,preemptions,"
	  "t_intended_ns,t_sent_ns,t_scheduled_ns,t_first_ns,t_last_ns,t_end_ns,ttft_ms,tpot_ms,e2el_ms", record_point, NULL },
};

static bool belongs(const struct file *f, const json_t *p)
{
	return !f->experiments[0] || face_is(p, f->experiments[0]) || (f->experiments[1] && face_is(p, f->experiments[1]));
}

static int write_file(const struct file *f, const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	struct csv c;
	size_t i, n = 0;
	json_t *p;
	csv_init(&c, f->header);
	json_array_foreach(json_object_get(result, "points"), i, p) {
		if (!belongs(f, p))
			continue;
		n++;
		if (f->each)
			f->each(&c, p, run);
		else
			run_rows(&c, result, p, run, f->row);
	}
	int rc = n ? csv_write(&c, dir, f->name, e) : 0;
	csv_release(&c);
	return rc;
}

static int write_csv(const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < sizeof files / sizeof *files; i++)
		rc = write_file(&files[i], result, run, dir, e);
	return rc;
}

const struct assay_face face_csv = { "csv", "latency, throughput, sequence length, memory and records as CSV", false, write_csv };
