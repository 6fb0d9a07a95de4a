/* engines.json: what the blocks of each engine measured, how that stands to the first engine and to what the requirement documents expect. All of it
 * follows from blocks.json, the results and the checks, so that assay verify makes it again; nothing is measured, no clock is read. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cmd/compare_engines_parts.h"
#include "report/engines_tables.h"

static const char *const judged[] = { "ttft_ms", "tpot_ms", "output_tok_s" };
enum { JUDGED = sizeof judged / sizeof *judged };
#define MIN_EFFECT 0.01

json_t *cmd_engines_text(const char *s)
{
	struct assay_buf b;
	assay_buf_init(&b, 1 << 20);
	json_t *text = assay_utf8_repair(s, strlen(s), &b) ? NULL : json_string(b.data ? b.data : "");
	assay_buf_release(&b);
	return text ? text : json_string("?");
}

static const json_t *of(const struct cmd_engines_side *s, const char *part) { return json_object_get(s->docs.n ? s->docs.list[0] : NULL, part); }

/* Whether the model's files were in memory before the first block: the check had just loaded them. */
static json_t *page_cache(const struct cmd_engines_work *w)
{
	if (!assay_json_get_int(json_object_get(w->record, "memory"), "needed_bytes", 0))
		return json_null();
	for (size_t i = 1; i < w->n; i++)
		if (json_is_string(json_object_get(json_object_get(w->side[i].arm, "check"), "file")))
			return json_string("warm");
	return json_string("not known");
}

/* ---- against the first engine ---- */

static bool same_plan(const struct cmd_engines_side *a, const struct cmd_engines_side *b)
{
	return a->plan && b->plan && json_equal(a->plan, b->plan);
}

/* {comparable, reason, verdict, metrics[{key, effect_pct, ci95_pct, verdict}]}; the unit is the block. Refused for the first engine itself. */
static json_t *against_first(const struct cmd_engines_work *w, const struct cmd_engines_side *s)
{
	const struct cmd_engines_side *first = &w->side[0];
	struct assay_compare_options o = { .metrics = judged, .n_metrics = JUDGED, .min_effect = MIN_EFFECT };
	struct assay_err why = ASSAY_ERR_INIT;
	json_t *doc = NULL, *rows = json_array(), *m;
	const char *few = first->docs.n < 2 ? assay_json_get_str(first->arm, "engine", "?") : assay_json_get_str(s->arm, "engine", "?");
	size_t i;
	if (s == first)
		assay_fail(&why, ASSAY_E_USAGE, "the first engine: the others are held against it");
	else if (first->docs.n < 2 || s->docs.n < 2)
		assay_fail(&why, ASSAY_E_USAGE, "fewer than two blocks of %s", few);
	else if (!first->timed || !s->timed)
		assay_fail(&why, ASSAY_E_USAGE, "a memory run: its timings are not compared");
	else if (!same_plan(first, s))
		assay_fail(&why, ASSAY_E_USAGE, "it was given other ids than A");
	else if ((doc = assay_compare(first->docs.list, first->docs.n, s->docs.list, s->docs.n, &o, &why)) && !assay_json_get_bool(doc, "comparable", 0))
		cmd_judge_refuse(doc, &why);
	json_array_foreach(json_object_get(doc, "metrics"), i, m)
		if (!why.code && !strcmp(assay_json_get_str(m, "role", "family"), "family"))
			json_array_append(rows, m);
	json_t *out = json_pack("{s:s, s:b, s:o, s:s?, s:o}", "against", "A", "comparable", !why.code, "reason", why.code ? cmd_engines_text(why.msg) : json_null(), "verdict",
				why.code ? NULL : assay_json_get_str(doc, "verdict", NULL), "metrics", rows);
	json_decref(doc);
	return out;
}

/* ---- what stands behind the numbers ---- */

static void note(json_t *list, const char *what, const char *said)
{
	char *text = xasprintf("%s: %s", what, said);
	json_array_append_new(list, cmd_engines_text(text));
	free(text);
}

static void note_missing(const struct cmd_engines_side *s, json_t *list)
{
	static const char *const wanted[] = { "ttft_ms", "tpot_ms", "output_tok_s", "load_ms", "rss_peak_mib", "weights_mib", "kv_peak_mib", "step_ms" };
	json_t *value;
	size_t i;
	json_array_foreach(of(s, "unavailable"), i, value)
		for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++)
			if (!strcmp(assay_json_get_str(value, "what", ""), wanted[k])) {
				char *what = xasprintf("%s missing", wanted[k]);
				note(list, what, assay_json_get_str(value, "reason", ""));
				free(what);
			}
}

