/* Questions that a run can answer from its own numbers: findings[] of the result document. Pure. */
#ifndef ASSAY_ANALYSIS_FINDINGS_H
#define ASSAY_ANALYSIS_FINDINGS_H

#include <jansson.h>

#include "metrics/point_metrics.h"

/* [{id, question, experiment, state: answered|needs, answer|null, needs|null, evidence[], basis, confidence|null, next_step|null}];
 * a question is absent where the run has nothing to do with it. New reference. */
json_t *assay_findings(const struct assay_run *run, const struct assay_run_metrics *m);

#endif
