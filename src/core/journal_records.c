/* See journal_records.h. */
#include "core/journal_records.h"

#include <stdlib.h>
#include <string.h>

void *journal_vec_add(struct journal_vec *v, const void *item)
{
	if (v->n == v->cap) {
		v->cap = v->cap ? v->cap * 2 : 64;
		v->data = xrealloc(v->data, v->cap * v->size);
	}
	void *at = (char *)v->data + v->n++ * v->size;
	memcpy(at, item, v->size);
	return at;
}

void journal_records_init(struct journal_records *r, uint64_t total_bytes)
{
	*r = (struct journal_records){
		.points.size = sizeof(struct assay_run_point), .visits.size = sizeof(struct assay_rec_visit),
		.visit_ends.size = sizeof(struct assay_rec_visit), .requests.size = sizeof(struct assay_rec_request),
		.submits.size = sizeof(struct assay_rec_submit), .tokens.size = sizeof(struct assay_rec_token),
		.steps.size = sizeof(struct assay_rec_step), .samples.size = sizeof(struct assay_rec_sample),
		.memory.size = sizeof(struct assay_rec_memory), .ceilings.size = sizeof(struct assay_rec_ceiling),
		.windows.size = sizeof(struct assay_run_window), .histograms.size = sizeof(struct assay_run_histogram),
		.buckets.size = sizeof(struct assay_rec_buckets), .open.w.index = UINT32_MAX, .parts = json_array(),
		.notes = json_array(), .bytes_total = total_bytes,
	};
}

void journal_records_release(struct journal_records *r)
{
	struct assay_run_point *p = r->points.data;
	for (size_t i = 0; i < r->points.n; i++) {
		json_decref(p[i].info);
		json_decref(p[i].end);
	}
	struct assay_run_histogram *h = r->histograms.data;
	for (size_t i = 0; i < r->histograms.n; i++)
		for (size_t m = 0; m < ASSAY_STREAM_METRICS; m++)
			free(h[i].counts[m]);
	struct journal_vec *v[] = { &r->points, &r->visits, &r->visit_ends, &r->requests, &r->submits, &r->tokens, &r->steps, &r->samples, &r->memory, &r->ceilings,
				    &r->windows, &r->histograms, &r->buckets };
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		free(v[i]->data);
	json_decref(r->header);
	json_decref(r->footer);
	json_decref(r->notes);
	json_decref(r->parts);
}
