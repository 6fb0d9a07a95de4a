/* Estimates, p values and verdicts of a comparison; see ab_stats.h. */
#include "analysis/ab_stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "metrics/summary.h"

static void mean_and_variance(const double *x, size_t n, double *mean, double *var)
{
	double sum = 0, ss = 0;
	for (size_t i = 0; i < n; i++)
		sum += x[i];
	*mean = n ? sum / (double)n : NAN;
	for (size_t i = 0; i < n; i++)
		ss += (x[i] - *mean) * (x[i] - *mean);
	*var = n > 1 ? ss / (double)(n - 1) : NAN;
}

void assay_ab_pairs(const double *d, size_t n, struct assay_ab_estimate *out)
{
	double var;
	*out = (struct assay_ab_estimate){ .n_a = n, .n_b = n, .df = n > 1 ? (double)(n - 1) : NAN };
	mean_and_variance(d, n, &out->effect, &var);
	out->sd = sqrt(var);
	out->se = out->sd / sqrt((double)n);
}

void assay_ab_welch(const double *ln_a, size_t n_a, const double *ln_b, size_t n_b, double session_sd, double session_df, struct assay_ab_estimate *out)
{
	double ma, mb, va, vb;
	*out = (struct assay_ab_estimate){ .n_a = n_a, .n_b = n_b };
	mean_and_variance(ln_a, n_a, &ma, &va);
	mean_and_variance(ln_b, n_b, &mb, &vb);
	double a = va / (double)n_a, b = vb / (double)n_b, s = 2 * session_sd * session_sd, all = a + b + s;
	double spread = a * a / (double)(n_a - 1) + b * b / (double)(n_b - 1) + (s > 0 ? s * s / session_df : 0);
	out->effect = mb - ma;
	out->sd = sqrt(va + vb);
	out->se = sqrt(all);
	out->df = isnan(all) ? NAN : all * all > 0 && spread > 0 ? all * all / spread : (double)(n_a + n_b - 2);
}

double assay_ab_t(double coverage, double df)
{
	return assay_t_quantile(0.5 + coverage / 2, fmin(df, 1e5));
}

