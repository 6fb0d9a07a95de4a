/* See change_points.h. */
#include "analysis/change_points.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/series_stats.h"
#include "base/mem.h"
#include "base/rng.h"

enum { NEARBY = 25 };
#define BY_CHANCE 0.5 /* over sqrt(n): an autocorrelation below it is taken as none */

struct work { const double *x; double level; uint64_t seed; double *rank, *scratch, *line, *null; struct assay_change *out; size_t n; };

struct ranked { double x; size_t at; };

static int by_value(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	return (x->x > y->x) - (x->x < y->x);
}

/* Ranks less their mean; equal values share the middle of theirs. */
static void ranks(const double *x, size_t n, double *out)
{
	struct ranked *r = xalloc(n * sizeof *r);
	for (size_t i = 0; i < n; i++)
		r[i] = (struct ranked){ x[i], i };
	qsort(r, n, sizeof *r, by_value);
	for (size_t i = 0, k; i < n; i = k) {
		for (k = i + 1; k < n && r[k].x == r[i].x; k++)
			;
		for (size_t j = i; j < k; j++)
			out[r[j].at] = (double)(i + k - 1) / 2 - (double)(n - 1) / 2;
	}
	free(r);
}

/* The largest of |sum of the first k|^2 n / (k (n - k)) over the splits, up to a constant; *at its k. */
static double scan(const double *rank, size_t n, size_t *at)
{
	double best = 0, sum = 0;
	*at = 0;
	for (size_t k = 1; k + ASSAY_CHANGE_SEGMENT <= n; k++) {
		sum += rank[k - 1];
		double s = k < ASSAY_CHANGE_SEGMENT ? 0 : sum * sum / ((double)k * (double)(n - k));
		if (s > best) {
			best = s;
			*at = k;
		}
	}
	return best;
}

static void shuffle(double *x, size_t n, uint64_t key)
{
	for (size_t i = n - 1; i > 0; i--) {
		size_t k = assay_rng_below(key, i, i + 1);
		double t = x[i];
		x[i] = x[k];
		x[k] = t;
	}
}

/* One draw of the null: x (shuffled in place) as it is, or as the innovations of a series in which each value inherits rho of the last. */
static double draw(struct work *w, double *x, size_t n, double rho, uint64_t key)
{
	size_t at;
	shuffle(x, n, key);
	if (!(rho > 0))
		return scan(x, n, &at);
	double *z = w->line, last = x[0] / sqrt(1 - rho * rho);
	for (size_t i = 0; i < n; i++)
		z[i] = last = i ? rho * last + x[i] : last;
	ranks(z, n, w->rank);
	return scan(w->rank, n, &at);
}

/* Share of draws whose scan reaches `seen`; stops as soon as it must pass the level, and then says 1. */
static double p_value(struct work *w, double *x, size_t n, double rho, double seen, uint64_t key)
{
	uint64_t draws = n <= 20 ? 10 * (ASSAY_CHANGE_DRAWS + 1) - 1 : ASSAY_CHANGE_DRAWS;
	size_t most = (size_t)(w->level * (double)(draws + 1)), reached = 1;
	for (uint64_t d = 0; d < draws; d++) {
		reached += draw(w, x, n, rho, assay_rng_key(key, d)) >= seen * (1 - 1e-12);
		if (reached > most)
			return 1;
	}
	return (double)reached / (double)(draws + 1);
}

/* Residuals after two levels into out, far ones pulled in to 3 robust standard deviations; their lag-1 autocorrelation. */
static double residuals(struct work *w, const double *x, size_t n, size_t at, double *out)
{
	double a = assay_median(x, at, w->scratch), b = assay_median(x + at, n - at, w->scratch), up = 0, down = 0;
	for (size_t i = 0; i < n; i++)
		out[i] = fabs(x[i] - (i < at ? a : b));
	double most = 3 * 1.4826 * assay_median(out, n, w->scratch);
	for (size_t i = 0; i < n; i++)
		out[i] = fmax(-most, fmin(most, x[i] - (i < at ? a : b)));
	for (size_t i = 0; i < n; i++) {
		up += i ? out[i] * out[i - 1] : 0;
		down += out[i] * out[i];
	}
	return down > 0 ? fmin(up / down, 0.95) : 0;
}

