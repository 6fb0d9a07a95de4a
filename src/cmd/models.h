/* Parts of `assay models`. */
#ifndef ASSAY_CMD_MODELS_H
#define ASSAY_CMD_MODELS_H

#include "cmd/cmd.h"

extern const struct assay_opt cmd_models_options[];

/* Compares each directory's model with the reference logits stored beside it. Returns an exit status (0, 1), or < 0 and *e. */
int cmd_models_check(const struct assay_options *o, char **dirs, int n, struct assay_err *e);

/* Writes the model as a directory that other engines read. 0, or < 0 and *e. */
int cmd_models_export(const struct assay_options *o, const char *model, const char *dir, struct assay_err *e);

#endif
