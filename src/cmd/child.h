/* One assay command as a process of its own: a crash, or the kernel taking its memory, loses nothing but that process. What pairs and the verbs
 * that make many runs share. Words of argv can be read by everyone on the machine, so no option value is ever a secret. */
#ifndef ASSAY_CMD_CHILD_H
#define ASSAY_CMD_CHILD_H

#include <stdbool.h>

#include "base/err.h"

enum { CMD_WORDS_MAX = 200 };

/* Words parted by blanks; '...' and "..." hold blanks. */
struct cmd_words { char *text, *list[CMD_WORDS_MAX]; int n; };
/* option: of the text, for messages. ASSAY_E_USAGE; release in either case. */
int cmd_words_split(struct cmd_words *w, const char *option, const char *text, struct assay_err *e);
void cmd_words_release(struct cmd_words *w);

/* A growing argv, NULL-terminated; owns its words. Starts as {0}. */
struct cmd_argv { char **list; int n; };
void cmd_argv_add(struct cmd_argv *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cmd_argv_release(struct cmd_argv *a);

/* Runs this program with those words (list[0] is "assay"); stdin is empty, stdout and stderr go to the file log. Returns the exit status, 128 + signal
 * when one ended it, 3 when no process could be started. SIGINT and SIGTERM are passed on, once each, and waited for; the child has a process group of
 * its own, so that a Ctrl-C comes from here only. When this process dies, however it dies, the child gets SIGTERM. After cmd_signals_install. */
int cmd_child_run(const struct cmd_argv *a, const char *log);
/* The same, with stdout in a file of its own. */
int cmd_child_output(const struct cmd_argv *a, const char *out, const char *log);

/* The same with a function of this program in place of a command, in a copy of this process: stdin, stdout and stderr stay, and what it does to memory
 * is lost. Its return value is the exit status. Call it while this process has one thread. */
int cmd_child_call(int (*fn)(void *arg), void *arg);

/* Whether the status says that something was measured: 0, 1 or 4. */
bool cmd_child_measured(int status);
/* The one that stands for both: 3 > 4 > 1 > 0. */
int cmd_child_worse(int a, int b);
/* Fills *e from a child's exit status and the last error line of its log: "what: line", or "what: ended by signal 9 (Killed)". Returns e->code. */
int cmd_child_error(const char *what, int status, const char *log, struct assay_err *e);

/* The directory of a verb that makes many runs: `given`, absent or empty, else results/<UTC time>-<verb>; made with its parents. ASSAY_E_USAGE. */
int cmd_many_dir(const char *given, const char *verb, char **dir, struct assay_err *e);

#endif
