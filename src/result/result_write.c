/* The result document and the manifest on disk: identity, hashes, atomic writing. Must not know what the
 * document's numbers mean. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/utf8.h"
#include "core/journal_format.h"
#include "result/result.h"

#define RESULT_BYTES_MAX ((size_t)1 << 30)
#define MANIFEST_DEPTH 3

static int file_entry(const char *dir, const char *name, json_t *list, struct assay_err *e)
{
	char hash[65], *path = xasprintf("%s/%s", dir, name);
	struct assay_buf text; /* a name need not be UTF-8 */
	uint64_t bytes;
	assay_buf_init(&text, 4 * strlen(name) + 4);
	assay_utf8_repair(name, strlen(name), &text);
	int rc = assay_fs_sha256(path, hash, &bytes, e);
	if (!rc)
		json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "path", text.data ? text.data : "", "bytes", (json_int_t)bytes, "sha256", hash));
	assay_buf_release(&text);
	free(path);
	return rc;
}

static int write_json(const char *dir, const char *name, const json_t *v, struct assay_err *e)
{
	char *path = xasprintf("%s/%s", dir, name);
	int rc = assay_json_save(path, v, 1, RESULT_BYTES_MAX, e);
	free(path);
	return rc;
}

/* SHA-256 of the bytes that would be written, id empty. */
int assay_result_identify(json_t *result, struct assay_err *e)
{
	struct assay_buf b;
	char hash[65];
	json_object_set_new(result, "id", json_string(""));
	assay_buf_init(&b, RESULT_BYTES_MAX);
	int rc = assay_json_print(&b, result, 1);
	if (rc)
		rc = assay_fail(e, ASSAY_E_IO, "result.json: larger than %zu bytes", RESULT_BYTES_MAX);
	else
		assay_sha256_hex(b.data, b.len_bytes, hash);
	assay_buf_release(&b);
	if (!rc)
		json_object_set_new(result, "id", json_string(hash));
	return rc;
}

static bool has_file(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	bool there = assay_fs_exists(path);
	free(path);
	return there;
}

int assay_result_complete(const char *dir, json_t *result, struct assay_err *e)
{
	json_t *files = json_array();
	char name[32] = JOURNAL_FILE;
	int rc = 0;
	for (uint32_t i = 0; !rc && (!i || has_file(dir, name)); journal_segment_name(++i, name))
		rc = file_entry(dir, name, files, e);
	json_object_set_new(result, "files", files);
	return rc ? rc : assay_result_identify(result, e);
}

int assay_result_write(const char *dir, json_t *result, struct assay_err *e)
{
	int rc = assay_result_complete(dir, result, e);
	return rc ? rc : write_json(dir, "result.json", result, e);
}

json_t *assay_result_load(const char *dir, struct assay_err *e)
{
	char *path = xasprintf("%s/result.json", dir);
	json_t *v = assay_json_load(path, RESULT_BYTES_MAX, ASSAY_E_DATA, e);
	const char *schema = assay_json_get_str(v, "schema", "");
	if (v && strcmp(schema, ASSAY_RESULT_SCHEMA)) {
		bool other = !strncmp(schema, "assay.result/", 13);
		assay_fail(e, ASSAY_E_DATA, other ? "%s: %.40s is of another assay; this one reads " ASSAY_RESULT_SCHEMA : "%s: not a result document of schema " ASSAY_RESULT_SCHEMA, path, schema);
		json_decref(v);
		v = NULL;
	}
	free(path);
	return v;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in dir/sub, sorted; the caller frees names and list. *n = 0 when it cannot be read. */
static char **names_in(const char *dir, const char *sub, size_t *n)
{
	char **list = NULL, *path = xasprintf("%s/%s", dir, sub);
	DIR *d = opendir(path);
	*n = 0;
	for (struct dirent *x; d && (x = readdir(d));) {
		if (x->d_name[0] == '.')
			continue;
		list = xrealloc(list, (*n + 1) * sizeof *list);
		list[(*n)++] = xasprintf("%s%s%s", sub, *sub ? "/" : "", x->d_name);
	}
	if (d)
		closedir(d);
	if (*n)
		qsort(list, *n, sizeof *list, by_name);
	free(path);
	return list;
}

static int add_tree(const char *dir, const char *sub, int depth, json_t *files, struct assay_err *e)
{
	size_t n;
	int rc = 0;
	char **names = names_in(dir, sub, &n);
	for (size_t i = 0; i < n; i++) {
		struct stat st;
		char *path = xasprintf("%s/%s", dir, names[i]);
		size_t len = strlen(names[i]);
		bool ours = strcmp(names[i], "manifest.json") && (len < 4 || strcmp(names[i] + len - 4, ".tmp"));
		if (!rc && lstat(path, &st) == 0 && ours) {
			if (S_ISDIR(st.st_mode) && depth > 1)
				rc = add_tree(dir, names[i], depth - 1, files, e);
			else if (S_ISREG(st.st_mode))
				rc = file_entry(dir, names[i], files, e);
		}
		free(path);
		free(names[i]);
	}
	free(names);
	return rc;
}

json_t *assay_manifest_build(const char *dir, struct assay_err *e)
{
	json_t *files = json_array();
	int rc = add_tree(dir, "", MANIFEST_DEPTH, files, e);
	json_t *doc = json_pack("{s:s, s:o}", "schema", "assay.manifest/1", "files", files);
	if (rc) {
		json_decref(doc);
		doc = NULL;
	}
	return doc;
}

int assay_manifest_write(const char *dir, struct assay_err *e)
{
	json_t *doc = assay_manifest_build(dir, e);
	int rc = doc ? write_json(dir, "manifest.json", doc, e) : e->code;
	json_decref(doc);
	return rc;
}
