/* How much memory this process may still take: the machine's MemAvailable, the
 * limits of its control groups (v2 or v1, every ancestor), and its own address space limit. Linux. */
#ifndef ASSAY_BASE_SYSMEM_H
#define ASSAY_BASE_SYSMEM_H

#include <stdint.h>

#define ASSAY_SYSMEM_NONE UINT64_MAX /* no limit, or not readable */

struct assay_sysmem {
	uint64_t total, available;         /* MemTotal, MemAvailable; NONE when unreadable */
	uint64_t cgroup_limit;             /* the limit of the group with the least headroom; NONE without one */
	uint64_t cgroup_headroom;          /* limit - usage + inactive file cache of that group; NONE without one */
	uint64_t address_headroom;         /* what `ulimit -v` leaves of the address space; NONE without a limit */
};

/* root: "" for this machine; tests give a folder that holds proc/ and sys/. */
void assay_sysmem_read(const char *root, struct assay_sysmem *m);
/* The least of available and the headrooms, less 10 %; NONE when none can be read. */
uint64_t assay_sysmem_safe_bytes(const struct assay_sysmem *m);

#endif
