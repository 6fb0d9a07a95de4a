/* Small tokenizers for tests, as the text of their files. */
#ifndef ASSAY_TESTS_TOKENIZER_FIXTURE_H
#define ASSAY_TESTS_TOKENIZER_FIXTURE_H

#include <jansson.h>
#include <stddef.h>

/* The character that stands for byte b in tokenizer files, as UTF-8. */
void byte_level_char(unsigned b, char out[3]);

/* A byte-level BPE tokenizer.json: ids 0..255 are the single bytes, then the results of `merges` in order
 * ("h e" gives id 256 ...), then "<|end|>" and "<|end|>x" as added tokens, then "<norm>" (normalized). Pre-tokenizer: GPT-2's
 * ByteLevel. Owned by the caller; tests change parts before they print it. */
json_t *fixture_tokenizer(const char *const *merges, size_t n_merges);
/* Text of v, malloc'ed, and v is released. */
char *fixture_text(json_t *v);

#endif
