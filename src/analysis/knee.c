/* See knee.h. Must not know what engine or experiment the steps came from. */
#include "analysis/knee.h"

#include <math.h>

#include "metrics/summary.h"

#define SATURATED 0.95
/* The largest measured batch must lengthen a step by this share of the fixed time, or the step "does not grow". */
#define GROWS 0.05

/* Where the marginal gain a/(a+cb)^2 falls to half of linear, 1/(2(a+c)); a batch of 1 is the least there is. */
static double knee_of(double a, double c)
{
	a = fmax(a, 0);
	return fmax(1, (sqrt(2 * a * (a + c)) - a) / c);
}

/* Delta method with numeric derivatives. */
static struct assay_estimate knee_estimate(const struct assay_fit *f)
{
	double a = f->k[0], c = f->k[1], b = knee_of(a, c), g[2];
	struct assay_estimate e = { b, NAN, NAN };
	double da = 1e-6 * fmax(fabs(a), c), dc = 1e-6 * c;
	if (!(f->df > 0))
		return e;
	g[0] = (knee_of(a + da, c) - knee_of(a - da, c)) / (2 * da);
	g[1] = (knee_of(a, c + dc) - knee_of(a, c - dc)) / (2 * dc);
	double var = g[0] * g[0] * f->cov[0][0] + 2 * g[0] * g[1] * f->cov[0][1] + g[1] * g[1] * f->cov[1][1];
	double half = assay_t_quantile(0.975, f->df) * sqrt(fmax(0, var));
	e.lo = fmax(1, b - half);
	e.hi = b + half;
	return e;
}

void assay_knee_find(const double *batch, const double *step, size_t count, struct assay_knee *out)
{
	*out = (struct assay_knee){ .saturation = NAN, .reached = NAN, .most_per_time = INFINITY, .knee = { NAN, NAN, NAN } };
	assay_fit_terms(batch, step, count, 2, &out->law);
	out->known = out->law.known;
	double c = out->law.k[1];
	double grows = GROWS * out->law.k[0] / out->law.most_n;
	out->bends = out->known && c > 0 && c > grows;
	out->clear = out->known && (out->bends ? out->law.lo[1] > 0 && out->law.lo[1] > grows : out->law.hi[1] <= grows || out->law.hi[1] <= 0);
	if (!out->bends)
		return;
	out->most_per_time = 1 / c;
	out->knee = knee_estimate(&out->law);
	for (size_t i = 0; i < count; i++) {
		/* Repeats of a batch are judged together: their mean step time. */
		double sum = 0, n = 0;
		for (size_t k = 0; k < count; k++)
			if (batch[k] == batch[i] && step[k] > 0) {
				sum += step[k];
				n++;
			}
		double share = n > 0 ? batch[i] / (sum / n) * c : NAN;
		if (!(out->reached >= share) && !isnan(share))
			out->reached = share;
		if (share >= SATURATED && !(out->saturation <= batch[i]))
			out->saturation = batch[i];
	}
}
