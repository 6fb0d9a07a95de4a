/* What was not the same when two results were made: program, libraries, machine, environment, inputs. Not what they measured. Pure. */
#ifndef ASSAY_ANALYSIS_CIRCUMSTANCES_H
#define ASSAY_ANALYSIS_CIRCUMSTANCES_H

#include <jansson.h>

/* [{what, was, is}], most telling first; null where a document does not know. Inputs are told apart by role and order: "input model[0] (path)". Missing
 * on both sides is no difference. New reference. */
json_t *assay_circumstances(const json_t *was, const json_t *is);

#endif
