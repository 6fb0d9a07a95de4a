/* One step of a campaign: its command, its process, and what became of it, into its object of campaign.json. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "cmd/campaign.h"
#include "cmd/run_signals.h"
#include "cmd/compare_engines.h"
#include "cmd/sweep.h"
#include "report/campaign.h"
#include "report/report.h"

json_t *cmd_step_doc(const struct cmd_running *r, int i) { return json_array_get(json_object_get(r->doc, "steps"), (size_t)i); }

/* A sim engine gives every repeat its own noise. */
static const char *noise_stream(const struct cmd_step *s, const struct assay_opt *row, const char *text, char out[16])
{
	out[0] = 0;
	if (s->repeats > 1 && !strcmp(row->name, "engine") && !strncmp(text, "sim:", 4) && !strchr(text, '@'))
		snprintf(out, 16, "@%d", s->repeat);
	return out;
}

void cmd_step_argv(const struct cmd_step *s, struct cmd_argv *out)
{
	const struct assay_opt *const *rows;
	const char *const *list;
	char stream[16];
	size_t k;
	json_t *word;
	int n = assay_options_rows(s->o, &rows);
	cmd_argv_add(out, "assay");
	cmd_argv_add(out, "%s", s->verb->name);
	for (int i = 0; i < n; i++) {
		enum assay_opt_source from = assay_options_source(s->o, rows[i]->name);
		const char *text = assay_options_text(s->o, rows[i]->name);
		if (from != ASSAY_FROM_JOB && from != ASSAY_FROM_CLI)
			continue;
		int items = assay_options_repeats(rows[i]) ? assay_options_strs(s->o, rows[i]->name, &list) : 0;
		for (int m = 0; m < items; m++)
			cmd_argv_add(out, "--%s=%s", rows[i]->name, list[m]);
		if (!assay_options_repeats(rows[i]) && text)
			cmd_argv_add(out, "--%s=%s%s", rows[i]->name, text, noise_stream(s, rows[i], text, stream));
	}
	json_array_foreach((json_t *)s->args, k, word)
		cmd_argv_add(out, "%s", json_string_value(word));
}

char *cmd_step_targets(const struct cmd_step *s)
{
	char hash[65];
	if (!s->targets || assay_options_text(s->o, "targets")) /* --set is stronger */
		return NULL;
	char *text = json_dumps(s->targets, JSON_COMPACT);
	assay_sha256_hex(text ? text : "", text ? strlen(text) : 0, hash);
	free(text);
	return xasprintf("%s.targets-%.8s.json", s->name, hash);
}

/* The step's own targets as a file for its process. */
static int add_targets(const struct cmd_running *r, const struct cmd_step *s, struct cmd_argv *argv, struct assay_err *e)
{
	char *name = cmd_step_targets(s), *path = name ? xasprintf("%s/%s", r->dir, name) : NULL;
	struct assay_buf b;
	int rc = 0;
	if (name) {
		assay_buf_init(&b, 1 << 24);
		assay_json_print(&b, s->targets, 1);
		rc = assay_fs_write_atomic(path, b.data, b.len_bytes, e);
		cmd_argv_add(argv, "--targets=%s", path);
		assay_buf_release(&b);
	}
	free(name);
	free(path);
	return rc;
}

/* Counts of result.json for the step's row. New reference. */
static json_t *digest(const json_t *result)
{
	static const char *const words[] = { "ok", "limit", "error" }, *const states[] = { "pass", "fail", "not_measured", "informational" };
	json_t *points = json_pack("{s:i, s:i, s:i}", "ok", 0, "limit", 0, "error", 0), *targets = json_pack("{s:i, s:i, s:i, s:i}", "pass", 0, "fail", 0, "not_measured", 0, "informational", 0), *v;
	const struct { const char *key; json_t *into; const char *const *names; int n; } lists[] = { { "points", points, words, 3 }, { "targets", targets, states, 4 } };
	size_t i;
	for (int l = 0; l < 2; l++)
		json_array_foreach(json_object_get(result, lists[l].key), i, v)
			for (int k = 0; k < lists[l].n; k++)
				if (!strcmp(assay_json_get_str(v, "status", ""), lists[l].names[k]))
					json_object_set_new(lists[l].into, lists[l].names[k], json_integer(assay_json_get_int(lists[l].into, lists[l].names[k], 0) + 1));
	return json_pack("{s:s, s:s, s:o, s:o}", "id", assay_json_get_str(result, "id", ""), "verdict", assay_json_get_str(json_object_get(result, "verdict"), "state", ""), "points", points, "targets", targets);
}

static void set_time(json_t *doc, const char *key)
{
	char text[40];
	assay_rfc3339(assay_wall_ns(), text, sizeof text);
	json_object_set_new(doc, key, json_string(text));
}

