/* Energy counters of the Linux powercap interface (RAPL): CPU packages and, where it has its own counter, their memory. */
#ifndef ASSAY_TELEMETRY_ENERGY_H
#define ASSAY_TELEMETRY_ENERGY_H

#include <jansson.h>
#include <stdint.h>

enum { ASSAY_ENERGY_ZONES = 32 };

struct assay_energy {
	int n;                     /* zones; 0 = none readable */
	struct assay_energy_zone {
		int fd;
		int64_t last_uj, range_uj; /* the counter runs from 0 to range and starts again */
		char name[32];             /* "package-0", "dram" */
	} zone[ASSAY_ENERGY_ZONES];
	int64_t total_uj;          /* since open */
};

/* root: "" or a folder that holds a recorded sys/. 0, or -1 with the reason in why ("unavailable: PATH: Permission denied"); then
 * nothing is open. */
int assay_energy_open(struct assay_energy *en, const char *root, char *why, size_t why_bytes);
void assay_energy_close(struct assay_energy *en);
/* Microjoules of all zones since open; -1 when there is none or one cannot be read any more. No allocation. At least one call
 * in each time that a counter takes to run round (a quarter of an hour or more) keeps count. */
int64_t assay_energy_read(struct assay_energy *en);

#endif
