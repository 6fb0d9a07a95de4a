/* baseline: the suite. Its own fixed case lists (decisions.md), one load, one warm-up an experiment, lengths clipped to
 * the context, and a time budget that is kept by dropping repeats, then points. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "experiment/all.h"
#include "experiment/cases.h"
#include "experiment/session.h"

/* Whole command: 60 s and 300 s. What is kept back is for starting, analysis and writing. */
#define QUICK_NS (54 * ASSAY_NS_PER_S)
#define DEFAULT_NS (285 * ASSAY_NS_PER_S)

static const struct assay_opt options[] = {
	{ "only", 0, ASSAY_OPT_ENUMS, NULL, 0, 0, "latency|throughput|seqlen|longdoc|memory|offline", "LIST", "only these experiments" },
	{ "skip", 0, ASSAY_OPT_ENUMS, NULL, 0, 0, "latency|throughput|seqlen|longdoc|memory|offline", "LIST", "all but these experiments" },
	{ "full", 0, ASSAY_OPT_FLAG, "false", 0, 0, NULL, NULL, "everything: also the S0 grid and long documents, without a time bound" },
	ASSAY_OPT_END,
};

enum { QUICK, DEFAULT, FULL };

static int mode_of(const struct assay_options *o)
{
	return assay_options_flag(o, "full") ? FULL : assay_options_flag(o, "quick") ? QUICK : DEFAULT;
}

static void add_latency(struct assay_points *l, int mode, int max_context)
{
	(void)max_context;
	assay_case_latency(l, 128, mode == QUICK ? 32 : 100, mode == QUICK ? 5 : 10, 0, true);
	if (mode == FULL)
		assay_cases_documents(l, "s3", 10, 0);
}

static void add_throughput(struct assay_points *l, int mode, int max_context)
{
	(void)max_context;
	for (int batch = 1; batch <= (mode == QUICK ? 16 : 32); batch *= mode == QUICK ? 4 : 2)
		assay_case_throughput(l, batch, 64, mode == QUICK ? 32 : 50, 2, 0, true);
}

static void add_seqlen(struct assay_points *l, int mode, int max_context)
{
	static const int64_t quick_prompts[] = { 10, 50, 200, 900 }, quick_outputs[] = { 16, 32, 64 }, fifty = 50, sixteen = 16;
	static const int64_t prompts[] = { 10, 50, 200, 1000 }, outputs[] = { 50, 100, 200 };
	(void)max_context;
	if (mode == QUICK) {
		assay_cases_axes(l, quick_prompts, 4, &sixteen, 0, 2, 0);
		assay_cases_axes(l, &fifty, 0, quick_outputs, 3, 2, 0);
	} else {
		assay_cases_axes(l, prompts, 4, outputs, 3, 3, 0);
	}
}

static void add_grid(struct assay_points *l, int mode, int max_context)
{
	(void)max_context;
	if (mode == FULL)
		assay_cases_grid_s0(l, 3, 0);
}

static void add_longdoc(struct assay_points *l, int mode, int max_context)
{
	static const int64_t tokens[] = { 1024, 2048, 4096, 8192 };
	if (mode == FULL)
		assay_cases_longdoc(l, tokens, 4, 32, max_context, 2, 0);
}

static void add_memory(struct assay_points *l, int mode, int max_context)
{
	(void)max_context;
	assay_case_memory(l, mode == QUICK ? 64 : 128, 16, mode == QUICK ? 10 : mode == DEFAULT ? 30 : 100, 0);
}

static void add_offline(struct assay_points *l, int mode, int max_context)
{
	static const struct { int n; struct assay_len_range in, out; } row[] = {
		{ 16, { 32, 256 }, { 16, 128 } }, { 32, { 100, 512 }, { 100, 512 } }, { 256, { 100, 1024 }, { 100, 1024 } },
	};
	(void)max_context;
	assay_case_offline(l, row[mode].n, row[mode].in, row[mode].out, 1);
}

