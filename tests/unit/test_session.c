/* The session on golden models: a sequence gives the same tokens alone, in a batch, preempted, with its KV in scattered
 * blocks, and when a neighbour is cancelled; events, limits, refusals. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "golden.h"
#include "nn/golden_file.h"
#include "nn/nn.h"
#include "nn/source.h"

enum { MAX_REQUESTS = 16, MAX_OUT = 256 };

/* Those of the reference set that are here: all, or the four of tests/golden. Filled by main. */
static const char *models[12];
static size_t n_models;

/* Skips what needs the reference set when there is none. */
static void need_models(void)
{
	if (!n_models)
		skip();
}

struct answer {
	int32_t token[MAX_OUT];
	int n, scheduled, preempted, done;
	enum nn_finish finish;
	int64_t t_ns;              /* of its last event */
};

struct run {
	struct nn_session *s;
	struct answer a[MAX_REQUESTS];
	int steps, preemptions, max_seqs, mixed;
};

static struct golden load(const char *model)
{
	struct golden g;
	if (golden_read(model, &g))
		skip();
	return g;
}

static void run_open(struct run *r, const struct nn_options *o)
{
	struct assay_err e = ASSAY_ERR_INIT;
	memset(r, 0, sizeof *r);
	if (nn_session_open(o, &r->s, &e))
		fail_msg("%s", e.msg);
}

static struct nn_options small(const char *dir)
{
	return (struct nn_options){ .model = dir, .dtype = NN_F32, .threads = 1, .max_num_seqs = 8, .max_batched_tokens = 64, .block_size = 4, .kv_tokens_wanted = 1024 };
}

static int submit(struct run *r, uint64_t id, const int32_t *ids, int n, int max_tokens, float temperature, uint64_t seed, struct assay_err *e)
{
	struct nn_request q = { .id = id, .prompt = ids, .n_prompt = n, .max_tokens = max_tokens, .ignore_eos = true, .temperature = temperature, .top_p = 1, .seed = seed };
	return nn_submit(r->s, &q, e);
}

static void ask(struct run *r, uint64_t id, const struct golden_prompt *p)
{
	struct assay_err e = ASSAY_ERR_INIT;
	if (submit(r, id, p->ids, p->n, p->n_greedy, 0, 0, &e))
		fail_msg("%s", e.msg);
}

static void take(struct run *r, const struct nn_event *v)
{
	struct answer *a = &r->a[v->id];
	assert_false(a->done);
	assert_true(v->t_ns >= a->t_ns);
	a->t_ns = v->t_ns;
	switch (v->kind) {
	case NN_EV_SCHEDULED:
		assert_int_equal(a->scheduled++ + a->n, 0);
		break;
	case NN_EV_TOKEN:
		assert_int_equal(a->scheduled, 1);
		a->token[a->n++] = v->token;
		break;
	case NN_EV_PREEMPTED:
		a->preempted++;
		break;
	case NN_EV_DONE:
		a->done = 1;
		a->finish = v->finish;
		break;
	}
}

/* One step; false when there was none. */
static bool step(struct run *r)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct nn_step s;
	const struct nn_event *ev;
	int n;
	struct mallinfo2 before = mallinfo2();
	int rc = nn_session_step(r->s, &s, &ev, &n, &e);
	struct mallinfo2 after = mallinfo2();
	assert_int_equal(before.uordblks, after.uordblks);
	if (rc < 0)
		fail_msg("%s", e.msg);
	for (int i = 0; i < n; i++)
		take(r, &ev[i]);
	if (!rc)
		return false;
	assert_true(s.t1_ns > s.t0_ns && s.kv_blocks_used > 0 && s.cost.flops > 0);
	assert_int_equal(s.kind, !s.decode_tokens ? NN_STEP_PREFILL : s.prefill_tokens ? NN_STEP_MIXED : NN_STEP_DECODE);
	r->steps++;
	r->preemptions += s.preempted;
	r->mixed += s.kind == NN_STEP_MIXED;
	r->max_seqs = s.seqs > r->max_seqs ? s.seqs : r->max_seqs;
	return true;
}

static void finish(struct run *r)
{
	while (step(r))
		;
	assert_int_equal(nn_session_pending(r->s), 0);
}

static void expect_greedy(const char *model, const struct run *r, uint64_t id, const struct golden_prompt *p)
{
	const struct answer *a = &r->a[id];
	assert_int_equal(a->n, p->n_greedy);
	for (int i = 0; i < a->n; i++)
		if (a->token[i] != p->greedy[i])
			fail_msg("%s, prompt of %d: token %d is %d, reference %d", model, p->n, i, a->token[i], p->greedy[i]);
	assert_int_equal(a->finish, NN_FINISH_LENGTH);
}

