/* The journal's reading side: bytes -> records, up to the first byte that does not hold. Everything in the
 * bytes may be hostile: lengths, types, numbers. journal_sort.c makes a run of the records. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "core/journal_bytes.h"
#include "core/journal_format.h"
#include "core/journal_records.h"
#include "core/journal.h"

#define JOURNAL_FILE_MAX (UINT64_C(16) << 30)

int journal_torn(struct journal_records *r, const char *why)
{
	r->torn = true;
	snprintf(r->torn_reason, sizeof r->torn_reason, "%s%s%s at byte %llu of %llu", r->segment ? r->file : "", r->segment ? ": " : "", why,
		 (unsigned long long)(r->bytes_read - r->segment_at), (unsigned long long)(r->bytes_total - r->segment_at));
	return -1;
}

static int take_point(struct journal_records *r, uint32_t type, json_t *o)
{
	int64_t i = assay_json_get_int(o, "index", -1);
	if (i < 0 || i >= JOURNAL_POINTS_MAX)
		return journal_torn(r, "a point has no valid index");
	struct assay_run_point none = { NULL, NULL, 0, 0 };
	while (r->points.n <= (size_t)i)
		journal_vec_add(&r->points, &none);
	struct assay_run_point *p = (struct assay_run_point *)r->points.data + i;
	json_t **slot = type == ASSAY_REC_POINT ? &p->info : &p->end;
	if (type == ASSAY_REC_POINT && *slot)
		return journal_torn(r, "a point is declared twice");
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
		rc = journal_torn(r, "a record is not a JSON object");
	else if ((type == ASSAY_REC_HEADER) != (r->header == NULL))
		rc = journal_torn(r, type == ASSAY_REC_HEADER ? "a second header" : "the first record is no header");
	else if (type == ASSAY_REC_HEADER)
		r->header = json_incref(o);
	else if (type == ASSAY_REC_FOOTER)
		r->footer = json_incref(o);
	else if (type == ASSAY_REC_NOTE)
		json_array_append(r->notes, o);
	else if (type == ASSAY_REC_RESUME || type == ASSAY_REC_SEGMENT)
		rc = journal_take_part(r, type, o);
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
	[ASSAY_REC_WINDOW - ASSAY_REC_VISIT] = { offsetof(struct assay_rec_window, t0_ns), offsetof(struct assay_rec_window, wall_ns) },
	[ASSAY_REC_DIST - ASSAY_REC_VISIT] = { 0, 0 },
	[ASSAY_REC_BUCKETS - ASSAY_REC_VISIT] = { 0, 0 },
	[ASSAY_REC_SERVED - ASSAY_REC_VISIT] = { offsetof(struct assay_rec_request, t_intended), sizeof(struct assay_rec_request) },
	[ASSAY_REC_SERVED_TOKEN - ASSAY_REC_VISIT] = { offsetof(struct assay_rec_token, t_engine), sizeof(struct assay_rec_token) },
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

/* A sample of a journal from before the last counters were added: they were not readable. */
static bool older_sample(uint32_t type, const void *payload, uint32_t n, struct assay_rec_sample *out)
{
	if (type != ASSAY_REC_SAMPLE || (n != offsetof(struct assay_rec_sample, energy_uj) && n != offsetof(struct assay_rec_sample, engine_cpu_ns)))
		return false;
	out->energy_uj = out->engine_cpu_ns = -1;
	memcpy(out, payload, n);
	return true;
}

static int take_hot(struct journal_records *r, uint32_t type, const void *payload, uint32_t n)
{
	struct assay_rec_sample sample;
	struct journal_vec *v[] = { &r->visits, &r->visit_ends, &r->requests, &r->tokens, &r->steps, &r->samples, &r->memory, &r->ceilings, &r->submits };
	if (older_sample(type, payload, n, &sample))
		payload = &sample;
	else if (n != assay_rec_size(type))
		return journal_torn(r, "a record has the wrong size");
	if (!r->header)
		return journal_torn(r, "the first record is no header");
	if (!plausible(type, payload))
		return journal_torn(r, "a record has an impossible time or count");
	if (type >= ASSAY_REC_WINDOW)
		return journal_take_stream(r, type, payload);
	journal_vec_add(v[type - ASSAY_REC_VISIT], payload);
	return 0;
}

static int take(struct journal_records *r, uint32_t type, const unsigned char *payload, uint32_t n)
{
	if (r->segment && r->bytes_read == r->segment_at + JOURNAL_START && type != ASSAY_REC_SEGMENT)
		return journal_torn(r, "a segment does not say which it is");
	if (r->footer && type != ASSAY_REC_RESUME && type != ASSAY_REC_SEGMENT)
		return journal_torn(r, "there are records after the footer");
	if (type >= ASSAY_REC_HEADER && type <= ASSAY_REC_SEGMENT)
		return take_json(r, type, payload, n);
	if (assay_rec_size(type))
		return take_hot(r, type, payload, n);
	return 0; /* a type of a later version: whole, so it is passed over */
}

