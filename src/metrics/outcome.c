/* See outcome.h. Must not know metrics. */
#include "metrics/outcome.h"

#include "base/json.h"

enum assay_end assay_request_outcome(const struct assay_run_request *q, bool ignore_eos)
{
	enum assay_end end = (enum assay_end)q->r.end_state;
	if (!assay_end_ok(end))
		return end;
	uint32_t arrived = 0;
	for (size_t i = 0; i < q->n_tokens; i++)
		arrived += q->tokens[i].n_tokens;
	bool all_asked = end == ASSAY_END_LENGTH || ignore_eos;
	if (q->r.output_tokens == 0 || q->r.output_tokens == ASSAY_COUNT_UNKNOWN || (q->n_tokens && arrived != q->r.output_tokens) ||
	    (q->r.reported_tokens != ASSAY_COUNT_UNKNOWN && q->r.reported_tokens != q->r.output_tokens) ||
	    (all_asked && q->r.output_tokens != q->r.max_tokens))
		return ASSAY_END_COUNT_MISMATCH;
	return end;
}

bool assay_point_ignores_eos(const struct assay_run *run, size_t point)
{
	int config = assay_json_get_bool(json_object_get(run->header, "config"), "ignore_eos", 0);
	return assay_json_get_bool(run->points[point].info, "ignore_eos", config);
}

const char *assay_point_status(const struct assay_run *run, size_t point)
{
	return assay_json_get_str(run->points[point].end, "status", "interrupted");
}

const char *assay_point_status_reason(const struct assay_run *run, size_t point)
{
	const json_t *end = run->points[point].end;
	return end ? assay_json_get_str(end, "reason", "") : "the record of the run stops before this point ended";
}

bool assay_point_seeks_limit(const struct assay_run *run, size_t point)
{
	return json_object_get(json_object_get(run->points[point].info, "case"), "limit") != NULL;
}
