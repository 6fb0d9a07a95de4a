/* Talks to the user. A verb is one file; main.c's table lists them. Only cmd/ prints and picks exit statuses. */
#ifndef ASSAY_CMD_CMD_H
#define ASSAY_CMD_CMD_H

#include <jansson.h>
#include <stdio.h>

#include "base/err.h"
#include "base/options.h"

#define ASSAY_VERSION "0.1.0"

enum assay_exit { ASSAY_EXIT_OK = 0, ASSAY_EXIT_FAILED = 1, ASSAY_EXIT_USAGE = 2, ASSAY_EXIT_ENGINE = 3, ASSAY_EXIT_INVALID = 4, ASSAY_EXIT_INT = 130, ASSAY_EXIT_TERM = 143 };

struct assay_verb {
	const char *name, *args, *summary;        /* "report", "DIR" or NULL = no arguments, one line */
	const struct assay_opt *const *tables;    /* option rows (NULL-terminated list), the verb's own last */
	int (*main)(const struct assay_verb *v, int argc, char **argv); /* argv after the verb; returns the exit status */
};

extern const struct assay_opt cmd_common_options[];  /* -q -o --json ... of every measuring verb */
extern const struct assay_opt cmd_engine_options[];  /* -m -e --dtype -t ... of every verb that opens an engine */

/* The table (main.c): experiments of the registry in order, then the tools. */
const struct assay_verb *const *cmd_verbs(int *n);
const struct assay_verb *cmd_verb_find(const char *name, struct assay_err *e); /* NULL + ASSAY_E_USAGE with the nearest name */

/* The corridor: options -> engine -> session -> experiment -> result -> faces -> exit status. */
int cmd_run_experiment(const struct assay_verb *v, int argc, char **argv);

/* Prints "assay: msg" on stderr (one line) and maps the code to an exit status. */
int cmd_error(const struct assay_err *e);
/* A further line of advice under an error. */
void cmd_advise(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cmd_exit_of(enum assay_code code);
/* Prints v on stdout as indented JSON, one newline at its end. ASSAY_E_INTERNAL when v is NULL or cannot be printed. */
int cmd_print_json(const json_t *v, struct assay_err *e);
/* Flushes stdout: status as it was, also when the reader is gone; 3 when the text could not be written (full disk). */
int cmd_finish(int status);

/* Parses argv, environment and --job into a new options object. Returns 1 when the caller should return *status at once:
 * --help was printed (0) or an error was (2). Verbs with args == NULL refuse positional arguments here. */
int cmd_options(const struct assay_verb *v, int argc, char **argv, struct assay_options **out, int *status);

/* A tool's whole main: options, run, its error or its status. run returns the exit status (0 and above), or a code below 0 with *e filled. */
int cmd_tool(const struct assay_verb *v, int argc, char **argv, int (*run)(const struct assay_options *o, struct assay_err *e));

/* ASSAY_E_USAGE when --isa names what this CPU lacks, or --dtype what is not built yet. */
int cmd_check_engine_options(const struct assay_options *o, struct assay_err *e);

/* Prints --help of a verb, the list of verbs, the short usage. */
void cmd_help_verb(const struct assay_verb *v, FILE *out);
void cmd_help_all(FILE *out);
void cmd_help_usage(FILE *out);
/* Prints text wrapped to width with a hanging indent; the first line begins at column `at`. */
void cmd_wrap(FILE *out, const char *text, int at, int indent, int width);

/* {version, commit, compiler, build}; build begins with "release", "debug" or "sanitizer". New reference. */
json_t *cmd_build_info(void);

/* Tools: one file each. */
int cmd_help(const struct assay_verb *v, int argc, char **argv);
int cmd_version(const struct assay_verb *v, int argc, char **argv);
int cmd_man(const struct assay_verb *v, int argc, char **argv);
int cmd_completion(const struct assay_verb *v, int argc, char **argv);
extern const struct assay_opt cmd_explain_options[];
int cmd_explain(const struct assay_verb *v, int argc, char **argv);
int cmd_report(const struct assay_verb *v, int argc, char **argv);
extern const struct assay_opt cmd_verify_options[];
int cmd_verify(const struct assay_verb *v, int argc, char **argv);
int cmd_models(const struct assay_verb *v, int argc, char **argv);
int cmd_engines(const struct assay_verb *v, int argc, char **argv);
int cmd_doctor(const struct assay_verb *v, int argc, char **argv);

#endif
