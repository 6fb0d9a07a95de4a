/* Does a judgement over several results hold? sweep.json, engines.json and the comparison.json of pairs are made again from the results below them, with every
 * face; campaign.json is held against the results it names. Whether those results themselves hold is for report/verify.h. */
#include "cmd/verify_judgement.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "cmd/compare.h"
#include "cmd/compare_engines.h"
#include "cmd/show_result.h"
#include "cmd/sweep.h"
#include "report/compare_tables.h"
#include "report/face_sweep.h"
#include "report/report.h"
#include "result/result_find.h"
#include "report/verify.h"
#include "report/verify_diff.h"

enum { DOCUMENT_MAX = 256 << 20, CONFIGURATIONS_MAX = 100000, VISITS_MAX = 100 };

struct check { const char *dir, *name; json_t *doc, *problems; };

__attribute__((format(printf, 3, 4)))
static void problem(struct check *c, const char *where, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *what = xvasprintf(fmt, ap);
	va_end(ap);
	json_t *text = json_string(what), *place = json_sprintf("%s: %s", c->name, where);
	json_array_append_new(c->problems, json_pack("{s:o, s:o}", "what", text ? text : json_string("?"), "where", place ? place : json_string(c->name)));
	free(what);
}

/* A path below the directory, as the document names it. */
static bool is_below(const char *path) { return *path && *path != '/' && strcmp(path, "..") && strncmp(path, "../", 3) && !strstr(path, "/../"); }

static json_t *load_below(const struct check *c, const char *path)
{
	char *dir = is_below(path) ? xasprintf("%s/%s", c->dir, path) : NULL;
	json_t *result = dir ? assay_result_load(dir, NULL) : NULL;
	free(dir);
	return result;
}

/* Every file that was made again, against the one that is there. */
static int compare_made(struct check *c, const char *made_in, struct assay_err *e)
{
	json_t *made = assay_manifest_build(made_in, e), *entry;
	int rc = made ? 0 : e->code;
	size_t i;
	json_array_foreach(json_object_get(made, "files"), i, entry) {
		const char *file = assay_json_get_str(entry, "path", "");
		char *there = xasprintf("%s/%s", c->dir, file), *again = xasprintf("%s/%s", made_in, file);
		struct assay_buf a, b;
		struct verify_diff d;
		assay_buf_init(&a, DOCUMENT_MAX);
		assay_buf_init(&b, DOCUMENT_MAX);
		if (!rc && assay_fs_exists(there) && !(rc = assay_fs_read(there, &a, ASSAY_E_IO, e)) && !(rc = assay_fs_read(again, &b, ASSAY_E_IO, e)) &&
		    verify_diff_file(file, a.data, a.len_bytes, b.data, b.len_bytes, &d)) {
			c->name = file;
			problem(c, d.where, "%s", d.what);
			verify_diff_release(&d);
		}
		assay_buf_release(&a);
		assay_buf_release(&b);
		free(there);
		free(again);
	}
	json_decref(made);
	return rc;
}

/* ---- a sweep ---- */

struct swept { struct assay_objective objectives[ASSAY_SWEEP_OBJECTIVES]; struct assay_condition conditions[ASSAY_SWEEP_CONDITIONS]; struct assay_sweep_aims aims; struct assay_sweep_results *of; json_t **list; size_t n; };

/* What the sweep looked for, as its document says. */
static int read_aims(struct swept *s, const json_t *doc, struct assay_err *e)
{
	const json_t *objectives = json_object_get(doc, "objectives"), *require = json_object_get(doc, "require");
	s->aims = (struct assay_sweep_aims){ s->objectives, json_array_size(objectives), s->conditions, json_array_size(require) };
	if (s->aims.n_objectives > ASSAY_SWEEP_OBJECTIVES || s->aims.n_conditions > ASSAY_SWEEP_CONDITIONS)
		return assay_fail(e, ASSAY_E_DATA, "more objectives or conditions than a sweep has");
	for (size_t i = 0; i < s->aims.n_objectives; i++)
		if (assay_objective_parse(assay_json_get_str(json_array_get(objectives, i), "key", ""), &s->objectives[i], e))
			return e->code;
	for (size_t i = 0; i < s->aims.n_conditions; i++) {
		const char *text = json_string_value(json_array_get(require, i));
		if (assay_condition_parse(text ? text : "", &s->conditions[i], e))
			return e->code;
	}
	return 0;
}

