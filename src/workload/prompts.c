/* See prompts.h. */
#include "workload/prompts.h"

#include "base/rng.h"

enum { most_reserved = 512 };

void assay_prompt_range(int vocab, int32_t *lo, int32_t *hi)
{
	int32_t reserved = vocab / 16 < most_reserved ? vocab / 16 : most_reserved;
	*lo = reserved;
	*hi = vocab - reserved;
}

/* (point, repeat, request) packed without loss, then a keyed bijection of 64-bit words: distinct in, distinct out. */
static uint64_t prompt_number(uint64_t seed, uint32_t point, int32_t repeat, uint32_t request)
{
	uint64_t packed = ((uint64_t)(point & 0xffff) << 48) | ((uint64_t)((uint32_t)repeat & 0xffff) << 32) | request;
	return assay_mix64(packed ^ assay_rng_key(seed, assay_hash_name("prompts")));
}

void assay_prompt_fill(uint64_t seed, uint32_t point, int32_t repeat, uint32_t request, int vocab, int32_t *ids, size_t n)
{
	int32_t lo, hi;
	assay_prompt_range(vocab, &lo, &hi);
	uint64_t base = (uint64_t)(hi - lo), number = prompt_number(seed, point, repeat, request), left = number;
	size_t digits = assay_prompt_distinct(vocab);
	for (size_t i = 0; i < n; i++) {
		if (i < digits) {
			ids[i] = lo + (int32_t)(left % base);
			left /= base;
		} else {
			ids[i] = lo + (int32_t)assay_rng_below(number, i, base);
		}
	}
}

/* Digits of 2^64 - 1 in the base of usable ids; a vocabulary of one id can never tell prompts apart. */
size_t assay_prompt_distinct(int vocab)
{
	int32_t lo, hi;
	assay_prompt_range(vocab, &lo, &hi);
	uint64_t base = (uint64_t)(hi - lo), left = UINT64_MAX;
	size_t digits = 0;
	if (base < 2)
		return 1;
	for (; left; left /= base)
		digits++;
	return digits;
}
