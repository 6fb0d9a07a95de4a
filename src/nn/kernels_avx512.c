/* AVX-512 kernels (F, BW, DQ, VL), with vdpbf16ps where the CPU has AVX512_BF16. */
#include "nn/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "nn/half.h"

#define VL 16
#define TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
#define FN static __attribute__((target(TARGET)))
#define INL static inline __attribute__((always_inline, target(TARGET)))
#define SCORE_ROWS 8
#define VALUE_ROWS 4

typedef __m512 vf;

INL vf v_load(const float *p) { return _mm512_loadu_ps(p); }
INL void v_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
INL vf v_set(float a) { return _mm512_set1_ps(a); }
INL vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
INL vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
INL float v_sum(vf a) { return _mm512_reduce_add_ps(a); }
INL float v_hmax(vf a) { return _mm512_reduce_max_ps(a); }
INL vf v_round(vf a) { return _mm512_roundscale_ps(a, 8); }
INL vf v_pow2(vf n) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23)); }
INL vf v_zero_below(vf e, vf x, float limit) { return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(limit), _CMP_NLT_UQ), e); }
INL vf v_load_bf16(const uint16_t *p) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p)), 16)); }
INL vf v_load_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p)); }
INL void v_store_bf16(uint16_t *p, vf a)
{
	__m512i u = _mm512_castps_si512(a);
	__m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
	__m512i r = _mm512_srli_epi32(_mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
	__mmask16 nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
	r = _mm512_mask_mov_epi32(r, nan, _mm512_or_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(0x40)));
	_mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16(r));
}
INL void v_store_f16(uint16_t *p, vf a) { _mm256_storeu_si256((void *)p, _mm512_cvtps_ph(a, 8)); }

#include "nn/kernels_body.h"

/* c[R][32] += R rows of x times a panel; two zmm across the panel, R chains each. */
INL void load_c(__m512 acc[12][2], const float *c, const int R)
{
	UNROLL for (int r = 0; r < R; r++) {
		acc[r][0] = _mm512_loadu_ps(c + r * NN_PANEL);
		acc[r][1] = _mm512_loadu_ps(c + r * NN_PANEL + 16);
	}
}

INL void store_c(__m512 acc[12][2], float *c, const int R)
{
	UNROLL for (int r = 0; r < R; r++) {
		_mm512_storeu_ps(c + r * NN_PANEL, acc[r][0]);
		_mm512_storeu_ps(c + r * NN_PANEL + 16, acc[r][1]);
	}
}

INL void step(__m512 acc[12][2], const float *x, __m512 w0, __m512 w1, const int R)
{
	UNROLL for (int r = 0; r < R; r++) {
		__m512 b = _mm512_set1_ps(x[r * 16]);
		acc[r][0] = _mm512_fmadd_ps(b, w0, acc[r][0]);
		acc[r][1] = _mm512_fmadd_ps(b, w1, acc[r][1]);
	}
}

/* Asks for the weights of a few steps later. One row streams best without; with more rows the multiplies hide
 * too little of the memory's delay. */
INL void ahead(const void *w, const int lines, const int R)
{
	if (R > 1)
		UNROLL for (int i = 0; i < lines; i++)
			_mm_prefetch((const char *)w + 8192 + i * 64, _MM_HINT_T0);
}

INL void rows_f32(const void *wv, const void *xv, int tile, int chunks, float *c, const int R)
{
	const float *w = wv, *x = xv;
	__m512 acc[12][2];
	load_c(acc, c, R);
	for (int k = 0; k < chunks; k++, x += tile * 16)
		for (int j = 0; j < 16; j++, w += NN_PANEL) {
			ahead(w, 2, R);
			step(acc, x + j, _mm512_load_ps(w), _mm512_load_ps(w + 16), R);
		}
	store_c(acc, c, R);
}

INL void rows_f16(const void *wv, const void *xv, int tile, int chunks, float *c, const int R)
{
	const uint16_t *w = wv;
	const float *x = xv;
	__m512 acc[12][2];
	load_c(acc, c, R);
	for (int k = 0; k < chunks; k++, x += tile * 16)
		for (int j = 0; j < 16; j++, w += NN_PANEL) {
			ahead(w, 1, R);
			step(acc, x + j, v_load_f16(w), v_load_f16(w + 16), R);
		}
	store_c(acc, c, R);
}

