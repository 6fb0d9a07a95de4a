/* The answer of a sweep: results loaded and judged, the best re-measured against the runners-up by pairs where the results alone do not decide,
 * every face written. Measures nothing itself. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/compare.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/term.h"
#include "cmd/compare.h"
#include "cmd/kept.h"
#include "cmd/run_signals.h"
#include "cmd/sweep.h"
#include "report/face_sweep.h"

/* ---- what is looked for ---- */

static int take_objectives(struct cmd_sweep *s, struct assay_err *e)
{
	const char *const *texts;
	bool given = assay_options_is_set(s->o, "objective");
	int n = given ? assay_options_strs(s->o, "objective", &texts) : assay_objective_defaults(s->exp->name, &texts);
	for (int i = 0; i < n; i++) {
		char *list = xstrdup(texts[i]), *save = NULL;
		int rc = 0;
		for (char *w = strtok_r(list, ", ", &save); !rc && w; w = strtok_r(NULL, ", ", &save)) {
			struct assay_objective *o = &s->objectives[s->aims.n_objectives];
			if (s->aims.n_objectives == ASSAY_SWEEP_OBJECTIVES)
				rc = assay_fail(e, ASSAY_E_USAGE, "--objective: at most %d", ASSAY_SWEEP_OBJECTIVES);
			else if (assay_objective_parse(w, o, e))
				rc = assay_fail_in(e, "--objective");
			for (size_t k = 0; !rc && k < s->aims.n_objectives; k++)
				if (!strcmp(s->objectives[k].text, o->text))
					rc = assay_fail(e, ASSAY_E_USAGE, "--objective: %s is named twice", o->text);
			s->aims.n_objectives += !rc;
		}
		free(list);
		if (rc)
			return rc;
	}
	return s->aims.n_objectives ? 0 : assay_fail(e, ASSAY_E_USAGE, "--objective: names no metric");
}

int cmd_sweep_aims(struct cmd_sweep *s, struct assay_err *e)
{
	const char *const *texts;
	int n = assay_options_strs(s->o, "require", &texts);
	s->aims.objectives = s->objectives;
	s->aims.conditions = s->conditions;
	if (n > ASSAY_SWEEP_CONDITIONS)
		return assay_fail(e, ASSAY_E_USAGE, "--require: at most %d", ASSAY_SWEEP_CONDITIONS);
	for (int i = 0; i < n; i++)
		if (assay_condition_parse(texts[i], &s->conditions[s->aims.n_conditions++], e))
			return assay_fail_in(e, "--require \"%.60s\"", texts[i]);
	return take_objectives(s, e);
}

/* ---- results ---- */

struct loaded { struct assay_sweep_results *of; json_t **list; size_t n; };

/* Every result that is there, by configuration. */
static void load_results(const struct cmd_sweep *s, struct loaded *l)
{
	l->list = xalloc((s->n_visits + 1) * sizeof *l->list);
	l->of = xalloc(s->n * sizeof *l->of);
	l->n = 0;
	for (size_t c = 0; c < s->n; c++) {
		l->of[c].list = l->list + l->n;
		for (size_t i = 0; i < s->n_visits; i++) {
			const struct cmd_visit *v = &s->visits[i];
			if (v->config != (int)c || v->end != SWEEP_DONE || v->status == ASSAY_EXIT_INT || v->status == ASSAY_EXIT_TERM)
				continue;
			char *dir = cmd_sweep_dir(s, v);
			json_t *doc = assay_result_load(dir, NULL);
			free(dir);
			if (doc)
				l->list[l->n++] = doc;
		}
		l->of[c].n = (size_t)(l->list + l->n - l->of[c].list);
	}
}

static void release_results(struct loaded *l)
{
	for (size_t i = 0; i < l->n; i++)
		json_decref(l->list[i]);
	free(l->list);
	free(l->of);
}

static json_t *row_of(const struct cmd_sweep *s, int n) { return json_array_get(json_object_get(s->doc, "configurations"), (size_t)n - 1); }

