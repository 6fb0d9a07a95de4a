/* The halves of report.md: face_markdown.c (verdict and numbers), markdown_documents.c (the requirement
 * documents' own tables), markdown_summary.c (what is said about them), markdown_about.c (what they were made on). Internal to the Markdown face. */
#ifndef ASSAY_REPORT_MARKDOWN_H
#define ASSAY_REPORT_MARKDOWN_H

#include <jansson.h>

#include "report/face_table.h"

/* Text from anywhere, escaped, as a paragraph or list item. */
void markdown_text(struct assay_buf *out, const char *before, const char *text, const char *after);
/* Draws and releases t; nothing when it has no row. */
void markdown_table(struct assay_buf *out, struct face_table *t);

/* The section "Findings". */
void markdown_findings(struct assay_buf *out, const json_t *result);

void markdown_s0(struct assay_buf *out, const json_t *result);
void markdown_s1(struct assay_buf *out, const json_t *result);
void markdown_s3(struct assay_buf *out, const json_t *result);
void markdown_s4(struct assay_buf *out, const json_t *result);

/* MBU and MFU of each point; title: a heading for it, or NULL. Nothing where no point has either. */
void markdown_bottleneck(struct assay_buf *out, const json_t *result, const char *title);
/* S0's trend over repeats; S3's validation summary. */
void markdown_trend(struct assay_buf *out, const json_t *result);
void markdown_validation(struct assay_buf *out, const json_t *result);

void markdown_about(struct assay_buf *out, const json_t *result);

#endif
