/* Faces of a sweep document (assay.sweep/1): what stdout gets, sweep.md, sweep.csv, report.html, and S2's two tables under legacy/s2. A face computes
 * nothing that the document does not hold. */
#ifndef ASSAY_REPORT_FACE_SWEEP_H
#define ASSAY_REPORT_FACE_SWEEP_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "draw/table.h"

void assay_face_sweep_terminal(const json_t *sweep, struct assay_buf *out, int width, bool colour);
/* sweep.md, sweep.csv and report.html in dir; with s2 also legacy/s2/{model_comparison,configuration_sweep}.{md,json}. */
int assay_face_sweep_write(const json_t *sweep, const char *dir, bool s2, struct assay_err *e);

/* ---- for the files of these faces ---- */
/* One row a configuration. */
void sweep_table(const json_t *sweep, struct draw_table *t);
/* The i-th entry of best[] as sentences: who, by how much, whether that is real; passed over: what would have been better and why it may not. */
void sweep_best_text(const json_t *sweep, size_t i, struct assay_buf *out);
/* Configurations that failed, were cut short or are in part unknown: "3 (batch=8): reason"; false when row i has nothing to say. */
bool sweep_trouble_text(const json_t *row, struct assay_buf *out);
/* "4 configurations of throughput (batch: 1, 4; dtype: f32, bf16), 1 round"; how they were ordered and loaded. */
void sweep_about_text(const json_t *sweep, struct assay_buf *out);
void sweep_how_text(const json_t *sweep, struct assay_buf *out);
/* Who is on the front, over what. */
void sweep_front_text(const json_t *sweep, struct assay_buf *out);
/* A metric's value of a configuration, NaN when it has none. */
double sweep_value(const json_t *row, const char *key);
int sweep_html_write(const json_t *sweep, const char *dir, struct assay_err *e);
int sweep_s2_write(const json_t *sweep, const char *dir, struct assay_err *e);

#endif
