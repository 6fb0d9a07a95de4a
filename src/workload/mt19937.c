/* See mt19937.h. Follows mt19937ar.c (Nishimura and Matsumoto 2002) and CPython's random_seed and
 * _randbelow_with_getrandbits. */
#include "workload/mt19937.h"

enum { words = 624, middle = 397 };

static void init_genrand(struct mt19937 *m, uint32_t s)
{
	m->state[0] = s;
	for (uint32_t i = 1; i < words; i++)
		m->state[i] = UINT32_C(1812433253) * (m->state[i - 1] ^ (m->state[i - 1] >> 30)) + i;
}

void mt19937_seed(struct mt19937 *m, uint32_t seed)
{
	uint32_t *s = m->state;
	init_genrand(m, 19650218);
	int i = 1;
	for (int k = words; k; k--) { /* a key of one word: its index stays 0 */
		s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * UINT32_C(1664525))) + seed;
		if (++i >= words) {
			s[0] = s[words - 1];
			i = 1;
		}
	}
	for (int k = words - 1; k; k--) {
		s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * UINT32_C(1566083941))) - (uint32_t)i;
		if (++i >= words) {
			s[0] = s[words - 1];
			i = 1;
		}
	}
	s[0] = UINT32_C(0x80000000);
	m->at = words;
}

static void refill(struct mt19937 *m)
{
	uint32_t *s = m->state;
	for (int i = 0; i < words; i++) {
		uint32_t y = (s[i] & UINT32_C(0x80000000)) | (s[(i + 1) % words] & UINT32_C(0x7fffffff));
		s[i] = s[(i + middle) % words] ^ (y >> 1) ^ (y & 1 ? UINT32_C(0x9908b0df) : 0);
	}
	m->at = 0;
}

uint32_t mt19937_next(struct mt19937 *m)
{
	if (m->at >= words)
		refill(m);
	uint32_t y = m->state[m->at++];
	y ^= y >> 11;
	y ^= (y << 7) & UINT32_C(0x9d2c5680);
	y ^= (y << 15) & UINT32_C(0xefc60000);
	return y ^ (y >> 18);
}

int32_t mt19937_randint(struct mt19937 *m, int32_t lo, int32_t hi)
{
	uint32_t n = (uint32_t)(hi - lo) + 1, draw;
	int bits = 32 - __builtin_clz(n);
	do
		draw = mt19937_next(m) >> (32 - bits);
	while (draw >= n);
	return lo + (int32_t)draw;
}
