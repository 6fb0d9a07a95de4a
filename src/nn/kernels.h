/* The innermost loops, one table of function pointers for each instruction set.
 * Everything above works through this table; only kernels_*.c use intrinsics.
 *
 * WEIGHTS are packed in panels of NN_PANEL output rows, whole k inside:
 *   f32   [k][32] floats
 *   bf16  [k/2][32][2]: a 32-bit word is two neighbours along k
 *   f16   [k][32] halves
 * ACTIVATIONS are packed in lines of 64 bytes, 16 f32 or 32 bf16 along k:
 *   [tile][k chunk][row in tile][64 bytes], see struct nn_rows.
 * k is padded with zeros to whole lines on both sides.
 *
 * Each output element is one chain of multiply-adds in the order of k, whatever
 * the number of rows: a row gives the same bits alone and in any batch. */
#ifndef ASSAY_NN_KERNELS_H
#define ASSAY_NN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/forward.h"
#include "nn/kv_cache.h"

enum { NN_PANEL = 32, NN_MAX_TILE = 12, NN_LINE = 64, NN_QUERIES = 32, NN_CHUNK = 256 };

/* Packed activations of one matrix product. */
struct nn_rows {
	void *data;            /* 64-byte aligned */
	int rows, k;           /* k unpadded */
	int tile;              /* rows in a tile (the last one may be short) */
	int chunks;            /* lines along k */
	bool bf16;
};

/* The line that holds (row, k chunk). */
static inline void *nn_rows_line(const struct nn_rows *x, int row, int chunk)
{
	size_t line = ((size_t)(row / x->tile) * x->chunks + chunk) * x->tile + row % x->tile;
	return (char *)x->data + line * NN_LINE;
}

/* c[rows][NN_PANEL] += rows of x times one panel. w: the panel; x: first line of the tile; tile: lines from one
 * k chunk to the next; rows <= tile. */
typedef void (*nn_tile_fn)(const void *w, const void *x, int tile, int rows, int chunks, float *c);

/* Attention of some queries of one sequence that share a kv head over positions from .. to - 1. A "query" is one
 * (row, head) pair; query i sees positions below visible[i]. The result is not normalised: out[i] = sum of
 * e^(score - max[i]) * v, sum[i] = sum of e^(score - max[i]); max[i] is -INFINITY where nothing is seen. */
struct nn_attend {
	const struct nn_kv_pool *kv;
	int layer, kv_head;
	const int *block_table;
	int from, to;               /* from: a multiple of the block size and of NN_CHUNK; from < visible[n-1] */
	int n;                      /* queries, <= NN_QUERIES */
	float scale;
	const float *q;             /* [n][head_dim] */
	const int *visible;         /* [n], >= 1, not falling */
	float *out;                 /* [n][head_dim] */
	float *max, *sum;           /* [n] */
	float *scores;              /* scratch [NN_QUERIES][NN_CHUNK + kv block_size] */
};

struct nn_kernels {
	enum nn_isa isa;
	const char *name;
	int tile_rows;              /* most rows of a tile, <= NN_MAX_TILE */
	bool bf16_dot;              /* bf16 weights meet activations rounded to bf16 (vdpbf16ps); else f32 activations */
	nn_tile_fn tile_f32, tile_bf16, tile_f16;
	/* Lines of activations: n values from src to consecutive chunks, stride_bytes apart, the last one zero-padded. */
	void (*pack_f32)(const float *src, int n, void *dst, size_t stride_bytes);
	void (*pack_bf16)(const float *src, int n, void *dst, size_t stride_bytes);
	/* dst = (src - mean) / sqrt(var + eps) * w + b ; dst = src / sqrt(mean square + eps) * w. dst may be src. */
	void (*layer_norm)(float *dst, const float *src, const float *w, const float *b, int n, float eps);
	void (*rms_norm)(float *dst, const float *src, const float *w, int n, float eps);
	void (*act)(enum nn_act a, float *x, int n);
	void (*add)(float *dst, const float *src, int n);                     /* dst += src */
	void (*mul)(float *dst, const float *src, int n);                     /* dst *= src */
	/* Rotates pairs (i, i + n/2) of x[n] by the angle whose cosine and sine are cs[i], sn[i]. */
	void (*rope)(float *x, const float *cs, const float *sn, int n);
	void (*attend)(const struct nn_attend *a);
	void (*narrow)(enum nn_dtype t, const float *src, void *dst, int n);  /* f32 to f32, bf16 or f16, nearest even */
};

/* The table for an instruction set, or NULL when this build or CPU cannot run it. AMX falls to AVX-512. */
const struct nn_kernels *nn_kernels_for(enum nn_isa isa);

/* One for each file; NULL when the build's target has no such instructions. */
const struct nn_kernels *nn_kernels_scalar(void);
const struct nn_kernels *nn_kernels_avx2(void);
const struct nn_kernels *nn_kernels_avx512(bool bf16);

#endif
