/* See worker_proc.h. Between fork and exec only async-signal-safe calls are made. */
#include "engine/worker_proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

#define PIPE_BYTES (1 << 20)
#define TERM_NS (3 * ASSAY_NS_PER_S)
enum { TAIL_BYTES = 4096, LAST_LINES = 3, LOOK_MS = 50 };

/* ---- start ---- */

__attribute__((noreturn))
static void become(char *const *argv, char *const *envp, int in, int out, int log, int told, pid_t parent)
{
	sigset_t none;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (getppid() == parent && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0)
		execvpe(argv[0], argv, envp);
	int why = errno;
	ssize_t ignored = write(told, &why, sizeof why);
	(void)ignored;
	_exit(127);
}

static int open_log(const char *path)
{
	return path ? open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : memfd_create("worker-log", MFD_CLOEXEC);
}

static void close_all(int *fd, int n)
{
	for (int i = 0; i < n; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

int worker_proc_start(struct worker_proc *p, char *const *argv, char *const *envp, const char *log_path, struct assay_err *e)
{
	int fd[6] = { -1, -1, -1, -1, -1, -1 }, why = 0; /* stdin, stdout, told: read end, write end */
	pid_t parent = getpid();
	*p = (struct worker_proc){ .in = -1, .out = -1, .pidfd = -1, .log = open_log(log_path) };
	if (p->log < 0)
		return assay_fail(e, ASSAY_E_IO, "%s: cannot write the worker's log: %s", log_path ? log_path : "memory", strerror(errno));
	if (pipe2(fd, O_CLOEXEC) || pipe2(fd + 2, O_CLOEXEC) || pipe2(fd + 4, O_CLOEXEC)) {
		assay_fail(e, ASSAY_E_ENGINE, "no pipe for a worker: %s", strerror(errno));
		close_all(fd, 6);
		return e->code;
	}
	fcntl(fd[2], F_SETPIPE_SZ, PIPE_BYTES); /* fewer bytes also work */
	prctl(PR_SET_CHILD_SUBREAPER, 1);       /* what a worker leaves behind comes to us */
	p->pid = fork();
	if (!p->pid)
		become(argv, envp, fd[0], fd[3], p->log, fd[5], parent);
	why = p->pid < 0 ? errno : 0;
	if (p->pid > 0)
		setpgid(p->pid, p->pid);
	close_all((int[]){ fd[0], fd[3], fd[5] }, 3);
	p->in = fd[1];
	p->out = fd[2];
	fcntl(p->in, F_SETFL, O_NONBLOCK);
	fcntl(p->out, F_SETFL, O_NONBLOCK);
	if (p->pid > 0 && read(fd[4], &why, sizeof why) != (ssize_t)sizeof why)
		why = 0; /* exec closed it */
	close(fd[4]);
	if (why) {
		worker_proc_stop(p, 0);
		return assay_fail(e, ASSAY_E_ENGINE, "%s: cannot be started: %s", argv[0], strerror(why));
	}
	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	return 0;
}

/* ---- talk ---- */

bool worker_proc_wait(struct worker_proc *p, int64_t timeout_ns)
{
	struct pollfd f[2] = { { .fd = p->out, .events = POLLIN }, { .fd = p->pidfd, .events = POLLIN } };
	struct timespec t = { .tv_sec = timeout_ns / ASSAY_NS_PER_S, .tv_nsec = timeout_ns % ASSAY_NS_PER_S };
	return ppoll(f, 2, &t, NULL) > 0;
}

int64_t worker_proc_read(struct worker_proc *p, char *buf, size_t size)
{
	ssize_t n = p->out < 0 ? 0 : read(p->out, buf, size);
	if (n > 0)
		return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

int worker_proc_write(struct worker_proc *p, const char *data, size_t n, int64_t timeout_ns)
{
	int64_t until_ns = assay_now_ns() + timeout_ns;
	for (size_t done = 0; done < n;) {
		ssize_t w = p->in < 0 ? -1 : write(p->in, data + done, n - done);
		if (w > 0) {
			done += (size_t)w;
			continue;
		}
		if (p->in < 0 || (w < 0 && errno != EAGAIN && errno != EINTR))
			return -1;
		if (assay_now_ns() > until_ns)
			return 1;
		struct pollfd f = { .fd = p->in, .events = POLLOUT };
		poll(&f, 1, LOOK_MS);
	}
	return 0;
}

/* ---- end ---- */

bool worker_proc_ended(struct worker_proc *p)
{
	if (!p->exited && p->pid > 0 && waitpid(p->pid, &p->status, WNOHANG) == p->pid)
		p->exited = true;
	return p->exited;
}

void worker_proc_how(const struct worker_proc *p, char *out, size_t size)
{
	if (!p->exited)
		snprintf(out, size, "its output ended, the process did not");
	else if (WIFSIGNALED(p->status))
		snprintf(out, size, "killed by signal %d (%s)%s", WTERMSIG(p->status), strsignal(WTERMSIG(p->status)), WTERMSIG(p->status) == SIGKILL ? ", perhaps for want of memory" : "");
	else
		snprintf(out, size, "exit status %d", WEXITSTATUS(p->status));
}

void worker_proc_last_words(const struct worker_proc *p, char *out, size_t size)
{
	char tail[TAIL_BYTES + 1], *line[LAST_LINES];
	struct assay_buf text;
	int n_lines = 0;
	off_t end = lseek(p->log, 0, SEEK_END);
	ssize_t n = pread(p->log, tail, TAIL_BYTES, end > TAIL_BYTES ? end - TAIL_BYTES : 0);
	tail[n > 0 ? n : 0] = 0;
	for (size_t at = strlen(tail); at && n_lines < LAST_LINES;) { /* from the end */
		while (at && isspace((unsigned char)tail[at - 1]))
			tail[--at] = 0;
		while (at && tail[at - 1] != '\n')
			at--;
		if (tail[at])
			line[n_lines++] = tail + at;
		if (at)
			tail[at - 1] = 0, at--;
	}
	assay_buf_init(&text, 8 * TAIL_BYTES);
	for (int i = n_lines; i-- > 0;)
		assay_buf_printf(&text, "%s%s", line[i], i ? " | " : "");
	snprintf(out, size, "%s", text.data ? text.data : "");
	assay_utf8_line(out);
	assay_buf_release(&text);
}

static bool ended_within(struct worker_proc *p, int64_t ns)
{
	for (int64_t until_ns = assay_now_ns() + ns; !worker_proc_ended(p) && assay_now_ns() < until_ns;) {
		struct pollfd f = { .fd = p->pidfd, .events = POLLIN };
		poll(&f, 1, p->pidfd < 0 ? 5 : LOOK_MS);
	}
	return p->exited;
}

/* We are their reaper (PR_SET_CHILD_SUBREAPER), and they were killed. */
static void reap_group(pid_t group)
{
	pid_t pid = 0;
	for (int64_t until_ns = assay_now_ns() + TERM_NS; (pid = waitpid(-group, NULL, WNOHANG)) >= 0 && assay_now_ns() < until_ns;)
		if (!pid)
			assay_sleep_until_ns(assay_now_ns() + ASSAY_NS_PER_MS);
}

void worker_proc_stop(struct worker_proc *p, int64_t patience_ns)
{
	if (p->in >= 0)
		close(p->in); /* the end of its input asks too */
	p->in = -1;
	if (p->pid > 0 && !ended_within(p, patience_ns)) {
		kill(-p->pid, SIGTERM);
		kill(-p->pid, SIGCONT); /* one that was stopped hears it, too */
		ended_within(p, TERM_NS);
	}
	if (p->pid > 0) {
		kill(-p->pid, SIGKILL); /* also what a dead worker left in its group */
		ended_within(p, TERM_NS);
		reap_group(p->pid);
	}
	close_all((int[]){ p->out, p->pidfd, p->log }, 3);
	p->pid = 0;
	p->out = p->pidfd = p->log = -1;
}
