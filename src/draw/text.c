/* See text.h. Unicode classes and widths come from utf8proc. */
#include "draw/text.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* Next code point; an invalid byte counts as one '?'. */
static size_t next(const char *s, size_t left, utf8proc_int32_t *cp)
{
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)left, cp);
	if (n > 0)
		return (size_t)n;
	*cp = 0;
	return 1;
}

static bool harmful(utf8proc_int32_t cp)
{
	utf8proc_category_t c = utf8proc_category(cp);
	return c == UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_CF || c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP || c == UTF8PROC_CATEGORY_CN ||
	       c == UTF8PROC_CATEGORY_CS || c == UTF8PROC_CATEGORY_CO;
}

static void clean(struct assay_buf *out, const char *s, const char *escape)
{
	size_t left = strlen(s);
	while (left) {
		utf8proc_int32_t cp;
		size_t n = next(s, left, &cp);
		if (cp == '\n' || cp == '\t' || cp == '\r')
			assay_buf_puts(out, " ");
		else if (harmful(cp))
			assay_buf_puts(out, "?");
		else if (cp < 128 && strchr(escape, (char)cp))
			assay_buf_printf(out, "&#%d;", (int)cp);
		else
			assay_buf_append(out, s, n);
		s += n;
		left -= n;
	}
}

void draw_text_clean(struct assay_buf *out, const char *s)
{
	clean(out, s, "");
	if (!out->data)
		assay_buf_puts(out, "");
}

void draw_text_markdown(struct assay_buf *out, const char *s)
{
	clean(out, s, "|`<[]\\&");
	if (!out->data)
		assay_buf_puts(out, "");
}

void draw_text_html(struct assay_buf *out, const char *s)
{
	clean(out, s, "&<>\"'`=");
	if (!out->data)
		assay_buf_puts(out, "");
}

size_t draw_text_fit(const char *s, int columns)
{
	size_t at = 0, left = strlen(s);
	while (left) {
		utf8proc_int32_t cp;
		size_t n = next(s + at, left, &cp);
		columns -= utf8proc_charwidth(cp);
		if (columns < 0)
			break;
		at += n;
		left -= n;
	}
	return at;
}

int draw_text_width(const char *s)
{
	int width = 0;
	for (size_t left = strlen(s); left;) {
		utf8proc_int32_t cp;
		size_t n = next(s, left, &cp);
		width += utf8proc_charwidth(cp);
		s += n;
		left -= n;
	}
	return width;
}

/* Bytes of s that go on one line of `room` columns: up to the last space that fits, else as much as fits. */
static size_t line_bytes(const char *s, int room)
{
	size_t fit = draw_text_fit(s, room), at = fit;
	if (!s[fit])
		return fit;
	while (at > 0 && s[at] != ' ')
		at--;
	return at ? at : fit ? fit : 1;
}

void draw_text_wrap(struct assay_buf *out, const char *s, const char *first, const char *rest, int width)
{
	struct assay_buf b;
	const char *lead = first;
	assay_buf_init(&b, (size_t)1 << 24);
	draw_text_clean(&b, s);
	const char *at = b.data;
	do {
		int room = width - draw_text_width(lead);
		size_t n = line_bytes(at, room > 8 ? room : 8);
		assay_buf_puts(out, lead);
		assay_buf_append(out, at, n);
		assay_buf_puts(out, "\n");
		at += n;
		at += strspn(at, " ");
		lead = rest;
	} while (*at);
	assay_buf_release(&b);
}
