/* A comparison (analysis/compare.h) on a terminal: no line is longer than width. Computes nothing. */
#ifndef ASSAY_REPORT_FACE_COMPARE_H
#define ASSAY_REPORT_FACE_COMPARE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/mem.h"

void assay_face_compare(const json_t *comparison, struct assay_buf *out, int width, bool colour);
/* "host: vm1 against vm2" of one entry of differences[] or warnings[]. */
void assay_face_difference(const json_t *entry, char *out, int size_bytes);

#endif
