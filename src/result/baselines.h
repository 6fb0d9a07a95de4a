/* Saved baselines: copies of result directories under a name, by machine: $XDG_DATA_HOME/assay/baselines/MACHINE/NAME (analysis/machine_id.h).
 * Knows nothing of what a result says. */
#ifndef ASSAY_RESULT_BASELINES_H
#define ASSAY_RESULT_BASELINES_H

#include <stdbool.h>

#include "base/err.h"

/* 1 to 64 letters, digits, '.', '_' or '-', the first no '.' or '-': ASSAY_E_USAGE says so. */
int assay_baseline_name(const char *name, struct assay_err *e);
/* Where it is or would be. Owned by the caller. */
char *assay_baseline_path(const char *machine, const char *name);
/* Copies every file of the result in dir; all of it is there under its name, or nothing. ASSAY_E_USAGE when the name is taken and not replace; ASSAY_E_IO. */
int assay_baseline_save(const char *dir, const char *machine, const char *name, bool replace, struct assay_err *e);
/* ASSAY_E_USAGE when there is none. */
int assay_baseline_remove(const char *machine, const char *name, struct assay_err *e);
/* Every one, by machine and name; stops when each returns non-zero, and returns that. name NULL = all, else those of that name. */
int assay_baselines_each(const char *name, int (*each)(void *arg, const char *machine, const char *name, const char *dir), void *arg);

#endif
