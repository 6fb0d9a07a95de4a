/* Faces of a result: which are written, what stdout gets, and the exit status that a document means. See show_result.h. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/json.h"
#include "base/term.h"
#include "cmd/show_result.h"
#include "report/report.h"

static bool chosen(const struct assay_options *o, const struct assay_face *f)
{
	if (f->legacy)
		return assay_options_is_set(o, "legacy") && assay_options_has(o, "legacy", f->name);
	if (!assay_options_is_set(o, "format"))
		return !f->only_named;
	return assay_options_has(o, "format", f->name);
}

int cmd_faces_write(const struct assay_options *o, const json_t *result, const struct assay_run *run, const char *dir, struct assay_err *e)
{
	int n, rc = 0;
	const struct assay_face *const *faces = assay_faces(&n);
	for (int i = 0; i < n; i++) {
		struct assay_err mine = ASSAY_ERR_INIT;
		if (chosen(o, faces[i]) && faces[i]->write(result, run, dir, &mine) && !rc) {
			*e = mine;
			rc = mine.code;
		}
	}
	return rc ? rc : assay_manifest_write(dir, e);
}

void cmd_result_print(const struct assay_options *o, const json_t *result)
{
	struct assay_term term;
	if (assay_options_flag(o, "json")) {
		cmd_print_json(result, NULL);
		return;
	}
	assay_term_init(&term, STDOUT_FILENO, assay_options_flag(o, "color"));
	assay_face_terminal(result, stdout, &term);
}

int cmd_result_status(const json_t *result)
{
	const json_t *targets = json_object_get(result, "targets");
	if (!strcmp(assay_json_get_str(json_object_get(result, "verdict"), "state", ""), "INVALID"))
		return ASSAY_EXIT_INVALID;
	for (size_t i = 0; i < json_array_size(targets); i++)
		if (!strcmp(assay_json_get_str(json_array_get(targets, i), "status", ""), "fail"))
			return ASSAY_EXIT_FAILED;
	const json_t *notes = json_object_get(result, "notes");
	for (size_t i = 0; i < json_array_size(notes); i++)
		if (!strcmp(assay_json_get_str(json_array_get(notes, i), "code", ""), "aborted"))
			return ASSAY_EXIT_FAILED;
	return ASSAY_EXIT_OK;
}

bool cmd_result_whole(const json_t *result)
{
	json_t *copy = json_copy((json_t *)result);
	bool whole = !assay_result_identify(copy, NULL) && !strcmp(assay_json_get_str(copy, "id", ""), assay_json_get_str(result, "id", "?"));
	json_decref(copy);
	return whole;
}

int cmd_not_in_use(const char *dir, struct assay_err *e)
{
	char path[4200];
	int rc = 0;
	snprintf(path, sizeof path, "%.4090s/journal.bin", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB))
		rc = assay_fail(e, ASSAY_E_USAGE, "%s: in use: a run is still writing there", dir);
	if (fd >= 0)
		close(fd);
	return rc;
}
