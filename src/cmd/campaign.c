/* assay run JOB.yaml: reads the job, refuses what can be refused, then runs step after step, each a process of its own, and writes what became
 * of all: campaign.json (after every step), summary.md, junit.xml, results.jsonl. */
#include "cmd/campaign.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/term.h"
#include "cmd/run_signals.h"
#include "cmd/show_result.h"
#include "report/campaign.h"
#include "report/report.h"

enum { JOB_BYTES_MAX = 4 << 20, WIDEST_NAME = 40 };

const struct assay_opt cmd_campaign_options[] = {
	{ "output", 'o', ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "directory of the campaign, absent or empty (results/<UTC time>-<name>)" },
	{ "only", 0, ASSAY_OPT_STR, NULL, .arg = "STEP,...", .help = "only these steps, and what they need" },
	{ "set", 0, ASSAY_OPT_STRS, NULL, .arg = "OPTION=VALUE", .help = "in every step that has the option, stronger than the job; STEP.OPTION=VALUE for one step" },
	{ "baseline", 0, ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "what compare: of the job takes from outside: this result, or the same steps of this campaign" },
	{ "resume", 0, ASSAY_OPT_FLAG, "false", .help = "go on in --output DIR: finished steps are kept, the others run" },
	{ "dry-run", 0, ASSAY_OPT_FLAG, "false", .help = "check the job, print its steps and commands; run nothing" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "print campaign.json on stdout at the end, and only that" },
	{ "progress", 0, ASSAY_OPT_FLAG, "true", .help = "show progress on stderr" },
	ASSAY_OPT_END,
};

/* ---- the document ---- */

static json_t *step_doc(const struct cmd_step *s)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:[], s:b, s:n, s:n, s:n, s:n, s:n, s:o, s:o, s:n, s:n, s:n}", "name", s->name, "step", s->base, "verb", s->verb->name, "state", s->selected ? "pending" : "not_selected", "command", "kept",
	                 0, "exit_status", "reason", "started", "ended", "wall_s", "directory", cmd_step_has(s, "output") ? json_string(s->name) : json_null(), "log", json_sprintf("%s.log", s->name), "result", "note", "comparison");
}

static json_t *new_doc(const struct cmd_campaign *c, const struct assay_options *o, const char *path, const struct assay_buf *job)
{
	json_t *steps = json_array(), *sets = json_array(), *file = json_string(path);
	const char *const *list;
	char hash[65], created[40];
	int n = assay_options_strs(o, "set", &list);
	assay_sha256_hex(job->data ? job->data : "", job->len_bytes, hash);
	assay_rfc3339(assay_wall_ns(), created, sizeof created);
	for (int i = 0; i < n; i++)
		json_array_append_new(sets, json_string(list[i]));
	for (int i = 0; i < c->n; i++)
		json_array_append_new(steps, step_doc(&c->steps[i]));
	return json_pack("{s:s, s:s, s:{s:o, s:s, s:o}, s:s, s:n, s:o, s:b, s:n, s:n, s:o}", "schema", ASSAY_CAMPAIGN_SCHEMA, "name", c->name, "job", "path", file ? file : json_string("?"), "sha256", hash, "set", sets,
	                 "created", created, "ended", "assay", cmd_build_info(), "interrupted", 0, "exit_status", "counts", "steps", steps);
}

/* ---- exit status ---- */

/* 130 > 3 > 4 > 1 > 0 over the steps; a step that measured nothing is 3; a comparison that could not be made is 1. 2 when no step measured. */
static int finish_doc(struct cmd_running *r)
{
	size_t i;
	json_t *step;
	int status = 0, done = 0, failed = 0, skipped = 0, selected = 0;
	bool usage = true;
	char ended[40];
	json_array_foreach(json_object_get(r->doc, "steps"), i, step) {
		const char *state = assay_json_get_str(step, "state", "");
		const json_t *c = json_object_get(step, "comparison");
		int own = (int)assay_json_get_int(step, "exit_status", 0);
		if (!r->c->steps[i].selected)
			continue;
		selected++;
		done += !strcmp(state, "done");
		failed += !strcmp(state, "failed") || !strcmp(state, "interrupted");
		skipped += !strcmp(state, "skipped") || !strcmp(state, "pending");
		usage &= own == ASSAY_EXIT_USAGE || !strcmp(state, "skipped");
		status = cmd_child_worse(status, !strcmp(state, "failed") ? ASSAY_EXIT_ENGINE : cmd_child_measured(own) ? own : 0);
		if (json_is_object(c))
			status = cmd_child_worse(status, !strcmp(assay_json_get_str(c, "state", ""), "failed") ? ASSAY_EXIT_FAILED : (int)assay_json_get_int(c, "exit_status", 0));
	}
	if (!done && failed && usage)
		status = ASSAY_EXIT_USAGE;
	if (cmd_signal_seen())
		status = 128 + cmd_signal_seen();
	assay_rfc3339(assay_wall_ns(), ended, sizeof ended);
	json_object_set_new(r->doc, "ended", json_string(ended));
	json_object_set_new(r->doc, "interrupted", json_boolean(cmd_signal_seen()));
	json_object_set_new(r->doc, "exit_status", json_integer(status));
	json_object_set_new(r->doc, "counts", json_pack("{s:i, s:i, s:i, s:i}", "steps", selected, "done", done, "failed", failed, "skipped", skipped));
	return status;
}

