/* A step against its baseline: assay compare as a process, over all repeats of both sides, into STEM.comparison/ beside the results. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/term.h"
#include "cmd/campaign.h"
#include "cmd/run_signals.h"
#include "report/campaign.h"

enum { COMPARISON_BYTES_MAX = 64 << 20 };

/* Result directories of the steps of a stem. 0 or *e with the first that has none. */
static int add_stem(const struct cmd_running *r, const char *stem, struct cmd_argv *out, struct assay_err *e)
{
	for (int i = 0; i < r->c->n; i++) {
		const struct cmd_step *s = &r->c->steps[i];
		if (strcmp(s->stem, stem))
			continue;
		if (strcmp(assay_json_get_str(cmd_step_doc(r, i), "state", ""), "done"))
			return assay_fail(e, ASSAY_E_USAGE, "%s has no result", s->name);
		cmd_argv_add(out, "%s/%s", r->dir, s->name);
	}
	return 0;
}

/* The same steps of an earlier campaign, or one result (also a name that compare knows). */
static int add_outside(const struct cmd_running *r, const struct cmd_step *s, struct cmd_argv *out, struct assay_err *e)
{
	char *campaign = xasprintf("%s/campaign.json", s->baseline);
	bool earlier = assay_fs_exists(campaign);
	free(campaign);
	if (!earlier) {
		cmd_argv_add(out, "%s", s->baseline);
		return 0;
	}
	for (int i = 0; i < r->c->n; i++) {
		if (strcmp(r->c->steps[i].stem, s->stem))
			continue;
		cmd_argv_add(out, "%s/%s", s->baseline, r->c->steps[i].name);
		if (!assay_fs_is_dir(out->list[out->n - 1]))
			return assay_fail(e, ASSAY_E_USAGE, "%s: no such step in that campaign", out->list[out->n - 1]);
	}
	return 0;
}

/* assay compare OPTIONS --output=DIR A... -- B... The spread between sessions is not taken from what lies beside A: those are this campaign's other steps. */
static int command(const struct cmd_running *r, const struct cmd_step *s, struct cmd_argv *out, struct assay_err *e)
{
	const struct assay_opt *const *rows;
	int n = assay_options_rows(s->compare, &rows), words;
	cmd_argv_add(out, "assay");
	cmd_argv_add(out, "compare");
	for (int i = 0; i < n; i++)
		if (assay_options_source(s->compare, rows[i]->name) == ASSAY_FROM_JOB)
			cmd_argv_add(out, "--%s=%s", rows[i]->name, assay_options_text(s->compare, rows[i]->name));
	if (!assay_options_text(s->compare, "sessions"))
		cmd_argv_add(out, "--sessions=/dev/null");
	cmd_argv_add(out, "--output=%s/%s.comparison", r->dir, s->stem);
	words = out->n;
	if (s->baseline_step >= 0 ? add_stem(r, r->c->steps[s->baseline_step].stem, out, e) : add_outside(r, s, out, e))
		return e->code;
	if (out->n - words > 1)
		cmd_argv_add(out, "--");
	return add_stem(r, s->stem, out, e);
}

static void note(json_t *doc, const struct cmd_step *s, const char *state, const char *reason)
{
	json_object_set_new(doc, "comparison", json_pack("{s:s, s:s, s:s, s:n, s:n, s:n, s:n, s:s?}", "of", s->stem, "baseline", s->baseline, "state", state, "file", "verdict", "gate", "exit_status", "reason", reason));
}

static void take(json_t *doc, const struct cmd_running *r, const struct cmd_step *s, int status, const char *log)
{
	struct assay_err e = ASSAY_ERR_INIT, ignored = ASSAY_ERR_INIT;
	char *file = xasprintf("%s.comparison/comparison.json", s->stem), *path = xasprintf("%s/%s", r->dir, file), effects[400] = "";
	json_t *found = assay_fs_exists(path) ? assay_json_load(path, COMPARISON_BYTES_MAX, ASSAY_E_DATA, &ignored) : NULL, *c;
	bool measured = cmd_child_measured(status) && found;
	if (!measured)
		cmd_child_error("compare", status, log, &e);
	else if (status == ASSAY_EXIT_INVALID)
		assay_fail(&e, ASSAY_E_USAGE, "a side is INVALID: its numbers cannot prove or clear a regression");
	note(doc, s, measured ? "done" : "failed", e.code ? e.msg : NULL);
	c = json_object_get(doc, "comparison");
	json_object_set_new(c, "exit_status", json_integer(status));
	if (found) {
		json_t *verdict = json_object_get(found, "verdict"), *gate = json_object_get(json_object_get(found, "gate"), "status");
		json_object_set_new(c, "file", json_string(file));
		json_object_set(c, "verdict", verdict ? verdict : json_null());
		json_object_set(c, "gate", gate ? gate : json_null());
		assay_campaign_effects(found, effects);
	}
	if (measured)
		fprintf(r->out, "      against %s: %s%s%s (%s)%s%s\n", s->baseline, assay_json_get_str(c, "verdict", "?"), json_is_string(json_object_get(c, "gate")) ? ", gate " : "", assay_json_get_str(c, "gate", ""), effects, e.code ? "; " : "",
		        e.msg);
	else
		fprintf(r->out, "      against %s: %s\n", s->baseline, e.msg);
	json_decref(found);
	free(file);
	free(path);
}

/* An earlier campaign in which this step was not. */
static bool is_new(const struct cmd_step *s)
{
	char *campaign = xasprintf("%s/campaign.json", s->baseline), *step = xasprintf("%s/%s", s->baseline, s->name);
	bool new = s->baseline_step < 0 && assay_fs_exists(campaign) && !assay_fs_is_dir(step);
	free(campaign);
	free(step);
	return new;
}

/* A campaign that is told to compare with its own directory has no baseline yet. */
static bool is_own(const struct cmd_running *r, const struct cmd_step *s)
{
	struct stat a, b;
	return s->baseline_step < 0 && !stat(s->baseline, &a) && !stat(r->dir, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void cmd_step_compare(struct cmd_running *r, int i)
{
	const struct cmd_step *s = &r->c->steps[i];
	struct cmd_argv argv = { 0 };
	struct assay_err e = ASSAY_ERR_INIT;
	json_t *doc = cmd_step_doc(r, i);
	if (!s->compare || cmd_signal_seen())
		return;
	if (s->baseline_optional && (is_own(r, s) || is_new(s) || !cmd_step_has_baseline(s))) {
		note(doc, s, "absent", "there is no such result yet");
		fprintf(r->out, "      against %s: there is no such result yet\n", s->baseline);
	} else if (command(r, s, &argv, &e)) {
		note(doc, s, "failed", e.msg);
		fprintf(r->out, "      against %s: %s\n", s->baseline, e.msg);
	} else {
		char *name = xasprintf("%s.comparison", s->stem), *log = xasprintf("%s/%s.log", r->dir, name);
		cmd_campaign_aside(r->dir, name, &e); /* of an earlier run that was resumed; where that fails, compare says so */
		take(doc, r, s, cmd_child_run(&argv, log), log);
		free(name);
		free(log);
	}
	cmd_argv_release(&argv);
}
