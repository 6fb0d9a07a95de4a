/* assay compare-engines: its checks and blocks, one after the other, each a process of its own. What each came to is noted in blocks.json at once. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/term.h"
#include "cmd/compare_engines.h"
#include "cmd/kept.h"
#include "cmd/run_signals.h"
#include "cmd/show_result.h"

#define WAIT_NS (50 * 1000000ll)
#define ROOM_BYTES (1 << 20) /* a block that failed with less room than this failed for want of it */
enum { WAIT_TRIES = 600 };

static json_t *block_of(const struct cmd_engines_job *j, int number) { return json_array_get(json_object_get(j->record, "blocks"), (size_t)number); }
static bool is_pending(const json_t *block) { return !strcmp(assay_json_get_str(block, "end", ""), "pending"); }

/* An engine may fail by itself; a full disk fails all that comes. */
static int disk_full(const struct cmd_engines_job *j, const char *why, struct assay_err *e)
{
	if (assay_fs_free_bytes(j->dir) >= ROOM_BYTES && !(strstr(why, "No space left") && strstr(why, j->dir)))
		return 0;
	return cmd_engines_no_room(j, e);
}

static int check(struct cmd_engines_job *j, int at, struct assay_err *e)
{
	struct cmd_argv argv = { 0 };
	struct assay_err why = ASSAY_ERR_INIT;
	char *name = xasprintf("check/A-%c.json", 'A' + at), *out = xasprintf("%s/%s", j->dir, name), *log = xasprintf("%s/check/A-%c.log", j->dir, 'A' + at);
	cmd_engines_check_words(j, &j->arm[at], &argv);
	int rc = 0, status = cmd_child_output(&argv, out, log);
	json_t *doc = cmd_child_measured(status) ? assay_json_load(out, 1 << 24, ASSAY_E_DATA, &why) : NULL;
	if (!doc && !why.code)
		cmd_child_error("check", status, log, &why);
	if (!doc)
		remove(out);
	if (why.code == ASSAY_E_INTERRUPT)
		rc = assay_fail(e, ASSAY_E_INTERRUPT, "interrupted");
	else if (!doc && disk_full(j, why.msg, e))
		rc = e->code;
	else
		json_object_set_new(json_array_get(json_object_get(j->record, "engines"), (size_t)at), "check",
				    json_pack("{s:i, s:s?, s:o}", "exit_status", status, "file", doc ? name : NULL, "reason", doc ? json_null() : cmd_engines_text(why.msg)));
	json_decref(doc);
	cmd_argv_release(&argv);
	free(name);
	free(out);
	free(log);
	return rc ? rc : cmd_engines_save(j, "running", e);
}

/* What a killed comparison left running there ends by itself; then it is put aside. */
static int clear(const struct cmd_engines_job *j, const char *dir, struct assay_err *e)
{
	for (int k = 0; assay_fs_is_dir(dir) && cmd_not_in_use(dir, e); k++) {
		if (k == WAIT_TRIES || cmd_signal_seen())
			return e->code;
		*e = (struct assay_err)ASSAY_ERR_INIT;
		assay_sleep_until_ns(assay_now_ns() + WAIT_NS);
	}
	return cmd_kept_aside(j->dir, dir, e);
}

static void note(json_t *block, const char *end, int status, double wall_s, const char *reason)
{
	json_object_set_new(block, "end", json_string(end));
	json_object_set_new(block, "exit_status", json_integer(status));
	json_object_set_new(block, "wall_s", assay_json_real(wall_s));
	json_object_set_new(block, "reason", reason ? cmd_engines_text(reason) : json_null());
}

/* An engine that fails is not tried again in this call; the others go on. */
static int block(struct cmd_engines_job *j, int number, struct assay_err *e)
{
	int at = cmd_engines_turn(number, j->n);
	struct cmd_argv argv = { 0 }, words = { 0 };
	struct assay_err why = ASSAY_ERR_INIT;
	char *name = cmd_engines_block_dir(number + 1, at), *dir = xasprintf("%s/%s", j->dir, name), *log = xasprintf("%s.log", dir);
	int rc = clear(j, dir, e);
	cmd_argv_add(&argv, "assay");
	cmd_argv_add(&argv, "throughput");
	cmd_engines_block_words(j, number, &argv);
	cmd_engines_block_words(j, number, &words);
	cmd_argv_add(&argv, "--no-progress");
	cmd_argv_add(&argv, "--output=%s", dir);
	if (!rc) {
		int64_t from_ns = assay_now_ns();
		int status = cmd_child_run(&argv, log);
		double wall_s = (double)(assay_now_ns() - from_ns) / 1e9;
		bool measured = cmd_child_measured(status) && cmd_kept_finished(dir, "throughput", &words);
		if (!measured)
			cmd_child_error(name, status, log, &why);
		j->arm[at].failed = !measured;
		if (measured)
			note(block_of(j, number), "measured", status, wall_s, NULL);
		else if (why.code == ASSAY_E_INTERRUPT)
			rc = assay_fail(e, ASSAY_E_INTERRUPT, "interrupted");
		else if (!(rc = disk_full(j, why.msg, e)))
			note(block_of(j, number), "failed", status, wall_s, why.msg);
	}
	cmd_argv_release(&argv);
	cmd_argv_release(&words);
	free(name);
	free(dir);
	free(log);
	return rc ? rc : cmd_engines_save(j, "running", e);
}

static bool is_checked(const struct cmd_engines_job *j, int at)
{
	return *j->arm[at].missing || json_is_object(json_object_get(json_array_get(json_object_get(j->record, "engines"), (size_t)at), "check"));
}

static int checks(struct cmd_engines_job *j, struct assay_status_line *line, struct assay_err *e)
{
	int rc = 0;
	for (int i = 1; !rc && i < j->n && assay_options_flag(j->o, "check"); i++) {
		char what[60];
		snprintf(what, sizeof what, "does %c answer as A?", 'A' + i);
		assay_status_line_show(line, "engines", what, (double)i - 1, (double)j->n - 1, NAN);
		if (cmd_signal_seen())
			rc = assay_fail(e, ASSAY_E_INTERRUPT, "interrupted");
		else if (!is_checked(j, i))
			rc = check(j, i, e);
	}
	return rc;
}

int cmd_engines_measure(struct cmd_engines_job *j, struct assay_err *e)
{
	struct assay_status_line *line = assay_options_flag(j->o, "progress") ? assay_status_line_open() : NULL;
	int total = j->n * j->rounds, rc = checks(j, line, e);
	for (int i = 0; !rc && i < total; i++) {
		char what[60];
		int at = cmd_engines_turn(i, j->n);
		if (!is_pending(block_of(j, i)))
			continue;
		snprintf(what, sizeof what, "block %d of %d: %c", i + 1, total, 'A' + at);
		assay_status_line_show(line, "engines", what, (double)i, (double)total, NAN);
		if (cmd_signal_seen())
			rc = assay_fail(e, ASSAY_E_INTERRUPT, "interrupted");
		else if (j->arm[at].failed)
			json_object_set_new(block_of(j, i), "end", json_string("left out"));
		else
			rc = block(j, i, e);
	}
	assay_status_line_close(line);
	return rc;
}
