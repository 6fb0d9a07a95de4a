/* See roofline.h. */
#include "analysis/roofline.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "metrics/machine_use.h"

const char *assay_bound_name(enum assay_bound b)
{
	static const char *const names[] = { "unknown", "memory-bound", "compute-bound", "overhead-bound" };
	return names[b];
}

/* The GEMM ceiling of the model's type; other types than bf16 are computed in f32. */
static double gemm_ceiling(const struct assay_run *run, const struct assay_run_visit *v, const char **gemm_dtype)
{
	const char *dtype = assay_json_get_str(json_object_get(run->header, "model"), "dtype", "");
	double x = !strcmp(dtype, "bf16") ? assay_ceiling_at(run, v, 2) : NAN;
	*gemm_dtype = isnan(x) ? "f32" : "bf16";
	return isnan(x) ? assay_ceiling_at(run, v, 1) : x;
}

/* Adds the steps of a visit. memory_s, compute_s: least times of the visit's work, NaN when a ceiling or a count is missing. */
static void add_visit(const struct assay_run *run, const struct assay_run_visit *v, enum assay_step_kind kind, struct assay_roof *r, double *memory_s,
		      double *compute_s)
{
	double time = 0, bytes = 0, flops = 0, read = assay_ceiling_at(run, v, 0), gemm = gemm_ceiling(run, v, &r->gemm_dtype);
	size_t n = 0;
	for (size_t i = 0; i < v->n_steps; i++) {
		const struct assay_rec_step *s = &run->steps[v->first_step + i];
		if (s->kind != (uint32_t)kind || s->t1_ns <= s->t0_ns)
			continue;
		n++;
		time += (double)(s->t1_ns - s->t0_ns) / 1e9;
		bytes += (double)s->weight_bytes + (double)s->kv_read_bytes + (double)s->kv_write_bytes;
		flops += (double)s->flops;
	}
	if (!n)
		return;
	r->steps += n;
	r->time_s += time;
	r->bytes += bytes;
	r->flops += flops;
	r->read_gb_s += read * time;
	r->gflop_s += gemm * time;
	*memory_s += bytes / (read * 1e9);
	*compute_s += flops / (gemm * 1e9);
}

static enum assay_bound bound_of(const struct assay_roof *r)
{
	if (isnan(r->memory_share) || isnan(r->compute_share))
		return ASSAY_BOUND_UNKNOWN;
	if (fmax(r->memory_share, r->compute_share) < ASSAY_ROOF_NEAR)
		return ASSAY_BOUND_OVERHEAD;
	return r->memory_share >= r->compute_share ? ASSAY_BOUND_MEMORY : ASSAY_BOUND_COMPUTE;
}

void assay_roofline_point(const struct assay_run *run, size_t point, enum assay_step_kind kind, struct assay_roof *out)
{
	const struct assay_run_point *p = &run->points[point];
	double memory_s = 0, compute_s = 0;
	*out = (struct assay_roof){ .gemm_dtype = "f32" };
	for (size_t i = p->first_visit; i < p->first_visit + p->n_visits; i++)
		if (run->visits[i].v.repeat >= 0)
			add_visit(run, &run->visits[i], kind, out, &memory_s, &compute_s);
	if (!(out->bytes > 0))
		out->bytes = memory_s = NAN;
	if (!(out->flops > 0))
		out->flops = compute_s = NAN;
	out->intensity = out->flops / out->bytes;
	out->read_gb_s = out->time_s > 0 ? out->read_gb_s / out->time_s : NAN;
	out->gflop_s = out->time_s > 0 ? out->gflop_s / out->time_s : NAN;
	out->memory_share = out->time_s > 0 ? memory_s / out->time_s : NAN;
	out->compute_share = out->time_s > 0 ? compute_s / out->time_s : NAN;
	out->bound = bound_of(out);
	out->headroom = out->bound == ASSAY_BOUND_UNKNOWN ? NAN : 1 / fmax(out->memory_share, out->compute_share);
}
