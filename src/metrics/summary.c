/* Samples to summary. Percentiles are exact order statistics of all samples; nothing is binned, dropped or
 * clamped. Must not know what the samples mean. */
#include "metrics/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

static const double pcts[ASSAY_PCTS] = { 0.50, 0.90, 0.95, 0.99 };
/* Fewest samples for a one-sided 99 % confidence statement on the percentile (MLPerf early stopping, one over the bound allowed). */
static const size_t floors[ASSAY_PCTS] = { 0, 64, 130, 662 };
enum { min_interval_n = 6, boot_seed = 20261122, boot_most = 1000, boot_least = 200 };
static const double boot_work = 2e8; /* samples looked at in one bootstrap, at most (but never under boot_least rounds) */

/* Percentiles are exact in millionths, so that ranks are integer arithmetic: 0.99 * n must not miss a rank by one ulp. */
static uint64_t millionths(double p)
{
	return (uint64_t)llround(p * 1e6);
}

static size_t nearest_rank(size_t n, double p)
{
	uint64_t k = (uint64_t)(((unsigned __int128)n * millionths(p) + 999999) / 1000000);
	return k < 1 ? 1 : k > n ? n : (size_t)k;
}

double assay_percentile_nearest(const double *sorted, size_t n, double p)
{
	return n ? sorted[nearest_rank(n, p) - 1] : NAN;
}

double assay_percentile_linear(const double *sorted, size_t n, double p)
{
	if (!n)
		return NAN;
	double k = (double)(n - 1) * p;
	size_t i = (size_t)k;
	if (i >= n - 1)
		return sorted[n - 1];
	return sorted[i] + (sorted[i + 1] - sorted[i]) * (k - (double)i);
}

double assay_percentile_floor(const double *sorted, size_t n, double p)
{
	if (!n)
		return NAN;
	size_t i = (size_t)((unsigned __int128)n * millionths(p) / 1000000);
	return sorted[i < n ? i : n - 1];
}

/* Continued fraction of the incomplete beta function by the modified Lentz method (DLMF 8.17.22). */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1);
	d = 1 / (fabs(d) < tiny ? tiny : d);
	double h = d;
	for (int m = 1; m < 100000; m++) {
		const double up[2] = { m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
		                 -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)) };
		double before = h;
		for (int i = 0; i < 2; i++) {
			d = 1 + up[i] * d;
			c = 1 + up[i] / c;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = fabs(c) < tiny ? tiny : c;
			h *= d * c;
		}
		if (fabs(h - before) <= 1e-16 * fabs(h))
			break;
	}
	return h;
}

/* Regularised incomplete beta I_x(a, b), a > 0, b > 0; y = 1 - x is passed apart so that neither end loses digits. */
static double beta_regularised(double a, double b, double x, double y)
{
	if (x <= 0 || y <= 0)
		return x <= 0 ? 0 : 1;
	int sign;
	double front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) + a * log(x) + b * log(y));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, y) / b;
}

double assay_binomial_cdf(size_t k, size_t n, double p)
{
	if (k >= n)
		return 1;
	return beta_regularised((double)(n - k), (double)k + 1, 1 - p, p);
}

double assay_t_upper(double t, double df)
{
	return 0.5 * beta_regularised(df / 2, 0.5, df / (df + t * t), t * t / (df + t * t));
}

/* Bisection on the tail: slow, and right for every df > 0 and p in (0, 1). */
double assay_t_quantile(double p, double df)
{
	if (!(df > 0) || !(p > 0 && p < 1))
		return NAN;
	if (p < 0.5)
		return -assay_t_quantile(1 - p, df);
	double lo = 0, hi = 1;
	while (assay_t_upper(hi, df) > 1 - p && hi < 1e300)
		hi *= 2;
	for (int i = 0; i < 200 && hi - lo > 1e-15 * hi; i++) {
		double mid = lo + (hi - lo) / 2;
		if (assay_t_upper(mid, df) > 1 - p)
			lo = mid;
		else
			hi = mid;
	}
	return lo + (hi - lo) / 2;
}

