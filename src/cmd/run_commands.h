/* The user's own commands around measuring: --setup once before the load, --prepare before each visit, --cleanup at the end whatever happened. Run by
 * /bin/sh outside every timed region, in a process group of their own, with an empty stdin; their output goes to commands.log in the result directory.
 * Each leaves a note {code: "command", which, command, exit_status, duration_ms, point, repeat, last_line} in the journal. */
#ifndef ASSAY_CMD_RUN_COMMANDS_H
#define ASSAY_CMD_RUN_COMMANDS_H

#include "cmd/run.h"

#define CMD_COMMANDS_LOG "commands.log"

/* ASSAY_E_ENGINE when the command fails (the message has its last line), ASSAY_E_INTERRUPT when a signal came: the command's group is ended then.
 * 0 without the option. */
int cmd_run_setup(struct cmd_run *r, struct assay_err *e);
int cmd_run_prepare(struct cmd_run *r, uint32_t point, int32_t repeat, struct assay_err *e);
/* Runs to its end also after a first Ctrl-C. A failure is a note and a warning on stderr: what was measured stands. */
void cmd_run_cleanup(struct cmd_run *r);

#endif
