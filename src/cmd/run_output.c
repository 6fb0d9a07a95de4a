/* The result directory of a run: absent or empty, never somebody else's. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cmd/show_result.h"
#include "cmd/run_commands.h"
#include "cmd/run_signals.h"

/* Length of the longest part of a path that is there. */
static size_t existing_bytes(const char *path)
{
	char *p = xstrdup(path);
	size_t n = strlen(p);
	while (n && !assay_fs_exists(p)) {
		while (n && p[n - 1] == '/')
			n--;
		while (n && p[n - 1] != '/')
			n--;
		p[n] = 0;
	}
	free(p);
	return n;
}

void cmd_run_remove_made(char *path, size_t kept_bytes)
{
	for (size_t n = strlen(path); n > kept_bytes; path[n] = 0) {
		rmdir(path); /* fails where somebody else wrote, as it should */
		while (n && path[n - 1] == '/')
			n--;
		while (n && path[n - 1] != '/')
			n--;
	}
}

static void remove_made(const struct cmd_run *r)
{
	char *p = xstrdup(r->dir);
	cmd_run_remove_made(p, r->kept_bytes);
	free(p);
}

/* DIR given with -o. */
static int take_given(struct cmd_run *r, struct assay_err *e)
{
	struct assay_err why = ASSAY_ERR_INIT;
	r->kept_bytes = existing_bytes(r->dir);
	if (assay_fs_is_dir(r->dir)) {
		int empty = assay_fs_is_empty(r->dir);
		if (cmd_not_in_use(r->dir, e))
			return e->code;
		if (empty < 0)
			return assay_fail(e, ASSAY_E_USAGE, "--output %s: cannot read: %s", r->dir, strerror(errno));
		if (!empty && cmd_run_resumes(r))
			return cmd_run_resume(r, e);
		if (!empty)
			return assay_fail(e, ASSAY_E_USAGE, "--output %s: not empty; an existing result is never overwritten: choose another directory", r->dir);
	} else if (assay_fs_exists(r->dir)) {
		return assay_fail(e, ASSAY_E_USAGE, "--output %s: a file, not a directory", r->dir);
	} else if (assay_fs_mkdir_p(r->dir, &why)) {
		remove_made(r);
		return assay_fail(e, ASSAY_E_USAGE, "--output: %s", why.msg);
	} else {
		r->made_dir = true;
	}
	return 0;
}

static void slug(const char *name, char *out, size_t size_bytes)
{
	size_t n = 0;
	for (; *name && n + 1 < size_bytes; name++)
		out[n++] = isalnum((unsigned char)*name) || *name == '.' || *name == '-' ? (char)tolower((unsigned char)*name) : '-';
	out[n] = 0;
}

/* results/<UTC time>-<verb>-<model>, then -2, -3: mkdir decides, so that two runs of one second do not meet. */
static int take_default(struct cmd_run *r, struct assay_err *e)
{
	struct assay_err why = ASSAY_ERR_INIT;
	char when[32], model[100];
	time_t now = time(NULL);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm);
	slug(r->shape.name, model, sizeof model);
	r->kept_bytes = assay_fs_exists("results") ? strlen("results/") : 0;
	if (assay_fs_mkdir_p("results", &why))
		return assay_fail(e, ASSAY_E_USAGE, "%s; name a directory with --output", why.msg);
	for (int k = 1; k < 1000; k++) {
		char *dir = k == 1 ? xasprintf("results/%s-%s-%s", when, r->verb->name, model) : xasprintf("results/%s-%s-%s-%d", when, r->verb->name, model, k);
		int made = mkdir(dir, 0777);
		if (made == 0) {
			r->dir = dir;
			r->made_dir = true;
			return 0;
		}
		int errno_was = errno;
		if (errno_was != EEXIST)
			assay_fail(e, ASSAY_E_USAGE, "%s: cannot create: %s; name a directory with --output", dir, strerror(errno_was));
		free(dir);
		if (errno_was != EEXIST)
			return e->code;
	}
	return assay_fail(e, ASSAY_E_USAGE, "results/%s-%s-%s: a thousand such names are taken; name a directory with --output", when, r->verb->name, model);
}

int cmd_run_output(struct cmd_run *r, struct assay_err *e)
{
	const char *given = assay_options_str(r->o, "output");
	if (given)
		r->dir = xstrdup(given);
	int rc = given ? take_given(r, e) : take_default(r, e);
	if (!rc && access(r->dir, W_OK | X_OK)) {
		rc = assay_fail(e, ASSAY_E_USAGE, "%s: not writable: %s", r->dir, strerror(errno));
		cmd_run_output_undo(r);
	}
	if (!rc)
		cmd_signals_made(r->made_dir ? r->dir : NULL, r->kept_bytes);
	return rc;
}

/* It stays where it tells why an engine failed. */
static void drop_engine_log(const struct cmd_run *r)
{
	char *log = r->dir ? xasprintf("%s/" ASSAY_ENGINE_LOG, r->dir) : NULL;
	struct stat st;
	if (log && !stat(log, &st) && (st.st_size == 0 || cmd_signal_seen()))
		unlink(log);
	free(log);
}

void cmd_run_output_undo(struct cmd_run *r)
{
	if (r->resumed)
		return; /* what was measured before stays */
	if (r->recorded) {
		char *journal = xasprintf("%s/journal.bin", r->dir);
		unlink(journal);
		free(journal);
	}
	if (r->logged) {
		char *log = xasprintf("%s/" CMD_COMMANDS_LOG, r->dir);
		unlink(log);
		free(log);
	}
	drop_engine_log(r);
	if (r->dir && r->made_dir)
		remove_made(r);
}
