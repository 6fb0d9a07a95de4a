/* SIGINT and SIGTERM while measuring. */
#ifndef ASSAY_CMD_RUN_SIGNALS_H
#define ASSAY_CMD_RUN_SIGNALS_H

#include <stdbool.h>

/* The first signal only sets a flag; the second one ends the process at once. SIGPIPE is ignored from the start of the program. */
void cmd_signals_install(void);
/* Directories that are removed then if they are empty still: what was made before anything is measured. Either may be NULL. */
void cmd_signals_made(const char *dir, const char *parent);
/* Where the journal is, for the message. */
void cmd_signals_dir(const char *dir);
/* 0, SIGINT or SIGTERM. */
int cmd_signal_seen(void);

#endif
