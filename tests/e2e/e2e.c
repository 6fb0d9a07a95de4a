/* See e2e.h. */
#include "e2e.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

extern char **environ;

enum { LIMIT_S = 120, OUTPUT_MAX = 256 << 20 };

static char scratch[] = "/tmp/assay-e2e-XXXXXX";
static bool made;
static pid_t owner;

static void remove_scratch(void)
{
	char cmd[80];
	if (getpid() != owner)
		return;
	snprintf(cmd, sizeof cmd, "chmod -R u+w %s; rm -rf %s", scratch, scratch);
	if (system(cmd))
		fprintf(stderr, "# %s stays\n", scratch);
}

const char *e2e_dir(void)
{
	if (!made) {
		if (!mkdtemp(scratch))
			abort();
		made = true;
		owner = getpid();
		atexit(remove_scratch);
	}
	return scratch;
}

static void child(const char *line, int out, int err)
{
	const char *b = getenv("B");
	char program[4200], *full = realpath(b ? b : "build", NULL);
	snprintf(program, sizeof program, "%s/assay", full ? full : "build");
	for (char **e = environ; *e; e++) {
		char name[100];
		snprintf(name, sizeof name, "%.*s", (int)strcspn(*e, "="), *e);
		if (!strncmp(name, "ASSAY_", 6) && strcmp(name, "ASSAY_GOLDEN")) {
			unsetenv(name);
			e = environ - 1;
			if (!*environ)
				break;
		}
	}
	unsetenv("NO_COLOR");
	unsetenv("COLUMNS");
	setenv("TERM", "dumb", 1);
	setenv("A", program, 1);
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(out, 1);
	dup2(err, 2);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	setpgid(0, 0);
	if (chdir(scratch) == 0)
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
	_exit(127);
}

static void append(char **buf, size_t *n, const char *data, size_t k)
{
	*buf = realloc(*buf, *n + k + 1);
	if (!*buf)
		abort();
	memcpy(*buf + *n, data, k);
	*n += k;
	(*buf)[*n] = 0;
}

/* Reads both pipes until both are closed; false when the time is over. Seconds without output are counted one by one: a machine that
 * stands still for minutes (a paused guest) must not look like a program that does. */
static bool drain(int out, int err, struct e2e *r)
{
	struct pollfd p[2] = { { out, POLLIN, 0 }, { err, POLLIN, 0 } };
	char **to[2] = { &r->out, &r->err }, chunk[65536];
	size_t n[2] = { 0, 0 };
	int quiet_s = 0;
	while (p[0].fd >= 0 || p[1].fd >= 0) {
		if (quiet_s > LIMIT_S || n[0] + n[1] > OUTPUT_MAX)
			return false;
		quiet_s += poll(p, 2, 1000) == 0;
		for (int i = 0; i < 2; i++) {
			if (p[i].fd < 0 || !p[i].revents)
				continue;
			ssize_t k = read(p[i].fd, chunk, sizeof chunk);
			if (k > 0)
				append(to[i], &n[i], chunk, (size_t)k);
			else
				p[i].fd = -1;
		}
	}
	return true;
}

void e2e_run(struct e2e *r, const char *fmt, ...)
{
	char line[8192];
	int out[2], err[2], status = 0;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	memset(r, 0, sizeof *r);
	append(&r->out, &(size_t){ 0 }, "", 0);
	append(&r->err, &(size_t){ 0 }, "", 0);
	e2e_dir();
	if (pipe(out) || pipe(err))
		abort();
	pid_t pid = fork();
	if (pid == 0)
		child(line, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	bool in_time = drain(out[0], err[0], r);
	if (!in_time)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	close(out[0]);
	close(err[0]);
	r->status = !in_time ? 124 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void e2e_expect(int status, const char *line, const char *out, const char *err)
{
	struct e2e r;
	e2e_run(&r, "%s", line);
	if (r.status != status || !strstr(r.out, out) || !strstr(r.err, err))
		fail_msg("%s: status %d, should be %d and say \"%s\" and \"%s\":\n%s%s", line, r.status, status, out, err, r.out, r.err);
	e2e_release(&r);
}

void e2e_release(struct e2e *r)
{
	free(r->out);
	free(r->err);
	memset(r, 0, sizeof *r);
}

json_t *e2e_json(const char *name)
{
	char path[4200];
	snprintf(path, sizeof path, "%s/%s", e2e_dir(), name);
	return json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
}

void e2e_write(const char *name, const char *text)
{
	char path[4200];
	snprintf(path, sizeof path, "%s/%s", e2e_dir(), name);
	FILE *f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

json_t *e2e_at(json_t *v, const char *path)
{
	char key[200];
	while (v && *path) {
		size_t n = strcspn(path, ".");
		snprintf(key, sizeof key, "%.*s", (int)n, path);
		v = json_is_array(v) ? json_array_get(v, (size_t)atoi(key)) : json_object_get(v, key);
		path += n + (path[n] == '.');
	}
	return v;
}

void e2e_schema(const char *names)
{
	struct e2e r;
	char root[PATH_MAX];
	if (!getcwd(root, sizeof root) || access("tools/validate_result.py", R_OK) || system("/usr/bin/python3 -c 'import jsonschema' 2>/dev/null"))
		return;
	e2e_run(&r, "/usr/bin/python3 '%s'/tools/validate_result.py %s", root, names);
	if (r.status)
		fail_msg("%s", r.out);
	e2e_release(&r);
}