/* Derived, ignored, missing: by the first block's result. */
static json_t *notes(const struct cmd_engines_work *w, const struct cmd_engines_side *s)
{
	const json_t *effective = json_object_get(of(s, "engine"), "effective"), *asked = json_object_get(w->record, "workload");
	const char *dtype = assay_json_get_str(of(s, "model"), "dtype", NULL), *wanted = assay_json_get_str(json_object_get(w->record, "model"), "dtype", "?"), *key;
	json_t *list = json_array(), *value;
	size_t i;
	if (!s->timed)
		note(list, "memory run", "all in one process (processes=one), which is not how it is used: its timings are left out");
	if (dtype && strcmp(dtype, wanted))
		note(list, "dtype", "not the one asked for is in force");
	if (s->docs.n && assay_json_get_int(asked, "threads", 0) && !json_is_integer(json_object_get(effective, "threads")))
		note(list, "threads", "it does not say how many are in force");
	else if (s->docs.n && assay_json_get_int(asked, "threads", 0) && assay_json_get_int(effective, "threads", 0) != assay_json_get_int(asked, "threads", 0))
		note(list, "threads", "not as many as asked for are in force");
	json_object_foreach((json_t *)json_object_get(of(s, "engine"), "capabilities"), key, value)
		if (json_is_string(value) && strncmp(key, "worker_", 7) && strcmp(key, "text") && strcmp(json_string_value(value), "exact"))
			note(list, key, json_string_value(value));
	json_array_foreach(json_object_get(effective, "ignored"), i, value)
		note(list, "option ignored", json_is_string(value) ? json_string_value(value) : "?");
	if (assay_json_get_str(effective, "what", NULL))
		note(list, "what it is", assay_json_get_str(effective, "what", ""));
	note_missing(s, list);
	return list;
}

/* The check's own words; "failed" where it came to no answer. */
static json_t *agreement(const struct cmd_engines_work *w, const struct cmd_engines_side *s)
{
	const json_t *check = json_object_get(s->arm, "check");
	if (!json_is_object(check))
		return json_null();
	bool has_file = json_is_string(json_object_get(check, "file"));
	char *file = has_file ? xasprintf("check/A-%s.json", s->label) : NULL, *path = has_file ? xasprintf("%s/%s", w->dir, file) : NULL;
	json_t *doc = path ? assay_json_load(path, 1 << 24, ASSAY_E_DATA, NULL) : NULL;
	json_t *out = json_pack("{s:s, s:o, s:o, s:s?}", "with", "A", "outcome", cmd_engines_text(doc ? assay_json_get_str(doc, "outcome", "?") : "failed"), "reason",
				cmd_engines_text(doc ? assay_json_get_str(doc, "reason", "") : assay_json_get_str(check, "reason", "its file cannot be read")), "file", file);
	json_decref(doc);
	free(file);
	free(path);
	return out;
}

/* ---- one engine ---- */

/* What made a verdict what it is: "INVALID too_noisy: measured". */
static json_t *reasons(const json_t *result)
{
	const json_t *verdict = json_object_get(result, "verdict"), *r;
	const char *state = assay_json_get_str(verdict, "state", "");
	json_t *list = json_array();
	for (size_t i = 0; i < json_array_size(json_object_get(verdict, "reasons")); i++) {
		r = json_array_get(json_object_get(verdict, "reasons"), i);
		if (!strcmp(assay_json_get_str(r, "state", ""), state))
			note(list, assay_json_get_str(r, "code", "?"), assay_json_get_str(r, "measured", "?"));
	}
	return list;
}

/* Blocks that were begun; *failed: the reason of the last that failed. */
static json_t *blocks(const struct cmd_engines_work *w, const struct cmd_engines_side *s, int64_t *invalid, const char **failed)
{
	json_t *list = json_array(), *b;
	size_t i, at = 0;
	json_array_foreach(json_object_get(w->record, "blocks"), i, b) {
		const char *end = assay_json_get_str(b, "end", "");
		bool measured = !strcmp(end, "measured");
		if (strcmp(assay_json_get_str(b, "label", ""), s->label) || (!measured && strcmp(end, "failed")))
			continue;
		const json_t *result = measured && at < s->docs.n ? s->docs.list[at++] : NULL;
		const char *verdict = assay_json_get_str(json_object_get(result, "verdict"), "state", NULL);
		char *dir = cmd_engines_block_dir((int)i + 1, *s->label - 'A');
		*invalid += verdict && !strcmp(verdict, "INVALID");
		*failed = measured ? *failed : assay_json_get_str(b, "reason", "?");
		json_t *status = json_object_get(b, "exit_status"), *wall = json_object_get(b, "wall_s"), *none = json_null();
		json_array_append_new(list, json_pack("{s:i, s:s, s:O, s:s?, s:o, s:O, s:b, s:o?}", "number", (int)i + 1, "directory", dir, "exit_status", status ? status : none, "verdict", verdict, "reasons",
						      reasons(result), "wall_s", wall ? wall : none, "kept", assay_json_get_bool(b, "kept", 0), "plan_sha256", result ? cmd_engines_plan_hash(result) : NULL));
		json_decref(none);
		free(dir);
	}
	return list;
}

