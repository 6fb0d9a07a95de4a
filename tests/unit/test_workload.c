/* Published workloads to the token, prompts that differ, lengths that fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "workload/mt19937.h"
#include "workload/plan.h"
#include "workload/prompts.h"

static const struct assay_plan_key key0 = { .seed = 0, .point = 3, .repeat = 0, .first_id = 100, .vocab = 50257,
	.sampling = { .temperature = 0.6f, .top_p = 1, .ignore_eos = true } };

/* Python: random.seed(s); random.getrandbits(32) twice. */
static void test_randint(void **state)
{
	(void)state;
	static const struct { uint32_t seed, first, second; } row[] = {
		{ UINT32_C(0), UINT32_C(3626764237), UINT32_C(1654615998) },
		{ UINT32_C(1), UINT32_C(577090037), UINT32_C(2444712010) },
		{ UINT32_C(2), UINT32_C(4106135923), UINT32_C(3707026329) },
		{ UINT32_C(12345), UINT32_C(1789368711), UINT32_C(3146859322) },
		{ UINT32_C(4294967295), UINT32_C(2728839433), UINT32_C(2661025012) },
	};
	struct mt19937 m;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		mt19937_seed(&m, row[i].seed);
		assert_int_equal(mt19937_next(&m), row[i].first);
		assert_int_equal(mt19937_next(&m), row[i].second);
	}
	for (int i = 0; i < 5000; i++) {
		int32_t x = mt19937_randint(&m, -3, 4);
		assert_true(x >= -3 && x <= 4);
	}
	assert_int_equal(mt19937_randint(&m, 7, 7), 7);
}

struct totals { uint64_t prompt_tokens, output_tokens; };

static void sum(const struct assay_plan *p, struct totals *out)
{
	*out = (struct totals){ 0 };
	for (size_t i = 0; i < p->n; i++) {
		out->prompt_tokens += (uint64_t)p->reqs[i].prompt_tokens;
		out->output_tokens += (uint64_t)p->reqs[i].max_tokens;
	}
}

static void test_nanovllm(void **state)
{
	(void)state;
	static const int32_t ids[] = { 6311, 6890, 663, 4242, 8376 };
	static const int outputs[] = { 845, 312, 607, 843, 500 };
	struct assay_plan p;
	struct totals t;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_exact_find("nanovllm"), ASSAY_EXACT_NANOVLLM);
	assert_int_equal(assay_plan_exact(&key0, ASSAY_EXACT_NANOVLLM, &p, &e), 0);
	assert_int_equal(p.n, 256);
	sum(&p, &t);
	assert_int_equal(t.prompt_tokens, 142827);
	assert_int_equal(t.output_tokens, 133966);
	assert_int_equal(p.reqs[0].prompt_tokens, 964);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(p.reqs[0].ids[i], ids[i]);
		assert_int_equal(p.reqs[i].max_tokens, outputs[i]);
	}
	assert_int_equal(assay_exact_ids(ASSAY_EXACT_NANOVLLM, NULL), 142827);
	assert_ptr_equal(p.reqs[1].ids, p.reqs[0].ids + 964);
	assert_ptr_equal(p.reqs[255].ids + p.reqs[255].prompt_tokens, p.ids + 142827);
	assay_plan_release(&p);
}

static void test_s1(void **state)
{
	(void)state;
	struct assay_plan p;
	struct totals t;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_plan_exact(&key0, ASSAY_EXACT_S1, &p, &e), 0);
	sum(&p, &t);
	assert_int_equal(p.n, 256);
	assert_int_equal(t.prompt_tokens, 2048);
	assert_int_equal(t.output_tokens, 144831);
	for (size_t i = 0; i < p.n; i++)
		assert_true(p.reqs[i].max_tokens >= 100 && p.reqs[i].max_tokens <= 1024 && p.reqs[i].prompt_tokens == 8);
	assay_plan_release(&p);
	assert_int_equal(assay_exact_find("s2"), ASSAY_EXACT_NONE);
	assert_int_equal(assay_exact_find("s1"), ASSAY_EXACT_S1);
}

static void test_exact_fit(void **state)
{
	(void)state;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_exact_check(ASSAY_EXACT_S1, 256, 50257, 1024, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "3 of 256 requests exceed"));
	assert_int_equal(assay_exact_check(ASSAY_EXACT_NANOVLLM, 256, 50257, 1024, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "146 of 256"));
	assert_int_equal(assay_exact_check(ASSAY_EXACT_NANOVLLM, 256, 10000, 8192, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "10000"));
	assert_int_equal(assay_exact_check(ASSAY_EXACT_NANOVLLM, 256, 10001, 8192, &e), 0);
	assert_int_equal(assay_exact_check(ASSAY_EXACT_S1, 256, 256, 2048, &e), 0);
	assert_int_equal(assay_exact_check(ASSAY_EXACT_S1, 3, 50257, 800, &e), ASSAY_E_USAGE); /* the first three outputs decide */
	assert_int_equal(assay_exact_check(ASSAY_EXACT_NANOVLLM, 256, 0, 0, &e), 0); /* unknown: not checked */
}

struct head { int32_t ids[8]; };

