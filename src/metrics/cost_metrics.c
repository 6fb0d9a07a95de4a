/* What tokens cost at a price of the machine per hour. Must not know where the price comes from but the run's configuration. */
#include "metrics/point_builder.h"

#include <math.h>

#include "base/json.h"

static double cost(const struct point_builder *b, const struct assay_run_visit *v, bool with_prompts, char reason[REASON_BYTES])
{
	double price = assay_json_get_num(json_object_get(b->run->header, "config"), "price_per_hour", NAN);
	double tokens = visit_tokens(b, v, with_prompts, reason);
	int64_t ns = visit_wall_ns(v, reason);
	return ns < 0 ? NAN : price * ((double)ns / 3.6e12) / tokens * 1e6;
}

static double of_output(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	return cost(b, v, false, reason);
}

static double of_all(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	return cost(b, v, true, reason);
}

void point_cost_metrics(struct point_builder *b)
{
	if (!json_is_number(json_object_get(json_object_get(b->run->header, "config"), "price_per_hour")))
		return;
	point_add_per_run(b, "cost_per_mtok", of_output);
	point_add_per_run(b, "cost_per_mtok_total", of_all);
}
