/* AVX2 + FMA + F16C kernels. */
#include "nn/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "nn/half.h"

#define VL 8
#define TARGET "avx2,fma,f16c"
#define FN static __attribute__((target(TARGET)))
#define INL static inline __attribute__((always_inline, target(TARGET)))
#define SCORE_ROWS 4
#define VALUE_ROWS 2

typedef __m256 vf;

INL vf v_load(const float *p) { return _mm256_loadu_ps(p); }
INL void v_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
INL vf v_set(float a) { return _mm256_set1_ps(a); }
INL vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
INL vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
INL vf v_round(vf a) { return _mm256_round_ps(a, 8); }
INL float v_sum(vf a)
{
	__m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
INL float v_hmax(vf a)
{
	__m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
	s = _mm_max_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
INL vf v_pow2(vf n) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23)); }
INL vf v_zero_below(vf e, vf x, float limit) { return _mm256_and_ps(e, _mm256_cmp_ps(x, _mm256_set1_ps(limit), _CMP_NLT_UQ)); }
INL vf v_load_bf16(const uint16_t *p) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), 16)); }
INL vf v_load_f16(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p)); }
INL void v_store_bf16(uint16_t *p, vf a)
{
	__m256i u = _mm256_castps_si256(a), high = _mm256_srli_epi32(u, 16);
	__m256i r = _mm256_srli_epi32(_mm256_add_epi32(u, _mm256_add_epi32(_mm256_and_si256(high, _mm256_set1_epi32(1)), _mm256_set1_epi32(0x7fff))), 16);
	r = _mm256_blendv_epi8(r, _mm256_or_si256(high, _mm256_set1_epi32(0x40)), _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q)));
	_mm_storeu_si128((void *)p, _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1)));
}
INL void v_store_f16(uint16_t *p, vf a) { _mm_storeu_si128((void *)p, _mm256_cvtps_ph(a, 8)); }

#include "nn/kernels_body.h"

enum kind { F32, BF16, F16 };

INL void step(vf acc[6][4], const float *x, const vf w[4], const int R, const int N)
{
	UNROLL for (int r = 0; r < R; r++) {
		vf b = _mm256_broadcast_ss(x + r * 16);
		UNROLL for (int v = 0; v < N; v++)
			acc[r][v] = v_fma(b, w[v], acc[r][v]);
	}
}

/* c[R][N*8] += R rows of x times N*8 rows of a panel, starting at w (bf16: 32-bit words). */
INL void block(const enum kind kind, const void *wv, const float *x, int tile, int chunks, float *c, const int R, const int N)
{
	vf acc[6][4], w[4], odd[4];
	UNROLL for (int r = 0; r < R; r++)
		UNROLL for (int v = 0; v < N; v++)
			acc[r][v] = v_load(c + r * NN_PANEL + v * 8);
	const char *p = wv;
	const __m256 high = _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000));
	for (int k = 0; k < chunks; k++, x += tile * 16)
		for (int j = 0; j < 16; j++) {
			if (R > 1) /* see `ahead` in kernels_avx512.c */
				_mm_prefetch(p + 8192, _MM_HINT_T0);
			if (R > 1 && N == 4 && kind != F16)
				_mm_prefetch(p + 8192 + 64, _MM_HINT_T0);
			UNROLL for (int v = 0; v < N; v++) {
				if (kind == F16)
					w[v] = v_load_f16((const uint16_t *)p + v * 8);
				else
					w[v] = v_load((const float *)p + v * 8);
				if (kind == BF16) {
					odd[v] = _mm256_and_ps(w[v], high);
					w[v] = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(w[v]), 16));
				}
			}
			step(acc, x + j, w, R, N);
			if (kind == BF16)
				step(acc, x + ++j, odd, R, N);
			p += kind == F16 ? NN_PANEL * 2 : NN_PANEL * 4;
		}
	UNROLL for (int r = 0; r < R; r++)
		UNROLL for (int v = 0; v < N; v++)
			v_store(c + r * NN_PANEL + v * 8, acc[r][v]);
}

/* Few rows: the whole panel at once, one pass over the weights. More: half a panel twice, the second from cache. */
INL void panel(const enum kind kind, const void *w, const void *x, int tile, int chunks, float *c, const int R)
{
	if (R <= 2) {
		block(kind, w, x, tile, chunks, c, R, 4);
	} else {
		block(kind, w, x, tile, chunks, c, R, 2);
		block(kind, (const char *)w + (kind == F16 ? 32 : 64), x, tile, chunks, c + 16, R, 2);
	}
}

#define TILE(name, kind) \
	FN void name(const void *w, const void *x, int tile, int rows, int chunks, float *c) \
	{ \
		switch (rows) { \
		case 1: panel(kind, w, x, tile, chunks, c, 1); break; \
		case 2: panel(kind, w, x, tile, chunks, c, 2); break; \
		case 3: panel(kind, w, x, tile, chunks, c, 3); break; \
		case 4: panel(kind, w, x, tile, chunks, c, 4); break; \
		case 5: panel(kind, w, x, tile, chunks, c, 5); break; \
		default: panel(kind, w, x, tile, chunks, c, 6); break; \
		} \
	}
TILE(tile_f32, F32)
TILE(tile_bf16, BF16)
TILE(tile_f16, F16)

const struct nn_kernels *nn_kernels_avx2(void)
{
	static const struct nn_kernels table = {
		.isa = NN_ISA_AVX2, .name = "avx2", .tile_rows = 6, .tile_f32 = tile_f32, .tile_bf16 = tile_bf16, .tile_f16 = tile_f16,
		.pack_f32 = pack_f32, .pack_bf16 = pack_bf16, .layer_norm = layer_norm, .rms_norm = rms_norm, .act = act, .add = add, .mul = mul,
		.rope = rope, .attend = attend, .narrow = narrow,
	};
	return &table;
}

#else
const struct nn_kernels *nn_kernels_avx2(void)
{
	return NULL;
}
#endif
