/* See kernels_source.h. One portable body for each job, compiled for each
 * instruction set; integers and exact float operations only. */
#include "nn/kernels_source.h"

#include "base/cpu.h"
#include "base/rng.h"

#if defined(__x86_64__)
#define FOR_AVX2 __attribute__((target("avx2")))
#define FOR_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define FOR_AVX2
#define FOR_AVX512
#endif
#define BODY static inline __attribute__((always_inline)) void

typedef uint16_t __attribute__((aligned(1), may_alias)) u16_anywhere;

union bits {
	uint32_t u;
	float f;
};

/* The exponent is rebased by one exact multiplication; subnormals by one exact subtraction. */
BODY widen_f16_body(const u16_anywhere *restrict src, size_t n, float *restrict dst)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t w = (uint32_t)src[i] << 16, two_w = w + w;
		union bits normal = { .u = (two_w >> 4) + (UINT32_C(0xe0) << 23) };
		union bits tiny = { .u = (two_w >> 17) | (UINT32_C(126) << 23) }, out;
		normal.f *= 0x1p-112f;
		tiny.f -= 0.5f;
		out.u = (w & UINT32_C(0x80000000)) | (two_w < (UINT32_C(1) << 27) ? tiny.u : normal.u);
		dst[i] = out.f;
	}
}

BODY widen_bf16_body(const u16_anywhere *restrict src, size_t n, float *restrict dst)
{
	for (size_t i = 0; i < n; i++) {
		union bits out = { .u = (uint32_t)src[i] << 16 };
		dst[i] = out.f;
	}
}

/* Two 32-bit words an element: a bijection of the element number ("lowbias32", C. Wellons, 2018), then the
 * same mixing once more under the other half of the key. */
BODY noise_body(uint32_t k0, uint32_t k1, uint32_t first, uint32_t n, float mean, float step, float *restrict dst)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t x = (first + i) ^ k0;
		x = (x ^ (x >> 16)) * UINT32_C(0x7feb352d);
		x = (x ^ (x >> 15)) * UINT32_C(0x846ca68b);
		x ^= x >> 16;
		uint32_t y = x * UINT32_C(0x9e3779b1) + k1;
		y = (y ^ (y >> 15)) * UINT32_C(0x7feb352d);
		y ^= y >> 16;
		int32_t z = (int32_t)((x & 0xffff) + (x >> 16) + (y & 0xffff) + (y >> 16)) - 131070;
		dst[i] = mean + (float)z * step;
	}
}

static void widen_f16_any(const void *s, size_t n, float *d) { widen_f16_body(s, n, d); }
FOR_AVX2 static void widen_f16_avx2(const void *s, size_t n, float *d) { widen_f16_body(s, n, d); }
FOR_AVX512 static void widen_f16_avx512(const void *s, size_t n, float *d) { widen_f16_body(s, n, d); }

static void widen_bf16_any(const void *s, size_t n, float *d) { widen_bf16_body(s, n, d); }
FOR_AVX2 static void widen_bf16_avx2(const void *s, size_t n, float *d) { widen_bf16_body(s, n, d); }

static void noise_any(uint32_t k0, uint32_t k1, uint32_t first, uint32_t n, float mean, float step, float *d)
{
	noise_body(k0, k1, first, n, mean, step, d);
}

FOR_AVX2 static void noise_avx2(uint32_t k0, uint32_t k1, uint32_t first, uint32_t n, float mean, float step, float *d)
{
	noise_body(k0, k1, first, n, mean, step, d);
}

FOR_AVX512 static void noise_avx512(uint32_t k0, uint32_t k1, uint32_t first, uint32_t n, float mean, float step, float *d)
{
	noise_body(k0, k1, first, n, mean, step, d);
}

void nn_widen_f16(const void *src, size_t n, float *dst)
{
	const struct assay_cpu *c = assay_cpu();
	(c->avx512 ? widen_f16_avx512 : c->avx2 ? widen_f16_avx2 : widen_f16_any)(src, n, dst);
}

void nn_widen_bf16(const void *src, size_t n, float *dst)
{
	(assay_cpu()->avx2 ? widen_bf16_avx2 : widen_bf16_any)(src, n, dst);
}

void nn_fill_noise(uint64_t key, uint64_t first, size_t n, float mean, float step, float *dst)
{
	const struct assay_cpu *c = assay_cpu();
	while (n) {
		/* one key for each 2^32 elements; no run crosses that line */
		uint64_t k = assay_rng_key(key, first >> 32), left = (UINT64_C(1) << 32) - (first & UINT32_MAX);
		uint32_t run = (uint32_t)(n < left ? n : left < UINT32_MAX ? left : UINT32_MAX);
		(c->avx512 ? noise_avx512 : c->avx2 ? noise_avx2 : noise_any)((uint32_t)k, (uint32_t)(k >> 32), (uint32_t)first, run, mean, step, dst);
		first += run;
		dst += run;
		n -= run;
	}
}
