/* See attention.h. Must not know of weights. */
#include "nn/attention.h"

#include <math.h>
#include <string.h>

enum { SEGMENT = 1024, MORE = 2 /* items for each worker that keep all busy */ };

/* Positions of a segment: whole blocks and whole chunks of the kernel. */
static int segment_length(int block_size)
{
	int chunk = block_size < NN_CHUNK ? NN_CHUNK / block_size * block_size : block_size;
	return chunk >= SEGMENT ? chunk : SEGMENT / chunk * chunk;
}

/* The shortest segment is above half of SEGMENT. */
static int most_segments(int max_context)
{
	return max_context / (SEGMENT / 2) + 1;
}

int nn_attention_parts(const struct nn_shape *s, int max_context, int workers)
{
	long long parents = (long long)MORE * workers + s->kv_heads;
	return max_context > SEGMENT / 2 ? (int)(parents * most_segments(max_context)) : 0;
}

int nn_attention_items(const struct nn_shape *s, int max_rows, int max_seqs, int max_context, int workers)
{
	int group = s->heads / s->kv_heads;
	long long per_head = ((long long)max_rows * group + NN_QUERIES - 1) / NN_QUERIES + max_seqs;
	return (int)(per_head * s->kv_heads) + nn_attention_parts(s, max_context, workers);
}

static int group_of(const struct nn_shape *s)
{
	return s->heads / s->kv_heads;
}

/* max, sum, out of up to one group of queries (at most NN_QUERIES) */
size_t nn_attention_part_floats(const struct nn_shape *s)
{
	int n = group_of(s) < NN_QUERIES ? group_of(s) : NN_QUERIES;
	return (size_t)n * ((size_t)s->head_dim + 2);
}

static size_t scores_floats(int block_size)
{
	return (size_t)NN_QUERIES * (size_t)(NN_CHUNK + block_size);
}

/* A result of n queries: views of max[n], sum[n], out[n][head_dim]. */
struct partial {
	float *max, *sum, *out;
};

static struct partial partial_at(float *at, int n)
{
	return (struct partial){ at, at + n, at + 2 * n };
}

size_t nn_attention_scratch(const struct nn_shape *s, int block_size)
{
	return scores_floats(block_size) + (size_t)NN_QUERIES * (3 * (size_t)s->head_dim + 4);
}

static int segments(const struct nn_attention *a, int span)
{
	int n = a->spans[span].past + a->spans[span].count, len = segment_length(a->kv->block_size);
	return (n + len - 1) / len;
}

/* Each item of one token is replaced by its segments, while there is room. */
static void split_items(struct nn_attention *a, int max_parts)
{
	int whole = a->n_items, parts = 0;
	for (int i = 0; i < whole; i++) {
		struct nn_attention_item it = a->items[i];
		int n = segments(a, it.span);
		if (n == 1 || a->spans[it.span].count > 1 || n > max_parts - parts)
			continue;
		it.part = parts;
		parts += n;
		a->items[i].segment = 0;
		a->items[i].part = it.part;
		for (it.segment = 1; it.segment < n; it.segment++) {
			it.part++;
			a->items[a->n_items++] = it;
		}
	}
	a->split = parts > 0;
}

void nn_attention_plan(struct nn_attention *a, int workers, int max_parts)
{
	int group = group_of(a->shape);
	a->n_items = 0;
	a->split = false;
	for (int s = 0; s < a->n_spans; s++) {
		int queries = a->spans[s].count * group;
		for (int first = 0; first < queries; first += NN_QUERIES)
			for (int h = 0; h < a->shape->kv_heads; h++)
				a->items[a->n_items++] = (struct nn_attention_item){
					.span = s, .kv_head = h, .first = first, .count = queries - first < NN_QUERIES ? queries - first : NN_QUERIES, .segment = -1,
				};
	}
	if (workers > 1 && a->n_items < MORE * workers)
		split_items(a, max_parts);
}

/* The row of qkv or out, and the head, of query i of an item. */
static void place(const struct nn_attention *a, const struct nn_attention_item *it, int i, int *row, int *head)
{
	int group = group_of(a->shape);
	*row = a->spans[it->span].first + (it->first + i) / group;
	*head = it->kv_head * group + (it->first + i) % group;
}

