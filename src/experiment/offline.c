/* offline: N requests at once, continuous batching; the published workloads draw for draw, or lengths from ranges. */
#include "experiment/all.h"
#include "experiment/cases.h"

/* --output A:B, which is the result directory elsewhere, comes as output-tokens (cmd/command_line.c). */
static const struct assay_opt options[] = {
	{ "preset", 0, ASSAY_OPT_ENUM, NULL, 0, 0, "s1|nanovllm", "NAME", "a published workload, exact: s1 (144,831 tokens) or nanovllm (142,827 + 133,966)" },
	{ "first", 0, ASSAY_OPT_INT, "256", 1, ASSAY_EXACT_REQUESTS, NULL, "N", "only the first N sequences of --preset: a part, named so everywhere, and no result of the preset" },
	{ "requests", 0, ASSAY_OPT_INT, "256", 1, 1000000, NULL, "N", "number of requests" },
	{ "input", 0, ASSAY_OPT_RANGE, "100:1024", 1, 1000000, NULL, "A:B", "prompt lengths, drawn uniformly" },
	{ "output-tokens", 0, ASSAY_OPT_RANGE, "100:1024", 1, 1000000, NULL, "A:B", "output lengths, drawn uniformly (--output A:B means this too)" },
	{ "runs", 0, ASSAY_OPT_INT, "1", 1, 1000, NULL, "N", "measured runs" },
	{ "temperature", 0, ASSAY_OPT_NUM, "0.6", 0, 100, NULL, "T", NULL },
	ASSAY_OPT_END,
};

static int add_preset(struct assay_points *l, const struct assay_options *o, int runs, const struct assay_engine_info *info, struct assay_err *e)
{
	static const char *const fixed[] = { "requests", "input", "output-tokens" };
	const char *name = assay_options_str(o, "preset");
	enum assay_exact preset = assay_exact_find(name);
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		if (assay_options_source(o, fixed[i]) != ASSAY_FROM_DEFAULT)
			return assay_fail(e, ASSAY_E_USAGE, "--preset %s: its requests and lengths are fixed; leave --%s out", name, fixed[i]);
	if (l->texts.n)
		return assay_fail(e, ASSAY_E_USAGE, "--preset %s: its prompts are fixed; leave --prompt out", name);
	int first = (int)assay_options_int(o, "first");
	if (assay_exact_check(preset, first, info->vocab, info->max_context, e))
		return e->code;
	struct assay_point *p = assay_points_add(l, "offline", runs, 1);
	p->workload = ASSAY_WORK_EXACT;
	p->preset = preset;
	p->requests = (size_t)first;
	p->warmup_requests = 1;
	json_object_set_new(p->cse, "preset", first < ASSAY_EXACT_REQUESTS ? json_sprintf("%s (first %d of %d)", name, first, ASSAY_EXACT_REQUESTS) : json_string(name));
	json_object_set_new(p->cse, "requests", json_integer(first));
	return 0;
}

static int build(struct assay_points *l, const struct assay_options *o, const struct assay_engine_info *info, struct assay_err *e)
{
	const int64_t *in, *out;
	int runs = (int)assay_options_int(o, "runs");
	if (assay_options_str(o, "preset"))
		return add_preset(l, o, runs, info, e);
	if (assay_options_source(o, "first") != ASSAY_FROM_DEFAULT)
		return assay_fail(e, ASSAY_E_USAGE, "--first: it takes a part of a --preset: give one, or say --requests");
	assay_options_ints(o, "input", &in);
	assay_options_ints(o, "output-tokens", &out);
	assay_case_offline(l, assay_runs(o, "requests", 16), (struct assay_len_range){ (int)in[0], (int)in[1] },
			   (struct assay_len_range){ (int)out[0], (int)out[1] }, runs);
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

const struct assay_experiment assay_experiment_offline = { "offline", "many sequences at once: continuous batching, published presets", options, plan, run };
