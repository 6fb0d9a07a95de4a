/* What engines.json (docs/engines.schema.json) says: for a terminal, as engines.md and as report.html. Computes nothing. */
#ifndef ASSAY_REPORT_ENGINES_TABLES_H
#define ASSAY_REPORT_ENGINES_TABLES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "draw/table.h"

/* For a terminal: no line is longer than width. */
void assay_engines_text(const json_t *doc, struct assay_buf *out, int width, bool colour);
/* Appends what engines.md holds. */
void assay_engines_markdown(const json_t *doc, struct assay_buf *out);
/* engines.json, engines.md and report.html into dir. first: the first block's result of each of n engines, NULL where there is none, for distributions. */
int assay_engines_write(const json_t *doc, const json_t *const *first, size_t n, const char *dir, struct assay_err *e);

/* ---- for the files of these faces ---- */
struct engines_part { const char *id, *title, *under; void (*fill)(const json_t *doc, struct draw_table *t); bool files_only; };
/* The tables in order; a file has them all, a terminal those that are not files_only. Ended by a NULL title. */
extern const struct engines_part engines_parts[];
/* What must be read before any number, a sentence each: interrupted, other answers, other ids, INVALID blocks, engines that are missing or failed; `say` gets each. */
void engines_warnings(const json_t *doc, void (*say)(void *arg, const char *text), void *arg);
/* Whether the work was the same: answers, ids, lengths; then what was measured, and how. */
void engines_facts(const json_t *doc, void (*say)(void *arg, const char *text), void *arg);
/* What stands behind the numbers: why not compared, what is derived, ignored, missing; engines by their letters. */
void engines_notes(const json_t *doc, void (*say)(void *arg, const char *text), void *arg);
int engines_html_write(const json_t *doc, const json_t *const *first, size_t n, const char *dir, struct assay_err *e);

#endif
