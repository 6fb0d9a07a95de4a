/* Which machine is it? A short name for "the same hardware", from the machine{} of a result. Pure. */
#ifndef ASSAY_ANALYSIS_MACHINE_ID_H
#define ASSAY_ANALYSIS_MACHINE_ID_H

#include <jansson.h>

enum { ASSAY_MACHINE_ID_LEN = 12 };

/* The first 12 hex digits of SHA-256 of: CPU model, sockets, cores, usable CPUs, memory rounded up to an eighth of a power of two (so that what the
 * kernel keeps for itself does not count), names of GPUs. Not: host name, kernel, governor, ISA: a container's new name or an update is the same
 * machine (compare warns about those). "" when machine is no object. */
void assay_machine_id(const json_t *machine, char out[ASSAY_MACHINE_ID_LEN + 1]);

#endif
