/* Showing a result that is on disk: what the end of a run and `assay report` have in common. */
#ifndef ASSAY_CMD_SHOW_RESULT_H
#define ASSAY_CMD_SHOW_RESULT_H

#include "base/mem.h"
#include "cmd/cmd.h"
#include "core/run.h"

extern const struct assay_opt cmd_report_options[];

/* Writes the chosen faces (--format, --legacy) and the manifest into dir. Tries all; the first error is in *e. */
int cmd_faces_write(const struct assay_options *o, const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e);
/* Appends Markdown to the file that the environment's GITHUB_STEP_SUMMARY names, where it is set; a failure is told on stderr and nothing more. */
void cmd_step_summary(const struct assay_buf *markdown);
/* The document (--json) or the summary on stdout. */
void cmd_result_print(const struct assay_options *o, const json_t *result);
/* Several results on one page, in a directory of its own. */
int cmd_report_overlay(const struct assay_options *o, char **dirs, int n, struct assay_err *e);
/* 4 > 1 > 0, by the document's verdict and targets. */
int cmd_result_status(const json_t *result);
/* False when somebody edited the document: its id is not the hash of what it says. */
bool cmd_result_whole(const json_t *result);
#define CMD_EDITED "edited: its id is not the hash of what it says (assay verify names the place)"
/* ASSAY_E_USAGE when a live run holds the directory's journal. */
int cmd_not_in_use(const char *dir, struct assay_err *e);

/* The result in dir without what is private, and without the logs of commands and workers. */
int cmd_redact_here(const char *dir, struct assay_err *e);

#endif
