/* Lengths of requests: uniform draws from ranges, clipped to a context. Pure. */
#ifndef ASSAY_WORKLOAD_LENGTHS_H
#define ASSAY_WORKLOAD_LENGTHS_H

#include <stddef.h>
#include <stdint.h>

struct assay_length { int prompt, output; };        /* tokens */
struct assay_len_range { int lo, hi; };             /* both ends included, 1 <= lo <= hi <= 2^24 */

/* What clipping did; both what was asked and what is left are recorded. */
struct assay_clipping {
	size_t clipped;                                 /* requests that did not fit as asked */
	uint64_t asked_prompt, asked_output, prompt, output; /* sums over all requests */
	int longest_asked, longest;                     /* most prompt + output of one request */
};

/* One length clipped to the context (0 = no limit): the output gives way first, down to one token, then the prompt. The result is
 * never under 1/1. 1 when something was cut, else 0. */
int assay_length_clip(struct assay_length *l, int max_context);

/* n lengths drawn uniformly and independently from both ranges, keyed by (seed, point, index), then clipped. c may be NULL. */
void assay_lengths_ranges(uint64_t seed, uint32_t point, struct assay_len_range prompt, struct assay_len_range output, int max_context,
                          struct assay_length *out, size_t n, struct assay_clipping *c);

/* The length of request i of such a list, by itself; clipped (*clipped = 1 when something was cut, else 0). */
struct assay_length assay_length_at(uint64_t seed, uint32_t point, struct assay_len_range prompt, struct assay_len_range output, int max_context, uint64_t i,
				    int *clipped);

#endif
