/* Inside metrics/: one point under construction, and the three ways to add a metric to it. */
#ifndef ASSAY_METRICS_POINT_BUILDER_H
#define ASSAY_METRICS_POINT_BUILDER_H

#include "metrics/point_metrics.h"

struct point_builder {
	const struct assay_run *run;
	size_t point;
	const json_t *info, *kase;               /* POINT record and its case{} */
	struct assay_point_metrics *out;
	const struct assay_run_visit **visits;   /* measured repeats, in order; owned */
	size_t n_visits;
	char missing[200];                       /* why the whole point has no values (limit, error, ...), or "" */
	bool virtual_clock, ignore_eos, stream;
};

/* Every reason is a phrase for a table cell. */
#define REASON_BYTES 200
void reason_set(char reason[REASON_BYTES], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A value per measured run. fn returns NaN and fills reason where a run has none. The point's value is the mean over runs. */
typedef double point_run_fn(const struct point_builder *b, const struct assay_run_visit *v, char reason[REASON_BYTES]);
void point_add_per_run(struct point_builder *b, const char *key, point_run_fn *fn);

/* A value of the point itself; NaN with a reason. */
void point_add_value(struct point_builder *b, const char *key, double value, const char *reason);

/* A distribution over requests, tokens or steps. `each` puts the samples of one visit; it never stores them itself. */
struct sample_set;
void sample_put(struct sample_set *s, double x);
void sample_missing(struct sample_set *s, const char *reason); /* a sample that should have been there */
void sample_next_cluster(struct sample_set *s);                /* the samples that follow belong to the next request */
typedef void point_samples_fn(const struct point_builder *b, const struct assay_run_visit *v, struct sample_set *s);
/* clustered: samples of one request are not independent. failed: requests that count as +inf (times only). */
void point_add_distribution(struct point_builder *b, const char *key, point_samples_fn *each, bool clustered, size_t failed);

/* The requests and steps of a visit. */
static inline const struct assay_run_request *visit_requests(const struct point_builder *b, const struct assay_run_visit *v)
{
	return b->run->requests + v->first_request;
}
static inline const struct assay_rec_step *visit_steps(const struct point_builder *b, const struct assay_run_visit *v)
{
	return b->run->steps + v->first_step;
}

/* Wall time of a visit, ns; -1 with a reason when the run never ended. */
int64_t visit_wall_ns(const struct assay_run_visit *v, char reason[REASON_BYTES]);
/* amount / time; NaN and "below timer resolution" when ns <= 0. */
double rate_per_s(double amount, int64_t ns, char reason[REASON_BYTES]);

#define REASON_TIMER "below timer resolution"
#define REASON_VIRTUAL "unavailable: virtual clock"

/* A point whose requests came as a stream (windows): what happened, and its metrics. */
void point_stream_count(struct point_builder *b);
void point_stream_metrics(struct point_builder *b);

/* The parts, in the order in which they stand in a result. */
void point_request_metrics(struct point_builder *b);
void point_run_metrics(struct point_builder *b);
void point_memory_metrics(struct point_builder *b);
void point_machine_metrics(struct point_builder *b);
void point_energy_metrics(struct point_builder *b);
void point_cost_metrics(struct point_builder *b); /* adds nothing where no price was given */

/* Tokens of a visit's successful requests; NaN with a reason when none succeeded. */
double visit_tokens(const struct point_builder *b, const struct assay_run_visit *v, bool with_prompts, char reason[REASON_BYTES]);

#endif
