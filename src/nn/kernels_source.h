/* What weight sources compute: exact widening of stored values, and the seeded
 * noise of synthetic weights. Every instruction set gives the same bits.
 * Source pointers may be unaligned. */
#ifndef ASSAY_NN_KERNELS_SOURCE_H
#define ASSAY_NN_KERNELS_SOURCE_H

#include <stddef.h>
#include <stdint.h>

/* dst[n] = the IEEE binary16 / bfloat16 values at src, exactly (subnormals, infinities and NaN kept). */
void nn_widen_f16(const void *src, size_t n, float *dst);
void nn_widen_bf16(const void *src, size_t n, float *dst);

/* dst[i] = mean + step * z(key, first + i); z is the sum of four uniform 16-bit integers, centred (Irwin-Hall
 * of 4: integer in -131070..131070, standard deviation 37837, excess kurtosis -0.3). With a power-of-two step and
 * mean 0 or 1 every operation is exact, so no rounding mode or contraction can change a bit. */
void nn_fill_noise(uint64_t key, uint64_t first, size_t n, float mean, float step, float *dst);

#endif
