/* assay compare-engines: blocks.json, the record of what was asked for and what was done. Written after each check and block, so that a killed
 * comparison loses only the block under way; engines.json is made from it and the results, and verified by it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "cmd/compare_engines.h"
#include "cmd/kept.h"
#include "cmd/show_result.h"
#include "report/report.h"

#define SCHEMA "assay.engines-blocks/1"
enum { RECORD_MAX = 16 << 20 };
#define FULL_BYTES 65536 /* less room than this on a disk is none */

char *cmd_engines_block_dir(int number, int at) { return xasprintf("blocks/%03d-%c", number, 'A' + at); }

json_t *cmd_engines_record(const char *dir, struct assay_err *e) { return cmd_kept_load(dir, "blocks.json", SCHEMA, RECORD_MAX, e); }

json_t *cmd_engines_command(const char *dir, struct assay_err *e) { return cmd_kept_command_of(cmd_engines_record(dir, e), dir, "blocks.json", e); }

/* ---- a new record ---- */

static json_t *opts_json(const struct cmd_engine_arm *a)
{
	json_t *list = json_array();
	for (int i = 0; i < a->n_opts; i++)
		json_array_append_new(list, cmd_engines_text(a->opts[i]));
	return list;
}

/* What is measured: two commands with equal ones measure the same. */
static json_t *request_json(const struct cmd_engines_job *j)
{
	static const char *const names[] = { "model", "dtype", "threads", "isa", "seed", "batch", "prompt-tokens", "output-tokens", "runs", "warmup", "rounds", "check", NULL };
	json_t *out = json_object(), *engines = json_array();
	for (int i = 0; i < j->n; i++)
		json_array_append_new(engines, json_pack("[o, o]", cmd_engines_text(j->arm[i].spec), opts_json(&j->arm[i])));
	json_object_set_new(out, "engines", engines);
	for (const char *const *name = names; *name; name++)
		json_object_set_new(out, *name, cmd_engines_text(assay_options_text(j->o, *name)));
	return out;
}

static json_t *workload_json(const struct cmd_engines_job *j)
{
	const int64_t *list;
	json_t *sizes = json_array(), *order = json_array();
	int n = assay_options_ints(j->o, "batch", &list);
	for (int i = 0; i < n; i++)
		json_array_append_new(sizes, json_integer(list[i]));
	for (int i = 0; i < j->n * j->rounds; i++)
		json_array_append_new(order, json_sprintf("%c", 'A' + cmd_engines_turn(i, j->n)));
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:o}", "batches", sizes, "prompt_tokens", (json_int_t)assay_options_int(j->o, "prompt-tokens"), "output_tokens",
			 (json_int_t)assay_options_int(j->o, "output-tokens"), "runs", (json_int_t)assay_options_int(j->o, "runs"), "warmup", (json_int_t)assay_options_int(j->o, "warmup"), "rounds", j->rounds,
			 "threads", (json_int_t)assay_options_int(j->o, "threads"), "seed", (json_int_t)assay_options_int(j->o, "seed"), "order", order);
}

static json_t *engines_json(const struct cmd_engines_job *j)
{
	json_t *list = json_array();
	for (int i = 0; i < j->n; i++)
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:n}", "label", json_sprintf("%c", 'A' + i), "engine", cmd_engines_text(j->arm[i].spec), "options", opts_json(&j->arm[i]), "missing",
						      *j->arm[i].missing ? cmd_engines_text(j->arm[i].missing) : json_null(), "check"));
	return list;
}

static json_t *blocks_json(const struct cmd_engines_job *j)
{
	json_t *list = json_array();
	for (int i = 0; i < j->n * j->rounds; i++)
		json_array_append_new(list, json_pack("{s:i, s:o, s:s, s:b, s:n, s:n, s:n}", "number", i + 1, "label", json_sprintf("%c", 'A' + cmd_engines_turn(i, j->n)), "end",
						      *j->arm[cmd_engines_turn(i, j->n)].missing ? "left out" : "pending", "kept", 0, "exit_status", "wall_s", "reason"));
	return list;
}

