/* Every metric of every point: counts what happened, then lets each part add its metrics. The order of keys
 * here is the order in the result. */
#include "metrics/point_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "metrics/outcome.h"
#include "metrics/point_builder.h"
#include "metrics/stream_rows.h"

/* Requests of a cut run that simply had not ended are neither successes nor failures. */
static bool is_failure(enum assay_end end, bool interrupted)
{
	return !assay_end_ok(end) && !(interrupted && (end == ASSAY_END_UNFINISHED || end == ASSAY_END_CANCELLED));
}

static void count_visit(struct point_builder *b, const struct assay_run_visit *v, bool interrupted)
{
	struct assay_point_metrics *p = b->out;
	const struct assay_run_request *q = visit_requests(b, v);
	for (size_t i = 0; i < v->n_requests; i++) {
		enum assay_end end = assay_request_outcome(&q[i], b->ignore_eos);
		p->offered++;
		p->succeeded += assay_end_ok(end);
		p->failed += is_failure(end, interrupted);
		if ((unsigned)end < ASSAY_END_N)
			p->end_states[end]++;
		if (!assay_end_ok(end))
			continue;
		p->prompt_tokens += q[i].r.prompt_tokens;
		p->output_tokens += q[i].r.output_tokens;
	}
}

/* Why a whole point has no values. */
static void missing_point(struct point_builder *b, const char *status)
{
	const char *why = assay_point_status_reason(b->run, b->point);
	if (!strcmp(status, "ok") || !strcmp(status, "interrupted")) {
		if (b->out->offered && !b->out->succeeded && b->out->failed)
			reason_set(b->missing, "all %zu requests failed", b->out->failed);
		else if (!b->out->succeeded)
			reason_set(b->missing, "%s", *status == 'i' ? "interrupted before a request ended" : "no request was measured");
		return;
	}
	if (b->out->succeeded && strcmp(status, "limit"))
		return; /* an error after some runs: what was measured stands, the status says the rest */
	reason_set(b->missing, "%s%s%s", status, *why ? ": " : "", why);
}

static void builder_open(struct point_builder *b, const struct assay_run *run, size_t point, struct assay_point_metrics *out)
{
	const struct assay_run_point *pt = &run->points[point];
	*b = (struct point_builder){ .run = run, .point = point, .info = pt->info, .kase = json_object_get(pt->info, "case"), .out = out };
	b->virtual_clock = assay_json_get_bool(run->header, "virtual_clock", 0);
	b->ignore_eos = assay_point_ignores_eos(run, point);
	b->stream = assay_stream_point(run, point);
	b->visits = xalloc(pt->n_visits * sizeof *b->visits);
	const char *status = assay_point_status(run, point);
	for (size_t i = 0; i < pt->n_visits; i++) {
		const struct assay_run_visit *v = &run->visits[pt->first_visit + i];
		if (v->v.repeat < 0) {
			out->warmups_done += v->v.t1_ns >= 0;
			continue;
		}
		out->runs_done += v->v.t1_ns >= 0;
		b->visits[b->n_visits++] = v;
		count_visit(b, v, !strcmp(status, "interrupted"));
	}
	if (b->stream)
		point_stream_count(b);
	missing_point(b, status);
}

/* ---- speed-up: the one metric that looks at another point ---- */

/* Equal but for the batch size. */
static bool same_but_batch(const json_t *a, const json_t *b)
{
	json_t *x = json_deep_copy(a), *y = json_deep_copy(b);
	json_object_del(x, "batch_size");
	json_object_del(y, "batch_size");
	bool same = json_equal(x, y);
	json_decref(x);
	json_decref(y);
	return same;
}

static const struct assay_value *batch_one(const struct assay_run *run, const struct assay_run_metrics *m, size_t point)
{
	const json_t *info = run->points[point].info, *kase = json_object_get(info, "case");
	for (size_t i = 0; i < run->n_points; i++) {
		const json_t *other = run->points[i].info, *ok = json_object_get(other, "case");
		if (!strcmp(assay_json_get_str(info, "experiment", ""), assay_json_get_str(other, "experiment", "?")) &&
		    assay_json_get_int(ok, "batch_size", 0) == 1 && same_but_batch(kase, ok))
			return assay_point_value(&m->points[i], "output_tok_s");
	}
	return NULL;
}

/* Divides this point's throughput per run by the mean of the batch-1 point, and by `per`. */
static void add_relative(struct point_builder *b, const char *key, const struct assay_value *one, double per)
{
	const struct assay_value *mine = assay_point_value(b->out, "output_tok_s");
	double *x = xalloc(mine->n_per_run * sizeof *x);
	double *per_run = xalloc(mine->n_per_run * sizeof *per_run);
	size_t n = 0, n_runs = mine->n_per_run;
	for (size_t i = 0; i < n_runs; i++) {
		per_run[i] = one && one->value > 0 ? mine->per_run[i] / one->value / per : NAN;
		if (!isnan(per_run[i]))
			x[n++] = per_run[i];
	}
	char reason[REASON_BYTES];
	reason_set(reason, "%s", n ? "" : !one || isnan(one->value) ? "no measured batch-1 point of these lengths" : mine->reason);
	point_add_value(b, key, NAN, reason);
	struct assay_value *v = &b->out->values[b->out->n_values - 1];
	assay_summarise(x, n, 0, &v->s);
	v->value = v->s.mean;
	v->per_run = per_run;
	v->n_per_run = n_runs;
	free(x);
}

static void speedups(const struct assay_run *run, struct assay_run_metrics *m)
{
	for (size_t i = 0; i < run->n_points; i++) {
		int64_t batch = assay_json_get_int(json_object_get(run->points[i].info, "case"), "batch_size", 0);
		if (batch <= 0)
			continue;
		struct point_builder b = { .run = run, .point = i, .out = &m->points[i] };
		const struct assay_value *one = batch_one(run, m, i);
		if (!m->points[i].succeeded)
			reason_set(b.missing, "%s", assay_point_value(&m->points[i], "output_tok_s")->reason);
		add_relative(&b, "speedup", one, 1);
		add_relative(&b, "efficiency", one, (double)batch);
	}
}

void assay_run_metrics_compute(const struct assay_run *run, struct assay_run_metrics *out)
{
	out->n_points = run->n_points;
	out->points = xalloc(run->n_points * sizeof *out->points);
	for (size_t i = 0; i < run->n_points; i++) {
		struct point_builder b;
		builder_open(&b, run, i, &out->points[i]);
		if (b.stream) {
			point_stream_metrics(&b);
		} else {
			point_request_metrics(&b);
			point_run_metrics(&b);
		}
		point_memory_metrics(&b);
		point_machine_metrics(&b);
		point_energy_metrics(&b);
		point_cost_metrics(&b);
		free(b.visits);
	}
	speedups(run, out);
}

void assay_run_metrics_release(struct assay_run_metrics *m)
{
	for (size_t i = 0; i < m->n_points; i++) {
		for (size_t k = 0; k < m->points[i].n_values; k++) {
			free(m->points[i].values[k].per_run);
			free(m->points[i].values[k].curve);
		}
		free(m->points[i].values);
	}
	free(m->points);
	*m = (struct assay_run_metrics){ 0 };
}

const struct assay_value *assay_point_value(const struct assay_point_metrics *p, const char *key)
{
	for (size_t i = 0; i < p->n_values; i++)
		if (!strcmp(p->values[i].def->key, key))
			return &p->values[i];
	return NULL;
}
