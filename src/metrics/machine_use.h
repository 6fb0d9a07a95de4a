/* Who used the machine while a visit ran: arithmetic on telemetry samples. Pure. */
#ifndef ASSAY_METRICS_MACHINE_USE_H
#define ASSAY_METRICS_MACHINE_USE_H

#include <stdint.h>

#include "core/run.h"

/* Sums of differences of counters, so that several visits can be added up. */
struct assay_machine_use {
	int64_t span_ns;                      /* time covered */
	int64_t offered_ns;                   /* CPU time of all CPUs: busy + idle + iowait + steal */
	int64_t busy_ns, own_ns, steal_ns;    /* machine busy; this process and the engine's; stolen by the hypervisor */
	int64_t client_ns;                    /* of own_ns, this process's where the engine runs in others; else 0 */
	int64_t swap_in_pages, major_faults;
	int64_t memory_stall_ns;              /* time in which some task waited for memory (PSI) */
	int64_t freq_least_khz, freq_most_khz; /* over all samples; 0 = not readable */
	int intervals;                        /* how many differences went in; 0 = nothing known */
};

/* Adds the differences between first and last of the n samples; counters that were not readable (-1) add nothing. Where the counters began anew
 * (a run that was taken up by another process) the parts are added and the gap is left out. */
void assay_machine_use_add(const struct assay_rec_sample *s, size_t n, struct assay_machine_use *to);
/* The samples of a visit plus one on either side, so that a short visit is covered too. */
void assay_machine_use_visit(const struct assay_run *run, const struct assay_run_visit *v, struct assay_machine_use *to);

/* Mean of the probes just before and just after a visit; NaN without one. which: 0 read GB/s, 1 GEMM f32, 2 GEMM bf16 (GFLOP/s). Ceilings
 * given as input (header "truth") stand for probes. */
double assay_ceiling_at(const struct assay_run *run, const struct assay_run_visit *v, int which);

#endif
