/* See run_signals.h. The handler may call only async-signal-safe functions. */
#include "cmd/run_signals.h"

#include "cmd/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t seen;
static volatile size_t made_bytes, kept;
static volatile pid_t child;
static char made[4096];
static char last_words[4400] = "\nassay: stopped at once\n";

static void on_signal(int sig)
{
	int errno_was = errno;
	if (child)
		kill(child, sig);
	errno = errno_was;
	if (!seen) {
		seen = sig;
		return;
	}
	if (made_bytes)
		cmd_run_remove_made(made, kept);
	ssize_t ignored = write(STDERR_FILENO, last_words, strlen(last_words));
	(void)ignored;
	_exit(128 + sig);
}

void cmd_signals_install(void)
{
	struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigemptyset(&a.sa_mask);
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
}

void cmd_signals_made(const char *dir, size_t kept_bytes)
{
	made_bytes = 0;
	kept = kept_bytes;
	if (dir && strlen(dir) < sizeof made)
		made_bytes = strlen(strcpy(made, dir));
}

void cmd_signals_dir(const char *dir)
{
	snprintf(last_words, sizeof last_words, "\nassay: stopped at once; what was recorded is kept: assay report %s\n", dir);
}

void cmd_signals_child(pid_t pid) { child = pid; }

int cmd_signal_seen(void) { return seen; }
