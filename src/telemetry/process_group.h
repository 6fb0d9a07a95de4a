/* The processes of an engine that runs beside assay, counted together: CPU time, resident memory, page faults, threads. A process belongs to them when it is in
 * the process group, was named, or is a child of one that belongs; it stays so when it leaves the group. Must not know what they do. */
#ifndef ASSAY_TELEMETRY_PROCESS_GROUP_H
#define ASSAY_TELEMETRY_PROCESS_GROUP_H

#include <stdint.h>
#include <sys/types.h>

#include "core/record.h"

#define ASSAY_PIDS_MAX 16
/* Which processes: those of a process group (0 = of none) and some named beside it. */
struct assay_processes { pid_t group, pid[ASSAY_PIDS_MAX]; int n_pids; };

struct assay_group;
/* root: "" or a folder that holds a recorded proc/. Never NULL; what cannot be read shows in the readings. For one thread. */
struct assay_group *assay_group_open(const char *root, const struct assay_processes *which);
void assay_group_close(struct assay_group *g);

/* n = 0: no process is there, and the others are -1. cpu_ns: user and system time since the processes began, children that ended included; never falls. rss_bytes: the sum over the
 * processes, pages that they share counted in each. */
struct assay_group_use { int n; int64_t cpu_ns, rss_bytes, major_faults; };
/* Looks for new processes and reads all. No allocation; some tens of microseconds on a machine of 100 processes. */
void assay_group_read(struct assay_group *g, struct assay_group_use *out);
/* Fills rss, pss (-1 unless it can be read of every process), hwm (-1) and t of *m. Slow, as assay_memory_read is. */
void assay_group_memory(struct assay_group *g, struct assay_rec_memory *m);

/* CPU time of each thread of the processes, as the last assay_group_read found them, at most cap; how many. Not for the timed path. */
struct assay_thread_cpu { pid_t pid, tid; char state; int64_t start_ticks, cpu_ns; }; /* state: of proc(5), R = runs or would */
int assay_group_threads(struct assay_group *g, struct assay_thread_cpu *out, int cap);
/* How many of the threads in `after` used CPU time since `before` of at least `share` of the busiest one's; *most_ns: that one's. */
int assay_threads_busy(const struct assay_thread_cpu *before, int n_before, const struct assay_thread_cpu *after, int n_after, double share, int64_t *most_ns);

#endif
