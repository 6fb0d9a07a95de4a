/* Sampling: known answers, which tokens may come, how often, and that nothing but (seed, request seed, position) decides. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "nn/kernels_argmax.h"
#include "nn/sampler.h"

enum { VOCAB = 1000 };

static void test_argmax(void **state)
{
	(void)state;
	float v[200];
	for (int n = 1; n <= 200; n++)
		for (int at = 0; at < n; at += 1 + n / 7) {
			for (int i = 0; i < n; i++)
				v[i] = -(float)(i % 13) - 1;
			v[at] = 3;
			assert_int_equal(nn_argmax(v, n), at);
			v[n - 1] = 3; /* the first of equals */
			assert_int_equal(nn_argmax(v, n), at);
			v[at] = NAN;
			assert_int_equal(nn_argmax(v, n), -1);
			v[at] = INFINITY;
			assert_int_equal(nn_argmax(v, n), -1);
			v[at] = -INFINITY; /* is ordered like any other; only a row of nothing else has no answer */
			if (at < n - 1)
				assert_int_equal(nn_argmax(v, n), n - 1);
		}
	for (int i = 0; i < 200; i++)
		v[i] = -INFINITY;
	assert_int_equal(nn_argmax(v, 200), -1);
}

static void fill(float *logits, uint64_t key)
{
	for (int i = 0; i < VOCAB; i++)
		logits[i] = (float)(8 * assay_rng_unit(key, (uint64_t)i) - 4);
}

static void test_greedy(void **state)
{
	(void)state;
	struct nn_sampler s;
	float logits[VOCAB];
	nn_sampler_init(&s, VOCAB, 1);
	fill(logits, 5);
	const int best = nn_argmax(logits, VOCAB);
	const struct nn_sampling same[] = { { 0, 0, 1, 7 }, { 0, 50, 0.5f, 7 }, { 2, 1, 1, 7 }, { 1e-6f, 0, 1, 7 }, { 1, 0, 1e-6f, 7 }, { 1, 5, 1e-6f, 7 } };
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		for (uint64_t pos = 0; pos < 50; pos++)
			assert_int_equal(nn_sample(&s, logits, &same[i], pos), best);
	logits[3] = NAN;
	assert_int_equal(nn_sample(&s, logits, &same[0], 0), -1);
	nn_sampler_release(&s);
}

static void test_repeatable(void **state)
{
	(void)state;
	struct nn_sampler a, b, c;
	float logits[VOCAB];
	nn_sampler_init(&a, VOCAB, 1);
	nn_sampler_init(&b, VOCAB, 1);
	nn_sampler_init(&c, VOCAB, 2);
	fill(logits, 6);
	const struct nn_sampling how = { 1, 40, 0.9f, 77 }, other = { 1, 40, 0.9f, 78 };
	int by_seed = 0, by_request = 0, by_position = 0;
	for (uint64_t pos = 0; pos < 200; pos++) {
		int32_t t = nn_sample(&a, logits, &how, pos);
		nn_sample(&b, logits, &other, 199 - pos); /* what came between must not matter */
		assert_int_equal(nn_sample(&b, logits, &how, pos), t);
		by_seed += nn_sample(&c, logits, &how, pos) != t;
		by_request += nn_sample(&a, logits, &other, pos) != t;
		by_position += nn_sample(&a, logits, &how, pos + 1) != t;
	}
	assert_true(by_seed > 100 && by_request > 100 && by_position > 100);
	nn_sampler_release(&a);
	nn_sampler_release(&b);
	nn_sampler_release(&c);
}

/* Probabilities after temperature, top-k and top-p, the slow and obvious way: sort everything. */
static int cmp_index(const void *x, const void *y, void *logits)
{
	const float *l = logits;
	int a = *(const int *)x, b = *(const int *)y;
	return l[a] != l[b] ? (l[a] < l[b] ? 1 : -1) : a - b;
}

static void expect(const float *logits, int n, const struct nn_sampling *how, double *p)
{
	int order[16];
	double weight[16], sum = 0, kept = 0;
	for (int i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, (size_t)n, sizeof *order, cmp_index, (void *)logits);
	int k = how->top_k > 0 && how->top_k < n ? how->top_k : n, m = 0;
	for (int i = 0; i < k; i++)
		sum += weight[i] = exp(((double)logits[order[i]] - logits[order[0]]) / how->temperature);
	while (m < k && (how->top_p >= 1 || m == 0 || kept < how->top_p * sum))
		kept += weight[m++];
	memset(p, 0, (size_t)n * sizeof *p);
	for (int i = 0; i < m; i++)
		p[order[i]] = weight[i] / kept;
}

static void test_frequencies(void **state)
{
	(void)state;
	enum { N = 10, DRAWS = 20000 };
	const float logits[N] = { 0.5f, 2, -1, 2, 1.5f, -INFINITY, 0, 1, -3, 0.25f };
	const struct nn_sampling row[] = {
		{ 1, 0, 1, 1 }, { 0.5f, 0, 1, 2 }, { 3, 0, 1, 3 }, { 1, 3, 1, 4 }, { 1, 0, 0.6f, 5 }, { 1, 4, 0.8f, 6 }, { 1, 1, 0.5f, 7 },
		{ 1, 100, 1, 8 }, { 2, 5, 0.99f, 9 }, { 1, 2, 0.4f, 10 },
	};
	struct nn_sampler s;
	nn_sampler_init(&s, N, 3);
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		double want[N];
		int seen[N] = { 0 };
		expect(logits, N, &row[i], want);
		for (uint64_t pos = 0; pos < DRAWS; pos++)
			seen[nn_sample(&s, logits, &row[i], pos)]++;
		for (int t = 0; t < N; t++) {
			double sd = sqrt(want[t] * (1 - want[t]) / DRAWS), got = (double)seen[t] / DRAWS;
			if (want[t] == 0 ? seen[t] != 0 : fabs(got - want[t]) > 5 * sd + 1e-9)
				fail_msg("row %zu token %d: %g, expected %g", i, t, got, want[t]);
		}
	}
	nn_sampler_release(&s);
}

/* On many tokens: what comes is among the k best, and among those that reach p. */
static void test_support(void **state)
{
	(void)state;
	struct nn_sampler s;
	float logits[VOCAB];
	fill(logits, 9);
	nn_sampler_init(&s, VOCAB, 4);
	const struct nn_sampling k = { 5, 20, 1, 1 }, p = { 1, 0, 0.3f, 1 };
	for (uint64_t pos = 0; pos < 2000; pos++) {
		int32_t t = nn_sample(&s, logits, &k, pos);
		int better = 0;
		for (int i = 0; i < VOCAB; i++)
			better += logits[i] > logits[t];
		assert_true(better < 20);
		t = nn_sample(&s, logits, &p, pos);
		double above = 0, all = 0;
		for (int i = 0; i < VOCAB; i++) {
			all += exp(logits[i]);
			above += logits[i] > logits[t] ? exp(logits[i]) : 0;
		}
		assert_true(above < 0.3001 * all);
	}
	nn_sampler_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_argmax),      cmocka_unit_test(test_greedy),  cmocka_unit_test(test_repeatable),
		cmocka_unit_test(test_frequencies), cmocka_unit_test(test_support),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
