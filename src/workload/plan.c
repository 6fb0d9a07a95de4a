/* See plan.h. Lays requests out in one block of ids. Must not know engines or experiments. */
#include "workload/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "workload/prompts.h"

/* Sizes come from the command line: capped before they are multiplied. Adds the prompt tokens to *total. */
static int check_lengths(const struct assay_length *len, size_t n, size_t *total, struct assay_err *e)
{
	if (n < 1 || n > ASSAY_PLAN_MAX_REQUESTS)
		return assay_fail(e, ASSAY_E_USAGE, "requests: %zu is out of range: use 1 to %d", n, ASSAY_PLAN_MAX_REQUESTS);
	for (size_t i = 0; i < n; i++) {
		if (len[i].prompt < 1 || len[i].prompt > ASSAY_PLAN_MAX_TOKENS)
			return assay_fail(e, ASSAY_E_USAGE, "prompt tokens: %d is out of range: use 1 to %d", len[i].prompt, ASSAY_PLAN_MAX_TOKENS);
		if (len[i].output < 1 || len[i].output > ASSAY_PLAN_MAX_TOKENS)
			return assay_fail(e, ASSAY_E_USAGE, "output tokens: %d is out of range: use 1 to %d", len[i].output, ASSAY_PLAN_MAX_TOKENS);
		*total += (size_t)len[i].prompt;
	}
	if (*total > (size_t)1 << 31)
		return assay_fail(e, ASSAY_E_USAGE, "prompt tokens: %zu in one run are too many: use at most %zu", *total, (size_t)1 << 31);
	return 0;
}

static void set_request(const struct assay_plan_key *k, struct assay_plan *p, size_t i, struct assay_length len)
{
	struct assay_request *r = &p->reqs[i];
	uint64_t visit = assay_rng_key(assay_rng_key(k->seed, assay_hash_name("sampling")), ((uint64_t)k->point << 32) | (uint32_t)k->repeat);
	r->id = k->first_id + (uint32_t)i;
	r->prompt_tokens = len.prompt;
	r->max_tokens = len.output;
	r->sampling = k->sampling;
	r->sampling.seed = assay_rng_at(visit, i);
}

/* Requests of these lengths whose ids lie one after another in the plan's block, still unfilled. */
static int lay_out(const struct assay_plan_key *k, const struct assay_length *len, size_t n, struct assay_plan *out, struct assay_err *e)
{
	size_t total = 0;
	*out = (struct assay_plan){ 0 };
	int bad = check_lengths(len, n, &total, e);
	if (bad)
		return bad;
	*out = (struct assay_plan){ .reqs = calloc(n, sizeof *out->reqs), .n = n, .ids = malloc(total * sizeof *out->ids) };
	if (!out->reqs || !out->ids) {
		assay_plan_release(out);
		return assay_fail(e, ASSAY_E_USAGE, "requests: no memory for %zu requests of %zu prompt tokens: ask for fewer", n, total);
	}
	int32_t *at = out->ids;
	for (size_t i = 0; i < n; i++) {
		set_request(k, out, i, len[i]);
		out->reqs[i].ids = at;
		at += len[i].prompt;
	}
	return 0;
}

int assay_plan_lengths(const struct assay_plan_key *k, const struct assay_length *len, size_t n, struct assay_plan *out, struct assay_err *e)
{
	int r = lay_out(k, len, n, out, e);
	if (r)
		return r;
	int32_t *at = out->ids;
	for (size_t i = 0; i < n; i++) {
		assay_prompt_fill(k->seed, k->point, k->repeat, (uint32_t)i, k->vocab, at, (size_t)len[i].prompt);
		at += len[i].prompt;
	}
	return 0;
}

int assay_plan_batch(const struct assay_plan_key *k, size_t n, int prompt_tokens, int output_tokens, struct assay_plan *out, struct assay_err *e)
{
	*out = (struct assay_plan){ 0 };
	if (n < 1 || n > ASSAY_PLAN_MAX_REQUESTS)
		return assay_fail(e, ASSAY_E_USAGE, "batch size: %zu is out of range: use 1 to %d", n, ASSAY_PLAN_MAX_REQUESTS);
	struct assay_length *len = xalloc(n * sizeof *len);
	for (size_t i = 0; i < n; i++)
		len[i] = (struct assay_length){ prompt_tokens, output_tokens };
	int r = assay_plan_lengths(k, len, n, out, e);
	free(len);
	return r;
}

int assay_plan_exact(const struct assay_plan_key *k, enum assay_exact preset, struct assay_plan *out, struct assay_err *e)
{
	struct assay_length len[ASSAY_EXACT_REQUESTS];
	assay_exact_lengths(preset, len);
	if (!assay_exact_ids(preset, NULL))
		return assay_plan_lengths(k, len, ASSAY_EXACT_REQUESTS, out, e);
	int r = lay_out(k, len, ASSAY_EXACT_REQUESTS, out, e);
	if (!r)
		assay_exact_ids(preset, out->ids);
	return r;
}

/* Which of the given prompts request i of this visit uses; warm-ups step back from the first. */
static size_t given_index(const struct assay_plan_key *k, size_t n_prompts, size_t n, size_t i)
{
	int64_t at = (int64_t)k->repeat * (int64_t)n + (int64_t)i, m = (int64_t)n_prompts;
	return (size_t)((at % m + m) % m);
}

int assay_plan_given(const struct assay_plan_key *k, const struct assay_given_prompt *prompts, size_t n_prompts, size_t n,
                     int output_tokens, struct assay_plan *out, struct assay_err *e)
{
	*out = (struct assay_plan){ 0 };
	if (n_prompts < 1 || n < 1 || n > ASSAY_PLAN_MAX_REQUESTS)
		return assay_fail(e, ASSAY_E_USAGE, "prompts: %zu prompts for %zu requests: give at least one prompt and 1 to %d requests",
		                  n_prompts, n, ASSAY_PLAN_MAX_REQUESTS);
	struct assay_length *len = xalloc(n * sizeof *len);
	int r = 0;
	for (size_t i = 0; i < n && !r; i++) {
		const struct assay_given_prompt *g = &prompts[given_index(k, n_prompts, n, i)];
		if (g->n_ids > ASSAY_PLAN_MAX_TOKENS || (g->ids && !g->n_ids) || (!g->ids && !g->text))
			r = assay_fail(e, ASSAY_E_USAGE, "prompts: prompt %zu %s", given_index(k, n_prompts, n, i) + 1,
			               g->n_ids ? "is too long" : "is empty: give it at least one token");
		/* A text of unknown length still needs a place of its own size 1 in the check; its count is put right below. */
		len[i] = (struct assay_length){ g->n_ids ? (int)g->n_ids : 1, output_tokens };
	}
	if (!r)
		r = lay_out(k, len, n, out, e);
	for (size_t i = 0; i < n && !r; i++) {
		const struct assay_given_prompt *g = &prompts[given_index(k, n_prompts, n, i)];
		struct assay_request *q = &out->reqs[i];
		q->text = g->text;
		q->prompt_tokens = (int)g->n_ids;
		if (g->ids)
			memcpy(out->ids + (q->ids - out->ids), g->ids, g->n_ids * sizeof *g->ids);
		else
			q->ids = NULL;
	}
	free(len);
	return r;
}