/* ---- steps ---- */

static int name_width(const struct cmd_campaign *c)
{
	size_t widest = 0;
	for (int i = 0; i < c->n; i++)
		if (c->steps[i].selected && strlen(c->steps[i].name) > widest)
			widest = strlen(c->steps[i].name);
	return widest < WIDEST_NAME ? (int)widest : WIDEST_NAME;
}

/* "[2/5] latency.bf16  VALID  12s  TTFT 64.2 ms, ..." */
static void say_step(const struct cmd_running *r, int i, int nth, int of)
{
	const json_t *doc = cmd_step_doc(r, i), *digest = json_object_get(doc, "result");
	const char *state = assay_json_get_str(doc, "state", "?"), *reason = assay_json_get_str(doc, "reason", NULL), *said = assay_json_get_str(doc, "note", NULL), *verdict = assay_json_get_str(digest, "verdict", NULL);
	struct assay_err ignored = ASSAY_ERR_INIT;
	char numbers[200] = "", took[24] = "-", *dir = xasprintf("%s/%s", r->dir, r->c->steps[i].name);
	json_t *result = digest && !json_is_null(digest) ? assay_result_load(dir, &ignored) : NULL;
	int64_t missed = assay_json_get_int(json_object_get(digest, "targets"), "fail", 0);
	if (result)
		assay_campaign_headline(result, numbers);
	if (json_is_number(json_object_get(doc, "wall_s")))
		assay_duration_format(took, sizeof took, assay_json_get_num(doc, "wall_s", 0));
	fprintf(r->out, "[%d/%d] %-*s  %-7s  %5s  %s", nth, of, name_width(r->c), r->c->steps[i].name, verdict && !reason ? verdict : state, json_is_true(json_object_get(doc, "kept")) ? "kept" : took, reason ? reason : said ? said : numbers);
	if (missed)
		fprintf(r->out, "  (%lld targets missed)", (long long)missed);
	fputc('\n', r->out);
	fflush(r->out);
	json_decref(result);
	free(dir);
}

static int run_steps(struct cmd_running *r, struct assay_status_line *line, struct assay_err *e)
{
	int nth = 0, of = 0;
	for (int i = 0; i < r->c->n; i++)
		of += r->c->steps[i].selected;
	for (int i = 0; i < r->c->n && !cmd_signal_seen(); i++) {
		if (!r->c->steps[i].selected)
			continue;
		assay_status_line_show(line, r->c->name, r->c->steps[i].name, nth, of, -1);
		if (!json_is_true(json_object_get(cmd_step_doc(r, i), "kept")))
			cmd_step_run(r, i);
		say_step(r, i, ++nth, of);
		cmd_step_compare(r, i);
		if (assay_campaign_save(r->dir, r->doc, e))
			return e->code;
	}
	return 0;
}

/* ---- the verb ---- */

/* Two of us in one directory would undo each other. The descriptor holds the lock; -1 and *e. */
static int lock(const char *dir, struct assay_err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	if (fd >= 0)
		close(fd);
	assay_fail(e, ASSAY_E_USAGE, "%s: in use: a campaign is running there", dir);
	return -1;
}

