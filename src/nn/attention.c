/* See attention.h. Must not know of weights. */
#include "nn/attention.h"

#include <math.h>
#include <string.h>

int nn_attention_items(const struct nn_shape *s, int max_rows, int max_seqs)
{
	int group = s->heads / s->kv_heads;
	long long per_head = ((long long)max_rows * group + NN_QUERIES - 1) / NN_QUERIES + max_seqs;
	return (int)(per_head * s->kv_heads);
}

static int scores_floats(int block_size)
{
	return NN_QUERIES * (NN_CHUNK + block_size);
}

size_t nn_attention_scratch(const struct nn_shape *s, int block_size)
{
	return (size_t)scores_floats(block_size) + 2 * (size_t)NN_QUERIES * s->head_dim;
}

void nn_attention_plan(struct nn_attention *a)
{
	int group = a->shape->heads / a->shape->kv_heads;
	a->n_items = 0;
	for (int s = 0; s < a->n_spans; s++) {
		int queries = a->spans[s].count * group;
		for (int first = 0; first < queries; first += NN_QUERIES)
			for (int h = 0; h < a->shape->kv_heads; h++)
				a->items[a->n_items++] = (struct nn_attention_item){
					.span = s, .kv_head = h, .first = first, .count = queries - first < NN_QUERIES ? queries - first : NN_QUERIES,
				};
	}
}

static void one_item(const struct nn_attention *a, const struct nn_attention_item *it, float *scratch)
{
	const struct nn_shape *s = a->shape;
	const struct nn_span *span = &a->spans[it->span];
	const int hd = s->head_dim, group = s->heads / s->kv_heads, width = (s->heads + 2 * s->kv_heads) * hd;
	int visible[NN_QUERIES];
	float *scores = scratch, *q = scratch + scores_floats(a->kv->block_size), *out = q + NN_QUERIES * hd;
	for (int i = 0; i < it->count; i++) {
		int row = (it->first + i) / group, head = it->kv_head * group + (it->first + i) % group;
		memcpy(q + i * hd, a->qkv + (size_t)(span->first + row) * width + head * hd, (size_t)hd * sizeof *q);
		visible[i] = span->past + row + 1;
	}
	a->kn->attend(&(struct nn_attend){
		.kv = a->kv, .layer = a->layer, .kv_head = it->kv_head, .block_table = span->block_table, .n = it->count,
		.scale = 1 / sqrtf((float)hd), .q = q, .visible = visible, .out = out, .scores = scores,
	});
	for (int i = 0; i < it->count; i++) {
		int row = (it->first + i) / group, head = it->kv_head * group + (it->first + i) % group;
		memcpy(a->out + ((size_t)(span->first + row) * s->heads + head) * hd, out + i * hd, (size_t)hd * sizeof *out);
	}
}

static void run(void *arg, int worker, int workers)
{
	struct nn_attention *a = arg;
	(void)workers;
	int i;
	while ((i = __atomic_fetch_add(&a->next, 1, __ATOMIC_RELAXED)) < a->n_items)
		one_item(a, &a->items[i], a->scratch[worker]);
}

void nn_attention_run(struct nn_attention *a, struct nn_threads *t)
{
	a->next = 0;
	nn_threads_run(t, run, a);
}

void nn_kv_write(const struct nn_kernels *kn, const struct nn_kv_pool *kv, int layer, const int *block_table, int pos, const float *k, const float *v, void *half)
{
	const int hd = kv->head_dim, bs = kv->block_size, at = pos % bs;
	const size_t elem = kv->dtype == NN_F32 ? 4 : 2;
	for (int h = 0; h < kv->kv_heads; h++) {
		size_t first = nn_kv_index(kv, layer, block_table[pos / bs], h);
		kn->narrow(kv->dtype, v + (size_t)h * hd, (char *)kv->v + (first + (size_t)at * hd) * elem, hd);
		kn->narrow(kv->dtype, k + (size_t)h * hd, half, hd);
		if (elem == 4)
			for (int d = 0; d < hd; d++)
				((float *)kv->k)[first + (size_t)d * bs + at] = ((float *)half)[d];
		else
			for (int d = 0; d < hd; d++)
				((uint16_t *)kv->k)[first + (size_t)d * bs + at] = ((uint16_t *)half)[d];
	}
}
