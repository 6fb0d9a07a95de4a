/* From the document back to the records it was made of, for faces that show single requests and runs. */
#ifndef ASSAY_REPORT_FACE_ROWS_H
#define ASSAY_REPORT_FACE_ROWS_H

#include <jansson.h>

#include "core/run.h"

/* The run's point of a document's point, or NULL. */
const struct assay_run_point *face_run_point(const json_t *point, const struct assay_run *run);
/* The i-th measured repeat of a point, or NULL: the one that metrics.KEY.per_run[i] is of. */
const struct assay_run_visit *face_measured(const json_t *point, const struct assay_run *run, size_t i);
/* metrics.KEY.per_run[i]; NaN when null. */
double face_per_run(const json_t *point, const char *key, size_t i);
/* The two axes that the seqlen points lie on: those of the commonest output length vary the prompt, those of the commonest prompt
 * length vary the output; grid when some lie on neither. A case that names its axis itself is believed. */
struct face_axes { int64_t prompt, output, batch; bool grid; };
struct face_axes face_axes(const json_t *result);
bool face_on_axis(const struct face_axes *a, const json_t *point, bool prompt_axis);
/* An earlier point of the same experiment has the same lengths and batch. */
bool face_repeated(const json_t *result, const json_t *point);
/* "prompt", "output" or "grid". */
const char *face_axis_name(const json_t *result, const json_t *point);

/* One request, by the definitions of metrics.md; NaN where it has none. */
double face_request_ttft_ms(const struct assay_run_request *q);
double face_request_tpot_ms(const struct assay_run_request *q);
double face_request_e2el_ms(const struct assay_run_request *q);
double face_request_tok_s(const struct assay_run_request *q);
/* The record of a point's repeat with that label, or NULL. */
const struct assay_rec_memory *face_memory(const struct assay_run *run, uint32_t point, int32_t repeat, enum assay_mem_label label);

#endif
