/* Which points of the documents are the same case, and did they do the same work? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/compare_parts.h"
#include "base/json.h"

const json_t *compare_point(const json_t *doc, const json_t *like)
{
	const char *experiment = assay_json_get_str(like, "experiment", "");
	const json_t *points = json_object_get(doc, "points"), *c = json_object_get(like, "case");
	for (size_t i = 0; i < json_array_size(points); i++) {
		const json_t *p = json_array_get(points, i);
		if (!strcmp(assay_json_get_str(p, "experiment", ""), experiment) && json_equal(json_object_get(p, "case"), c))
			return p;
	}
	return NULL;
}

/* "latency batch_size=1 prompt_tokens=16 output_tokens=8" */
static json_t *case_text(const json_t *point)
{
	struct assay_buf b;
	const char *key;
	json_t *v, *out;
	assay_buf_init(&b, 4096);
	assay_buf_puts(&b, assay_json_get_str(point, "experiment", "?"));
	json_object_foreach((json_t *)json_object_get(point, "case"), key, v) {
		char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		assay_buf_printf(&b, " %s=%s", key, s ? s : "?");
		free(s);
	}
	out = json_string(b.data);
	assay_buf_release(&b);
	return out ? out : json_string("?");
}

/* A number of a point, per run where it is a sum over runs. */
static double per_run(const json_t *p, const char *object, const char *key)
{
	if (!object)
		return assay_json_get_num(p, key, 0);
	return assay_json_get_num(json_object_get(p, object), key, 0) / fmax(1, assay_json_get_num(p, "runs_done", 1));
}

static double offered_s(const json_t *p)
{
	return assay_json_get_num(json_object_get(json_object_get(p, "metrics"), "offered_s"), "value", NAN);
}

/* A stream lasts as long as was asked, with as many requests as come: only another load is said, from 1 % on. */
static void say_other_load(const json_t *a, const json_t *b, const char *name, json_t *warnings)
{
	char what[200];
	if (!(fabs(offered_s(b) - offered_s(a)) > 0.01 * offered_s(a)))
		return;
	snprintf(what, sizeof what, "requests offered per second (%.120s)", name);
	compare_say(warnings, what, json_real(offered_s(a)), json_real(offered_s(b)));
}

/* Same case, other work: token counts, requests, concurrency. Failed requests make token counts differ: a warning of its own. */
static bool same_work(const json_t *a, const json_t *b, json_t *differences, json_t *warnings)
{
	static const struct { const char *object, *key, *what; } work[] = {
		{ NULL, "requests_per_run", "requests a run" }, { NULL, "concurrency", "concurrency" },
		{ "tokens", "prompt", "prompt tokens a run" }, { "tokens", "output", "output tokens a run" },
	};
	double fa = per_run(a, "requests", "failed"), fb = per_run(b, "requests", "failed");
	json_t *name = case_text(a);
	bool same = true;
	char what[200];
	if (fa > 0 || fb > 0) {
		snprintf(what, sizeof what, "failed requests a run (%.120s)", json_string_value(name));
		compare_say(warnings, what, json_real(fa), json_real(fb));
	}
	bool stream = !strcmp(assay_json_get_str(a, "experiment", ""), "soak");
	if (stream)
		say_other_load(a, b, json_string_value(name), warnings);
	for (size_t i = 0; i < (stream || fa > 0 || fb > 0 ? 2 : sizeof work / sizeof *work); i++) {
		double va = per_run(a, work[i].object, work[i].key), vb = per_run(b, work[i].object, work[i].key);
		if (va == vb)
			continue;
		same = false;
		snprintf(what, sizeof what, "%s (%.120s)", work[i].what, json_string_value(name));
		compare_say(differences, what, json_real(va), json_real(vb));
	}
	json_decref(name);
	return same;
}

/* The point that belongs to A's `first`, its i-th one, in a document. */
static const json_t *partner(const struct compare_docs *d, const json_t *doc, const json_t *first, size_t i)
{
	const json_t *p = json_array_get(json_object_get(doc, "points"), i);
	if (!d->by_place)
		return compare_point(doc, first);
	return !strcmp(assay_json_get_str(p, "experiment", ""), assay_json_get_str(first, "experiment", "?")) ? p : NULL;
}

/* Said, where cases may differ. */
static void say_other_case(const struct compare_docs *d, const json_t *const *points, json_t *warnings)
{
	for (size_t k = 1; k < d->n; k++)
		if (!json_equal(json_object_get(points[0], "case"), json_object_get(points[k], "case"))) {
			compare_say(warnings, "case", case_text(points[0]), case_text(points[k]));
			return;
		}
}

/* The points of `first`'s case in every document; false when one has none, or none that was measured. */
static bool gather(const struct compare_docs *d, const json_t *first, size_t at, const json_t **points, json_t *warnings)
{
	for (size_t i = 0; i < d->n; i++) {
		points[i] = partner(d, d->docs[i], first, at);
		const char *status = points[i] ? assay_json_get_str(points[i], "status", "?") : "absent";
		if (!strcmp(status, "ok"))
			continue;
		json_t *name = case_text(first);
		char what[200];
		snprintf(what, sizeof what, "case left out (%.150s)", json_string_value(name));
		json_decref(name);
		compare_say(warnings, what, i < d->n_a ? json_string(status) : json_null(), i < d->n_a ? json_null() : json_string(status));
		return false;
	}
	return true;
}

/* Points of B's first document whose case A does not have. */
static void only_in_b(const struct compare_docs *d, json_t *warnings)
{
	const json_t *points = json_object_get(d->docs[d->n_a], "points");
	for (size_t i = 0; i < json_array_size(points); i++) {
		const json_t *p = json_array_get(points, i);
		if (!compare_point(d->docs[0], p))
			compare_say(warnings, "case left out: only in B", json_null(), case_text(p));
	}
}

/* The probe of a stream only finds the capacity: no case of its own. */
static bool is_probe(const json_t *point)
{
	return !strcmp(assay_json_get_str(json_object_get(point, "case"), "load", ""), "probe");
}

void compare_cases_find(const struct compare_docs *d, struct compare_cases *out, json_t *differences, json_t *warnings)
{
	const json_t *points = json_object_get(d->docs[0], "points"), *others = json_object_get(d->docs[d->n_a], "points");
	size_t n = json_array_size(points), work = json_array_size(differences);
	*out = (struct compare_cases){ xalloc((n ? n : 1) * sizeof *out->list), 0 };
	for (size_t i = 0; i < n; i++) {
		const json_t *first = json_array_get(points, i), **found;
		if (is_probe(first))
			continue;
		found = xalloc(d->n * sizeof *found);
		bool ok = gather(d, first, i, found, warnings);
		if (ok && d->by_place)
			say_other_case(d, found, warnings);
		for (size_t k = 1; ok && !d->by_place && k < d->n; k++)
			ok = same_work(first, found[k], differences, warnings);
		if (ok)
			out->list[out->n++].points = found;
		else
			free(found);
	}
	if (!d->by_place)
		only_in_b(d, warnings);
	if (!out->n && json_array_size(differences) == work)
		compare_say(differences, "cases: none was measured on both sides; the first of each",
		            n ? case_text(json_array_get(points, 0)) : json_null(), json_array_size(others) ? case_text(json_array_get(others, 0)) : json_null());
}

void compare_cases_release(struct compare_cases *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->list[i].points);
	free(c->list);
}
