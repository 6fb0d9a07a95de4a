/* Prompts that the user gave as text (--prompt, --prompts FILE): read, encoded by the engine, and dealt out to requests. */
#ifndef ASSAY_EXPERIMENT_TEXTS_H
#define ASSAY_EXPERIMENT_TEXTS_H

#include "base/options.h"
#include "engine/engine.h"
#include "workload/plan.h"

#define ASSAY_TEXTS_MAX 100000

struct assay_texts {
	char **text;
	size_t n;                          /* 0 = none given: prompts are seeded token ids */
	struct assay_given_prompt *given;  /* [n] once encoded; ids owned here, text borrowed from `text` */
	int32_t *stream;                   /* all ids in a row: what prompts of a stated length are cut from */
	size_t n_stream;
};

/* From --prompt or --prompts (a line each, or .jsonl with "prompt"). ASSAY_E_USAGE naming file and line. */
int assay_texts_load(const struct assay_options *o, struct assay_texts *out, struct assay_err *e);
/* ASSAY_E_USAGE with the engine's reason when it has no tokenizer. */
int assay_texts_encode(struct assay_texts *t, struct assay_engine *g, bool chat, struct assay_err *e);
void assay_texts_release(struct assay_texts *t);

/* Most tokens that one of the prompts can become (a byte each at most, and the chat form), before they are encoded. */
size_t assay_texts_longest_bound(const struct assay_texts *t);
/* n requests whose prompts are prompt_tokens long, cut from the texts in a row, each from a place of its own. */
int assay_texts_cut(const struct assay_texts *t, const struct assay_plan_key *k, size_t n, int prompt_tokens, int output_tokens,
		    struct assay_plan *out, struct assay_err *e);

#endif
