/* --resume: the run in -o DIR goes on where it was stopped or killed. Decides whether it may, and writes the record that says so. */
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "cmd/run.h"
#include "metrics/definitions.h"
#include "metrics/stream_rows.h"

/* Options that may differ: they say nothing of what is measured. */
static const char *const free_options[] = { "resume", "output", "progress", "color", "json", "verbose", "format", "legacy", "note", "label", "job", "targets" };

static bool is_free(const char *name)
{
	for (size_t i = 0; i < sizeof free_options / sizeof *free_options; i++)
		if (!strcmp(free_options[i], name))
			return true;
	return false;
}

static void show(const json_t *v, char out[80])
{
	struct assay_buf b;
	assay_buf_init(&b, 4096);
	bool ok = v && assay_json_print(&b, v, 0) == 0;
	snprintf(out, 80, "%.70s", ok && b.data ? b.data : "unset");
	assay_buf_release(&b);
}

/* Every option of the first command holds. */
static int same_command(const struct cmd_run *r, struct assay_err *e)
{
	json_t *now = assay_options_echo(r->o), *was = json_object_get(r->before.header, "config"), *v;
	const char *key;
	int rc = 0;
	json_object_foreach(now, key, v) {
		char a[80], b[80];
		if (rc || is_free(key) || json_equal(v, json_object_get(was, key)))
			continue;
		show(json_object_get(was, key), a);
		show(v, b);
		rc = assay_fail(e, ASSAY_E_USAGE, "--resume: %s: %s was %s and is now %s: a run goes on only with the command that it began with", r->dir, key, a, b);
	}
	json_decref(now);
	return rc;
}

static int check(const struct cmd_run *r, struct assay_err *e)
{
	const struct assay_run *b = &r->before;
	const char *was = assay_json_get_str(b->header, "experiment", "?"), *definitions = assay_json_get_str(b->header, "definitions", "none");
	double measured_s = (double)assay_stream_elapsed(b) / 1e9;
	bool cut = b->torn && !b->footer && (strstr(b->torn_reason, "no footer") || strstr(b->torn_reason, "cut short"));
	if (strcmp(was, r->exp->name))
		return assay_fail(e, ASSAY_E_USAGE, "--resume: %s holds a run of assay %.20s, not of assay %s", r->dir, was, r->exp->name);
	if (strcmp(definitions, ASSAY_DEFINITIONS_VERSION))
		return assay_fail(e, ASSAY_E_USAGE, "--resume: %s was begun with definitions %.20s, this assay has %s: go on with the assay that began it", r->dir, definitions, ASSAY_DEFINITIONS_VERSION);
	if (b->torn && !cut)
		return assay_fail(e, ASSAY_E_USAGE, "--resume: %s: its journal is damaged (%s): begin a new run in another directory", r->dir, b->torn_reason);
	if (same_command(r, e))
		return e->code;
	if (!assay_stream_began(b))
		return assay_fail(e, ASSAY_E_USAGE, "--resume: %s: stopped before its load began, so there is nothing to go on with: begin a new run in another directory", r->dir);
	if (r->plan.seconds - measured_s < 1e-3)
		return assay_fail(e, ASSAY_E_USAGE, "--resume: %s: complete: all %.0f s are measured", r->dir, measured_s);
	return 0;
}

bool cmd_run_resumes(const struct cmd_run *r)
{
	return r->exp->resumable && assay_options_flag(r->o, "resume");
}

int cmd_run_resume(struct cmd_run *r, struct assay_err *e)
{
	struct assay_err why = ASSAY_ERR_INIT;
	r->resumed = true;
	if (assay_journal_read(r->dir, &r->before, &why))
		return assay_fail(e, ASSAY_E_USAGE, "--resume: %.400s", why.msg);
	return check(r, e);
}

/* Wall time since the last window ended; null where the clock is virtual or nothing was measured. */
static json_t *gap_json(const struct assay_run *b)
{
	const struct assay_rec_window *w = b->n_windows ? &b->windows[b->n_windows - 1].w : NULL;
	if (!w || w->wall_ns < 0)
		return json_null();
	return assay_json_real((double)(assay_wall_ns() - w->wall_ns - (w->t1_ns - w->t0_ns)) / 1e9);
}

json_t *cmd_run_resume_record(const struct cmd_run *r)
{
	char created[40];
	assay_rfc3339(assay_wall_ns(), created, sizeof created);
	json_t *o = json_pack("{s:s, s:f, s:o, s:b}", "created", created, "elapsed_s", (double)assay_stream_elapsed(&r->before) / 1e9, "gap_s", gap_json(&r->before), "killed",
			      r->before.footer == NULL);
	json_object_set_new(o, "clock", cmd_run_clocks());
	json_object_set_new(o, "assay", cmd_build_info());
	return o;
}
