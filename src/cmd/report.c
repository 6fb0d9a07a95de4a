/* assay report DIR: write a result's faces again. Where a killed run left only its journal, the result is rebuilt first. Of several directories:
 * one page that lays them over each other (report_overlay.c). */
#include "cmd/show_result.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/child.h"
#include "metrics/other_tools.h"
#include "report/face_definitions.h"
#include "result/redact.h"
#include "report/report.h"

const struct assay_opt cmd_report_options[] = {
	{ "format", 0, ASSAY_OPT_ENUMS, NULL, .choices = "md|html|csv|junit|summary|jsonl|openmetrics", .help = "faces to write (md, html, csv); the others only when named" },
	{ "legacy", 0, ASSAY_OPT_ENUMS, NULL, .choices = "s0|s2|s3|s4", .help = "also write other suites' formats under legacy/" },
	{ "definitions", 0, ASSAY_OPT_ENUMS, NULL, .choices = "vllm|sglang|guidellm|aiperf|llmperf", .help = "also count the same records as these tools do: report-NAME.md and .json" },
	{ "redact", 0, ASSAY_OPT_FLAG, "false", .help = "with -o: a copy without host name, paths, prompts and serial numbers, which may be published" },
	{ "output", 'o', ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "a new directory, for the redacted copy, or for the common page of several results (results/<UTC time>-overlay)" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "print the result document on stdout, and only that" },
	{ "color", 0, ASSAY_OPT_FLAG, "true", .help = "colour on a terminal (NO_COLOR is honoured too)" },
	ASSAY_OPT_END,
};

/* What a journal without its result still held, on stderr. */
static void say_recovered(const char *dir, const struct assay_run *run)
{
	size_t ended = 0, finished = 0;
	for (size_t i = 0; i < run->n_points; i++)
		ended += run->points[i].end != NULL;
	for (size_t i = 0; i < run->n_requests; i++)
		finished += run->requests[i].r.end_state != ASSAY_END_UNFINISHED;
	if (run->n_windows) {
		fprintf(stderr, "recovered from %s/journal.bin: %zu windows, %llu requests, %llu of them in no window; %llu of %llu bytes in %u file%s%s%s\n", dir, run->n_windows,
			(unsigned long long)run->served, (unsigned long long)run->served_loose, (unsigned long long)run->bytes_read, (unsigned long long)run->bytes_total, run->segments,
			run->segments == 1 ? "" : "s", run->torn ? "; torn: " : "", run->torn ? run->torn_reason : "");
		return;
	}
	fprintf(stderr, "recovered from %s/journal.bin: %zu points begun, %zu ended; %zu requests sent, %zu ended; %zu token events; %llu of %llu bytes%s%s\n", dir, run->n_points, ended,
	        run->n_requests, finished, run->n_tokens, (unsigned long long)run->bytes_read, (unsigned long long)run->bytes_total, run->torn ? "; torn: " : "", run->torn ? run->torn_reason : "");
}

static bool wanted(const struct assay_options *o, const struct assay_tool *t)
{
	return assay_options_is_set(o, "definitions") && assay_options_has(o, "definitions", t->name);
}

/* Before the other faces, so that the manifest counts these files. */
static int write_definitions(const struct assay_options *o, const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	int n, rc = 0;
	const struct assay_face *const *faces = assay_faces(&n);
	for (const struct assay_tool *t = assay_tool_table(); t->name && !rc; t++)
		for (int i = 0; i < n && !rc && wanted(o, t); i++)
			if (!strncmp(faces[i]->name, "definitions-", 12) && !strcmp(faces[i]->name + 12, t->name))
				rc = faces[i]->write(result, run, dir, e);
	return rc;
}

static void show_definitions(const struct assay_options *o, const json_t *result, const struct assay_run *run)
{
	struct assay_term term;
	assay_term_init(&term, STDOUT_FILENO, assay_options_flag(o, "color"));
	for (const struct assay_tool *t = assay_tool_table(); t->name; t++)
		if (wanted(o, t) && !assay_options_flag(o, "json"))
			assay_definitions_terminal(t->name, result, run, stdout, &term);
}

