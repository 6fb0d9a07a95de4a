/* How many threads an engine in other processes really used in the first measured runs: from the CPU time of each, on record as the note engine_threads. */
#ifndef ASSAY_EXPERIMENT_ENGINE_THREADS_H
#define ASSAY_EXPERIMENT_ENGINE_THREADS_H

#include "experiment/session.h"

/* Around the drive of a run; repeat < 0 is a warm-up and is not looked at. What was used since the first measured run began is on record once it is enough to tell; from
 * then on, and where the engine is this process, nothing is read. */
void assay_engine_threads_before(struct assay_session *s, int repeat);
void assay_engine_threads_after(struct assay_session *s, uint32_t point);

#endif
