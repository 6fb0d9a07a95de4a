/* See points.h: the list of points, what each will ask for, and what a whole plan needs. Visiting is in visit.c. */
#include "experiment/points.h"

#include <stdlib.h>
#include <string.h>


int assay_points_init(struct assay_points *l, const struct assay_options *o, struct assay_err *e)
{
	*l = (struct assay_points){ .sampling = { .temperature = (float)assay_options_num(o, "temperature"), .top_p = (float)assay_options_num(o, "top-p"),
						  .top_k = (int)assay_options_int(o, "top-k"), .ignore_eos = assay_options_flag(o, "ignore-eos") },
				    .chat = assay_options_flag(o, "chat") };
	return assay_texts_load(o, &l->texts, e);
}

void assay_points_release(struct assay_points *l)
{
	for (size_t i = 0; i < l->n; i++)
		json_decref(l->p[i].cse);
	free(l->p);
	assay_texts_release(&l->texts);
	*l = (struct assay_points){ 0 };
}

struct assay_point *assay_points_add(struct assay_points *l, const char *experiment, int runs, int warmup)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->p = xrealloc(l->p, l->cap * sizeof *l->p);
	}
	struct assay_point *p = &l->p[l->n++];
	*p = (struct assay_point){ .experiment = experiment, .cse = json_object(), .runs = runs, .warmup = warmup, .planned = runs, .preset = ASSAY_EXACT_NONE };
	return p;
}

struct assay_point *assay_points_add_batch(struct assay_points *l, const char *experiment, int runs, int warmup, int batch, int prompt_tokens,
					   int output_tokens)
{
	struct assay_point *p = assay_points_add(l, experiment, runs, warmup);
	p->requests = (size_t)batch;
	p->resident = true;
	p->prompt_tokens = prompt_tokens;
	p->output_tokens = output_tokens;
	json_object_set_new(p->cse, "batch_size", json_integer(batch));
	json_object_set_new(p->cse, "prompt_tokens", json_integer(prompt_tokens));
	json_object_set_new(p->cse, "output_tokens", json_integer(output_tokens));
	if (l->texts.n)
		json_object_set_new(p->cse, "prompts", json_string("text"));
	return p;
}

void assay_point_use_texts(const struct assay_points *l, struct assay_point *p)
{
	if (!l->texts.n)
		return;
	p->workload = ASSAY_WORK_TEXT;
	json_object_set_new(p->cse, "prompts", json_string("text"));
	if (!l->texts.given) { /* before the engine is open: only a bound is known */
		json_object_del(p->cse, "prompt_tokens");
		return;
	}
	size_t least = SIZE_MAX, most = 0;
	for (size_t i = 0; i < l->texts.n; i++) {
		least = l->texts.given[i].n_ids < least ? l->texts.given[i].n_ids : least;
		most = l->texts.given[i].n_ids > most ? l->texts.given[i].n_ids : most;
	}
	if (least == most)
		json_object_set_new(p->cse, "prompt_tokens", json_integer((json_int_t)most));
	else
		json_object_set_new(p->cse, "prompt_tokens", json_sprintf("%zu:%zu", least, most));
}

void assay_point_clip(struct assay_point *p, int max_context)
{
	struct assay_length len = { p->prompt_tokens, p->output_tokens };
	if (p->workload != ASSAY_WORK_BATCH || !assay_length_clip(&len, max_context))
		return;
	json_object_set_new(p->cse, "prompt_tokens", json_integer(len.prompt));
	json_object_set_new(p->cse, "output_tokens", json_integer(len.output));
	json_object_set_new(p->cse, "asked_prompt_tokens", json_integer(p->prompt_tokens));
	json_object_set_new(p->cse, "asked_output_tokens", json_integer(p->output_tokens));
	p->prompt_tokens = len.prompt;
	p->output_tokens = len.output;
}

/* A prompt of the user: its tokens, or before encoding a bound. */
static int text_tokens(const struct assay_points *l, size_t i, int max_context, int output)
{
	size_t n = l->texts.given ? l->texts.given[i].n_ids : assay_texts_longest_bound(&l->texts);
	if (!l->texts.given && max_context > output && n > (size_t)(max_context - output))
		n = (size_t)(max_context - output);
	return n > ASSAY_PLAN_MAX_TOKENS ? ASSAY_PLAN_MAX_TOKENS : (int)n;
}

static void add_size(struct assay_point_size *s, double n, int prompt, int output)
{
	s->prompt_tokens += n * prompt;
	s->output_tokens += n * output;
	s->kv_tokens += n * ((double)prompt + output);
	if (prompt + output > s->longest)
		s->longest = prompt + output;
}

static int by_output(const void *a, const void *b)
{
	const struct assay_length *x = a, *y = b;
	return (x->output > y->output) - (x->output < y->output);
}

