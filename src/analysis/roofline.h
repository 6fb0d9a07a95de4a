/* Where prefill and decode stand under the roof: work that the engine's steps did against the ceilings measured beside
 * them (Williams, Waterman and Patterson 2009). Pure. */
#ifndef ASSAY_ANALYSIS_ROOFLINE_H
#define ASSAY_ANALYSIS_ROOFLINE_H

#include "core/run.h"

enum assay_bound { ASSAY_BOUND_UNKNOWN, ASSAY_BOUND_MEMORY, ASSAY_BOUND_COMPUTE, ASSAY_BOUND_OVERHEAD };
const char *assay_bound_name(enum assay_bound b);

/* Below this share of both ceilings neither explains the time. */
#define ASSAY_ROOF_NEAR 0.5

struct assay_roof {
	size_t steps;                 /* of this kind in measured runs; 0 = the engine reports none */
	double time_s, bytes, flops;  /* sums; bytes: weights + KV read + KV written; NaN where the engine counts none */
	double intensity;             /* FLOP per byte */
	double read_gb_s, gflop_s;    /* ceilings, weighted by step time; NaN = no probe */
	const char *gemm_dtype;       /* "f32" or "bf16": the type whose GEMM ceiling gflop_s is */
	double memory_share;          /* bytes / ceiling / time: share of the time that moving the bytes needs at least */
	double compute_share;         /* FLOPs / ceiling / time */
	double headroom;              /* time / the larger floor: how many times faster the machine could do this work; NaN = unknown */
	enum assay_bound bound;       /* the larger share when it is at least ASSAY_ROOF_NEAR, else overhead; unknown without both ceilings */
};

/* kind: ASSAY_STEP_PREFILL or ASSAY_STEP_DECODE; warm-ups are left out. */
void assay_roofline_point(const struct assay_run *run, size_t point, enum assay_step_kind kind, struct assay_roof *out);

#endif
