/* Adds one metric to a point: gathers samples or per-run values, keeps what is missing and why, summarises.
 * Must not know any metric. */
#include "metrics/point_builder.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "metrics/series.h"

void reason_set(char reason[REASON_BYTES], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(reason, REASON_BYTES, fmt, ap);
	va_end(ap);
}

int64_t visit_wall_ns(const struct assay_run_visit *v, char reason[REASON_BYTES])
{
	if (v->v.t1_ns < 0) {
		reason_set(reason, "the run did not end");
		return -1;
	}
	return v->v.t1_ns - v->v.t0_ns;
}

double rate_per_s(double amount, int64_t ns, char reason[REASON_BYTES])
{
	if (ns <= 0) {
		reason_set(reason, REASON_TIMER);
		return NAN;
	}
	return amount * 1e9 / (double)ns;
}

/* Values are few and known only as they come: the array grows by doubling. */
static struct assay_value *value_new(struct point_builder *b, const char *key)
{
	struct assay_point_metrics *p = b->out;
	if ((p->n_values & (p->n_values + 1)) == 0)
		p->values = xrealloc(p->values, (2 * p->n_values + 1) * sizeof *p->values);
	struct assay_value *v = &p->values[p->n_values++];
	*v = (struct assay_value){ .def = assay_metric_find(key), .value = NAN };
	if (!v->def)
		abort(); /* our own promise: every metric has a row in the table */
	assay_summarise(NULL, 0, 0, &v->s);
	return v;
}

void point_add_value(struct point_builder *b, const char *key, double value, const char *reason)
{
	struct assay_value *v = value_new(b, key);
	v->value = *b->missing ? NAN : value;
	if (*b->missing || isnan(value))
		reason_set(v->reason, "%s", *b->missing ? b->missing : reason);
}

/* How many of n are missing, and the first reason for it. */
static void missing_note(struct assay_value *v, size_t absent, size_t n, const char *what, const char *reason)
{
	if (!absent)
		return;
	if (absent == n)
		reason_set(v->reason, "%s", reason);
	else
		reason_set(v->reason, "%zu of %zu %s left out: %s", absent, n, what, reason);
}

void point_add_per_run(struct point_builder *b, const char *key, point_run_fn *fn)
{
	struct assay_value *v = value_new(b, key);
	size_t n = b->n_visits, have = 0;
	char first[REASON_BYTES] = "", reason[REASON_BYTES];
	v->per_run = xalloc(n * sizeof *v->per_run);
	v->n_per_run = n;
	double *x = xalloc(n * sizeof *x);
	for (size_t i = 0; i < n; i++) {
		*reason = 0;
		v->per_run[i] = *b->missing ? NAN : fn(b, b->visits[i], reason);
		if (!isnan(v->per_run[i]))
			x[have++] = v->per_run[i];
		if (*reason && !*first)
			memcpy(first, reason, sizeof first);
	}
	assay_summarise(x, have, 0, &v->s);
	v->value = v->s.mean;
	free(x);
	if (*b->missing)
		reason_set(v->reason, "%s", b->missing);
	else if (!n)
		reason_set(v->reason, "no measured run");
	else if (have < n)
		missing_note(v, n - have, n, "runs", first);
	else
		reason_set(v->reason, "%s", first); /* how it was had, where that needs saying */
}

struct sample_set {
	double *x;
	uint32_t *cluster, clusters;
	bool open;                  /* the current cluster has a sample */
	size_t n, cap, absent;
	char reason[REASON_BYTES];
};

void sample_put(struct sample_set *s, double x)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->x = xrealloc(s->x, s->cap * sizeof *s->x);
		s->cluster = xrealloc(s->cluster, s->cap * sizeof *s->cluster);
	}
	if (!s->open)
		s->clusters++;
	s->open = true;
	s->x[s->n] = x;
	s->cluster[s->n++] = s->clusters - 1;
}

void sample_missing(struct sample_set *s, const char *reason)
{
	if (!s->absent++)
		reason_set(s->reason, "%s", reason);
}

void sample_next_cluster(struct sample_set *s)
{
	s->open = false;
}

static double mean_from(const struct sample_set *s, size_t from)
{
	double sum = 0;
	for (size_t i = from; i < s->n; i++)
		sum += s->x[i];
	return s->n > from ? sum / (double)(s->n - from) : NAN;
}

void point_add_distribution(struct point_builder *b, const char *key, point_samples_fn *each, bool clustered, size_t failed)
{
	struct assay_value *v = value_new(b, key);
	struct sample_set s = { 0 };
	v->distribution = true;
	v->per_run = xalloc(b->n_visits * sizeof *v->per_run);
	v->n_per_run = b->n_visits;
	for (size_t i = 0; i < b->n_visits; i++) {
		size_t from = s.n;
		sample_next_cluster(&s);
		if (!*b->missing)
			each(b, b->visits[i], &s);
		v->per_run[i] = mean_from(&s, from);
	}
	if (clustered)
		assay_summarise_clustered(s.x, s.cluster, s.n, s.clusters, &v->s);
	else
		assay_summarise(s.x, s.n, *b->missing ? 0 : failed, &v->s);
	v->value = v->s.mean;
	v->curve = assay_curve_of(s.x, s.n, &v->n_curve); /* s.x is sorted now */
	if (*b->missing)
		reason_set(v->reason, "%s", b->missing);
	else if (s.absent)
		missing_note(v, s.absent, s.n + s.absent, "samples", s.reason);
	else if (!s.n)
		reason_set(v->reason, "%s", b->n_visits ? "no sample" : "no measured run");
	free(s.x);
	free(s.cluster);
}
