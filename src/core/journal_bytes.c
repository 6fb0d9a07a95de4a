/* See journal_bytes.h. Must not know what the bytes mean. */
#include "core/journal_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define PIECE_BYTES ((size_t)1 << 20)

void journal_bytes_memory(struct journal_bytes *b, const void *data, size_t n)
{
	*b = (struct journal_bytes){ .fd = -1, .held = (unsigned char *)data, .len = n, .cap = n, .left = n };
}

int journal_bytes_open(struct journal_bytes *b, const char *path, uint64_t max_bytes, struct assay_err *e)
{
	struct stat st;
	*b = (struct journal_bytes){ .fd = open(path, O_RDONLY | O_CLOEXEC) };
	if (b->fd < 0 || fstat(b->fd, &st))
		return assay_fail(e, ASSAY_E_DATA, "%s: cannot read: %s", path, strerror(errno));
	if ((uint64_t)st.st_size > max_bytes)
		return assay_fail(e, ASSAY_E_DATA, "%s: larger than %llu bytes", path, (unsigned long long)max_bytes);
	b->left = (uint64_t)st.st_size;
	return 0;
}

void journal_bytes_close(struct journal_bytes *b)
{
	if (b->fd < 0)
		return;
	close(b->fd);
	free(b->held);
}

/* Makes room for n bytes from `at` on, and reads as many as fit. */
static void fill(struct journal_bytes *b, size_t n)
{
	if (b->held)
		memmove(b->held, b->held + b->at, b->len - b->at);
	b->len -= b->at;
	b->at = 0;
	if (n > b->cap || !b->cap) {
		b->cap = n > PIECE_BYTES ? n : PIECE_BYTES;
		b->held = xrealloc(b->held, b->cap);
	}
	while (b->len < n) {
		ssize_t got = read(b->fd, b->held + b->len, b->cap - b->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		b->len += (size_t)got;
	}
}

const unsigned char *journal_bytes_peek(struct journal_bytes *b, size_t n)
{
	if (b->len - b->at < n && b->fd >= 0)
		fill(b, n);
	return b->len - b->at < n ? NULL : b->held + b->at;
}

void journal_bytes_take(struct journal_bytes *b, size_t n)
{
	b->at += n;
	b->left -= n;
}
