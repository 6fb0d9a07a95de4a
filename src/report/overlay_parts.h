/* The parts of an overlay; see face_overlay.h. */
#ifndef ASSAY_REPORT_OVERLAY_PARTS_H
#define ASSAY_REPORT_OVERLAY_PARTS_H

#include "draw/html.h"
#include "report/face_overlay.h"

/* "A: name of its directory". */
void overlay_name(char out[80], const struct assay_overlay_side *sides, size_t i);
/* The first point of a result that is the same experiment and case as `like`, or NULL. */
const json_t *overlay_point(const json_t *result, const json_t *like);
/* The empirical distributions of a metric in one case that the results share. A side's result may be NULL: it keeps its letter. */
void overlay_ecdf(struct html_page *page, const struct assay_overlay_side *sides, size_t n, const char *key, const char *id);
/* Throughput over batch, TTFT over prompt, and the ECDFs of TTFT, ITL and E2E latency, a series a result. */
void overlay_figures(struct html_page *page, const struct assay_overlay_side *sides, size_t n);

#endif
