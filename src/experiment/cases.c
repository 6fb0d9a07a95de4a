/* See cases.h. */
#include "experiment/cases.h"

#include <string.h>

#include "experiment/session.h"

struct assay_point *assay_case_latency(struct assay_points *l, int prompt_tokens, int output_tokens, int runs, int warmup, bool as_is)
{
	struct assay_point *p = assay_points_add_batch(l, "latency", runs, warmup, 1, prompt_tokens, output_tokens);
	if (as_is)
		assay_point_use_texts(l, p);
	return p;
}

void assay_cases_documents(struct assay_points *l, const char *name, int runs, int warmup)
{
	static const int s3[][2] = { { 128, 30 }, { 128, 64 }, { 512, 128 }, { 1024, 256 }, { 2048, 512 } };
	static const int s4[][2] = { { 10, 50 }, { 10, 100 }, { 10, 200 } };
	bool is3 = !strcmp(name, "s3");
	size_t n = is3 ? sizeof s3 / sizeof *s3 : sizeof s4 / sizeof *s4;
	for (size_t i = 0; i < n; i++) {
		const int *c = is3 ? s3[i] : s4[i];
		assay_case_latency(l, c[0], c[1], runs, warmup, false);
	}
}

struct assay_point *assay_case_throughput(struct assay_points *l, int batch, int prompt_tokens, int output_tokens, int runs, int warmup, bool as_is)
{
	struct assay_point *p = assay_points_add_batch(l, "throughput", runs, warmup, batch, prompt_tokens, output_tokens);
	if (as_is)
		assay_point_use_texts(l, p);
	return p;
}

static void add_seqlen(struct assay_points *l, const char *axis, int batch, int prompt, int output, int runs, int warmup)
{
	struct assay_point *p = assay_points_add_batch(l, "seqlen", runs, warmup, batch, prompt, output);
	json_object_set_new(p->cse, "axis", json_string(axis));
}

void assay_cases_axes(struct assay_points *l, const int64_t *prompts, int n_prompts, const int64_t *outputs, int n_outputs, int runs, int warmup)
{
	for (int i = 0; i < n_prompts; i++)
		add_seqlen(l, "prompt", 1, (int)prompts[i], (int)outputs[0], runs, warmup);
	for (int i = 0; i < n_outputs; i++)
		add_seqlen(l, "output", 1, (int)prompts[0], (int)outputs[i], runs, warmup);
}

void assay_cases_cross(struct assay_points *l, const int64_t *prompts, int n_prompts, const int64_t *outputs, int n_outputs, int runs, int warmup)
{
	for (int i = 0; i < n_prompts; i++)
		for (int j = 0; j < n_outputs; j++)
			add_seqlen(l, "grid", 1, (int)prompts[i], (int)outputs[j], runs, warmup);
}

void assay_cases_grid_s0(struct assay_points *l, int runs, int warmup)
{
	for (int seq = 128; seq <= 4096; seq *= 2)
		for (int batch = 1; batch <= 32; batch *= 2) {
			add_seqlen(l, "grid", batch, seq - 32, 32, runs, warmup);
			json_object_set_new(l->p[l->n - 1].cse, "seq_len", json_integer(seq));
		}
}

struct assay_point *assay_case_memory(struct assay_points *l, int prompt_tokens, int output_tokens, int runs, int warmup)
{
	return assay_points_add_batch(l, "memory", runs, warmup, 1, prompt_tokens, output_tokens);
}

struct assay_point *assay_case_offline(struct assay_points *l, int requests, struct assay_len_range input, struct assay_len_range output, int runs)
{
	struct assay_point *p = assay_points_add(l, "offline", runs, 1);
	p->workload = ASSAY_WORK_RANGES;
	p->requests = (size_t)requests;
	p->warmup_requests = 1;
	p->prompt_range = input;
	p->output_range = output;
	p->output_tokens = output.hi;
	json_object_set_new(p->cse, "requests", json_integer(requests));
	json_object_set_new(p->cse, "input", json_sprintf("%d:%d", input.lo, input.hi));
	json_object_set_new(p->cse, "output", json_sprintf("%d:%d", output.lo, output.hi));
	if (l->texts.n) {
		json_object_del(p->cse, "input");
		assay_point_use_texts(l, p);
	}
	return p;
}

static void add_longdoc(struct assay_points *l, int tokens, int output, int runs, int warmup)
{
	assay_points_add_batch(l, "longdoc", runs, warmup, 1, tokens, output);
}

void assay_cases_longdoc(struct assay_points *l, const int64_t *tokens, int n, int output_tokens, int max_context, int runs, int warmup)
{
	int longest = max_context - output_tokens;
	bool over = false, have = false;
	for (int i = 0; i < n; i++) {
		over |= max_context > 0 && tokens[i] > longest;
		have |= tokens[i] == longest;
	}
	for (int i = 0; i < n; i++)
		add_longdoc(l, (int)tokens[i], output_tokens, runs, warmup);
	if (over && !have && longest > 0)
		add_longdoc(l, longest, output_tokens, runs, warmup);
}

int assay_cases_plan(assay_build_fn build, const struct assay_options *o, const struct assay_engine_info *shape_only, struct assay_run_plan *out,
		     struct assay_err *e)
{
	struct assay_points l;
	*out = (struct assay_run_plan){ 0 };
	int rc = assay_points_init(&l, o, e);
	if (!rc)
		rc = build(&l, o, shape_only, e);
	if (!rc)
		assay_points_plan(&l, o, shape_only->max_context, out);
	assay_points_release(&l);
	return rc;
}

/* A list made ready: texts encoded by the open engine, then built. Release with assay_points_release whatever comes back. */
static int make_list(assay_build_fn build, struct assay_session *s, const struct assay_options *o, struct assay_points *l, struct assay_err *e)
{
	int rc = assay_points_init(l, o, e);
	if (!rc)
		rc = assay_texts_encode(&l->texts, s->c.engine, l->chat, e);
	return rc ? rc : build(l, o, s->info, e);
}

int assay_cases_run(assay_build_fn build, struct assay_session *s, const struct assay_options *o, struct assay_err *e)
{
	struct assay_points l;
	int rc = make_list(build, s, o, &l, e);
	if (!rc)
		rc = assay_points_visit(s, &l, 1, 0, e);
	assay_points_release(&l);
	return rc;
}

int assay_runs(const struct assay_options *o, const char *name, int quick)
{
	int runs = (int)assay_options_int(o, name);
	return assay_options_flag(o, "quick") && assay_options_source(o, name) == ASSAY_FROM_DEFAULT && runs > quick ? quick : runs;
}
