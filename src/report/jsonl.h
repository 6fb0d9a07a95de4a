/* JSON Lines of a result, for its own file and for that of a campaign. */
#ifndef ASSAY_REPORT_JSONL_H
#define ASSAY_REPORT_JSONL_H

#include <jansson.h>

#include "base/mem.h"

/* Appends a line a point and metric. step: named in each line, NULL for none. */
void face_jsonl_results(const json_t *result, const char *step, struct assay_buf *out);

#endif