static void attend_segment(const struct nn_attention *a, const struct nn_attention_item *it, int segment, const float *q, float *scores, struct partial to)
{
	const int len = segment_length(a->kv->block_size), hd = a->shape->head_dim;
	int visible[NN_QUERIES];
	for (int i = 0; i < it->count; i++)
		visible[i] = a->spans[it->span].past + (it->first + i) / group_of(a->shape) + 1;
	a->kn->attend(&(struct nn_attend){
		.kv = a->kv, .layer = a->layer, .kv_head = it->kv_head, .block_table = a->spans[it->span].block_table, .from = segment * len, .to = (segment + 1) * len,
		.n = it->count, .scale = 1 / sqrtf((float)hd), .q = q, .visible = visible, .out = to.out, .max = to.max, .sum = to.sum, .scores = scores,
	});
}

/* all += one, the later segment */
static void merge(struct partial all, struct partial one, int n, int hd)
{
	for (int i = 0; i < n; i++) {
		if (one.max[i] == -INFINITY)
			continue;
		float top = fmaxf(all.max[i], one.max[i]), keep = expf(all.max[i] - top), more = expf(one.max[i] - top);
		all.sum[i] = all.sum[i] * keep + one.sum[i] * more;
		all.max[i] = top;
		for (int d = 0; d < hd; d++)
			all.out[(size_t)i * hd + d] = all.out[(size_t)i * hd + d] * keep + one.out[(size_t)i * hd + d] * more;
	}
}

static void deliver(const struct nn_attention *a, const struct nn_attention_item *it, struct partial p)
{
	const int hd = a->shape->head_dim;
	for (int i = 0; i < it->count; i++) {
		int row, head;
		place(a, it, i, &row, &head);
		float *to = a->out + ((size_t)row * a->shape->heads + head) * hd;
		for (int d = 0; d < hd; d++)
			to[d] = p.out[(size_t)i * hd + d] / p.sum[i];
	}
}

static void one_item(const struct nn_attention *a, const struct nn_attention_item *it, float *scratch)
{
	const struct nn_shape *s = a->shape;
	const int hd = s->head_dim, width = (s->heads + 2 * s->kv_heads) * hd, n = it->count;
	float *scores = scratch, *q = scratch + scores_floats(a->kv->block_size), *first = q + (size_t)NN_QUERIES * hd, *later = first + (size_t)NN_QUERIES * (hd + 2);
	for (int i = 0; i < n; i++) {
		int row, head;
		place(a, it, i, &row, &head);
		memcpy(q + (size_t)i * hd, a->qkv + (size_t)row * width + (size_t)head * hd, (size_t)hd * sizeof *q);
	}
	if (it->segment >= 0) {
		attend_segment(a, it, it->segment, q, scores, partial_at(a->parts + (size_t)it->part * nn_attention_part_floats(s), n));
		return;
	}
	struct partial all = partial_at(first, n), one = partial_at(later, n);
	attend_segment(a, it, 0, q, scores, all);
	for (int k = 1; k < segments(a, it->span); k++) {
		if (a->spans[it->span].past + (it->first + n - 1) / group_of(s) + 1 <= k * segment_length(a->kv->block_size))
			break; /* nothing of this segment is visible to these rows */
		attend_segment(a, it, k, q, scores, one);
		merge(all, one, n, hd);
	}
	deliver(a, it, all);
}

static void run(void *arg, int worker, int workers)
{
	struct nn_attention *a = arg;
	(void)workers;
	int i;
	while ((i = __atomic_fetch_add(&a->next, 1, __ATOMIC_RELAXED)) < a->n_items)
		one_item(a, &a->items[i], a->scratch[worker]);
}

/* Puts the parts of each split item together, in order of segments. */
static void join(void *arg, int worker, int workers)
{
	struct nn_attention *a = arg;
	const size_t size = nn_attention_part_floats(a->shape);
	(void)worker;
	(void)workers;
	int i;
	while ((i = __atomic_fetch_add(&a->next, 1, __ATOMIC_RELAXED)) < a->n_items) {
		const struct nn_attention_item *it = &a->items[i];
		if (it->segment != 0)
			continue;
		float *at = a->parts + (size_t)it->part * size;
		for (int k = 1; k < segments(a, it->span); k++)
			merge(partial_at(at, it->count), partial_at(at + (size_t)k * size, it->count), it->count, a->shape->head_dim);
		deliver(a, it, partial_at(at, it->count));
	}
}

void nn_attention_run(struct nn_attention *a, struct nn_threads *t)
{
	a->next = 0;
	nn_threads_run(t, run, a);
	if (a->split) {
		a->next = 0;
		nn_threads_run(t, join, a);
	}
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
