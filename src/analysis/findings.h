/* What do the numbers mean? One rule for each question that a benchmark is made to answer: an answer in one sentence with
 * numbers, or what it would take to answer. docs/findings.md describes each rule. Pure. */
#ifndef ASSAY_ANALYSIS_FINDINGS_H
#define ASSAY_ANALYSIS_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/run.h"
#include "metrics/point_metrics.h"

enum assay_finding_state { ASSAY_FINDING_NEEDS, ASSAY_FINDING_ANSWERED, ASSAY_FINDING_NOT_APPLICABLE };
const char *assay_finding_state_name(enum assay_finding_state s);
enum assay_confidence { ASSAY_LOW, ASSAY_MEDIUM, ASSAY_HIGH };
const char *assay_confidence_name(enum assay_confidence c);

enum { ASSAY_FINDING_EVIDENCE = 64 };

struct assay_finding {
	const char *id, *question;
	const char *group;             /* "performance", "scaling", "bottleneck", "memory", "machine", "choice": where a report puts it */
	enum assay_finding_state state;
	char answer[640];              /* the sentence when answered; the reason when not applicable; else "" */
	char needs[360];               /* what is missing and the command that supplies it; else "" */
	char next_step[360];           /* what to do now; may be "" */
	int64_t evidence[ASSAY_FINDING_EVIDENCE]; /* points[].index */
	size_t n_evidence;
	bool modelled;                 /* work counted by a model of the engine against a measured ceiling; else measured */
	enum assay_confidence confidence;
	int weight;                    /* how much a short summary wants it: 0 = never */
};

struct assay_findings { struct assay_finding *list; size_t n; };

/* One finding a rule, in the order of the table. */
void assay_findings_build(const struct assay_run *run, const struct assay_run_metrics *m, struct assay_findings *out);
void assay_findings_release(struct assay_findings *f);

#endif
