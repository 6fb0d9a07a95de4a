/* Reading a journal back: bytes -> a run. Here, below everyone who reads one: report/ makes the result of it, engine/replay
 * plays it back. Writing is result/journal_write.c; the bytes are those of journal_format.h. */
#ifndef ASSAY_CORE_JOURNAL_H
#define ASSAY_CORE_JOURNAL_H

#include <stddef.h>

#include "base/err.h"
#include "core/run.h"

/* Reads DIR/journal.bin, also a torn one (run->torn; also when it has no footer). ASSAY_E_DATA when it has no complete header
 * ("nothing recorded"), ASSAY_E_USAGE while a run is being recorded there. */
int assay_journal_read(const char *dir, struct assay_run *out, struct assay_err *e);
/* The same of a journal that the caller itself is recording: what has reached the file. */
int assay_journal_read_own(const char *dir, struct assay_run *out, struct assay_err *e);
/* The same, and each WINDOW, DIST, BUCKETS, SERVED, SERVED_TOKEN and RESUME record goes to each() on the way, in the order of the file (a RESUME
 * without its content: NULL). record is not aligned. */
int assay_journal_read_each(const char *dir, void (*each)(void *arg, uint32_t type, const void *record), void *arg, struct assay_run *out, struct assay_err *e);
/* The same over bytes (fuzzing). */
int assay_journal_parse(const void *data, size_t n, struct assay_run *out, struct assay_err *e);

#endif
