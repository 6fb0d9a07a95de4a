/* Byte-level BPE: text to token ids and back, read from tokenizer.json,
 * vocab.json + merges.txt, or a GGUF's metadata. decode(encode(x)) == x, or
 * NFC(x) where the tokenizer normalises. Thread: one encoder at a time per object. */
#ifndef ASSAY_NN_TOKENIZER_H
#define ASSAY_NN_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

struct nn_tokenizer;

/* From a model name as nn_source_open takes it. ASSAY_E_MODEL when the files are bad; when the model
 * has no tokenizer that this code can run, returns 0 with *out = NULL and *why = a malloc'ed line (the
 * caller frees it) saying so. */
int nn_tokenizer_open(const char *model, struct nn_tokenizer **out, char **why, struct assay_err *e);
void nn_tokenizer_close(struct nn_tokenizer *t);

int nn_tokenizer_vocab(const struct nn_tokenizer *t);
/* Appends ids to *ids (malloc'ed, grows; caller frees); special tokens in the text become single ids.
 * No BOS or other token is added. */
int nn_tokenizer_encode(struct nn_tokenizer *t, const char *text, size_t len_bytes, int32_t **ids, size_t *n, struct assay_err *e);
/* Bytes of one token (special tokens as their text); NULL/0 for an id outside the vocabulary. */
const char *nn_tokenizer_bytes(const struct nn_tokenizer *t, int32_t id, size_t *len_bytes);
int nn_tokenizer_decode(const struct nn_tokenizer *t, const int32_t *ids, size_t n, struct assay_buf *out);
/* Wraps a user message in the model's chat form (at least ChatML). ASSAY_E_MODEL when the model has none known. */
int nn_tokenizer_chat(const struct nn_tokenizer *t, const char *user, size_t len_bytes, struct assay_buf *out, struct assay_err *e);
/* A prompt's ids, appended: of the text, or of its chat form. */
int nn_tokenizer_prompt(struct nn_tokenizer *t, const char *text, size_t len_bytes, bool chat, int32_t **ids, size_t *n, struct assay_err *e);

#endif
