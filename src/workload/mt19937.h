/* Python's random numbers, draw for draw: MT19937 (Matsumoto and Nishimura 1998) as CPython seeds and uses it. */
#ifndef ASSAY_WORKLOAD_MT19937_H
#define ASSAY_WORKLOAD_MT19937_H

#include <stdint.h>

struct mt19937 { uint32_t state[624]; int at; };

/* random.seed(seed) of an integer that fits 32 bits: init_by_array({seed}). */
void mt19937_seed(struct mt19937 *m, uint32_t seed);
uint32_t mt19937_next(struct mt19937 *m);
/* random.randint(lo, hi), lo <= hi < 2^31: the top bits of draws until one is below hi - lo + 1. */
int32_t mt19937_randint(struct mt19937 *m, int32_t lo, int32_t hi);

#endif
