/* See verify.h. The order: the journal, result.json from it, the faces from both, then what manifest.json says of every file.
 * A file is named once, by the check that knows most about it. */
#include "report/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/utf8.h"
#include "core/journal_format.h"
#include "metrics/definitions.h"
#include "report/report.h"
#include "report/verify_diff.h"
#include "report/verify_work.h"

#define RESULT "result.json"
#define MANIFEST "manifest.json"

const json_t *verify_entry(const json_t *manifest, const char *path)
{
	return assay_json_find(json_object_get(manifest, "files"), "path", path);
}

const char *verify_sha(const json_t *manifest, const char *path)
{
	return assay_json_get_str(verify_entry(manifest, path), "sha256", "");
}

static void no_control(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

/* Printable whatever file names and documents hold. */
static json_t *clean(char *text)
{
	struct assay_buf b;
	assay_buf_init(&b, 4 * strlen(text) + 4);
	no_control(text);
	assay_utf8_repair(text, strlen(text), &b);
	json_t *v = json_string(b.data ? b.data : "");
	assay_buf_release(&b);
	return v;
}

void verify_problem(struct verify_work *w, const char *file, const char *detail, const char *fmt, ...)
{
	char text[1200];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	char *where = detail ? xasprintf("%s: %s", file, detail) : xstrdup(file);
	json_t *o = json_object();
	json_object_set_new(o, "what", clean(text));
	json_object_set_new(o, "where", clean(where));
	json_array_append_new(w->v->problems, o);
	json_object_set_new(w->named, file, json_true());
	free(where);
}

/* Of an assay that is not this one, a file that nobody changed since (its hash holds) may only be written otherwise. */
static bool is_otherwise(const struct verify_work *w, const char *file)
{
	const char *says = verify_sha(w->manifest, file);
	return w->program && w->wanted && *w->v->written_by && strcmp(w->program, w->v->written_by) && *says && !strcmp(says, verify_sha(w->disk, file));
}

int verify_compare(struct verify_work *w, const char *file, const struct assay_buf *wanted, struct assay_err *e)
{
	struct assay_buf found;
	struct verify_diff d;
	char *path = xasprintf("%s/%s", w->dir, file);
	assay_buf_init(&found, VERIFY_BYTES_MAX);
	int rc = assay_fs_read(path, &found, ASSAY_E_IO, e);
	if (!rc && verify_diff_file(file, found.data, found.len_bytes, wanted->data, wanted->len_bytes, &d)) {
		bool otherwise = is_otherwise(w, file);
		verify_problem(w, file, d.where, "%s%s", otherwise ? "mixed_version: its hash holds, but this assay writes it otherwise: " : "", d.what);
		w->v->mixed_version |= otherwise;
		verify_diff_release(&d);
	} else if (!rc) {
		json_object_set_new(w->good, file, json_true());
	}
	assay_buf_release(&found);
	free(path);
	return rc;
}

/* ---- the journal ---- */
/* Both who know its hash must say so; where one is absent or damaged, the other's word counts. */
static bool check_file_hash(struct verify_work *w, const json_t *result, const char *file)
{
	const char *is = verify_sha(w->disk, file), *by_result = verify_sha(result, file), *by_manifest = verify_sha(w->manifest, file);
	bool a = !*by_result || strcmp(is, by_result), b = !*by_manifest || strcmp(is, by_manifest);
	if (!*is && !*by_result && !*by_manifest)
		return false;
	if (!a)
		json_object_set_new(w->good, file, json_true());
	if (!*is)
		verify_problem(w, file, NULL, "missing: %s names it", *by_result ? RESULT : MANIFEST);
	else if (a && b && (*by_result || *by_manifest))
		verify_problem(w, file, NULL, "changed, or of another run: its SHA-256 is %s; %s says %s", is, *by_result ? RESULT : MANIFEST, *by_result ? by_result : by_manifest);
	return true;
}

/* Every segment that is there or is named somewhere; false when one of these is not there. */
static bool check_journal_hash(struct verify_work *w, const json_t *result)
{
	char name[32] = JOURNAL_FILE;
	bool whole = true;
	for (uint32_t i = 0; check_file_hash(w, result, name); journal_segment_name(++i, name))
		whole = whole && *verify_sha(w->disk, name);
	return whole;
}

/* SHA-256 of journal.bin; of a journal in segments, of their hashes, a line each. */
static void fingerprint(struct verify_work *w)
{
	struct assay_buf b;
	char name[32];
	uint32_t n = 0;
	assay_buf_init(&b, (size_t)1 << 24);
	for (journal_segment_name(n, name); *verify_sha(w->disk, name); journal_segment_name(++n, name))
		assay_buf_printf(&b, "%s\n", verify_sha(w->disk, name));
	if (n > 1)
		assay_sha256_hex(b.data, b.len_bytes, w->v->fingerprint);
	else
		snprintf(w->v->fingerprint, sizeof w->v->fingerprint, "%s", verify_sha(w->disk, JOURNAL_FILE));
	assay_buf_release(&b);
}

static void check_torn(struct verify_work *w)
{
	const struct assay_run *run = &w->run;
	bool cut = !run->footer && (strstr(run->torn_reason, "no footer") || strstr(run->torn_reason, "cut short"));
	char at[64];
	snprintf(at, sizeof at, "byte %llu", (unsigned long long)run->bytes_read);
	if (run->torn)
		verify_problem(w, JOURNAL_FILE, at, "%s: %s", cut ? "interrupted" : run->footer ? "incomplete" : "damaged", run->torn_reason);
}

static void check_header(struct verify_work *w)
{
	const json_t *h = w->run.header, *by = json_object_get(h, "assay");
	const char *definitions = assay_json_get_str(h, "definitions", "none");
	snprintf(w->v->written_by, sizeof w->v->written_by, "%.20s %.40s", assay_json_get_str(by, "version", "?"), assay_json_get_str(by, "commit", "?"));
	no_control(w->v->written_by);
	snprintf(w->v->redacted_of, sizeof w->v->redacted_of, "%s", assay_json_get_str(json_object_get(h, "redacted"), "of", ""));
	no_control(w->v->redacted_of);
	w->v->mixed_version = strcmp(definitions, ASSAY_DEFINITIONS_VERSION) != 0;
	if (w->v->mixed_version)
		verify_problem(w, JOURNAL_FILE, "header.definitions", "mixed_version: written with definitions %.60s, this assay has %s: only hashes were checked", definitions,
			       ASSAY_DEFINITIONS_VERSION);
}

/* Whole as its hash says, but of a format that this assay does not read. */
static bool is_other_format(const struct verify_work *w)
{
	unsigned char start[JOURNAL_START], ours[JOURNAL_START];
	char *path = xasprintf("%s/" JOURNAL_FILE, w->dir);
	FILE *f = json_object_get(w->good, JOURNAL_FILE) ? fopen(path, "rbe") : NULL;
	bool other = f && fread(start, 1, sizeof start, f) == sizeof start;
	if (f)
		fclose(f);
	free(path);
	journal_start_put(ours);
	return other && !memcmp(start, ours, 8) && memcmp(start, ours, sizeof start);
}

static int check_journal(struct verify_work *w, const json_t *result, const char *expect, struct assay_err *e)
{
	struct assay_err why = ASSAY_ERR_INIT;
	fingerprint(w);
	if (expect && strcmp(expect, w->v->fingerprint))
		verify_problem(w, JOURNAL_FILE, NULL, "not the one expected: its SHA-256 is %s, expected %s", *w->v->fingerprint ? w->v->fingerprint : "missing", expect);
	if (!verify_entry(w->disk, JOURNAL_FILE)) {
		verify_problem(w, JOURNAL_FILE, NULL, "missing: nothing can be recomputed");
		return 0;
	}
	int rc = verify_read(w, &why);
	if (rc == ASSAY_E_USAGE) {
		*e = why;
		return rc;
	}
	bool whole = check_journal_hash(w, result);
	if (rc) {
		w->v->mixed_version = is_other_format(w);
		verify_problem(w, JOURNAL_FILE, "header", "%s: %s", w->v->mixed_version ? "mixed_version" : "damaged", why.msg);
		return 0;
	}
	check_torn(w);
	check_header(w);
	/* a tear that was there when the result was made is part of it */
	w->v->recomputed = whole && !w->v->mixed_version && (!w->run.torn || !strcmp(verify_sha(result, JOURNAL_FILE), verify_sha(w->disk, JOURNAL_FILE)));
	return 0;
}

/* ---- the document ---- */
/* Without a journal to go by: the bytes that its own id is the hash of. */
static int check_own_id(struct verify_work *w, json_t *result, struct assay_buf *b, struct assay_err *e)
{
	char *id = xstrdup(assay_json_get_str(result, "id", ""));
	int rc = assay_result_identify(result, e);
	const char *is = assay_json_get_str(result, "id", "");
	if (!rc && strcmp(is, id))
		verify_problem(w, RESULT, "id", "changed: the document's hash is %s, its id says %s", is, id);
	else if (!rc && assay_json_print(b, result, 1) == 0)
		rc = verify_compare(w, RESULT, b, e);
	free(id);
	return rc;
}

static int check_result(struct verify_work *w, json_t *result, struct assay_err *e)
{
	struct assay_buf b;
	const char *schema = assay_json_get_str(result, "schema", "");
	int rc = 0;
	assay_buf_init(&b, VERIFY_BYTES_MAX);
	if (result && strcmp(schema, ASSAY_RESULT_SCHEMA)) {
		w->v->mixed_version = true;
		w->v->recomputed = false;
		verify_problem(w, RESULT, "schema", "mixed_version: written as %.60s, this assay has %s: only hashes were checked", schema, ASSAY_RESULT_SCHEMA);
	}
	if (w->v->recomputed) {
		w->wanted = assay_result_build(&w->run);
		rc = assay_result_complete(w->dir, w->wanted, e);
	}
	if (rc)
		goto out;
	if (!verify_entry(w->disk, RESULT))
		verify_problem(w, RESULT, NULL, "missing: assay report %s makes it again from the journal", w->dir);
	else if (w->wanted && assay_json_print(&b, w->wanted, 1) == 0)
		rc = verify_compare(w, RESULT, &b, e);
	else if (result)
		rc = check_own_id(w, result, &b, e);
	else
		verify_problem(w, RESULT, NULL, "not a result document");
out:
	assay_buf_release(&b);
	return rc;
}

/* ---- the manifest ---- */
static void check_entry(struct verify_work *w, size_t i, const json_t *entry)
{
	const char *path = assay_json_get_str(entry, "path", ""), *says = assay_json_get_str(entry, "sha256", ""), *is = verify_sha(w->disk, path);
	char at[64];
	snprintf(at, sizeof at, "files[%zu]", i);
	if (json_object_get(w->named, path))
		return;
	if (!verify_entry(w->disk, path))
		verify_problem(w, *path ? path : MANIFEST, NULL, "missing: " MANIFEST " names it (%s)", at);
	else if (strcmp(says, is) && json_object_get(w->good, path))
		verify_problem(w, MANIFEST, at, "says SHA-256 %s of %s, which is as it should be and has %s", says, path, is);
	else if (strcmp(says, is))
		verify_problem(w, path, NULL, "changed: its SHA-256 is %s; " MANIFEST " says %s", is, says);
}

static int check_manifest(struct verify_work *w, struct assay_err *e)
{
	struct assay_buf b;
	size_t i;
	json_t *entry;
	if (!w->manifest) {
		verify_problem(w, MANIFEST, NULL, "missing or not valid: a missing or added file cannot be seen (assay report %s writes it again)", w->dir);
		return 0;
	}
	json_array_foreach(json_object_get(w->manifest, "files"), i, entry)
		check_entry(w, i, entry);
	json_array_foreach(json_object_get(w->disk, "files"), i, entry) {
		const char *path = assay_json_get_str(entry, "path", "");
		if (!verify_entry(w->manifest, path) && !json_object_get(w->named, path))
			verify_problem(w, path, NULL, "added: " MANIFEST " does not name it");
	}
	if (json_array_size(w->v->problems))
		return 0;
	assay_buf_init(&b, VERIFY_BYTES_MAX);
	int rc = assay_json_print(&b, w->disk, 1) ? 0 : verify_compare(w, MANIFEST, &b, e);
	assay_buf_release(&b);
	return rc;
}

/* ---- all of it ---- */
static json_t *load_manifest(const char *dir)
{
	char *path = xasprintf("%s/" MANIFEST, dir);
	json_t *m = assay_json_load(path, VERIFY_BYTES_MAX, ASSAY_E_DATA, NULL);
	free(path);
	if (m && json_is_array(json_object_get(m, "files")))
		return m;
	json_decref(m);
	return NULL;
}

/* Also of a schema to come. */
static json_t *load_result(const char *dir)
{
	char *path = xasprintf("%s/" RESULT, dir);
	json_t *v = assay_json_load(path, VERIFY_BYTES_MAX, ASSAY_E_DATA, NULL);
	free(path);
	if (v && !strncmp(assay_json_get_str(v, "schema", ""), "assay.result/", 13))
		return v;
	json_decref(v);
	return NULL;
}

static int check_all(struct verify_work *w, json_t *result, const char *expect, struct assay_err *e)
{
	int rc = check_journal(w, result, expect, e);
	if (!rc)
		rc = check_result(w, result, e);
	if (!rc && w->wanted)
		rc = verify_faces(w, e);
	return rc ? rc : check_manifest(w, e);
}

int assay_verify(const char *dir, const char *program, const char *expect, struct assay_verify *out, struct assay_err *e)
{
	*out = (struct assay_verify){ .problems = json_array() };
	if (!assay_fs_is_dir(dir))
		return assay_fail(e, ASSAY_E_USAGE, "%s: no such directory", dir);
	struct verify_work w = { .dir = dir, .program = program, .v = out, .disk = assay_manifest_build(dir, e), .named = json_object(), .good = json_object() };
	json_t *result = NULL;
	int rc = w.disk ? 0 : e->code;
	if (!rc) {
		w.manifest = load_manifest(dir);
		result = load_result(dir);
		if (!verify_entry(w.disk, JOURNAL_FILE) && !verify_entry(w.disk, RESULT) && !w.manifest)
			rc = assay_fail(e, ASSAY_E_USAGE, "%s: no result directory: it holds neither " JOURNAL_FILE " nor " RESULT, dir);
	}
	if (!rc)
		rc = check_all(&w, result, expect, e);
	out->checked = (int)json_array_size(json_object_get(w.disk, "files")) + (w.manifest != NULL);
	out->ok = !rc && !json_array_size(out->problems);
	json_decref(result);
	json_decref(w.wanted);
	json_decref(w.disk);
	json_decref(w.manifest);
	json_decref(w.named);
	json_decref(w.good);
	assay_run_release(&w.run);
	return rc;
}

void assay_verify_release(struct assay_verify *v)
{
	json_decref(v->problems);
	*v = (struct assay_verify){ 0 };
}
