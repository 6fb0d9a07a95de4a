/* Two sets of result documents -> what differs, and whether it is real. Pure: documents in, document out; loads and prints nothing.
 * The statistics are in ab_stats.h; the rules in docs/compare.md. */
#ifndef ASSAY_ANALYSIS_COMPARE_H
#define ASSAY_ANALYSIS_COMPARE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { ASSAY_COMPARE_KEYS = 8 };     /* a family's size at most */
#define ASSAY_COMPARE_ALPHA 0.05
#define ASSAY_COMPARE_SESSION_SD 0.02 /* assumed between two sessions of one program on a real machine, where fewer than 4 are stored */

struct assay_compare_options {
	const char *const *metrics;  /* the family; NULL = the default keys, as they apply */
	size_t n_metrics;
	double min_effect;           /* ratio: 0.01 */
	bool across_model;           /* models may differ */
	bool across_case;            /* cases may differ: the i-th points belong together, whatever work they did */
	bool paired;                 /* result i of A and result i of B were measured next to each other */
	bool sequential;             /* with paired: one of the looks of ab_sequential.h, judged at its level */
	json_t *const *stored;       /* other results, from which the spread between sessions is taken where they match; may be NULL */
	size_t n_stored;
};

/* The default family, in order. */
const char *const *assay_compare_usual(size_t *n);
/* May key stand in a family after before[0, n_before)? Known, with a better direction, not twice. ASSAY_E_USAGE ("--metrics: ..."). */
int assay_compare_key_ok(const char *key, const char *const *before, size_t n_before, struct assay_err *e);

/* {comparable, differences[], warnings[], method, alpha, min_effect_pct, metrics[], verdict}: docs/compare.md names every key. One document a
 * side: the unit is the repeat; two or more on both: the unit is the result, or the pair of results. New reference. NULL and ASSAY_E_USAGE when a key is unknown,
 * has no better direction, is named twice, when one side has one document and the other more, when a document stands twice on a side, or when
 * pairs are unequal or too few (6; 10 for more than one key; sequential: 10, 14, 20, 28 or 40). */
json_t *assay_compare(json_t *const *a, size_t n_a, json_t *const *b, size_t n_b, const struct assay_compare_options *o, struct assay_err *e);

/* A bound for --fail-on-regression (key NULL: every key of the family) and --fail-on. */
struct assay_gate { const char *key; double worse; /* ratio */ };
/* Adds gate{status: pass|fail|unsure, rows[]{key, bound_pct, worse_pct, status, reason}} to a comparison: fail = worse than the bound with an
 * adjusted p <= 0.05; unsure = not decided, and the 90 % interval reaches the bound. ASSAY_E_USAGE when a key is not in the family. */
int assay_compare_gate(json_t *comparison, const struct assay_gate *gates, size_t n, struct assay_err *e);

#endif
