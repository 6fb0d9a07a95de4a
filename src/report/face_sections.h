/* The tables that the terminal and report.md share: one section an experiment, filled from the document. */
#ifndef ASSAY_REPORT_FACE_SECTIONS_H
#define ASSAY_REPORT_FACE_SECTIONS_H

#include <jansson.h>

#include "draw/table.h"

struct face_section {
	const char *title;
	const char *experiment;                              /* of the points it shows */
	bool by_case;                                        /* a row a case; else a single case is named in the title */
	void (*fill)(const json_t *result, const char *experiment, struct draw_table *t);
};
const struct face_section *face_sections(int *n);
void face_title(char out[160], const json_t *result, const struct face_section *s);

/* Verdict reasons, targets, and the sentences for cases that were not measured ("batch 32, 4096 -> 32: limit: needs ..."). */
void face_verdict_table(const json_t *verdict, struct draw_table *t);
void face_targets_table(const json_t *result, struct draw_table *t);
/* "at most 2000"; and "Pass", "FAIL", "not measured", "informational" of a row of targets[]; "-" for NULL. */
void face_bound(char out[64], const json_t *target);
const char *face_status(const json_t *target);
/* The target that was judged on this point, metric and statistic, or NULL. */
const json_t *face_target_of(const json_t *result, const json_t *point, const char *key, const char *stat);
/* One sentence on the repeats that a time budget took away; nothing where none was. */
void face_dropped(const json_t *result, void (*say)(void *arg, const char *sentence), void *arg);
/* What the user's commands did, a sentence each (of many prepare commands one), and why a run ended early (face_commands.c). */
void face_commands(const json_t *result, void (*say)(void *arg, const char *sentence), void *arg);
void face_not_measured(const json_t *result, const char *experiment, void (*say)(void *arg, const char *sentence), void *arg);
/* S4's lines: "Average latency: 1.20 s", "Batch size 4: Throughput = 150.0 tokens/sec (3.6x)". _batch: of one point; false where it has none. */
void face_s4_latency(const json_t *result, void (*say)(void *arg, const char *line), void *arg);
bool face_s4_batch(char out[160], const json_t *point);
void face_s4_lines(const json_t *result, void (*say)(void *arg, const char *line), void *arg);

/* Said of a section whose table has no row. */
#define FACE_NO_NUMBERS "No number of it is known here: unavailable[] in result.json says why"

#endif