static int by_head(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct head));
}

/* Every prompt of 40 visits differs from every other within the first tokens, for small and large vocabularies. */
static void test_prompts_differ(void **state)
{
	(void)state;
	static const struct { int vocab; size_t distinct; } row[] = { { 50257, 5 }, { 151936, 4 }, { 512, 8 }, { 300, 8 } };
	enum { visits = 40, requests = 200 };
	struct head *h = xalloc(visits * requests * sizeof *h);
	for (size_t v = 0; v < sizeof row / sizeof *row; v++) {
		size_t n = 0;
		assert_true(assay_prompt_distinct(row[v].vocab) <= row[v].distinct);
		for (int i = 0; i < visits; i++)
			for (uint32_t r = 0; r < requests; r++, n++) {
				h[n] = (struct head){ { 0 } };
				assay_prompt_fill(7, (uint32_t)i / 10, i % 10 - 2, r, row[v].vocab, h[n].ids, row[v].distinct);
			}
		qsort(h, n, sizeof *h, by_head);
		for (size_t i = 1; i < n; i++)
			assert_true(memcmp(&h[i - 1], &h[i], sizeof *h));
	}
	free(h);
}

static void test_prompt_ids(void **state)
{
	(void)state;
	int32_t a[3000], b[3000], lo, hi;
	assay_prompt_range(50257, &lo, &hi);
	assert_true(lo == 512 && hi == 50257 - 512);
	assay_prompt_range(160, &lo, &hi);
	assert_true(lo == 10 && hi == 150);
	assay_prompt_fill(0, 1, -1, 9, 160, a, 3000);
	assay_prompt_fill(0, 1, -1, 9, 160, b, 3000);
	assert_memory_equal(a, b, sizeof a);
	int seen = 0;
	for (int i = 0; i < 3000; i++) {
		assert_true(a[i] >= lo && a[i] < hi);
		seen += a[i] == 77;
	}
	assert_true(seen > 3 && seen < 60); /* about 3000 / 140 */
	assay_prompt_fill(1, 1, -1, 9, 160, b, 3000);
	assert_true(memcmp(a, b, sizeof a));
	assay_prompt_fill(0, 1, -1, 9, 1, a, 4); /* one id: nothing to choose, nothing to crash */
	assert_int_equal(a[3], 0);
	assert_int_equal(assay_prompt_distinct(1), 1);
}

static void test_batch(void **state)
{
	(void)state;
	struct assay_plan p, again;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(assay_plan_batch(&key0, 32, 128, 100, &p, &e), 0);
	assert_int_equal(assay_plan_batch(&key0, 32, 128, 100, &again, &e), 0);
	assert_int_equal(p.n, 32);
	assert_memory_equal(p.ids, again.ids, 32 * 128 * sizeof *p.ids);
	for (size_t i = 0; i < 32; i++) {
		const struct assay_request *r = &p.reqs[i];
		assert_int_equal(r->id, 100 + i);
		assert_true(r->prompt_tokens == 128 && r->max_tokens == 100 && r->offset_ns == 0 && r->text == NULL);
		assert_true(r->sampling.ignore_eos && r->sampling.temperature > 0.59f);
		assert_true(i == 0 || r->sampling.seed != p.reqs[i - 1].sampling.seed);
		assert_int_equal(r->sampling.seed, again.reqs[i].sampling.seed);
	}
	assay_plan_release(&again);
	struct assay_plan_key k = key0;
	k.repeat = 1;
	assert_int_equal(assay_plan_batch(&k, 32, 128, 100, &again, &e), 0);
	assert_true(memcmp(p.ids, again.ids, 5 * sizeof *p.ids));
	assert_true(p.reqs[0].sampling.seed != again.reqs[0].sampling.seed);
	assay_plan_release(&again);
	assay_plan_release(&p);
}

