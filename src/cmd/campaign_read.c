/* A job file to steps: keys checked against what exists, defaults and matrices unfolded, options parsed by the verbs' own rows. Every refusal names
 * FILE:line:column. Pure but for memory: touches no file, runs nothing. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/campaign.h"
#include "cmd/campaign_read.h"
#include "cmd/sweep.h"

enum { NAME_MAX_BYTES = 100, REPEATS_MAX = 100, KEYS_MAX = 256 };

static const char *const job_keys[] = { "name", "defaults", "steps", NULL };
static const char *const step_keys[] = { "name", "experiment", "verb", "args", "needs", "repeat", "matrix", "compare", NULL };
/* Options that belong to the campaign. */
static const char *const own_options[] = { "output", "job", "dry-run", "json", "progress", "color", "resume", NULL };

static bool in_list(const char *const *list, const char *word)
{
	while (*list && strcmp(*list, word))
		list++;
	return *list;
}

const char *read_at(const struct reading *r, const json_t *map, const char *key) { return assay_yaml_where_key(r->c->yaml, map, key); }

/* A key of the file as an option is named. */
static void dashes(char out[64], const char *key)
{
	snprintf(out, 64, "%.60s", key);
	for (char *p = out; *p; p++)
		*p = *p == '_' ? '-' : *p == '-' ? '_' : *p; /* a key with '-' is not a name */
}

bool cmd_step_has(const struct cmd_step *s, const char *option) { return assay_options_knows(s->o, option); }

static void swap(char *s, char from, char to)
{
	for (; *s; s++)
		*s = *s == from ? to : *s;
}

/* "unknown key X (did you mean Y?)": of the words, and of the options where o is not NULL. */
static int unknown_key(const struct reading *r, const json_t *map, const char *key, const char *const *words, const struct assay_options *o)
{
	const char *names[KEYS_MAX];
	const struct assay_opt *const *rows = NULL;
	char word[64], near[64] = "";
	int n = 0, n_rows = o ? assay_options_rows(o, &rows) : 0;
	for (; *words && n < KEYS_MAX; words++)
		names[n++] = *words;
	for (int i = 0; i < n_rows && n < KEYS_MAX; i++)
		if (!in_list(own_options, rows[i]->name))
			names[n++] = rows[i]->name;
	snprintf(word, sizeof word, "%.60s", key);
	swap(word, '_', '-');
	const char *found = assay_nearest(word, names, n);
	snprintf(near, sizeof near, "%s", found ? found : "");
	swap(near, '-', '_');
	return assay_fail(r->e, ASSAY_E_USAGE, "%s: unknown key %.60s%s%s%s", read_at(r, map, key), key, found ? " (did you mean " : "", near, found ? "?)" : "");
}

/* ---- the job's frame ---- */

