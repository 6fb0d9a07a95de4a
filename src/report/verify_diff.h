/* Where two versions of a file first differ, said as its kind allows: a JSON path, a line and a column of a CSV, a line of text.
 * Pure. What is quoted is printable: control bytes and broken UTF-8 are escaped, long values cut. */
#ifndef ASSAY_REPORT_VERIFY_DIFF_H
#define ASSAY_REPORT_VERIFY_DIFF_H

#include <jansson.h>
#include <stddef.h>

struct verify_diff {
	char *where;  /* "points[0].metrics.ttft_ms.p50", "line 3, column ttft_ms", "line 12"; owned */
	char *what;   /* "found 1.5, should be 1.25"; owned */
};

/* False when the bytes are equal (*d is then untouched). name's ending tells the kind. */
int verify_diff_file(const char *name, const void *found, size_t n_found, const void *wanted, size_t n_wanted, struct verify_diff *d);
/* The same of two documents, in the order of `wanted`, a document's "id" last; 1 and 1.0 differ. */
int verify_diff_json(const json_t *found, const json_t *wanted, struct verify_diff *d);
void verify_diff_release(struct verify_diff *d);

#endif
