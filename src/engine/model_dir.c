/* See model_dir.h: names, the lock, what counts as whole. Must not know who loads it. */
#include "engine/model_dir.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "nn/export.h"

#define WAIT_NS (100 * ASSAY_NS_PER_MS)
enum { FILE_ID = 8 };

static bool is_dir(const char *model) { return !nn_preset_find(model) && assay_fs_is_dir(model); }

/* Of a model file: another path, size or time is another model. */
static void file_id(const char *model, char out[FILE_ID + 1])
{
	char *path = !strcmp(model, "smollm2") ? nn_smollm2_path() : realpath(model, NULL), hex[65];
	struct stat st = { 0 };
	if (path)
		stat(path, &st);
	char *text = xasprintf("%s %lld %lld.%09ld", path ? path : model, (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	assay_sha256_hex(text, strlen(text), hex);
	memcpy(out, hex, FILE_ID);
	out[FILE_ID] = 0;
	free(text);
	free(path);
}

enum nn_dtype assay_model_dir_dtype(const struct assay_model_dir *m, const struct nn_shape *shape)
{
	enum nn_dtype t = (enum nn_dtype)nn_dtype_parse(m->dtype);
	return t == NN_AUTO ? nn_dtype_auto(shape->stored) : t;
}

char *assay_model_dir_path(const struct assay_model_dir *m, const struct nn_shape *shape)
{
	char id[FILE_ID + 1], name[sizeof shape->name];
	if (is_dir(m->model))
		return xstrdup(m->model);
	memcpy(name, shape->name, sizeof name);
	for (char *c = name; *c; c++)
		*c = isalnum((unsigned char)*c) || strchr("._-", *c) ? *c : '_';
	file_id(m->model, id);
	char *cache = assay_fs_cache_dir(), *which = shape->synthetic ? xasprintf("seed%llu", (unsigned long long)m->seed) : xstrdup(id);
	char *path = xasprintf("%s/exports/%s-%s-%s", cache, name, nn_dtype_name(assay_model_dir_dtype(m, shape)), which);
	free(which);
	free(cache);
	return path;
}

/* What killed exports of this directory left: PATH.PID.tmp. The lock is held. */
static void sweep_out(const char *path)
{
	char *folder = xstrdup(path), *base = strrchr(folder, '/');
	*base++ = 0;
	size_t n = strlen(base);
	DIR *d = opendir(folder);
	for (struct dirent *x; d && (x = readdir(d));) {
		size_t len = strlen(x->d_name);
		if (len <= n + 4 || strncmp(x->d_name, base, n) || x->d_name[n] != '.' || strcmp(x->d_name + len - 4, ".tmp"))
			continue;
		char *left = xasprintf("%s/%s", folder, x->d_name);
		assay_fs_remove_tree(left);
		free(left);
	}
	if (d)
		closedir(d);
	free(folder);
}

/* The lock of one directory: PATH.lock, kept for good. */
static int lock(const struct assay_model_dir *m, const char *path, int *fd, struct assay_err *e)
{
	char *file = xasprintf("%s.lock", path), *folder = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
	int rc = assay_fs_mkdir_p(folder, e);
	*fd = rc ? -1 : open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (!rc && *fd < 0)
		rc = assay_fail(e, ASSAY_E_IO, "%s: cannot write: %s", file, strerror(errno));
	while (!rc && flock(*fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			rc = assay_fail(e, ASSAY_E_IO, "%s: cannot lock: %s", file, strerror(errno));
		else if (m->cancelled && m->cancelled())
			rc = assay_fail(e, ASSAY_E_INTERRUPT, "interrupted while another process exports the model");
		else if (m->progress)
			m->progress(m->arg, 0, 0);
		assay_sleep_until_ns(assay_now_ns() + WAIT_NS);
	}
	free(folder);
	free(file);
	return rc;
}

static int write_it(const struct assay_model_dir *m, const char *path, struct assay_err *e)
{
	struct nn_export_report r;
	struct nn_source *src = NULL;
	int rc = nn_source_open(m->model, m->seed, &src, e);
	if (rc)
		return rc;
	struct nn_export_options o = { .dtype = assay_model_dir_dtype(m, &src->shape), .tokenizer = m->model, .seed = m->seed, .progress = m->progress, .arg = m->arg };
	src->cancelled = m->cancelled;
	rc = nn_export(src, &o, path, &r, e);
	nn_source_close(src);
	return rc;
}

int assay_model_dir_make(const struct assay_model_dir *m, const char *path, struct assay_err *e)
{
	int fd = -1;
	if (is_dir(m->model) || nn_export_whole(path))
		return 0;
	int rc = lock(m, path, &fd, e);
	if (!rc && !nn_export_whole(path)) { /* else it was written while we waited */
		sweep_out(path);
		assay_fs_remove_tree(path);
		rc = write_it(m, path, e);
	}
	if (fd >= 0)
		close(fd);
	if (rc && rc != ASSAY_E_INTERRUPT && (rc == ASSAY_E_IO || fd < 0))
		assay_fail_so(e, " (a place for the worker's copy: XDG_CACHE_HOME=DIR; or assay models export %.60s DIR, and -m DIR)", m->model);
	return rc;
}
