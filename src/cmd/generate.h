/* `assay generate`. */
#ifndef ASSAY_CMD_GENERATE_H
#define ASSAY_CMD_GENERATE_H

#include "cmd/cmd.h"

extern const struct assay_opt cmd_generate_options[];
int cmd_generate(const struct assay_verb *v, int argc, char **argv);

#endif
