/* Several results on one page: the same figures laid over each other and a table with a column a result. It shows; whether two differ
 * is for a comparison to say (analysis/compare.h). Computes nothing. */
#ifndef ASSAY_REPORT_FACE_OVERLAY_H
#define ASSAY_REPORT_FACE_OVERLAY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

enum { ASSAY_OVERLAY_MOST = 12 }; /* columns of its table */

/* A result and the directory that it is from. Sides are named A, B, C, ... in this order. */
struct assay_overlay_side { const json_t *result; const char *dir; };

/* report.html and report.md into dir. */
int assay_overlay_write(const struct assay_overlay_side *sides, size_t n, const char *dir, struct assay_err *e);
/* Which results; no line longer than width. */
void assay_overlay_text(const struct assay_overlay_side *sides, size_t n, struct assay_buf *out, int width, bool colour);

#endif
