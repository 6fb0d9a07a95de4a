/* A history (analysis/history.h) for people: on a terminal, as history.md, history.csv and report.html. Computes nothing. */
#ifndef ASSAY_REPORT_FACE_HISTORY_H
#define ASSAY_REPORT_FACE_HISTORY_H

#include <jansson.h>

#include "base/err.h"
#include "base/term.h"
#include "draw/table.h"

void assay_face_history(const json_t *history, struct assay_buf *out, const struct assay_term *term);
/* history.json, history.md, history.csv, report.html in dir. ASSAY_E_IO. */
int assay_face_history_write(const json_t *history, const char *dir, struct assay_err *e);

/* ---- between face_history.c and face_history_files.c ---- */
struct sheet;
/* The whole text: tables of series by group, changes, what was left out. spark: columns of a picture of each series, 0 = none. shown: entries of a list at most. */
void face_history_sheet(struct sheet *s, const json_t *history, int spark, bool utf8, size_t shown);
/* "128 -> 32: TTFT +9.8 % (worse) from results/x (2026-01-02T03:04:05): 16.8 -> 18.4 ms, p 0.0005" */
void face_history_change(char *out, size_t size, const json_t *series, const json_t *change);
/* "latency of gpt2 (f32) on engine sim, machine 0123..." */
void face_history_group(char *out, size_t size, const json_t *series);

#endif
