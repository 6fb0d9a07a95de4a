/* A comparison from end to end: which keys, their rows, Holm over the family, verdicts, and the bounds of --fail-on. */
#include "analysis/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/compare_parts.h"
#include "base/json.h"

static const char *const usual[] = { "ttft_ms", "tpot_ms", "output_tok_s", "wall_s", "rss_peak_mib" };

static int key_ok(const char *key, const char *const *before, size_t n_before, struct assay_err *e)
{
	const struct assay_metric *m = assay_metric_find(key);
	if (!m)
		return assay_fail(e, ASSAY_E_USAGE, "--metrics: unknown metric \"%.60s\"; assay explain lists them", key);
	if (m->better == ASSAY_NEITHER)
		return assay_fail(e, ASSAY_E_USAGE, "--metrics: %s: neither more nor less of it is better, so it cannot be judged", key);
	for (size_t i = 0; i < n_before; i++)
		if (!strcmp(before[i], key))
			return assay_fail(e, ASSAY_E_USAGE, "--metrics: %s is named twice", key);
	return 0;
}

static int check_family(const struct assay_compare_options *o, struct assay_err *e)
{
	if (o->n_metrics > ASSAY_COMPARE_KEYS)
		return assay_fail(e, ASSAY_E_USAGE, "--metrics: %zu metrics; at most %d: every further one makes all harder to decide", o->n_metrics, ASSAY_COMPARE_KEYS);
	for (size_t i = 0; i < o->n_metrics; i++)
		if (key_ok(o->metrics[i], o->metrics, i, e))
			return e->code;
	return 0;
}

/* A copy on its own side would pass for a second measurement. */
static int no_copies(const struct compare_docs *d, struct assay_err *e)
{
	for (size_t i = 0; i < d->n; i++)
		for (size_t k = i + 1; k < (i < d->n_a ? d->n_a : d->n); k++) {
			const char *id = assay_json_get_str(d->docs[i], "id", "");
			if (*id && !strcmp(id, assay_json_get_str(d->docs[k], "id", "")))
				return assay_fail(e, ASSAY_E_USAGE, "results %zu and %zu of %s are one result: a copy is no second measurement", i < d->n_a ? i + 1 : i - d->n_a + 1, i < d->n_a ? k + 1 : k - d->n_a + 1, i < d->n_a ? "A" : "B");
		}
	return 0;
}

static size_t choose_keys(const struct compare_docs *d, const struct compare_cases *cases, const struct assay_compare_options *o, const char **keys)
{
	size_t n = 0;
	for (size_t i = 0; i < o->n_metrics; i++)
		keys[n++] = o->metrics[i];
	for (size_t i = 0; !o->n_metrics && i < sizeof usual / sizeof *usual; i++)
		if (compare_key_applies(d, cases, usual[i]))
			keys[n++] = usual[i];
	return n;
}

static enum assay_ab_verdict verdict_of(const struct compare_row *r, double p_adjusted, double min_effect)
{
	double half = assay_ab_t(0.90, r->x.df) * r->x.se;
	return assay_ab_decide(p_adjusted, ASSAY_COMPARE_ALPHA, r->x.effect, r->x.effect - half, r->x.effect + half, min_effect, r->sign);
}

/* metrics[]: the family, then the details. */
static const char *judge_family(const struct compare_docs *d, const struct compare_cases *cases, const struct assay_compare_options *o, json_t *metrics)
{
	const char *keys[ASSAY_COMPARE_KEYS];
	struct compare_row rows[ASSAY_COMPARE_KEYS];
	double p[ASSAY_COMPARE_KEYS];
	enum assay_ab_verdict verdicts[ASSAY_COMPARE_KEYS];
	json_t *details = json_array();
	size_t n = choose_keys(d, cases, o, keys), decided = 0;
	for (size_t i = 0; i < n; i++) {
		compare_key(d, cases, assay_metric_find(keys[i]), o, &rows[i], details);
		p[i] = rows[i].p;
	}
	assay_ab_holm(p, n);
	for (size_t i = 0; i < n; i++) {
		enum assay_ab_verdict v = rows[i].decides ? verdict_of(&rows[i], p[i], o->min_effect) : ASSAY_AB_UNDECIDED;
		if (rows[i].decides)
			verdicts[decided++] = v;
		json_object_set_new(rows[i].row, "verdict", json_string(compare_word(v, assay_metric_find(keys[i]))));
		json_object_set_new(rows[i].row, "p", assay_json_real(rows[i].p));
		json_object_set_new(rows[i].row, "p_adjusted", assay_json_real(p[i]));
		json_array_append_new(metrics, rows[i].row);
	}
	json_array_extend(metrics, details);
	json_decref(details);
	return compare_word(assay_ab_overall(verdicts, decided), NULL);
}

json_t *assay_compare(json_t *const *a, size_t n_a, json_t *const *b, size_t n_b, const struct assay_compare_options *o, struct assay_err *e)
{
	struct compare_docs d = { NULL, n_a, n_a + n_b };
	struct compare_cases cases;
	if (!n_a || !n_b || (n_a == 1) != (n_b == 1)) {
		assay_fail(e, ASSAY_E_USAGE, "%zu results against %zu: one against one (the unit is the repeat), or two or more on both sides (the unit is the result)", n_a, n_b);
		return NULL;
	}
	if (check_family(o, e))
		return NULL;
	d.docs = xalloc(d.n * sizeof *d.docs);
	for (size_t i = 0; i < d.n; i++)
		d.docs[i] = i < n_a ? a[i] : b[i - n_a];
	if (no_copies(&d, e)) {
		free(d.docs);
		return NULL;
	}
	json_t *differences = json_array(), *warnings = json_array(), *metrics = json_array();
	compare_check(&d, o->across_model, differences, warnings);
	compare_cases_find(&d, &cases, differences, warnings);
	bool comparable = !json_array_size(differences);
	const char *verdict = comparable ? judge_family(&d, &cases, o, metrics) : NULL;
	json_t *doc = json_pack("{s:b, s:o, s:o, s:o?, s:o}", "comparable", comparable, "differences", differences, "metrics", metrics, "verdict", verdict ? json_string(verdict) : NULL, "warnings", warnings);
	json_object_set_new(doc, "method", json_string(d.n > 2 ? "sessions" : "single"));
	json_object_set_new(doc, "min_effect_pct", assay_json_real(100 * o->min_effect));
	compare_cases_release(&cases);
	free(d.docs);
	return doc;
}
