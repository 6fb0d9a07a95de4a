/* longdoc: prefill of long documents and decode at depth, up to the context's or the memory's limit. The engine
 * cuts the prefill into chunks of --max-batched-tokens. */
#include "experiment/all.h"
#include "experiment/cases.h"

static const struct assay_opt options[] = {
	{ "tokens", 0, ASSAY_OPT_INTS, "1024,2048,4096,8192", 1, 1000000, NULL, "N,...", "document lengths" },
	{ "output-tokens", 0, ASSAY_OPT_INT, "32", 1, 1000000, NULL, "N", "tokens to generate at that depth" },
	{ "runs", 0, ASSAY_OPT_INT, "2", 1, 100000, NULL, "N", "measured runs of each length" },
	{ "warmup", 0, ASSAY_OPT_INT, "1", 0, 1000, NULL, "N", "warm-up runs of the first length" },
	ASSAY_OPT_END,
};

static int build(struct assay_points *l, const struct assay_options *o, const struct assay_engine_info *info, struct assay_err *e)
{
	const int64_t *tokens;
	int n = assay_options_ints(o, "tokens", &tokens), runs = assay_runs(o, "runs", 1);
	(void)e;
	assay_cases_longdoc(l, tokens, n, (int)assay_options_int(o, "output-tokens"), info->max_context, runs, 0);
	/* a warm-up of every document would double the time for nothing: the first that fits is enough */
	for (size_t i = 0; i < l->n; i++)
		if (!info->max_context || l->p[i].prompt_tokens + l->p[i].output_tokens <= info->max_context) {
			l->p[i].warmup = (int)assay_options_int(o, "warmup");
			break;
		}
	return 0;
}

static int plan(const struct assay_options *o, const struct assay_engine_info *shape_only, struct assay_run_plan *out, struct assay_err *e)
{
	return assay_cases_plan(build, o, shape_only, out, e);
}

static int run(struct assay_session *s, const struct assay_options *o, struct assay_err *e)
{
	return assay_cases_run(build, s, o, e);
}

const struct assay_experiment assay_experiment_longdoc = { "longdoc", "long documents: prefill, and decode at depth", options, plan, run };
