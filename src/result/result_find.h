/* Result directories below a folder, for verbs that look at many. Knows nothing of what is in them. */
#ifndef ASSAY_RESULT_RESULT_FIND_H
#define ASSAY_RESULT_RESULT_FIND_H

#include <stdbool.h>

#include "base/err.h"

/* True when dir holds a result.json, a journal.bin or a manifest.json. */
bool assay_result_here(const char *dir);
/* The document that judges several results and stands in dir: "sweep.json", "campaign.json", "comparison.json" or "engines.json"; NULL when there is none. */
const char *assay_judgement_here(const char *dir);
/* Calls each for every result directory at dir or below, by name within a folder, one at a time: their number costs no memory. Hidden folders and links are not
 * followed, nor what a sweep, a campaign or a comparison of engines that was resumed put aside; 8 levels. Stops when each returns non-zero, and returns that. ASSAY_E_USAGE when dir is none. */
int assay_results_find(const char *dir, int (*each)(void *arg, const char *dir, struct assay_err *e), void *arg, struct assay_err *e);
/* The same for directories that hold a judgement. */
int assay_judgements_find(const char *dir, int (*each)(void *arg, const char *dir, struct assay_err *e), void *arg, struct assay_err *e);

#endif
