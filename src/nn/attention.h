/* Causal attention over the paged KV cache for a mixed batch. The context is taken
 * in segments of fixed places, each from scratch, merged in order: whether the
 * segments of a sequence are done by one worker or by many gives the same bits.
 * They are shared out when a step has fewer work items than workers need. */
#ifndef ASSAY_NN_ATTENTION_H
#define ASSAY_NN_ATTENTION_H

#include "nn/kernels.h"
#include "nn/threads.h"

/* A work item: queries first .. first + count of one span; query i of a kv head is row i / group, head i % group of its group. */
struct nn_attention_item {
	int span, kv_head, first, count;
	int segment;               /* -1: all of the context; else only this segment, left in parts[part] */
	int part;
};

struct nn_attention {
	const struct nn_kernels *kn;
	const struct nn_shape *shape;
	const struct nn_kv_pool *kv;
	const struct nn_span *spans;
	int n_spans, layer;
	const float *qkv;          /* [rows][(heads + 2 kv_heads) * head_dim], q and k rotated */
	float *out;                /* [rows][heads * head_dim] */
	struct nn_attention_item *items; /* room for nn_attention_items() */
	int n_items;
	float *parts;              /* room for nn_attention_parts() partial results of one head group */
	bool split;
	float *const *scratch;     /* for each worker, nn_attention_scratch() floats */
	int next;                  /* taken by the workers in turn */
};

/* Items that any batch within these limits can need; partial results; floats of one partial result. */
int nn_attention_items(const struct nn_shape *s, int max_rows, int max_seqs, int max_context, int workers);
int nn_attention_parts(const struct nn_shape *s, int max_context, int workers);
size_t nn_attention_part_floats(const struct nn_shape *s);
/* Floats of scratch for each worker. */
size_t nn_attention_scratch(const struct nn_shape *s, int block_size);

/* Fills items for the spans; once a step. max_parts: what parts has room for. */
void nn_attention_plan(struct nn_attention *a, int workers, int max_parts);
/* One layer. Which worker does an item does not change any result. */
void nn_attention_run(struct nn_attention *a, struct nn_threads *t);

/* Writes k[kv_heads*head_dim] and v of one position into the pool; half: scratch of head_dim floats. */
void nn_kv_write(const struct nn_kernels *kn, const struct nn_kv_pool *kv, int layer, const int *block_table, int pos, const float *k, const float *v, void *half);

#endif
