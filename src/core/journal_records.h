/* Between journal_read.c (bytes -> records) and journal_sort.c (records -> a run): every record that was
 * read, in file order. Internal to the journal. */
#ifndef ASSAY_CORE_JOURNAL_RECORDS_H
#define ASSAY_CORE_JOURNAL_RECORDS_H

#include "base/mem.h"
#include "core/run.h"

#define JOURNAL_POINTS_MAX 10000

struct journal_vec { void *data; size_t n, cap, size; };
/* Appends a copy of one item; memory is bounded by the bytes read. Returns its place. */
void *journal_vec_add(struct journal_vec *v, const void *item);

struct journal_records {
	json_t *header, *footer, *notes;
	struct journal_vec points;               /* struct assay_run_point; info NULL where only an end or a gap is known */
	struct journal_vec visits, visit_ends;   /* struct assay_rec_visit */
	struct journal_vec submits, requests, tokens, steps, samples, memory, ceilings; /* struct assay_rec_... */
	/* of a stream */
	struct journal_vec windows;              /* struct assay_run_window */
	struct journal_vec histograms;           /* struct assay_run_histogram by point */
	struct assay_run_window open;            /* DIST records of a window whose WINDOW has not come */
	struct journal_vec buckets;              /* its BUCKETS */
	json_t *parts;
	void (*each)(void *arg, uint32_t type, const void *record); /* or NULL */
	void *each_arg;
	uint64_t served, served_tokens, served_loose;
	int64_t lost_before;                     /* records_lost of footers that became history */
	uint32_t segment;                        /* being read */
	char file[32];                           /* its name, for messages */
	bool torn;
	char torn_reason[160];
	uint64_t bytes_read, bytes_total;
	uint64_t segment_at;                     /* bytes_read where this segment began */
};

/* The first of what does not hold; returns -1. */
int journal_torn(struct journal_records *r, const char *why);

/* Takes a record of a stream (journal_stream.c). 0 or -1 (torn). */
int journal_take_stream(struct journal_records *r, uint32_t type, const void *payload);
/* RESUME and SEGMENT. */
int journal_take_part(struct journal_records *r, uint32_t type, json_t *o);
/* Moves windows and histograms into *out, which has its points. */
void journal_give_stream(struct journal_records *r, struct assay_run *out);

/* Empty, for a journal of total_bytes. _release frees what was not moved out. */
void journal_records_init(struct journal_records *r, uint64_t total_bytes);
void journal_records_release(struct journal_records *r);

/* Moves what r holds into *out, sorted as core/run.h says. Cannot fail; what fits nowhere is said in torn_reason. */
void journal_sort(struct journal_records *r, struct assay_run *out);

#endif
