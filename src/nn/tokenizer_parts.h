/* Inside the tokenizer: the object and how the file readers fill it. Used by
 * tokenizer*.c, chat.c, tests and fuzzers; everybody else includes tokenizer.h. */
#ifndef ASSAY_NN_TOKENIZER_PARTS_H
#define ASSAY_NN_TOKENIZER_PARTS_H

#include <jansson.h>

#include "nn/bpe.h"
#include "nn/gguf.h"
#include "nn/pretokenize.h"
#include "nn/specials.h"
#include "nn/tokenizer.h"
#include "nn/vocab.h"

#define NN_TOKENIZER_FILE_MAX (100u << 20)  /* tokenizer.json; the largest published one has 35 MB */
#define NN_MERGES_MAX (1u << 23)

struct nn_tokenizer {
	struct nn_vocab vocab;
	struct nn_bpe bpe;
	struct nn_pretok pretok;
	/* found in the raw text; found after normalisation (tokenizer.json: added_tokens[].normalized) */
	struct nn_specials raw, normalised;
	bool nfc;                  /* text is brought to Unicode's NFC first */
	bool ignore_merges;        /* a word that is a token as it stands is not merged */
	int32_t byte_id[256];      /* token of each single byte, or -1 */
	bool chatml;
	char *chat_system;         /* the template's own system message, or NULL */
};

/* Readers return 0 with *out, NN_UNSUPPORTED with *why (malloc'ed) when the file is sound but asks for
 * something that is not here, or ASSAY_E_MODEL for a bad file. */
#define NN_UNSUPPORTED 1
int nn_unsupported(char **why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int nn_tokenizer_from_json(const char *text, size_t len_bytes, const char *what, struct nn_tokenizer **out, char **why, struct assay_err *e);
/* vocab.json, merges.txt and tokenizer_config.json (may be NULL) of the older layout. */
int nn_tokenizer_from_pair(const json_t *vocab, const char *merges, const json_t *config, const char *what, struct nn_tokenizer **out,
                           char **why, struct assay_err *e);
/* How a GGUF's text is cut before merging; NN_UNSUPPORTED as above. */
struct nn_gguf_pre { const char *name, *pattern[2] /* the second may be NULL */; bool nfc, ignore_merges; };
int nn_tokenizer_gguf_pre(const struct nn_gguf *g, const struct nn_gguf_pre **out, char **why, struct assay_err *e);
int nn_tokenizer_from_gguf(const struct nn_gguf *g, struct nn_tokenizer **out, char **why, struct assay_err *e);

/* Building: new, every token, specials, nn_bpe_init, every merge, pretok and flags, finish. */
struct nn_tokenizer *nn_tokenizer_new(int n_ids);
/* A token in byte-level spelling. Fails when its id is taken or out of range. */
int nn_tokenizer_add(struct nn_tokenizer *t, int64_t id, const char *text, size_t len_bytes, const char *what, struct assay_err *e);
/* A token found in the text as it stands. Its id may be new, or that of the same text among the tokens. */
int nn_tokenizer_add_special(struct nn_tokenizer *t, int64_t id, const char *text, size_t len_bytes, bool normalised, const char *what,
                             struct assay_err *e);
/* left + right, both in byte-level spelling. Fails when one of the three is no token. */
int nn_tokenizer_add_merge(struct nn_tokenizer *t, int32_t rank, const char *left, size_t left_bytes, const char *right,
                           size_t right_bytes, const char *what, struct assay_err *e);
int nn_tokenizer_finish(struct nn_tokenizer *t, const char *what, struct assay_err *e);

/* Makes the object from a vocabulary {"text": id, ...}: checks the ids, adds every token, leaves room for
 * ids up to max_extra_id (-1: none). On failure *out may be set; the caller closes it. */
int nn_tokenizer_from_vocab(const json_t *vocab, int64_t max_extra_id, const char *what, struct nn_tokenizer **out, struct assay_err *e);

/* Recognises the model's chat form in its Jinja template (NULL: none given). */
void nn_tokenizer_set_chat(struct nn_tokenizer *t, const char *tmpl, size_t len_bytes);

#endif