/* The results of each configuration, as the sweep loads them. */
static int load_configurations(struct check *c, struct swept *s, struct assay_err *e)
{
	const json_t *rows = json_object_get(c->doc, "configurations");
	size_t n = json_array_size(rows), total = 0;
	for (size_t i = 0; i < n && i < CONFIGURATIONS_MAX; i++)
		total += json_array_size(json_object_get(json_array_get(rows, i), "dirs"));
	if (!n || n > CONFIGURATIONS_MAX)
		return assay_fail(e, ASSAY_E_DATA, "%zu configurations", n);
	s->of = xalloc(n * sizeof *s->of);
	s->list = xalloc((total + 1) * sizeof *s->list);
	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(rows, i), *dirs = json_object_get(row, "dirs");
		if (assay_json_get_int(row, "n", 0) != (json_int_t)i + 1)
			return assay_fail(e, ASSAY_E_DATA, "configurations[%zu].n is not %zu", i, i + 1);
		s->of[i].list = s->list + s->n;
		for (size_t k = 0; k < json_array_size(dirs); k++) {
			json_t *result = load_below(c, assay_json_get_str(json_array_get(dirs, k), "dir", ""));
			if (result && !assay_json_get_bool(result, "interrupted", 0))
				s->list[s->n++] = result;
			else
				json_decref(result);
		}
		s->of[i].n = (size_t)(s->list + s->n - s->of[i].list);
	}
	return 0;
}

/* The margins: by the pairs that were measured, else by the results. Why pairs could not be measured follows from nothing below, nor how far a stopped
 * sweep came: taken as it is. */
static void judge_margins(struct check *c, const struct swept *s, json_t *best)
{
	static const char *const said[] = { "margin", "method", "effect_pct", "ci_pct", "reason", "comparison" };
	const json_t *was = json_object_get(c->doc, "best");
	bool stopped = strcmp(assay_json_get_str(c->doc, "state", ""), "complete");
	for (size_t i = 0; i < json_array_size(best); i++) {
		json_t *entry = json_array_get(best, i), *old = json_array_get(was, i), *by = json_object_get(old, "comparison");
		const char *file = json_string_value(by);
		char *path = file && is_below(file) ? xasprintf("%s/%s", c->dir, file) : NULL;
		json_t *pairs = path ? assay_json_load(path, DOCUMENT_MAX, ASSAY_E_DATA, NULL) : NULL;
		if (pairs)
			assay_sweep_margin(entry, pairs, 1);
		else if (!by && !stopped)
			cmd_sweep_judge_saved(s->of, entry, &s->objectives[i]);
		else if (file)
			assay_sweep_margin_say(entry, "not_tested", NULL, "its comparison cannot be read");
		for (size_t k = 0; (json_is_null(by) || (!by && stopped)) && k < 5; k++)
			json_object_set(entry, said[k], json_object_get(old, said[k]));
		if (by)
			json_object_set(entry, said[5], by);
		json_decref(pairs);
		free(path);
	}
}

static int make_sweep(struct check *c, const char *made_in, struct assay_err *e)
{
	struct swept *s = xalloc(sizeof *s);
	struct assay_err why = ASSAY_ERR_INIT;
	json_t *doc = json_deep_copy(c->doc);
	char *s2 = xasprintf("%s/legacy/s2", c->dir);
	int rc = 0;
	const char *state = assay_json_get_str(doc, "state", "?");
	if (strcmp(state, "complete") && strcmp(state, "interrupted"))
		problem(c, "state", "%.20s: the sweep was killed, or is measuring; assay sweep --resume goes on", state);
	else if (read_aims(s, doc, &why) || load_configurations(c, s, &why))
		problem(c, "the whole document", "%s", why.msg);
	else {
		assay_sweep_judge(doc, s->of, &s->aims);
		cmd_sweep_put_loads(doc);
		judge_margins(c, s, json_object_get(doc, "best"));
		rc = cmd_sweep_save(doc, made_in, e) || assay_face_sweep_write(doc, made_in, assay_fs_is_dir(s2), e) ? e->code : 0;
	}
	for (size_t i = 0; i < s->n; i++)
		json_decref(s->list[i]);
	free(s->list);
	free(s->of);
	free(s);
	free(s2);
	json_decref(doc);
	return rc;
}