/* The step did not run: a step that it needs has no result. */
static bool skip(struct cmd_running *r, int i, json_t *doc)
{
	const struct cmd_step *s = &r->c->steps[i];
	for (int k = 0; k < s->n_needs; k++) {
		const json_t *needed = cmd_step_doc(r, s->needs[k]);
		if (!strcmp(assay_json_get_str(needed, "state", ""), "done"))
			continue;
		char *why = xasprintf("needs %s, which is %s", r->c->steps[s->needs[k]].name, assay_json_get_str(needed, "state", "?"));
		json_object_set_new(doc, "state", json_string("skipped"));
		json_object_set_new(doc, "reason", json_string(why));
		free(why);
		return true;
	}
	return false;
}

/* What the process left: its state, its result, why it failed. */
static void note_end(const struct cmd_step *s, json_t *doc, const char *dir, const char *log, int status)
{
	struct assay_err e = ASSAY_ERR_INIT;
	char *path = xasprintf("%s/result.json", dir);
	json_t *result = cmd_step_has(s, "output") && assay_fs_exists(path) ? assay_result_load(dir, &e) : NULL;
	bool interrupted = status == ASSAY_EXIT_INT || status == ASSAY_EXIT_TERM;
	char said[300];
	if (result)
		json_object_set_new(doc, "result", digest(result));
	if (cmd_step_has(s, "output") && assay_campaign_note(dir, said))
		json_object_set_new(doc, "note", json_string(said));
	json_object_set_new(doc, "exit_status", json_integer(status));
	json_object_set_new(doc, "reason", json_null());
	json_object_set_new(doc, "state", json_string(cmd_child_measured(status) ? "done" : interrupted ? "interrupted" : "failed"));
	if (!cmd_child_measured(status)) {
		cmd_child_error("", status, log, &e);
		json_object_set_new(doc, "reason", json_string(interrupted ? "interrupted" : e.msg + 2)); /* after ": " */
	}
	json_decref(result);
	free(path);
}

/* The words of step i now. */
static int command(const struct cmd_running *r, int i, const char *dir, struct cmd_argv *argv, struct assay_err *e)
{
	const struct cmd_step *s = &r->c->steps[i];
	bool names_dir = r->goes_on[i] && (s->verb->main == cmd_sweep || s->verb->main == cmd_compare_engines); /* its --resume names the directory */
	cmd_step_argv(s, argv);
	if (cmd_step_has(s, "progress"))
		cmd_argv_add(argv, "--no-progress");
	if (r->goes_on[i])
		cmd_argv_add(argv, names_dir ? "--resume=%s" : "--resume", dir);
	if (cmd_step_has(s, "output") && !names_dir)
		cmd_argv_add(argv, "--output=%s", dir);
	return add_targets(r, s, argv, e);
}

/* Runs it once and notes its command, times and end; the exit status. */
static int attempt(struct cmd_running *r, int i, const char *dir, const char *log)
{
	struct assay_err e = ASSAY_ERR_INIT, ignored = ASSAY_ERR_INIT;
	struct cmd_argv argv = { 0 };
	json_t *doc = cmd_step_doc(r, i), *words = json_array();
	int status = ASSAY_EXIT_ENGINE, rc = command(r, i, dir, &argv, &e);
	for (int k = 0; k < argv.n; k++)
		json_array_append_new(words, json_string(argv.list[k]));
	json_object_set_new(doc, "command", words);
	json_object_set_new(doc, "state", json_string("running"));
	set_time(doc, "started");
	assay_campaign_save(r->dir, r->doc, &ignored); /* so that a killed campaign shows where it was; an error shows at the end */
	int64_t t0 = assay_now_ns();
	if (!rc)
		status = cmd_child_run(&argv, log);
	json_object_set_new(doc, "wall_s", json_real((double)(assay_now_ns() - t0) / 1e9));
	set_time(doc, "ended");
	note_end(&r->c->steps[i], doc, dir, log, status);
	if (rc)
		json_object_set_new(doc, "reason", json_string(e.msg));
	cmd_argv_release(&argv);
	return status;
}

void cmd_step_run(struct cmd_running *r, int i)
{
	const struct cmd_step *s = &r->c->steps[i];
	struct assay_err e = ASSAY_ERR_INIT;
	char *dir = xasprintf("%s/%s", r->dir, s->name), *log = xasprintf("%s.log", dir);
	if (!skip(r, i, cmd_step_doc(r, i)) && attempt(r, i, dir, log) == ASSAY_EXIT_USAGE && r->goes_on[i]) {
		r->goes_on[i] = false; /* it was stopped before there was anything to go on with */
		if (!cmd_campaign_aside(r->dir, s->name, &e))
			attempt(r, i, dir, log);
	}
	free(dir);
	free(log);
}
