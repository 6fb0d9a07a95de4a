/* The whole model against golden outputs: every family, weight type, instruction
 * set of this CPU, 1 and 2 threads; and that a sequence gives the same bits alone,
 * in chunks, in a batch and with its KV in scattered blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "golden.h"
#include "nn/forward.h"

enum { ROWS = 160, BLOCK = 16, BLOCKS = 64, VOCAB = 512 };

struct rig {
	struct nn_source *src;
	struct nn_exec *x;
	struct nn_kv_pool kv;
	struct nn_kv_blocks blocks;
	float *logits; /* [ROWS][VOCAB] */
};

struct seq {
	int table[ROWS / BLOCK + 1], past;
};

enum by { OWN, ONEDNN };

static void rig_open(struct rig *r, const char *dir, enum nn_dtype t, enum nn_isa isa, int threads, uint64_t scatter, enum by by)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_load_times times;
	if (nn_source_open(dir, 1, &r->src, &e))
		fail_msg("%s", e.msg);
	struct nn_exec_options o = { .dtype = t, .isa = isa, .threads = threads, .max_rows = ROWS, .max_logit_rows = ROWS, .max_seqs = 8, .max_context = ROWS,
		.own_kernels_only = by == OWN, .prefer_onednn = by == ONEDNN };
	if (nn_exec_open(r->src, &o, &r->x, &times, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(nn_exec_workspace_bytes(r->x), nn_exec_workspace_for(&r->src->shape, &o));
	if (by == ONEDNN && nn_isa_available(NN_ISA_AVX512) && !strstr(nn_exec_kernels(r->x), "oneDNN"))
		skip(); /* not under ThreadSanitizer */
	if (nn_kv_pool_open(&r->kv, nn_exec_shape(r->x), t, BLOCKS, BLOCK, &e))
		fail_msg("%s", e.msg);
	nn_kv_blocks_init(&r->blocks, BLOCKS, scatter);
	r->logits = xalloc((size_t)ROWS * VOCAB * sizeof(float));
}

static void rig_close(struct rig *r)
{
	free(r->logits);
	nn_kv_blocks_release(&r->blocks);
	nn_kv_pool_release(&r->kv);
	nn_exec_close(r->x);
	nn_source_close(r->src);
}

static void seq_init(struct rig *r, struct seq *s)
{
	s->past = 0;
	for (size_t i = 0; i < sizeof s->table / sizeof *s->table; i++)
		s->table[i] = nn_kv_blocks_take(&r->blocks);
}

static void seq_free(struct rig *r, struct seq *s)
{
	for (size_t i = 0; i < sizeof s->table / sizeof *s->table; i++)
		nn_kv_blocks_give(&r->blocks, s->table[i]);
}

static void feed(struct rig *r, struct seq *s, const int32_t *ids, int n, int logits, struct nn_step_cost *cost)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_span span = { 0, n, s->past, s->table, logits };
	struct nn_batch b = { n, ids, 1, &span };
	if (nn_forward(r->x, &r->kv, &b, r->logits, cost, &e))
		fail_msg("%s", e.msg);
	s->past += n;
}

static int argmax(const float *v)
{
	int best = 0;
	for (int i = 1; i < VOCAB; i++)
		if (v[i] > v[best])
			best = i;
	return best;
}

static double worst(const float *a, const float *b, size_t n)
{
	double w = 0;
	for (size_t i = 0; i < n; i++)
		w = fmax(w, isnan(a[i]) ? INFINITY : fabs((double)a[i] - b[i]));
	return w;
}

static void check_top5(const float *v, const int32_t *top)
{
	for (int rank = 0; rank < 5; rank++) {
		int above = 0;
		for (int i = 0; i < VOCAB; i++)
			above += v[i] > v[top[rank]];
		assert_int_equal(above, rank);
	}
}

