/* The file that a face has filled a buffer for. */
#ifndef ASSAY_DRAW_FILE_H
#define ASSAY_DRAW_FILE_H

#include "base/err.h"
#include "base/mem.h"

#define DRAW_FILE_BYTES_MAX ((size_t)1 << 30)

/* dir/name, atomically; ASSAY_E_IO, also when b had overflowed. Releases b in either case. */
int draw_file_write(struct assay_buf *b, const char *dir, const char *name, struct assay_err *e);

#endif
