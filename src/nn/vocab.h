/* The bytes of every token id, and ids by their bytes. Ids may have holes.
 * Also the byte-level alphabet: the printable character that stands for each
 * byte in tokenizer files (GPT-2's bytes_to_unicode). Knows nothing of files. */
#ifndef ASSAY_NN_VOCAB_H
#define ASSAY_NN_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

#define NN_VOCAB_MAX (1 << 21)              /* ids; the largest published vocabulary has 2^18 */
#define NN_VOCAB_MAX_BYTES (128u << 20)

struct nn_vocab {
	int n;                     /* ids are 0..n-1 */
	struct nn_vocab_row { uint32_t at, len_bytes; bool present; } *row;
	struct assay_buf blob;
	int32_t *slot;             /* open addressing, -1 empty */
	uint32_t mask;
	size_t longest_bytes;      /* of indexed tokens */
};

void nn_vocab_init(struct nn_vocab *v, int n); /* 0 <= n <= NN_VOCAB_MAX */
void nn_vocab_release(struct nn_vocab *v);
/* Sets (or replaces) the bytes of an id in range; -1 when all tokens together pass NN_VOCAB_MAX_BYTES. */
int nn_vocab_set(struct nn_vocab *v, int32_t id, const char *bytes, size_t len_bytes);
/* Makes a set id findable by its bytes; false when another id already is under them. */
bool nn_vocab_index(struct nn_vocab *v, int32_t id);
/* The id indexed under these bytes, or -1. */
int32_t nn_vocab_find(const struct nn_vocab *v, const char *bytes, size_t len_bytes);
/* NULL and 0 for an id out of range or in a hole. */
const char *nn_vocab_bytes(const struct nn_vocab *v, int32_t id, size_t *len_bytes);

/* Turns byte-level text into the bytes it stands for; out has room for n (the result is never longer).
 * Returns their number, or -1 when a character is outside the alphabet. */
ptrdiff_t nn_byte_level_decode(const char *text, size_t n, char *out);
/* The character that stands for a byte, as UTF-8 with a closing NUL. */
void nn_byte_level_char(unsigned char byte, char out[3]);

#endif
