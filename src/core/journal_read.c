/* The journal's reading side: bytes -> records, up to the first byte that does not hold. Everything in the
 * bytes may be hostile: lengths, types, numbers. journal_sort.c makes a run of the records. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "core/journal_format.h"
#include "core/journal_records.h"
#include "core/journal.h"

#define JOURNAL_FILE_MAX (UINT64_C(16) << 30)

static int torn(struct journal_records *r, const char *why)
{
	r->torn = true;
	snprintf(r->torn_reason, sizeof r->torn_reason, "%s at byte %llu of %llu", why, (unsigned long long)r->bytes_read, (unsigned long long)r->bytes_total);
	return -1;
}

static int take_point(struct journal_records *r, uint32_t type, json_t *o)
{
	int64_t i = assay_json_get_int(o, "index", -1);
	if (i < 0 || i >= JOURNAL_POINTS_MAX)
		return torn(r, "a point has no valid index");
	struct assay_run_point none = { NULL, NULL, 0, 0 };
	while (r->points.n <= (size_t)i)
		journal_vec_add(&r->points, &none);
	struct assay_run_point *p = (struct assay_run_point *)r->points.data + i;
	json_t **slot = type == ASSAY_REC_POINT ? &p->info : &p->end;
	if (type == ASSAY_REC_POINT && *slot)
		return torn(r, "a point is declared twice");
	json_decref(*slot);
	*slot = json_incref(o);
	return 0;
}

static int take_json(struct journal_records *r, uint32_t type, const void *payload, uint32_t n)
{
	struct assay_err e;
	int rc = 0;
	json_t *o = n <= JOURNAL_JSON_MAX ? assay_json_parse(payload, n, "record", ASSAY_E_DATA, &e) : NULL;
	if (!json_is_object(o))
		rc = torn(r, "a record is not a JSON object");
	else if ((type == ASSAY_REC_HEADER) != (r->header == NULL))
		rc = torn(r, type == ASSAY_REC_HEADER ? "a second header" : "the first record is no header");
	else if (type == ASSAY_REC_HEADER)
		r->header = json_incref(o);
	else if (type == ASSAY_REC_FOOTER)
		r->footer = json_incref(o);
	else if (type == ASSAY_REC_NOTE)
		json_array_append(r->notes, o);
	else
		rc = take_point(r, type, o);
	json_decref(o);
	return rc;
}

/* Where the times and counters of a record are: all are -1 (unknown) or small enough to be added and subtracted. */
static const struct { uint32_t from, to; } signed_words[] = {
	[ASSAY_REC_VISIT - ASSAY_REC_VISIT] = { offsetof(struct assay_rec_visit, t0_ns), sizeof(struct assay_rec_visit) },
	[ASSAY_REC_VISIT_END - ASSAY_REC_VISIT] = { offsetof(struct assay_rec_visit, t0_ns), sizeof(struct assay_rec_visit) },
	[ASSAY_REC_REQUEST - ASSAY_REC_VISIT] = { offsetof(struct assay_rec_request, t_intended), sizeof(struct assay_rec_request) },
	[ASSAY_REC_TOKEN - ASSAY_REC_VISIT] = { offsetof(struct assay_rec_token, t_engine), sizeof(struct assay_rec_token) },
	[ASSAY_REC_STEP - ASSAY_REC_VISIT] = { offsetof(struct assay_rec_step, t0_ns), offsetof(struct assay_rec_step, weight_bytes) },
	[ASSAY_REC_SAMPLE - ASSAY_REC_VISIT] = { 0, sizeof(struct assay_rec_sample) },
	[ASSAY_REC_MEMORY - ASSAY_REC_VISIT] = { offsetof(struct assay_rec_memory, t_ns), sizeof(struct assay_rec_memory) },
	[ASSAY_REC_CEILING - ASSAY_REC_VISIT] = { 0, sizeof(int64_t) },
	[ASSAY_REC_SUBMIT - ASSAY_REC_VISIT] = { offsetof(struct assay_rec_submit, t_intended), sizeof(struct assay_rec_submit) },
};

static bool plausible(uint32_t type, const unsigned char *payload)
{
	for (uint32_t at = signed_words[type - ASSAY_REC_VISIT].from; at < signed_words[type - ASSAY_REC_VISIT].to; at += 8) {
		int64_t x;
		memcpy(&x, payload + at, 8);
		if (x < -1 || x > INT64_C(1) << 60)
			return false;
	}
	return true;
}

/* A sample of a journal from before the last counter was added: that counter was not readable. */
static bool older_sample(uint32_t type, const void *payload, uint32_t n, struct assay_rec_sample *out)
{
	if (type != ASSAY_REC_SAMPLE || n != offsetof(struct assay_rec_sample, energy_uj))
		return false;
	memcpy(out, payload, n);
	out->energy_uj = -1;
	return true;
}

