/* Inside analysis/: the rules behind findings, and what they share. */
#ifndef ASSAY_ANALYSIS_FINDINGS_RULES_H
#define ASSAY_ANALYSIS_FINDINGS_RULES_H

#include "analysis/findings.h"
#include "analysis/laws.h"
#include "analysis/roofline.h"
#include "analysis/scaling.h"
#include "analysis/verdict.h"

/* What every rule reads. */
struct facts {
	const struct assay_run *run;
	const struct assay_run_metrics *m;
	enum assay_verdict_state *trust; /* of each point, and of what concerns the whole run */
	bool virtual_clock;
	bool gpu;                        /* the machine has one */
};

struct finding_rule {
	const char *id, *question, *group;
	int weight;
	void (*judge)(const struct facts *f, struct assay_finding *out);
};

/* Tables, ended by a row without id. */
extern const struct finding_rule findings_phase[], findings_batch[], findings_length[], findings_memory[], findings_machine[], findings_soak[], findings_cost[], findings_choice[];

/* ---- saying ---- */
/* The answer so far; judged by finding_trust afterwards. */
void finding_say(struct assay_finding *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void finding_next(struct assay_finding *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void finding_not_applicable(struct assay_finding *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "WHY: assay ARGS -m MODEL -e ENGINE", the model and engine being this run's. */
void finding_needs(const struct facts *f, struct assay_finding *o, const char *why, const char *args);
/* What a later version has to bring; no command exists. */
void finding_needs_later(struct assay_finding *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void finding_evidence(const struct facts *f, struct assay_finding *o, size_t point);
/* Answered, and how far to trust it: high = the interval clears the bound and all evidence is VALID, medium = only the estimate does or
 * some is CAUTION, low = INVALID evidence or modelled. */
void finding_trust(const struct facts *f, struct assay_finding *o, bool clears);
/* Answered with what is known for certain, however disturbed the times are: sizes, counters, settings. */
void finding_fact(struct assay_finding *o);
/* "1.93 (95 %: 1.88 to 1.99)", or without the interval. */
void finding_estimate(char out[80], const struct assay_estimate *e, int digits);

/* ---- reading ---- */
bool fact_is(const struct facts *f, size_t point, const char *experiment);
bool fact_measured(const struct facts *f, size_t point);            /* something succeeded in it */
int64_t fact_case(const struct facts *f, size_t point, const char *key, int64_t otherwise);
double fact_value(const struct facts *f, size_t point, const char *key); /* mean or value; NaN = null */
const struct assay_value *fact_metric(const struct facts *f, size_t point, const char *key);
/* First measured point of the experiment; SIZE_MAX = none. */
size_t fact_first(const struct facts *f, const char *experiment);
/* First measured of latency, throughput, seqlen, longdoc, offline, memory: a point of single requests where there is one. */
size_t fact_typical(const struct facts *f);
/* "batch 4, 128 -> 100", "16 requests, 32:256 -> 16:128". */
void fact_label(const struct facts *f, size_t point, char out[96]);
/* Mean of one run's decode steps that had `seqs` sequences, ms; NaN when it had none. */
double fact_step_ms(const struct facts *f, const struct assay_run_visit *v, uint32_t seqs);

/* The measured points that differ in nothing but the batch, smallest first; count in *n; owned by the caller. */
size_t *fact_batch_points(const struct facts *f, size_t *n);

/* A growing list of (n, y, point). */
struct series { double *n, *y; size_t *point, count, cap; };
void series_add(struct series *s, double n, double y, size_t point);
void series_release(struct series *s);
size_t series_distinct(const struct series *s);
/* One value a run of the point: key at n. */
void series_runs(const struct facts *f, size_t point, const char *key, double n, struct series *to);
/* key of every single request over its prompt length. */
void series_by_prompt(const struct facts *f, const char *key, struct series *to);
/* E2E latency over output length, at the prompt length (returned) that has the most output lengths. */
int64_t series_by_output(const struct facts *f, struct series *to);
/* Every point of the series as evidence, once. */
void series_evidence(const struct facts *f, struct assay_finding *o, const struct series *s);
void law_evidence(const struct facts *f, struct assay_finding *o, const struct assay_law *l);

#endif
