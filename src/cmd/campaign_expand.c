/* From one step of a job file to its runs: each combination of its matrix, each repeat (the repeats go round, so that what drifts favours no
 * combination), with names that are also those of directories. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/campaign_read.h"

enum { AXES_MAX = 8, AXIS_VALUES_MAX = 100, STEM_MAX = 200 };

struct axis { const char *key; const json_t *values; };
struct axes { struct axis list[AXES_MAX]; int n; size_t combinations; };

/* An axis that --set fixes is none. */
static bool is_set(const struct reading *r, const char *base, const char *key)
{
	char mine[64], set[64];
	snprintf(mine, sizeof mine, "%.60s", key);
	for (char *p = mine; *p; p++)
		*p = *p == '_' ? '-' : *p;
	for (int i = 0; i < r->n_sets; i++)
		if (read_set_key(r->sets[i], base, set) && !strcmp(set, mine))
			return true;
	return false;
}

static int read_axes(struct reading *r, const json_t *spec, const char *base, struct axes *a)
{
	const json_t *m = json_object_get(spec, "matrix");
	const char *key;
	json_t *v;
	a->combinations = 1;
	if (m && !json_is_object(m))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: matrix: expects options with lists of values: {dtype: [f32, bf16]}", read_at(r, spec, "matrix"));
	json_object_foreach((json_t *)m, key, v) {
		if (!json_is_array(v) || !json_array_size(v) || json_array_size(v) > AXIS_VALUES_MAX)
			return assay_fail(r->e, ASSAY_E_USAGE, "%s: %.60s: expects a list of 1 to %d values", read_at(r, m, key), key, AXIS_VALUES_MAX);
		if (json_object_get(spec, key))
			return assay_fail(r->e, ASSAY_E_USAGE, "%s: %.60s stands in the step and in its matrix", read_at(r, m, key), key);
		if (a->n == AXES_MAX)
			return assay_fail(r->e, ASSAY_E_USAGE, "%s: more than %d options in one matrix", read_at(r, m, key), AXES_MAX);
		if (is_set(r, base, key))
			continue;
		a->list[a->n++] = (struct axis){ key, v };
		a->combinations *= json_array_size(v);
		if (a->combinations > CMD_STEPS_MAX)
			return assay_fail(r->e, ASSAY_E_USAGE, "%s: a matrix of more than %d combinations", read_at(r, spec, "matrix"), CMD_STEPS_MAX);
	}
	return 0;
}

/* ".gpt2" of a value: what a file name can bear. */
static void add_word(char stem[STEM_MAX], const json_t *v)
{
	char *text = json_is_string(v) ? xstrdup(json_string_value(v)) : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	size_t n = strlen(stem);
	stem[n++] = '.';
	bool dash = true; /* none at the start, never two */
	for (const char *p = text ? text : ""; *p && n + 1 < STEM_MAX; p++) {
		bool plain = isalnum((unsigned char)*p) || *p == '_';
		if (plain || !dash)
			stem[n++] = plain ? *p : '-';
		dash = !plain;
	}
	while (n && stem[n - 1] == '-')
		n--;
	stem[n] = 0;
	free(text);
}

/* The k-th combination, the last axis fastest: its values, and its stem. New reference. */
static json_t *combination(const struct axes *a, size_t k, const char *base, char stem[STEM_MAX])
{
	json_t *o = json_object();
	size_t of = a->combinations;
	snprintf(stem, STEM_MAX, "%s", base);
	for (int i = 0; i < a->n; i++) {
		of /= json_array_size(a->list[i].values);
		json_t *v = json_array_get(a->list[i].values, k / of % json_array_size(a->list[i].values));
		json_object_set(o, a->list[i].key, v);
		if (strlen(stem) + 2 < STEM_MAX)
			add_word(stem, v);
	}
	return o;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);
	return n >= k && !strcasecmp(s + n - k, end);
}

