/* Small pictures made of characters: a bar, a sparkline. Knows nothing of results. */
#ifndef ASSAY_DRAW_CHART_H
#define ASSAY_DRAW_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

/* A bar of `share` (0..1, clamped; NaN = nothing) of `columns`, in eighths of a column with utf8, whole '#' without. Not padded. */
void draw_chart_bar(struct assay_buf *out, double share, int columns, bool utf8);
/* One column a value, from the least (lowest mark) to the most; a NaN is a blank. More values than columns: neighbours are
 * averaged. from_zero: the lowest mark is 0, not the least value, and 0 itself is a blank. */
void draw_chart_spark(struct assay_buf *out, const double *x, size_t n, int columns, bool from_zero, bool utf8);

#endif