static void test_bad_sizes(void **state)
{
	(void)state;
	static const struct { size_t n; int prompt, output; } row[] = {
		{ 0, 8, 8 }, { 1000001, 8, 8 }, { SIZE_MAX, 8, 8 }, { 1, 0, 8 }, { 1, -5, 8 }, { 1, 8, 0 }, { 1, 8, -1 },
		{ 1, 16777217, 8 }, { 1, 8, INT32_MAX }, { 1000, 16777216, 8 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_plan p;
		struct assay_err e = ASSAY_ERR_INIT;
		assert_int_equal(assay_plan_batch(&key0, row[i].n, row[i].prompt, row[i].output, &p, &e), ASSAY_E_USAGE);
		assert_true(strlen(e.msg) > 10 && p.reqs == NULL && p.n == 0);
		assert_int_equal(assay_plan_batch(&key0, row[i].n, row[i].prompt, row[i].output, &p, NULL), ASSAY_E_USAGE);
	}
}

static void test_lengths(void **state)
{
	(void)state;
	enum { n = 4000 };
	struct assay_length a[n], b[n];
	struct assay_clipping c;
	struct assay_len_range in = { 100, 512 }, out = { 100, 512 };
	assay_lengths_ranges(0, 2, in, out, 1024, a, n, &c);
	assert_int_equal(c.clipped, 0);
	assert_true(c.prompt == c.asked_prompt && c.longest == c.longest_asked && c.longest <= 1024);
	int lo = 1000, hi = 0;
	for (int i = 0; i < n; i++) {
		assert_true(a[i].prompt >= 100 && a[i].prompt <= 512 && a[i].output >= 100 && a[i].output <= 512);
		lo = a[i].output < lo ? a[i].output : lo;
		hi = a[i].output > hi ? a[i].output : hi;
	}
	assert_true(lo == 100 && hi == 512); /* both ends are reached */
	double mean = (double)c.output / n;
	assert_true(mean > 296 && mean < 316); /* 306 +- 5 sd */
	assay_lengths_ranges(0, 2, in, out, 1024, b, 10, NULL);
	assert_memory_equal(a, b, sizeof *a * 10); /* more requests change no earlier one */
	assay_lengths_ranges(0, 2, in, out, 600, b, n, &c);
	size_t clipped = 0;
	uint64_t prompt = 0, output = 0;
	for (int i = 0; i < n; i++) {
		clipped += a[i].prompt + a[i].output > 600;
		assert_true(b[i].prompt + b[i].output <= 600 && b[i].prompt == a[i].prompt && b[i].output >= 1);
		prompt += (uint64_t)b[i].prompt;
		output += (uint64_t)b[i].output;
	}
	assert_true(clipped > 0 && c.clipped == clipped && c.prompt == prompt && c.output == output);
	assert_true(c.longest == 600 && c.longest_asked > 600 && c.asked_output > c.output && c.asked_prompt == c.prompt);
}

static void test_clip(void **state)
{
	(void)state;
	static const struct { struct assay_length in; int context; struct assay_length out; int cut; } row[] = {
		{ { 900, 16 }, 1024, { 900, 16 }, 0 }, { { 1000, 24 }, 1024, { 1000, 24 }, 0 }, { { 1000, 25 }, 1024, { 1000, 24 }, 1 },
		{ { 1024, 100 }, 1024, { 1023, 1 }, 1 }, { { 4096, 32 }, 1024, { 1023, 1 }, 1 }, { { 4096, 32 }, 0, { 4096, 32 }, 0 },
		{ { 5, 5 }, 1, { 1, 1 }, 1 }, { { INT32_MAX, INT32_MAX }, 1024, { 1023, 1 }, 1 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct assay_length l = row[i].in;
		assert_int_equal(assay_length_clip(&l, row[i].context), row[i].cut);
		assert_true(l.prompt == row[i].out.prompt && l.output == row[i].out.output);
	}
}

static void test_given(void **state)
{
	(void)state;
	static const int32_t one[] = { 5, 6, 7 }, two[] = { 9 };
	const struct assay_given_prompt g[] = { { one, 3, "first" }, { two, 1, "second" }, { NULL, 0, "third" } };
	struct assay_plan p;
	struct assay_err e = ASSAY_ERR_INIT;
	struct assay_plan_key k = key0;
	assert_int_equal(assay_plan_given(&k, g, 3, 4, 20, &p, &e), 0);
	assert_int_equal(p.n, 4);
	assert_true(p.reqs[0].prompt_tokens == 3 && p.reqs[0].ids[2] == 7 && p.reqs[1].ids[0] == 9 && p.reqs[3].ids[0] == 5);
	assert_true(p.reqs[2].ids == NULL && p.reqs[2].prompt_tokens == 0 && !strcmp(p.reqs[2].text, "third"));
	assert_true(p.reqs[0].ids != one && p.reqs[0].max_tokens == 20);
	assay_plan_release(&p);
	k.repeat = 1; /* goes on after the four of repeat 0 */
	assert_int_equal(assay_plan_given(&k, g, 3, 4, 20, &p, &e), 0);
	assert_string_equal(p.reqs[0].text, "second");
	assay_plan_release(&p);
	k.repeat = -1;
	assert_int_equal(assay_plan_given(&k, g, 2, 1, 20, &p, &e), 0);
	assert_string_equal(p.reqs[0].text, "second");
	assay_plan_release(&p);
	const struct assay_given_prompt empty = { one, 0, "x" }, none = { NULL, 0, NULL };
	assert_int_equal(assay_plan_given(&k, &empty, 1, 1, 20, &p, &e), ASSAY_E_USAGE);
	assert_int_equal(assay_plan_given(&k, &none, 1, 1, 20, &p, &e), ASSAY_E_USAGE);
	assert_int_equal(assay_plan_given(&k, g, 0, 1, 20, &p, &e), ASSAY_E_USAGE);
	assert_int_equal(assay_plan_given(&k, g, 1, 1, 0, &p, &e), ASSAY_E_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_randint), cmocka_unit_test(test_nanovllm), cmocka_unit_test(test_s1), cmocka_unit_test(test_exact_fit),
		cmocka_unit_test(test_prompts_differ), cmocka_unit_test(test_prompt_ids), cmocka_unit_test(test_batch),
		cmocka_unit_test(test_bad_sizes), cmocka_unit_test(test_lengths), cmocka_unit_test(test_clip), cmocka_unit_test(test_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
