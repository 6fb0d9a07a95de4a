/* The faces again, from the journal: into a temporary folder, then file by file against the directory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "report/report.h"
#include "report/verify_work.h"

/* Legacy exports and faces that --format must name are made on request: only those are made again that are here, or should be. */
static bool is_due(const struct verify_work *w, const struct assay_face *f)
{
	const json_t *lists[2] = { json_object_get(w->disk, "files"), json_object_get(w->manifest, "files") };
	char folder[64];
	size_t i;
	json_t *entry;
	if (f->only_named)
		return verify_entry(w->disk, f->only_named) || verify_entry(w->manifest, f->only_named);
	if (!f->legacy)
		return true;
	int n = snprintf(folder, sizeof folder, "legacy/%s/", f->name);
	for (int k = 0; k < 2; k++)
		json_array_foreach(lists[k], i, entry)
			if (!strncmp(assay_json_get_str(entry, "path", ""), folder, (size_t)n))
				return true;
	return false;
}

/* A file that the faces gave; one that is neither here nor promised was not asked for. */
static int check_file(struct verify_work *w, const char *made_in, const char *path, struct assay_err *e)
{
	struct assay_buf b;
	char *full = xasprintf("%s/%s", made_in, path);
	int rc = 0;
	assay_buf_init(&b, VERIFY_BYTES_MAX);
	if (verify_entry(w->disk, path)) {
		rc = assay_fs_read(full, &b, ASSAY_E_IO, e);
		if (!rc)
			rc = verify_compare(w, path, &b, e);
	}
	assay_buf_release(&b);
	free(full);
	return rc;
}

/* In memory where there is such a place: faces are synced as they are written, and these are thrown away. */
char *assay_verify_scratch(struct assay_err *e)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/assay-verify-XXXXXX", tmp && *tmp ? tmp : access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(dir))
		return dir;
	assay_fail(e, ASSAY_E_IO, "%s: cannot create: %s; name a folder with TMPDIR", dir, strerror(errno));
	free(dir);
	return NULL;
}

int verify_faces(struct verify_work *w, struct assay_err *e)
{
	char *made_in = assay_verify_scratch(e);
	json_t *made = NULL, *entry;
	int n, rc = 0;
	size_t i;
	const struct assay_face *const *faces = assay_faces(&n);
	if (!made_in)
		return e->code;
	for (int k = 0; k < n && !rc; k++)
		if (is_due(w, faces[k]))
			rc = faces[k]->write(w->wanted, &w->run, made_in, e);
	if (!rc && !(made = assay_manifest_build(made_in, e)))
		rc = e->code;
	json_array_foreach(json_object_get(made, "files"), i, entry)
		if (!rc)
			rc = check_file(w, made_in, assay_json_get_str(entry, "path", ""), e);
	json_decref(made);
	assay_fs_remove_tree(made_in);
	free(made_in);
	return rc;
}
