/* points[].series of the result document: what figures of a point are drawn from. Only shows what metrics/ found. */
#include "base/json.h"
#include "metrics/series.h"
#include "result/result_parts.h"

json_t *result_numbers(const double *x, size_t n)
{
	json_t *a = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, assay_json_real(x[i]));
	return a;
}

static void put_reason(json_t *reasons, const char *part, const char *reason)
{
	if (*reason)
		json_object_set_new(reasons, part, json_string(reason));
}

/* {KEY: {n, values}}; a key with too few samples is null, with its reason. */
static json_t *distribution(const struct assay_point_metrics *p, json_t *reasons)
{
	static const char *const keys[] = { "ttft_ms", "itl_ms", "tpot_ms", "e2el_ms" };
	json_t *o = json_object();
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct assay_value *v = assay_point_value(p, keys[i]);
		if (v->curve) {
			json_object_set_new(o, keys[i], json_pack("{s:I, s:o}", "n", (json_int_t)v->s.n, "values", result_numbers(v->curve, v->n_curve)));
			continue;
		}
		json_object_set_new(o, keys[i], json_null());
		put_reason(reasons, keys[i], *v->reason ? v->reason : "fewer than 5 samples");
	}
	return o;
}

static json_t *over_time(const struct assay_over_time *t, json_t *reasons)
{
	put_reason(reasons, "over_time", t->reason);
	if (!t->bins)
		return json_null();
	put_reason(reasons, "kv_used_mib", t->kv_reason);
	return json_pack("{s:i, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "repeat", t->repeat, "bin_s", t->bin_s, "t_s", result_numbers(t->t_s, t->bins), "output_tok_s",
		result_numbers(t->output_tok_s, t->bins), "itl_ms_p50", result_numbers(t->itl_ms_p50, t->bins), "itl_ms_max", result_numbers(t->itl_ms_max, t->bins), "running",
		result_numbers(t->running, t->bins), "kv_used_mib", *t->kv_reason ? json_null() : result_numbers(t->kv_used_mib, t->bins));
}

static json_t *steady(const struct assay_steady_span *s, json_t *reasons)
{
	put_reason(reasons, "steady", s->reason);
	return *s->reason ? json_null() : json_pack("{s:f, s:f, s:f, s:I}", "t0_s", s->t0_s, "t1_s", s->t1_s, "length_s", s->length_s, "stretches", (json_int_t)s->stretches);
}

json_t *result_series(const struct assay_run *run, const struct assay_run_metrics *m, size_t point)
{
	struct assay_series s;
	json_t *o = json_object(), *reasons = json_object();
	assay_series_compute(run, point, &s);
	json_object_set_new(o, "distribution", distribution(&m->points[point], reasons));
	json_object_set_new(o, "over_time", over_time(&s.over, reasons));
	json_object_set_new(o, "steady", steady(&s.steady, reasons));
	json_object_set_new(o, "reasons", reasons);
	return o;
}