static bool legal_name(const char *s)
{
	size_t n = strlen(s);
	return n && n <= NAME_MAX_BYTES && isalnum((unsigned char)*s) && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

int read_name(const struct reading *r, const json_t *map, char **out)
{
	const json_t *v = json_object_get(map, "name");
	if (!v)
		return 0;
	if (!json_is_string(v) || !legal_name(json_string_value(v)))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: name: expects letters, digits, '.', '_' and '-', at most %d", read_at(r, map, "name"), NAME_MAX_BYTES);
	*out = xstrdup(json_string_value(v));
	return 0;
}

static int read_frame(struct reading *r)
{
	const json_t *root = assay_yaml_root(r->c->yaml), *steps;
	const char *key;
	json_t *v;
	if (!json_is_object(root) || !json_object_size(root))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: a job is a mapping with the keys name, defaults and steps", r->path);
	json_object_foreach((json_t *)root, key, v)
		if (!in_list(job_keys, key))
			return unknown_key(r, root, key, job_keys, NULL);
	if (read_name(r, root, &r->c->name))
		return r->e->code;
	r->defaults = json_object_get(root, "defaults");
	if (r->defaults && !json_is_object(r->defaults) && !json_is_null(r->defaults))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: defaults: expects a mapping of options", read_at(r, root, "defaults"));
	steps = json_object_get(root, "steps");
	if (!json_is_array(steps) || !json_array_size(steps))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: steps: expects a list of steps", steps ? read_at(r, root, "steps") : read_at(r, root, NULL));
	return 0;
}

/* ---- one step's verb and options ---- */

int read_verb(struct reading *r, const json_t *spec, const struct assay_verb **out)
{
	const char *key = json_object_get(spec, "verb") ? "verb" : "experiment";
	const json_t *v = json_object_get(spec, key);
	struct assay_err why = ASSAY_ERR_INIT;
	if (!json_is_string(v))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: a step needs experiment: or verb:, the word that follows assay on a command line", v ? read_at(r, spec, key) : read_at(r, spec, NULL));
	if (!(*out = cmd_verb_find(json_string_value(v), &why)))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: %s: %s", read_at(r, spec, key), key, why.msg);
	if ((*out)->main == cmd_campaign)
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: %s: a job cannot run a job", read_at(r, spec, key), key);
	return 0;
}

/* Where an option of the step under way was written: its matrix, the step, the defaults. */
static const char *option_where(const json_t *merged, const char *key, void *arg)
{
	const struct reading *r = arg;
	(void)merged;
	for (int i = 0; key && i < 3; i++) {
		const json_t *from = i == 0 ? json_object_get(r->spec, "matrix") : i == 1 ? r->spec : r->defaults;
		if (json_object_get(from, key))
			return read_at(r, from, key);
	}
	return read_at(r, r->spec, NULL);
}

/* Adds the options of one mapping. others: keys that are no options. NULL for the defaults, of which another verb may have what this one has not. */
static int add_options(struct reading *r, json_t *into, const json_t *from, const char *const *others, const struct assay_options *o)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)from, key, v) {
		char name[64];
		bool other_verbs = others && in_list(others, key) && (strcmp(key, "experiment") || !json_object_get(from, "verb"));
		dashes(name, key);
		if (other_verbs)
			continue;
		if (assay_options_knows(o, name) && in_list(own_options, name))
			return assay_fail(r->e, ASSAY_E_USAGE, "%s: %.60s belongs to assay run, not to a step", read_at(r, from, key), key);
		if (assay_options_knows(o, name))
			json_object_set(into, key, v);
		else if (others)
			return unknown_key(r, from, key, others, o);
	}
	return 0;
}

/* "KEY=VALUE", "STEP.KEY=VALUE": the key as an option, when it is for this step. */
bool read_set_key(const char *set, const char *base, char out[64])
{
	size_t key = strcspn(set, "="), dot = key;
	while (dot && set[dot - 1] != '.')
		dot--;
	if (dot && (strlen(base) != dot - 1 || strncmp(set, base, dot - 1)))
		return false;
	snprintf(out, 64, "%.*s", (int)(key - dot < 63 ? key - dot : 63), set + dot);
	swap(out, '_', '-');
	return true;
}

/* --set: as if typed on the step's command line. */
static int override(struct reading *r, struct cmd_step *s)
{
	for (int i = 0; i < r->n_sets; i++) {
		char key[64];
		if (!read_set_key(r->sets[i], s->base, key) || !assay_options_knows(s->o, key))
			continue;
		r->set_used[i] = true;
		char *word = xasprintf("--%s%s", key, strchr(r->sets[i], '='));
		int rc = assay_options_parse(s->o, 1, &word, r->e);
		free(word);
		if (rc)
			return assay_fail_in(r->e, "--set, step %s", s->name);
	}
	return 0;
}

/* One combination: option -> value. */
int read_options(struct reading *r, struct cmd_step *s, const json_t *combination)
{
	const char *key;
	json_t *v, *merged = json_object();
	s->o = assay_options_open(cmd_verb_tables(s->verb, json_string_value(json_object_get(s->spec, "experiment"))));
	int rc = add_options(r, merged, r->defaults, NULL, s->o);
	if (!rc)
		rc = add_options(r, merged, s->spec, step_keys, s->o);
	json_object_foreach((json_t *)combination, key, v) {
		char name[64];
		dashes(name, key);
		json_object_set(merged, key, v);
		if (!rc && (!assay_options_knows(s->o, name) || in_list(own_options, name)))
			rc = unknown_key(r, json_object_get(s->spec, "matrix"), key, (const char *const[]){ NULL }, s->o);
	}
	if (json_is_array(json_object_get(merged, "targets"))) {
		s->targets = json_incref(json_object_get(merged, "targets"));
		json_object_del(merged, "targets");
	}
	if (!rc)
		rc = assay_options_job(s->o, merged, option_where, r, r->e);
	json_decref(merged);
	return rc ? rc : override(r, s);
}

