/* See face_rows.h. The formulas are those of metrics/definitions.c for one request. */
#include "report/face_rows.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "report/face_data.h"

const struct assay_run_point *face_run_point(const json_t *point, const struct assay_run *run)
{
	int64_t i = assay_json_get_int(point, "index", -1);
	return i >= 0 && (uint64_t)i < run->n_points ? &run->points[i] : NULL;
}

const struct assay_run_visit *face_measured(const json_t *point, const struct assay_run *run, size_t i)
{
	const struct assay_run_point *p = face_run_point(point, run);
	for (size_t v = 0; p && v < p->n_visits; v++)
		if (run->visits[p->first_visit + v].v.repeat >= 0 && i-- == 0)
			return &run->visits[p->first_visit + v];
	return NULL;
}

double face_per_run(const json_t *point, const char *key, size_t i)
{
	const json_t *v = json_array_get(json_object_get(face_metric(point, key), "per_run"), i);
	return json_is_number(v) ? json_number_value(v) : NAN;
}

/* The commonest value of a case's key among the seqlen points; the first of equals. */
static int64_t commonest(const json_t *points, const char *key)
{
	int64_t best = -1;
	size_t most = 0, i, k;
	json_t *p, *q;
	json_array_foreach((json_t *)points, i, p) {
		size_t n = 0;
		if (!face_is(p, "seqlen"))
			continue;
		json_array_foreach((json_t *)points, k, q)
			n += face_is(q, "seqlen") && face_case_int(q, key, 1) == face_case_int(p, key, 1);
		if (n > most) {
			most = n;
			best = face_case_int(p, key, 1);
		}
	}
	return best;
}

bool face_on_axis(const struct face_axes *a, const json_t *point, bool prompt_axis)
{
	const char *fixed = prompt_axis ? "output_tokens" : "prompt_tokens", *said = assay_json_get_str(json_object_get(point, "case"), "axis", NULL);
	if (said)
		return face_is(point, "seqlen") && !strcmp(said, prompt_axis ? "prompt" : "output");
	return face_is(point, "seqlen") && face_case_int(point, "batch_size", 1) == a->batch && face_case_int(point, fixed, 1) == (prompt_axis ? a->output : a->prompt);
}

struct face_axes face_axes(const json_t *result)
{
	const json_t *points = json_object_get(result, "points");
	struct face_axes a = { commonest(points, "prompt_tokens"), commonest(points, "output_tokens"), commonest(points, "batch_size"), false };
	size_t i;
	json_t *p;
	json_array_foreach((json_t *)points, i, p)
		a.grid = a.grid || (face_is(p, "seqlen") && !face_on_axis(&a, p, true) && !face_on_axis(&a, p, false));
	return a;
}

bool face_repeated(const json_t *result, const json_t *point)
{
	size_t i;
	json_t *p;
	json_array_foreach(json_object_get(result, "points"), i, p) {
		if (p == point)
			break;
		if (face_is(p, assay_json_get_str(point, "experiment", "")) && json_equal(json_object_get(p, "case"), json_object_get(point, "case")))
			return true;
	}
	return false;
}

const char *face_axis_name(const json_t *result, const json_t *point)
{
	struct face_axes a = face_axes(result);
	if (!face_is(point, "seqlen"))
		return "prompt";
	if (json_is_string(json_object_get(json_object_get(point, "case"), "axis")))
		return json_string_value(json_object_get(json_object_get(point, "case"), "axis"));
	if (a.grid)
		return "grid";
	return face_on_axis(&a, point, true) && !face_repeated(result, point) ? "prompt" : "output";
}

static double span_ms(int64_t from, int64_t to)
{
	return from < 0 || to < 0 ? NAN : (double)(to - from) / 1e6;
}

double face_request_ttft_ms(const struct assay_run_request *q)
{
	return span_ms(q->r.t_intended, q->r.t_first);
}

double face_request_e2el_ms(const struct assay_run_request *q)
{
	return span_ms(q->r.t_intended, q->r.t_last);
}

double face_request_tpot_ms(const struct assay_run_request *q)
{
	double after = q->n_tokens ? (double)q->r.output_tokens - q->tokens[0].n_tokens : NAN;
	return after > 0 ? span_ms(q->r.t_first, q->r.t_last) / after : NAN;
}

double face_request_tok_s(const struct assay_run_request *q)
{
	double ms = face_request_e2el_ms(q);
	return ms > 0 ? q->r.output_tokens * 1e3 / ms : NAN;
}

const struct assay_rec_memory *face_memory(const struct assay_run *run, uint32_t point, int32_t repeat, enum assay_mem_label label)
{
	for (size_t i = 0; i < run->n_memory; i++) {
		const struct assay_rec_memory *m = &run->memory[i];
		if (m->label == label && (label == ASSAY_MEM_START || label == ASSAY_MEM_LOADED || label == ASSAY_MEM_END || (m->point == point && m->repeat == repeat)))
			return m;
	}
	return NULL;
}
