/* Records of a stream, as the journal is read: windows are kept, their histograms added up by point, single requests only counted, so that
 * what is held does not grow with the requests served. Everything in the records may be hostile. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "core/journal_records.h"

#define WINDOWS_MAX 2000000u

/* What came for a window that never did (a kill in between) is dropped when the next one begins. */
static void turn_to(struct journal_records *r, uint32_t window)
{
	if (r->open.w.index == window)
		return;
	memset(&r->open, 0, sizeof r->open);
	r->open.w.index = window;
	r->buckets.n = 0;
}

static int take_dist(struct journal_records *r, const struct assay_rec_dist *d)
{
	if (d->metric >= ASSAY_STREAM_METRICS)
		return journal_torn(r, "a window of an unknown metric");
	turn_to(r, d->window);
	r->open.d[d->metric] = *d;
	return 0;
}

static int take_buckets(struct journal_records *r, const struct assay_rec_buckets *b)
{
	if (b->metric >= ASSAY_STREAM_METRICS || b->n > ASSAY_BUCKETS_EACH)
		return journal_torn(r, "a histogram record that cannot be");
	for (uint32_t i = 0; i < b->n; i++)
		if (b->b[i].bucket >= ASSAY_LOG_BUCKETS)
			return journal_torn(r, "a histogram bucket that cannot be");
	turn_to(r, b->window);
	if (r->buckets.n >= (size_t)ASSAY_STREAM_METRICS * ASSAY_LOG_BUCKETS)
		return journal_torn(r, "more histogram records than a window can have");
	journal_vec_add(&r->buckets, b);
	return 0;
}

static void add_counts(struct journal_records *r, struct assay_run_histogram *h)
{
	const struct assay_rec_buckets *b = r->buckets.data;
	for (size_t i = 0; i < r->buckets.n; i++) {
		uint64_t **counts = &h->counts[b[i].metric];
		if (!*counts)
			*counts = xalloc(ASSAY_LOG_BUCKETS * sizeof **counts);
		for (uint32_t k = 0; k < b[i].n; k++)
			(*counts)[b[i].b[k].bucket] += b[i].b[k].count;
	}
	r->buckets.n = 0;
}

static int take_window(struct journal_records *r, const struct assay_rec_window *w)
{
	static const struct assay_run_histogram none;
	const struct assay_run_window *last = r->windows.n ? (struct assay_run_window *)r->windows.data + r->windows.n - 1 : NULL;
	if (w->point >= ASSAY_STREAM_POINTS || r->windows.n >= WINDOWS_MAX)
		return journal_torn(r, "a window of a point that cannot be");
	if ((last && w->index <= last->w.index) || w->t1_ns < w->t0_ns)
		return journal_torn(r, "a window out of its order");
	turn_to(r, w->index);
	r->open.w = *w;
	journal_vec_add(&r->windows, &r->open);
	while (r->histograms.n <= w->point)
		journal_vec_add(&r->histograms, &none);
	add_counts(r, (struct assay_run_histogram *)r->histograms.data + w->point);
	r->open.w.index = UINT32_MAX;
	r->served_loose = 0;
	return 0;
}

int journal_take_stream(struct journal_records *r, uint32_t type, const void *payload)
{
	if (r->each)
		r->each(r->each_arg, type, payload);
	union { struct assay_rec_window window; struct assay_rec_dist dist; struct assay_rec_buckets buckets; } u; /* aligned */
	if (type == ASSAY_REC_WINDOW || type == ASSAY_REC_DIST || type == ASSAY_REC_BUCKETS)
		memcpy(&u, payload, assay_rec_size(type));
	switch (type) {
	case ASSAY_REC_WINDOW:
		return take_window(r, &u.window);
	case ASSAY_REC_DIST:
		return take_dist(r, &u.dist);
	case ASSAY_REC_BUCKETS:
		return take_buckets(r, &u.buckets);
	case ASSAY_REC_SERVED:
		r->served++;
		r->served_loose++;
		return 0;
	default:
		r->served_tokens++;
		return 0;
	}
}

/* A RESUME record carries the footer that it makes history: {..., "stopped": footer or null, "loose": requests in no window}. */
static int resume(struct journal_records *r, json_t *o)
{
	if (r->bytes_read == 0 || !r->header)
		return journal_torn(r, "a run goes on that never began");
	json_object_set(o, "stopped", r->footer ? r->footer : json_null());
	json_object_set_new(o, "loose_requests", json_integer((json_int_t)r->served_loose));
	r->lost_before += assay_json_get_int(r->footer, "records_lost", 0);
	json_decref(r->footer);
	r->footer = NULL;
	r->served_loose = 0;
	r->open.w.index = UINT32_MAX;
	json_array_append(r->parts, o);
	if (r->each)
		r->each(r->each_arg, ASSAY_REC_RESUME, NULL);
	return 0;
}

int journal_take_part(struct journal_records *r, uint32_t type, json_t *o)
{
	if (type == ASSAY_REC_RESUME)
		return resume(r, o);
	if (!r->segment || assay_json_get_int(o, "index", -1) != (int64_t)r->segment)
		return journal_torn(r, "this is another segment than its name says");
	if (assay_json_get_int(o, "before_bytes", -1) != (int64_t)r->segment_at)
		return journal_torn(r, "the segments before it have another size than it says");
	return 0;
}

void journal_give_stream(struct journal_records *r, struct assay_run *out)
{
	out->parts = json_incref(r->parts);
	if (r->footer && r->lost_before) /* what was lost in any part is lost */
		json_object_set_new(r->footer, "records_lost", json_integer(r->lost_before + assay_json_get_int(r->footer, "records_lost", 0)));
	out->served = r->served;
	out->served_tokens = r->served_tokens;
	out->served_loose = r->served_loose;
	out->segments = r->segment + 1;
	if (!r->windows.n)
		return;
	out->windows = r->windows.data;
	out->n_windows = r->windows.n;
	r->windows.data = NULL;
	r->windows.n = 0;
	struct assay_run_histogram *h = r->histograms.data;
	out->histograms = xalloc((out->n_points + 1) * sizeof *out->histograms);
	for (size_t i = 0; i < r->histograms.n && i < out->n_points; i++) {
		out->histograms[i] = h[i];
		h[i] = (struct assay_run_histogram){ 0 };
	}
}
