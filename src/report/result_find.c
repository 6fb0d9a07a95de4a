/* See result_find.h. */
#include "report/result_find.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fs.h"

enum { DEPTH_MAX = 8 };

bool assay_result_here(const char *dir)
{
	static const char *const names[] = { "result.json", "journal.bin", "manifest.json" };
	bool here = false;
	for (int i = 0; i < 3 && !here; i++) {
		char *path = xasprintf("%s/%s", dir, names[i]);
		here = assay_fs_exists(path);
		free(path);
	}
	return here;
}

static int visible(const struct dirent *x) { return x->d_name[0] != '.'; }

static int find(const char *dir, int depth, int (*each)(void *, const char *, struct assay_err *), void *arg, struct assay_err *e)
{
	struct dirent **list = NULL;
	int rc = assay_result_here(dir) ? each(arg, dir, e) : 0, n = rc || !depth ? 0 : scandir(dir, &list, visible, alphasort);
	for (int i = 0; i < n; i++) {
		struct stat st;
		char *sub = xasprintf("%s/%s", dir, list[i]->d_name);
		if (!rc && lstat(sub, &st) == 0 && S_ISDIR(st.st_mode))
			rc = find(sub, depth - 1, each, arg, e);
		free(sub);
		free(list[i]);
	}
	free(list);
	return rc;
}

int assay_results_find(const char *dir, int (*each)(void *, const char *, struct assay_err *), void *arg, struct assay_err *e)
{
	if (!assay_fs_is_dir(dir))
		return assay_fail(e, ASSAY_E_USAGE, assay_fs_exists(dir) ? "%s: a file: name the folder that holds results" : "%s: no such directory", dir);
	return find(dir, DEPTH_MAX, each, arg, e);
}
