/* A mergeable histogram of times: buckets of equal ratio, so that a quantile of any number of samples is known to 0.1 % of its value in
 * constant memory (Masson, Rim, Lee 2019, DDSketch). Merging adds counts: the order in which parts are merged changes nothing. Pure. */
#ifndef ASSAY_METRICS_LOG_HISTOGRAM_H
#define ASSAY_METRICS_LOG_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "core/record.h"

#define ASSAY_LOG_ERROR 0.001           /* most relative error of a value read back */
#define ASSAY_LOG_LEAST_NS 100.0        /* bucket 0 holds everything up to here, also 0 and below */

/* Bucket of a value in ns: 0 .. ASSAY_LOG_BUCKETS - 1. The last one holds everything from 196 days on. */
uint32_t assay_log_bucket(double ns);
/* The value that stands for a bucket: within ASSAY_LOG_ERROR of everything in it; bucket 0: ASSAY_LOG_LEAST_NS / 2 (absolute error 50 ns). */
double assay_log_value(uint32_t bucket);
/* Samples in all buckets. counts[ASSAY_LOG_BUCKETS] */
uint64_t assay_log_total(const uint64_t *counts);
/* The rank-th smallest sample, 1 <= rank <= total; NaN outside. */
double assay_log_at_rank(const uint64_t *counts, uint64_t rank);
/* Nearest-rank percentile, p in (0,1]; NaN when empty. */
double assay_log_percentile(const uint64_t *counts, double p);

#endif