static void test_alone(void **state)
{
	(void)state;
	need_models();
	for (size_t m = 0; m < n_models; m++) {
		struct golden g = load(models[m]);
		struct nn_options o = small(g.dir);
		struct run r;
		run_open(&r, &o);
		for (int i = 0; i < g.n_prompts; i++) {
			ask(&r, (uint64_t)i, &g.prompt[i]);
			finish(&r);
			expect_greedy(models[m], &r, (uint64_t)i, &g.prompt[i]);
		}
		assert_int_equal(r.max_seqs, 1);
		nn_session_close(r.s);
	}
}

/* Together, in chunks of 16 tokens, with one and two threads. */
static void test_batched(void **state)
{
	(void)state;
	need_models();
	for (size_t m = 0; m < 2 * n_models; m++) {
		struct golden g = load(models[m / 2]);
		struct nn_options o = small(g.dir);
		struct run r;
		o.max_batched_tokens = 16;
		o.threads = 1 + (int)(m % 2);
		run_open(&r, &o);
		for (int i = 0; i < 2 * g.n_prompts; i++)
			ask(&r, (uint64_t)i, &g.prompt[i % g.n_prompts]);
		finish(&r);
		for (int i = 0; i < 2 * g.n_prompts; i++)
			expect_greedy(models[m / 2], &r, (uint64_t)i, &g.prompt[i % g.n_prompts]);
		assert_true(r.max_seqs > 3 && r.mixed > 5 && !r.preemptions);
		nn_session_close(r.s);
	}
}

static void test_preempted(void **state)
{
	(void)state;
	need_models();
	for (size_t m = 0; m < n_models; m++) {
		struct golden g = load(models[m]);
		struct nn_options o = small(g.dir);
		struct run r;
		struct nn_shape shape;
		assert_int_equal(nn_shape_of(g.dir, &shape, NULL), 0);
		o.kv_bytes = nn_shape_kv_bytes_per_token(&shape, NN_F32) * 136; /* the longest alone needs 131 */
		run_open(&r, &o);
		for (int i = 0; i < 2 * g.n_prompts; i++)
			ask(&r, (uint64_t)i, &g.prompt[(i + 1) % g.n_prompts]);
		finish(&r);
		int events = 0;
		for (int i = 0; i < 2 * g.n_prompts; i++) {
			expect_greedy(models[m], &r, (uint64_t)i, &g.prompt[(i + 1) % g.n_prompts]);
			events += r.a[i].preempted;
		}
		assert_true(r.preemptions > 0);
		assert_int_equal(r.preemptions, events);
		nn_session_close(r.s);
	}
}

static void test_scattered(void **state)
{
	(void)state;
	need_models();
	for (size_t m = 0; m < n_models; m++) {
		struct golden g = load(models[m]);
		struct nn_options o = small(g.dir);
		const struct golden_prompt *p = &g.prompt[g.n_prompts - 1];
		float *logits[2];
		o.all_logits = true;
		for (int k = 0; k < 2; k++) {
			struct run r;
			struct assay_err e = ASSAY_ERR_INIT;
			o.scatter_seed = k ? 12345 : 0;
			run_open(&r, &o);
			logits[k] = xalloc((size_t)p->n * (size_t)g.vocab * sizeof(float));
			if (nn_session_logits(r.s, p->ids, p->n, true, logits[k], &e))
				fail_msg("%s", e.msg);
			ask(&r, 0, p);
			finish(&r);
			expect_greedy(models[m], &r, 0, p);
			nn_session_close(r.s);
		}
		assert_memory_equal(logits[0], logits[1], (size_t)p->n * (size_t)g.vocab * sizeof(float));
		free(logits[0]);
		free(logits[1]);
	}
}

