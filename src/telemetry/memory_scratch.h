/* The probes' buffers must not count as the engine's memory: a probe brackets their life with these two,
 * and VmHWM is set back to what is resident after it (the peak before it is remembered). Where the kernel
 * does not allow that, the peak includes the probe. */
#ifndef ASSAY_TELEMETRY_MEMORY_SCRATCH_H
#define ASSAY_TELEMETRY_MEMORY_SCRATCH_H

void assay_memory_scratch_begin(void);
void assay_memory_scratch_end(void); /* after the buffers are gone */

#endif