static json_t *or_null(const json_t *v) { return v ? json_incref((json_t *)v) : json_null(); }

/* What tells engines of one name apart: the spec and its options. */
static json_t *name(const struct cmd_engines_side *s)
{
	struct assay_buf b;
	size_t i;
	json_t *option;
	assay_buf_init(&b, 1 << 20);
	assay_buf_puts(&b, assay_json_get_str(s->arm, "engine", "?"));
	json_array_foreach(json_object_get(s->arm, "options"), i, option)
		assay_buf_printf(&b, " %s", json_is_string(option) ? json_string_value(option) : "?");
	json_t *text = cmd_engines_text(b.data);
	assay_buf_release(&b);
	return text;
}

static json_t *engine_json(const struct cmd_engines_work *w, const struct cmd_engines_side *s)
{
	const json_t *engine = of(s, "engine"), *effective = json_object_get(engine, "effective");
	const char *failed = NULL, *missing = assay_json_get_str(s->arm, "missing", NULL);
	int64_t invalid = 0;
	bool lengths = s->docs.n > 0;
	for (size_t i = 0; i < s->docs.n; i++)
		lengths = lengths && cmd_engines_lengths_hold(s->docs.list[i]);
	json_t *done = blocks(w, s, &invalid, &failed);
	const char *state = missing && !s->docs.n ? "missing" : missing || failed ? "failed" : s->docs.n ? "ready" : "not measured";
	json_t *row = json_pack("{s:s, s:o, s:o, s:o, s:s?, s:s, s:o, s:b, s:o, s:o, s:I}", "label", s->label, "name", name(s), "engine", cmd_engines_text(assay_json_get_str(s->arm, "engine", "?")), "options",
				or_null(json_object_get(s->arm, "options")), "version", assay_json_get_str(engine, "version", NULL), "state", state, "reason",
				missing || failed ? cmd_engines_text(missing ? missing : failed) : json_null(), "timed", s->timed, "agreement", agreement(w, s), "blocks", done, "invalid_blocks", (json_int_t)invalid);
	json_object_set_new(row, "in_force", json_pack("{s:o, s:o}", "dtype", or_null(json_object_get(of(s, "model"), "dtype")), "threads", or_null(json_object_get(effective, "threads"))));
	json_object_set_new(row, "same_plan", s->docs.n && w->side[0].docs.n ? json_boolean(same_plan(&w->side[0], s)) : json_null());
	json_object_set_new(row, "lengths_hold", s->docs.n ? json_boolean(lengths) : json_null());
	json_object_set_new(row, "load_ms", cmd_engines_peak(s, "load_ms"));
	json_object_set_new(row, "load", cmd_engines_load(s));
	json_object_set_new(row, "memory", json_pack("{s:o, s:o, s:o, s:o}", "rss_peak_mib", cmd_engines_peak(s, "rss_peak_mib"), "pss_mib", cmd_engines_peak(s, "pss_mib"), "weights_mib", cmd_engines_peak(s, "weights_mib"), "kv_peak_mib", cmd_engines_peak(s, "kv_peak_mib")));
	json_object_set_new(row, "batches", cmd_engines_batches(w, s));
	json_object_set_new(row, "comparison", against_first(w, s));
	json_object_set_new(row, "capabilities", or_null(json_object_get(engine, "capabilities")));
	json_object_set_new(row, "effective", or_null(effective));
	json_object_set_new(row, "notes", notes(w, s));
	return row;
}

/* ---- the document ---- */

/* 3 > 4 > 1 > 0: an engine that failed, a block that is INVALID, an engine that disagrees; 2 when every engine refused its options. */
static int exit_status(const json_t *doc)
{
	int status = json_array_size(json_object_get(doc, "disagree")) ? ASSAY_EXIT_FAILED : ASSAY_EXIT_OK;
	bool refused = true, any = false;
	size_t i, k;
	json_t *g, *b;
	json_array_foreach(json_object_get(doc, "engines"), i, g) {
		bool failed = !strcmp(assay_json_get_str(g, "state", ""), "failed"), usage = false;
		json_array_foreach(json_object_get(g, "blocks"), k, b) {
			int64_t end = assay_json_get_int(b, "exit_status", 0);
			usage = usage || end == ASSAY_EXIT_USAGE;
			status = cmd_child_worse(status, (int)end);
			any = true;
		}
		refused = refused && usage;
		status = cmd_child_worse(status, failed ? ASSAY_EXIT_ENGINE : ASSAY_EXIT_OK);
	}
	return any && refused ? ASSAY_EXIT_USAGE : status;
}

