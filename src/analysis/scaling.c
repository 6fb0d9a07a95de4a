/* See scaling.h. Linear algebra of at most 3 unknowns; must not know what is fitted. */
#include "analysis/scaling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "metrics/summary.h"

/* Relative residuals below this are rounding: computed times (a virtual clock) fit exactly. */
#define EXACT 1e-9
enum { break_side = 3 };

struct xy { double n, y; };

static int by_n(const void *a, const void *b)
{
	double x = ((const struct xy *)a)->n, y = ((const struct xy *)b)->n;
	return (x > y) - (x < y);
}

/* Finite pairs with y > 0, sorted by n; owned by the caller. */
static struct xy *pairs_of(const double *n, const double *y, size_t count, size_t *kept)
{
	struct xy *p = xalloc(count * sizeof *p);
	*kept = 0;
	for (size_t i = 0; i < count; i++)
		if (isfinite(n[i]) && isfinite(y[i]) && y[i] > 0)
			p[(*kept)++] = (struct xy){ n[i], y[i] };
	qsort(p, *kept, sizeof *p, by_n);
	return p;
}

static size_t distinct_of(const struct xy *p, size_t count)
{
	size_t d = count > 0;
	for (size_t i = 1; i < count; i++)
		d += p[i].n > p[i - 1].n;
	return d;
}

/* Inverse of a symmetric positive matrix of order m by Gauss-Jordan with pivots; false when singular. */
static bool invert(double a[ASSAY_FIT_TERMS][ASSAY_FIT_TERMS], int m, double inv[ASSAY_FIT_TERMS][ASSAY_FIT_TERMS])
{
	double w[ASSAY_FIT_TERMS][2 * ASSAY_FIT_TERMS] = { { 0 } };
	for (int i = 0; i < m; i++) {
		memcpy(w[i], a[i], (size_t)m * sizeof **a);
		w[i][m + i] = 1;
	}
	for (int c = 0; c < m; c++) {
		int best = c;
		for (int r = c + 1; r < m; r++)
			if (fabs(w[r][c]) > fabs(w[best][c]))
				best = r;
		if (!(fabs(w[best][c]) > 1e-14))
			return false;
		for (int k = 0; k < 2 * m; k++) {
			double t = w[c][k];
			w[c][k] = w[best][k];
			w[best][k] = t;
		}
		for (int r = 0; r < m; r++) {
			double by = r == c ? 1 - 1 / w[c][c] : w[r][c] / w[c][c];
			for (int k = 0; k < 2 * m; k++)
				w[r][k] -= by * w[c][k];
		}
	}
	for (int i = 0; i < m; i++)
		memcpy(inv[i], &w[i][m], (size_t)m * sizeof **inv);
	return true;
}

/* Row of the design, columns scaled so that the matrix is well conditioned. `hinge`: the third column is (n - at)+. */
struct design { int terms; double scale; bool hinge; double at; };

static void row_of(const struct design *d, double n, double x[ASSAY_FIT_TERMS])
{
	double s = n / d->scale;
	x[0] = 1;
	x[1] = s;
	x[2] = d->hinge ? fmax(0, n - d->at) / d->scale : s * s;
}

static double predict(const struct design *d, const double k[ASSAY_FIT_TERMS], double n)
{
	double x[ASSAY_FIT_TERMS], y = 0;
	row_of(d, n, x);
	for (int i = 0; i < d->terms; i++)
		y += k[i] * x[i];
	return y;
}