void cmd_sweep_put_loads(json_t *sweep)
{
	json_t *rows = json_object_get(sweep, "configurations");
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i), *ms = json_object_get(json_object_get(json_object_get(row, "metrics"), "load_ms"), "value");
		json_object_set(json_object_get(row, "load"), "ms", ms ? ms : json_null());
	}
}

/* ---- is the margin real? ---- */

static bool is_virtual(const struct loaded *l)
{
	return l->n && assay_json_get_bool(json_object_get(l->list[0], "clock"), "virtual", 0);
}

/* A = the runner-up, B = the best; NULL with *e when they cannot be compared. */
static json_t *compare_saved(const struct assay_sweep_results *of, int runner, int best, const char *const *keys, size_t n_keys, struct assay_err *e)
{
	const struct assay_sweep_results *a = &of[runner - 1], *b = &of[best - 1];
	struct assay_compare_options o = { .metrics = keys, .n_metrics = n_keys, .min_effect = 0.01, .across_model = true, .across_case = true };
	json_t *doc = assay_compare(a->list, a->n, b->list, b->n, &o, e);
	if (doc && !assay_json_get_bool(doc, "comparable", 0)) {
		cmd_judge_refuse(doc, e);
		json_decref(doc);
		doc = NULL;
	}
	return doc;
}

/* A word as cmd_words_split reads it back; false when it holds both kinds of quote. */
static bool quote_word(struct assay_buf *b, const char *word)
{
	char q = !strpbrk(word, " \t\n'\"") ? 0 : !strchr(word, '\'') ? '\'' : '"';
	if (q == '"' && strchr(word, '"'))
		return false;
	assay_buf_printf(b, "%s%.*s%s%.*s", b->len_bytes ? " " : "", q != 0, &q, word, q != 0, &q);
	return true;
}

static bool arm_words(const struct cmd_sweep *s, int n, struct assay_buf *out)
{
	struct cmd_argv words = { 0 };
	bool ok = true;
	cmd_sweep_words(s, &s->configs[n - 1], 1, &words);
	for (int i = 0; i < words.n && ok; i++)
		ok = quote_word(out, words.list[i]);
	cmd_argv_release(&words);
	return ok;
}

/* A finished comparison of these two that an earlier call left; NULL when there is none. */
static json_t *earlier(const char *path, const char *a, const char *b, const char *max_pairs)
{
	json_t *doc = assay_fs_exists(path) ? assay_json_load(path, 64 << 20, ASSAY_E_DATA, NULL) : NULL;
	const json_t *p = json_object_get(doc, "pairs");
	if (doc && !strcmp(assay_json_get_str(p, "a", ""), a) && !strcmp(assay_json_get_str(p, "b", ""), b) && assay_json_get_int(p, "max", 0) == atoi(max_pairs))
		return doc;
	json_decref(doc);
	return NULL;
}

/* Runs `assay pairs` of the two; its document, or NULL and *e. */
static json_t *run_pairs(struct cmd_sweep *s, int runner, int best, const char *keys, char **where, struct assay_err *e)
{
	struct assay_buf a, b;
	struct cmd_argv argv = { 0 };
	const char *max = assay_options_str(s->o, "max-pairs");
	char *dir = xasprintf("%s/confirm/%d-against-%d", s->dir, best, runner), *path = xasprintf("%s/comparison.json", dir), *log = xasprintf("%s.log", dir), *parent = xasprintf("%s/confirm", s->dir), what[60];
	json_t *doc = NULL;
	assay_buf_init(&a, 1 << 20);
	assay_buf_init(&b, 1 << 20);
	if (!arm_words(s, runner, &a) || !arm_words(s, best, &b))
		assay_fail(e, ASSAY_E_USAGE, "a value holds both kinds of quote");
	else if (!(doc = earlier(path, a.data, b.data, max)) && !cmd_kept_aside(s->dir, dir, e) && !assay_fs_mkdir_p(parent, e)) {
		cmd_argv_add(&argv, "assay");
		cmd_argv_add(&argv, "pairs");
		cmd_argv_add(&argv, "--a=%s", a.data);
		cmd_argv_add(&argv, "--b=%s", b.data);
		cmd_argv_add(&argv, "--experiment=%s", s->exp->name);
		cmd_argv_add(&argv, "--metrics=%s", keys);
		cmd_argv_add(&argv, "--max-pairs=%s", max);
		cmd_argv_add(&argv, "--across=model,case");
		cmd_argv_add(&argv, "--no-progress");
		cmd_argv_add(&argv, "--output=%s", dir);
		snprintf(what, sizeof what, "pairs of %d and %d", best, runner);
		int status = cmd_child_run(&argv, log);
		if (status)
			cmd_child_error(what, status, log, e);
		else
			doc = assay_json_load(path, 64 << 20, ASSAY_E_DATA, e);
	}
	*where = doc ? xstrdup(path + strlen(s->dir) + 1) : NULL;
	cmd_argv_release(&argv);
	assay_buf_release(&a);
	assay_buf_release(&b);
	free(dir);
	free(path);
	free(log);
	free(parent);
	return doc;
}

