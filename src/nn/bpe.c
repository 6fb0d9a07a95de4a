/* See bpe.h. The word is a doubly linked list of symbols in an array; a binary heap
 * holds every adjacent pair that has a merge. An entry whose pair has changed since
 * it was pushed is recognised when popped and dropped. */
#include "nn/bpe.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

int nn_ids_push(struct nn_ids *ids, int32_t id)
{
	if (ids->n == ids->cap) {
		size_t cap = ids->cap ? 2 * ids->cap : 64;
		int32_t *v = realloc(ids->v, cap * sizeof *v);
		if (!v)
			return -1;
		ids->v = v;
		ids->cap = cap;
	}
	ids->v[ids->n++] = id;
	return 0;
}

void nn_bpe_init(struct nn_bpe *b, size_t n_merges)
{
	uint64_t slots = 16;
	while (slots < 2 * n_merges)
		slots *= 2;
	*b = (struct nn_bpe){ .mask = slots - 1 };
	b->slot = xalloc(slots * sizeof *b->slot);
	for (uint64_t i = 0; i < slots; i++)
		b->slot[i].merged = -1;
}

void nn_bpe_release(struct nn_bpe *b)
{
	free(b->slot);
	free(b->symbol);
	free(b->heap);
	*b = (struct nn_bpe){ 0 };
}

/* The slot of a pair: its own, or the empty one where it belongs. */
static struct nn_bpe_slot *slot_of(const struct nn_bpe *b, int32_t left, int32_t right)
{
	uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right, i = assay_mix64(pair) & b->mask;
	while (b->slot[i].merged >= 0 && b->slot[i].pair != pair)
		i = (i + 1) & b->mask;
	return &b->slot[i];
}

void nn_bpe_add(struct nn_bpe *b, int32_t left, int32_t right, int32_t rank, int32_t merged)
{
	*slot_of(b, left, right) = (struct nn_bpe_slot){ (uint64_t)(uint32_t)left << 32 | (uint32_t)right, rank, merged };
}

static bool before(const struct nn_bpe_merge *a, const struct nn_bpe_merge *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_push(struct nn_bpe *b, struct nn_bpe_merge m)
{
	size_t i = b->heap_n++;
	for (; i && before(&m, &b->heap[(i - 1) / 2]); i = (i - 1) / 2)
		b->heap[i] = b->heap[(i - 1) / 2];
	b->heap[i] = m;
}

static struct nn_bpe_merge heap_pop(struct nn_bpe *b)
{
	struct nn_bpe_merge top = b->heap[0], last = b->heap[--b->heap_n];
	size_t i = 0, child;
	while ((child = 2 * i + 1) < b->heap_n) {
		if (child + 1 < b->heap_n && before(&b->heap[child + 1], &b->heap[child]))
			child++;
		if (!before(&b->heap[child], &last))
			break;
		b->heap[i] = b->heap[child];
		i = child;
	}
	b->heap[i] = last;
	return top;
}

/* Offers the pair (at, its right neighbour), if there is a merge for it. */
static void offer(struct nn_bpe *b, int at)
{
	if (at < 0 || b->symbol[at].next < 0)
		return;
	const struct nn_bpe_slot *s = slot_of(b, b->symbol[at].id, b->symbol[b->symbol[at].next].id);
	if (s->merged >= 0)
		heap_push(b, (struct nn_bpe_merge){ s->rank, at, s->merged });
}

/* Each merge removes a symbol and offers at most two pairs: 3 n entries suffice. */
static int reserve(struct nn_bpe *b, size_t n)
{
	if (n <= b->symbol_cap)
		return 0;
	size_t cap = n + n / 2 + 64;
	struct nn_bpe_symbol *s = realloc(b->symbol, cap * sizeof *s);
	if (s)
		b->symbol = s;
	struct nn_bpe_merge *h = realloc(b->heap, 3 * cap * sizeof *h);
	if (h)
		b->heap = h;
	if (!s || !h)
		return -1;
	b->symbol_cap = cap;
	return 0;
}

static void apply(struct nn_bpe *b, struct nn_bpe_merge m)
{
	struct nn_bpe_symbol *s = &b->symbol[m.at];
	if (s->id < 0 || s->next < 0)
		return; /* swallowed by an earlier merge, or last */
	struct nn_bpe_symbol *right = &b->symbol[s->next];
	if (slot_of(b, s->id, right->id)->merged != m.merged)
		return; /* one side has changed since */
	s->id = m.merged;
	s->next = right->next;
	right->id = -1;
	if (s->next >= 0)
		b->symbol[s->next].prev = m.at;
	offer(b, s->prev);
	offer(b, m.at);
}

int nn_bpe_merge(struct nn_bpe *b, struct nn_ids *ids, size_t from)
{
	size_t n = ids->n - from;
	if (n < 2)
		return 0;
	if (n > INT_MAX / 4 || reserve(b, n))
		return -1;
	for (size_t i = 0; i < n; i++)
		b->symbol[i] = (struct nn_bpe_symbol){ ids->v[from + i], (int)i - 1, i + 1 < n ? (int)i + 1 : -1 };
	b->heap_n = 0;
	for (size_t i = 0; i + 1 < n; i++)
		offer(b, (int)i);
	while (b->heap_n)
		apply(b, heap_pop(b));
	ids->n = from;
	for (int i = 0; i >= 0; i = b->symbol[i].next)
		ids->v[ids->n++] = b->symbol[i].id;
	return 0;
}
