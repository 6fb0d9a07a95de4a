/* assay history: option rows for the table of verbs. */
#ifndef ASSAY_CMD_HISTORY_H
#define ASSAY_CMD_HISTORY_H

#include "cmd/cmd.h"

extern const struct assay_opt cmd_history_options[];
int cmd_history(const struct assay_verb *v, int argc, char **argv);

#endif
