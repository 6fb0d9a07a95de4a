/* One option value: text in, typed value out. Private to base/options*.c. */
#ifndef ASSAY_BASE_OPTIONS_VALUE_H
#define ASSAY_BASE_OPTIONS_VALUE_H

#include "base/options.h"

struct assay_opt_value {
	char *text;            /* as typed; NULL = unset */
	bool flag, automatic;  /* automatic: SIZE given as "auto" */
	int64_t i;             /* INT, SIZE (bytes), DURATION (ns) */
	double num;
	int64_t *ints;         /* INTS, RANGE */
	int n_ints;
	char **words;          /* ENUMS, each once; STRS and MAP: the items; in the order given */
	int n_words;
};

void assay_opt_value_release(struct assay_opt_value *v);
/* Fills *v (empty before) from text. The message does not name the option: the caller prefixes it. ASSAY_E_USAGE, *v empty. */
int assay_opt_value_parse(const struct assay_opt *row, const char *text, struct assay_opt_value *v, struct assay_err *e);
/* Of a row that repeats: moves the items of *more behind those of *v and empties it, also on error (too many). */
int assay_opt_value_add(const struct assay_opt *row, struct assay_opt_value *v, struct assay_opt_value *more, struct assay_err *e);
json_t *assay_opt_value_echo(const struct assay_opt *row, const struct assay_opt_value *v);

#endif
