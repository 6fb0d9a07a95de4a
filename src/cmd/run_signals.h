/* SIGINT and SIGTERM while measuring. */
#ifndef ASSAY_CMD_RUN_SIGNALS_H
#define ASSAY_CMD_RUN_SIGNALS_H

#include <stdbool.h>

/* The first signal only sets a flag; the second one ends the process at once (dir: where the journal
 * is, for the message; may be NULL). SIGPIPE is ignored from the start of the program. */
void cmd_signals_install(void);
void cmd_signals_dir(const char *dir);
/* 0, SIGINT or SIGTERM. */
int cmd_signal_seen(void);

#endif
