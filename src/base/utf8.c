/* See utf8.h. */
#include "base/utf8.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Bytes of the sequence that lead byte c opens; 0 when none begins with it. */
static unsigned length_of(unsigned c)
{
	return c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

/* May c stand at place k of a sequence opened by `lead`? Excludes overlong forms, surrogates and what is above U+10FFFF. */
static bool may_follow(unsigned lead, unsigned k, unsigned c)
{
	unsigned low = 0x80, high = 0xbf;
	if (k == 1) {
		low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : low;
		high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : high;
	}
	return c >= low && c <= high;
}

/* Bytes at s that are a well-formed sequence or the beginning of one, at least 1; *whole says which. */
static size_t piece(const unsigned char *s, size_t len, bool *whole)
{
	unsigned n = length_of(s[0]), k = 1;
	while (k < n && k < len && may_follow(s[0], k, s[k]))
		k++;
	*whole = n && k == n;
	return k;
}

size_t assay_utf8_valid(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t i = 0;
	bool whole = true;
	while (i < len) {
		size_t n = piece(s + i, len - i, &whole);
		if (!whole)
			break;
		i += n;
	}
	return i;
}

int assay_utf8_repair(const char *s, size_t len, struct assay_buf *out)
{
	while (len) {
		bool whole;
		size_t good = assay_utf8_valid(s, len);
		if (good && assay_buf_append(out, s, good))
			return -1;
		s += good;
		len -= good;
		if (!len)
			break;
		size_t bad = piece((const unsigned char *)s, len, &whole);
		if (assay_buf_puts(out, "\xef\xbf\xbd"))
			return -1;
		s += bad;
		len -= bad;
	}
	return 0;
}

void assay_utf8_line(char *text)
{
	for (size_t len = strlen(text), at = 0; (at += assay_utf8_valid(text + at, len - at)) < len;)
		text[at] = '?';
	for (char *c = text; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = ' ';
}