/* limit: per logit; exact: top 5 and greedy must match. Returns the largest difference seen. */
static double check_model(const char *model, enum nn_dtype t, enum nn_isa isa, int threads, enum by by, double limit, bool exact)
{
	struct golden g;
	struct rig r;
	double seen = 0;
	assert_int_equal(golden_read(model, &g), 0);
	assert_int_equal(g.vocab, VOCAB);
	rig_open(&r, g.dir, t, isa, threads, 0, by);
	for (int i = 0; i < g.n_prompts; i++) {
		const struct golden_prompt *p = &g.prompt[i];
		bool all = p->all_file[0];
		size_t n = (size_t)(all ? p->n : 1) * VOCAB;
		float *want = golden_floats(&g, all ? p->all_file : p->last_file, n);
		assert_non_null(want);
		struct seq s;
		seq_init(&r, &s);
		feed(&r, &s, p->ids, p->n, all ? 2 : 1, NULL);
		double d = worst(r.logits, want, n);
		seen = fmax(seen, d);
		if (!(d <= limit))
			fail_msg("%s %s %s %d threads, %d tokens: off by %g", model, nn_dtype_name(t), nn_isa_name(isa), threads, p->n, d);
		const float *last = r.logits + n - VOCAB;
		if (exact)
			check_top5(last, p->top5);
		int32_t next = argmax(last);
		for (int k = 0; exact && k < p->n_greedy; k++) {
			assert_int_equal(next, p->greedy[k]);
			feed(&r, &s, &next, 1, 1, NULL);
			next = argmax(r.logits);
		}
		seq_free(&r, &s);
		free(want);
	}
	rig_close(&r);
	return seen;
}

static const char *const models[] = {
	"gpt2", "gpt2-noprefix", "llama", "llama-bf16", "llama-tied", "llama3-rope", "opt", "opt-f16", "opt-postln", "qwen2", "qwen2-sharded", "qwen3",
};
static const enum nn_isa isas[] = { NN_ISA_SCALAR, NN_ISA_AVX2, NN_ISA_AVX512, NN_ISA_AMX };

/* Narrow weights and KV: three times the largest difference measured here, see the printed table. */
static double limit_of(enum nn_dtype t)
{
	return t == NN_F32 ? 2e-4 : t == NN_F16 ? 0.06 : 0.5;
}

/* Without the whole golden set the four of tests/golden are checked; test_golden_set says what is missing. */
static bool here(const char *model)
{
	struct golden g;
	return golden_read(model, &g) == 0;
}

static void test_golden_set(void **state)
{
	(void)state;
	int absent = 0;
	for (size_t m = 0; m < sizeof models / sizeof *models; m++)
		if (!here(models[m])) {
			printf("# absent: %s\n", models[m]);
			absent++;
		}
	if (absent)
		skip();
}

static void test_golden(void **state)
{
	(void)state;
	if (!golden_root())
		skip();
	for (size_t m = 0; m < sizeof models / sizeof *models; m++)
		for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
			for (int t = NN_F32; t <= NN_F16; t++)
				for (int threads = 1; threads <= 2 && nn_isa_available(isas[i]) && here(models[m]); threads++) {
					double d = check_model(models[m], (enum nn_dtype)t, isas[i], threads, OWN, limit_of(t), t == NN_F32);
					if (threads == 1)
						printf("# %-14s %-5s %-7s largest difference %.2g\n", models[m], nn_dtype_name(t), nn_isa_name(isas[i]), d);
				}
}

static void test_golden_onednn(void **state)
{
	(void)state;
	if (!golden_root())
		skip();
	for (size_t m = 0; m < sizeof models / sizeof *models; m++)
		for (int t = NN_F32; t <= NN_BF16 && here(models[m]); t++)
			check_model(models[m], (enum nn_dtype)t, NN_ISA_AUTO, 2, ONEDNN, limit_of(t), t == NN_F32);
}

/* Logits of the last of n tokens, fed in pieces of `piece`, beside `others` other sequences that start with it. */
static void run_mixed(struct rig *r, const int32_t *ids, int n, int piece, int others, float *out)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct seq s[4];
	for (int i = 0; i <= others; i++)
		seq_init(r, &s[i]);
	for (int done = 0; done < n;) {
		int32_t tokens[ROWS];
		struct nn_span span[4];
		int take = n - done < piece ? n - done : piece, rows = 0;
		for (int i = others; i >= 0; i--) { /* ours last, others shorter and with other tokens */
			int count = i && take > i ? take - i : take;
			span[others - i] = (struct nn_span){ rows, count, s[i].past, s[i].table, i ? 0 : 1 };
			for (int j = 0; j < count; j++)
				tokens[rows++] = i ? (ids[done + j] * 7 + i) % VOCAB : ids[done + j];
			s[i].past += count;
		}
		struct nn_batch b = { rows, tokens, others + 1, span };
		if (nn_forward(r->x, &r->kv, &b, r->logits, NULL, &e))
			fail_msg("%s", e.msg);
		done += take;
	}
	memcpy(out, r->logits, VOCAB * sizeof *out);
	for (int i = 0; i <= others; i++)
		seq_free(r, &s[i]);
}

