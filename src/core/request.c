/* See request.h. */
#include "core/request.h"

#include <stdlib.h>

static const char *const end_names[ASSAY_END_N] = {
	"length", "stop", "unfinished", "eof_early", "error_event", "http_429", "http_4xx", "http_5xx", "refused", "reset",
	"timeout_connect", "timeout_first", "timeout_idle", "timeout_total", "bad_utf8", "bad_json", "oversize",
	"count_mismatch", "cancelled", "local_error", "limit", "unsent",
};

const char *assay_end_name(enum assay_end s)
{
	return (unsigned)s < ASSAY_END_N ? end_names[s] : "invalid";
}

void assay_plan_release(struct assay_plan *p)
{
	free(p->reqs);
	free(p->ids);
	*p = (struct assay_plan){ 0 };
}
