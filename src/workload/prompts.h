/* Synthetic prompts: token ids from a seed. Pure. */
#ifndef ASSAY_WORKLOAD_PROMPTS_H
#define ASSAY_WORKLOAD_PROMPTS_H

#include <stddef.h>
#include <stdint.h>

/* Ids that prompts use: [*lo, *hi). Tokenizers keep their special tokens at either end of the vocabulary (LLaMA 0-2, OPT 0-3, GPT-2
 * 50256, Llama-3 the last 256, Qwen2 the last 293), so both ends are left out: 512 ids each, a sixteenth in small vocabularies. */
void assay_prompt_range(int vocab, int32_t *lo, int32_t *hi);

/* Fills ids[0..n). The first tokens spell a 64-bit number that is a bijection of (point, repeat, request) for a given seed, so prompts
 * of one seed differ within assay_prompt_distinct(vocab) tokens; the rest are uniform draws keyed by the same number. */
void assay_prompt_fill(uint64_t seed, uint32_t point, int32_t repeat, uint32_t request, int vocab, int32_t *ids, size_t n);

/* Tokens after which two prompts are sure to differ (5 for a vocabulary of 50,257). */
size_t assay_prompt_distinct(int vocab);

#endif
