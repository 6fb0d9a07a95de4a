/* One line of characters for a shape: how samples of a point are distributed, how its throughput went over time. Drawn from
 * points[].series of the document. */
#ifndef ASSAY_REPORT_FACE_SHAPES_H
#define ASSAY_REPORT_FACE_SHAPES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/mem.h"

/* "TTFT         64.1 |.:@=  .| 66.4 ms (distribution of 128)\n"; nothing without values, where all are equal or width has no room for it. */
void face_shape_distribution(struct assay_buf *out, const json_t *point, const char *key, int width, bool utf8);
/* "tok/s over time  0 |:=@@@=.| 992 (11.6 s)\n" of the run of median length; nothing where there are fewer than 3 bins. */
void face_shape_over_time(struct assay_buf *out, const json_t *point, int width, bool utf8);

/* A sparkline between two texts, in the columns that they leave; nothing when those are too few. */
void face_shape_line(struct assay_buf *out, const char *left, const char *right, const double *x, size_t n, bool from_zero, int width, bool utf8);

#endif