/* The larger p of two tests: values that are exchangeable, and values that inherit from the one before as much as these do. */
static double tested(struct work *w, size_t from, size_t n, size_t at, double seen)
{
	uint64_t key = assay_rng_key(w->seed, from * 0x10001 + n);
	double *r = w->null;
	memcpy(r, w->rank, n * sizeof *r);
	double p = p_value(w, r, n, 0, seen, key);
	double rho = p > w->level ? 0 : residuals(w, w->x + from, n, at, r);
	if (!(rho > BY_CHANCE / sqrt((double)n)))
		return p;
	for (size_t i = n - 1; i > 0; i--)
		r[i] -= rho * r[i - 1];
	return fmax(p, p_value(w, r, n, rho, seen, assay_rng_key(key, ASSAY_CHANGE_DRAWS)));
}

static double absolute_residuals(struct work *w, const double *x, size_t n)
{
	double sum = 0, middle = assay_median(x, n, w->scratch);
	for (size_t i = 0; i < n; i++)
		sum += fabs(x[i] - middle);
	return sum;
}

/* Ranks tell that there is a change better than where: a balanced split has more of them. */
static size_t refine(struct work *w, const double *x, size_t n, size_t at, double *least)
{
	size_t from = at > NEARBY + ASSAY_CHANGE_SEGMENT ? at - NEARBY : ASSAY_CHANGE_SEGMENT, best = at;
	*least = INFINITY;
	for (size_t k = from; k <= at + NEARBY && k + ASSAY_CHANGE_SEGMENT <= n; k++) {
		double two = absolute_residuals(w, x, k) + absolute_residuals(w, x + k, n - k);
		if (two < *least) {
			*least = two;
			best = k;
		}
	}
	return best;
}

/* Does a straight line over the order leave less than two levels do? */
static bool is_trend(struct work *w, const double *x, size_t n, double two)
{
	struct assay_slope s;
	for (size_t i = 0; i < n; i++)
		w->line[i] = (double)i;
	assay_theil_sen(w->line, x, n, ASSAY_Z95, w->seed, &s);
	for (size_t i = 0; i < n; i++)
		w->line[i] = x[i] - s.slope * (double)i;
	return absolute_residuals(w, w->line, n) < two;
}

static void segment(struct work *w, size_t from, size_t n)
{
	size_t at;
	if (n < 2 * ASSAY_CHANGE_SEGMENT || w->n == ASSAY_CHANGE_MAX)
		return;
	ranks(w->x + from, n, w->rank);
	double seen = scan(w->rank, n, &at);
	if (!(seen > 0))
		return;
	double two;
	at = refine(w, w->x + from, n, at, &two);
	double p = tested(w, from, n, at, seen);
	if (p > w->level || is_trend(w, w->x + from, n, two))
		return;
	segment(w, from, at);
	if (w->n < ASSAY_CHANGE_MAX)
		w->out[w->n++] = (struct assay_change){ from + at, p };
	segment(w, from + at, n - at);
}

size_t assay_change_points(const double *x, size_t n, double level, uint64_t seed, struct assay_change out[ASSAY_CHANGE_MAX])
{
	if (n < ASSAY_CHANGE_VALUES)
		return 0;
	struct work w = { .x = x, .level = level, .seed = seed, .rank = xalloc(4 * n * sizeof *w.rank), .out = out };
	w.scratch = w.rank + n;
	w.line = w.scratch + n;
	w.null = w.line + n;
	segment(&w, 0, n);
	free(w.rank);
	return w.n;
}