/* The results of the blocks that were measured. ASSAY_E_DATA when one is not there. */
static int open_sides(struct cmd_engines_work *w, struct assay_err *e)
{
	static const char *const labels[CMD_ENGINES_MAX] = { "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L" };
	const json_t *arms = json_object_get(w->record, "engines");
	size_t i;
	json_t *b;
	if (json_array_size(arms) < 2 || json_array_size(arms) > CMD_ENGINES_MAX)
		return assay_fail(e, ASSAY_E_DATA, "blocks.json: %zu engines", json_array_size(arms));
	for (w->n = 0; w->n < json_array_size(arms); w->n++)
		w->side[w->n] = (struct cmd_engines_side){ .arm = json_array_get(arms, w->n), .label = labels[w->n] };
	json_array_foreach(json_object_get(w->record, "blocks"), i, b) {
		size_t at = (size_t)(assay_json_get_str(b, "label", "?")[0] - 'A');
		if (i >= CMD_ENGINES_MAX * CMD_ENGINES_ROUNDS_MAX || at >= w->n)
			return assay_fail(e, ASSAY_E_DATA, "blocks.json: block %zu is of no engine, or too many", i + 1);
		if (strcmp(assay_json_get_str(b, "end", ""), "measured"))
			continue;
		char *name = cmd_engines_block_dir((int)i + 1, (int)at), *dir = xasprintf("%s/%s", w->dir, name);
		int rc = cmd_docs_load(&w->side[at].docs, dir, e);
		free(name);
		free(dir);
		if (rc)
			return rc;
	}
	for (i = 0; i < w->n; i++) {
		w->side[i].plan = w->side[i].docs.n ? cmd_engines_plan_hash(w->side[i].docs.list[0]) : NULL;
		w->side[i].timed = strcmp(assay_json_get_str(json_object_get(of(&w->side[i], "engine"), "effective"), "processes", ""), "one");
	}
	return 0;
}

static json_t *document(const struct cmd_engines_work *w)
{
	static const char *const taken[] = { "created", "ended", "assay" };
	json_t *doc = json_pack("{s:s}", "schema", CMD_ENGINES_SCHEMA), *engines = json_array(), *disagree = json_array(), *invalid = json_array(), *machine = NULL;
	for (int i = 0; i < 3; i++)
		json_object_set_new(doc, taken[i], or_null(json_object_get(w->record, taken[i])));
	json_object_set_new(doc, "interrupted", json_boolean(strcmp(assay_json_get_str(w->record, "state", ""), "complete")));
	for (size_t i = 0; i < w->n; i++) {
		json_t *row = engine_json(w, &w->side[i]);
		json_array_append_new(engines, row);
		if (!strcmp(assay_json_get_str(json_object_get(row, "agreement"), "outcome", ""), "DISAGREE"))
			json_array_append_new(disagree, json_string(w->side[i].label));
		if (assay_json_get_int(row, "invalid_blocks", 0))
			json_array_append_new(invalid, json_string(w->side[i].label));
		machine = machine ? machine : (json_t *)of(&w->side[i], "machine");
	}
	json_object_set_new(doc, "machine", or_null(machine));
	for (const char *const *key = (const char *const[]){ "model", "workload", "memory", NULL }; *key; key++)
		json_object_set_new(doc, *key, or_null(json_object_get(w->record, *key)));
	json_object_set_new(doc, "page_cache", page_cache(w));
	json_object_set_new(doc, "disagree", disagree);
	json_object_set_new(doc, "invalid", invalid);
	json_object_set_new(doc, "engines", engines);
	json_object_set_new(doc, "expectations", cmd_engines_expectations(engines));
	json_object_set_new(doc, "exit_status", json_integer(exit_status(doc)));
	return doc;
}

int cmd_engines_publish(const json_t *record, const char *dir, const char *to, json_t **doc, struct assay_err *e)
{
	struct cmd_engines_work *w = xalloc(sizeof *w);
	const json_t *first[CMD_ENGINES_MAX] = { NULL };
	w->record = record;
	w->dir = dir;
	int rc = open_sides(w, e);
	*doc = rc ? NULL : document(w);
	for (size_t i = 0; i < w->n; i++)
		first[i] = w->side[i].docs.n ? w->side[i].docs.list[0] : NULL;
	if (!rc)
		rc = assay_engines_write(*doc, first, w->n, to, e);
	for (size_t i = 0; i < w->n; i++) {
		cmd_docs_release(&w->side[i].docs);
		json_decref(w->side[i].plan);
	}
	free(w);
	return rc;
}
