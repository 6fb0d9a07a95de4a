/* Names and text of the OpenMetrics format (github.com/prometheus/OpenMetrics, version 1.0). Knows nothing of results. */
#ifndef ASSAY_DRAW_OPENMETRICS_H
#define ASSAY_DRAW_OPENMETRICS_H

#include <jansson.h>

#include "base/mem.h"

enum { OPENMETRICS_NAME_MAX = 160 };

/* "assay_ttft_milliseconds" of ttft_ms in ms; with part "mean": "assay_ttft_mean_milliseconds". *unit points into out, at the unit that it ends with. */
void openmetrics_name(char out[OPENMETRICS_NAME_MAX], const char *key, const char *unit, const char *part, const char **unit_word);
/* # TYPE, # UNIT (unit NULL: none) and # HELP. */
void openmetrics_family(struct assay_buf *b, const char *name, const char *type, const char *unit, const char *help);
/* name{labels} value. labels: {name: scalar}; names are made legal, values escaped; nulls, lists and objects are left out. extra_name NULL: none. */
void openmetrics_sample(struct assay_buf *b, const char *name, const json_t *labels, const char *extra_name, const char *extra_value, double x);

#endif
