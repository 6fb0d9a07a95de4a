/* See machine_use.h. Must not judge. */
#include "metrics/machine_use.h"

#include <math.h>

#include "base/json.h"

static int64_t diff(int64_t a, int64_t b)
{
	return a < 0 || b < a ? 0 : b - a;
}

static void add_frequency(const struct assay_rec_sample *s, size_t n, struct assay_machine_use *to)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i].freq_khz <= 0)
			continue;
		if (!to->freq_least_khz || s[i].freq_khz < to->freq_least_khz)
			to->freq_least_khz = s[i].freq_khz;
		if (s[i].freq_khz > to->freq_most_khz)
			to->freq_most_khz = s[i].freq_khz;
	}
}

/* Of one process. */
static void add_part(const struct assay_rec_sample *s, size_t n, struct assay_machine_use *to)
{
	if (n < 2 || s[n - 1].t_ns <= s[0].t_ns)
		return;
	const struct assay_rec_sample *a = &s[0], *b = &s[n - 1];
	int64_t busy = diff(a->cpu_busy_ns, b->cpu_busy_ns), steal = diff(a->cpu_steal_ns, b->cpu_steal_ns);
	to->span_ns += b->t_ns - a->t_ns;
	to->busy_ns += busy;
	to->steal_ns += steal;
	to->offered_ns += busy + steal + diff(a->cpu_idle_ns, b->cpu_idle_ns) + diff(a->cpu_iowait_ns, b->cpu_iowait_ns);
	to->own_ns += diff(a->proc_cpu_ns, b->proc_cpu_ns) + diff(a->engine_cpu_ns, b->engine_cpu_ns);
	to->client_ns += b->engine_cpu_ns > 0 ? diff(a->proc_cpu_ns, b->proc_cpu_ns) : 0;
	to->swap_in_pages += diff(a->swap_in_pages, b->swap_in_pages);
	to->memory_stall_ns += 1000 * diff(a->psi_memory_us, b->psi_memory_us);
	to->major_faults += diff(a->major_faults, b->major_faults);
	to->intervals++;
}

static bool began_anew(int64_t before, int64_t after)
{
	return after >= 0 && after < before;
}

void assay_machine_use_add(const struct assay_rec_sample *s, size_t n, struct assay_machine_use *to)
{
	size_t from = 0;
	add_frequency(s, n, to);
	for (size_t i = 1; i < n; i++)
		if (began_anew(s[i - 1].proc_cpu_ns, s[i].proc_cpu_ns) || began_anew(s[i - 1].engine_cpu_ns, s[i].engine_cpu_ns) ||
		    began_anew(s[i - 1].cpu_busy_ns, s[i].cpu_busy_ns)) {
			add_part(s + from, i - from, to);
			from = i;
		}
	add_part(s + from, n - from, to);
}

void assay_machine_use_visit(const struct assay_run *run, const struct assay_run_visit *v, struct assay_machine_use *to)
{
	size_t from = v->first_sample, end = v->first_sample + v->n_samples;
	if (from > 0)
		from--;
	if (end < run->n_samples)
		end++;
	assay_machine_use_add(run->samples + from, end > from ? end - from : 0, to);
}

static double given_ceiling(const struct assay_run *run, int which)
{
	const json_t *truth = json_object_get(run->header, "truth");
	const json_t *ceilings = json_object_get(truth, "ceilings");
	return assay_json_get_num(ceilings ? ceilings : truth, which == 0 ? "read_gb_s" : "gemm_gflop_s", NAN);
}

double assay_ceiling_at(const struct assay_run *run, const struct assay_run_visit *v, int which)
{
	double given = given_ceiling(run, which), before = 0, after = 0;
	if (!isnan(given))
		return given;
	for (size_t i = 0; i < run->n_ceilings; i++) {
		const struct assay_rec_ceiling *c = &run->ceilings[i];
		double x = which == 0 ? c->read_gb_s : which == 1 ? c->gemm_f32_gflop_s : c->gemm_bf16_gflop_s;
		if (!(x > 0))
			continue;
		if (c->t_ns <= v->v.t0_ns)
			before = x;
		else if (c->t_ns >= v->v.t1_ns && v->v.t1_ns >= 0 && after == 0)
			after = x;
	}
	if (before > 0 && after > 0)
		return (before + after) / 2;
	return before > 0 ? before : after > 0 ? after : NAN;
}
