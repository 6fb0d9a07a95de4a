/* Reading the result document for faces: never crashes on an absent key, computes nothing. */
#ifndef ASSAY_REPORT_FACE_DATA_H
#define ASSAY_REPORT_FACE_DATA_H

#include <jansson.h>
#include <stdbool.h>

#include "draw/table.h"

/* A metric of a point, or NULL. */
const json_t *face_metric(const json_t *point, const char *key);
/* stat: "mean" (also the value of a per-run metric), "std", "p95", ...; NaN when null. */
double face_stat(const json_t *point, const char *key, const char *stat);
/* x with that many decimals; more where they would show fewer than two digits of it (0.000105 is never "0.00"). Below 1e-9 is 0. */
void face_format(char out[48], double x, int decimals);
/* A statistic as text with the decimals of the definitions table; none for null; a '*' follows a percentile whose n is under its floor. */
void face_number(char out[48], const json_t *point, const char *key, const char *stat, const char *none);
/* The next cell of t: face_number with `none` = "-". */
void face_number_cell(struct draw_table *t, const json_t *point, const char *key, const char *stat);
/* Whether the document has a percentile marked '*'. */
bool face_has_marks(const json_t *result);

bool face_is(const json_t *point, const char *experiment);
bool face_ok(const json_t *point);                          /* status ok and something measured */
bool face_has(const json_t *result, const char *experiment);
const json_t *face_first(const json_t *result, const char *experiment); /* first measured point, or NULL */
int64_t face_case_int(const json_t *point, const char *key, int64_t otherwise);
/* "batch 4, 128 -> 100", or what else the case holds. */
void face_case(char out[96], const json_t *point);
/* " (asked 1000 -> 50)" where the lengths were clipped to the context, else empty. */
void face_asked(char out[48], const json_t *point);
/* Tokens of a point as cases name them: "128", "100:1024" or "-". */
void face_case_cell(struct draw_table *t, const json_t *point, const char *key);

/* Appends "branch=main, host=x: the note" of --label and --note; false when there is none. */
bool face_labels(struct assay_buf *out, const json_t *result);
const char *face_model(const json_t *result);               /* name, "unknown" when absent */
bool face_synthetic(const json_t *result);

#define FACE_SYNTHETIC "synthetic weights: the speed is real, the text is not"

#endif
