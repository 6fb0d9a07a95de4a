/* The end of the corridor: the journal closes and is read back, the document and its faces are written, the user is told. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "cmd/baselines.h"
#include "cmd/show_result.h"
#include "cmd/run.h"
#include "cmd/run_commands.h"
#include "cmd/run_signals.h"
#include "result/redact.h"

/* By the user. A full disk also cuts a run short (totals.interrupted), but is an error. */
static bool interrupted(void) { return cmd_signal_seen(); }

int cmd_run_close_journal(struct cmd_run *r, int rc, struct assay_err *e)
{
	struct assay_err mine = ASSAY_ERR_INIT;
	char ended[40];
	assay_rfc3339(assay_wall_ns(), ended, sizeof ended);
	json_t *error = rc && rc != ASSAY_E_INTERRUPT ? json_string(e->msg) : json_null();
	json_t *footer = json_pack("{s:s s:b s:i s:o}", "ended", ended, "interrupted", r->totals.interrupted || interrupted(), "signal", cmd_signal_seen(), "error", error ? error : json_null());
	json_object_set_new(footer, "clock", cmd_run_clocks());
	int closed = assay_journal_close(r->journal, footer, &mine);
	r->journal = NULL;
	if (closed && (!rc || rc == ASSAY_E_INTERRUPT)) {
		*e = mine;
		return closed;
	}
	return rc;
}

/* On the page of a CI job that runs this. */
static void summarise(const json_t *result)
{
	struct assay_buf b;
	assay_buf_init(&b, 1 << 20);
	assay_face_summary(result, &b);
	cmd_step_summary(&b);
	assay_buf_release(&b);
}

/* What programs printed is not ours to clean. */
int cmd_redact_here(const char *dir, struct assay_err *e)
{
	static const char *const logs[] = { CMD_COMMANDS_LOG, ASSAY_ENGINE_LOG };
	if (assay_redact_journal(dir, dir, e))
		return e->code;
	for (int i = 0; i < 2; i++) {
		char *path = xasprintf("%s/%s", dir, logs[i]);
		unlink(path);
		free(path);
	}
	return 0;
}

/* The same way that `assay report` takes. */
static int write_result(const struct cmd_run *r, json_t **result, struct assay_err *e)
{
	struct assay_run run = { 0 };
	if (assay_options_flag(r->o, "redact") && cmd_redact_here(r->dir, e))
		return e->code;
	int rc = assay_journal_read(r->dir, &run, e);
	if (rc)
		return rc;
	*result = assay_result_build(&run);
	rc = assay_result_write(r->dir, *result, e);
	if (!rc)
		rc = cmd_faces_write(r->o, *result, &run, r->dir, e);
	assay_run_release(&run);
	return rc;
}

/* "next    COMMAND    (why)", wrapped. */
__attribute__((format(printf, 3, 4)))
static void next(int width, const char *why, const char *fmt, ...)
{
	char line[4500];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	printf("next    %s", line);
	if (8 + n + 4 + (int)strlen(why) < width)
		printf("    %s\n", why);
	else
		cmd_wrap(stdout, why, width, 8, width);
}

static void say_next(const struct cmd_run *r, const json_t *result)
{
	const char *state = assay_json_get_str(json_object_get(result, "verdict"), "state", "");
	char *report = xasprintf("%s/report.html", r->dir), *document = xasprintf("%s/result.json", r->dir);
	bool written = assay_fs_exists(document);
	free(document);
	if (!assay_fs_exists(report)) {
		free(report);
		report = xasprintf("%s/report.md", r->dir);
	}
	struct assay_term t;
	assay_term_init(&t, STDOUT_FILENO, false);
	if (written)
		printf("\nresult  %s/result.json\n", r->dir);
	if (assay_fs_exists(report))
		printf("report  %s\n", report);
	if (interrupted())
		next(t.width, "(interrupted: what was measured is kept)", "assay report %s", r->dir);
	else if (strcmp(state, "VALID"))
		next(t.width, "(what disturbs measurements on this machine)", "assay doctor");
	else if (assay_options_flag(r->o, "quick"))
		next(t.width, "(the same without --quick)", "assay %s", r->verb->name);
	else
		next(t.width, "(what a number means)", "assay explain ttft_ms");
	free(report);
}

/* A point succeeded when a request of it did. */
static bool any_success(const json_t *result)
{
	const json_t *points = json_object_get(result, "points");
	for (size_t i = 0; i < json_array_size(points); i++)
		if (assay_json_get_int(json_object_get(json_array_get(points, i), "requests"), "succeeded", 0) > 0)
			return true;
	return false;
}

/* Why the first point that did not succeed did not. */
static const char *first_reason(const json_t *result)
{
	const json_t *points = json_object_get(result, "points");
	for (size_t i = 0; i < json_array_size(points); i++) {
		const json_t *p = json_array_get(points, i), *ends = json_object_get(json_object_get(p, "requests"), "end_states");
		const char *reason = assay_json_get_str(p, "reason", NULL);
		if (reason)
			return reason;
		if (json_object_size(ends))
			return json_object_iter_key(json_object_iter((json_t *)ends)); /* of the requests, none of which succeeded */
	}
	return "no point was begun";
}

int cmd_run_publish(struct cmd_run *r, int rc, struct assay_err *e)
{
	json_t *result = NULL;
	struct assay_err mine = ASSAY_ERR_INIT;
	if (write_result(r, &result, &mine) && (!rc || rc == ASSAY_E_INTERRUPT)) {
		*e = mine;
		rc = mine.code;
	}
	if (result && !r->quiet) {
		cmd_result_print(r->o, result);
		summarise(result);
	}
	if (result && !r->quiet && !assay_options_flag(r->o, "json"))
		say_next(r, result);
	if (result && !rc && assay_options_str(r->o, "save-as") && !interrupted())
		rc = cmd_baseline_keep(r->o, result, r->dir, e);
	fflush(stdout);
	if (!rc && !any_success(result) && !interrupted())
		rc = assay_fail(e, ASSAY_E_ENGINE, "no point could be measured: %s", first_reason(result));
	else if (!rc && r->totals.engine_failed && !interrupted())
		rc = assay_fail(e, ASSAY_E_ENGINE, "the engine failed before all was measured: %s", first_reason(result));
	int status = cmd_result_status(result);
	if (rc && rc != ASSAY_E_INTERRUPT) {
		status = r->quiet ? cmd_exit_of(e->code) : cmd_error(e);
		if (result && !r->quiet)
			cmd_advise("results so far: %s (assay report %s)", r->dir, r->dir);
		else if (!result)
			cmd_run_output_undo(r); /* not even the header reached the disk */
	}
	if (interrupted()) {
		if (!r->quiet)
			fprintf(stderr, "assay: interrupted; results so far are saved in %s\n", r->dir);
		status = cmd_exit_of(ASSAY_E_INTERRUPT);
	}
	json_decref(result);
	return status;
}