/* Sampled at temperature 1, so that every logit matters: the neighbours come and go, the tokens stay. */
static void test_cancelled_neighbour(void **state)
{
	(void)state;
	need_models();
	for (size_t m = 0; m < n_models; m++) {
		struct golden g = load(models[m]);
		struct nn_options o = small(g.dir);
		const struct golden_prompt *p = &g.prompt[1];
		struct answer kept[2];
		struct assay_err e = ASSAY_ERR_INIT;
		for (int cancel = 0; cancel < 2; cancel++) {
			struct run r;
			run_open(&r, &o);
			for (uint64_t i = 0; i < 3; i++)
				assert_int_equal(submit(&r, i, p->ids, p->n, 40, 1, 100 + i, &e), 0);
			for (int k = 0; k < 10; k++)
				step(&r);
			if (cancel) {
				assert_int_equal(nn_cancel(r.s, 1), 0);
				assert_int_equal(nn_cancel(r.s, 1), -1);
			}
			finish(&r);
			assert_int_equal(r.a[1].finish, cancel ? NN_FINISH_CANCELLED : NN_FINISH_LENGTH);
			assert_int_equal(r.a[1].n, cancel ? 10 : 40);
			kept[cancel] = r.a[2];
			nn_session_close(r.s);
		}
		assert_memory_equal(kept[0].token, kept[1].token, sizeof kept[0].token);
	}
}

/* The same request seed gives the same tokens alone and in company; another one others. */
static void test_seeds(void **state)
{
	(void)state;
	struct golden g = load("gpt2");
	struct nn_options o = small(g.dir);
	const struct golden_prompt *p = &g.prompt[1];
	struct assay_err e = ASSAY_ERR_INIT;
	struct run r;
	run_open(&r, &o);
	static const uint64_t seed[] = { 1, 1, 2, 1 };
	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(submit(&r, i, p->ids, p->n, 50, 1, seed[i], &e), 0);
		if (i == 0)
			finish(&r);
	}
	finish(&r);
	for (int i = 1; i < 4; i++)
		assert_int_equal(!memcmp(r.a[0].token, r.a[i].token, 50 * sizeof(int32_t)), seed[i] == 1);
	nn_session_close(r.s);
}

/* Cancelled before any step: the event comes with a step that does nothing. */
static void test_cancel_waiting(void **state)
{
	(void)state;
	struct golden g = load("gpt2");
	struct nn_options o = small(g.dir);
	struct run r;
	run_open(&r, &o);
	assert_false(step(&r));
	for (int round = 0; round < 3; round++) {
		memset(r.a, 0, sizeof r.a);
		for (uint64_t i = 0; i < MAX_REQUESTS; i++)
			ask(&r, i, &g.prompt[1]);
		assert_int_equal(nn_session_pending(r.s), MAX_REQUESTS);
		for (uint64_t i = 0; i < MAX_REQUESTS; i++)
			assert_int_equal(nn_cancel(r.s, i), 0);
		assert_false(step(&r));
		for (int i = 0; i < MAX_REQUESTS; i++)
			assert_true(r.a[i].done && r.a[i].finish == NN_FINISH_CANCELLED && !r.a[i].scheduled);
	}
	nn_session_close(r.s);
}

/* A directory with the given config.json and the gpt2 golden's weights: linked, or copied with the last value replaced. */
struct copy {
	char dir[40], config[64], weights[64];
};

static void copy_weights(const char *from, const char *to, float last)
{
	struct assay_buf b;
	assay_buf_init(&b, 1 << 22);
	assert_int_equal(assay_fs_read(from, &b, ASSAY_E_IO, NULL), 0);
	memcpy(b.data + b.len_bytes - sizeof last, &last, sizeof last);
	assert_int_equal(assay_fs_write_atomic(to, b.data, b.len_bytes, NULL), 0);
	assay_buf_release(&b);
}

static struct copy make_copy(const struct golden *g, const char *config, const float *last)
{
	struct copy c = { .dir = "/tmp/assay-session-XXXXXX" };
	char target[600];
	assert_non_null(mkdtemp(c.dir));
	snprintf(c.config, sizeof c.config, "%s/config.json", c.dir);
	snprintf(c.weights, sizeof c.weights, "%s/model.safetensors", c.dir);
	snprintf(target, sizeof target, "%s/model.safetensors", g->dir);
	char *full = realpath(target, NULL);
	if (last)
		copy_weights(full, c.weights, *last);
	else
		assert_int_equal(symlink(full, c.weights), 0);
	free(full);
	assert_int_equal(assay_fs_write_atomic(c.config, config, strlen(config), NULL), 0);
	return c;
}

static void remove_copy(const struct copy *c)
{
	unlink(c->config);
	unlink(c->weights);
	rmdir(c->dir);
}

#define CONFIG(layers, ffn, vocab, rest) \
	"{\"model_type\":\"gpt2\",\"n_embd\":64,\"n_head\":4,\"n_positions\":256,\"n_layer\":" #layers ",\"n_inner\":" #ffn ",\"vocab_size\":" #vocab rest "}"

