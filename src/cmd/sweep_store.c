/* What a sweep keeps: its directory, sweep.json, and which configurations are finished when the same command comes again. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "cmd/kept.h"
#include "cmd/sweep.h"

#define SCHEMA "assay.sweep/1"
enum { SWEEP_JSON_MAX = 256 << 20 };

static json_t *load(const char *dir, struct assay_err *e) { return cmd_kept_load(dir, "sweep.json", SCHEMA, SWEEP_JSON_MAX, e); }

json_t *cmd_sweep_command(const char *dir, struct assay_err *e) { return cmd_kept_command_of(load(dir, e), dir, "sweep.json", e); }

/* ---- is it the same sweep? ---- */

/* What is measured, as {name: text}: two commands with equal ones measure the same. */
static json_t *request(const struct cmd_sweep *s)
{
	struct cmd_argv base = { 0 };
	json_t *out = json_object(), *vary = json_array(), *varied = json_object();
	for (size_t a = 0; a < s->n_axes; a++) {
		json_t *list = json_array();
		for (size_t i = 0; i < s->axes[a].n; i++)
			json_array_append_new(list, json_string(s->axes[a].value[i]));
		json_array_append_new(vary, json_pack("{s:o}", s->axes[a].row->name, list));
		json_object_set_new(varied, s->axes[a].row->name, json_true());
	}
	json_object_set_new(out, "experiment", json_string(s->exp->name));
	json_object_set_new(out, "vary", vary);
	json_object_set_new(out, "pairwise", json_boolean(assay_options_flag(s->o, "pairwise")));
	json_object_set_new(out, "rounds", json_integer(s->rounds));
	json_object_set_new(out, "share", json_boolean(assay_options_flag(s->o, "share")));
	cmd_sweep_words(s, &s->configs[0], 1, &base);
	json_t *options = json_object();
	for (int i = 0; i < base.n; i++) {
		if (cmd_kept_is_form(base.list[i]))
			continue;
		char *name = xstrdup(base.list[i] + 2), *eq = strchr(name, '=');
		*eq = 0;
		if (!json_object_get(varied, name)) {
			json_t *more = json_object_get(options, name);
			json_object_set_new(options, name, more ? json_sprintf("%s, %s", json_string_value(more), eq + 1) : json_string(eq + 1));
		}
		free(name);
	}
	json_object_set_new(out, "options", options);
	json_decref(varied);
	cmd_argv_release(&base);
	return out;
}

static int same_sweep(const struct cmd_sweep *s, const json_t *stored, struct assay_err *e)
{
	const json_t *was = json_object_get(stored, "request"), *is = json_object_get(s->doc, "request");
	return cmd_kept_same("", "sweep", was, is, s->dir, e) || cmd_kept_same("--", "sweep", json_object_get(was, "options"), json_object_get(is, "options"), s->dir, e) ? e->code : 0;
}

/* ---- directories ---- */

static void keep_finished(struct cmd_sweep *s)
{
	for (size_t i = 0; i < s->n_visits; i++) {
		struct cmd_visit *v = &s->visits[i];
		struct cmd_argv words = { 0 };
		char *dir = cmd_sweep_dir(s, v);
		cmd_sweep_words(s, &s->configs[v->config], v->round, &words);
		if (v->end == SWEEP_PENDING && cmd_kept_finished(dir, s->exp->name, &words)) {
			v->end = SWEEP_DONE;
			v->kept = true;
		}
		cmd_argv_release(&words);
		free(dir);
	}
}

/* Results of two builds stand side by side: each names its own, and the reader must know. */
static void warn_other_build(const struct cmd_sweep *s, const json_t *then)
{
	const json_t *now = json_object_get(s->doc, "assay");
	size_t kept = 0;
	for (size_t i = 0; i < s->n_visits; i++)
		kept += s->visits[i].kept;
	if (kept && !json_equal(then, now))
		fprintf(stderr, "assay: the sweep was begun by assay %s (%s), this is %s (%s): %zu results are kept as they are\n", assay_json_get_str(then, "version", "?"), assay_json_get_str(then, "commit", "?"),
		        assay_json_get_str(now, "version", "?"), assay_json_get_str(now, "commit", "?"), kept);
}

static json_t *order_json(const struct cmd_sweep *s)
{
	json_t *rounds = json_array();
	for (size_t i = 0; i < s->n_visits; i++) {
		if (!(i % s->n))
			json_array_append_new(rounds, json_array());
		json_array_append_new(json_array_get(rounds, i / s->n), json_integer(s->configs[s->visits[i].config].n));
	}
	return rounds;
}

static void new_document(struct cmd_sweep *s, json_t *command)
{
	char created[40];
	assay_rfc3339(assay_wall_ns(), created, sizeof created);
	s->doc = json_pack("{s:s, s:s, s:n, s:s, s:o, s:o, s:s, s:I}", "schema", SCHEMA, "created", created, "ended", "state", "running", "assay", cmd_build_info(), "command", command, "experiment", s->exp->name,
	                   "seed", (json_int_t)assay_options_int(s->o, "seed"));
	json_object_set_new(s->doc, "request", request(s));
	json_object_set_new(s->doc, "order", order_json(s));
}

