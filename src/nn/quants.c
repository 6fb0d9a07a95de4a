/* See quants.h. Each widening reproduces ggml's reference arithmetic in f32: the
 * scale (f16) times a small integer is exact; Q4_1's added minimum and Q6_K's
 * two-step product round once, as the reference does. */
#include "nn/quants.h"

#include <string.h>

#include "nn/kernels_source.h"

/* IEEE 754 binary16 at p, exactly; the few scales of a block (rows of f16 go through nn_widen_f16). */
static float scale_at(const uint8_t *p)
{
	uint32_t h = p[0] | (uint32_t)p[1] << 8, exp = h >> 10 & 31, man = h & 1023;
	float f = (float)man * 0x1p-24f; /* zero or subnormal */
	if (exp) {
		uint32_t bits = (exp == 31 ? 255 : exp + 112) << 23 | man << 13;
		memcpy(&f, &bits, sizeof f);
	}
	return h & 0x8000 ? -f : f;
}

static void widen_f32(const void *src, int64_t n, float *dst)
{
	memcpy(dst, src, (size_t)n * sizeof *dst);
}

static void widen_f16(const void *src, int64_t n, float *dst)
{
	nn_widen_f16(src, (size_t)n, dst);
}

static void widen_bf16(const void *src, int64_t n, float *dst)
{
	nn_widen_bf16(src, (size_t)n, dst);
}

/* Q8_0: { f16 d; int8 q[32]; } value = d * q */
static void widen_q8_0(const void *src, int64_t n, float *dst)
{
	const uint8_t *p = src;
	for (; n > 0; n -= 32, dst += 32, p += 34) {
		float d = scale_at(p);
		for (int i = 0; i < 32; i++)
			dst[i] = d * (float)(int8_t)p[2 + i];
	}
}

/* Q4_0: { f16 d; uint8 q[16]; } low nibbles are values 0..15, high ones 16..31; value = d * (q - 8) */
static void widen_q4_0(const void *src, int64_t n, float *dst)
{
	const uint8_t *p = src;
	for (; n > 0; n -= 32, dst += 32, p += 18) {
		float d = scale_at(p);
		for (int i = 0; i < 16; i++) {
			dst[i] = d * (float)((p[2 + i] & 15) - 8);
			dst[i + 16] = d * (float)((p[2 + i] >> 4) - 8);
		}
	}
}

/* Q4_1: { f16 d, m; uint8 q[16]; } nibbles as in Q4_0; value = d * q + m */
static void widen_q4_1(const void *src, int64_t n, float *dst)
{
	const uint8_t *p = src;
	for (; n > 0; n -= 32, dst += 32, p += 20) {
		float d = scale_at(p), m = scale_at(p + 2);
		for (int i = 0; i < 16; i++) {
			dst[i] = d * (float)(p[4 + i] & 15) + m;
			dst[i + 16] = d * (float)(p[4 + i] >> 4) + m;
		}
	}
}

/* Q6_K: { uint8 ql[128], qh[64]; int8 scale[16]; f16 d; } 256 values in two halves of 128;
 * value = d * scale[i / 16] * (6 bits of q - 32), low 4 bits in ql, high 2 in qh */
static void widen_q6_k(const void *src, int64_t n, float *dst)
{
	const uint8_t *p = src;
	for (; n > 0; n -= 256, dst += 256, p += 210) {
		float d = scale_at(p + 208);
		for (int half = 0; half < 2; half++) {
			const uint8_t *ql = p + 64 * half, *qh = p + 128 + 32 * half, *sc = p + 192 + 8 * half;
			float *y = dst + 128 * half;
			for (int i = 0; i < 128; i++) {
				int part = i / 32, j = i % 32; /* parts 0, 1: low nibbles; 2, 3: high */
				int low = ql[j + 32 * (part & 1)] >> (part & 2 ? 4 : 0) & 15;
				int q = (low | (qh[j] >> 2 * part & 3) << 4) - 32;
				y[i] = d * (float)(int8_t)sc[i / 16] * (float)q;
			}
		}
	}
}

static const struct nn_quant table[] = {
	[0] = { "F32", NN_F32, 1, 4, widen_f32 },
	[1] = { "F16", NN_F16, 1, 2, widen_f16 },
	[2] = { "Q4_0", NN_Q4_0, 32, 18, widen_q4_0 },
	[3] = { "Q4_1", NN_Q4_1, 32, 20, widen_q4_1 },
	[6] = { .name = "Q5_0" }, [7] = { .name = "Q5_1" },
	[8] = { "Q8_0", NN_Q8_0, 32, 34, widen_q8_0 },
	[9] = { .name = "Q8_1" }, [10] = { .name = "Q2_K" }, [11] = { .name = "Q3_K" }, [12] = { .name = "Q4_K" },
	[13] = { .name = "Q5_K" },
	[14] = { "Q6_K", NN_Q6_K, 256, 210, widen_q6_k },
	[15] = { .name = "Q8_K" }, [16] = { .name = "IQ2_XXS" }, [17] = { .name = "IQ2_XS" }, [18] = { .name = "IQ3_XXS" },
	[19] = { .name = "IQ1_S" }, [20] = { .name = "IQ4_NL" }, [21] = { .name = "IQ3_S" }, [22] = { .name = "IQ2_S" },
	[23] = { .name = "IQ4_XS" }, [24] = { .name = "I8" }, [25] = { .name = "I16" }, [26] = { .name = "I32" },
	[27] = { .name = "I64" }, [28] = { .name = "F64" }, [29] = { .name = "IQ1_M" },
	[30] = { "BF16", NN_BF16, 1, 2, widen_bf16 },
	[34] = { .name = "TQ1_0" }, [35] = { .name = "TQ2_0" }, [39] = { .name = "MXFP4" },
};

#define N_TYPES (sizeof table / sizeof *table)

const struct nn_quant *nn_quant_of_ggml(uint32_t type)
{
	return type < N_TYPES && table[type].name ? &table[type] : NULL;
}

const struct nn_quant *nn_quant_of_dtype(enum nn_dtype t)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (table[i].widen && table[i].dtype == t)
			return &table[i];
	return NULL;
}
