/* The scheduler over a pretended model: its "cache" stores a hash of the tokens up to each position, so a block that two
 * sequences share, or that was not computed again after a preemption, shows at once; the next token is that hash. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "nn/scheduler.h"

enum { MAX_SEQS = 64, MAX_TOKENS = 256, VOCAB = 1000 };

struct job {
	int32_t prompt[MAX_TOKENS], out[MAX_TOKENS];
	int n_prompt, max_tokens, n_out, admitted, preempted;
	bool done, cancelled;
};

struct sim {
	struct nn_sched_options o;
	struct nn_sched *s;
	uint64_t *cache;           /* [block][pos in block] */
	struct job job[MAX_SEQS];
	int n_jobs, steps, preemptions, last_admitted;
};

static uint64_t grow(uint64_t hash, int32_t token)
{
	return assay_rng_key(hash, (uint64_t)token);
}

static int32_t next_token(uint64_t hash)
{
	return (int32_t)(hash % VOCAB);
}

static void sim_open(struct sim *m, int seqs, int batched, int block_size, int n_blocks, uint64_t scatter)
{
	struct assay_err e = ASSAY_ERR_INIT;
	memset(m, 0, sizeof *m);
	m->o = (struct nn_sched_options){ seqs, batched, block_size, n_blocks, MAX_TOKENS, scatter };
	assert_int_equal(nn_sched_open(&m->o, &m->s, &e), 0);
	m->cache = calloc((size_t)(n_blocks * block_size), sizeof *m->cache);
	m->last_admitted = -1;
}

static void sim_close(struct sim *m)
{
	nn_sched_close(m->s);
	free(m->cache);
}

static int submit(struct sim *m, int n_prompt, int max_tokens, uint64_t key)
{
	struct job *j = &m->job[m->n_jobs];
	j->n_prompt = n_prompt;
	j->max_tokens = max_tokens;
	for (int i = 0; i < n_prompt && i < MAX_TOKENS; i++)
		j->prompt[i] = (int32_t)assay_rng_below(key, (uint64_t)i, VOCAB);
	struct nn_request r = { .id = (uint64_t)m->n_jobs, .prompt = j->prompt, .n_prompt = n_prompt, .max_tokens = max_tokens, .top_p = 1 };
	struct assay_err e = ASSAY_ERR_INIT;
	int rc = nn_sched_submit(m->s, &r, &e);
	if (!rc)
		m->n_jobs++;
	return rc;
}

/* Reads the prefix back through the block table, writes the new positions; the hash after the last one. */
static uint64_t run_span(struct sim *m, const struct nn_seq *q, const struct nn_span *sp, const int32_t *tokens)
{
	uint64_t hash = 0;
	for (int p = 0; p < sp->past + sp->count; p++) {
		int b = sp->block_table[p / m->o.block_size];
		assert_in_range(b, 0, m->o.n_blocks - 1);
		uint64_t *cell = &m->cache[b * m->o.block_size + p % m->o.block_size];
		hash = grow(hash, q->tokens[p]);
		if (p < sp->past && *cell != hash)
			fail_msg("sequence %d position %d: the cache holds something else", (int)q->id, p);
		if (p >= sp->past) {
			assert_int_equal(tokens[sp->first + p - sp->past], q->tokens[p]);
			*cell = hash;
		}
	}
	return hash;
}

static void check_plan(struct sim *m, const struct nn_plan *p)
{
	assert_true(p->batch.rows <= m->o.max_batched_tokens && p->batch.n_spans <= m->o.max_num_seqs && nn_sched_running(m->s) <= m->o.max_num_seqs);
	assert_int_equal(p->batch.rows, p->prefill_tokens + p->decode_tokens);
	assert_true(nn_sched_blocks_used(m->s) <= m->o.n_blocks);
	for (int i = 0; i < p->n_admitted; i++) { /* first come, first served */
		assert_int_equal(m->job[p->admitted[i]->id].admitted, 0);
		m->job[p->admitted[i]->id].admitted++;
		assert_true((int)p->admitted[i]->id > m->last_admitted);
		m->last_admitted = (int)p->admitted[i]->id;
	}
	for (int i = 0; i < p->n_preempted; i++)
		m->job[p->preempted[i]->id].preempted++;
	m->preemptions += p->n_preempted;
	for (int i = 0, row = 0; i < p->batch.n_spans; i++) {
		assert_int_equal(p->batch.spans[i].first, row);
		assert_true(p->batch.spans[i].count > 0);
		row += p->batch.spans[i].count;
	}
}

