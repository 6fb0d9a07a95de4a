/* Inside of a comparison: may the documents be compared, which of their points belong together, and one row of judgement. */
#ifndef ASSAY_ANALYSIS_COMPARE_PARTS_H
#define ASSAY_ANALYSIS_COMPARE_PARTS_H

#include "analysis/ab_stats.h"
#include "analysis/compare.h"
#include "metrics/definitions.h"

/* A side's documents are docs[0, n_a) and docs[n_a, n). */
struct compare_docs { const json_t **docs; size_t n_a, n; bool by_place; }; /* by_place: see across_case */

/* One case and its point in every document (borrowed). */
struct compare_case { const json_t **points; };
struct compare_cases { struct compare_case *list; size_t n; };

/* Fills differences (which refuse) and warnings: [{what, a, b}]. */
/* {a, b}: the engines that the sides ran on, with their options; NULL where they are the same. New reference. */
json_t *compare_engines_of(const struct compare_docs *d);
void compare_check(const struct compare_docs *d, bool across_model, json_t *differences, json_t *warnings);
/* Cases that all documents measured; what is missing somewhere or did other work goes to differences or warnings. */
void compare_cases_find(const struct compare_docs *d, struct compare_cases *out, json_t *differences, json_t *warnings);
void compare_cases_release(struct compare_cases *c);
/* points[] member of doc with this experiment and case, or NULL. */
const json_t *compare_point(const json_t *doc, const json_t *like);
/* Appends {what, a, b}; steals a and b. */
void compare_say(json_t *list, const char *what, json_t *a, json_t *b);

/* One row, before Holm: JSON (a, b, effect, intervals, ...) and what the family needs. */
struct compare_row { json_t *row; struct assay_ab_estimate x; double p; int sign; bool decides; };

/* The level at which a key is judged; intervals have coverage 1 - level, those for equivalence 1 - 2 level. */
double compare_level(const struct assay_compare_options *o);

/* Rows of one key: the family's pooled row in *family, a detail row a case appended to `details` when there are several. */
void compare_key(const struct compare_docs *d, const struct compare_cases *cases, const struct assay_metric *m, const struct assay_compare_options *o, struct compare_row *family, json_t *details);
/* True when some case has a value of it on both sides. */
bool compare_key_applies(const struct compare_docs *d, const struct compare_cases *cases, const char *key);
/* FASTER, SLOWER (time and rates), BETTER, WORSE (the rest), SAME, UNDECIDED. */
const char *compare_word(enum assay_ab_verdict v, const struct assay_metric *m);

#endif
