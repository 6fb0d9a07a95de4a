/* The parts of report.md: face_markdown.c (verdict and numbers), markdown_findings.c, and the sheet that the sections shared with
 * report.html are written to. Internal to the Markdown face. */
#ifndef ASSAY_REPORT_MARKDOWN_H
#define ASSAY_REPORT_MARKDOWN_H

#include <jansson.h>

#include "draw/table.h"
#include "report/sheet.h"

/* Text from anywhere, escaped, as a paragraph or list item. */
void markdown_text(struct assay_buf *out, const char *before, const char *text, const char *after);
/* Draws and releases t; nothing when it has no row. */
void markdown_table(struct assay_buf *out, struct draw_table *t);

/* The section "Findings". */
void markdown_findings(struct assay_buf *out, const json_t *result);

/* A sheet that is drawn as Markdown into out. */
struct markdown_sheet { struct sheet sheet; struct assay_buf *out; };
struct markdown_sheet markdown_sheet(struct assay_buf *out);

#endif
