/* Text that came from anywhere (model names, prompts, reasons) made safe for where it is shown, and fitted
 * to a number of columns. Knows nothing of results. */
#ifndef ASSAY_DRAW_TEXT_H
#define ASSAY_DRAW_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

/* Appends s with every control character, escape and direction override replaced by '?' and line ends by a space. */
void draw_text_clean(struct assay_buf *out, const char *s);
/* The same, and every character that Markdown or HTML gives a meaning escaped. */
void draw_text_markdown(struct assay_buf *out, const char *s);
/* The same as draw_text_clean, and safe as HTML text and inside a quoted attribute. */
void draw_text_html(struct assay_buf *out, const char *s);
/* Columns that a clean text takes on a terminal. */
int draw_text_width(const char *s);
/* Bytes of the longest part of s that fits into `columns`. */
size_t draw_text_fit(const char *s, int columns);
/* Appends a clean text wrapped at `width` columns: first line after `first`, the others after `rest`; ends with a newline. */
void draw_text_wrap(struct assay_buf *out, const char *s, const char *first, const char *rest, int width);

#endif