INL void rows_bf16(const void *wv, const void *xv, int tile, int chunks, float *c, const int R)
{
	const uint32_t *w = wv;
	const float *x = xv;
	const __m512i high = _mm512_set1_epi32((int)0xffff0000);
	__m512 acc[12][2];
	load_c(acc, c, R);
	for (int k = 0; k < chunks; k++, x += tile * 16)
		for (int j = 0; j < 16; j += 2, w += NN_PANEL) {
			__m512i u0 = _mm512_load_si512(w), u1 = _mm512_load_si512(w + 16);
			ahead(w, 2, R);
			step(acc, x + j, _mm512_castsi512_ps(_mm512_slli_epi32(u0, 16)), _mm512_castsi512_ps(_mm512_slli_epi32(u1, 16)), R);
			step(acc, x + j + 1, _mm512_castsi512_ps(_mm512_and_si512(u0, high)), _mm512_castsi512_ps(_mm512_and_si512(u1, high)), R);
		}
	store_c(acc, c, R);
}

/* The instruction by name: gcc 12 copies accumulators around the intrinsic. */
INL void rows_dot(const void *wv, const void *xv, int tile, int chunks, float *c, const int R)
{
	const uint32_t *w = wv, *x = xv;
	__m512 acc[12][2];
	load_c(acc, c, R);
	for (int k = 0; k < chunks; k++, x += tile * 16)
		for (int j = 0; j < 16; j++, w += NN_PANEL) {
			__m512i u0 = _mm512_load_si512(w), u1 = _mm512_load_si512(w + 16);
			ahead(w, 2, R);
			UNROLL for (int r = 0; r < R; r++) {
				__m512i b = _mm512_set1_epi32((int)x[r * 16 + j]);
				__asm__("vdpbf16ps %2, %1, %0" : "+v"(acc[r][0]) : "v"(u0), "v"(b));
				__asm__("vdpbf16ps %2, %1, %0" : "+v"(acc[r][1]) : "v"(u1), "v"(b));
			}
		}
	store_c(acc, c, R);
}

#define TILE(kind) \
	FN void tile_##kind(const void *w, const void *x, int tile, int rows, int chunks, float *c) \
	{ \
		switch (rows) { \
		case 1: rows_##kind(w, x, tile, chunks, c, 1); break; \
		case 2: rows_##kind(w, x, tile, chunks, c, 2); break; \
		case 3: rows_##kind(w, x, tile, chunks, c, 3); break; \
		case 4: rows_##kind(w, x, tile, chunks, c, 4); break; \
		case 5: rows_##kind(w, x, tile, chunks, c, 5); break; \
		case 6: rows_##kind(w, x, tile, chunks, c, 6); break; \
		case 7: rows_##kind(w, x, tile, chunks, c, 7); break; \
		case 8: rows_##kind(w, x, tile, chunks, c, 8); break; \
		case 9: rows_##kind(w, x, tile, chunks, c, 9); break; \
		case 10: rows_##kind(w, x, tile, chunks, c, 10); break; \
		case 11: rows_##kind(w, x, tile, chunks, c, 11); break; \
		default: rows_##kind(w, x, tile, chunks, c, 12); break; \
		} \
	}
TILE(f32)
TILE(f16)
TILE(bf16)
TILE(dot)

#define COMMON \
	.isa = NN_ISA_AVX512, .tile_rows = 12, .tile_f32 = tile_f32, .tile_f16 = tile_f16, .pack_f32 = pack_f32, .pack_bf16 = pack_bf16, \
	.layer_norm = layer_norm, .rms_norm = rms_norm, .act = act, .add = add, .mul = mul, .rope = rope, .attend = attend, .narrow = narrow

const struct nn_kernels *nn_kernels_avx512(bool bf16)
{
	static const struct nn_kernels dot = { COMMON, .name = "avx512 + vdpbf16ps", .bf16_dot = true, .tile_bf16 = tile_dot };
	static const struct nn_kernels shift = { COMMON, .name = "avx512", .tile_bf16 = tile_bf16 };
	return bf16 ? &dot : &shift;
}

#else
const struct nn_kernels *nn_kernels_avx512(bool bf16)
{
	return bf16 ? NULL : NULL;
}
#endif
