/* How other load generators would have counted the same records: their formulas, populations, percentiles and windows, by name.
 * Never touches our own metrics. Pure. */
#ifndef ASSAY_METRICS_OTHER_TOOLS_H
#define ASSAY_METRICS_OTHER_TOOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/run.h"

/* Samples of one kind with their weights; grows by doubling. */
struct assay_tool_samples { double *x, *weight; size_t n, cap; };
void assay_tool_put(struct assay_tool_samples *s, double x, double weight);

struct assay_tool_metric {
	const char *name, *unit;   /* as that tool's report calls it */
	const char *ours;          /* the key of ours that is nearest, or NULL */
	/* One of the two, or neither: then it cannot be recomputed and `what` is the reason. */
	void (*request)(const struct assay_run_request *q, struct assay_tool_samples *to); /* samples of a successful request */
	double (*run)(const struct assay_run *run, const struct assay_run_visit *v, bool ignore_eos); /* value of a measured run; NaN = none */
	const char *what;          /* the definition, one phrase */
	double scale;              /* their unit in ours: 1e-3 where `request` gives ms and they show s; 0 = 1 */
};

struct assay_tool {
	const char *name, *title;  /* "vllm", "vLLM (vllm bench serve)" */
	bool inverted_cdf;         /* percentile: smallest value whose share of the weight reaches p; else linear interpolation (numpy) */
	int ddof;                  /* standard deviation divides by n - ddof */
	const char *note;          /* what else differs and is not in the records; one or two sentences */
	const struct assay_tool_metric *metrics; /* ended by a row without name */
};

/* The table, ended by a row without name. */
const struct assay_tool *assay_tool_table(void);
const struct assay_tool *assay_tool_find(const char *name); /* NULL = unknown */

/* p50 p90 p95 p99. Everything NaN for n = 0. */
struct assay_tool_value { size_t n; double mean, std, min, max, pct[4]; };
/* Over all measured runs of a point: requests and gaps pooled, one value a run for throughput. */
void assay_tool_compute(const struct assay_tool *t, const struct assay_tool_metric *m, const struct assay_run *run, size_t point, struct assay_tool_value *out);

#endif
