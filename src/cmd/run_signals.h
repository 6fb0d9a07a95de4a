/* SIGINT and SIGTERM while measuring. */
#ifndef ASSAY_CMD_RUN_SIGNALS_H
#define ASSAY_CMD_RUN_SIGNALS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The first signal only sets a flag; the second one ends the process at once. SIGPIPE is ignored from the start of the program. */
void cmd_signals_install(void);
/* The directory that was made before anything is measured (NULL: none), removed then as cmd_run_remove_made does. */
void cmd_signals_made(const char *dir, size_t kept_bytes);
/* Where the journal is, for the message. */
void cmd_signals_dir(const char *dir);
/* A child that both signals are passed on to; 0: none. */
void cmd_signals_child(pid_t pid);
/* 0, SIGINT or SIGTERM. */
int cmd_signal_seen(void);

#endif
