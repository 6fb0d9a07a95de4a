/* findings[] of the result document. Only shows what analysis/ found. */
#include "analysis/findings.h"
#include "result/result_parts.h"

static json_t *text_or_null(const char *s)
{
	return *s ? json_string(s) : json_null();
}

static json_t *finding_json(const struct assay_finding *f)
{
	json_t *evidence = json_array(), *o = json_object();
	bool answered = f->state == ASSAY_FINDING_ANSWERED;
	for (size_t i = 0; i < f->n_evidence; i++)
		json_array_append_new(evidence, json_integer(f->evidence[i]));
	json_object_set_new(o, "id", json_string(f->id));
	json_object_set_new(o, "group", json_string(f->group));
	json_object_set_new(o, "question", json_string(f->question));
	json_object_set_new(o, "state", json_string(assay_finding_state_name(f->state)));
	json_object_set_new(o, "answer", text_or_null(f->answer));
	json_object_set_new(o, "needs", text_or_null(f->needs));
	json_object_set_new(o, "evidence", evidence);
	json_object_set_new(o, "basis", answered ? json_string(f->modelled ? "modelled" : "measured") : json_null());
	json_object_set_new(o, "confidence", answered ? json_string(assay_confidence_name(f->confidence)) : json_null());
	json_object_set_new(o, "next_step", text_or_null(f->next_step));
	json_object_set_new(o, "weight", json_integer(f->weight));
	return o;
}

json_t *result_findings(const struct assay_run *run, const struct assay_run_metrics *m)
{
	struct assay_findings f;
	json_t *a = json_array();
	assay_findings_build(run, m, &f);
	for (size_t i = 0; i < f.n; i++)
		json_array_append_new(a, finding_json(&f.list[i]));
	assay_findings_release(&f);
	return a;
}
