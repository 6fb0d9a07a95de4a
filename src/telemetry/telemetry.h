/* What the machine is and does. Inventory and probes are called between measurements; the sampler is a
 * thread that writes SAMPLE records to its own lane. */
#ifndef ASSAY_TELEMETRY_TELEMETRY_H
#define ASSAY_TELEMETRY_TELEMETRY_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "core/record.h"
#include "telemetry/process_group.h"

/* result.json "machine": host, os, kernel, cpu{}, memory{}, gpus[] or null + reason, virtualised, limits{}; every unreadable field null with a reason. New reference. */
json_t *assay_inventory(void);

struct assay_sampler;
/* Starts sampling every period_ns (100 ms) into sink's telemetry lane. engine: the processes in which the engine runs, NULL = this one (while a read probe
 * holds its buffer a sample's rss is then -1). */
int assay_sampler_start(struct assay_sink *sink, int64_t period_ns, const struct assay_processes *engine, struct assay_sampler **out, struct assay_err *e);
/* Takes a last sample, joins the thread. */
void assay_sampler_stop(struct assay_sampler *s);

/* Fills rss, pss, hwm and t of *m (not on the timed path: PSS is slow). */
void assay_memory_read(struct assay_rec_memory *m);
/* Resident bytes of this process from statm: a few microseconds, no allocation; -1 unknown. */
int64_t assay_memory_rss(void);

/* Read bandwidth of memory (GB/s, 10^9) over a buffer far larger than the caches, with `threads` threads; about budget_ns. */
double assay_probe_read_gb_s(int threads, int64_t budget_ns);
/* GEMM peak (GFLOP/s) as the best kernel here reaches it, f32 and bf16 (0 where the CPU has no such path). */
double assay_probe_gemm_gflop_s(int threads, int bf16, int64_t budget_ns);
/* Frees buffers and threads that the probes keep between calls. */
void assay_probe_close(void);

#endif