/* clip: lengths give way to the context; the S0 grid and long documents keep theirs, a point that cannot fit is a limit. */
static const struct part { const char *name; void (*add)(struct assay_points *l, int mode, int max_context); bool clip; } parts[] = {
	{ "latency", add_latency, true }, { "throughput", add_throughput, true }, { "seqlen", add_seqlen, true }, { "seqlen", add_grid, false },
	{ "longdoc", add_longdoc, false }, { "memory", add_memory, true }, { "offline", add_offline, true },
};
#define N_PARTS ((int)(sizeof parts / sizeof parts[0]))

static bool wanted(const struct assay_options *o, const char *name)
{
	if (assay_options_is_set(o, "only") && !assay_options_has(o, "only", name))
		return false;
	return !assay_options_has(o, "skip", name);
}

static void fill(struct assay_points *l, const struct part *part, int mode, int max_context)
{
	part->add(l, mode, max_context);
	for (size_t i = 0; i < l->n; i++) {
		if (part->clip)
			assay_point_clip(&l->p[i], max_context);
		if (l->p[i].workload != ASSAY_WORK_RANGES)
			l->p[i].warmup = 0;
	}
	for (size_t i = 0; i < l->n; i++)
		if (l->p[i].workload == ASSAY_WORK_RANGES || !max_context || l->p[i].prompt_tokens + l->p[i].output_tokens <= max_context) {
			l->p[i].warmup = 1; /* one an experiment: the first point that fits */
			break;
		}
}

static int plan(const struct assay_options *o, const struct assay_engine_info *shape_only, struct assay_run_plan *out, struct assay_err *e)
{
	struct assay_points l;
	*out = (struct assay_run_plan){ .points = json_array() };
	if (assay_options_flag(o, "quick") && assay_options_flag(o, "full"))
		return assay_fail(e, ASSAY_E_USAGE, "--quick and --full: give one of the two");
	for (int i = 0; i < N_PARTS; i++) {
		if (!wanted(o, parts[i].name))
			continue;
		int rc = assay_points_init(&l, o, e);
		if (!rc) {
			fill(&l, &parts[i], mode_of(o), shape_only->max_context);
			assay_points_plan(&l, o, shape_only->max_context, out);
		}
		assay_points_release(&l);
		if (rc)
			return rc;
	}
	if (!json_array_size(out->points))
		return assay_fail(e, ASSAY_E_USAGE, "--only and --skip leave nothing to measure%s", mode_of(o) == FULL ? "" : " (longdoc is part of --full)");
	return 0;
}

static int run(struct assay_session *s, const struct assay_options *o, struct assay_err *e)
{
	struct assay_points lists[N_PARTS] = { 0 };
	int mode = mode_of(o), rc = 0;
	for (int i = 0; !rc && i < N_PARTS; i++) {
		if (!wanted(o, parts[i].name))
			continue;
		rc = assay_points_init(&lists[i], o, e);
		if (!rc)
			rc = assay_texts_encode(&lists[i].texts, s->c.engine, lists[i].chat, e);
		if (!rc)
			fill(&lists[i], &parts[i], mode, s->info->max_context);
	}
	double load_ms = assay_json_get_num(s->info->load, "total_ms", 0);
	int64_t budget_ns = mode == FULL ? 0 : mode == QUICK ? QUICK_NS : DEFAULT_NS;
	if (budget_ns && load_ms > 0)
		budget_ns -= llround(load_ms * 1e6);
	if (!rc)
		rc = assay_points_visit(s, lists, N_PARTS, mode == FULL ? 0 : budget_ns > 1 ? budget_ns : 1, e);
	for (int i = 0; i < N_PARTS; i++)
		assay_points_release(&lists[i]);
	return rc;
}

const struct assay_experiment assay_experiment_baseline = { "baseline", "the suite: latency, throughput, seqlen, memory, offline, with a report", options, plan, run };
