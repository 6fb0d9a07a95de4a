/* Configurations from axes: every combination, or a smaller set in which every two values of different axes meet. Pure. */
#ifndef ASSAY_EXPERIMENT_GRID_H
#define ASSAY_EXPERIMENT_GRID_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { ASSAY_GRID_AXES = 16, ASSAY_GRID_VALUES = 256, ASSAY_GRID_ROWS = 2000 };

struct assay_grid { uint16_t *value; size_t n, n_axes; }; /* value[row * n_axes + axis] = index into that axis */

/* sizes[axis] = how many values it has, 1...VALUES; n_axes 1...AXES. Every combination, the last axis fastest. ASSAY_E_USAGE for more than ROWS
 * (the message names the pairwise set). Release it also after an error. */
int assay_grid_full(const size_t *sizes, size_t n_axes, struct assay_grid *out, struct assay_err *e);
/* Greedy cover of all pairs: every value of an axis stands at least once with every value of every other. About (largest size)^2 rows
 * whatever the number of axes. The same sizes give the same rows. */
int assay_grid_pairwise(const size_t *sizes, size_t n_axes, struct assay_grid *out, struct assay_err *e);
void assay_grid_release(struct assay_grid *g);

#endif