/* The directory, locked, and what is kept of an earlier run in it. */
static int open_dir(struct cmd_running *r, const struct assay_options *o, int *fd, struct assay_err *e)
{
	const char *given = assay_options_str(o, "output");
	char *earlier = given ? xasprintf("%s/campaign.json", given) : NULL;
	bool resume = assay_options_flag(o, "resume"), there = earlier && assay_fs_exists(earlier);
	int kept = 0, selected = 0, rc = 0;
	free(earlier);
	for (int i = 0; i < r->c->n; i++)
		selected += r->c->steps[i].selected;
	if (resume && !given)
		return assay_fail(e, ASSAY_E_USAGE, "--resume needs --output DIR: the directory of the campaign to go on with");
	if (resume && there)
		r->dir = xstrdup(given);
	else
		rc = cmd_many_dir(given, r->c->name, &r->dir, e);
	if (!rc && (*fd = lock(r->dir, e)) < 0)
		rc = e->code;
	if (!rc && resume && there)
		assay_fs_remove_torn(r->dir);
	if (!rc && resume && there)
		rc = cmd_campaign_keep(r, &kept, e);
	if (!rc)
		fprintf(r->out, "assay run %s: %d of %d steps into %s; %s\n", r->c->name, selected - kept, r->c->n, r->dir, kept ? "the others are kept" : resume && !there ? "there is nothing to resume" : "each in a process of its own");
	return rc;
}

static void say_next(const struct cmd_running *r)
{
	const json_t *counts = json_object_get(r->doc, "counts");
	bool left = assay_json_get_int(counts, "done", 0) < assay_json_get_int(counts, "steps", 0);
	printf("\nsummary  %s/summary.md\n", r->dir);
	if (left)
		printf("next     assay run %s --output %s --resume    (the steps that did not finish)\n", assay_json_get_str(json_object_get(r->doc, "job"), "path", "JOB"), r->dir);
	else
		printf("next     assay verify %s    (recomputes every result)\n", r->dir);
}

static int publish(struct cmd_running *r, const struct assay_options *o, int *status, struct assay_err *e)
{
	struct assay_buf summary;
	assay_buf_init(&summary, (size_t)64 << 20);
	*status = finish_doc(r);
	int rc = assay_campaign_save(r->dir, r->doc, e), more = assay_campaign_faces(r->dir, r->doc, &summary, rc ? NULL : e);
	if (summary.len_bytes)
		cmd_step_summary(&summary);
	if (assay_options_flag(o, "json")) {
		cmd_print_json(r->doc, NULL);
	} else {
		say_next(r);
	}
	if (cmd_signal_seen())
		fprintf(stderr, "assay: interrupted; the results so far are in %s\n", r->dir);
	assay_buf_release(&summary);
	return rc ? rc : more;
}

static int campaign(struct cmd_running *r, const struct assay_options *o, const char *path, const struct assay_buf *job, int *status, struct assay_err *e)
{
	int fd = -1;
	r->doc = new_doc(r->c, o, path, job);
	int rc = open_dir(r, o, &fd, e);
	if (!rc) {
		struct assay_status_line *line = assay_options_flag(o, "progress") ? assay_status_line_open() : NULL;
		rc = run_steps(r, line, e);
		assay_status_line_close(line);
		int wrote = publish(r, o, status, rc ? NULL : e);
		rc = rc ? rc : wrote;
	}
	if (fd >= 0)
		close(fd);
	json_decref(r->doc);
	free(r->dir);
	return rc;
}

static int run_job(const struct assay_options *o, const char *path, int *status, struct assay_err *e)
{
	struct cmd_campaign c = { 0 };
	struct assay_buf job;
	const char *const *sets;
	int n = assay_options_strs(o, "set", &sets);
	if (assay_options_flag(o, "dry-run") && assay_options_flag(o, "json"))
		return assay_fail(e, ASSAY_E_USAGE, "--json: a dry run has no document; leave one of --dry-run and --json out");
	assay_buf_init(&job, JOB_BYTES_MAX);
	int rc = assay_fs_read(path, &job, ASSAY_E_USAGE, e);
	if (!rc)
		rc = cmd_campaign_parse(job.data ? job.data : "", job.len_bytes, path, sets, n, assay_options_str(o, "baseline"), &c, e);
	if (!rc)
		rc = cmd_campaign_select(&c, assay_options_str(o, "only"), e);
	if (!rc)
		rc = cmd_campaign_check(&c, assay_options_flag(o, "dry-run"), e);
	if (!rc && !assay_options_flag(o, "dry-run"))
		rc = campaign(&(struct cmd_running){ .c = &c, .out = assay_options_flag(o, "json") ? stderr : stdout }, o, path, &job, status, e);
	cmd_campaign_release(&c);
	assay_buf_release(&job);
	return rc;
}

int cmd_campaign(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	char **list;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	cmd_signals_install();
	int n = assay_options_positionals(o, &list);
	int rc = n == 1 ? run_job(o, list[0], &status, &e) : assay_fail(&e, ASSAY_E_USAGE, "run needs one job file: assay run JOB.yaml");
	if (rc)
		status = cmd_error(&e);
	assay_options_close(o);
	return status;
}