/* Its directory may be no other step's, and no file of the campaign. */
static int unique(const struct reading *r, const struct cmd_step *s)
{
	static const char *const ends[] = { ".log", ".comparison", ".json", ".jsonl", ".md", ".xml" };
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (ends_with(s->name, ends[i]))
			return assay_fail(r->e, ASSAY_E_USAGE, "%s: the name %s would be that of a file: give this step another", read_at(r, s->spec, NULL), s->name);
	for (const struct cmd_step *other = r->c->steps; other < s; other++)
		if (!strcasecmp(other->name, s->name))
			return assay_fail(r->e, ASSAY_E_USAGE, "%s: two steps are named %s: give this one a name of its own", read_at(r, s->spec, NULL), s->name);
	return 0;
}

static int add_step(struct reading *r, const char *base, const char *stem, const json_t *values, const struct assay_verb *v, int repeat, int repeats)
{
	struct cmd_campaign *c = r->c;
	if (c->n == CMD_STEPS_MAX)
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: more than %d steps", read_at(r, r->spec, NULL), CMD_STEPS_MAX);
	struct cmd_step *s = &c->steps[c->n++];
	*s = (struct cmd_step){ .base = xstrdup(base), .stem = xstrdup(stem), .spec = r->spec, .verb = v, .repeat = repeat, .repeats = repeats, .baseline_step = -1 };
	s->name = repeats > 1 ? xasprintf("%s.r%d", stem, repeat) : xstrdup(stem);
	if (unique(r, s) || read_options(r, s, values) || read_args(r, s) || read_needs(r, s))
		return r->e->code;
	return 0;
}

static int expand(struct reading *r, const char *base, const struct assay_verb *v)
{
	struct axes a = { .n = 0 };
	char stem[STEM_MAX];
	int repeats, rc = 0;
	if (read_repeats(r, r->spec, &repeats) || read_axes(r, r->spec, base, &a))
		return r->e->code;
	for (int repeat = 1; repeat <= repeats && !rc; repeat++)
		for (size_t k = 0; k < a.combinations && !rc; k++) {
			json_t *values = combination(&a, k, base, stem);
			rc = add_step(r, base, stem, values, v, repeat, repeats);
			json_decref(values);
		}
	return rc;
}

int read_steps(struct reading *r)
{
	const json_t *steps = json_object_get(assay_yaml_root(r->c->yaml), "steps");
	size_t i;
	json_t *spec;
	r->c->steps = xalloc(CMD_STEPS_MAX * sizeof *r->c->steps);
	json_array_foreach((json_t *)steps, i, spec) {
		const struct assay_verb *v = NULL;
		r->spec = spec;
		if (!json_is_object(spec))
			return assay_fail(r->e, ASSAY_E_USAGE, "%s: step %zu: expects a mapping", assay_yaml_where(r->c->yaml, spec), i + 1);
		char *base = NULL;
		int rc = read_verb(r, spec, &v);
		if (!rc)
			rc = read_name(r, spec, &base);
		if (!rc)
			rc = expand(r, base ? base : v->name, v);
		free(base);
		if (rc)
			return rc;
	}
	for (int k = 0; k < r->c->n; k++) { /* now that every step is known */
		r->spec = r->c->steps[k].spec;
		if (read_compare(r, &r->c->steps[k]))
			return r->e->code;
	}
	return 0;
}

static void release(struct cmd_step *s)
{
	assay_options_close(s->o);
	assay_options_close(s->compare);
	json_decref(s->targets);
	free(s->base);
	free(s->stem);
	free(s->name);
	free(s->needs);
	free(s->baseline);
}

void cmd_campaign_release(struct cmd_campaign *c)
{
	for (int i = 0; i < c->n; i++)
		release(&c->steps[i]);
	free(c->steps);
	free(c->name);
	assay_yaml_close(c->yaml);
}

const char *cmd_step_where(const struct cmd_campaign *c, const struct cmd_step *s) { return assay_yaml_where_key(c->yaml, s->spec, NULL); }
