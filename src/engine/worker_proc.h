/* A worker's process: started in a process group of its own with private pipes, watched by a pidfd, ended by force where asking does not help. Knows
 * no protocol. Used by one thread, which must live as long as the worker (its death kills it). */
#ifndef ASSAY_ENGINE_WORKER_PROC_H
#define ASSAY_ENGINE_WORKER_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct worker_proc {
	pid_t pid;                 /* and of its group; 0 = none */
	int in, out, pidfd, log;   /* its stdin, its stdout (neither blocks), -1 = closed; log: its stderr */
	bool exited;
	int status;                /* of waitpid, once exited */
};

/* envp: its environment. log_path NULL: kept in memory. ASSAY_E_ENGINE when it cannot be started (argv[0] not found). */
int worker_proc_start(struct worker_proc *p, char *const *argv, char *const *envp, const char *log_path, struct assay_err *e);
/* Waits at most timeout_ns for output or the process's end. True when there may be something to read. */
bool worker_proc_wait(struct worker_proc *p, int64_t timeout_ns);
/* Reads what is there: > 0 bytes, 0 nothing now, -1 the end of its output. */
int64_t worker_proc_read(struct worker_proc *p, char *buf, size_t size);
/* Writes all, or gives up after timeout_ns (1), or when it is gone (-1). 0 = written. */
int worker_proc_write(struct worker_proc *p, const char *data, size_t n, int64_t timeout_ns);
/* Looks whether it has ended; fills exited and status. */
bool worker_proc_ended(struct worker_proc *p);
/* "exit status 3", "killed by signal 9 (Killed), perhaps for want of memory". */
void worker_proc_how(const struct worker_proc *p, char *out, size_t size);
/* The last lines of its stderr that are not blank, joined by " | "; printable. */
void worker_proc_last_words(const struct worker_proc *p, char *out, size_t size);
/* Waits patience_ns for its own end, then SIGTERM to the group, then SIGKILL; reaps it and what it left behind. */
void worker_proc_stop(struct worker_proc *p, int64_t patience_ns);

#endif
