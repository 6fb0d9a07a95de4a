/* assay report DIR: write a result's faces again. Where a killed run left only its journal, the result is rebuilt first. */
#include "cmd/show_result.h"

#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "metrics/other_tools.h"
#include "report/face_definitions.h"
#include "report/report.h"

const struct assay_opt cmd_report_options[] = {
	{ "format", 0, ASSAY_OPT_ENUMS, NULL, .choices = "md|html|csv|junit|summary|jsonl|openmetrics", .help = "faces to write (md, html, csv); the others only when named" },
	{ "legacy", 0, ASSAY_OPT_ENUMS, NULL, .choices = "s0|s2|s3|s4", .help = "also write other suites' formats under legacy/" },
	{ "definitions", 0, ASSAY_OPT_ENUMS, NULL, .choices = "vllm|sglang|guidellm|aiperf|llmperf", .help = "also count the same records as these tools do: report-NAME.md and .json" },
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

static int report(const struct assay_options *o, const char *dir, struct assay_err *e)
{
	struct assay_run run = { 0 };
	json_t *result = NULL;
	char *path = xasprintf("%s/result.json", dir);
	int rc = 0;
	if (!assay_fs_is_dir(dir)) {
		rc = assay_fail(e, ASSAY_E_USAGE, assay_fs_exists(dir) ? "%s: a file: name the result directory that holds it" : "%s: no such directory", dir);
		goto out;
	}
	if ((rc = cmd_not_in_use(dir, e)) || (rc = assay_journal_read(dir, &run, e)))
		goto out;
	if (assay_fs_exists(path)) {
		struct assay_err why = ASSAY_ERR_INIT;
		result = assay_result_load(dir, &why);
		rc = result ? 0 : assay_fail(e, why.code, "%.450s; its journal is readable: remove the file to rebuild the result from it", why.msg);
	} else {
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

int cmd_report(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	char **list;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	int n = assay_options_positionals(o, &list);
	int rc = n == 1 ? report(o, list[0], &e) : assay_fail(&e, ASSAY_E_USAGE, "report needs one result directory");
	if (rc)
		status = cmd_error(&e);
	assay_options_close(o);
	return status;
}
