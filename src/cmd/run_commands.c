/* See run_commands.h. Must not know what is measured. */
#include "cmd/run_commands.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cmd/run_signals.h"

#define PATIENCE_NS (5 * ASSAY_NS_PER_S)     /* between SIGTERM and SIGKILL */
enum { LOOK_MS = 100 };                      /* between two looks at whether a signal came */
enum { TAIL_BYTES = 4096, LINE_BYTES = 200 };

struct outcome {
	int status;                /* 128 + signal when one ended it */
	bool interrupted;
	int64_t ns;
	char last[LINE_BYTES];     /* last line of its output that is not blank; printable */
};

static int open_log(struct cmd_run *r, const char *which, const char *command, off_t *from, struct assay_err *e)
{
	char *path = xasprintf("%s/" CMD_COMMANDS_LOG, r->dir);
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0 || dprintf(fd, "# %s: %s\n", which, command) < 0) {
		assay_fail(e, ASSAY_E_IO, "%s: cannot write: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	*from = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
	r->logged = r->logged || fd >= 0;
	free(path);
	return fd;
}

/* posix_spawn: nothing of ours runs between fork and exec, however many threads there are. */
static int start(const char *command, int log, pid_t *pid)
{
	extern char **environ;
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t plain, none;
	sigemptyset(&none);
	sigemptyset(&plain);
	sigaddset(&plain, SIGPIPE);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&how);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&how, 0);
	posix_spawnattr_setsigdefault(&how, &plain);
	posix_spawnattr_setsigmask(&how, &none);
	int rc = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, log, STDOUT_FILENO);
	rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, log, STDERR_FILENO);
	rc = rc ? rc : posix_spawn(pid, "/bin/sh", &files, &how, argv, environ);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

/* Waits; a signal to us ends the whole group when the command may be stopped. */
static void await(pid_t pid, bool stoppable, struct outcome *o)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN }; /* -1 is skipped by poll, which then only waits */
	int status = 0;
	int64_t told_ns = 0;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		int64_t now_ns = assay_now_ns();
		if (stoppable && cmd_signal_seen() && !told_ns) {
			kill(-pid, SIGTERM);
			told_ns = now_ns;
			o->interrupted = true;
		}
		if (told_ns && now_ns - told_ns > PATIENCE_NS)
			kill(-pid, SIGKILL);
		poll(&p, 1, p.fd < 0 ? LOOK_MS / 10 : LOOK_MS);
	}
	if (p.fd >= 0)
		close(p.fd);
	o->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The last line with something in it of what was written from `from` on. */
static void last_line(int log, off_t from, char out[LINE_BYTES])
{
	char tail[TAIL_BYTES + 1];
	off_t end = lseek(log, 0, SEEK_END);
	if (end - from > TAIL_BYTES)
		from = end - TAIL_BYTES;
	ssize_t n = pread(log, tail, TAIL_BYTES, from);
	while (n > 0 && isspace((unsigned char)tail[n - 1]))
		n--;
	tail[n > 0 ? n : 0] = 0;
	const char *line = strrchr(tail, '\n');
	line = line ? line + 1 : tail;
	struct assay_buf text;
	assay_buf_init(&text, 4 * TAIL_BYTES);
	assay_utf8_repair(line, strlen(line), &text);
	snprintf(out, LINE_BYTES, "%s", text.data ? text.data : "");
	assay_buf_release(&text);
	out[assay_utf8_valid(out, strlen(out))] = 0; /* may be cut inside a character */
	for (char *p = out; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
}

static json_t *text_or_null(const char *s)
{
	json_t *v = json_string(s);
	return v ? v : json_null();
}

/* To the journal, or kept until there is one. Steals. */
static void keep(struct cmd_run *r, json_t *note)
{
	if (r->journal) {
		struct assay_sink *sink = assay_journal_sink(r->journal);
		sink->put_json(sink, ASSAY_REC_NOTE, note);
	} else {
		r->early_notes = r->early_notes ? r->early_notes : json_array();
		json_array_append_new(r->early_notes, note);
	}
}

/* Runs it and notes it. < 0 only when it could not be started. */
static int perform(struct cmd_run *r, const char *which, int64_t point, int32_t repeat, struct outcome *o, struct assay_err *e)
{
	const char *command = assay_options_str(r->o, which);
	off_t from;
	pid_t pid = -1;
	*o = (struct outcome){ .status = -1 };
	int log = open_log(r, which, command, &from, e);
	if (log < 0)
		return e->code;
	int64_t t0_ns = assay_now_ns();
	int rc = start(command, log, &pid);
	if (rc) {
		close(log);
		return assay_fail(e, ASSAY_E_ENGINE, "--%s: /bin/sh cannot be started: %s", which, strerror(rc));
	}
	await(pid, strcmp(which, "cleanup") != 0, o);
	o->ns = assay_now_ns() - t0_ns;
	last_line(log, from, o->last);
	close(log);
	json_t *note = json_pack("{s:s, s:s, s:o, s:i, s:f, s:b, s:o}", "code", "command", "which", which, "command", text_or_null(command), "exit_status", o->status, "duration_ms",
				 (double)o->ns / 1e6, "interrupted", o->interrupted, "last_line", *o->last ? text_or_null(o->last) : json_null());
	if (point >= 0) {
		json_object_set_new(note, "point", json_integer(point));
		json_object_set_new(note, "repeat", json_integer(repeat));
	}
	keep(r, note);
	return 0;
}

static int failed(const char *which, const struct outcome *o, struct assay_err *e)
{
	if (o->interrupted)
		return assay_fail(e, ASSAY_E_INTERRUPT, "interrupted in the %s command", which);
	if (!o->status)
		return 0;
	if (o->status > 128)
		return assay_fail(e, ASSAY_E_ENGINE, "--%s: the command was ended by signal %d%s%s", which, o->status - 128, *o->last ? ": " : "", o->last);
	return assay_fail(e, ASSAY_E_ENGINE, "--%s: the command failed with exit status %d%s%s", which, o->status, *o->last ? ": " : " and no output", o->last);
}

int cmd_run_setup(struct cmd_run *r, struct assay_err *e)
{
	struct outcome o;
	if (!assay_options_str(r->o, "setup"))
		return 0;
	assay_status_line_show(r->line, r->title ? r->title : r->verb->name, "setup command", NAN, NAN, NAN);
	int rc = perform(r, "setup", -1, 0, &o, e);
	return rc ? rc : failed("setup", &o, e);
}

int cmd_run_prepare(struct cmd_run *r, uint32_t point, int32_t repeat, struct assay_err *e)
{
	struct outcome o;
	if (!assay_options_str(r->o, "prepare"))
		return 0;
	int rc = perform(r, "prepare", point, repeat, &o, e);
	return rc ? rc : failed("prepare", &o, e);
}

void cmd_run_cleanup(struct cmd_run *r)
{
	struct assay_err e = ASSAY_ERR_INIT;
	struct outcome o;
	if (!assay_options_str(r->o, "cleanup"))
		return;
	assay_status_line_show(r->line, r->title ? r->title : r->verb->name, "cleanup command", NAN, NAN, NAN);
	if ((perform(r, "cleanup", -1, 0, &o, &e) || failed("cleanup", &o, &e)) && !r->quiet)
		r->cleanup_failed = xstrdup(e.msg);
}
