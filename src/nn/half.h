/* 16-bit floats in plain C: bfloat16 (the upper half of an f32) and IEEE 754 binary16.
 * Narrowing rounds to nearest even; f16 overflow gives infinity; NaN stays NaN. */
#ifndef ASSAY_NN_HALF_H
#define ASSAY_NN_HALF_H

#include <stdint.h>
#include <string.h>

static inline float nn_bits_f32(uint32_t u)
{
	float f;
	memcpy(&f, &u, 4);
	return f;
}

static inline uint32_t nn_f32_bits(float f)
{
	uint32_t u;
	memcpy(&u, &f, 4);
	return u;
}

static inline float nn_bf16_f32(uint16_t h)
{
	return nn_bits_f32((uint32_t)h << 16);
}

static inline uint16_t nn_f32_bf16(float f)
{
	uint32_t u = nn_f32_bits(f);
	if ((u & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(u >> 16 | 0x40);
	return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float nn_f16_f32(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 0x3ff;
	if (e == 31)
		return nn_bits_f32(sign | 0x7f800000 | m << 13);
	if (e == 0) /* zero or subnormal: m * 2^-24, exact */
		return nn_bits_f32(sign | nn_f32_bits((float)m * 0x1p-24f));
	return nn_bits_f32(sign | (e + 112) << 23 | m << 13);
}

static inline uint16_t nn_f32_f16(float f)
{
	uint32_t u = nn_f32_bits(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
	if (a > 0x7f800000)
		return (uint16_t)(sign | 0x7e00);
	if (a >= 0x477ff000) /* rounds to 65536 or more */
		return (uint16_t)(sign | 0x7c00);
	if (a < 0x38800000) /* subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits */
		return (uint16_t)(sign | (nn_f32_bits(nn_bits_f32(a) + 0.5f) - 0x3f000000));
	return (uint16_t)(sign | ((a - 0x38000000 + 0xfff + (a >> 13 & 1)) >> 13));
}

#endif
