/* What a stream can show, and one line of progress. Knows nothing of what is measured. */
#ifndef ASSAY_BASE_TERM_H
#define ASSAY_BASE_TERM_H

#include <stdbool.h>
#include <stdint.h>

struct assay_term {
	int width;     /* columns, 20..500; 80 when unknown */
	bool tty;
	bool utf8;     /* the locale (LC_ALL, LC_CTYPE, LANG) says UTF-8 */
	bool colour;   /* a terminal that shows colour, not refused by NO_COLOR (no-color.org), TERM=dumb or allow_colour */
};
void assay_term_init(struct assay_term *t, int fd, bool allow_colour);

/* Progress on stderr. On a terminal one line that is rewritten at most five times a second; elsewhere plain lines, the first after
 * 5 s, then at most one every 5 s. One caller at a time, never from a timed path: a terminal may block. */
struct assay_status_line;
struct assay_status_line *assay_status_line_open(void);
/* done and total in any one unit; NaN = unknown. NULL line: nothing. */
void assay_status_line_show(struct assay_status_line *l, const char *name, const char *what, double done, double total, double tok_s);
/* Clears the line. NULL is fine. */
void assay_status_line_close(struct assay_status_line *l);

/* The line itself (without newline), at most width - 1 columns. Pure, for tests. elapsed_s gives the ETA. */
void assay_status_line_format(char *out, int width, const char *name, const char *what, double done, double total, double tok_s, double elapsed_s);
/* "42s", "3m05s", "1h02m". */
void assay_duration_format(char *out, int size_bytes, double s);

#endif
