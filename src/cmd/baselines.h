/* assay baselines, and what --save-as and compare need of them. */
#ifndef ASSAY_CMD_BASELINES_H
#define ASSAY_CMD_BASELINES_H

#include "cmd/cmd.h"

extern const struct assay_opt cmd_baselines_options[];
int cmd_baselines(const struct assay_verb *v, int argc, char **argv);

/* Before measuring: can --save-as NAME be kept here? ASSAY_E_USAGE. */
int cmd_baseline_check(const struct assay_options *o, struct assay_err *e);
/* Keeps the result in dir under --save-as, filed under the machine that the result names; says so. */
int cmd_baseline_keep(const struct assay_options *o, const json_t *result, const char *dir, struct assay_err *e);

/* The directory of NAME or NAME@MACHINE: this machine's, else the only other one's (said on stderr). ASSAY_E_USAGE when there is none, or several machines
 * have it. *dir is the caller's. */
int cmd_baseline_find(const char *name, char **dir, struct assay_err *e);

#endif