static void test_same_bits(void **state)
{
	(void)state;
	static const char *const some[] = { "gpt2", "qwen2", "qwen3", "opt-postln" };
	if (!golden_root())
		skip();
	for (size_t m = 0; m < sizeof some / sizeof *some; m++)
		for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
			for (int t = NN_F32; t <= NN_F16 && nn_isa_available(isas[i]) && here(some[m]); t++) {
				struct golden g;
				struct rig plain, scattered;
				float want[VOCAB], got[VOCAB];
				assert_int_equal(golden_read(some[m], &g), 0);
				rig_open(&plain, g.dir, (enum nn_dtype)t, isas[i], 1, 0, OWN);
				rig_open(&scattered, g.dir, (enum nn_dtype)t, isas[i], 3, 99, OWN);
				const int32_t *ids = g.prompt[2].ids;
				run_mixed(&plain, ids, 45, 45, 0, want);
				static const struct { int piece, others; } row[] = { { 45, 0 }, { 1, 0 }, { 13, 0 }, { 16, 2 }, { 1, 3 }, { 40, 2 } };
				for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
					run_mixed(&scattered, ids, 45, row[k].piece, row[k].others, got);
					if (memcmp(want, got, sizeof want))
						fail_msg("%s %s %s: pieces of %d beside %d others differ by %g", some[m], nn_dtype_name((enum nn_dtype)t), nn_isa_name(isas[i]),
							row[k].piece, row[k].others, worst(want, got, VOCAB));
				}
				rig_close(&plain);
				rig_close(&scattered);
			}
}

/* gpt2 golden shape, f32: hidden 64, 4 heads of 16, ffn 256, vocab 512, 2 layers; one token at position 5. */
static void test_cost(void **state)
{
	(void)state;
	struct golden g;
	struct rig r;
	struct seq s;
	struct nn_step_cost c;
	if (!golden_root())
		skip();
	assert_int_equal(golden_read("gpt2", &g), 0);
	rig_open(&r, g.dir, NN_F32, NN_ISA_SCALAR, 1, 0, OWN);
	seq_init(&r, &s);
	feed(&r, &s, g.prompt[1].ids, 5, 0, NULL);
	feed(&r, &s, g.prompt[1].ids + 5, 1, 1, &c);
	uint64_t product = 192 * 64 + 64 * 64 + 256 * 64 + 64 * 256, bias = 192 + 64 + 256 + 64, norm = 2 * 128;
	assert_int_equal(c.weight_bytes, 4 * (2 * (product + bias + norm) + 128 + 512 * 64 + 2 * 64));
	assert_int_equal(c.kv_read_bytes, 2 * 6 * 2 * 64 * 4);
	assert_int_equal(c.kv_write_bytes, 2 * 1 * 2 * 64 * 4);
	assert_int_equal(c.flops, 2 * (2 * product + 512 * 64) + 2 * 6 * 4 * 2 * 2 * 16);
	seq_free(&r, &s);
	rig_close(&r);
}

static void test_bad_batches(void **state)
{
	(void)state;
	struct golden g;
	struct rig r;
	struct seq s;
	int wrong_table[] = { BLOCKS };
	int32_t ids[] = { 1, 2 }, foreign[] = { VOCAB };
	if (!golden_root())
		skip();
	assert_int_equal(golden_read("llama3-rope", &g), 0);
	rig_open(&r, g.dir, NN_F32, NN_ISA_SCALAR, 1, 0, OWN);
	seq_init(&r, &s);
	const struct { int rows, n_spans; const int32_t *ids; struct nn_span span; const char *says; } row[] = {
		{ 0, 1, ids, { 0, 0, 0, s.table, 1 }, "limits" },
		{ ROWS + 1, 1, ids, { 0, ROWS + 1, 0, s.table, 1 }, "limits" },
		{ 2, 1, ids, { 0, 1, 0, s.table, 1 }, "cover" },
		{ 1, 1, ids, { 0, 2, 0, s.table, 1 }, "cover" },
		{ 1, 1, ids, { 1, 1, 0, s.table, 1 }, "order" },
		{ 1, 1, ids, { 0, 1, ROWS, s.table, 1 }, "context" },
		{ 1, 1, ids, { 0, 1, -1, s.table, 1 }, "order" },
		{ 1, 1, ids, { 0, 1, 0, wrong_table, 1 }, "pool" },
		{ 1, 1, foreign, { 0, 1, 0, s.table, 1 }, "vocabulary" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		struct nn_batch b = { row[i].rows, row[i].ids, row[i].n_spans, &row[i].span };
		assert_int_not_equal(nn_forward(r.x, &r.kv, &b, r.logits, NULL, &e), 0);
		if (!strstr(e.msg, row[i].says))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, e.msg, row[i].says);
	}
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_set),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_golden_onednn),
		cmocka_unit_test(test_same_bits),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_bad_batches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
