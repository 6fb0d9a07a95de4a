/* seqlen: how time depends on prompt and output length: a cross product, the two axes of S4, or the grid of S0. */
#include "experiment/all.h"
#include "experiment/cases.h"

static const struct assay_opt options[] = {
	{ "prompt-tokens", 0, ASSAY_OPT_INTS, "10,50,200,1000", 1, 1000000, NULL, "N,...", "prompt lengths" },
	{ "output-tokens", 0, ASSAY_OPT_INTS, "50,100,200", 1, 1000000, NULL, "N,...", "tokens to generate" },
	{ "axes", 0, ASSAY_OPT_FLAG, "false", 0, 0, NULL, NULL, "prompt axis at the first output, output axis at the first prompt, instead of all pairs" },
	{ "grid", 0, ASSAY_OPT_ENUM, NULL, 0, 0, "s0", "NAME", "s0: batch 1 to 32 x sequence length 128 to 4096 (prompt + 32 output tokens)" },
	{ "runs", 0, ASSAY_OPT_INT, "3", 1, 100000, NULL, "N", "measured runs of each point" },
	{ "warmup", 0, ASSAY_OPT_INT, "1", 0, 1000, NULL, "N", "warm-up runs of each point" },
	ASSAY_OPT_END,
};

static int build(struct assay_points *l, const struct assay_options *o, const struct assay_engine_info *info, struct assay_err *e)
{
	const int64_t *prompts, *outputs;
	int np = assay_options_ints(o, "prompt-tokens", &prompts), no = assay_options_ints(o, "output-tokens", &outputs);
	int runs = assay_runs(o, "runs", 2), warmup = (int)assay_options_int(o, "warmup");
	(void)info;
	if (assay_options_str(o, "grid") && assay_options_flag(o, "axes"))
		return assay_fail(e, ASSAY_E_USAGE, "--grid and --axes: give one of them");
	if (assay_options_str(o, "grid"))
		assay_cases_grid_s0(l, runs, warmup);
	else if (assay_options_flag(o, "axes"))
		assay_cases_axes(l, prompts, np, outputs, no, runs, warmup);
	else
		assay_cases_cross(l, prompts, np, outputs, no, runs, warmup);
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

const struct assay_experiment assay_experiment_seqlen = { "seqlen", "prompt and output length: how time scales", options, plan, run };
