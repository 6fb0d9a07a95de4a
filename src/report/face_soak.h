/* What soak{} says, for the terminal and report.md: a table of loads, sentences, and shapes over time. Computes nothing. */
#ifndef ASSAY_REPORT_FACE_SOAK_H
#define ASSAY_REPORT_FACE_SOAK_H

#include <jansson.h>

#include "draw/table.h"

/* Measured time and windows; memory growth; drift and sudden changes of each steady load; gaps. Nothing where the result has no soak{}. */
void face_soak_sentences(const json_t *result, void (*say)(void *arg, const char *sentence), void *arg);
/* Windows from the first to the last: TTFT P99, tokens/s, load, memory; a line each, at most `width` columns. */
void face_soak_shapes(struct assay_buf *out, const json_t *result, int width, bool utf8);

#endif
