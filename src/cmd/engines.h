/* Parts of `assay engines`. Each returns an exit status, or < 0 and *e. */
#ifndef ASSAY_CMD_ENGINES_H
#define ASSAY_CMD_ENGINES_H

#include "cmd/cmd.h"
#include "nn/nn.h"

extern const struct assay_opt cmd_engines_options[];

/* engines install NAME */
int cmd_engines_install(const struct assay_options *o, const char *name, struct assay_err *e);
/* What installing needs on disk, bytes; 0 for an environment that is unknown. */
uint64_t cmd_engines_disk(const char *env);
/* engines check A B */
int cmd_engines_check(const struct assay_options *o, const char *a, const char *b, struct assay_err *e);

/* What the engines load (from the options model, dtype, seed): --model itself, or for a worker the directory in the user's cache that a preset is
 * exported to. The caller frees. */
char *cmd_engines_model(const struct assay_options *o, const struct nn_shape *shape, bool worker);
/* Writes that directory unless it is there. */
int cmd_engines_export(const struct assay_options *o, const char *path, struct assay_err *e);

#endif