/* ---- pairs ---- */

/* visits/001-A, 002-B, 003-B, 004-A, ... */
static int load_visits(const struct check *c, struct cmd_docs side[2], size_t pairs, struct assay_err *e)
{
	for (size_t i = 0; i < 2 * pairs; i++) {
		int arm = (i + 1) / 2 % 2;
		char *path = xasprintf("visits/%03zu-%c", i + 1, 'A' + arm);
		json_t *result = load_below(c, path);
		if (!result)
			assay_fail(e, ASSAY_E_DATA, "%s: no result there", path);
		free(path);
		if (!result)
			return e->code;
		side[arm].list[side[arm].n++] = result;
	}
	return 0;
}

/* The family and the rules that it was judged by. */
static json_t *judge_pairs(const struct check *c, const struct cmd_docs side[2], size_t pairs, struct assay_err *e)
{
	const json_t *rows = json_object_get(c->doc, "metrics"), *said = json_object_get(c->doc, "pairs"), *across = json_object_get(said, "across");
	const char *keys[ASSAY_COMPARE_KEYS];
	struct assay_compare_options o = { .metrics = keys, .min_effect = assay_json_get_num(c->doc, "min_effect_pct", 1) / 100, .paired = true, .sequential = true };
	for (size_t i = 0; i < json_array_size(rows) && o.n_metrics < ASSAY_COMPARE_KEYS; i++)
		if (!strcmp(assay_json_get_str(json_array_get(rows, i), "role", ""), "family"))
			keys[o.n_metrics++] = assay_json_get_str(json_array_get(rows, i), "key", "?");
	for (size_t i = 0; i < json_array_size(across); i++) {
		o.across_model |= !strcmp(json_string_value(json_array_get(across, i)) ?: "", "model");
		o.across_case |= !strcmp(json_string_value(json_array_get(across, i)) ?: "", "case");
	}
	return assay_compare(side[0].list, pairs, side[1].list, pairs, &o, e);
}

/* Every look again, then the document with what follows from nothing below: the words of the command and its bounds. */
static int make_pairs(struct check *c, const char *made_in, struct assay_err *e)
{
	json_t *said = json_object_get(c->doc, "pairs"), *looks = json_object_get(said, "looks"), *doc = NULL;
	struct cmd_docs *side = xalloc(2 * sizeof *side);
	struct assay_err why = ASSAY_ERR_INIT;
	json_int_t pairs = assay_json_get_int(said, "measured", 0);
	int rc = pairs < 1 || pairs > VISITS_MAX ? assay_fail(&why, ASSAY_E_DATA, "it is of no pairs") : load_visits(c, side, (size_t)pairs, &why);
	for (size_t i = 0; !rc && i < json_array_size(looks); i++) {
		const json_t *look = json_array_get(looks, i);
		json_int_t n = assay_json_get_int(look, "pairs", 0);
		json_decref(doc);
		doc = n < 1 || n > pairs ? NULL : judge_pairs(c, side, (size_t)n, &why);
		if (!doc)
			rc = assay_fail(&why, ASSAY_E_DATA, "look %zu cannot be judged again: %s", i + 1, why.code ? why.msg : "more pairs than were measured");
		else if (strcmp(assay_json_get_str(doc, "verdict", "?"), assay_json_get_str(look, "verdict", "")))
			problem(c, "pairs.looks", "look %zu: found %.20s, should be %s", i + 1, assay_json_get_str(look, "verdict", "?"), assay_json_get_str(doc, "verdict", "?"));
	}
	if (rc || !doc) {
		problem(c, "the whole document", "%s", rc ? why.msg : "no look");
		rc = 0;
	} else {
		static const char *const kept[] = { "schema", "pairs", "gate" };
		for (int i = 0; i < 3; i++)
			if (json_object_get(c->doc, kept[i]))
				json_object_set(doc, kept[i], json_object_get(c->doc, kept[i]));
		rc = assay_comparison_write(doc, made_in, e);
	}
	json_decref(doc);
	cmd_docs_release(&side[0]);
	cmd_docs_release(&side[1]);
	free(side);
	return rc;
}

