/* assay verify of what was concluded from several results: a sweep, pairs, a campaign. */
#ifndef ASSAY_CMD_VERIFY_JUDGEMENT_H
#define ASSAY_CMD_VERIFY_JUDGEMENT_H

#include <jansson.h>

#include "base/err.h"

/* The judgement that stands in dir (assay_judgement_here), made again from the results below it: problems[{what, where}], empty when it holds. NULL
 * without an error: a saved comparison that is not of pairs, whose results lie elsewhere. NULL + ASSAY_E_IO when files cannot be read or made. */
json_t *cmd_verify_judgement(const char *dir, struct assay_err *e);

#endif