/* ---- a step's other keys ---- */

int read_repeats(const struct reading *r, const json_t *spec, int *out)
{
	const json_t *v = json_object_get(spec, "repeat");
	*out = json_is_integer(v) ? (int)json_integer_value(v) : 1;
	if (v && (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > REPEATS_MAX))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: repeat: expects a whole number from 1 to %d", read_at(r, spec, "repeat"), REPEATS_MAX);
	return 0;
}

int read_args(const struct reading *r, struct cmd_step *s)
{
	size_t i;
	json_t *word;
	s->args = json_object_get(s->spec, "args");
	if (s->args && !s->verb->args)
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: args: %s takes no arguments", read_at(r, s->spec, "args"), s->verb->name);
	if (s->args && !json_is_array(s->args))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: args: expects a list of texts", read_at(r, s->spec, "args"));
	json_array_foreach((json_t *)s->args, i, word)
		if (!json_is_string(word))
			return assay_fail(r->e, ASSAY_E_USAGE, "%s: args: item %zu: expects text", read_at(r, s->spec, "args"), i + 1);
	return 0;
}

/* Steps before i of that base, stem or name, into the list; how many. */
static int find_steps(const struct cmd_campaign *c, int before, const char *word, int *list)
{
	int n = 0;
	for (int i = 0; i < before; i++)
		if (!strcmp(c->steps[i].base, word) || !strcmp(c->steps[i].stem, word) || !strcmp(c->steps[i].name, word))
			list[n++] = i;
	return n;
}