/* ---- engines ---- */

static int make_engines(struct check *c, const char *made_in, struct assay_err *e)
{
	struct assay_err why = ASSAY_ERR_INIT;
	json_t *record = cmd_engines_record(c->dir, &why), *doc = NULL;
	const char *state = assay_json_get_str(record, "state", "?");
	int rc = 0;
	if (record && strcmp(state, "complete") && strcmp(state, "interrupted"))
		problem(c, "the whole document", "blocks.json is %.20s: the comparison was killed, or is measuring; assay compare-engines --resume goes on", state);
	else if (!record || cmd_engines_publish(record, c->dir, made_in, &doc, &why))
		rc = why.code == ASSAY_E_IO ? (*e = why, why.code) : (problem(c, "the whole document", "%s", why.msg), 0);
	json_decref(doc);
	json_decref(record);
	return rc;
}

/* ---- a campaign ---- */

static void check_step(struct check *c, const json_t *step)
{
	const json_t *said = json_object_get(step, "result"), *compared = json_object_get(step, "comparison");
	const char *name = assay_json_get_str(step, "name", "?"), *id = assay_json_get_str(said, "id", NULL), *file = assay_json_get_str(compared, "file", NULL);
	json_t *result = id ? load_below(c, assay_json_get_str(step, "directory", name)) : NULL;
	if (id && (!result || strcmp(assay_json_get_str(result, "id", ""), id)))
		problem(c, name, "the result %.16s... is not there: %s", id, result ? "another one is" : "none is");
	else if (id && strcmp(assay_json_get_str(said, "verdict", ""), assay_json_get_str(json_object_get(result, "verdict"), "state", "?")))
		problem(c, name, "found the verdict %.20s, its result says %s", assay_json_get_str(said, "verdict", "none"), assay_json_get_str(json_object_get(result, "verdict"), "state", "?"));
	json_decref(result);
	if (!file)
		return;
	char *path = is_below(file) ? xasprintf("%s/%s", c->dir, file) : NULL;
	json_t *comparison = path ? assay_json_load(path, DOCUMENT_MAX, ASSAY_E_DATA, NULL) : NULL;
	if (strcmp(assay_json_get_str(comparison, "verdict", "none"), assay_json_get_str(compared, "verdict", "none")))
		problem(c, name, "found the comparison %.20s, %.200s says %s", assay_json_get_str(compared, "verdict", "none"), file, assay_json_get_str(comparison, "verdict", "nothing"));
	json_decref(comparison);
	free(path);
}

/* ---- */

static int check_here(struct check *c, struct assay_err *e)
{
	const json_t *steps = json_object_get(c->doc, "steps");
	bool sweep = !strcmp(c->name, "sweep.json"), engines = !strcmp(c->name, "engines.json"), pairs = json_object_get(c->doc, "pairs") != NULL;
	char *made_in;
	for (size_t i = 0; i < json_array_size(steps); i++)
		check_step(c, json_array_get(steps, i));
	if (!sweep && !engines && !pairs)
		return 0;
	if (!(made_in = assay_verify_scratch(e)))
		return e->code;
	int rc = sweep ? make_sweep(c, made_in, e) : engines ? make_engines(c, made_in, e) : make_pairs(c, made_in, e);
	if (!rc)
		rc = compare_made(c, made_in, e);
	assay_fs_remove_tree(made_in);
	free(made_in);
	return rc;
}

json_t *cmd_verify_judgement(const char *dir, struct assay_err *e)
{
	struct check c = { .dir = dir, .name = assay_judgement_here(dir), .problems = json_array() };
	struct assay_err why = ASSAY_ERR_INIT;
	char *path = xasprintf("%s/%s", dir, c.name);
	if (!(c.doc = assay_json_load(path, DOCUMENT_MAX, ASSAY_E_DATA, &why)))
		problem(&c, "the whole document", "%s", why.msg);
	bool elsewhere = c.doc && !strcmp(c.name, "comparison.json") && !json_object_get(c.doc, "pairs");
	if (elsewhere || (c.doc && check_here(&c, e))) {
		json_decref(c.problems);
		c.problems = NULL;
	}
	json_decref(c.doc);
	free(path);
	return c.problems;
}
