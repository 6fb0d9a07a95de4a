/* Published offline workloads reproduced draw for draw: Python's random.seed(0) and randint (formats.md section 5). Pure. */
#ifndef ASSAY_WORKLOAD_EXACT_PRESETS_H
#define ASSAY_WORKLOAD_EXACT_PRESETS_H

#include <stdint.h>

#include "base/err.h"
#include "workload/lengths.h"

#define ASSAY_EXACT_REQUESTS 256

enum assay_exact {
	ASSAY_EXACT_S1,       /* 256 prompts of 8 tokens (ours), outputs 100..1024: 144,831 in all */
	ASSAY_EXACT_NANOVLLM, /* nano-vLLM's bench.py: prompts 100..1024 of ids 0..10000 (142,827), outputs 100..1024 (133,966) */
	ASSAY_EXACT_NONE
};

/* "s1", "nanovllm"; ASSAY_EXACT_NONE for another name. */
enum assay_exact assay_exact_find(const char *name);

void assay_exact_lengths(enum assay_exact preset, struct assay_length out[ASSAY_EXACT_REQUESTS]);
/* Number of prompt ids that the preset itself fixes (nanovllm 142,827; s1 0), and those ids in request order. */
uint32_t assay_exact_ids(enum assay_exact preset, int32_t *out /* NULL: only count */);

/* Refuses (ASSAY_E_USAGE) a model in which the preset's first requests (1..ASSAY_EXACT_REQUESTS of them) could not be exact: a request over
 * the context (says how many and the longest) or an id over the vocabulary. 0 = unknown, not checked. */
int assay_exact_check(enum assay_exact preset, int first, int vocab, int max_context, struct assay_err *e);

#endif
