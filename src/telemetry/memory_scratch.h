/* The probes' buffers must not count as the engine's memory: a probe brackets their life with these two,
 * and VmHWM is set back to what is resident after it (the peak before it is remembered). Where the kernel
 * does not allow that, the peak includes the probe. */
#ifndef ASSAY_TELEMETRY_MEMORY_SCRATCH_H
#define ASSAY_TELEMETRY_MEMORY_SCRATCH_H

#include <stdbool.h>
#include <stdint.h>

void assay_memory_scratch_begin(void);
void assay_memory_scratch_end(void); /* after the buffers are gone */

/* For the sampler, from any thread: a mark before reading memory; afterwards, whether a buffer was there at
 * any time since. Such a reading is not the engine's. */
uint64_t assay_memory_scratch_mark(void);
bool assay_memory_scratch_since(uint64_t mark);

#endif