/* The end token is one that greedy decoding reaches at once. */
static void test_stop(void **state)
{
	(void)state;
	struct golden g = load("gpt2");
	const struct golden_prompt *p = &g.prompt[0];
	assert_int_equal(p->greedy[1], 322);
	struct copy c = make_copy(&g, CONFIG(2, 256, 512, ",\"eos_token_id\":322"), NULL);
	struct nn_options o = small(c.dir);
	struct run r;
	run_open(&r, &o);
	struct nn_request q = { .id = 0, .prompt = p->ids, .n_prompt = p->n, .max_tokens = 20, .top_p = 1 };
	assert_int_equal(nn_submit(r.s, &q, NULL), 0);
	q.id = 1;
	q.ignore_eos = true;
	assert_int_equal(nn_submit(r.s, &q, NULL), 0);
	finish(&r);
	assert_true(r.a[0].finish == NN_FINISH_STOP && r.a[0].n == 2 && r.a[0].token[1] == 322);
	assert_true(r.a[1].finish == NN_FINISH_LENGTH && r.a[1].n == 20);
	nn_session_close(r.s);
	remove_copy(&c);
}

/* Files that contradict config.json, and weights that are no numbers. */
static void test_bad_models(void **state)
{
	(void)state;
	const float good = 0.5f, nan = __builtin_nanf(""), inf = __builtin_inff();
	const struct { const char *config; const float *last; const char *says; } row[] = {
		{ CONFIG(2, 256, 512, ""), &good, NULL },
		{ CONFIG(3, 256, 512, ""), NULL, "\"transformer.h.2.ln_1.weight\" is missing" },
		{ CONFIG(2, 255, 512, ""), NULL, "is 256: config.json needs 1 x 255" },
		{ CONFIG(2, 256, 513, ""), NULL, "is 512 x 64: config.json needs 513 x 64" },
		{ CONFIG(2, 256, 512, ",\"tie_word_embeddings\":false"), NULL, "\"lm_head.weight\" is missing" },
		{ CONFIG(2, 256, 512, ""), &nan, "NaN or infinite" },
		{ CONFIG(2, 256, 512, ""), &inf, "NaN or infinite" },
	};
	struct golden g = load("gpt2");
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct copy c = make_copy(&g, row[i].config, row[i].last);
		struct nn_options o = small(c.dir);
		struct nn_session *s;
		struct assay_err e = ASSAY_ERR_INIT;
		int rc = nn_session_open(&o, &s, &e);
		if (row[i].says ? rc != ASSAY_E_MODEL || !strstr(e.msg, row[i].says) : rc)
			fail_msg("%s gave %d: %s", row[i].config, rc, e.msg);
		nn_session_close(s);
		remove_copy(&c);
	}
}

