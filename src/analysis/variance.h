/* What makes times differ: the work itself growing along a run, runs differing from each other, the rest; and whether the
 * slow steps fall where the machine was disturbed. Pure. */
#ifndef ASSAY_ANALYSIS_VARIANCE_H
#define ASSAY_ANALYSIS_VARIANCE_H

#include "core/run.h"

/* Decode steps with as many sequences as the run ever had. Sums of squares of step time, as shares of their total. */
struct assay_variance {
	size_t steps, runs;            /* 0 steps: nothing known */
	double mean_ms, cv;            /* of all these steps */
	double along, between, rest;   /* straight line over the step's place in its run; means of runs; what is left. NaN when cv is 0 */
};
void assay_variance_point(const struct assay_run *run, size_t point, struct assay_variance *out);

/* Steps over 1.5 x their run's median, of all measured points. */
struct assay_outliers {
	size_t steps, slow;
	double slow_time_share;        /* time over the median in slow steps, as a share of all step time */
	size_t sampled, slow_sampled;  /* those between two telemetry samples */
	/* Of slow steps / of all steps, the share that lies between samples in which it happened; NaN = not readable. */
	double steal_slow, steal_all, switch_slow, switch_all, fault_slow, fault_all;
	size_t preempted;              /* slow steps in which the engine preempted a sequence */
};
void assay_variance_outliers(const struct assay_run *run, struct assay_outliers *out);

/* Time of measured runs in which no engine step ran, between the first step's start and the last one's end. */
struct assay_idle { size_t gaps; double span_s, idle_s, longest_ms, per_step_us; };
/* point: SIZE_MAX = all. gaps 0: fewer than two steps. */
void assay_variance_idle(const struct assay_run *run, size_t point, struct assay_idle *out);

#endif
