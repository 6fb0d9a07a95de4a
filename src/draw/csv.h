/* CSV as RFC 4180 has it, made safe for spreadsheets: text that begins like a formula gets an apostrophe in
 * front. Missing numbers are empty cells. Knows nothing of results. */
#ifndef ASSAY_DRAW_CSV_H
#define ASSAY_DRAW_CSV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

struct csv { struct assay_buf b; bool inside; /* a cell of this row was written */ };

/* header: the first row as it stands, without line end. */
void csv_init(struct csv *c, const char *header);
void csv_release(struct csv *c);
void csv_text(struct csv *c, const char *s);        /* NULL = empty */
void csv_num(struct csv *c, double x);              /* full precision; NaN and infinities = empty */
void csv_int(struct csv *c, int64_t x);
void csv_count(struct csv *c, int64_t x);           /* negative = unknown = empty */
void csv_end(struct csv *c);                        /* CRLF */
/* dir/name, atomically; c is empty afterwards. */
int csv_write(struct csv *c, const char *dir, const char *name, struct assay_err *e);

#endif
