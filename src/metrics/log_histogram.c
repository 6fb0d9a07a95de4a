/* See log_histogram.h. Must not know what was timed. */
#include "metrics/log_histogram.h"

#include <math.h>

/* Bucket i >= 1 holds (LEAST g^(i-1), LEAST g^i], g = (1 + a) / (1 - a); 2 g^i LEAST / (g + 1) is within a of both ends. */
static const double log_ratio = 0.0020000006666670668; /* ln(1.001 / 0.999) */
static const double middle = 0.999;                    /* 2 / (g + 1) = 1 - a */

uint32_t assay_log_bucket(double ns)
{
	if (!(ns > ASSAY_LOG_LEAST_NS))
		return 0;
	double i = ceil(log(ns / ASSAY_LOG_LEAST_NS) / log_ratio);
	return i >= ASSAY_LOG_BUCKETS - 1 ? ASSAY_LOG_BUCKETS - 1 : i < 1 ? 1 : (uint32_t)i;
}

double assay_log_value(uint32_t bucket)
{
	return bucket ? ASSAY_LOG_LEAST_NS * exp(bucket * log_ratio) * middle : ASSAY_LOG_LEAST_NS / 2;
}

uint64_t assay_log_total(const uint64_t *counts)
{
	uint64_t n = 0;
	for (size_t i = 0; i < ASSAY_LOG_BUCKETS; i++)
		n += counts[i];
	return n;
}

double assay_log_at_rank(const uint64_t *counts, uint64_t rank)
{
	uint64_t below = 0;
	for (uint32_t i = 0; rank && i < ASSAY_LOG_BUCKETS; i++) {
		below += counts[i];
		if (below >= rank)
			return assay_log_value(i);
	}
	return NAN;
}

double assay_log_percentile(const uint64_t *counts, double p)
{
	uint64_t n = assay_log_total(counts), rank = (uint64_t)(((unsigned __int128)n * (uint64_t)llround(p * 1e6) + 999999) / 1000000);
	return assay_log_at_rank(counts, rank < 1 ? 1 : rank > n ? n : rank);
}