int cmd_sweep_take(struct cmd_sweep *s, json_t *command, struct assay_err *e)
{
	const char *resume = assay_options_str(s->o, "resume"), *given = resume ? resume : assay_options_str(s->o, "output");
	char *path = given ? xasprintf("%s/sweep.json", given) : NULL;
	s->resumed = path && assay_fs_exists(path);
	free(path);
	new_document(s, command);
	if (resume && !s->resumed)
		return assay_fail(e, ASSAY_E_USAGE, "--resume %s: holds no sweep.json", resume);
	if (s->resumed)
		s->dir = xstrdup(given);
	else if (cmd_many_dir(given, "sweep", &s->dir, e))
		return e->code;
	while (strlen(s->dir) > 1 && s->dir[strlen(s->dir) - 1] == '/')
		s->dir[strlen(s->dir) - 1] = 0;
	if (cmd_kept_lock(s->dir, "sweep", &s->lock, e))
		return e->code;
	if (s->resumed) {
		assay_fs_remove_torn(s->dir);
		json_t *stored = load(s->dir, e);
		if (!stored || same_sweep(s, stored, e)) {
			json_decref(stored);
			return e->code;
		}
		json_object_set(s->doc, "created", json_object_get(stored, "created"));
		json_object_set(s->doc, "command", json_object_get(stored, "command"));
		keep_finished(s);
		warn_other_build(s, json_object_get(stored, "assay"));
		json_object_set(s->doc, "assay", json_object_get(stored, "assay")); /* the build that began it, as command is */
		json_decref(stored);
	}
	return 0;
}

/* ---- sweep.json ---- */

static json_t *settings(const struct cmd_sweep *s, const struct cmd_config *c)
{
	json_t *out = json_object();
	for (size_t a = 0; a < s->n_axes; a++)
		json_object_set_new(out, s->axes[a].row->name, json_string(s->axes[a].value[c->value[a]]));
	return out;
}

/* What happened to the configuration, before its numbers are looked at: worst of its rounds. */
static void put_end(const struct cmd_sweep *s, size_t config, json_t *row)
{
	const struct cmd_config *c = &s->configs[config];
	const char *status = c->planned ? "measured" : "failed", *reason = c->planned ? NULL : c->refused.msg;
	int worst = c->planned ? 0 : cmd_exit_of(c->refused.code), measured = 0;
	json_t *dirs = json_array();
	for (size_t i = 0; c->planned && i < s->n_visits; i++) {
		const struct cmd_visit *v = &s->visits[i];
		if (v->config != (int)config)
			continue;
		bool cut = v->status == ASSAY_EXIT_INT || v->status == ASSAY_EXIT_TERM, whole = v->end == SWEEP_DONE && !cut;
		bool kept = whole && cmd_child_measured(v->status);
		char *dir = cmd_sweep_dir(s, v);
		measured += kept;
		worst = v->status > worst ? v->status : worst;
		if (whole || cut)
			json_array_append_new(dirs, json_pack("{s:i, s:s, s:b}", "round", v->round, "dir", dir + strlen(s->dir) + 1, "kept", v->kept));
		free(dir);
		if (kept)
			continue;
		status = cut ? "interrupted" : whole ? "failed" : "pending";
		reason = whole && *v->why ? v->why : cut ? "interrupted while it was measured" : NULL;
	}
	json_object_set_new(row, "status", json_string(status));
	json_object_set_new(row, "reason", reason ? json_string(reason) : json_null());
	json_object_set_new(row, "exit_status", json_integer(worst));
	json_object_set_new(row, "rounds", json_integer(measured));
	json_object_set_new(row, "dirs", dirs);
}

static json_t *rows_json(const struct cmd_sweep *s)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < s->n; i++) {
		const struct cmd_config *c = &s->configs[i];
		struct cmd_argv words = { 0 };
		cmd_sweep_words(s, c, 1, &words);
		json_t *row = json_pack("{s:i, s:s, s:o, s:o}", "n", c->n, "name", c->name, "settings", settings(s, c), "command", cmd_kept_words(s->exp->name, &words));
		cmd_argv_release(&words);
		json_object_set_new(row, "load", json_pack("{s:n, s:b, s:i}", "ms", "shared", c->sharing > 1, "configurations", c->sharing));
		put_end(s, i, row);
		json_array_append_new(rows, row);
	}
	return rows;
}

int cmd_sweep_save(const json_t *doc, const char *dir, struct assay_err *e)
{
	char *path = xasprintf("%s/sweep.json", dir);
	int rc = assay_json_save(path, doc, 2, SWEEP_JSON_MAX, e);
	free(path);
	return rc;
}

int cmd_sweep_write(struct cmd_sweep *s, const char *state, struct assay_err *e)
{
	char ended[40];
	bool running = !strcmp(state, "running");
	if (running)
		json_object_set_new(s->doc, "configurations", rows_json(s));
	assay_rfc3339(assay_wall_ns(), ended, sizeof ended);
	json_object_set_new(s->doc, "state", json_string(state));
	json_object_set_new(s->doc, "ended", running ? json_null() : json_string(ended));
	return cmd_sweep_save(s->doc, s->dir, e);
}
