/* A journal without what must not be read: frame by frame, hot records as they are but for the ids of generated tokens. See redact.h. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "core/journal.h"
#include "core/journal_format.h"
#include "core/record.h"
#include "report/redact.h"

#define BYTES_MAX ((size_t)16 << 30)

static const char *const replaced[] = { "host name", "paths and addresses", "prompts and commands", "serial numbers", "ids of generated tokens" };

static void put(struct assay_buf *out, uint16_t type, const void *payload, uint32_t n)
{
	unsigned char head[JOURNAL_FRAME];
	journal_frame_put(head, type, payload, n);
	assay_buf_append(out, head, sizeof head);
	assay_buf_append(out, payload, n);
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

static int cold(const struct redact *r, uint16_t type, const char *payload, uint32_t n, const char *of, struct assay_buf *out, struct assay_err *e)
{
	json_t *v = assay_json_parse(payload, n, "record", ASSAY_E_DATA, e), *clean = v ? redact_record(r, v) : NULL;
	struct assay_buf b;
	int rc = v ? 0 : e->code;
	assay_buf_init(&b, JOURNAL_JSON_MAX);
	if (clean && type == ASSAY_REC_HEADER)
		mark(clean, of);
	if (clean && assay_json_print(&b, clean, 0))
		rc = assay_fail(e, ASSAY_E_DATA, "a record would be larger than %u bytes", JOURNAL_JSON_MAX);
	if (!rc)
		put(out, type, b.data, (uint32_t)b.len_bytes);
	assay_buf_release(&b);
	json_decref(clean);
	json_decref(v);
	return rc;
}

static void hot(uint16_t type, const char *payload, uint32_t n, struct assay_buf *out)
{
	struct assay_rec_token t;
	if (type == ASSAY_REC_TOKEN && n == sizeof t) {
		memcpy(&t, payload, n);
		t.token = -1;
		payload = (const char *)&t;
	}
	put(out, type, payload, n);
}

/* `end`: the bytes that hold (assay_run.bytes_read), so every frame before it is whole. */
static int rewrite(const struct redact *r, const char *data, size_t end, const char *of, struct assay_buf *out, struct assay_err *e)
{
	int rc = 0;
	assay_buf_append(out, data, JOURNAL_START);
	for (size_t at = JOURNAL_START; at + JOURNAL_FRAME <= end && !rc;) {
		uint32_t n;
		uint16_t type;
		memcpy(&n, data + at, 4);
		memcpy(&type, data + at + 4, 2);
		at += JOURNAL_FRAME;
		if (n > end - at)
			break;
		if (type >= ASSAY_REC_HEADER && type <= ASSAY_REC_FOOTER)
			rc = cold(r, type, data + at, n, of, out, e);
		else
			hot(type, data + at, n, out);
		at += n;
	}
	return rc;
}

int assay_redact_journal(const char *from, const char *to, struct assay_err *e)
{
	char *path = xasprintf("%s/" JOURNAL_FILE, from), *target = xasprintf("%s/" JOURNAL_FILE, to), of[65];
	struct assay_run run = { 0 };
	struct assay_buf in, out;
	struct redact *r = NULL;
	assay_buf_init(&in, BYTES_MAX);
	assay_buf_init(&out, BYTES_MAX);
	int rc = assay_journal_read(from, &run, e);
	if (!rc)
		rc = assay_fs_read(path, &in, ASSAY_E_IO, e);
	if (!rc) {
		assay_sha256_hex(in.data, in.len_bytes, of);
		r = redact_open(run.header);
		rc = rewrite(r, in.data, run.bytes_read, of, &out, e);
	}
	if (!rc)
		rc = out.overflow ? assay_fail(e, ASSAY_E_IO, "%s: too large", target) : assay_fs_write_atomic(target, out.data, out.len_bytes, e);
	redact_close(r);
	assay_run_release(&run);
	assay_buf_release(&in);
	assay_buf_release(&out);
	free(path);
	free(target);
	return rc;
}
