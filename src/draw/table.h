/* A table of text cells, drawn for a terminal of any width or as Markdown. Cells may hold any text; drawing
 * makes them safe. Knows nothing of results. */
#ifndef ASSAY_DRAW_TABLE_H
#define ASSAY_DRAW_TABLE_H

#include <stdbool.h>

#include "base/mem.h"

#define DRAW_COLUMNS 16

struct draw_table {
	int n_cols;
	struct { const char *head; bool right; int keep; } col[DRAW_COLUMNS]; /* head: borrowed, lives as long as the table */
	char **cells;            /* [row][col], owned */
	size_t n_cells;
};

void draw_table_init(struct draw_table *t);
void draw_table_release(struct draw_table *t);
/* keep: when the terminal is too narrow, columns of the lowest keep go first; 0 = never dropped. */
void draw_table_col(struct draw_table *t, const char *head, bool right, int keep);
/* The next cell, left to right, top to bottom. */
void draw_table_cell(struct draw_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t draw_table_rows(const struct draw_table *t);
/* No line is longer than width (>= 20). Says so when columns were dropped. */
void draw_table_text(const struct draw_table *t, struct assay_buf *out, int width, bool colour);
void draw_table_markdown(const struct draw_table *t, struct assay_buf *out);

#endif
