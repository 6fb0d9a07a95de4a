/* See child.h. Between fork and exec only async-signal-safe calls are made. */
#include "cmd/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "cmd/cmd.h"
#include "cmd/run_signals.h"

enum { LOG_TAIL_BYTES = 16384 };

/* ---- words ---- */

int cmd_words_split(struct cmd_words *w, const char *option, const char *text, struct assay_err *e)
{
	w->n = 0;
	w->text = xstrdup(text);
	char *out = w->text;
	for (const char *p = text; *p;) {
		while (*p == ' ' || *p == '\t' || *p == '\n')
			p++;
		if (!*p)
			break;
		if (w->n == CMD_WORDS_MAX)
			return assay_fail(e, ASSAY_E_USAGE, "--%s: more than %d words", option, CMD_WORDS_MAX);
		w->list[w->n++] = out;
		for (char quote = 0; *p && (quote || !strchr(" \t\n", *p)); p++) {
			if (quote ? *p == quote : *p == '\'' || *p == '"')
				quote = quote ? 0 : *p;
			else
				*out++ = *p;
			if (quote && !p[1])
				return assay_fail(e, ASSAY_E_USAGE, "--%s: a quote is not closed", option);
		}
		p += *p != 0;
		*out++ = 0;
	}
	return 0;
}

void cmd_words_release(struct cmd_words *w)
{
	free(w->text);
	w->text = NULL;
	w->n = 0;
}

void cmd_argv_add(struct cmd_argv *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *word = xvasprintf(fmt, ap);
	va_end(ap);
	a->list = xrealloc(a->list, ((size_t)a->n + 2) * sizeof *a->list);
	a->list[a->n++] = word;
	a->list[a->n] = NULL;
}

void cmd_argv_release(struct cmd_argv *a)
{
	while (a->n)
		free(a->list[--a->n]);
	free(a->list);
	a->list = NULL;
}

/* ---- process ---- */

/* What the child becomes: another program's argv with a log, or a function. */
struct body { char *const *argv; char *const *environment; const char *out, *log; /* out NULL: in the log */ int (*fn)(void *arg); void *arg; };

/* Ours without GITHUB_STEP_SUMMARY: the verb that makes many runs writes one summary of all. The list is the caller's, its strings are not. */
static char **child_environment(void)
{
	size_t n = 0, k = 0;
	while (environ[n])
		n++;
	char **list = xalloc((n + 1) * sizeof *list);
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "GITHUB_STEP_SUMMARY=", 20))
			list[k++] = environ[i];
	return list;
}

