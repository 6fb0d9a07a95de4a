/* The files of a journal: one, or a row of segments. Between journal_write.c, which fills them, and the disk. */
#ifndef ASSAY_RESULT_JOURNAL_FILE_H
#define ASSAY_RESULT_JOURNAL_FILE_H

#include "base/err.h"
#include "result/result.h"

struct journal_file {
	int fd, lock_fd;           /* being written; journal.bin, locked: the directory is in use */
	char *dir, *path;          /* path: of fd */
	uint32_t segment;
	uint64_t bytes;            /* whole frames that reached this file, its start included */
	uint64_t before_bytes;     /* all files before it */
	uint64_t full_bytes;       /* at this size the next one begins; 0 = never */
	bool ours;                 /* we made it, or found it empty */
};

/* Creates, or continues; takes the lock. USAGE when the directory is in use or holds (or, to continue, lacks) a journal; else IO. */
int journal_file_open(struct journal_file *f, const char *dir, enum assay_journal_mode mode, struct assay_err *e);
static inline bool journal_file_full(const struct journal_file *f)
{
	return f->full_bytes && f->bytes >= f->full_bytes;
}
/* Syncs this segment and opens the next. 0 or an errno. */
int journal_file_next(struct journal_file *f);
/* Removes the file that was made: it holds no record. */
void journal_file_undo(struct journal_file *f);
void journal_file_close(struct journal_file *f);

#endif
