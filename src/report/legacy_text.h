/* What the Markdown documents among the legacy exports share. A value is what was measured or "not measured: why"; never a placeholder. */
#ifndef ASSAY_REPORT_LEGACY_TEXT_H
#define ASSAY_REPORT_LEGACY_TEXT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "report/markdown.h"

#define LEGACY_TEXT 400

/* "12.30 ms", or "not measured: ..." with the metric's reason; without a point: that the experiment was not run, and the verb that runs it. */
void legacy_measured(char out[LEGACY_TEXT], const json_t *point, const char *experiment, const char *key, const char *stat);
/* The same of a percentile that is kept under another method ("linear", "floor_index"). */
void legacy_measured_pct(char out[LEGACY_TEXT], const json_t *point, const char *experiment, const char *key, const char *method, const char *pct);
/* A field of the machine, or "not measured: " and the inventory's reason. o: the object that holds key and "unavailable". */
void legacy_machine(char out[LEGACY_TEXT], const json_t *o, const char *key);
/* "31.57 GB" with GB = 10^9 bytes. */
void legacy_gb(char out[LEGACY_TEXT], double bytes, const char *why_not);
/* The first GPU's name, or "none: why". */
void legacy_gpu(char out[LEGACY_TEXT], const json_t *result);
/* "- what the finding says\n"; where it is not answered, what it needs. Nothing for an unknown id. */
void legacy_finding(struct assay_buf *b, const json_t *result, const char *id);
/* "Yes" as the finding's first word: the rules answer yes-no questions so. */
bool legacy_yes(const json_t *result, const char *id);
/* "- **Name:** value\n". */
void legacy_item(struct assay_buf *b, const char *name, const char *value);
/* Three or four columns, left; cells are added by the caller. */
void legacy_table(struct draw_table *t, const char *a, const char *b, const char *c, const char *d);
/* Wall time of the whole run, s; NaN where it did not end or the clock is virtual. */
double legacy_duration_s(const json_t *result);
/* "cpu 0.1.0 (assay 0.1.0, commit abc)" */
void legacy_engine(char out[LEGACY_TEXT], const json_t *result);

/* Writes DIR/legacy/SUB/NAME and releases b, whatever comes. */
int legacy_write_text(struct assay_buf *b, const char *dir, const char *sub, const char *name, struct assay_err *e);

/* The documents. */
int legacy_s0_report(const json_t *result, const char *dir, struct assay_err *e);
int legacy_s2_report(const json_t *result, const char *dir, struct assay_err *e);
int legacy_s3_phase(const json_t *result, const char *dir, struct assay_err *e);
/* The second half of S3's document: summary, expectations, observations, next steps, files, conclusion. */
void legacy_s3_judgement(struct assay_buf *b, const json_t *result, const char *report_name, const char *document_name);

#endif
