/* UTF-8 (RFC 3629): how far bytes are well-formed, and text that is well-formed
 * whatever came in. */
#ifndef ASSAY_BASE_UTF8_H
#define ASSAY_BASE_UTF8_H

#include <stddef.h>

#include "base/mem.h"

/* Length of the longest well-formed prefix of s. */
size_t assay_utf8_valid(const char *s, size_t len_bytes);
/* Appends s with every malformed piece (a maximal subpart: Unicode 3.9) replaced by U+FFFD. -1 when the buffer is full. */
int assay_utf8_repair(const char *s, size_t len_bytes, struct assay_buf *out);

/* In place: one line of well-formed text, control characters as blanks and malformed bytes as '?'. */
void assay_utf8_line(char *text);

#endif
