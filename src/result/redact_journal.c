/* A journal without what must not be read: frame by frame, hot records as they are but for the ids of generated tokens. See redact.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "core/journal.h"
#include "core/journal_format.h"
#include "core/record.h"
#include "result/redact.h"

enum { FRAME_MAX = JOURNAL_JSON_MAX };

/* One file being written from another. */
struct copy { const struct redact *r; const char *of; FILE *in, *out; uint64_t before; /* bytes of the new files before this one */ char *payload; };

static const char *const replaced[] = { "host name", "paths and addresses", "prompts and commands", "serial numbers", "ids of generated tokens" };

static void put(struct copy *c, uint16_t type, const void *payload, uint32_t n)
{
	unsigned char head[JOURNAL_FRAME];
	journal_frame_put(head, type, payload, n);
	fwrite(head, 1, sizeof head, c->out);
	fwrite(payload, 1, n, c->out);
}

/* The header says what became of it. */
static void mark(json_t *header, const char *of)
{
	json_t *what = json_array();
	if (json_object_get(header, "redacted")) {
		json_decref(what);
		return;
	}
	for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++)
		json_array_append_new(what, json_string(replaced[i]));
	json_object_set_new(header, "redacted", json_pack("{s:s, s:o}", "of", of, "what", what));
}

static int cold(struct copy *c, uint16_t type, uint32_t n, struct assay_err *e)
{
	json_t *v = assay_json_parse(c->payload, n, "record", ASSAY_E_DATA, e), *clean = v ? redact_record(c->r, v) : NULL;
	struct assay_buf b;
	int rc = v ? 0 : e->code;
	assay_buf_init(&b, JOURNAL_JSON_MAX);
	if (clean && type == ASSAY_REC_HEADER)
		mark(clean, c->of);
	if (clean && type == ASSAY_REC_SEGMENT)
		json_object_set_new(clean, "before_bytes", json_integer((json_int_t)c->before));
	if (clean && assay_json_print(&b, clean, 0))
		rc = assay_fail(e, ASSAY_E_DATA, "a record would be larger than %u bytes", JOURNAL_JSON_MAX);
	if (!rc)
		put(c, type, b.data, (uint32_t)b.len_bytes);
	assay_buf_release(&b);
	json_decref(clean);
	json_decref(v);
	return rc;
}

static void hot(struct copy *c, uint16_t type, uint32_t n)
{
	struct assay_rec_token t;
	if ((type == ASSAY_REC_TOKEN || type == ASSAY_REC_SERVED_TOKEN) && n == sizeof t) {
		memcpy(&t, c->payload, n);
		t.token = -1;
		memcpy(c->payload, &t, n);
	}
	put(c, type, c->payload, n);
}

/* `left`: bytes of this file that hold, so every frame in them is whole. */
static int copy_frames(struct copy *c, uint64_t left, struct assay_err *e)
{
	unsigned char start[JOURNAL_START], head[JOURNAL_FRAME];
	int rc = left >= sizeof start && fread(start, 1, sizeof start, c->in) == sizeof start ? 0 : assay_fail(e, ASSAY_E_DATA, "journal: cannot read");
	if (!rc)
		fwrite(start, 1, sizeof start, c->out);
	for (left -= rc ? left : sizeof start; left >= JOURNAL_FRAME && !rc;) {
		uint32_t n;
		uint16_t type;
		if (fread(head, 1, sizeof head, c->in) != sizeof head)
			return assay_fail(e, ASSAY_E_DATA, "journal: cannot read");
		memcpy(&n, head, 4);
		memcpy(&type, head + 4, 2);
		left -= JOURNAL_FRAME;
		if (n > left || n > FRAME_MAX)
			break;
		c->payload = xrealloc(c->payload, n + 1);
		if (fread(c->payload, 1, n, c->in) != n)
			return assay_fail(e, ASSAY_E_DATA, "journal: cannot read");
		left -= n;
		if (type >= ASSAY_REC_HEADER && type <= ASSAY_REC_SEGMENT)
			rc = cold(c, type, n, e);
		else
			hot(c, type, n);
	}
	return rc;
}