static int frame(struct journal_records *r, struct journal_bytes *b)
{
	uint32_t n, crc;
	uint16_t type[2];
	const unsigned char *p = b->left < JOURNAL_FRAME ? NULL : journal_bytes_peek(b, JOURNAL_FRAME);
	if (!p)
		return journal_torn(r, "a record is cut short");
	memcpy(&n, p, 4);
	memcpy(type, p + 4, 4);
	memcpy(&crc, p + 8, 4);
	if (n > b->left - JOURNAL_FRAME)
		return journal_torn(r, "a record is cut short");
	if (n > JOURNAL_JSON_MAX)
		return journal_torn(r, "a record is too large");
	p = journal_bytes_peek(b, JOURNAL_FRAME + n);
	if (!p)
		return journal_torn(r, "a record is cut short");
	if (type[1] || crc != journal_crc(p, p + JOURNAL_FRAME, n))
		return journal_torn(r, "a checksum does not match");
	if (take(r, type[0], p + JOURNAL_FRAME, n))
		return -1;
	journal_bytes_take(b, JOURNAL_FRAME + n);
	r->bytes_read += JOURNAL_FRAME + n;
	return 0;
}

/* The frames of one file. ASSAY_E_DATA when it is no journal at all. */
static int parse_file(struct journal_records *r, const char *what, struct journal_bytes *b, struct assay_err *e)
{
	unsigned char start[JOURNAL_START];
	const unsigned char *p = b->left < JOURNAL_START ? NULL : journal_bytes_peek(b, JOURNAL_START);
	r->segment_at = r->bytes_read;
	r->bytes_total = r->bytes_read + b->left;
	journal_start_put(start);
	if (p && memcmp(p, start, 8) == 0 && memcmp(p, start, JOURNAL_START) != 0)
		return assay_fail(e, ASSAY_E_DATA, "%s: journal of another version: read it with the assay that wrote it", what);
	if (!p || memcmp(p, start, JOURNAL_START) != 0)
		return assay_fail(e, ASSAY_E_DATA, "%s: nothing recorded: no journal in these %llu bytes", what, (unsigned long long)b->left);
	journal_bytes_take(b, JOURNAL_START);
	r->bytes_read += JOURNAL_START;
	while (b->left && frame(r, b) == 0)
		;
	return 0;
}

static int finish(struct journal_records *r, const char *what, struct assay_run *out, struct assay_err *e)
{
	if (!r->header)
		return assay_fail(e, ASSAY_E_DATA, "%s: nothing recorded: no complete header (%s)", what, r->torn ? r->torn_reason : "empty");
	journal_sort(r, out);
	return 0;
}

int assay_journal_parse(const void *data, size_t n, struct assay_run *out, struct assay_err *e)
{
	struct journal_records r;
	struct journal_bytes b;
	*out = (struct assay_run){ 0 };
	journal_records_init(&r, n);
	journal_bytes_memory(&b, data, n);
	int rc = parse_file(&r, "journal", &b, e);
	if (!rc)
		rc = finish(&r, "journal", out, e);
	journal_records_release(&r);
	return rc;
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

/* The largest segment number that a folder holds. */
static uint32_t last_segment(const char *dir)
{
	uint32_t last = 0, i;
	char tail;
	DIR *d = opendir(dir);
	for (struct dirent *x; d && (x = readdir(d));)
		if (sscanf(x->d_name, "journal-%u.bi%c", &i, &tail) == 2 && tail == 'n' && i > last && i < JOURNAL_SEGMENTS_MAX)
			last = i;
	if (d)
		closedir(d);
	return last;
}

/* One file of the journal. */
static int read_file(struct journal_records *r, const char *dir, uint32_t segment, struct assay_err *e)
{
	struct journal_bytes b = { .fd = -1 };
	int rc = 0;
	r->segment = segment;
	journal_segment_name(segment, r->file);
	char *path = xasprintf("%s/%s", dir, r->file);
	if (segment && !assay_fs_exists(path)) {
		r->segment_at = r->bytes_total = r->bytes_read;
		r->torn = true;
		snprintf(r->torn_reason, sizeof r->torn_reason, "%s is missing: the files before and after it are here", r->file);
	} else {
		rc = journal_bytes_open(&b, path, JOURNAL_FILE_MAX, e);
		rc = rc ? rc : parse_file(r, path, &b, e);
	}
	if (rc && segment) { /* what came before stands */
		journal_torn(r, "not a journal file");
		rc = 0;
	}
	journal_bytes_close(&b);
	free(path);
	return rc;
}

static int read_dir(const char *dir, bool own, void (*each)(void *, uint32_t, const void *), void *arg, struct assay_run *out, struct assay_err *e)
{
	struct journal_records r;
	char *path = xasprintf("%s/" JOURNAL_FILE, dir);
	uint32_t last = last_segment(dir);
	*out = (struct assay_run){ 0 };
	journal_records_init(&r, 0);
	r.each = each;
	r.each_arg = arg;
	int rc = own ? 0 : check_lock(path, dir, e);
	for (uint32_t i = 0; !rc && !r.torn && i <= last; i++)
		rc = read_file(&r, dir, i, e);
	if (!rc)
		rc = finish(&r, path, out, e);
	journal_records_release(&r);
	free(path);
	return rc;
}

int assay_journal_read(const char *dir, struct assay_run *out, struct assay_err *e) { return read_dir(dir, false, NULL, NULL, out, e); }
int assay_journal_read_own(const char *dir, struct assay_run *out, struct assay_err *e) { return read_dir(dir, true, NULL, NULL, out, e); }

int assay_journal_read_each(const char *dir, void (*each)(void *, uint32_t, const void *), void *arg, struct assay_run *out, struct assay_err *e)
{
	return read_dir(dir, false, each, arg, out, e);
}
