/* The end of the corridor: the journal closes and is read back, the document and its faces are written, the user is told. */
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "cmd/report.h"
#include "cmd/run.h"
#include "cmd/run_signals.h"

static bool interrupted(const struct cmd_run *r) { return r->totals.interrupted || cmd_signal_seen(); }

int cmd_run_close_journal(struct cmd_run *r, int rc, struct assay_err *e)
{
	struct assay_err mine = ASSAY_ERR_INIT;
	char ended[40];
	assay_rfc3339(assay_wall_ns(), ended, sizeof ended);
	json_t *error = rc && rc != ASSAY_E_INTERRUPT ? json_string(e->msg) : json_null();
	json_t *footer = json_pack("{s:s s:b s:i s:o}", "ended", ended, "interrupted", interrupted(r), "signal", cmd_signal_seen(), "error", error ? error : json_null());
	int closed = assay_journal_close(r->journal, footer, &mine);
	r->journal = NULL;
	if (closed && (!rc || rc == ASSAY_E_INTERRUPT)) {
		*e = mine;
		return closed;
	}
	return rc;
}

/* The same way that `assay report` takes. */
static int write_result(const struct cmd_run *r, json_t **result, struct assay_err *e)
{
	struct assay_run run = { 0 };
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

static void say_next(const struct cmd_run *r, const json_t *result)
{
	const char *state = assay_json_get_str(json_object_get(result, "verdict"), "state", "");
	char *report = xasprintf("%s/report.md", r->dir);
	printf("\nresult  %s/result.json\n", r->dir);
	if (assay_fs_exists(report))
		printf("report  %s\n", report);
	if (interrupted(r))
		printf("next    assay report %s    (interrupted: what was measured is kept)\n", r->dir);
	else if (strcmp(state, "VALID"))
		printf("next    assay doctor    (what disturbs measurements on this machine)\n");
	else if (assay_options_flag(r->o, "quick"))
		printf("next    assay %s    (the same without --quick)\n", r->verb->name);
	else
		printf("next    assay explain ttft_ms    (what a number means)\n");
	free(report);
}

int cmd_run_publish(struct cmd_run *r, int rc, struct assay_err *e)
{
	json_t *result = NULL;
	struct assay_err mine = ASSAY_ERR_INIT;
	if (write_result(r, &result, &mine) && (!rc || rc == ASSAY_E_INTERRUPT)) {
		*e = mine;
		rc = mine.code;
	}
	if (result)
		cmd_result_print(r->o, result);
	if (result && !assay_options_flag(r->o, "json"))
		say_next(r, result);
	fflush(stdout);
	if (!rc && !r->totals.points_ok && !interrupted(r))
		rc = assay_fail(e, ASSAY_E_ENGINE, "no point could be measured; the reasons are in %s/result.json", r->dir);
	int status = cmd_result_status(result);
	if (rc && rc != ASSAY_E_INTERRUPT) {
		status = cmd_error(e);
		cmd_advise("results so far: %s (assay report %s)", r->dir, r->dir);
	}
	if (interrupted(r)) {
		fprintf(stderr, "assay: interrupted; results so far are saved in %s\n", r->dir);
		status = cmd_exit_of(ASSAY_E_INTERRUPT);
	}
	json_decref(result);
	return status;
}
