/* The paged KV cache. kv_pool is the memory (shared by all layers, read and written by
 * forward.c); kv_blocks hands out block numbers (used by scheduler.c). A sequence's
 * block table lists, for each block_size positions, the block that holds them. */
#ifndef ASSAY_NN_KV_CACHE_H
#define ASSAY_NN_KV_CACHE_H

#include "base/err.h"
#include "nn/shape.h"

struct nn_kv_pool {
	enum nn_dtype dtype;       /* NN_F32, NN_BF16 or NN_F16 */
	int n_blocks, block_size, layers, kv_heads, head_dim;
	uint64_t bytes;            /* whole pool, K and V */
	/* k: [layer][block][kv_head][head_dim][pos in block], so that one vector holds one dimension of many positions;
	 * v: [layer][block][kv_head][pos in block][head_dim]. Elements of dtype; huge pages advised, faulted in at open. */
	void *k, *v;
};

int nn_kv_pool_open(struct nn_kv_pool *p, const struct nn_shape *s, enum nn_dtype dtype, int n_blocks, int block_size, struct assay_err *e);
void nn_kv_pool_release(struct nn_kv_pool *p);

/* Element index of (layer, block, kv_head, first) in k or v. */
static inline size_t nn_kv_index(const struct nn_kv_pool *p, int layer, int block, int head)
{
	return ((((size_t)layer * p->n_blocks + block) * p->kv_heads + head) * p->block_size) * p->head_dim;
}

/* Free list of block numbers: a stack; no allocation after open. `scatter` hands blocks out in a
 * seeded random order (tests: results must not depend on which block holds what). */
struct nn_kv_blocks {
	int *free_stack, n_free, n_blocks;
};

void nn_kv_blocks_init(struct nn_kv_blocks *b, int n_blocks, uint64_t scatter_seed);
void nn_kv_blocks_release(struct nn_kv_blocks *b);
int nn_kv_blocks_take(struct nn_kv_blocks *b);             /* block number, or -1 */
void nn_kv_blocks_give(struct nn_kv_blocks *b, int block);

#endif
