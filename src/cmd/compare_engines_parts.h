/* What makes engines.json, in parts: compare_engines_doc.c (the document), compare_engines_numbers.c, compare_engines_plan.c (was it the same work),
 * compare_engines_expect.c (what the documents expect). Pure: results in, JSON out; each returns a new reference. */
#ifndef ASSAY_CMD_COMPARE_ENGINES_PARTS_H
#define ASSAY_CMD_COMPARE_ENGINES_PARTS_H

#include "cmd/compare_engines.h"

/* An engine of the record with the results of its measured blocks, in order. timed: not a memory run; plan: the hash of its first block's, owned, or NULL. */
struct cmd_engines_side { const json_t *arm; struct cmd_docs docs; const char *label; bool timed; json_t *plan; };

struct cmd_engines_work { const json_t *record; const char *dir; struct cmd_engines_side side[CMD_ENGINES_MAX]; size_t n; };

/* batches[]; a memory run's timings are left out. */
json_t *cmd_engines_batches(const struct cmd_engines_work *w, const struct cmd_engines_side *s);
/* load{}: the phases. */
json_t *cmd_engines_load(const struct cmd_engines_side *s);
/* {mean, ci95, values} of the largest of a metric over the points of each block. */
json_t *cmd_engines_peak(const struct cmd_engines_side *s, const char *key);

/* SHA-256 of the ids and lengths that a result's first repeats asked for, made again from its seed, cases and vocabulary; NULL where that cannot be. */
json_t *cmd_engines_plan_hash(const json_t *result);
/* Whether every measured request got its prompt and gave as many tokens as were asked for. */
bool cmd_engines_lengths_hold(const json_t *result);

/* expectations[] from engines[]. */
json_t *cmd_engines_expectations(const json_t *engines);

#endif
