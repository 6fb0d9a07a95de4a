/* Runs the tables of rules over a run. See findings.h. */
#include "analysis/findings.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/findings_rules.h"
#include "base/json.h"
#include "base/mem.h"

const char *assay_finding_state_name(enum assay_finding_state s)
{
	static const char *const names[] = { "needs", "answered", "not_applicable" };
	return names[s];
}

const char *assay_confidence_name(enum assay_confidence c)
{
	static const char *const names[] = { "low", "medium", "high" };
	return names[c];
}

/* The order of findings in every result. */
static const struct finding_rule *const tables[] = { findings_phase, findings_batch, findings_length, findings_memory, findings_machine, findings_soak, findings_cost, findings_choice };
#define N_TABLES (sizeof tables / sizeof *tables)

/* Reasons that spoil every point: the program itself or its records cannot be trusted. */
static enum assay_verdict_state trust_of_whole(const struct facts *f)
{
	static const char *const codes[] = { "debug_build", "sanitizer_build", "records_lost", "clock_step" };
	struct assay_verdict v;
	enum assay_verdict_state worst = ASSAY_VALID;
	assay_verdict_run(f->run, f->m, &v);
	for (size_t i = 0; i < v.n; i++)
		for (size_t k = 0; k < sizeof codes / sizeof *codes; k++)
			if (!strcmp(v.reasons[i].code, codes[k]) && v.reasons[i].state > worst)
				worst = v.reasons[i].state;
	assay_verdict_release(&v);
	return worst;
}

static void facts_open(struct facts *f, const struct assay_run *run, const struct assay_run_metrics *m)
{
	*f = (struct facts){ .run = run, .m = m, .trust = xalloc((run->n_points + 1) * sizeof *f->trust) };
	f->virtual_clock = assay_json_get_bool(run->header, "virtual_clock", 0);
	f->gpu = json_array_size(json_object_get(json_object_get(run->header, "machine"), "gpus")) > 0;
	enum assay_verdict_state whole = trust_of_whole(f);
	for (size_t i = 0; i < run->n_points; i++) {
		struct assay_verdict v;
		assay_verdict_point(run, m, i, &v);
		f->trust[i] = v.state > whole ? v.state : whole;
		assay_verdict_release(&v);
	}
}

void assay_findings_build(const struct assay_run *run, const struct assay_run_metrics *m, struct assay_findings *out)
{
	struct facts f;
	size_t n = 0;
	facts_open(&f, run, m);
	for (size_t t = 0; t < N_TABLES; t++)
		for (const struct finding_rule *r = tables[t]; r->id; r++)
			n++;
	out->list = xalloc(n * sizeof *out->list);
	out->n = 0;
	for (size_t t = 0; t < N_TABLES; t++)
		for (const struct finding_rule *r = tables[t]; r->id; r++) {
			struct assay_finding *o = &out->list[out->n++];
			*o = (struct assay_finding){ .id = r->id, .question = r->question, .group = r->group, .weight = r->weight };
			r->judge(&f, o);
		}
	free(f.trust);
}

void assay_findings_release(struct assay_findings *f)
{
	free(f->list);
	*f = (struct assay_findings){ 0 };
}
