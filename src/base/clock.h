/* Time. Every stamp in the program is integer ns of CLOCK_MONOTONIC, unless an
 * engine brings a virtual clock (engine.h). Wall time only for names and dates. */
#ifndef ASSAY_BASE_CLOCK_H
#define ASSAY_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define ASSAY_NS_PER_MS INT64_C(1000000)
#define ASSAY_NS_PER_S INT64_C(1000000000)

int64_t assay_now_ns(void);          /* CLOCK_MONOTONIC */
int64_t assay_thread_cpu_ns(void);   /* CPU time of the calling thread */
int64_t assay_process_cpu_ns(void);  /* CPU time of all threads of the process */
int64_t assay_wall_ns(void);         /* CLOCK_REALTIME */
void assay_sleep_until_ns(int64_t t_ns);
/* Smallest step seen between two readings of CLOCK_MONOTONIC, ns (>= 1). */
int64_t assay_clock_resolution_ns(void);
/* RFC 3339 with zone, e.g. 2026-01-02T03:04:05.678901+00:00; out holds >= 40 bytes. */
void assay_rfc3339(int64_t wall_ns, char *out, size_t size_bytes);

#endif
