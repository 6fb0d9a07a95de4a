/* Inside analysis/: the thresholds of verdicts, and how a measured value is held against one. */
#ifndef ASSAY_ANALYSIS_VERDICT_RULES_H
#define ASSAY_ANALYSIS_VERDICT_RULES_H

#include "analysis/verdict.h"

struct verdict_rule {
	const char *code;
	double caution, invalid;   /* passed: CAUTION, INVALID; NaN = never */
	int under;                 /* 0: passed when above, 1: when below */
	const char *bound, *advice;
};

const struct verdict_rule *verdict_rule_find(const char *code);
/* VALID when neither threshold is passed (NaN passes none). */
enum assay_verdict_state verdict_rule_state(const struct verdict_rule *r, double measured);

/* Adds a reason unless state is VALID; raises the verdict's state. */
void verdict_add(struct assay_verdict *v, const char *code, enum assay_verdict_state state, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

struct assay_machine_use;
/* Steal, foreign load, swap and throttling of a span of time; nothing where the span is under a second or not known. */
void verdict_machine(const struct assay_machine_use *use, struct assay_verdict *v);
/* assay's own share beside an engine in other processes. Of samples inside visits only: between them assay probes the machine. */
void verdict_client(const struct assay_machine_use *inside, struct assay_verdict *v);

#endif
