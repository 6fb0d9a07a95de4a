/* The parts of the corridor (run.c). */
#ifndef ASSAY_CMD_RUN_H
#define ASSAY_CMD_RUN_H

#include "analysis/condition.h"
#include "base/term.h"
#include "cmd/cmd.h"
#include "experiment/experiment.h"
#include "nn/shape.h"
#include "report/report.h"

/* Of --abort-on. */
struct cmd_aborts {
	struct assay_condition *list;
	int n, visits, next;               /* visits so far; virtual clock: after which to judge again */
	int64_t spent_ns, last_ns;         /* time taken by judging; by the last time */
};

/* One run from its command line to its exit status. */
struct cmd_run {
	int64_t begun_ns;                  /* of the walk; monotonic */
	const struct assay_verb *verb;
	int argc;
	char **argv;                       /* after the verb */
	const struct assay_experiment *exp;
	struct assay_options *o;
	struct nn_shape shape;
	struct assay_run_plan plan;
	json_t *targets;                   /* rows, or NULL */
	char *dir;                         /* result directory */
	size_t kept_bytes;                 /* of dir: the part that was there before; longer parts were made by us */
	bool made_dir;                     /* by us: removed again when nothing was measured */
	struct assay_engine *engine;
	bool lent;                         /* the engine is the caller's, open before and after, as at_start is */
	int sharing;                       /* how many runs use that load, 0 = this one alone: a note in the result */
	bool exported;                     /* the model was written for a worker */
	bool quiet;                        /* prints nothing but progress: the caller tells, from status and error */
	const char *title;                 /* of the line of progress; NULL = the experiment */
	struct assay_journal *journal;
	bool recorded, logged;             /* we made the journal; the log of the user's commands */
	struct cmd_aborts aborts;          /* --abort-on */
	char *aborted;                     /* why the run ended early, or NULL */
	json_t *early_notes;               /* made before there was a journal, or NULL */
	char *cleanup_failed;              /* why, for the end; or NULL */
	struct assay_status_line *line;
	struct live_page *page;            /* of a soak, in place of the line; or NULL */
	struct assay_run before;           /* --resume: what was recorded so far */
	bool resumed;                      /* the directory holds an earlier part of this run */
	struct assay_rec_memory at_start;  /* memory of the process before the engine opened */
	struct assay_session_totals totals;
};

/* run.c: the corridor in pieces. Options to plan: targets, shape, what the experiment refuses; nothing is made. */
int cmd_run_plan(struct cmd_run *r, struct assay_err *e);
/* Engine (unless lent), journal, measuring, result. 0: *status is the exit status (quiet: *e says why where it is not 0); else nothing was measured
 * and nothing is left. After cmd_run_output. */
int cmd_run_walk(struct cmd_run *r, struct assay_err *e, int *status);
void cmd_run_release(struct cmd_run *r);

/* run_output.c: finds and makes the result directory. ASSAY_E_USAGE when it is in use, not empty or not writable. */
int cmd_run_output(struct cmd_run *r, struct assay_err *e);
/* Removes the directory and its parents beyond the first kept_bytes of the path, as far as they are empty; cuts the path. Async-signal-safe. */
void cmd_run_remove_made(char *path, size_t kept_bytes);
/* Nothing was measured: takes away what this run made there. */
void cmd_run_output_undo(struct cmd_run *r);

/* run_resume.c: whether the run is asked to go on; whether it may (USAGE: another command, complete, damaged, in use), which fills `before`; and the
 * RESUME record. New reference. */
bool cmd_run_resumes(const struct cmd_run *r);
int cmd_run_resume(struct cmd_run *r, struct assay_err *e);
json_t *cmd_run_resume_record(const struct cmd_run *r);

/* run_header.c: the HEADER record; the engine is open. New reference. */
json_t *cmd_run_header(const struct cmd_run *r);
/* run_provenance.c: its "provenance": what ran (telemetry/provenance.h) and inputs[], the files that the options name, hashed. New reference. */
json_t *cmd_run_provenance(const struct cmd_run *r);
/* {wall_ns, mono_ns} now, for the header and the footer: a difference between the two clocks is a verdict. */
json_t *cmd_run_clocks(void);

/* run_targets.c: rows of --targets, a named set or a YAML file; *rows NULL without the option. */
int cmd_run_targets(const struct assay_options *o, json_t **rows, struct assay_err *e);

/* run_dry.c: what would be measured. */
void cmd_run_dry(const struct cmd_run *r);
/* About how long measuring takes on this machine, at the least, without the load; NaN for engines that are not the embedded one. Probes the machine. */
double cmd_run_estimate_s(const struct cmd_run *r);

/* run_measure.c */
int cmd_run_open_engine(struct cmd_run *r, struct assay_err *e);
int cmd_run_open_journal(struct cmd_run *r, struct assay_err *e);  /* and writes the header */
int cmd_run_measure(struct cmd_run *r, struct assay_err *e);

/* run_abort.c: --abort-on. Parsing: ASSAY_E_USAGE. */
int cmd_run_abort_parse(struct cmd_run *r, struct assay_err *e);
/* The session's hook `enough`; arg is the struct cmd_run. */
const char *cmd_run_abort_hook(void *arg);
/* After the last visit: judges once more, and notes the conditions that could not be judged. */
void cmd_run_abort_last(struct cmd_run *r);

/* run_publish.c. rc and *e: how measuring ended. Closing returns the first error; publishing prints, and returns the exit status:
 * 130 > 3 > 4 > 1 > 0. */
int cmd_run_close_journal(struct cmd_run *r, int rc, struct assay_err *e);
int cmd_run_publish(struct cmd_run *r, int rc, struct assay_err *e);

#endif
