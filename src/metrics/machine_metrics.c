/* How much of the machine a run used, against ceilings measured beside it. */
#include "metrics/machine_use.h"
#include "metrics/point_builder.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

/* Work of all steps of one kind; *ns their time. flops selects what is summed: else bytes read and written (activations stay in
 * caches). NaN when the engine reports none. */
static double step_work(const struct point_builder *b, const struct assay_run_visit *v, uint32_t kind, bool flops, int64_t *ns,
                        char reason[REASON_BYTES])
{
	const struct assay_rec_step *s = visit_steps(b, v);
	double work = 0;
	size_t n = 0;
	*ns = 0;
	for (size_t i = 0; i < v->n_steps; i++) {
		if (s[i].kind != kind)
			continue;
		n++;
		*ns += s[i].t1_ns - s[i].t0_ns;
		work += flops ? (double)s[i].flops : (double)s[i].weight_bytes + (double)s[i].kv_read_bytes + (double)s[i].kv_write_bytes;
	}
	if (work > 0)
		return work;
	const char *name = kind == ASSAY_STEP_DECODE ? "decode" : "prefill";
	if (!n)
		reason_set(reason, v->n_steps ? "no step was %s only" : "the engine reports no %s steps", name);
	else
		reason_set(reason, "the engine does not count %s", flops ? "FLOPs" : "bytes");
	return NAN;
}

static double against(const struct point_builder *b, double work, int64_t ns, double ceiling_giga, char reason[REASON_BYTES])
{
	if (isnan(work))
		return NAN;
	if (isnan(ceiling_giga)) {
		reason_set(reason, b->virtual_clock ? "virtual clock: no ceiling was stated" : "no probe of the machine beside this run");
		return NAN;
	}
	return rate_per_s(work, ns, reason) / (ceiling_giga * 1e9);
}

static double mbu(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	int64_t ns;
	double bytes = step_work(b, v, ASSAY_STEP_DECODE, false, &ns, reason);
	return against(b, bytes, ns, assay_ceiling_at(b->run, v, 0), reason);
}

static double mfu(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	int64_t ns;
	double flops = step_work(b, v, ASSAY_STEP_PREFILL, true, &ns, reason);
	const char *dtype = assay_json_get_str(json_object_get(b->run->header, "model"), "dtype", "");
	double ceiling = NAN;
	if (!strcmp(dtype, "bf16"))
		ceiling = assay_ceiling_at(b->run, v, 2);
	if (isnan(ceiling)) /* computed in f32: other types are widened */
		ceiling = assay_ceiling_at(b->run, v, 1);
	return against(b, flops, ns, ceiling, reason);
}

static double cpu_util(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	struct assay_machine_use use = { 0 };
	assay_machine_use_add(b->run->samples + v->first_sample, v->n_samples, &use);
	if (use.offered_ns > 0)
		return (double)(use.own_ns - use.client_ns) / (double)use.offered_ns;
	reason_set(reason, "%s", b->virtual_clock ? REASON_VIRTUAL : "fewer than two telemetry samples in the timed region");
	return NAN;
}

static double gpu_util(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	const json_t *gpus = json_object_get(json_object_get(b->run->header, "machine"), "gpus");
	double sum = 0;
	size_t n = 0;
	for (size_t i = 0; i < v->n_samples; i++)
		if (b->run->samples[v->first_sample + i].gpu_util_pct >= 0) {
			sum += (double)b->run->samples[v->first_sample + i].gpu_util_pct;
			n++;
		}
	if (n)
		return sum / (double)n / 100;
	reason_set(reason, "%s", b->virtual_clock ? REASON_VIRTUAL : json_array_size(gpus) ? "GPU utilisation not readable" : "no GPU on this machine");
	return NAN;
}

void point_machine_metrics(struct point_builder *b)
{
	if (!b->stream) { /* single steps of a stream are not kept */
		point_add_per_run(b, "mbu", mbu);
		point_add_per_run(b, "mfu", mfu);
	}
	point_add_per_run(b, "cpu_util", cpu_util);
	point_add_per_run(b, "gpu_util", gpu_util);
}
