/* See baselines.h. A name is taken by rename(2) of a folder that is complete and synced. */
#include "result/baselines.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "result/result.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

int assay_baseline_name(const char *name, struct assay_err *e)
{
	size_t n = strlen(name);
	if (!n || n > 64 || strspn(name, LETTERS "._-") != n || *name == '.' || *name == '-')
		return assay_fail(e, ASSAY_E_USAGE, "\"%.80s\" cannot name a baseline: 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter, a digit or '_'", name);
	return 0;
}

static char *root(void)
{
	char *data = assay_fs_data_dir(), *dir = xasprintf("%s/baselines", data);
	free(data);
	return dir;
}

char *assay_baseline_path(const char *machine, const char *name)
{
	char *r = root(), *path = xasprintf("%s/%s/%s", r, machine, name);
	free(r);
	return path;
}

/* The folders of a path's last part, made. */
static int make_parent(const char *path, struct assay_err *e)
{
	char *parent = xstrdup(path);
	*strrchr(parent, '/') = 0;
	int rc = assay_fs_mkdir_p(parent, e);
	free(parent);
	return rc;
}

static int copy_files(const char *from, const char *to, struct assay_err *e)
{
	json_t *manifest = assay_manifest_build(from, e), *entry;
	int rc = manifest ? 0 : e->code;
	size_t i;
	json_array_foreach(json_object_get(manifest, "files"), i, entry) {
		const char *name = assay_json_get_str(entry, "path", "");
		char *a = xasprintf("%s/%s", from, name), *b = xasprintf("%s/%s", to, name);
		if (!rc && !(rc = make_parent(b, e)))
			rc = assay_fs_copy(a, b, e);
		free(a);
		free(b);
	}
	json_decref(manifest);
	return rc ? rc : assay_manifest_write(to, e);
}

/* tmp takes the name; what had it goes to `old`. */
static int take_name(const char *tmp, const char *path, const char *old, bool replace, struct assay_err *e)
{
	if (rename(tmp, path) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return assay_fail(e, ASSAY_E_IO, "%s: cannot rename into place: %s", path, strerror(errno));
	if (!replace)
		return assay_fail(e, ASSAY_E_USAGE, "%s: taken: choose another name, or --replace", path);
	if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_EXCHANGE) && (rename(path, old) || rename(tmp, path)))
		return assay_fail(e, ASSAY_E_IO, "%s: cannot rename into place: %s", path, strerror(errno));
	return 0;
}

int assay_baseline_save(const char *dir, const char *machine, const char *name, bool replace, struct assay_err *e)
{
	if (assay_baseline_name(name, e))
		return e->code;
	char *path = assay_baseline_path(machine, name), *r = root();
	char *tmp = xasprintf("%s/%s/.%s.%ld.new", r, machine, name, (long)getpid()), *old = xasprintf("%s/%s/.%s.%ld.old", r, machine, name, (long)getpid());
	assay_fs_remove_tree(tmp); /* of a process that was killed */
	int rc = assay_fs_mkdir_p(tmp, e);
	if (!rc)
		rc = copy_files(dir, tmp, e);
	if (!rc)
		rc = take_name(tmp, path, old, replace, e);
	assay_fs_remove_tree(tmp);
	assay_fs_remove_tree(old);
	free(r);
	free(tmp);
	free(old);
	free(path);
	return rc;
}

int assay_baseline_remove(const char *machine, const char *name, struct assay_err *e)
{
	char *path = assay_baseline_path(machine, name);
	int rc = assay_baseline_name(name, e);
	if (!rc && !assay_fs_is_dir(path))
		rc = assay_fail(e, ASSAY_E_USAGE, "%s: no such baseline", path);
	else if (!rc && assay_fs_remove_tree(path))
		rc = assay_fail(e, ASSAY_E_IO, "%s: cannot remove: %s", path, strerror(errno));
	free(path);
	return rc;
}

static int visible(const struct dirent *x) { return x->d_name[0] != '.'; }

static int each_of(const char *dir, const char *machine, const char *name, int (*each)(void *, const char *, const char *, const char *), void *arg)
{
	struct dirent **list = NULL;
	int rc = 0, n = scandir(dir, &list, visible, alphasort);
	for (int i = 0; i < n; i++) {
		char *path = xasprintf("%s/%s", dir, list[i]->d_name);
		if (!rc && (!name || !strcmp(name, list[i]->d_name)) && assay_fs_is_dir(path))
			rc = each(arg, machine, list[i]->d_name, path);
		free(path);
		free(list[i]);
	}
	free(list);
	return rc;
}

int assay_baselines_each(const char *name, int (*each)(void *, const char *, const char *, const char *), void *arg)
{
	struct dirent **list = NULL;
	char *r = root();
	int rc = 0, n = scandir(r, &list, visible, alphasort);
	for (int i = 0; i < n; i++) {
		char *dir = xasprintf("%s/%s", r, list[i]->d_name);
		if (!rc)
			rc = each_of(dir, list[i]->d_name, name, each, arg);
		free(dir);
		free(list[i]);
	}
	free(list);
	free(r);
	return rc;
}
