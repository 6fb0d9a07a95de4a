/* See sampler.h. Top-k and top-p are both "keep everything down to one candidate":
 * a heap gives the candidates in order until the count or the probability is
 * reached, so only what is kept is ordered. */
#include "nn/sampler.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "nn/kernels_argmax.h"

struct nn_candidate {
	float logit;
	int32_t id;
};

_Static_assert(sizeof(float) + sizeof(struct nn_candidate) == NN_SAMPLER_BYTES, "sampler.h tells what init allocates");

void nn_sampler_init(struct nn_sampler *s, int vocab, uint64_t seed)
{
	*s = (struct nn_sampler){ .vocab = vocab, .key = assay_rng_key(seed, UINT64_C(0x73616d706c65)) };
	s->weight = xalloc((size_t)vocab * sizeof *s->weight);
	s->heap = xalloc((size_t)vocab * sizeof *s->heap);
}

void nn_sampler_release(struct nn_sampler *s)
{
	free(s->weight);
	free(s->heap);
	*s = (struct nn_sampler){ 0 };
}

/* Larger logit first, then lower id: a total order, so equal logits cannot change the outcome. */
static bool before(struct nn_candidate a, struct nn_candidate b)
{
	return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void sift_down(struct nn_candidate *h, int n, int i)
{
	struct nn_candidate x = h[i];
	for (int child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && before(h[child + 1], h[child]))
			child++;
		if (!before(h[child], x))
			break;
		h[i] = h[child];
	}
	h[i] = x;
}

static struct nn_candidate pop(struct nn_candidate *h, int *n)
{
	struct nn_candidate top = h[0];
	h[0] = h[--*n];
	sift_down(h, *n, 0);
	return top;
}

static void make_heap(const struct nn_sampler *s, const float *logits)
{
	for (int i = 0; i < s->vocab; i++)
		s->heap[i] = (struct nn_candidate){ logits[i], i };
	for (int i = s->vocab / 2 - 1; i >= 0; i--)
		sift_down(s->heap, s->vocab, i);
}

/* Weights relative to the largest logit; their sum. */
static double weigh(const struct nn_sampler *s, const float *logits, float top, float temperature)
{
	double sum = 0;
	for (int i = 0; i < s->vocab; i++) {
		s->weight[i] = expf((logits[i] - top) / temperature);
		sum += s->weight[i];
	}
	return sum;
}

static int32_t draw_all(const struct nn_sampler *s, double target)
{
	double sum = 0;
	int32_t last = 0;
	for (int32_t i = 0; i < s->vocab; i++) {
		sum += s->weight[i];
		if (s->weight[i] > 0)
			last = i;
		if (sum > target)
			return i;
	}
	return last;
}

/* Pops candidates into the free end of the heap array (best at the end), as many as top_k and top_p keep. */
static int keep(const struct nn_sampler *s, const struct nn_sampling *how, double total, double *mass)
{
	int n = s->vocab, k = how->top_k > 0 && how->top_k < s->vocab ? how->top_k : s->vocab, kept = 0;
	bool cut_mass = how->top_p < 1;
	*mass = 0;
	if (cut_mass && k < s->vocab) { /* top_p is a share of what top_k leaves */
		total = 0;
		while (kept < k) {
			struct nn_candidate c = pop(s->heap, &n);
			s->heap[n] = c;
			total += s->weight[c.id];
			kept++;
		}
		for (int i = 0; i < kept; i++) {
			*mass += s->weight[s->heap[s->vocab - 1 - i].id];
			if (*mass >= how->top_p * total)
				return i + 1;
		}
		return kept;
	}
	while (kept < k && !(cut_mass && kept && *mass >= how->top_p * total)) {
		struct nn_candidate c = pop(s->heap, &n);
		s->heap[n] = c;
		*mass += s->weight[c.id];
		kept++;
	}
	return kept;
}

int32_t nn_sample(struct nn_sampler *s, const float *logits, const struct nn_sampling *how, uint64_t position)
{
	int best = nn_argmax(logits, s->vocab);
	if (best < 0 || !(how->temperature > 0) || how->top_k == 1)
		return best;
	double u = assay_rng_unit(assay_rng_key(s->key, how->seed), position);
	double mass, total = weigh(s, logits, logits[best], how->temperature);
	if (how->top_k <= 0 && !(how->top_p < 1))
		return draw_all(s, u * total);
	make_heap(s, logits);
	int kept = keep(s, how, total, &mass);
	double sum = 0;
	for (int i = 0; i < kept; i++) {
		int32_t id = s->heap[s->vocab - 1 - i].id;
		sum += s->weight[id];
		if (sum > u * mass)
			return id;
	}
	return s->heap[s->vocab - kept].id;
}
