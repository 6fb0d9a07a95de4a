/* See run.h. */
#include "core/run.h"

#include <stdlib.h>

void assay_run_release(struct assay_run *r)
{
	json_decref(r->header);
	json_decref(r->footer);
	json_decref(r->notes);
	json_decref(r->parts);
	for (size_t i = 0; i < r->n_points; i++) {
		json_decref(r->points[i].info);
		json_decref(r->points[i].end);
		for (size_t m = 0; r->histograms && m < ASSAY_STREAM_METRICS; m++)
			free(r->histograms[i].counts[m]);
	}
	free(r->windows);
	free(r->histograms);
	free(r->points);
	free(r->visits);
	free(r->requests);
	free(r->tokens);
	free(r->steps);
	free(r->samples);
	free(r->memory);
	free(r->ceilings);
	*r = (struct assay_run){ 0 };
}