void assay_quantile_ranks(size_t n, double p, size_t *lo, size_t *hi)
{
	/* The number of samples under the quantile is Binomial(n, p). lo: the most with P(fewer than lo) <= 2.5 %; hi: the least with
	 * P(hi or more) <= 2.5 %. Both by bisection of a monotone function. */
	size_t a = 0, b = n + 1;
	while (b - a > 1) {
		size_t mid = a + (b - a) / 2;
		if (assay_binomial_cdf(mid - 1, n, p) <= 0.025)
			a = mid;
		else
			b = mid;
	}
	*lo = a;
	a = 0, b = n + 1;
	while (b - a > 1) {
		size_t mid = a + (b - a) / 2;
		if (1 - assay_binomial_cdf(mid - 1, n, p) <= 0.025)
			b = mid;
		else
			a = mid;
	}
	*hi = b;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void mean_and_std(const double *x, size_t n, struct assay_summary *out)
{
	double sum = 0, dev = 0, sq = 0;
	for (size_t i = 0; i < n; i++)
		sum += x[i];
	out->mean = sum / (double)n;
	for (size_t i = 0; i < n; i++) {
		double d = x[i] - out->mean;
		dev += d;
		sq += d * d;
	}
	/* What rounding of the sum put into the mean is taken out of both: equal samples have their own value as mean, and no spread. */
	out->mean += dev / (double)n;
	if (n > 1)
		out->std = sqrt(fmax(0, sq - dev * dev / (double)n) / (double)(n - 1));
}

static void summary_empty(struct assay_summary *s, size_t n, size_t failed)
{
	*s = (struct assay_summary){ .n = n, .failed = failed, .units = n, .mean = NAN, .std = NAN, .min = NAN, .max = NAN, .ci95 = { NAN, NAN } };
	for (int i = 0; i < ASSAY_PCTS; i++)
		s->pct[i] = s->linear[i] = s->floor_index[i] = s->with_failures[i] = s->pct_ci95[i][0] = s->pct_ci95[i][1] = NAN;
}

/* Everything but intervals and floors, from sorted samples. */
static void summarise_points(const double *x, size_t n, size_t failed, struct assay_summary *out)
{
	summary_empty(out, n, failed);
	for (int i = 0; i < ASSAY_PCTS; i++) {
		if (n + failed > 0) {
			size_t rank = nearest_rank(n + failed, pcts[i]);
			out->with_failures[i] = rank <= n ? x[rank - 1] : INFINITY;
		}
		out->pct[i] = assay_percentile_nearest(x, n, pcts[i]);
		out->linear[i] = assay_percentile_linear(x, n, pcts[i]);
		out->floor_index[i] = assay_percentile_floor(x, n, pcts[i]);
	}
	if (!n)
		return;
	out->min = x[0];
	out->max = x[n - 1];
	mean_and_std(x, n, out);
}

void assay_summary_needs(struct assay_summary *s)
{
	for (int i = 0; i < ASSAY_PCTS; i++)
		s->need[i] = s->units < floors[i] ? floors[i] : 0;
}

void assay_summarise(double *x, size_t n, size_t failed, struct assay_summary *out)
{
	if (n)
		qsort(x, n, sizeof *x, by_value);
	summarise_points(x, n, failed, out);
	assay_summary_needs(out);
	if (n > 1) {
		double half = assay_t_quantile(0.975, (double)(n - 1)) * out->std / sqrt((double)n);
		out->ci95[0] = out->mean - half;
		out->ci95[1] = out->mean + half;
	}
	for (int i = 0; i < ASSAY_PCTS && n >= min_interval_n; i++) {
		size_t lo, hi;
		assay_quantile_ranks(n, pcts[i], &lo, &hi);
		out->pct_ci95[i][0] = lo >= 1 ? x[lo - 1] : NAN;
		out->pct_ci95[i][1] = hi <= n ? x[hi - 1] : NAN;
	}
}

/* ---- clustered samples ---- */

struct pair { double x; uint32_t cluster; };

static int by_pair(const void *a, const void *b)
{
	const struct pair *p = a, *q = b;
	int c = by_value(&p->x, &q->x);
	return c ? c : (p->cluster > q->cluster) - (p->cluster < q->cluster);
}

static void sort_together(double *x, uint32_t *cluster, size_t n)
{
	struct pair *p = xalloc(n * sizeof *p);
	for (size_t i = 0; i < n; i++)
		p[i] = (struct pair){ x[i], cluster[i] };
	qsort(p, n, sizeof *p, by_pair);
	for (size_t i = 0; i < n; i++) {
		x[i] = p[i].x;
		cluster[i] = p[i].cluster;
	}
	free(p);
}

/* One round: whole clusters drawn with replacement; est[0..PCTS) the percentiles, est[PCTS] the mean. */
static void resample(const double *x, const uint32_t *cluster, size_t n, uint32_t *times, uint32_t clusters, uint64_t key,
                     double est[ASSAY_PCTS + 1])
{
	memset(times, 0, clusters * sizeof *times);
	for (uint32_t i = 0; i < clusters; i++)
		times[assay_rng_below(key, i, clusters)]++;
	size_t total = 0;
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		total += times[cluster[i]];
		sum += times[cluster[i]] * x[i];
	}
	est[ASSAY_PCTS] = total ? sum / (double)total : NAN;
	size_t seen = 0;
	int next = 0;
	for (size_t i = 0; i < n && next < ASSAY_PCTS; i++) {
		seen += times[cluster[i]];
		while (next < ASSAY_PCTS && total && seen >= nearest_rank(total, pcts[next]))
			est[next++] = x[i];
	}
	while (next < ASSAY_PCTS)
		est[next++] = NAN;
}

static void bootstrap(const double *x, const uint32_t *cluster, size_t n, uint32_t clusters, struct assay_summary *out)
{
	double afford = boot_work / (double)n;
	size_t rounds = afford > boot_most ? boot_most : afford < boot_least ? boot_least : (size_t)afford, got[ASSAY_PCTS + 1] = { 0 };
	uint32_t *times = xalloc(clusters * sizeof *times);
	double *est[ASSAY_PCTS + 1], one[ASSAY_PCTS + 1];
	for (int i = 0; i <= ASSAY_PCTS; i++)
		est[i] = xalloc(rounds * sizeof **est);
	for (size_t r = 0; r < rounds; r++) {
		resample(x, cluster, n, times, clusters, assay_rng_key(boot_seed, r), one);
		for (int i = 0; i <= ASSAY_PCTS; i++)
			if (!isnan(one[i]))
				est[i][got[i]++] = one[i];
	}
	for (int i = 0; i <= ASSAY_PCTS; i++) {
		double *to = i < ASSAY_PCTS ? out->pct_ci95[i] : out->ci95;
		qsort(est[i], got[i], sizeof **est, by_value);
		to[0] = assay_percentile_nearest(est[i], got[i], 0.025);
		to[1] = assay_percentile_nearest(est[i], got[i], 0.975);
		free(est[i]);
	}
	free(times);
}

void assay_summarise_clustered(double *x, uint32_t *cluster, size_t n, uint32_t clusters, struct assay_summary *out)
{
	if (n)
		sort_together(x, cluster, n);
	summarise_points(x, n, 0, out);
	out->units = clusters;
	assay_summary_needs(out);
	if (n && clusters >= min_interval_n)
		bootstrap(x, cluster, n, clusters, out);
}
