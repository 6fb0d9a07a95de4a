/* A ring between one producer and one consumer, counted in 8-byte words: the producer owns head, the consumer
 * owns tail. An entry is one word {u32 type, u32 bytes} and its payload. Putting takes no lock and never waits. */
#ifndef ASSAY_RESULT_JOURNAL_RING_H
#define ASSAY_RESULT_JOURNAL_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal_ring {
	uint64_t *words;
	size_t mask;                              /* words - 1; a power of two less one */
	_Alignas(64) atomic_size_t head;          /* next word to fill */
	_Alignas(64) atomic_size_t tail;          /* next word to write out */
};

struct journal_entry { uint32_t type, size_bytes; };

/* Every page is touched here, so that a run's memory does not grow as the ring goes round. */
void journal_ring_init(struct journal_ring *l, size_t words_wanted);
void journal_ring_release(struct journal_ring *l);

/* Producer: false when there is no room. *half: this entry filled the ring past its half. */
bool journal_ring_put(struct journal_ring *l, struct journal_entry x, const void *payload, size_t words, bool *half);
/* Consumer: copies `words` words from position `at` (tail <= at, at + words <= head). */
void journal_ring_peek(const struct journal_ring *l, size_t at, void *dst, size_t words);

#endif
