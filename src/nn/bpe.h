/* Byte-pair encoding of one word: merges of token ids with ranks, applied lowest
 * rank first, leftmost first among equals (Sennrich et al. 2016; the order of
 * Hugging Face tokenizers). Knows ids only, not text or files. */
#ifndef ASSAY_NN_BPE_H
#define ASSAY_NN_BPE_H

#include <stddef.h>
#include <stdint.h>

/* Ids that grow; v is malloc'ed, the owner frees it. */
struct nn_ids {
	int32_t *v;
	size_t n, cap;
};
/* -1 when memory is out (the size comes from input). */
int nn_ids_push(struct nn_ids *ids, int32_t id);

struct nn_bpe {
	struct nn_bpe_slot { uint64_t pair; int32_t rank, merged; } *slot; /* open addressing; merged < 0 = empty */
	uint64_t mask;
	struct nn_bpe_symbol { int32_t id; int prev, next; } *symbol;      /* scratch: the word as a linked list */
	struct nn_bpe_merge { int32_t rank; int at; int32_t merged; } *heap; /* scratch: candidate merges */
	size_t symbol_cap, heap_n;
};

void nn_bpe_init(struct nn_bpe *b, size_t n_merges); /* n_merges <= 2^24 */
void nn_bpe_release(struct nn_bpe *b);
/* left right -> merged; a pair given twice keeps the later one. At most n_merges calls. */
void nn_bpe_add(struct nn_bpe *b, int32_t left, int32_t right, int32_t rank, int32_t merged);
/* Replaces the n ids at ids->v[from..] by their merged form. O(n log n). -1 when memory is out. */
int nn_bpe_merge(struct nn_bpe *b, struct nn_ids *ids, size_t from);

#endif
