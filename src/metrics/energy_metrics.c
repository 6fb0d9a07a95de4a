/* Energy of a run from a cumulative counter that telemetry samples. The ends of a run lie between samples: the counter is
 * taken to rise evenly there, so a run needs enough updates for that not to matter. */
#include "metrics/point_builder.h"

#include <math.h>

#include "base/json.h"

#define UPDATES_MIN 20

/* The counter at t_ns on the line through samples a and b, in microjoules. */
static double counter_at(const struct assay_rec_sample *a, const struct assay_rec_sample *b, int64_t t_ns)
{
	if (a->energy_uj < 0 || b->energy_uj < 0 || b->t_ns <= a->t_ns)
		return NAN;
	return (double)a->energy_uj + (double)(t_ns - a->t_ns) / (double)(b->t_ns - a->t_ns) * (double)(b->energy_uj - a->energy_uj);
}

/* Energy of a visit, J: between the samples on either side of each end, or the two nearest where there is none beyond. */
static double energy(const struct assay_run *run, const struct assay_run_visit *v, size_t *updates)
{
	const struct assay_rec_sample *s = run->samples;
	size_t first = v->first_sample, end = first + v->n_samples;
	*updates = 0;
	if (v->n_samples < 2)
		return NAN;
	for (size_t i = first ? first : 1; i < end; i++)
		*updates += s[i].energy_uj >= 0 && s[i].energy_uj != s[i - 1].energy_uj;
	size_t a = first ? first - 1 : 0, b = end < run->n_samples ? end : end - 1;
	return (counter_at(&s[b - 1], &s[b], v->v.t1_ns) - counter_at(&s[a], &s[a + 1], v->v.t0_ns)) / 1e6;
}

/* Why no sample has the counter. */
static const char *absent(const struct point_builder *b)
{
	const json_t *why = json_object_get(json_object_get(b->run->header, "machine"), "unavailable");
	return b->virtual_clock ? REASON_VIRTUAL : assay_json_get_str(why, "energy", "the energy counter was not recorded");
}

static double joules(const struct point_builder *b, const struct assay_run_visit *v, bool with_prompts, char reason[REASON_BYTES])
{
	size_t updates;
	if (visit_wall_ns(v, reason) < 0)
		return NAN;
	double j = energy(b->run, v, &updates);
	if (updates >= UPDATES_MIN && !isnan(j))
		return j / visit_tokens(b, v, with_prompts, reason);
	if (b->run->n_samples && b->run->samples[0].energy_uj >= 0)
		reason_set(reason, "run too short: %zu updates of the energy counter, needs %d", updates, UPDATES_MIN);
	else
		reason_set(reason, "%s", absent(b));
	return NAN;
}

static double per_output_token(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	return joules(b, v, false, reason);
}

static double per_token(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	return joules(b, v, true, reason);
}

void point_energy_metrics(struct point_builder *b)
{
	point_add_per_run(b, "joules_per_output_token", per_output_token);
	point_add_per_run(b, "joules_per_token", per_token);
}
