/* Attention of whole batches: long contexts in segments, shared out or not, against
 * plain double arithmetic; the sharing must not change a bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "nn/attention.h"

enum { CONTEXT = 2600, MAX_ROWS = 48 };

static float noise(uint64_t key, uint64_t i)
{
	return (float)(assay_rng_unit(key, i) * 4 - 2);
}

struct rig {
	struct nn_shape shape;
	struct nn_kv_pool kv;
	struct nn_threads *crew;
	struct nn_attention a;
	int table[CONTEXT], workers, parts;
	float *scratch[8], *qkv, *out;
};

/* Position p of head h holds noise(1, (p * kv_heads + h) * head_dim + d) as k, noise(2, ..) as v. */
static void rig_open(struct rig *r, int heads, int kv_heads, int hd, int block, int workers, enum nn_isa isa)
{
	struct assay_err e = ASSAY_ERR_INIT;
	int blocks = (CONTEXT + block - 1) / block, width = kv_heads * hd;
	float *k = xalloc((size_t)width * sizeof *k), *v = xalloc((size_t)width * sizeof *v), half[256];
	*r = (struct rig){ .shape = { .layers = 1, .heads = heads, .kv_heads = kv_heads, .head_dim = hd }, .workers = workers };
	assert_int_equal(nn_threads_open(workers, &r->crew, &e), 0);
	assert_int_equal(nn_kv_pool_open(&r->kv, &r->shape, NN_F32, blocks, block, &e), 0);
	for (int i = 0; i < blocks; i++)
		r->table[i] = blocks - 1 - i;
	for (int p = 0; p < CONTEXT; p++) {
		for (int i = 0; i < width; i++) {
			k[i] = noise(1, (uint64_t)(p * width + i));
			v[i] = noise(2, (uint64_t)(p * width + i));
		}
		nn_kv_write(nn_kernels_for(isa), &r->kv, 0, r->table, p, k, v, half);
	}
	r->parts = nn_attention_parts(&r->shape, CONTEXT, workers);
	r->qkv = xalloc((size_t)MAX_ROWS * (size_t)(heads + 2 * kv_heads) * (size_t)hd * sizeof(float));
	r->out = xalloc((size_t)MAX_ROWS * (size_t)(heads * hd) * sizeof(float));
	for (int i = 0; i < workers; i++)
		r->scratch[i] = xalloc(nn_attention_scratch(&r->shape, block) * sizeof(float));
	r->a = (struct nn_attention){ .kn = nn_kernels_for(isa), .shape = &r->shape, .kv = &r->kv, .qkv = r->qkv, .out = r->out, .scratch = r->scratch,
		.items = xalloc((size_t)nn_attention_items(&r->shape, MAX_ROWS, 8, CONTEXT, workers) * sizeof *r->a.items),
		.parts = xalloc((size_t)r->parts * nn_attention_part_floats(&r->shape) * sizeof(float)) };
	free(k);
	free(v);
}

static void rig_close(struct rig *r)
{
	for (int i = 0; i < r->workers; i++)
		free(r->scratch[i]);
	free(r->a.items);
	free(r->a.parts);
	free(r->qkv);
	free(r->out);
	nn_threads_close(r->crew);
	nn_kv_pool_release(&r->kv);
}

/* Rows at positions past .. past + count of one sequence; the query of a position is the same in every batch. */
static void attend(struct rig *r, int past, int count)
{
	struct nn_span span = { 0, count, past, r->table, 0 };
	int q = r->shape.heads * r->shape.head_dim, width = q + 2 * r->shape.kv_heads * r->shape.head_dim;
	for (int row = 0; row < count; row++)
		for (int i = 0; i < q; i++)
			r->qkv[row * width + i] = noise(3, (uint64_t)((past + row) * q + i));
	r->a.spans = &span;
	r->a.n_spans = 1;
	nn_attention_plan(&r->a, r->workers, r->parts);
	nn_attention_run(&r->a, r->crew);
}

static void exact(const struct rig *r, int pos, int head, double *out)
{
	const struct nn_shape *s = &r->shape;
	const int hd = s->head_dim, width = s->kv_heads * hd, h = head / (s->heads / s->kv_heads);
	double sum = 0, *p = xalloc((size_t)(pos + 1) * sizeof *p), top = -INFINITY;
	for (int j = 0; j <= pos; j++) {
		for (int d = 0; d < hd; d++)
			p[j] += (double)noise(3, (uint64_t)((pos * s->heads + head) * hd + d)) * noise(1, (uint64_t)(j * width + h * hd + d)) / sqrt(hd);
		top = fmax(top, p[j]);
	}
	for (int j = 0; j <= pos; j++)
		sum += p[j] = exp(p[j] - top);
	for (int d = 0; d < hd; d++) {
		out[d] = 0;
		for (int j = 0; j <= pos; j++)
			out[d] += p[j] / sum * noise(2, (uint64_t)(j * width + h * hd + d));
	}
	free(p);
}

static const struct { int heads, kv_heads, hd, block; } shapes[] = { { 4, 2, 16, 16 }, { 3, 1, 20, 48 }, { 2, 2, 16, 1 }, { 40, 1, 8, 600 } };

static void test_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		for (int workers = 1; workers <= 6; workers += 5) {
			struct rig r;
			rig_open(&r, shapes[i].heads, shapes[i].kv_heads, shapes[i].hd, shapes[i].block, workers, NN_ISA_AUTO);
			static const int at[] = { 0, 700, 1023, 1024, 2599 };
			for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
				double want[32];
				attend(&r, at[k], 1);
				for (int h = 0; h < shapes[i].heads; h++) {
					exact(&r, at[k], h, want);
					for (int d = 0; d < shapes[i].hd; d++)
						if (!(fabs(r.out[h * shapes[i].hd + d] - want[d]) < 3e-5))
							fail_msg("shape %zu workers %d pos %d head %d: %g, not %g", i, workers, at[k], h, r.out[h * shapes[i].hd + d], want[d]);
				}
			}
			rig_close(&r);
		}
}

/* Alone on one worker; alone on eight, where segments are shared out; as the last row of a chunk. */
static void test_same_bits(void **state)
{
	(void)state;
	for (int isa = NN_ISA_SCALAR; isa <= NN_ISA_AVX512; isa++)
		for (size_t i = 0; i < sizeof shapes / sizeof *shapes && nn_isa_available((enum nn_isa)isa); i++) {
			struct rig one, many;
			size_t row = (size_t)(shapes[i].heads * shapes[i].hd);
			rig_open(&one, shapes[i].heads, shapes[i].kv_heads, shapes[i].hd, shapes[i].block, 1, (enum nn_isa)isa);
			rig_open(&many, shapes[i].heads, shapes[i].kv_heads, shapes[i].hd, shapes[i].block, 8, (enum nn_isa)isa);
			static const int at[] = { 40, 1030, 2599 };
			for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
				attend(&one, at[k], 1);
				assert_false(one.a.split);
				attend(&many, at[k], 1);
				assert_int_equal(many.a.split, at[k] > 1025);
				assert_memory_equal(one.out, many.out, row * sizeof(float));
				attend(&many, at[k] - 30, 31);
				assert_memory_equal(one.out, many.out + 30 * row, row * sizeof(float));
			}
			rig_close(&one);
			rig_close(&many);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_same_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
