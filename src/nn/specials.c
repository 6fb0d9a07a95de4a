/* See specials.h. The sorted list is walked like a trie: the tokens that share the
 * first d bytes with the text are a range of it, narrowed byte by byte. */
#include "nn/specials.h"

#include <stdlib.h>
#include <string.h>

void nn_specials_add(struct nn_specials *s, int32_t id)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 32;
		s->id = xrealloc(s->id, s->cap * sizeof *s->id);
	}
	s->id[s->n++] = id;
}

void nn_specials_release(struct nn_specials *s)
{
	free(s->id);
	*s = (struct nn_specials){ 0 };
}

static int by_bytes(const void *a, const void *b, void *vocab)
{
	size_t na, nb;
	const char *sa = nn_vocab_bytes(vocab, *(const int32_t *)a, &na), *sb = nn_vocab_bytes(vocab, *(const int32_t *)b, &nb);
	int r = memcmp(sa, sb, na < nb ? na : nb);
	return r ? r : (na > nb) - (na < nb);
}

int32_t nn_specials_sort(struct nn_specials *s, const struct nn_vocab *v)
{
	size_t len;
	s->vocab = v;
	if (s->n)
		qsort_r(s->id, s->n, sizeof *s->id, by_bytes, (void *)v);
	for (size_t i = 0; i < s->n; i++) {
		s->first[(unsigned char)*nn_vocab_bytes(v, s->id[i], &len)] = true;
		if (i && !by_bytes(&s->id[i - 1], &s->id[i], (void *)v))
			return s->id[i];
	}
	return -1;
}

/* Byte d of token i; -1 past its end, which sorts before any byte. */
static int byte_at(const struct nn_specials *s, size_t i, size_t d)
{
	size_t len;
	const char *p = nn_vocab_bytes(s->vocab, s->id[i], &len);
	return d < len ? (unsigned char)p[d] : -1;
}

/* First index in [lo, hi) whose byte d is at least c. */
static size_t lower(const struct nn_specials *s, size_t lo, size_t hi, size_t d, int c)
{
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (byte_at(s, mid, d) < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Longest token that the text starts with. */
static int32_t longest(const struct nn_specials *s, const char *text, size_t n, size_t *len)
{
	size_t lo = 0, hi = s->n;
	int32_t best = -1;
	for (size_t d = 0; lo < hi; d++) {
		if (byte_at(s, lo, d) < 0) { /* sorted first in its range: ends exactly here */
			best = s->id[lo];
			*len = d;
		}
		if (d == n)
			break;
		int c = (unsigned char)text[d];
		lo = lower(s, lo, hi, d, c);
		hi = lower(s, lo, hi, d, c + 1);
	}
	return best;
}

int32_t nn_specials_next(const struct nn_specials *s, const char *text, size_t n, size_t from, size_t *at, size_t *len)
{
	if (!s->n)
		return -1;
	for (size_t i = from; i < n; i++) {
		if (!s->first[(unsigned char)text[i]])
			continue;
		int32_t id = longest(s, text + i, n - i, len);
		if (id >= 0) {
			*at = i;
			return id;
		}
	}
	return -1;
}
