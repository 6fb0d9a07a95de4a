/* The parts of a comparison (analysis/compare.h) that every face of it shows: tables and sentences. Computes nothing. */
#ifndef ASSAY_REPORT_COMPARE_TABLES_H
#define ASSAY_REPORT_COMPARE_TABLES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "draw/table.h"

/* With the least effect that matters, in per cent. */
#define COMPARE_COLUMNS "Effect is B against A. Sees: the least effect that this comparison finds 4 times out of 5. Pairs: interleaved pairs that would see this effect, or %g %%."
#define COMPARE_DETAILS "Single cases are not corrected for looking at several: they show where an effect sits and decide nothing."

/* What a sentence is given to. */
typedef void compare_say_fn(void *arg, const char *text);

/* Whether a row of metrics[] is judged (family), or only shows a case (detail). */
bool compare_is_family(const json_t *row);
/* "one result a side: the unit is the repeat". */
const char *compare_unit(const json_t *doc);
/* "+2.6%"; sign "" for a size without direction; "-" for NaN. */
void compare_percent(char out[32], double x, const char *sign);
/* "+1.0..+3.2%", or "-". */
void compare_interval(char out[48], const json_t *ci);

/* Fills a new table. head: room for a column's head, which must outlive the table. */
void compare_family_table(const json_t *doc, struct draw_table *t, char head[24]);
/* At most `most` rows; returns how many there are in all. */
size_t compare_detail_table(const json_t *doc, struct draw_table *t, size_t most);
/* What the columns mean, why a row decides nothing, where the spread between sessions came from. */
void compare_notes(const json_t *doc, compare_say_fn *say, void *arg);
/* The engines, where the sides' differ: a line. */
void compare_engines_line(const json_t *doc, compare_say_fn *say, void *arg);
/* warnings[]: what else differs. */
void compare_warnings(const json_t *doc, compare_say_fn *say, void *arg);
/* gate.rows[]: a line a bound. */
void compare_gate(const json_t *doc, compare_say_fn *say, void *arg);

/* Appends what comparison.md holds. */
void assay_comparison_markdown(const json_t *doc, struct assay_buf *out);
/* The files of a comparison in dir: comparison.json, comparison.md, report.html. */
int assay_comparison_write(const json_t *doc, const char *dir, struct assay_err *e);

#endif
