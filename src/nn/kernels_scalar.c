/* The portable kernels: plain C, no intrinsics; the reference for the others and
 * the only ones on a CPU that is not x86-64. */
#include "nn/kernels.h"

#include <math.h>
#include <string.h>

#include "nn/half.h"

#define VL 1
#define FN static
#define INL static inline __attribute__((always_inline))
#define SCORE_ROWS 8
#define VALUE_ROWS 4

typedef float vf;

INL vf v_load(const float *p) { return *p; }
INL void v_store(float *p, vf a) { *p = a; }
INL vf v_set(float a) { return a; }
INL vf v_fma(vf a, vf b, vf c) { return a * b + c; }
INL vf v_max(vf a, vf b) { return a > b ? a : b; }
INL float v_sum(vf a) { return a; }
INL float v_hmax(vf a) { return a; }
INL vf v_round(vf a) { return nearbyintf(a); }
INL vf v_pow2(vf n) { return nn_bits_f32((uint32_t)((int)n + 127) << 23); }
INL vf v_zero_below(vf e, vf x, float limit) { return x < limit ? 0 : e; }
INL vf v_load_bf16(const uint16_t *p) { return nn_bf16_f32(*p); }
INL vf v_load_f16(const uint16_t *p) { return nn_f16_f32(*p); }
INL void v_store_bf16(uint16_t *p, vf a) { *p = nn_f32_bf16(a); }
INL void v_store_f16(uint16_t *p, vf a) { *p = nn_f32_f16(a); }

#include "nn/kernels_body.h"

static void add_scaled(float *c, float x, const float *w)
{
	for (int i = 0; i < NN_PANEL; i++)
		c[i] += x * w[i];
}

static void tile_f32(const void *w, const void *x, int tile, int rows, int chunks, float *c)
{
	for (int r = 0; r < rows; r++)
		for (int k = 0; k < chunks * 16; k++)
			add_scaled(c + r * NN_PANEL, ((const float *)x)[((size_t)(k / 16) * tile + r) * 16 + k % 16], (const float *)w + (size_t)k * NN_PANEL);
}

static void tile_bf16(const void *w, const void *x, int tile, int rows, int chunks, float *c)
{
	const uint16_t *words = w;
	for (int k = 0; k < chunks * 16; k++) {
		float wide[NN_PANEL];
		for (int i = 0; i < NN_PANEL; i++)
			wide[i] = nn_bf16_f32(words[((size_t)(k / 2) * NN_PANEL + i) * 2 + k % 2]);
		for (int r = 0; r < rows; r++)
			add_scaled(c + r * NN_PANEL, ((const float *)x)[((size_t)(k / 16) * tile + r) * 16 + k % 16], wide);
	}
}

static void tile_f16(const void *w, const void *x, int tile, int rows, int chunks, float *c)
{
	const uint16_t *half = w;
	for (int k = 0; k < chunks * 16; k++) {
		float wide[NN_PANEL];
		for (int i = 0; i < NN_PANEL; i++)
			wide[i] = nn_f16_f32(half[(size_t)k * NN_PANEL + i]);
		for (int r = 0; r < rows; r++)
			add_scaled(c + r * NN_PANEL, ((const float *)x)[((size_t)(k / 16) * tile + r) * 16 + k % 16], wide);
	}
}

const struct nn_kernels *nn_kernels_scalar(void)
{
	static const struct nn_kernels table = {
		.isa = NN_ISA_SCALAR, .name = "scalar", .tile_rows = 8, .tile_f32 = tile_f32, .tile_bf16 = tile_bf16, .tile_f16 = tile_f16,
		.pack_f32 = pack_f32, .pack_bf16 = pack_bf16, .layer_norm = layer_norm, .rms_norm = rms_norm, .act = act, .add = add, .mul = mul,
		.rope = rope, .attend = attend, .narrow = narrow,
	};
	return &table;
}
