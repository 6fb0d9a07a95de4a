/* The bytes of a journal one after the other, from memory or from a file of which only a piece is held at a time. Internal to the journal. */
#ifndef ASSAY_CORE_JOURNAL_BYTES_H
#define ASSAY_CORE_JOURNAL_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct journal_bytes {
	int fd;                    /* -1: all in memory */
	unsigned char *held;       /* owned when there is a file */
	size_t at, len, cap;       /* of held: next byte, bytes there, room */
	uint64_t left;             /* bytes not yet taken */
};

void journal_bytes_memory(struct journal_bytes *b, const void *data, size_t n);
/* ASSAY_E_DATA when the file cannot be read or has more than max_bytes. */
int journal_bytes_open(struct journal_bytes *b, const char *path, uint64_t max_bytes, struct assay_err *e);
void journal_bytes_close(struct journal_bytes *b);
/* The next n bytes, which stay where they are until the next call; NULL when there are fewer (n <= left is asked, so a file that shrank). */
const unsigned char *journal_bytes_peek(struct journal_bytes *b, size_t n);
void journal_bytes_take(struct journal_bytes *b, size_t n);

#endif
