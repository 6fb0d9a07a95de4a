/* Talks to the user. A verb is one file; main.c's table lists them. Only cmd/ prints and picks exit statuses. */
#ifndef ASSAY_CMD_CMD_H
#define ASSAY_CMD_CMD_H

#include "base/err.h"
#include "base/options.h"

enum assay_exit { ASSAY_EXIT_OK = 0, ASSAY_EXIT_FAILED = 1, ASSAY_EXIT_USAGE = 2, ASSAY_EXIT_ENGINE = 3, ASSAY_EXIT_INVALID = 4, ASSAY_EXIT_INT = 130, ASSAY_EXIT_TERM = 143 };

struct assay_verb {
	const char *name, *args, *summary;        /* "report", "DIR", one line */
	const struct assay_opt *const *tables;    /* option rows (NULL-terminated list) */
	int (*main)(const struct assay_verb *v, int argc, char **argv); /* argv after the verb; returns the exit status */
};

extern const struct assay_opt cmd_common_options[];  /* -m -e --dtype -t ... of every measuring verb */
extern const struct assay_opt cmd_engine_options[];  /* the subset that opens an engine (generate, models check) */

const struct assay_verb *const *cmd_verbs(int *n);
/* The corridor: options -> engine -> session -> experiment -> result -> faces -> exit status. */
int cmd_run_experiment(const struct assay_verb *v, int argc, char **argv);
/* Prints "assay: msg" on stderr (one line) and maps the code to an exit status. */
int cmd_error(const struct assay_err *e);
/* Parses argv, environment and --job into a new options object; handles --help (prints, returns 1 with *status 0). */
int cmd_options(const struct assay_verb *v, int argc, char **argv, struct assay_options **out, int *status);

#endif
