/* What rules say things with. See findings_rules.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/findings_rules.h"
#include "base/json.h"

static void append(char *out, size_t size, const char *fmt, va_list ap)
{
	size_t len = strlen(out);
	vsnprintf(out + len, size - len, fmt, ap);
}

void finding_say(struct assay_finding *o, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	append(o->answer, sizeof o->answer, fmt, ap);
	va_end(ap);
}

void finding_next(struct assay_finding *o, const char *fmt, ...)
{
	va_list ap;
	o->next_step[0] = 0;
	va_start(ap, fmt);
	append(o->next_step, sizeof o->next_step, fmt, ap);
	va_end(ap);
}

void finding_not_applicable(struct assay_finding *o, const char *fmt, ...)
{
	va_list ap;
	o->state = ASSAY_FINDING_NOT_APPLICABLE;
	o->answer[0] = 0;
	va_start(ap, fmt);
	append(o->answer, sizeof o->answer, fmt, ap);
	va_end(ap);
}

void finding_needs(const struct facts *f, struct assay_finding *o, const char *why, const char *args)
{
	const json_t *config = json_object_get(f->run->header, "config");
	const char *model = assay_json_get_str(config, "model", NULL), *engine = assay_json_get_str(config, "engine", NULL);
	bool other = engine && strcmp(engine, "cpu");
	o->state = ASSAY_FINDING_NEEDS;
	o->n_evidence = 0;
	o->answer[0] = 0;
	snprintf(o->needs, sizeof o->needs, "%s: assay %s%s%.80s%s%.80s", why, args, model ? " -m " : "", model ? model : "", other ? " -e " : "", other ? engine : "");
}

void finding_needs_later(struct assay_finding *o, const char *fmt, ...)
{
	va_list ap;
	o->state = ASSAY_FINDING_NEEDS;
	o->needs[0] = 0;
	va_start(ap, fmt);
	append(o->needs, sizeof o->needs, fmt, ap);
	va_end(ap);
}

void finding_evidence(const struct facts *f, struct assay_finding *o, size_t point)
{
	int64_t index = assay_json_get_int(f->run->points[point].info, "index", (int64_t)point);
	for (size_t i = 0; i < o->n_evidence; i++)
		if (o->evidence[i] == index)
			return;
	if (o->n_evidence < ASSAY_FINDING_EVIDENCE)
		o->evidence[o->n_evidence++] = index;
}

void finding_trust(const struct facts *f, struct assay_finding *o, bool clears)
{
	enum assay_verdict_state worst = ASSAY_VALID;
	for (size_t p = 0; p < f->run->n_points; p++) {
		int64_t index = assay_json_get_int(f->run->points[p].info, "index", (int64_t)p);
		for (size_t i = 0; i < o->n_evidence; i++)
			if (o->evidence[i] == index && f->trust[p] > worst)
				worst = f->trust[p];
	}
	o->state = ASSAY_FINDING_ANSWERED;
	o->confidence = o->modelled || worst == ASSAY_INVALID ? ASSAY_LOW : clears && worst == ASSAY_VALID ? ASSAY_HIGH : ASSAY_MEDIUM;
}

void finding_fact(struct assay_finding *o)
{
	o->state = ASSAY_FINDING_ANSWERED;
	o->confidence = ASSAY_HIGH;
}

void finding_estimate(char out[80], const struct assay_estimate *e, int digits)
{
	if (isnan(e->lo) || isnan(e->hi))
		snprintf(out, 80, "%.*f", digits, e->value);
	else
		snprintf(out, 80, "%.*f (95 %%: %.*f to %.*f)", digits, e->value, digits, e->lo, digits, e->hi);
}
