/* What engines.json (docs/engines.schema.json) says, as text. Computes nothing. */
#ifndef ASSAY_REPORT_ENGINES_TABLES_H
#define ASSAY_REPORT_ENGINES_TABLES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"

/* For a terminal: no line is longer than width. */
void assay_engines_text(const json_t *doc, struct assay_buf *out, int width, bool colour);
/* Appends what engines.md holds. */
void assay_engines_markdown(const json_t *doc, struct assay_buf *out);
/* engines.json and engines.md into dir. */
int assay_engines_write(const json_t *doc, const char *dir, struct assay_err *e);

#endif
