/* A few threads that start a piece of work at the same instant, again and again, for the probes. */
#ifndef ASSAY_TELEMETRY_PROBE_TEAM_H
#define ASSAY_TELEMETRY_PROBE_TEAM_H

#include <stdint.h>

#define ASSAY_PROBE_THREADS_MAX 1024

/* One pass of one thread (index of n) over its own share; returns the units of work done. */
typedef double (*assay_probe_pass)(void *arg, int index, int n);

/* Makes n threads, calls prepare(arg, index, n) once on each (may be NULL), then passes until budget_ns is over (at least 2).
 * All threads start a pass together; a pass lasts until the last is done. Returns the best pass's units per ns;
 * with fewer threads than asked when the system gives no more, 0 when it gives none. */
double assay_probe_team_run(int n, assay_probe_pass prepare, assay_probe_pass pass, void *arg, int64_t budget_ns);

#endif
