/* A comparison from end to end: which keys, their rows, Holm over the family, verdicts, and the bounds of --fail-on. */
#include "analysis/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/ab_sequential.h"
#include "analysis/compare_parts.h"
#include "base/json.h"

static const char *const usual[] = { "ttft_ms", "tpot_ms", "output_tok_s", "wall_s", "rss_peak_mib" };

const char *const *assay_compare_usual(size_t *n)
{
	*n = sizeof usual / sizeof *usual;
	return usual;
}

int assay_compare_key_ok(const char *key, const char *const *before, size_t n_before, struct assay_err *e)
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
		if (assay_compare_key_ok(o->metrics[i], o->metrics, i, e))
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

static enum assay_ab_verdict verdict_of(const struct compare_row *r, double p_adjusted, const struct assay_compare_options *o)
{
	double level = compare_level(o), half = assay_ab_t(1 - 2 * level, r->x.df) * r->x.se;
	return assay_ab_decide(p_adjusted, level, r->x.effect, r->x.effect - half, r->x.effect + half, o->min_effect, r->sign);
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
		enum assay_ab_verdict v = rows[i].decides ? verdict_of(&rows[i], p[i], o) : ASSAY_AB_UNDECIDED;
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

/* Pairs are equally many, and enough that the least possible p can pass Holm. */
static int check_pairs(const struct assay_compare_options *o, size_t n_a, size_t n_b, struct assay_err *e)
{
	struct assay_ab_looks looks;
	size_t least = o->n_metrics == 1 ? 6 : 10;
	if (!o->paired)
		return o->sequential ? assay_fail(e, ASSAY_E_USAGE, "--sequential is for --paired") : 0;
	if (n_a != n_b)
		return assay_fail(e, ASSAY_E_USAGE, "--paired: %zu results against %zu: a pair is one of each", n_a, n_b);
	if (n_a < least || n_a > 1000)
		return assay_fail(e, ASSAY_E_USAGE, "--paired: %zu pairs; 10 to 1,000 (6 for a single metric: --metrics KEY)", n_a);
	assay_ab_looks_init(&looks);
	return o->sequential && assay_ab_look_at(&looks, n_a) < 0 ? assay_fail(e, ASSAY_E_USAGE, "--sequential: %zu pairs; the looks are at 10, 14, 20, 28 and 40", n_a) : 0;
}

/* Pairs that were not interleaved are none: all of one side before the other. Times of one zone sort as text. */
static void check_order(const struct compare_docs *d, json_t *warnings)
{
	const char *a_first = NULL, *a_last = NULL, *b_first = NULL, *b_last = NULL;
	for (size_t i = 0; i < d->n; i++) {
		const char *t = assay_json_get_str(d->docs[i], "created", "");
		const char **first = i < d->n_a ? &a_first : &b_first, **last = i < d->n_a ? &a_last : &b_last;
		*first = !*first || strcmp(t, *first) < 0 ? t : *first;
		*last = !*last || strcmp(t, *last) > 0 ? t : *last;
	}
	if (strcmp(a_last, b_first) < 0 || strcmp(b_last, a_first) < 0)
		compare_say(warnings, "not interleaved: one side was measured after the other, so a machine that changes looks like an effect", json_null(), json_null());
}

json_t *assay_compare(json_t *const *a, size_t n_a, json_t *const *b, size_t n_b, const struct assay_compare_options *o, struct assay_err *e)
{
	struct compare_docs d = { NULL, n_a, n_a + n_b, o->across_case };
	struct compare_cases cases;
	if (!n_a || !n_b || (n_a == 1) != (n_b == 1)) {
		assay_fail(e, ASSAY_E_USAGE, "%zu results against %zu: one against one (the unit is the repeat), or two or more on both sides (the unit is the result)", n_a, n_b);
		return NULL;
	}
	if (check_family(o, e) || check_pairs(o, n_a, n_b, e))
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
	if (o->paired)
		check_order(&d, warnings);
	bool comparable = !json_array_size(differences);
	const char *verdict = comparable ? judge_family(&d, &cases, o, metrics) : NULL;
	json_t *doc = json_pack("{s:b, s:o, s:o, s:o?, s:o}", "comparable", comparable, "differences", differences, "metrics", metrics, "verdict", verdict ? json_string(verdict) : NULL, "warnings", warnings);
	json_t *engines = compare_engines_of(&d);
	if (engines)
		json_object_set_new(doc, "engines", engines);
	json_object_set_new(doc, "method", json_string(o->paired ? "paired" : d.n > 2 ? "sessions" : "single"));
	json_object_set_new(doc, "alpha", assay_json_real(compare_level(o)));
	json_object_set_new(doc, "min_effect_pct", assay_json_real(100 * o->min_effect));
	compare_cases_release(&cases);
	free(d.docs);
	return doc;
}
