/* assay reproduce: option rows for the table of verbs. */
#ifndef ASSAY_CMD_REPRODUCE_H
#define ASSAY_CMD_REPRODUCE_H

#include "cmd/cmd.h"

extern const struct assay_opt cmd_reproduce_options[];
int cmd_reproduce(const struct assay_verb *v, int argc, char **argv);

#endif