static int take_hot(struct journal_records *r, uint32_t type, const void *payload, uint32_t n)
{
	struct assay_rec_sample sample;
	struct journal_vec *v[] = { &r->visits, &r->visit_ends, &r->requests, &r->tokens, &r->steps, &r->samples, &r->memory, &r->ceilings, &r->submits };
	if (older_sample(type, payload, n, &sample))
		payload = &sample;
	else if (n != assay_rec_size(type))
		return torn(r, "a record has the wrong size");
	if (!r->header)
		return torn(r, "the first record is no header");
	if (!plausible(type, payload))
		return torn(r, "a record has an impossible time or count");
	journal_vec_add(v[type - ASSAY_REC_VISIT], payload);
	return 0;
}

static int take(struct journal_records *r, uint32_t type, const unsigned char *payload, uint32_t n)
{
	if (r->footer)
		return torn(r, "there are records after the footer");
	if (type >= ASSAY_REC_HEADER && type <= ASSAY_REC_FOOTER)
		return take_json(r, type, payload, n);
	if (assay_rec_size(type))
		return take_hot(r, type, payload, n);
	return 0; /* a type of a later version: whole, so it is passed over */
}

static int frame(struct journal_records *r, const unsigned char *p, uint64_t left)
{
	uint32_t n, crc;
	uint16_t type[2];
	if (left < JOURNAL_FRAME)
		return torn(r, "a record is cut short");
	memcpy(&n, p, 4);
	memcpy(type, p + 4, 4);
	memcpy(&crc, p + 8, 4);
	if (n > left - JOURNAL_FRAME)
		return torn(r, "a record is cut short");
	if (type[1] || crc != journal_crc(p, p + JOURNAL_FRAME, n))
		return torn(r, "a checksum does not match");
	if (take(r, type[0], p + JOURNAL_FRAME, n))
		return -1;
	r->bytes_read += JOURNAL_FRAME + n;
	return 0;
}

static int parse(const char *what, const unsigned char *p, uint64_t n, struct assay_run *out, struct assay_err *e)
{
	struct journal_records r;
	unsigned char start[JOURNAL_START];
	int rc = 0;
	*out = (struct assay_run){ 0 };
	journal_records_init(&r, n);
	journal_start_put(start);
	if (n >= JOURNAL_START && memcmp(p, start, 8) == 0 && memcmp(p, start, JOURNAL_START) != 0) {
		rc = assay_fail(e, ASSAY_E_DATA, "%s: journal of another version: read it with the assay that wrote it", what);
	} else if (n < JOURNAL_START || memcmp(p, start, JOURNAL_START) != 0) {
		rc = assay_fail(e, ASSAY_E_DATA, "%s: nothing recorded: no journal in these %llu bytes", what, (unsigned long long)n);
	} else {
		r.bytes_read = JOURNAL_START;
		while (r.bytes_read < n && frame(&r, p + r.bytes_read, n - r.bytes_read) == 0)
			;
		if (!r.header)
			rc = assay_fail(e, ASSAY_E_DATA, "%s: nothing recorded: no complete header (%s)", what, r.torn ? r.torn_reason : "empty");
		else
			journal_sort(&r, out);
	}
	journal_records_release(&r);
	return rc;
}

int assay_journal_parse(const void *data, size_t n, struct assay_run *out, struct assay_err *e)
{
	return parse("journal", data, n, out, e);
}

/* A journal that is still being written is not read: its writer holds the lock. */
static int check_lock(const char *path, const char *dir, struct assay_err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe in its place is not waited for */
	struct stat st;
	if (fd < 0 && errno == ENOENT)
		return assay_fail(e, ASSAY_E_DATA, "%s: nothing recorded: it holds no " JOURNAL_FILE, dir);
	if (fd < 0)
		return assay_fail(e, ASSAY_E_DATA, "%s: cannot open: %s", path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return assay_fail(e, ASSAY_E_DATA, "%s: not a regular file", path);
	}
	int busy = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return busy ? assay_fail(e, ASSAY_E_USAGE, "%s: in use: a run is still being recorded there", dir) : 0;
}

static int read_dir(const char *dir, bool own, struct assay_run *out, struct assay_err *e)
{
	struct assay_buf b;
	char *path = xasprintf("%s/" JOURNAL_FILE, dir);
	*out = (struct assay_run){ 0 };
	assay_buf_init(&b, JOURNAL_FILE_MAX);
	int rc = own ? 0 : check_lock(path, dir, e);
	if (!rc)
		rc = assay_fs_read(path, &b, ASSAY_E_DATA, e);
	if (!rc)
		rc = parse(path, (unsigned char *)b.data, b.len_bytes, out, e);
	assay_buf_release(&b);
	free(path);
	return rc;
}

int assay_journal_read(const char *dir, struct assay_run *out, struct assay_err *e) { return read_dir(dir, false, out, e); }
int assay_journal_read_own(const char *dir, struct assay_run *out, struct assay_err *e) { return read_dir(dir, true, out, e); }