static int need(const struct reading *r, struct cmd_step *s, const json_t *word)
{
	const char *names[CMD_STEPS_MAX];
	int before = (int)(s - r->c->steps), n = 0;
	s->needs = xrealloc(s->needs, ((size_t)s->n_needs + (size_t)before + 1) * sizeof *s->needs);
	if (json_is_string(word))
		n = find_steps(r->c, before, json_string_value(word), s->needs + s->n_needs);
	s->n_needs += n;
	if (n)
		return 0;
	for (int i = 0; i < before; i++)
		names[i] = r->c->steps[i].base;
	const char *near = json_is_string(word) ? assay_nearest(json_string_value(word), names, before) : NULL;
	return assay_fail(r->e, ASSAY_E_USAGE, "%s: needs: no step before this one is named so%s%s%s", read_at(r, s->spec, "needs"), near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

int read_needs(const struct reading *r, struct cmd_step *s)
{
	const json_t *v = json_object_get(s->spec, "needs");
	size_t i;
	json_t *word;
	if (!v)
		return 0;
	if (!json_is_array(v))
		return need(r, s, v);
	if (json_array_size(v) > CMD_STEPS_MAX)
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: needs: more than %d", read_at(r, s->spec, "needs"), CMD_STEPS_MAX);
	json_array_foreach((json_t *)v, i, word)
		if (need(r, s, word))
			return r->e->code;
	return 0;
}

/* The step that a baseline names: by itself, or of the same combination; -1. Of several repeats the last. */
static int find_baseline(const struct cmd_campaign *c, const struct cmd_step *s, const char *baseline)
{
	char *same = xasprintf("%s%s", baseline, s->stem + strlen(s->base));
	int found = -1;
	for (int pass = 0; pass < 2 && found < 0; pass++)
		for (int i = 0; i < c->n; i++)
			if (!strcmp(c->steps[i].stem, pass ? same : baseline))
				found = i;
	free(same);
	return found;
}

static int read_comparison(const struct reading *r, struct cmd_step *s, const json_t *map)
{
	static const char *const others[] = { "baseline", "optional", NULL };
	const json_t *optional = json_object_get(map, "optional");
	struct reading mine = *r;
	struct assay_err ignored = ASSAY_ERR_INIT;
	json_t *options = json_object();
	s->compare = assay_options_open(cmd_verb_find("compare", &ignored)->tables);
	s->baseline_optional = json_is_true(optional);
	mine.spec = map;
	mine.defaults = NULL;
	int rc = add_options(&mine, options, map, others, s->compare);
	if (!rc && optional && !json_is_boolean(optional))
		rc = assay_fail(r->e, ASSAY_E_USAGE, "%s: optional: expects true or false", read_at(r, map, "optional"));
	if (!rc)
		rc = assay_options_job(s->compare, options, option_where, &mine, r->e);
	json_decref(options);
	return rc;
}

/* No other combination of the same step is there, which could be compared with it. */
static bool is_alone(const struct cmd_campaign *c, const struct cmd_step *s)
{
	for (int i = 0; i < c->n; i++)
		if (c->steps[i].spec == s->spec && strcmp(c->steps[i].stem, s->stem))
			return false;
	return true;
}

int read_compare(const struct reading *r, struct cmd_step *s)
{
	const json_t *v = json_object_get(s->spec, "compare"), *baseline = json_is_object(v) ? json_object_get(v, "baseline") : v;
	if (!v)
		return 0;
	if (s->verb->main != cmd_run_experiment)
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: compare: %s leaves no result to compare", read_at(r, s->spec, "compare"), s->verb->name);
	if (!json_is_string(baseline) && !(r->baseline && json_is_object(v)))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: compare: expects baseline: a step, a result directory or that of an earlier campaign", read_at(r, s->spec, "compare"));
	s->baseline_step = json_is_string(baseline) ? find_baseline(r->c, s, json_string_value(baseline)) : -1;
	s->baseline = xstrdup(r->baseline && s->baseline_step < 0 ? r->baseline : json_string_value(baseline));
	const struct cmd_step *b = s->baseline_step >= 0 ? &r->c->steps[s->baseline_step] : NULL;
	if (b && is_alone(r->c, b) && b->spec == s->spec)
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: compare: %s is this step itself: name another one", read_at(r, s->spec, "compare"), s->baseline);
	if (b && (!strcmp(b->stem, s->stem) || s->repeat < s->repeats))
		return 0; /* the baseline itself; the repeats are compared together, after the last */
	if (b && (b > s || b->repeats != s->repeats))
		return assay_fail(r->e, ASSAY_E_USAGE, "%s: compare: %s %s", read_at(r, s->spec, "compare"), s->baseline, b > s ? "comes later: a baseline is measured first" : "has another number of repeats: give both the same");
	if (s->repeat < s->repeats)
		return 0;
	return read_comparison(r, s, json_is_object(v) ? v : NULL);
}

/* ---- the whole ---- */

static int unused(const struct reading *r)
{
	const char *key;
	json_t *v;
	for (int i = 0; i < r->n_sets; i++)
		if (!r->set_used[i])
			return assay_fail(r->e, ASSAY_E_USAGE, "--set %.80s: no step has such an option", r->sets[i]);
	json_object_foreach((json_t *)r->defaults, key, v) {
		char name[64];
		bool used = false;
		dashes(name, key);
		for (int i = 0; i < r->c->n && !used; i++)
			used = cmd_step_has(&r->c->steps[i], name);
		if (!used)
			return unknown_key(r, r->defaults, key, (const char *const[]){ NULL }, r->c->steps[0].o);
	}
	return 0;
}

static char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char *name = xstrdup(*base ? base : "job");
	if (strrchr(name, '.') > name)
		*strrchr(name, '.') = 0;
	for (char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			*p = '-';
	name[strlen(name) < NAME_MAX_BYTES ? strlen(name) : NAME_MAX_BYTES] = 0;
	return name;
}

int cmd_campaign_parse(const char *text, size_t len_bytes, const char *path, const char *const *sets, int n_sets, const char *baseline, struct cmd_campaign *out, struct assay_err *e)
{
	struct reading r = { .c = out, .path = path, .sets = sets, .n_sets = n_sets, .baseline = baseline, .e = e };
	*out = (struct cmd_campaign){ 0 };
	for (int i = 0; i < n_sets; i++)
		if (!strchr(sets[i], '=') || strcspn(sets[i], "=") == 0)
			return assay_fail(e, ASSAY_E_USAGE, "--set: \"%.60s\" is not of the form OPTION=VALUE or STEP.OPTION=VALUE", sets[i]);
	int rc = assay_yaml_parse(text, len_bytes, path, &out->yaml, e);
	if (rc)
		return rc;
	r.set_used = xalloc(((size_t)n_sets + 1) * sizeof *r.set_used);
	rc = read_frame(&r);
	if (!rc)
		rc = read_steps(&r);
	if (!rc)
		rc = unused(&r);
	if (!out->name)
		out->name = name_of(path);
	free(r.set_used);
	return rc;
}
