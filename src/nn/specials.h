/* Tokens that are found in the text as they stand ("<|im_start|>"), before any
 * word is cut: leftmost first, longest among those that start together. */
#ifndef ASSAY_NN_SPECIALS_H
#define ASSAY_NN_SPECIALS_H

#include "nn/vocab.h"

struct nn_specials {
	const struct nn_vocab *vocab; /* holds their bytes */
	int32_t *id;               /* sorted by bytes once _sort was called */
	size_t n, cap;
	bool first[256];           /* some token starts with this byte */
};

void nn_specials_add(struct nn_specials *s, int32_t id); /* its bytes are set and not empty */
/* Call once all are added; returns an id whose bytes another one has too, or -1. */
int32_t nn_specials_sort(struct nn_specials *s, const struct nn_vocab *v);
void nn_specials_release(struct nn_specials *s);
/* First token at or after `from`: its id, with *at and *len_bytes; -1 when there is none. */
int32_t nn_specials_next(const struct nn_specials *s, const char *text, size_t n, size_t from, size_t *at, size_t *len_bytes);

#endif