static bool undecided(const json_t *best) { return !strcmp(assay_json_get_str(best, "margin", ""), "not_told_apart") && strncmp(assay_json_get_str(best, "reason", ""), "shown to be equal", 17); }

/* Keys of all entries from `at` on that name the same two and are still open. */
static size_t same_two(const json_t *best, size_t at, size_t *entries, char *keys, size_t size)
{
	const json_t *first = json_array_get(best, at);
	size_t n = 0;
	keys[0] = 0;
	for (size_t i = at; i < json_array_size(best); i++) {
		const json_t *b = json_array_get(best, i);
		if (!undecided(b) || !json_equal(json_object_get(b, "configuration"), json_object_get(first, "configuration")) || !json_equal(json_object_get(b, "runner_up"), json_object_get(first, "runner_up")))
			continue;
		snprintf(keys + strlen(keys), size - strlen(keys), "%s%s", n ? "," : "", assay_json_get_str(b, "objective", ""));
		entries[n++] = i;
	}
	return n;
}

void cmd_sweep_judge_saved(const struct assay_sweep_results *of, json_t *best, const struct assay_objective *o)
{
	int b = (int)assay_json_get_int(best, "configuration", 0), r = (int)assay_json_get_int(best, "runner_up", 0);
	struct assay_err e = ASSAY_ERR_INIT;
	if (!b || !r)
		return;
	if (assay_objective_counted(o)) {
		bool equal = assay_json_get_num(best, "value", 0) == assay_json_get_num(best, "runner_up_value", 1);
		assay_sweep_margin_say(best, equal ? "not_told_apart" : "real", "counted", equal ? "shown to be equal: the same bytes" : "bytes are not estimated");
		return;
	}
	if (o->n_parts > 1) {
		assay_sweep_margin_say(best, "not_tested", NULL, "a sum of metrics is not compared");
		return;
	}
	const char *key = o->text;
	json_t *doc = compare_saved(of, r, b, &key, 1, &e);
	if (doc)
		assay_sweep_margin(best, doc, (int)assay_json_get_int(best, "candidates", 2) - 1);
	else
		assay_sweep_margin_say(best, "not_tested", NULL, e.msg);
	json_decref(doc);
}

/* Best and runner-up measured in turn for every objective that the results left open. ASSAY_E_INTERRUPT. */
static int confirm(struct cmd_sweep *s, json_t *best, struct assay_err *e)
{
	size_t entries[ASSAY_SWEEP_OBJECTIVES];
	for (size_t i = 0; i < json_array_size(best); i++) {
		json_t *row = json_array_get(best, i);
		char keys[1024], *where = NULL;
		if (!undecided(row) || json_object_get(row, "comparison"))
			continue;
		size_t n = same_two(best, i, entries, keys, sizeof keys);
		int b = (int)assay_json_get_int(row, "configuration", 0), r = (int)assay_json_get_int(row, "runner_up", 0);
		if (assay_options_flag(s->o, "progress"))
			fprintf(stderr, "assay: configurations %d and %d are measured in turn (%s): is the margin real?\n", b, r, keys);
		json_t *doc = run_pairs(s, r, b, keys, &where, e);
		if (!doc && cmd_signal_seen())
			return assay_fail(e, ASSAY_E_INTERRUPT, "interrupted");
		for (size_t k = 0; k < n; k++) {
			json_t *entry = json_array_get(best, entries[k]);
			if (doc)
				assay_sweep_margin(entry, doc, 1);
			else
				assay_sweep_margin_say(entry, "not_tested", NULL, e->msg);
			json_object_set_new(entry, "comparison", where ? json_string(where) : json_null());
		}
		json_decref(doc);
		free(where);
	}
	return 0;
}