static void new_record(struct cmd_engines_job *j, json_t *command)
{
	char created[40];
	assay_rfc3339(assay_wall_ns(), created, sizeof created);
	j->record = json_pack("{s:s, s:s, s:n, s:s, s:o, s:o, s:o}", "schema", SCHEMA, "created", created, "ended", "state", "running", "assay", cmd_build_info(), "command", command, "request", request_json(j));
	json_object_set_new(j->record, "model", json_pack("{s:o, s:o, s:s, s:I}", "name", cmd_engines_text(j->shape.name), "loaded", cmd_engines_text(j->model), "dtype", assay_options_str(j->o, "dtype"), "parameters",
							  (json_int_t)nn_shape_parameters(&j->shape)));
	json_object_set_new(j->record, "workload", workload_json(j));
	json_object_set_new(j->record, "memory", json_pack("{s:I, s:I}", "needed_bytes", (json_int_t)j->needed_bytes, "free_bytes", (json_int_t)j->free_bytes));
	json_object_set_new(j->record, "engines", engines_json(j));
	json_object_set_new(j->record, "blocks", blocks_json(j));
}

/* ---- going on ---- */

static bool finished(const struct cmd_engines_job *j, const char *root, int number)
{
	struct cmd_argv words = { 0 };
	char *name = cmd_engines_block_dir(number + 1, cmd_engines_turn(number, j->n)), *dir = xasprintf("%s/%s", root, name);
	cmd_engines_block_words(j, number, &words);
	bool is = cmd_kept_finished(dir, "throughput", &words);
	cmd_argv_release(&words);
	free(name);
	free(dir);
	return is;
}

/* Where a comparison that was begun lies, or NULL. */
static const char *begun_in(const struct cmd_engines_job *j)
{
	const char *resume = assay_options_str(j->o, "resume"), *given = resume ? resume : assay_options_str(j->o, "output");
	char *path = given ? xasprintf("%s/blocks.json", given) : NULL;
	bool there = path && assay_fs_exists(path);
	free(path);
	return there ? given : NULL;
}

bool cmd_engines_is_done(const struct cmd_engines_job *j, int at)
{
	const char *root = begun_in(j);
	bool all = root != NULL;
	for (int i = 0; all && i < j->n * j->rounds; i++)
		all = cmd_engines_turn(i, j->n) != at || finished(j, root, i);
	return all;
}

/* One that finished while the comparison was killed has its end in its result. */
static void keep_block(json_t *now, const json_t *then, const char *dir)
{
	json_t *result = assay_result_load(dir, NULL);
	if (!strcmp(assay_json_get_str(then, "end", ""), "measured"))
		json_object_update(now, (json_t *)then);
	else
		json_object_set_new(now, "exit_status", json_integer(cmd_result_status(result)));
	json_object_set_new(now, "end", json_string("measured"));
	json_object_set_new(now, "kept", json_true());
	json_decref(result);
}

/* A check or a block whose end is known and whose files are there stays; what failed is tried again. */
static void keep(struct cmd_engines_job *j, const json_t *was)
{
	const json_t *old = json_object_get(was, "blocks"), *arms = json_object_get(was, "engines");
	for (int i = 0; i < j->n * j->rounds; i++) {
		char *name = cmd_engines_block_dir(i + 1, cmd_engines_turn(i, j->n)), *dir = xasprintf("%s/%s", j->dir, name);
		if (finished(j, j->dir, i))
			keep_block(json_array_get(json_object_get(j->record, "blocks"), (size_t)i), json_array_get(old, (size_t)i), dir);
		free(name);
		free(dir);
	}
	for (int i = 1; i < j->n; i++) {
		const json_t *check = json_object_get(json_array_get(arms, (size_t)i), "check");
		const char *file = assay_json_get_str(check, "file", NULL);
		char *path = file ? xasprintf("%s/check/A-%c.json", j->dir, 'A' + i) : NULL;
		if (path && assay_fs_exists(path))
			json_object_set(json_array_get(json_object_get(j->record, "engines"), (size_t)i), "check", (json_t *)check);
		free(path);
	}
}

