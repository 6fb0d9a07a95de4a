/* See journal_ring.h. Must not know what entries mean. */
#include "result/journal_ring.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void journal_ring_init(struct journal_ring *l, size_t words_wanted)
{
	size_t words = 1;
	while (words < words_wanted)
		words *= 2;
	l->words = xalloc(words * 8);
	memset(l->words, 0xff, words * 8);
	l->mask = words - 1;
}

void journal_ring_release(struct journal_ring *l)
{
	free(l->words);
	l->words = NULL;
}

static void copy_in(struct journal_ring *l, size_t at, const void *src, size_t words)
{
	size_t i = at & l->mask, first = l->mask + 1 - i;
	first = first < words ? first : words;
	memcpy(l->words + i, src, first * 8);
	memcpy(l->words, (const char *)src + first * 8, (words - first) * 8);
}

void journal_ring_peek(const struct journal_ring *l, size_t at, void *dst, size_t words)
{
	size_t i = at & l->mask, first = l->mask + 1 - i;
	first = first < words ? first : words;
	memcpy(dst, l->words + i, first * 8);
	memcpy((char *)dst + first * 8, l->words, (words - first) * 8);
}

bool journal_ring_put(struct journal_ring *l, struct journal_entry x, const void *payload, size_t words, bool *half)
{
	size_t head = atomic_load_explicit(&l->head, memory_order_relaxed);
	size_t used = head - atomic_load_explicit(&l->tail, memory_order_acquire);
	size_t size = l->mask + 1, need = 1 + words;
	if (need > size - used)
		return false;
	memcpy(&l->words[head & l->mask], &x, 8);
	copy_in(l, head + 1, payload, words);
	atomic_store_explicit(&l->head, head + need, memory_order_release);
	*half = used < size / 2 && used + need >= size / 2;
	return true;
}