/* Returns the rows of the step. */
static int step(struct sim *m)
{
	struct nn_plan p;
	uint64_t hash[MAX_SEQS];
	struct mallinfo2 before = mallinfo2();
	int rows = nn_sched_plan(m->s, &p);
	check_plan(m, &p);
	for (int i = 0; i < p.batch.n_spans; i++)
		hash[i] = run_span(m, p.seq[i], &p.batch.spans[i], p.batch.tokens);
	nn_sched_computed(m->s, &p);
	for (int i = 0; i < p.batch.n_spans; i++) {
		struct nn_seq *q = p.seq[i];
		struct job *j = &m->job[q->id];
		if (!p.batch.spans[i].logits)
			continue;
		assert_false(j->done || j->cancelled);
		j->out[j->n_out++] = next_token(hash[i]);
		j->done = nn_sched_append(m->s, q, next_token(hash[i]), false);
	}
	struct mallinfo2 after = mallinfo2();
	assert_int_equal(before.uordblks, after.uordblks); /* a step neither allocates nor frees */
	m->steps += rows > 0;
	return rows;
}

static void check_job(const struct job *j)
{
	uint64_t hash = 0;
	for (int i = 0; i < j->n_prompt; i++)
		hash = grow(hash, j->prompt[i]);
	for (int i = 0; i < j->n_out; i++) {
		assert_int_equal(j->out[i], next_token(hash));
		hash = grow(hash, j->out[i]);
	}
	if (!j->cancelled)
		assert_true(j->done && j->n_out == j->max_tokens);
}

static void finish(struct sim *m)
{
	for (int guard = 0; step(m); guard++)
		assert_true(guard < 100000);
	for (int i = 0; i < m->n_jobs; i++)
		check_job(&m->job[i]);
	assert_int_equal(nn_sched_waiting(m->s) + nn_sched_running(m->s), 0);
	assert_int_equal(nn_sched_blocks_used(m->s), 0);
}

static void test_chunks(void **state)
{
	(void)state;
	struct sim m;
	struct nn_plan p;
	sim_open(&m, 4, 10, 4, 64, 0);
	submit(&m, 23, 2, 1);
	submit(&m, 3, 5, 2);
	/* 23 in chunks of 10; the second prompt shares the last one's step */
	static const struct { int rows, prefill, decode, spans; } want[] = { { 10, 10, 0, 1 }, { 10, 10, 0, 1 }, { 6, 6, 0, 2 }, { 2, 0, 2, 2 }, { 1, 0, 1, 1 } };
	for (int i = 0; i < 5; i++) {
		int rows = nn_sched_plan(m.s, &p);
		assert_int_equal(rows, want[i].rows);
		assert_int_equal(p.prefill_tokens, want[i].prefill);
		assert_int_equal(p.decode_tokens, want[i].decode);
		assert_int_equal(p.batch.n_spans, want[i].spans);
		assert_int_equal(p.n_admitted, i == 0 || i == 2);
		nn_sched_computed(m.s, &p);
		for (int k = 0; k < p.batch.n_spans; k++) {
			assert_int_equal(p.batch.spans[k].logits, i >= 2);
			if (p.batch.spans[k].logits)
				nn_sched_append(m.s, p.seq[k], 7, false);
		}
	}
	sim_close(&m);
}

/* Decodes go first, one token each; what is left of the budget is one chunk. */
static void test_mixed(void **state)
{
	(void)state;
	struct sim m;
	struct nn_plan p;
	sim_open(&m, 8, 16, 4, 256, 0);
	for (int i = 0; i < 3; i++)
		submit(&m, 5, 20, (uint64_t)i);
	step(&m);
	submit(&m, 100, 4, 9);
	nn_sched_plan(m.s, &p);
	assert_int_equal(p.decode_tokens, 3);
	assert_int_equal(p.prefill_tokens, 13);
	sim_close(&m);
}

static void test_preemption(void **state)
{
	(void)state;
	struct sim m;
	sim_open(&m, 4, 64, 4, 10, 0);
	for (int i = 0; i < 3; i++)
		submit(&m, 8, 16, (uint64_t)i); /* 2 blocks each at first, 6 at the end; the pool holds 10 */
	finish(&m);
	assert_true(m.preemptions > 0);
	assert_int_equal(m.job[0].preempted, 0); /* the oldest never gives way */
	assert_true(m.job[2].preempted >= m.job[1].preempted && m.job[2].preempted > 0);
	sim_close(&m);
}

