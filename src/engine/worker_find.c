/* See worker_inside.h: where workers and their interpreters lie. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/worker_env.h"
#include "engine/worker_inside.h"

enum { PATH_BYTES = 4096, DIRS = 4 };

/* $ASSAY_WORKERS; beside the program, of a source tree (build/, build/VARIANT/) or of an installation. The caller frees each; some may be NULL. */
static void dirs(char *out[DIRS])
{
	static const char *const ups[] = { "/../workers", "/../../workers", "/../share/assay/workers" };
	char exe[PATH_BYTES];
	const char *own = getenv("ASSAY_WORKERS");
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	exe[n > 0 ? n : 0] = 0;
	char *slash = strrchr(exe, '/');
	if (slash)
		*slash = 0;
	out[0] = own && *own ? xstrdup(own) : NULL;
	for (int i = 1; i < DIRS; i++)
		out[i] = slash ? xasprintf("%s%s", exe, ups[i - 1]) : NULL;
}

static char *real_or_null(char *steal)
{
	char *real = access(steal, R_OK) == 0 ? realpath(steal, NULL) : NULL;
	free(steal);
	return real;
}

char *worker_find_file(const char *name)
{
	char *dir[DIRS], *found = NULL;
	if (strchr(name, '/'))
		return real_or_null(xstrdup(name));
	dirs(dir);
	for (int i = 0; i < DIRS; i++) {
		if (!found && dir[i])
			found = real_or_null(xasprintf("%s/%s.py", dir[i], name));
		free(dir[i]);
	}
	return found;
}

bool assay_engine_is_worker(const char *spec) { return !strncmp(spec, "worker:", 7); }

bool assay_worker_there(const char *name)
{
	char *file = worker_find_file(name);
	bool there = file != NULL;
	free(file);
	return there;
}

char *assay_worker_dir(void)
{
	char *file = worker_find_file("toy"), *slash = file ? strrchr(file, '/') : NULL;
	if (slash)
		*slash = 0;
	return file;
}

char *worker_find_python(const char *name, const char *given)
{
	const char *named = getenv("ASSAY_WORKER_PYTHON");
	char *own = given ? xstrdup(given) : assay_worker_env_python(name);
	return own ? own : xstrdup(named && *named ? named : "python3");
}

static int is_worker(const struct dirent *x)
{
	size_t n = strlen(x->d_name);
	return n > 3 && !strcmp(x->d_name + n - 3, ".py") && strcmp(x->d_name, "common.py");
}

void assay_workers_each(void (*each)(void *arg, const char *name, const char *python, bool own), void *arg)
{
	char *dir[DIRS];
	dirs(dir);
	bool done = false;
	for (int i = 0; i < DIRS; i++) {
		struct dirent **list = NULL;
		int n = done || !dir[i] ? -1 : scandir(dir[i], &list, is_worker, alphasort);
		for (int k = 0; k < n; k++) {
			list[k]->d_name[strlen(list[k]->d_name) - 3] = 0;
			char *own = assay_worker_env_python(list[k]->d_name);
			each(arg, list[k]->d_name, own ? own : "python3", own != NULL);
			free(own);
			free(list[k]);
		}
		done = done || n > 0; /* the first place that has any */
		free(list);
		free(dir[i]);
	}
}
