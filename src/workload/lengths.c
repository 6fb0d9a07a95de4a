/* See lengths.h. */
#include "workload/lengths.h"

#include "base/rng.h"

int assay_length_clip(struct assay_length *l, int max_context)
{
	struct assay_length asked = *l;
	if (max_context <= 0 || asked.prompt <= max_context - asked.output)
		return 0;
	if (l->prompt > max_context - 1)
		l->prompt = max_context > 1 ? max_context - 1 : 1;
	if (l->output > max_context - l->prompt)
		l->output = max_context > l->prompt ? max_context - l->prompt : 1;
	return 1;
}

static int draw(uint64_t key, uint64_t i, struct assay_len_range r)
{
	return r.lo + (int)assay_rng_below(key, i, (uint64_t)(r.hi - r.lo) + 1);
}

static uint64_t lengths_key(uint64_t seed, uint32_t point)
{
	return assay_rng_key(assay_rng_key(seed, assay_hash_name("lengths")), point);
}

struct assay_length assay_length_at(uint64_t seed, uint32_t point, struct assay_len_range prompt, struct assay_len_range output, int max_context, uint64_t i,
				    int *clipped)
{
	uint64_t key = lengths_key(seed, point);
	struct assay_length l = { draw(key, 2 * i, prompt), draw(key, 2 * i + 1, output) };
	*clipped = assay_length_clip(&l, max_context);
	return l;
}

void assay_lengths_ranges(uint64_t seed, uint32_t point, struct assay_len_range prompt, struct assay_len_range output, int max_context,
                          struct assay_length *out, size_t n, struct assay_clipping *c)
{
	struct assay_clipping sum = { 0 };
	uint64_t key = lengths_key(seed, point);
	for (size_t i = 0; i < n; i++) {
		out[i] = (struct assay_length){ draw(key, 2 * i, prompt), draw(key, 2 * i + 1, output) };
		sum.asked_prompt += (uint64_t)out[i].prompt;
		sum.asked_output += (uint64_t)out[i].output;
		if (out[i].prompt + out[i].output > sum.longest_asked)
			sum.longest_asked = out[i].prompt + out[i].output;
		sum.clipped += (size_t)assay_length_clip(&out[i], max_context);
		sum.prompt += (uint64_t)out[i].prompt;
		sum.output += (uint64_t)out[i].output;
		if (out[i].prompt + out[i].output > sum.longest)
			sum.longest = out[i].prompt + out[i].output;
	}
	if (c)
		*c = sum;
}