static void test_limits(void **state)
{
	(void)state;
	struct golden g = load("gpt2"); /* context 256 */
	struct nn_options o = small(g.dir);
	struct run r;
	struct assay_err e = ASSAY_ERR_INIT;
	int32_t ids[300] = { 0 };
	static float out[512];
	o.kv_tokens_wanted = 100;
	run_open(&r, &o);
	static const struct { int n, out, rc; const char *says; } row[] = {
		{ 200, 57, ASSAY_E_LIMIT, "needs 257 positions (200 prompt + 57 output), has 256" },
		{ 90, 20, ASSAY_E_LIMIT, "needs 28 KV blocks of 4 tokens (90 prompt + 20 output), has 25" },
		{ 0, 5, ASSAY_E_USAGE, "at least 1" },
		{ 5, 0, ASSAY_E_USAGE, "at least 1" },
		{ 90, 11, 0, "" },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (submit(&r, i, ids, row[i].n, row[i].out, 0, 0, &e) != row[i].rc || (row[i].rc && !strstr(e.msg, row[i].says)))
			fail_msg("%d + %d: %s", row[i].n, row[i].out, e.msg);
	ids[3] = 512;
	assert_int_equal(submit(&r, 9, ids, 5, 1, 0, 0, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "token id 512 at position 3 is outside the vocabulary of gpt2 (0 to 511)"));
	ids[3] = -1;
	assert_int_equal(submit(&r, 9, ids, 5, 1, 0, 0, &e), ASSAY_E_USAGE);
	assert_int_equal(nn_session_logits(r.s, ids, 300, false, out, &e), ASSAY_E_LIMIT);
	assert_int_equal(nn_session_logits(r.s, ids, 101, false, out, &e), ASSAY_E_LIMIT);
	assert_int_equal(nn_session_logits(r.s, ids, 5, true, out, &e), ASSAY_E_INTERNAL);
	nn_session_close(r.s);
}

static void test_refusals(void **state)
{
	(void)state;
	struct golden g = load("gpt2");
	const struct nn_options good = small(g.dir);
	struct nn_session *s;
	for (int i = 0; i < 10; i++) {
		struct nn_options o = good;
		int rc = ASSAY_E_USAGE;
		switch (i) {
		case 0: o.threads = -1; break;
		case 1: o.max_num_seqs = -5; break;
		case 2: o.max_batched_tokens = 1 << 30; break;
		case 3: o.block_size = 5000; break;
		case 4: o.dtype = NN_INT8; break;
		case 5: o.kv_dtype = NN_Q8_0; break;
		case 6: o.kv_bytes = 1; break;
		case 7: o.model = "no-such-model"; break;
		case 8: o.model = NULL; break;
		case 9: o.kv_bytes = UINT64_C(1) << 50, rc = ASSAY_E_MODEL; break;
		}
		struct assay_err e = ASSAY_ERR_INIT;
		if (nn_session_open(&o, &s, &e) != rc || s || !e.msg[0])
			fail_msg("case %d: %s", i, e.msg);
	}
}

static void test_info(void **state)
{
	(void)state;
	struct golden g = load("qwen3");
	struct nn_options o = small(g.dir);
	struct nn_info i;
	struct run r;
	o.dtype = NN_BF16;
	o.max_num_seqs = 100; /* more than the tokens of a step */
	run_open(&r, &o);
	nn_session_info(r.s, &i);
	assert_true(i.dtype == NN_BF16 && i.kv_dtype == NN_BF16 && i.kv_blocks == 256 && i.block_size == 4 && i.max_num_seqs == 64);
	assert_int_equal(i.kv_bytes_per_token, 2 * 2 * 2 * 32 * 2);
	assert_int_equal(i.kv_bytes, 1024 * i.kv_bytes_per_token);
	assert_true(i.weight_bytes >= nn_shape_weight_bytes(&i.shape, NN_BF16) && i.load.weights_ns > 0 && i.load.open_ns > 0 && i.kv_ns > 0 && i.kernels[0]);
	nn_session_close(r.s);
}

/* The real model: every prompt of its reference in one batch, with room for all and with room for little more than the longest. */
static void test_smollm2(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	char *file = nn_smollm2_path(), *dir = golden_root() ? xasprintf("%s-smollm2", golden_root()) : NULL;
	bool here = file && dir && nn_golden_exists(dir);
	struct nn_golden g = { 0 };
	free(file);
	if (here && nn_golden_read(dir, 49152, &g, &e))
		fail_msg("%s", e.msg);
	free(dir);
	if (!here)
		skip();
	for (int tight = 0; tight < 2; tight++) {
		struct nn_options o = { .model = "smollm2", .dtype = NN_F32, .max_num_seqs = 8, .max_batched_tokens = 256, .kv_tokens_wanted = tight ? 592 : 2048 };
		struct run r;
		run_open(&r, &o);
		for (int i = g.n - 1; i >= 0; i--) /* the longest first: it grows when others have taken the rest */
			assert_int_equal(submit(&r, (uint64_t)i, g.prompt[i].ids, g.prompt[i].n_ids, g.prompt[i].n_greedy, 0, 0, &e), 0);
		finish(&r);
		for (int i = 0; i < g.n; i++)
			if (r.a[i].n != g.prompt[i].n_greedy || memcmp(r.a[i].token, g.prompt[i].greedy, (size_t)r.a[i].n * sizeof(int32_t)))
				fail_msg("%s: greedy tokens differ (%s pool)", g.prompt[i].name, tight ? "tight" : "ample");
		assert_int_equal(r.preemptions > 0, tight);
		nn_session_close(r.s);
	}
	nn_golden_release(&g);
}

static void find_models(void)
{
	static const char *const all[] = {
		"gpt2", "gpt2-noprefix", "llama", "llama-bf16", "llama-tied", "llama3-rope", "opt", "opt-f16", "opt-postln", "qwen2", "qwen2-sharded", "qwen3",
	};
	struct golden g;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!golden_read(all[i], &g))
			models[n_models++] = all[i];
}

int main(void)
{
	find_models();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),     cmocka_unit_test(test_batched),             cmocka_unit_test(test_preempted),
		cmocka_unit_test(test_scattered), cmocka_unit_test(test_cancelled_neighbour), cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_cancel_waiting), cmocka_unit_test(test_stop),           cmocka_unit_test(test_limits),
		cmocka_unit_test(test_refusals),  cmocka_unit_test(test_info),               cmocka_unit_test(test_bad_models),
		cmocka_unit_test(test_smollm2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
