/* What the terminal and report.md say of findings[]. Computes nothing. */
#ifndef ASSAY_REPORT_FACE_FINDINGS_H
#define ASSAY_REPORT_FACE_FINDINGS_H

#include <jansson.h>
#include <stdbool.h>

#include "draw/table.h"

/* By id; NULL when absent. */
const json_t *face_finding(const json_t *result, const char *id);
bool face_answered(const json_t *finding);
/* The answered findings that a short summary wants most, best first; how many (at most `most`). */
int face_best_findings(const json_t *result, const json_t **out, int most);
/* "answer (confidence low, modelled)", or "needs X", or "not applicable: ...". */
void face_finding_text(char out[1200], const json_t *finding);

/* Question and what its answer needs, a row each that is not answered. Initialises t. */
void face_open_questions(const json_t *result, struct draw_table *t);

#endif