__attribute__((noreturn))
static void become(const struct body *b, pid_t parent, const sigset_t *mask)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(ASSAY_EXIT_TERM); /* it died before prctl could tell */
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (b->fn) {
		int status = b->fn(b->arg);
		fflush(NULL);
		_exit(status);
	}
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int log = open(b->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int out = b->out ? open(b->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : log;
	if (in >= 0 && out >= 0 && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0)
		execve("/proc/self/exe", b->argv, b->environment);
	_exit(ASSAY_EXIT_ENGINE);
}

static int start_and_wait(const struct body *b)
{
	sigset_t stops, before;
	siginfo_t info;
	int status = 0;
	pid_t parent = getpid(), pid;
	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	sigprocmask(SIG_BLOCK, &stops, &before); /* no signal falls between the fork and the note of whom to pass it to */
	if (cmd_signal_seen()) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		return 128 + cmd_signal_seen();
	}
	pid = fork();
	if (!pid)
		become(b, parent, &before);
	cmd_signals_child(pid > 0 ? pid : 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return ASSAY_EXIT_ENGINE;
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	cmd_signals_child(0); /* while it is a zombie its number is nobody else's */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int cmd_child_output(const struct cmd_argv *a, const char *out, const char *log)
{
	char **environment = child_environment();
	int status = start_and_wait(&(struct body){ .argv = a->list, .environment = environment, .out = out, .log = log });
	free(environment);
	return status;
}

int cmd_child_run(const struct cmd_argv *a, const char *log) { return cmd_child_output(a, NULL, log); }

int cmd_child_call(int (*fn)(void *arg), void *arg)
{
	fflush(NULL); /* or both processes would write what is still in a buffer */
	return start_and_wait(&(struct body){ .fn = fn, .arg = arg });
}

bool cmd_child_measured(int status) { return status == ASSAY_EXIT_OK || status == ASSAY_EXIT_FAILED || status == ASSAY_EXIT_INVALID; }

int cmd_child_worse(int a, int b)
{
	static const int order[] = { ASSAY_EXIT_OK, ASSAY_EXIT_FAILED, ASSAY_EXIT_INVALID, ASSAY_EXIT_ENGINE };
	int at_a = 0, at_b = 0;
	for (int i = 0; i < (int)(sizeof order / sizeof *order); i++) {
		at_a = order[i] == a ? i : at_a;
		at_b = order[i] == b ? i : at_b;
	}
	return order[at_a > at_b ? at_a : at_b];
}

/* The last line of the log that begins with "assay: ", without that; empty when there is none. */
static void last_error(const char *log, char *out, size_t size_bytes)
{
	char tail[LOG_TAIL_BYTES + 1], *line = NULL;
	int fd = open(log, O_RDONLY | O_CLOEXEC);
	off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0, from = end > LOG_TAIL_BYTES ? end - LOG_TAIL_BYTES : 0;
	ssize_t n = fd >= 0 ? pread(fd, tail, LOG_TAIL_BYTES, from) : 0;
	if (fd >= 0)
		close(fd);
	tail[n > 0 ? n : 0] = 0;
	for (char *p = tail; *p; p += *p != 0) {
		if (!strncmp(p, "assay: ", 7))
			line = p + 7;
		p += strcspn(p, "\n");
	}
	snprintf(out, size_bytes, "%.*s", line ? (int)strcspn(line, "\n") : 0, line ? line : "");
}

int cmd_child_error(const char *what, int status, const char *log, struct assay_err *e)
{
	char line[480];
	if (status == ASSAY_EXIT_INT || status == ASSAY_EXIT_TERM)
		return assay_fail(e, ASSAY_E_INTERRUPT, "interrupted in %s", what);
	last_error(log, line, sizeof line);
	if (status > 128)
		return assay_fail(e, ASSAY_E_ENGINE, "%s: ended by signal %d (%s)%s; its log is %s", what, status - 128, strsignal(status - 128), status == 128 + SIGKILL ? ", perhaps for want of memory" : "", log);
	return assay_fail(e, status == ASSAY_EXIT_USAGE ? ASSAY_E_USAGE : ASSAY_E_ENGINE, "%s: %s%s%s", what, *line ? line : "it left no word in ", *line ? "" : log, *line ? "" : ": is the disk full?");
}

/* ---- directory ---- */

static bool holds_something(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;
	for (struct dirent *x; d && (x = readdir(d));)
		n += strcmp(x->d_name, ".") && strcmp(x->d_name, "..");
	if (d)
		closedir(d);
	return n || (!d && assay_fs_exists(dir));
}

int cmd_many_dir(const char *given, const char *verb, char **dir, struct assay_err *e)
{
	char stamp[40];
	time_t now = time(NULL);
	struct tm tm;
	strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	*dir = given ? xstrdup(given) : xasprintf("results/%s-%s", stamp, verb);
	for (int k = 2; !given && holds_something(*dir); k++) {
		free(*dir);
		*dir = xasprintf("results/%s-%s-%d", stamp, verb, k);
	}
	if (holds_something(*dir))
		return assay_fail(e, ASSAY_E_USAGE, "--output %s: already holds something; results are never overwritten", *dir);
	return assay_fs_mkdir_p(*dir, e) ? e->code = ASSAY_E_USAGE : 0;
}
