/* assay compare: option rows for the table of verbs. */
#ifndef ASSAY_CMD_COMPARE_H
#define ASSAY_CMD_COMPARE_H

#include "cmd/cmd.h"

extern const struct assay_opt cmd_compare_options[];
int cmd_compare(const struct assay_verb *v, int argc, char **argv);

#endif
