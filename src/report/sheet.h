/* Sections that report.md and report.html share: written once to a sheet, which each face draws in its own way. sheet_documents.c:
 * the requirement documents' own tables; sheet_summary.c: what is said about them; sheet_about.c: what they were made on.
 * A sheet makes any text safe for where it is shown. Computes nothing. */
#ifndef ASSAY_REPORT_SHEET_H
#define ASSAY_REPORT_SHEET_H

#include <jansson.h>

#include "draw/table.h"

struct sheet;
struct sheet_ops {
	void (*heading)(struct sheet *s, int level, const char *text);  /* 2: a section, 3: a part of one */
	void (*para)(struct sheet *s, const char *text);
	void (*quote)(struct sheet *s, const char *text);
	void (*code)(struct sheet *s, const char *line);
	void (*table)(struct sheet *s, struct draw_table *t);           /* releases t; nothing when it has no row */
};
struct sheet { const struct sheet_ops *ops; };

void sheet_heading(struct sheet *s, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void sheet_para(struct sheet *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sheet_table(struct sheet *s, struct draw_table *t);

/* S0's results table, breakdown and trend, S1's metric and value, S3's value, target, status, S4's impact of sequence length, S3's
 * validation summary: each where the result has what it is made of. */
void sheet_documents(struct sheet *s, const json_t *result);
/* MBU and MFU of each point; title: a heading for it, or NULL. Nothing where no point has either. */
void sheet_bottleneck(struct sheet *s, const json_t *result, const char *title);
/* S0's results table; where the time of a single request went. */
void sheet_s0_results(struct sheet *s, const json_t *result);
void sheet_s0_breakdown(struct sheet *s, const json_t *result);
void sheet_trend(struct sheet *s, const json_t *result);
void sheet_validation(struct sheet *s, const json_t *result);

/* Samples of text, telemetry, machine, model, engine, configuration, definitions, notes, what is unavailable, the command. */
void sheet_about(struct sheet *s, const json_t *result);

#endif