/* All start together and make a token a step: before their last token those with at least o outputs hold their prompts and o - 1
 * tokens each (a token's KV is written by the step after it). */
static double held_together(struct assay_length *len, size_t n)
{
	double most = 0, prompts = 0;
	qsort(len, n, sizeof *len, by_output);
	for (size_t i = n; i-- > 0;) {
		prompts += len[i].prompt;
		double held = prompts + (double)(n - i) * (len[i].output - 1);
		most = held > most ? held : most;
	}
	return most;
}

static void measure_lengths(const struct assay_point *p, int max_context, struct assay_point_size *out)
{
	struct assay_length *len = xalloc((p->workload == ASSAY_WORK_EXACT ? ASSAY_EXACT_REQUESTS : p->requests) * sizeof *len);
	if (p->workload == ASSAY_WORK_EXACT)
		assay_exact_lengths(p->preset, len);
	else
		assay_lengths_ranges(0, p->index, p->prompt_range, p->output_range, max_context, len, p->requests, NULL);
	for (size_t i = 0; i < p->requests; i++)
		add_size(out, 1, len[i].prompt, len[i].output);
	out->kv_tokens = held_together(len, p->requests);
	free(len);
}

/* Drawn outputs count with their mean, but the longest may come with any prompt; later runs reach the later prompts. */
static void measure_texts(const struct assay_points *l, const struct assay_point *p, int max_context, struct assay_point_size *out)
{
	const struct assay_len_range *o = &p->output_range;
	int output = o->hi ? (o->lo + o->hi) / 2 : p->output_tokens;
	for (size_t i = 0; i < p->requests || i < l->texts.n; i++) {
		int prompt = text_tokens(l, i % l->texts.n, max_context, p->output_tokens);
		if (i < p->requests)
			add_size(out, 1, prompt, output);
		if (prompt + p->output_tokens > out->longest)
			out->longest = prompt + p->output_tokens;
	}
}

void assay_point_measure(const struct assay_points *l, const struct assay_point *p, int max_context, struct assay_point_size *out)
{
	*out = (struct assay_point_size){ 0 };
	if (p->workload == ASSAY_WORK_BATCH)
		add_size(out, (double)p->requests, p->prompt_tokens, p->output_tokens);
	else if (p->workload == ASSAY_WORK_TEXT)
		measure_texts(l, p, max_context, out);
	else
		measure_lengths(p, max_context, out);
}

/* KV tokens that a run of this point wants: what it holds at once (unequal requests do not quite march in step: a tenth more), with
 * whole blocks, for no more sequences than run together. */
static double wanted_kv(const struct assay_point *p, const struct assay_point_size *s, const struct assay_options *o)
{
	double block = (double)assay_options_int(o, "block-size"), seqs = (double)assay_options_int(o, "max-num-seqs"), n = (double)p->requests;
	if (p->in_flight && p->in_flight < seqs)
		seqs = p->in_flight;
	double kv = p->workload == ASSAY_WORK_BATCH ? s->kv_tokens : 1.1 * s->kv_tokens;
	double most = (n < seqs ? n : seqs) * s->longest;
	return (kv < most ? kv : most) + (n < seqs ? n : seqs) * (block - 1);
}

void assay_points_plan(const struct assay_points *l, const struct assay_options *o, int max_context, struct assay_run_plan *out)
{
	out->points = out->points ? out->points : json_array();
	for (size_t i = 0; i < l->n; i++) {
		const struct assay_point *p = &l->p[i];
		struct assay_point_size s;
		assay_point_measure(l, p, max_context, &s);
		double runs = p->runs, held = wanted_kv(p, &s, o), all = runs + p->warmup;
		/* a point over the context is a limit: it needs nothing */
		if (!(max_context > 0 && s.longest > max_context)) {
			if (held > (double)out->kv_tokens)
				out->kv_tokens = (uint64_t)held;
			out->prompt_tokens += (uint64_t)(runs * s.prompt_tokens);
			out->output_tokens += (uint64_t)(runs * s.output_tokens);
			out->requests += (uint64_t)(runs * (double)p->requests);
			out->hot_records += (uint64_t)(all * (2 * s.output_tokens + 4 * (double)p->requests + 16));
		}
		json_array_append_new(out->points, json_pack("{s:s, s:O, s:i, s:i, s:f, s:f}", "experiment", p->experiment, "case", p->cse, "runs", p->runs,
							     "warmup", p->warmup, "prompt_tokens", s.prompt_tokens, "output_tokens", s.output_tokens));
	}
}

void assay_run_plan_release(struct assay_run_plan *p)
{
	json_decref(p->points);
	*p = (struct assay_run_plan){ 0 };
}