/* from -> to.new; *left: bytes of the whole journal that hold from here on. */
static int copy_file(struct copy *c, const char *from, const char *to, uint64_t *left, struct assay_err *e)
{
	struct stat st;
	char *tmp = xasprintf("%s.new.tmp", to);
	c->in = fopen(from, "rbe");
	c->out = c->in ? fopen(tmp, "wbe") : NULL;
	int rc = c->out && fstat(fileno(c->in), &st) == 0 ? 0 : assay_fail(e, ASSAY_E_IO, "%s: cannot copy to %s: %s", from, tmp, strerror(errno));
	uint64_t size = rc ? 0 : (uint64_t)st.st_size < *left ? (uint64_t)st.st_size : *left;
	if (!rc)
		rc = copy_frames(c, size, e);
	*left -= size;
	if (!rc && (fflush(c->out) || fsync(fileno(c->out)) || ferror(c->out)))
		rc = assay_fail(e, ASSAY_E_IO, "%s: cannot write: %s", tmp, strerror(errno));
	if (!rc)
		c->before += (uint64_t)ftello(c->out);
	if (c->in)
		fclose(c->in);
	if (c->out)
		fclose(c->out);
	if (rc)
		unlink(tmp);
	free(tmp);
	return rc;
}

static char *segment_path(const char *dir, uint32_t i)
{
	char name[32];
	journal_segment_name(i, name);
	return xasprintf("%s/%s", dir, name);
}

/* The new files take their names, the one with the header last: until then the journal is the old one. */
static int publish(const char *to, uint32_t n, bool ok, struct assay_err *e)
{
	int rc = 0;
	while (n--) {
		char *path = segment_path(to, n), *tmp = xasprintf("%s.new.tmp", path);
		if (!ok)
			unlink(tmp);
		else if (rename(tmp, path) && !rc)
			rc = assay_fail(e, ASSAY_E_IO, "%s: cannot rename into place: %s", path, strerror(errno));
		free(path);
		free(tmp);
	}
	return rc;
}

/* As verify names a journal: SHA-256 of journal.bin, or of its files' hashes, a line each. Their number in *n. */
static int fingerprint(const char *dir, uint32_t *n, char out[65], struct assay_err *e)
{
	struct assay_buf b;
	int rc = 0;
	assay_buf_init(&b, (size_t)1 << 24);
	for (*n = 0; !rc; ++*n) {
		char *path = segment_path(dir, *n);
		bool there = assay_fs_exists(path);
		rc = there ? assay_fs_sha256(path, out, NULL, e) : 0;
		free(path);
		if (!there)
			break;
		if (!rc)
			assay_buf_printf(&b, "%s\n", out);
	}
	if (*n > 1)
		assay_sha256_hex(b.data, b.len_bytes, out);
	assay_buf_release(&b);
	return rc;
}

int assay_redact_journal(const char *from, const char *to, struct assay_err *e)
{
	char of[65];
	struct assay_run run = { 0 };
	struct redact *r = NULL;
	uint32_t n = 0, made = 0;
	int rc = assay_journal_read(from, &run, e);
	uint64_t left = run.bytes_read;
	if (!rc && !(rc = fingerprint(from, &n, of, e))) {
		r = redact_open(run.header);
		struct copy c = { .r = r, .of = of };
		for (; !rc && made < n && left; made++) {
			char *a = segment_path(from, made), *b = segment_path(to, made);
			rc = copy_file(&c, a, b, &left, e);
			free(a);
			free(b);
		}
		free(c.payload);
		int published = publish(to, made, !rc, e);
		rc = rc ? rc : published;
	}
	redact_close(r);
	assay_run_release(&run);
	return rc;
}
