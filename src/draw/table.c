/* See table.h. */
#include "draw/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw/text.h"

#define GAP 2
#define FIRST_MIN 4

void draw_table_init(struct draw_table *t)
{
	*t = (struct draw_table){ 0 };
}

void draw_table_release(struct draw_table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	draw_table_init(t);
}

void draw_table_col(struct draw_table *t, const char *head, bool right, int keep)
{
	assert(t->n_cols < DRAW_COLUMNS);
	t->col[t->n_cols].head = head;
	t->col[t->n_cols].right = right;
	t->col[t->n_cols++].keep = keep;
}

void draw_table_cell(struct draw_table *t, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if ((t->n_cells & (t->n_cells + 1)) == 0)
		t->cells = xrealloc(t->cells, (2 * t->n_cells + 1) * sizeof *t->cells);
	t->cells[t->n_cells++] = n < 0 ? xstrdup("?") : s;
}

size_t draw_table_rows(const struct draw_table *t)
{
	return t->n_cols ? t->n_cells / (size_t)t->n_cols : 0;
}

/* A layout: which columns are shown and how wide they are. */
struct layout { int width[DRAW_COLUMNS]; bool shown[DRAW_COLUMNS]; int dropped; };

static int total(const struct draw_table *t, const struct layout *l)
{
	int w = 0, n = 0;
	for (int c = 0; c < t->n_cols; c++)
		if (l->shown[c]) {
			w += l->width[c];
			n++;
		}
	return w + (n ? (n - 1) * GAP : 0);
}

/* The column to drop next, or -1. */
static int weakest(const struct draw_table *t, const struct layout *l)
{
	int best = -1;
	for (int c = 0; c < t->n_cols; c++)
		if (l->shown[c] && t->col[c].keep > 0 && (best < 0 || t->col[c].keep <= t->col[best].keep))
			best = c;
	return best;
}

/* Makes the widest column narrower by what is too much, but not under FIRST_MIN. */
static void squeeze(const struct draw_table *t, struct layout *l, int width)
{
	for (int over = total(t, l) - width; over > 0; over = total(t, l) - width) {
		int widest = 0;
		for (int c = 0; c < t->n_cols; c++)
			if (l->shown[c] && l->width[c] > l->width[widest])
				widest = c;
		if (l->width[widest] <= FIRST_MIN)
			return;
		int cut = l->width[widest] - FIRST_MIN;
		l->width[widest] -= cut < over ? cut : over;
	}
}

static void lay_out(const struct draw_table *t, char *const *cells, int width, struct layout *l)
{
	*l = (struct layout){ 0 };
	for (int c = 0; c < t->n_cols; c++) {
		l->shown[c] = true;
		l->width[c] = draw_text_width(t->col[c].head);
		for (size_t r = 0; r < draw_table_rows(t); r++) {
			int w = draw_text_width(cells[r * (size_t)t->n_cols + (size_t)c]);
			l->width[c] = w > l->width[c] ? w : l->width[c];
		}
	}
	for (int c; total(t, l) > width && (c = weakest(t, l)) >= 0; l->dropped++)
		l->shown[c] = false;
	squeeze(t, l, width);
}

static void draw_cell(struct assay_buf *out, const char *s, int width, bool right, bool last)
{
	size_t n = draw_text_fit(s, width);
	bool cut = s[n] != 0;
	if (cut)
		n = draw_text_fit(s, width - 1);
	char *part = strndup(s, n);
	int used = draw_text_width(part) + cut;
	assay_buf_printf(out, "%*s%s%s%*s", right ? width - used : 0, "", part, cut ? "~" : "", right || last ? 0 : width - used, "");
	free(part);
}

static void draw_row(const struct draw_table *t, const struct layout *l, char *const *cells, struct assay_buf *out)
{
	int last = 0;
	for (int c = 0; c < t->n_cols; c++)
		if (l->shown[c])
			last = c;
	for (int c = 0; c < t->n_cols; c++) {
		if (!l->shown[c])
			continue;
		draw_cell(out, cells[c], l->width[c], t->col[c].right, c == last);
		if (c != last)
			assay_buf_printf(out, "%*s", GAP, "");
	}
}

void draw_table_text(const struct draw_table *t, struct assay_buf *out, int width, bool colour)
{
	struct layout l;
	char *heads[DRAW_COLUMNS], **cells = xalloc(t->n_cells * sizeof *cells);
	for (size_t i = 0; i < t->n_cells; i++) {
		struct assay_buf b;
		assay_buf_init(&b, (size_t)1 << 20);
		draw_text_clean(&b, t->cells[i]);
		cells[i] = b.data;
	}
	for (int c = 0; c < t->n_cols; c++)
		heads[c] = (char *)t->col[c].head;
	lay_out(t, cells, width, &l);
	assay_buf_puts(out, colour ? "\033[2m" : "");
	draw_row(t, &l, heads, out);
	assay_buf_puts(out, colour ? "\033[0m\n" : "\n");
	for (size_t r = 0; r < draw_table_rows(t); r++) {
		draw_row(t, &l, cells + r * (size_t)t->n_cols, out);
		assay_buf_puts(out, "\n");
	}
	if (l.dropped)
		assay_buf_printf(out, "(+%d column%s: widen)\n", l.dropped, l.dropped == 1 ? "" : "s");
	for (size_t i = 0; i < t->n_cells; i++)
		free(cells[i]);
	free(cells);
}

void draw_table_markdown(const struct draw_table *t, struct assay_buf *out)
{
	assay_buf_puts(out, "|");
	for (int c = 0; c < t->n_cols; c++)
		assay_buf_printf(out, " %s |", t->col[c].head);
	assay_buf_puts(out, "\n|");
	for (int c = 0; c < t->n_cols; c++)
		assay_buf_puts(out, t->col[c].right ? "---:|" : "---|");
	assay_buf_puts(out, "\n");
	for (size_t r = 0; r < draw_table_rows(t); r++) {
		assay_buf_puts(out, "|");
		for (int c = 0; c < t->n_cols; c++) {
			assay_buf_puts(out, " ");
			draw_text_markdown(out, t->cells[r * (size_t)t->n_cols + (size_t)c]);
			assay_buf_puts(out, " |");
		}
		assay_buf_puts(out, "\n");
	}
	assay_buf_puts(out, "\n");
}