/* The whole pool belongs to one sequence: it must still end. */
static void test_tight(void **state)
{
	(void)state;
	struct sim m;
	sim_open(&m, 4, 8, 4, 6, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(submit(&m, 9, 16, (uint64_t)i), 0); /* 24 positions = 6 blocks */
	finish(&m);
	sim_close(&m);
}

static void test_limits(void **state)
{
	(void)state;
	static const struct { int prompt, out, rc; } row[] = {
		{ 1, 1, 0 }, { 20, 5, 0 }, { 20, 6, ASSAY_E_LIMIT }, { 250, 6, ASSAY_E_LIMIT }, { 250, 7, ASSAY_E_LIMIT }, { INT32_MAX, INT32_MAX, ASSAY_E_LIMIT },
		{ 0, 5, ASSAY_E_USAGE }, { -1, 5, ASSAY_E_USAGE }, { 5, 0, ASSAY_E_USAGE }, { 5, INT32_MIN, ASSAY_E_USAGE },
	};
	struct sim m;
	sim_open(&m, 4, 8, 4, 6, 0);
	int32_t prompt[20] = { 0 };
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct nn_request r = { .id = i, .prompt = prompt, .n_prompt = row[i].prompt, .max_tokens = row[i].out, .top_p = 1 };
		struct assay_err e = ASSAY_ERR_INIT;
		if (nn_sched_submit(m.s, &r, &e) != row[i].rc)
			fail_msg("%d + %d: %s", row[i].prompt, row[i].out, e.msg);
		if (row[i].rc == ASSAY_E_LIMIT)
			assert_true(strstr(e.msg, "needs") && strstr(e.msg, "has"));
	}
	static const struct { float temperature, top_p; int top_k; } bad[] = { { -1, 1, 0 }, { 1, 0, 0 }, { 1, 1.5f, 0 }, { 1, 1, -1 }, { __builtin_nanf(""), 1, 0 }, { 1, __builtin_nanf(""), 0 } };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct nn_request r = { .prompt = prompt, .n_prompt = 1, .max_tokens = 1, .temperature = bad[i].temperature, .top_p = bad[i].top_p, .top_k = bad[i].top_k };
		assert_int_equal(nn_sched_submit(m.s, &r, NULL), ASSAY_E_USAGE);
	}
	sim_close(&m);
}

/* Sequences waiting, being prefilled, decoding, and gone. */
static void test_cancel(void **state)
{
	(void)state;
	struct sim m;
	sim_open(&m, 2, 8, 4, 64, 0);
	for (int i = 0; i < 5; i++)
		submit(&m, i == 1 ? 50 : 4, 10, (uint64_t)i);
	step(&m);
	step(&m);
	static const int gone[] = { 1, 3, 0, 4 };
	for (int i = 0; i < 4; i++) {
		m.job[gone[i]].cancelled = true;
		assert_true(nn_sched_cancel(m.s, (uint64_t)gone[i]));
		assert_false(nn_sched_cancel(m.s, (uint64_t)gone[i]));
	}
	assert_false(nn_sched_cancel(m.s, 99));
	finish(&m);
	assert_true(m.job[2].done);
	sim_close(&m);
}

static void test_stop(void **state)
{
	(void)state;
	struct sim m;
	struct nn_plan p;
	sim_open(&m, 2, 8, 4, 8, 0);
	submit(&m, 4, 10, 1);
	nn_sched_plan(m.s, &p);
	nn_sched_computed(m.s, &p);
	assert_true(nn_sched_append(m.s, p.seq[0], 5, true));
	assert_int_equal(nn_sched_blocks_used(m.s), 0);
	assert_int_equal(nn_sched_plan(m.s, &p), 0);
	sim_close(&m);
}

/* Random pools, budgets, arrivals and cancellations. */
static void test_random(void **state)
{
	(void)state;
	int preemptions = 0;
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct sim m;
		uint64_t c = 0;
#define PICK(from, to) ((int)(from) + (int)assay_rng_below(seed, c++, (uint64_t)((to) - (from) + 1)))
		int seqs = PICK(1, 12), batched = seqs + PICK(0, 40), size = PICK(1, 20), pool = (MAX_TOKENS / size + 1) * PICK(1, 3) / 2 + 1;
		sim_open(&m, seqs, batched, size, pool, seed % 2 ? seed : 0);
		int wanted = PICK(1, MAX_SEQS);
		for (int tries = 0; m.n_jobs < wanted && tries < 1000; tries++) {
			int n = PICK(1, 120);
			submit(&m, n, PICK(1, 60), seed * 1000 + (uint64_t)tries);
			for (int k = PICK(0, 3); k > 0; k--)
				step(&m);
			int victim = PICK(0, 8 * m.n_jobs);
			if (victim < m.n_jobs && nn_sched_cancel(m.s, (uint64_t)victim))
				m.job[victim].cancelled = true;
		}
		finish(&m);
		preemptions += m.preemptions;
		sim_close(&m);
	}
	assert_true(preemptions > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks), cmocka_unit_test(test_mixed),  cmocka_unit_test(test_preemption), cmocka_unit_test(test_tight),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_cancel), cmocka_unit_test(test_stop),       cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