/* A run that was to be redacted was killed before it could be. */
static int redact_late(const char *dir, struct assay_run *run, struct assay_err *e)
{
	if (!assay_json_get_bool(json_object_get(run->header, "config"), "redact", 0) || json_object_get(run->header, "redacted"))
		return 0;
	assay_run_release(run);
	*run = (struct assay_run){ 0 };
	return cmd_redact_here(dir, e) ? e->code : assay_journal_read(dir, run, e);
}

/* fresh: the journal was just copied here. */
static int report(const struct assay_options *o, const char *dir, bool fresh, struct assay_err *e)
{
	struct assay_run run = { 0 };
	json_t *result = NULL;
	char *path = xasprintf("%s/result.json", dir);
	int rc = 0;
	if (!assay_fs_is_dir(dir)) {
		rc = assay_fail(e, ASSAY_E_USAGE, assay_fs_exists(dir) ? "%s: a file: name the result directory that holds it" : "%s: no such directory", dir);
		goto out;
	}
	if ((rc = cmd_not_in_use(dir, e)) || (rc = assay_journal_read(dir, &run, e))) {
		char *sweep = xasprintf("%s/sweep.json", dir), *engines = xasprintf("%s/blocks.json", dir);
		if (assay_fs_exists(sweep))
			assay_fail(e, rc, "%s: a sweep, not a result: assay sweep --resume %s writes its faces again", dir, dir);
		else if (assay_fs_exists(engines))
			assay_fail(e, rc, "%s: a comparison of engines, not a result: assay compare-engines --resume %s writes its faces again", dir, dir);
		free(sweep);
		free(engines);
		goto out;
	}
	if (assay_fs_exists(path)) {
		struct assay_err why = ASSAY_ERR_INIT;
		result = assay_result_load(dir, &why);
		rc = result ? 0 : assay_fail(e, why.code, "%.450s; its journal is readable: remove the file to rebuild the result from it", why.msg);
	} else if (!(rc = redact_late(dir, &run, e))) {
		if (!fresh)
			say_recovered(dir, &run);
		result = assay_result_build(&run);
		rc = assay_result_write(dir, result, e);
	}
	if (!rc)
		rc = write_definitions(o, result, &run, dir, e);
	if (!rc)
		rc = cmd_faces_write(o, result, &run, dir, e);
	if (result) {
		cmd_result_print(o, result);
		show_definitions(o, result, &run);
	}
	if (!rc && !assay_options_flag(o, "json"))
		printf("\nresult  %s\n", path);
out:
	json_decref(result);
	assay_run_release(&run);
	free(path);
	return rc;
}

/* report DIR --redact -o COPY: made from the journal, so that an edited result is not carried on. */
static int report_copy(const struct assay_options *o, const char *dir, struct assay_err *e)
{
	const char *given = assay_options_str(o, "output");
	char *copy = NULL;
	if (!given)
		return assay_fail(e, ASSAY_E_USAGE, "--redact needs -o DIR: the copy goes there, the result stays as it is");
	if (!assay_fs_is_dir(dir))
		return assay_fail(e, ASSAY_E_USAGE, "%s: no such directory", dir);
	bool there = assay_fs_exists(given);
	int rc = cmd_not_in_use(dir, e);
	if (!rc && !(rc = cmd_many_dir(given, "report", &copy, e))) {
		rc = assay_redact_journal(dir, copy, e);
		if (rc && !there)
			rmdir(copy);
		if (!rc)
			rc = report(o, copy, true, e);
	}
	free(copy);
	return rc;
}

static int run_report(const struct assay_options *o, struct assay_err *e)
{
	char **list;
	int n = assay_options_positionals(o, &list);
	if (n < 1)
		return assay_fail(e, ASSAY_E_USAGE, "report needs a result directory, or several to lay over each other");
	if (n > 1 && assay_options_flag(o, "redact"))
		return assay_fail(e, ASSAY_E_USAGE, "--redact takes one result: redact each, then lay the copies over each other");
	if (n > 1)
		return cmd_report_overlay(o, list, n, e);
	if (assay_options_flag(o, "redact"))
		return report_copy(o, list[0], e);
	return assay_options_str(o, "output") ? assay_fail(e, ASSAY_E_USAGE, "-o is for --redact and for several results: faces are written into the result's directory") : report(o, list[0], false, e);
}

int cmd_report(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	if (run_report(o, &e))
		status = cmd_error(&e);
	assay_options_close(o);
	return status;
}