/* Weighted normal equations; k and inv in scaled columns. Relative residual sum of squares, NaN when singular. */
static double solve(const struct design *d, const struct xy *p, size_t count, double k[ASSAY_FIT_TERMS], double inv[ASSAY_FIT_TERMS][ASSAY_FIT_TERMS])
{
	double a[ASSAY_FIT_TERMS][ASSAY_FIT_TERMS] = { { 0 } }, b[ASSAY_FIT_TERMS] = { 0 }, x[ASSAY_FIT_TERMS], rss = 0, least = INFINITY;
	for (size_t i = 0; i < count; i++)
		least = fmin(least, p[i].y);
	for (size_t i = 0; i < count; i++) {
		double w = least / p[i].y * (least / p[i].y);
		row_of(d, p[i].n, x);
		for (int r = 0; r < d->terms; r++) {
			b[r] += w * x[r] * p[i].y;
			for (int c = 0; c < d->terms; c++)
				a[r][c] += w * x[r] * x[c];
		}
	}
	if (!invert(a, d->terms, inv))
		return NAN;
	for (int r = 0; r < d->terms; r++) {
		k[r] = 0;
		for (int c = 0; c < d->terms; c++)
			k[r] += inv[r][c] * b[c];
	}
	for (size_t i = 0; i < count; i++) {
		double e = (p[i].y - predict(d, k, p[i].n)) / p[i].y;
		rss += e * e;
	}
	for (int r = 0; r < d->terms; r++)
		for (int c = 0; c < d->terms; c++)
			inv[r][c] *= least * least; /* weights were scaled by it */
	return rss;
}

/* Hurvich and Tsai 1989, with the variance as a parameter. Without enough values for the correction: infinite. */
static double aicc_of(double rss, size_t count, int terms)
{
	double n = (double)count, k = terms + 1;
	if (n - k - 1 <= 0)
		return INFINITY;
	return n * log(fmax(rss, n * EXACT * EXACT) / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1);
}

static double largest_n(const struct xy *p, size_t count)
{
	double most = 0;
	for (size_t i = 0; i < count; i++)
		most = fmax(most, fabs(p[i].n));
	return most > 0 ? most : 1;
}

static void finish(const struct design *d, const struct xy *p, size_t count, double rss, double inv[ASSAY_FIT_TERMS][ASSAY_FIT_TERMS], struct assay_fit *out)
{
	double unit[ASSAY_FIT_TERMS] = { 1, d->scale, d->scale * d->scale };
	double var = out->df > 0 ? (rss > (double)count * EXACT * EXACT ? rss : 0) / out->df : NAN;
	double t = out->df > 0 ? assay_t_quantile(0.975, out->df) : NAN;
	for (size_t i = 0; i < count; i++)
		out->worst = fmax(out->worst, fabs(p[i].y - predict(d, out->k, p[i].n)) / p[i].y);
	for (int r = 0; r < d->terms; r++) {
		out->k[r] /= unit[r];
		for (int c = 0; c < d->terms; c++)
			out->cov[r][c] = var * inv[r][c] / unit[r] / unit[c];
		double half = t * sqrt(fmax(0, out->cov[r][r]));
		out->lo[r] = out->k[r] - half;
		out->hi[r] = out->k[r] + half;
	}
}

static void fit_pairs(const struct xy *p, size_t count, int terms, struct assay_fit *out)
{
	struct design d = { .terms = terms, .scale = largest_n(p, count) };
	double inv[ASSAY_FIT_TERMS][ASSAY_FIT_TERMS], rss;
	*out = (struct assay_fit){ .terms = terms, .n = count, .distinct = distinct_of(p, count) };
	if (out->distinct < (size_t)terms)
		return;
	rss = solve(&d, p, count, out->k, inv);
	if (isnan(rss))
		return;
	out->known = true;
	out->df = (double)count - terms;
	out->aicc = aicc_of(rss, count, terms);
	out->least_n = p[0].n;
	out->most_n = p[count - 1].n;
	finish(&d, p, count, rss, inv, out);
}

void assay_fit_terms(const double *n, const double *y, size_t count, int terms, struct assay_fit *out)
{
	size_t kept;
	struct xy *p = pairs_of(n, y, count, &kept);
	fit_pairs(p, kept, terms, out);
	free(p);
}

void assay_fit_scaling(const double *n, const double *y, size_t count, struct assay_fit *out)
{
	size_t kept;
	struct xy *p = pairs_of(n, y, count, &kept);
	struct assay_fit one;
	size_t distinct = distinct_of(p, kept);
	*out = (struct assay_fit){ .n = kept, .distinct = distinct };
	/* A line is what is left when values are too few to choose: AICc of a line needs 5. */
	if (distinct >= 2)
		fit_pairs(p, kept, 2, out);
	for (int terms = 1; terms <= ASSAY_FIT_TERMS && distinct >= 3 && isfinite(out->aicc); terms += 2) {
		if (terms == 3 && distinct < 4)
			break;
		fit_pairs(p, kept, terms, &one);
		if (one.known && one.aicc < out->aicc)
			*out = one;
	}
	free(p);
}

