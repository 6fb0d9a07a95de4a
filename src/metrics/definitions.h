/* The table of metrics: one row a key. Terminal, JSON, docs and `assay explain` read it. Pure. */
#ifndef ASSAY_METRICS_DEFINITIONS_H
#define ASSAY_METRICS_DEFINITIONS_H

#include <stddef.h>

#define ASSAY_DEFINITIONS_VERSION "1"

enum assay_better { ASSAY_LOWER, ASSAY_HIGHER, ASSAY_NEITHER };
enum assay_scope { ASSAY_PER_REQUEST, ASSAY_PER_TOKEN, ASSAY_PER_RUN, ASSAY_PER_POINT, ASSAY_PER_STEP };

struct assay_metric {
	const char *key, *unit, *title;   /* "ttft_ms", "ms", "TTFT" */
	enum assay_better better;
	enum assay_scope scope;           /* what one sample is */
	int digits;                       /* decimals that faces show */
	const char *definition;           /* one sentence */
	const char *source;               /* where the definition comes from */
};

const struct assay_metric *assay_metric_find(const char *key);
const struct assay_metric *assay_metric_table(size_t *n);

#endif
