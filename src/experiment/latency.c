/* latency: single requests, one at a time. Lists make cases. */
#include "experiment/all.h"
#include "experiment/cases.h"

static const struct assay_opt options[] = {
	{ "prompt-tokens", 0, ASSAY_OPT_INTS, "128", 1, 1000000, NULL, "N,...", "prompt lengths; equal-length lists are zipped with --output-tokens" },
	{ "output-tokens", 0, ASSAY_OPT_INTS, "100", 1, 1000000, NULL, "N,...", "tokens to generate" },
	{ "runs", 0, ASSAY_OPT_INT, "10", 1, 100000, NULL, "N", "measured runs of each case" },
	{ "warmup", 0, ASSAY_OPT_INT, "1", 0, 1000, NULL, "N", "warm-up runs of each case" },
	{ "cases", 0, ASSAY_OPT_ENUM, NULL, 0, 0, "s3|s4", "NAME", "the cases of a requirement document instead" },
	ASSAY_OPT_END,
};

static int build(struct assay_points *l, const struct assay_options *o, const struct assay_engine_info *info, struct assay_err *e)
{
	const int64_t *prompts, *outputs;
	int np = assay_options_ints(o, "prompt-tokens", &prompts), no = assay_options_ints(o, "output-tokens", &outputs);
	int runs = assay_runs(o, "runs", 5), warmup = assay_runs(o, "warmup", 1);
	bool as_is = assay_options_source(o, "prompt-tokens") == ASSAY_FROM_DEFAULT;
	(void)info;
	if (assay_options_str(o, "cases")) {
		assay_cases_documents(l, assay_options_str(o, "cases"), runs, warmup);
		return 0;
	}
	if (np != no && np != 1 && no != 1)
		return assay_fail(e, ASSAY_E_USAGE, "--prompt-tokens has %d values, --output-tokens %d: give equally many, or one value for all", np, no);
	for (int i = 0; i < np || i < no; i++)
		assay_case_latency(l, (int)prompts[np > 1 ? i : 0], (int)outputs[no > 1 ? i : 0], runs, warmup, as_is);
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

const struct assay_experiment assay_experiment_latency = { "latency", "single requests: TTFT, time per token, end to end", options, plan, run };
