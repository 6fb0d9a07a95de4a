/* The figures of results and comparisons that Chart.js has none for, each one <svg role="img" aria-label="..."> drawn with draw/svg.h.
 * Compute nothing; same input, same bytes. */
#ifndef ASSAY_REPORT_SVG_FIGURES_H
#define ASSAY_REPORT_SVG_FIGURES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

/* Each appends one svg, or returns false with nothing appended when there is nothing to show. */

/* Estimates with intervals, one below the other: `name` and `text` above each. */
struct svg_row {
	const char *name, *text;
	double value, lo, hi;         /* lo, hi NaN: no interval; what is off the scale ends in an arrow */
	const double *dots;           /* single values (per_run), or NULL */
	size_t n_dots;
	const char *css;              /* class of mark and interval */
	bool hollow;                  /* the mark is not filled: not decided */
};
struct svg_rows { const struct svg_row *rows; size_t n; double lo, hi; bool log; double band; /* +-band about 0 is shaded; 0 = none */ const char *axis, *label; };
bool svg_rows(const struct svg_rows *r, struct assay_buf *out);
/* A row a point that has KEY, its mean and interval; experiment NULL = all. */
bool svg_intervals(const json_t *result, const char *key, const char *experiment, struct assay_buf *out);
/* Effects of a comparison (analysis/compare.h): a row a key of the family, with +-min_effect_pct shaded. */
bool svg_forest(const json_t *comparison, struct assay_buf *out);

/* KEY over batch and length (prompt + output), or over prompt and output length where the batch does not vary; needs two of both and
 * half of the cells. A case that hit a limit says so. */
bool svg_heat(const json_t *result, const char *key, struct assay_buf *out);

/* analysis.roofline[] of a result: phases of points under the two measured roofs. Needs both ceilings. */
bool svg_roofline(const json_t *result, struct assay_buf *out);

#endif
