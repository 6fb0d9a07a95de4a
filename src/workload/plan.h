/* Seed in, plan out: the requests of one visit, made before it starts. Pure: no clock, no I/O, no
 * engine. The same key and arguments give the same plan on every machine.
 *
 * Prompt ids are a function of (seed, point, repeat, index in the visit): prompts of different
 * requests, repeats and points differ inside their first tokens (prompts.h), so that a prefix cache
 * cannot answer for the engine. Lengths drawn from a range are a function of (seed, point, index):
 * every repeat of a point asks for the same work.
 *
 * Each maker fills *out (release with assay_plan_release) with offset_ns = 0 and in_flight = 0; the
 * caller sets in_flight where it wants a closed loop. On failure *out is empty. */
#ifndef ASSAY_WORKLOAD_PLAN_H
#define ASSAY_WORKLOAD_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/request.h"
#include "workload/exact_presets.h"
#include "workload/lengths.h"

/* Most requests of one visit and most tokens of one prompt or answer (also the cap of every product below). */
#define ASSAY_PLAN_MAX_REQUESTS 1000000
#define ASSAY_PLAN_MAX_TOKENS 16777216

/* What names a visit, and what all of its requests share. */
struct assay_plan_key {
	uint64_t seed;
	uint32_t point;                 /* < 65536 */
	int32_t repeat;                 /* -32768..32767; warm-ups are negative */
	uint32_t first_id;              /* requests get the ids first_id, first_id + 1, ... */
	int vocab;                      /* ids are in [0, vocab); > 0 wherever ids are made here */
	struct assay_sampling sampling; /* copied into each request; its seed is replaced by one of the request's own */
};

/* n requests of prompt_tokens/output_tokens each. ASSAY_E_USAGE when a size is not positive or over the caps. */
int assay_plan_batch(const struct assay_plan_key *k, size_t n, int prompt_tokens, int output_tokens, struct assay_plan *out, struct assay_err *e);

/* One request per length; lengths from assay_lengths_ranges (lengths.h), which also clips and counts. */
int assay_plan_lengths(const struct assay_plan_key *k, const struct assay_length *len, size_t n, struct assay_plan *out, struct assay_err *e);

/* An exact preset: 256 requests whose lengths are fixed, as are nanovllm's prompt ids (s1's come from the key). Check the fit
 * first with assay_exact_check. */
int assay_plan_exact(const struct assay_plan_key *k, enum assay_exact preset, struct assay_plan *out, struct assay_err *e);

/* A prompt that the caller has: ids already encoded, or NULL ids and only text (then n_ids is 0 or what is known). */
struct assay_given_prompt { const int32_t *ids; size_t n_ids; const char *text; };
/* n requests of output_tokens each that walk through the given prompts in order, from where the repeat before left off (warm-ups
 * count: repeat -1 of 2 prompts starts at the second). Ids are copied; texts are borrowed and must outlive the plan. */
int assay_plan_given(const struct assay_plan_key *k, const struct assay_given_prompt *prompts, size_t n_prompts, size_t n,
                     int output_tokens, struct assay_plan *out, struct assay_err *e);

#endif
