/* throughput: batches of equal requests handed over at once; speed-up and knee come from the sizes together. */
#include "experiment/all.h"
#include "experiment/cases.h"

static const struct assay_opt options[] = {
	{ "batch", 0, ASSAY_OPT_INTS, "1,2,4,8,16,32", 1, 65536, NULL, "N,...", "batch sizes" },
	{ "prompt-tokens", 0, ASSAY_OPT_INT, "128", 1, 1000000, NULL, "N", "prompt length" },
	{ "output-tokens", 0, ASSAY_OPT_INT, "100", 1, 1000000, NULL, "N", "tokens to generate, each" },
	{ "runs", 0, ASSAY_OPT_INT, "3", 1, 100000, NULL, "N", "measured runs of each batch size" },
	{ "warmup", 0, ASSAY_OPT_INT, "1", 0, 1000, NULL, "N", "warm-up runs of each batch size" },
	ASSAY_OPT_END,
};

static int build(struct assay_points *l, const struct assay_options *o, const struct assay_engine_info *info, struct assay_err *e)
{
	const int64_t *batch;
	int n = assay_options_ints(o, "batch", &batch), runs = assay_runs(o, "runs", 2), warmup = (int)assay_options_int(o, "warmup");
	bool as_is = assay_options_source(o, "prompt-tokens") == ASSAY_FROM_DEFAULT;
	(void)info;
	(void)e;
	for (int i = 0; i < n; i++)
		assay_case_throughput(l, (int)batch[i], (int)assay_options_int(o, "prompt-tokens"), (int)assay_options_int(o, "output-tokens"), runs, warmup, as_is);
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

const struct assay_experiment assay_experiment_throughput = { "throughput", "batch sizes: tokens per second, speed-up, knee", options, plan, run };