double assay_fit_at(const struct assay_fit *f, double n)
{
	return f->k[0] + f->k[1] * n + f->k[2] * n * n;
}

struct assay_estimate assay_fit_doubling(const struct assay_fit *f, double n)
{
	double t1 = assay_fit_at(f, n), t2 = assay_fit_at(f, 2 * n), var = 0;
	struct assay_estimate e = { t1 > 0 ? t2 / t1 : NAN, NAN, NAN };
	double x1[ASSAY_FIT_TERMS] = { 1, n, n * n }, x2[ASSAY_FIT_TERMS] = { 1, 2 * n, 4 * n * n }, g[ASSAY_FIT_TERMS];
	if (!f->known || !(t1 > 0))
		return (struct assay_estimate){ NAN, NAN, NAN };
	for (int i = 0; i < ASSAY_FIT_TERMS; i++)
		g[i] = (x2[i] - e.value * x1[i]) / t1;
	for (int i = 0; i < f->terms; i++)
		for (int j = 0; j < f->terms; j++)
			var += g[i] * g[j] * f->cov[i][j];
	if (f->df > 0) {
		double half = assay_t_quantile(0.975, f->df) * sqrt(fmax(0, var));
		e.lo = e.value - half;
		e.hi = e.value + half;
	}
	return e;
}

struct assay_estimate assay_fit_power(const double *n, const double *y, size_t count)
{
	struct assay_estimate e = { NAN, NAN, NAN };
	double mx = 0, my = 0, sxx = 0, sxy = 0, syy = 0;
	size_t kept, m = 0;
	struct xy *p = pairs_of(n, y, count, &kept);
	for (size_t i = 0; i < kept; i++)
		if (p[i].n > 0)
			p[m++] = (struct xy){ log(p[i].n), log(p[i].y) };
	for (size_t i = 0; i < m; i++) {
		mx += p[i].n / (double)m;
		my += p[i].y / (double)m;
	}
	for (size_t i = 0; i < m; i++) {
		sxx += (p[i].n - mx) * (p[i].n - mx);
		sxy += (p[i].n - mx) * (p[i].y - my);
		syy += (p[i].y - my) * (p[i].y - my);
	}
	if (distinct_of(p, m) >= 2) {
		e.value = sxy / sxx;
		double df = (double)m - 2, rss = fmax(0, syy - e.value * sxy);
		double half = df > 0 ? assay_t_quantile(0.975, df) * sqrt(rss / df / sxx) : NAN;
		e.lo = e.value - half;
		e.hi = e.value + half;
	}
	free(p);
	return e;
}

void assay_fit_break(const double *n, const double *y, size_t count, const struct assay_fit *single, struct assay_break *out)
{
	size_t kept, seen = 1;
	struct xy *p = pairs_of(n, y, count, &kept);
	double best = single->known ? single->aicc - 2 : -INFINITY;
	size_t distinct = distinct_of(p, kept);
	*out = (struct assay_break){ 0 };
	for (size_t i = 1; i < kept; i++) {
		struct design d = { .terms = 3, .scale = largest_n(p, kept), .hinge = true, .at = p[i].n };
		double k[ASSAY_FIT_TERMS], inv[ASSAY_FIT_TERMS][ASSAY_FIT_TERMS];
		if (!(p[i].n > p[i - 1].n))
			continue;
		seen++; /* distinct n up to and with the hinge, which belongs to the left side */
		if (seen < break_side || distinct - seen < break_side)
			continue;
		double rss = solve(&d, p, kept, k, inv);
		double aicc = isnan(rss) ? INFINITY : aicc_of(rss, kept, 4); /* the place of the hinge is a parameter too */
		if (!(aicc < best) || !(fabs(k[2]) >= 0.1 * fabs(k[1])))
			continue;
		best = aicc;
		*out = (struct assay_break){ true, d.at, k[1] / d.scale, (k[1] + k[2]) / d.scale };
	}
	free(p);
}