static int judge_margins(struct cmd_sweep *s, const struct loaded *l, struct assay_err *e)
{
	json_t *best = json_object_get(s->doc, "best");
	bool asked = assay_options_source(s->o, "confirm") != ASSAY_FROM_DEFAULT;
	for (size_t i = 0; i < json_array_size(best); i++)
		cmd_sweep_judge_saved(l->of, json_array_get(best, i), &s->objectives[i]);
	if (!assay_options_flag(s->o, "confirm") || (is_virtual(l) && !asked))
		return 0;
	return confirm(s, best, e);
}

/* ---- the end ---- */

/* 4, 3, 1 or 0 by the usual precedence: a configuration that failed is 3; INVALID is 4; a target missed, or a --require that nothing meets, is 1. */
static int status_of(const struct cmd_sweep *s)
{
	bool seen[5] = { false }, met = !s->aims.n_conditions;
	for (size_t i = 0; i < s->n; i++) {
		const json_t *row = row_of(s, (int)i + 1);
		int64_t status = assay_json_get_int(row, "exit_status", 0);
		const char *how = assay_json_get_str(row, "status", "");
		bool counts = strcmp(how, "limit") && strcmp(how, "interrupted"); /* a limit is a result */
		if (counts && (status == ASSAY_EXIT_USAGE || status == ASSAY_EXIT_ENGINE))
			seen[ASSAY_EXIT_ENGINE] = true;
		else if (counts && (status == ASSAY_EXIT_FAILED || status == ASSAY_EXIT_INVALID))
			seen[status] = true;
		met |= !strcmp(assay_json_get_str(row, "meets", ""), "met");
	}
	return seen[ASSAY_EXIT_ENGINE] ? ASSAY_EXIT_ENGINE : seen[ASSAY_EXIT_INVALID] ? ASSAY_EXIT_INVALID : seen[ASSAY_EXIT_FAILED] || !met ? ASSAY_EXIT_FAILED : 0;
}

static void print(const struct cmd_sweep *s)
{
	struct assay_term term;
	struct assay_buf b;
	assay_buf_init(&b, (size_t)256 << 20);
	if (assay_options_flag(s->o, "json")) {
		cmd_print_json(s->doc, NULL);
	} else {
		assay_term_init(&term, STDOUT_FILENO, assay_options_flag(s->o, "color"));
		assay_face_sweep_terminal(s->doc, &b, term.width, term.colour);
		assay_buf_printf(&b, "\nresult  %s/sweep.json\nreport  %s/sweep.md\n", s->dir, s->dir);
	}
	fwrite(b.data, 1, b.len_bytes, stdout);
	assay_buf_release(&b);
}

int cmd_sweep_answer(struct cmd_sweep *s, bool interrupted, int *status, struct assay_err *e)
{
	struct loaded l;
	int rc = cmd_sweep_write(s, "running", e); /* the rows as they ended */
	if (rc)
		return rc;
	load_results(s, &l);
	assay_sweep_judge(s->doc, l.of, &s->aims);
	cmd_sweep_put_loads(s->doc);
	if (!interrupted && judge_margins(s, &l, e))
		interrupted = true;
	rc = cmd_sweep_write(s, interrupted ? "interrupted" : "complete", e);
	if (!rc)
		rc = assay_face_sweep_write(s->doc, s->dir, assay_options_is_set(s->o, "legacy") && assay_options_has(s->o, "legacy", "s2"), e);
	release_results(&l);
	if (rc)
		return rc;
	print(s);
	*status = interrupted ? cmd_exit_of(ASSAY_E_INTERRUPT) : status_of(s);
	return 0;
}
