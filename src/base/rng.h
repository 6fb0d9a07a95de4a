/* Counter-based random numbers: a value is a pure function of (key, counter),
 * the same on every machine and in any order. Not for secrets. */
#ifndef ASSAY_BASE_RNG_H
#define ASSAY_BASE_RNG_H

#include <stdint.h>

/* Finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection of 64-bit words. */
static inline uint64_t assay_mix64(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static inline uint64_t assay_rng_at(uint64_t key, uint64_t counter)
{
	return assay_mix64(key + (counter + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

/* Derives an independent key: a stream named by one more number. */
static inline uint64_t assay_rng_key(uint64_t key, uint64_t stream)
{
	return assay_mix64(assay_rng_at(key, stream) ^ UINT64_C(0xd1b54a32d192ed03));
}

/* FNV-1a of a name, to key a stream by text. */
static inline uint64_t assay_hash_name(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

static inline double assay_rng_unit(uint64_t key, uint64_t counter) /* [0,1) */
{
	return (double)(assay_rng_at(key, counter) >> 11) * 0x1p-53;
}

/* Uniform integer in [0, n), n > 0; bias < n / 2^64. */
static inline uint64_t assay_rng_below(uint64_t key, uint64_t counter, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)assay_rng_at(key, counter) * n) >> 64);
}

#endif
