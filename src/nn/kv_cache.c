/* See kv_cache.h. Must not know of models, sequences or scheduling. */
#include "nn/kv_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"

enum { HUGE_PAGE = 2 << 20 };

/* Bytes of K (or of V); false when the product does not fit. */
static bool half_bytes(const struct nn_kv_pool *p, size_t *out)
{
	size_t n = p->dtype == NN_F32 ? 4 : 2;
	if (!size_mul(n, (size_t)p->layers, &n) || !size_mul(n, (size_t)p->n_blocks, &n) || !size_mul(n, (size_t)p->kv_heads, &n) ||
	    !size_mul(n, (size_t)p->block_size, &n) || !size_mul(n, (size_t)p->head_dim, &n))
		return false;
	*out = n;
	return n <= SIZE_MAX / 4;
}

static size_t mapped(size_t half)
{
	return 2 * ((half + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
}

struct stretch {
	volatile char *from, *to;
};

static void *touch(void *arg)
{
	struct stretch *s = arg;
	for (volatile char *p = s->from; p < s->to; p += 4096)
		*p = 0;
	return NULL;
}

/* Now, not inside a timed step; the system clears pages faster for several threads. */
static void fault_in(char *map, size_t bytes)
{
	enum { MOST = 8, WORTH = 64 << 20 /* bytes for each thread */ };
	struct stretch s[MOST];
	pthread_t thread[MOST];
	int n = assay_cpu_count(), started = 1;
	n = n > MOST ? MOST : n;
	n = (size_t)n * WORTH > bytes ? 1 : n;
	for (int i = 0; i < n; i++)
		s[i] = (struct stretch){ map + bytes / HUGE_PAGE * (size_t)i / (size_t)n * HUGE_PAGE, map + bytes / HUGE_PAGE * (size_t)(i + 1) / (size_t)n * HUGE_PAGE };
	while (started < n && !pthread_create(&thread[started], NULL, touch, &s[started]))
		started++;
	touch(&s[0]);
	for (int i = started; i < n; i++) /* those that got no thread */
		touch(&s[i]);
	for (int i = 1; i < started; i++)
		pthread_join(thread[i], NULL);
}

int nn_kv_pool_open(struct nn_kv_pool *p, const struct nn_shape *s, enum nn_dtype dtype, int n_blocks, int block_size, struct assay_err *e)
{
	size_t bytes;
	*p = (struct nn_kv_pool){ .dtype = dtype, .n_blocks = n_blocks, .block_size = block_size, .layers = s->layers, .kv_heads = s->kv_heads, .head_dim = s->head_dim };
	if (dtype != NN_F32 && dtype != NN_BF16 && dtype != NN_F16)
		return assay_fail(e, ASSAY_E_USAGE, "KV cache: dtype must be f32, bf16 or f16");
	if (n_blocks < 1 || block_size < 1 || block_size > 1024)
		return assay_fail(e, ASSAY_E_USAGE, "KV cache: %d blocks of %d positions: need at least 1 block of 1..1024 positions", n_blocks, block_size);
	if (!half_bytes(p, &bytes))
		return assay_fail(e, ASSAY_E_MODEL, "KV cache: %d blocks of %d positions overflow the address space: use a smaller --kv-memory", n_blocks, block_size);
	size_t map = mapped(bytes);
	p->k = mmap(NULL, map, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->k == MAP_FAILED) {
		p->k = NULL;
		return assay_fail(e, ASSAY_E_MODEL, "KV cache: needs %zu MiB, the system refuses them: use a smaller --kv-memory", map >> 20);
	}
	p->v = (char *)p->k + map / 2;
	p->bytes = 2 * (uint64_t)bytes;
	madvise(p->k, map, MADV_HUGEPAGE);
	fault_in(p->k, map);
	return 0;
}

void nn_kv_pool_release(struct nn_kv_pool *p)
{
	if (p->k)
		munmap(p->k, mapped(p->bytes / 2));
	*p = (struct nn_kv_pool){ 0 };
}

void nn_kv_blocks_init(struct nn_kv_blocks *b, int n_blocks, uint64_t scatter_seed)
{
	*b = (struct nn_kv_blocks){ .n_free = n_blocks, .n_blocks = n_blocks };
	b->free_stack = xalloc((size_t)n_blocks * sizeof *b->free_stack);
	for (int i = 0; i < n_blocks; i++)
		b->free_stack[i] = n_blocks - 1 - i;
	for (int i = n_blocks - 1; scatter_seed && i > 0; i--) { /* Fisher-Yates */
		int j = (int)assay_rng_below(scatter_seed, (uint64_t)i, (uint64_t)i + 1);
		int was = b->free_stack[i];
		b->free_stack[i] = b->free_stack[j];
		b->free_stack[j] = was;
	}
}

void nn_kv_blocks_release(struct nn_kv_blocks *b)
{
	free(b->free_stack);
	*b = (struct nn_kv_blocks){ 0 };
}

int nn_kv_blocks_take(struct nn_kv_blocks *b)
{
	return b->n_free ? b->free_stack[--b->n_free] : -1;
}

void nn_kv_blocks_give(struct nn_kv_blocks *b, int block)
{
	b->free_stack[b->n_free++] = block;
}
