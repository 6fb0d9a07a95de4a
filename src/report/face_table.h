/* A table of text cells, drawn for a terminal of any width or as Markdown. Cells may hold any text; drawing
 * makes them safe. Knows nothing of results. */
#ifndef ASSAY_REPORT_FACE_TABLE_H
#define ASSAY_REPORT_FACE_TABLE_H

#include <stdbool.h>

#include "base/mem.h"

#define FACE_COLUMNS 16

struct face_table {
	int n_cols;
	struct { const char *head; bool right; int keep; } col[FACE_COLUMNS]; /* head: borrowed, lives as long as the table */
	char **cells;            /* [row][col], owned */
	size_t n_cells;
};

void face_table_init(struct face_table *t);
void face_table_release(struct face_table *t);
/* keep: when the terminal is too narrow, columns of the lowest keep go first; 0 = never dropped. */
void face_table_col(struct face_table *t, const char *head, bool right, int keep);
/* The next cell, left to right, top to bottom. */
void face_table_cell(struct face_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t face_table_rows(const struct face_table *t);
/* No line is longer than width (>= 20). Says so when columns were dropped. */
void face_table_text(const struct face_table *t, struct assay_buf *out, int width, bool colour);
void face_table_markdown(const struct face_table *t, struct assay_buf *out);

#endif
