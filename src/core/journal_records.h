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
	bool torn;
	char torn_reason[160];
	uint64_t bytes_read, bytes_total;
};

/* Empty, for a journal of total_bytes. _release frees what was not moved out. */
void journal_records_init(struct journal_records *r, uint64_t total_bytes);
void journal_records_release(struct journal_records *r);

/* Moves what r holds into *out, sorted as core/run.h says. Cannot fail; what fits nowhere is said in torn_reason. */
void journal_sort(struct journal_records *r, struct assay_run *out);

#endif