double assay_ab_t_p(const struct assay_ab_estimate *x)
{
	if (isnan(x->se) || isnan(x->df))
		return NAN;
	if (!(x->se > 0))
		return x->effect == 0 ? 1 : 0;
	return fmin(1, 2 * assay_t_upper(fabs(x->effect) / x->se, fmin(x->df, 1e5)));
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Sums of all 2^n signings of d, sorted. */
static void signed_sums(const double *d, size_t n, double *out)
{
	out[0] = 0;
	for (size_t i = 0, m = 1; i < n; i++, m *= 2)
		for (size_t k = 0; k < m; k++) {
			out[m + k] = out[k] + d[i];
			out[k] -= d[i];
		}
	qsort(out, (size_t)1 << n, sizeof *out, by_value);
}

/* Below this two sums are the same sum added in another order. */
static double reached(const double *d, size_t n)
{
	double sum = 0, size = 0;
	for (size_t i = 0; i < n; i++) {
		sum += d[i];
		size += fabs(d[i]);
	}
	return fabs(sum) - 1e-12 * size;
}

/* Each half's sums sorted; for every left sum the right ones that bring it to the bound, by a walk from the other end. */
static double flip_exact(const double *d, size_t n)
{
	enum { HALF = 1 << (ASSAY_AB_EXACT_PAIRS / 2) };
	double left[HALF], right[HALF], bound = reached(d, n);
	size_t nl = n / 2, nr = n - nl, ml = (size_t)1 << nl, mr = (size_t)1 << nr, from = mr, hits = 0;
	if (bound <= 0)
		return 1;
	signed_sums(d, nl, left);
	signed_sums(d + nl, nr, right);
	for (size_t i = 0; i < ml; i++) { /* left rises, so the first right sum with left + right >= bound falls */
		while (from > 0 && left[i] + right[from - 1] >= bound)
			from--;
		hits += mr - from;
	}
	return 2 * (double)hits / ((double)ml * (double)mr); /* the other tail is its mirror */
}

double assay_ab_flip_sampled(const double *d, size_t n, uint64_t seed, size_t flips)
{
	enum { CHUNKS = 128 };
	double sums[CHUNKS][256], bound = reached(d, n);
	size_t chunks = (n + 7) / 8, words = (n + 63) / 64, hits = 0;
	if (chunks > CHUNKS)
		return NAN;
	for (size_t c = 0; c < chunks; c++)
		for (int bits = 0; bits < 256; bits++) {
			sums[c][bits] = 0;
			for (size_t i = c * 8; i < n && i < c * 8 + 8; i++)
				sums[c][bits] += bits >> (i - c * 8) & 1 ? d[i] : -d[i];
		}
	for (size_t f = 0; f < flips; f++) {
		double sum = 0;
		for (size_t w = 0; w < words; w++) {
			uint64_t r = assay_rng_at(seed, f * words + w);
			for (size_t c = w * 8; c < chunks && c < w * 8 + 8; c++, r >>= 8)
				sum += sums[c][r & 255];
		}
		hits += fabs(sum) >= bound;
	}
	return (double)(hits + 1) / (double)(flips + 1);
}

double assay_ab_flip_p(const double *d, size_t n, uint64_t seed)
{
	if (!n)
		return NAN;
	return n <= ASSAY_AB_EXACT_PAIRS ? flip_exact(d, n) : assay_ab_flip_sampled(d, n, seed, ASSAY_AB_FLIPS);
}

void assay_ab_holm(double *p, size_t n)
{
	size_t order[ASSAY_AB_FAMILY], m = 0;
	for (size_t i = 0; i < n && i < ASSAY_AB_FAMILY; i++) {
		if (isnan(p[i]))
			continue;
		size_t at = m++;
		for (; at > 0 && p[order[at - 1]] > p[i]; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	double least = 0;
	for (size_t k = 0; k < m; k++) {
		least = fmin(1, fmax(least, p[order[k]] * (double)(m - k)));
		p[order[k]] = least;
	}
}

double assay_ab_percent(double effect)
{
	return 100 * expm1(effect);
}

double assay_ab_visible(const struct assay_ab_estimate *x)
{
	return isnan(x->df) ? NAN : (assay_ab_t(0.95, x->df) + assay_ab_t(0.60, x->df)) * x->se;
}

static double visible_with(double sd, int n)
{
	struct assay_ab_estimate x = { .se = sd / sqrt(n), .df = n - 1 };
	return assay_ab_visible(&x);
}

int assay_ab_pairs_needed(double sd, double target)
{
	int lo = 1, hi = ASSAY_AB_PAIRS_CAP + 1; /* lo does not do, hi does (or is the cap) */
	while (hi - lo > 1) {
		int mid = (lo + hi) / 2;
		if (visible_with(sd, mid) <= target)
			hi = mid;
		else
			lo = mid;
	}
	return hi;
}

enum assay_ab_verdict assay_ab_decide(double p_adjusted, double alpha, double effect, double lo, double hi, double min_effect, int sign)
{
	double pct = expm1(effect);
	if (p_adjusted <= alpha && fabs(pct) > min_effect)
		return pct * sign > 0 ? ASSAY_AB_BETTER : ASSAY_AB_WORSE;
	return expm1(lo) > -min_effect && expm1(hi) < min_effect ? ASSAY_AB_SAME : ASSAY_AB_UNDECIDED;
}

enum assay_ab_verdict assay_ab_overall(const enum assay_ab_verdict *v, size_t n)
{
	size_t count[4] = { 0 };
	for (size_t i = 0; i < n; i++)
		count[v[i]]++;
	if (count[ASSAY_AB_WORSE])
		return ASSAY_AB_WORSE;
	if (count[ASSAY_AB_UNDECIDED] || !n)
		return ASSAY_AB_UNDECIDED;
	return count[ASSAY_AB_BETTER] ? ASSAY_AB_BETTER : ASSAY_AB_SAME;
}