/* Each block ended then as it stands now: nothing is left to do. */
static bool same_ends(const json_t *was, const json_t *is)
{
	const json_t *then = json_object_get(was, "blocks"), *now = json_object_get(is, "blocks");
	for (size_t i = 0; i < json_array_size(now); i++)
		if (!json_equal(json_object_get(json_array_get(then, i), "end"), json_object_get(json_array_get(now, i), "end")))
			return false;
	return !strcmp(assay_json_get_str(was, "state", ""), "complete");
}

static int go_on(struct cmd_engines_job *j, struct assay_err *e)
{
	json_t *was = cmd_engines_record(j->dir, e);
	if (!was || cmd_kept_same("--", "comparison", json_object_get(was, "request"), json_object_get(j->record, "request"), j->dir, e)) {
		json_decref(was);
		return e->code;
	}
	const json_t *then = json_object_get(was, "assay"), *now = json_object_get(j->record, "assay");
	if (!json_equal(then, now))
		fprintf(stderr, "assay: the comparison was begun by assay %s (%s), this is %s (%s): finished blocks are kept as they are\n", assay_json_get_str(then, "version", "?"), assay_json_get_str(then, "commit", "?"),
			assay_json_get_str(now, "version", "?"), assay_json_get_str(now, "commit", "?"));
	static const char *const begun[] = { "created", "command", "assay", "memory" };
	for (int i = 0; i < 4; i++)
		json_object_set(j->record, begun[i], json_object_get(was, begun[i]));
	keep(j, was);
	j->whole = same_ends(was, j->record);
	if (j->whole) {
		json_decref(j->record);
		j->record = json_incref(was);
	}
	json_decref(was);
	return 0;
}

static int make_dirs(const struct cmd_engines_job *j, struct assay_err *e)
{
	static const char *const below[] = { "blocks", "check" };
	int rc = 0;
	for (int i = 0; !rc && i < (assay_options_flag(j->o, "check") ? 2 : 1); i++) {
		char *path = xasprintf("%s/%s", j->dir, below[i]);
		rc = assay_fs_mkdir_p(path, e);
		free(path);
	}
	return rc;
}

int cmd_engines_take(struct cmd_engines_job *j, json_t *command, struct assay_err *e)
{
	const char *resume = assay_options_str(j->o, "resume"), *begun = begun_in(j);
	j->resumed = begun != NULL;
	new_record(j, command);
	if (resume && !j->resumed)
		return assay_fail(e, ASSAY_E_USAGE, "--resume %s: holds no blocks.json", resume);
	if (j->resumed)
		j->dir = xstrdup(begun);
	else if (cmd_many_dir(assay_options_str(j->o, "output"), "engines", &j->dir, e))
		return e->code;
	for (size_t n = strlen(j->dir); n > 1 && j->dir[n - 1] == '/'; n--)
		j->dir[n - 1] = 0;
	if (cmd_kept_lock(j->dir, "comparison", &j->lock, e))
		return e->code;
	if (j->resumed) {
		assay_fs_remove_torn(j->dir);
		if (go_on(j, e))
			return e->code;
	}
	return make_dirs(j, e) ? e->code : cmd_engines_save(j, "running", e);
}

/* ---- saving ---- */

int cmd_engines_no_room(const struct cmd_engines_job *j, struct assay_err *e)
{
	return assay_fail(e, ASSAY_E_IO, "%s: No space left on device: make room, then assay compare-engines --resume %s goes on", j->dir, j->dir);
}

int cmd_engines_save(struct cmd_engines_job *j, const char *state, struct assay_err *e)
{
	char ended[40], *path;
	if (j->whole)
		return 0;
	path = xasprintf("%s/blocks.json", j->dir);
	assay_rfc3339(assay_wall_ns(), ended, sizeof ended);
	json_object_set_new(j->record, "state", json_string(state));
	json_object_set_new(j->record, "ended", strcmp(state, "running") ? json_string(ended) : json_null());
	int rc = assay_json_save(path, j->record, 1, RECORD_MAX, e);
	if (rc && assay_fs_free_bytes(j->dir) < FULL_BYTES)
		rc = cmd_engines_no_room(j, e);
	free(path);
	return rc;
}
