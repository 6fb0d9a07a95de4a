/* Cuts text into the words that byte-pair encoding works on: a chain of regular
 * expressions, each isolating its matches inside the pieces of the one before.
 * Knows nothing of vocabularies or files. */
#ifndef ASSAY_NN_PRETOKENIZE_H
#define ASSAY_NN_PRETOKENIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define NN_PRETOK_STEPS 8

struct nn_pretok {
	int n_steps;
	struct nn_pretok_step { void *code, *match; } step[NN_PRETOK_STEPS]; /* PCRE2 objects */
	void *context;             /* limits on matching, JIT stack */
	void *jit_stack;
};

/* The patterns that published tokenizers use. */
extern const char nn_pattern_gpt2[], nn_pattern_qwen2[], nn_pattern_llama3[], nn_pattern_digit[], nn_pattern_digits[];

void nn_pretok_init(struct nn_pretok *p);
void nn_pretok_release(struct nn_pretok *p);
/* Appends a step. Patterns are in Oniguruma's dialect as tokenizer.json holds them; NULL, or the static
 * reason why it cannot be used here (syntax, a construct whose meaning differs, too many steps). */
const char *nn_pretok_add(struct nn_pretok *p, const char *pattern);

/* Called for each word in order; words together are the whole text. Non-zero stops and is returned. */
typedef int (*nn_word_fn)(void *ctx, const char *word, size_t len_bytes, struct assay_err *e);
/* Invalid UTF-8 is allowed: its bytes become words of their own. ASSAY_E_USAGE when a pattern's match
 * limit is hit (only hostile patterns do). */
int nn_pretok_run(const struct nn_pretok *p, const char *text, size_t len_bytes, nn_word_fn fn, void *ctx, struct assay_err *e);

#endif
