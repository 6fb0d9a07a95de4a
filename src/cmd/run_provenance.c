/* The files that a run's options name, hashed: the model, the engine's file, prompts, targets, the job. For reproducing a result and for
 * telling why two differ. Hashing comes after the load and before the first request: it is no part of a measurement. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "cmd/run.h"
#include "nn/source.h"
#include "telemetry/provenance.h"

/* A model of up to this many bytes in all is hashed whole; of a larger one, each file over FULL_FILE is sampled. */
#define FULL_MODEL (UINT64_C(1) << 30)
#define FULL_FILE (UINT64_C(64) << 20)
enum { MODEL_FILES_MAX = 1000 };

static void add(json_t *inputs, const char *role, const char *path, uint64_t full_max)
{
	json_t *o = assay_provenance_file(path, full_max);
	json_object_set_new(o, "role", json_string(role));
	json_array_append_new(inputs, o);
}

static int model_file(const struct dirent *x)
{
	static const char *const ends[] = { ".json", ".txt", ".safetensors", ".gguf", ".model", ".jinja" };
	size_t n = strlen(x->d_name);
	for (size_t i = 0; x->d_name[0] != '.' && i < sizeof ends / sizeof *ends; i++)
		if (n > strlen(ends[i]) && !strcmp(x->d_name + n - strlen(ends[i]), ends[i]))
			return 1;
	return 0;
}

static int config_file(const struct dirent *x) { return !strcmp(x->d_name, "config.json"); }

static uint64_t bytes_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void add_folder(json_t *inputs, const char *dir, bool shape_only)
{
	struct dirent **list = NULL;
	char *paths[MODEL_FILES_MAX];
	uint64_t all = 0;
	int found = scandir(dir, &list, shape_only ? config_file : model_file, alphasort), n = 0;
	for (int i = 0; i < found; i++) {
		if (n < MODEL_FILES_MAX) {
			paths[n] = xasprintf("%s/%s", dir, list[i]->d_name);
			all += bytes_of(paths[n++]);
		}
		free(list[i]);
	}
	free(list);
	for (int i = 0; i < n; i++) {
		add(inputs, "model", paths[i], all > FULL_MODEL ? FULL_FILE : FULL_MODEL);
		free(paths[i]);
	}
}

/* These take only shape and context from -m. */
static bool takes_shape_only(const char *engine)
{
	return !strcmp(engine, "null") || !strncmp(engine, "sim:", 4) || !strncmp(engine, "replay:", 7);
}

static void add_model(json_t *inputs, const char *model, const char *engine)
{
	char *path = nn_preset_find(model) ? NULL : !strcmp(model, "smollm2") ? nn_smollm2_path() : xstrdup(model);
	if (path && assay_fs_is_dir(path))
		add_folder(inputs, path, takes_shape_only(engine));
	else if (path && assay_fs_exists(path) && !takes_shape_only(engine))
		add(inputs, "model", path, FULL_MODEL);
	free(path);
}

/* "sim:FILE", "sim:FILE@N", "replay:DIR". */
static void add_engine(json_t *inputs, const char *engine)
{
	const char *colon = strchr(engine, ':');
	if (!colon)
		return;
	char *path = xstrdup(colon + 1), *at = strrchr(path, '@'), *journal = xasprintf("%s/journal.bin", path);
	if (at && !assay_fs_exists(path))
		*at = 0;
	if (assay_fs_exists(journal))
		add(inputs, "engine", journal, FULL_MODEL);
	else if (assay_fs_exists(path) && !assay_fs_is_dir(path))
		add(inputs, "engine", path, FULL_MODEL);
	free(journal);
	free(path);
}

/* A worker's program, as the engine found it. */
static void add_worker(json_t *inputs, const struct assay_engine_info *g)
{
	const char *file = assay_json_get_str(g->effective, "worker", NULL);
	if (file && assay_fs_exists(file) && !assay_fs_is_dir(file))
		add(inputs, "engine", file, FULL_MODEL);
}

/* An option that came from the environment: ASSAY_NAME. */
static void add_variable(json_t *environment, const char *option)
{
	char name[80];
	assay_options_variable(option, name);
	const char *value = getenv(name);
	if (value && *value)
		json_object_set_new(environment, name, json_string(value));
}

json_t *cmd_run_provenance(const struct cmd_run *r)
{
	const struct assay_opt *const *rows;
	json_t *o = assay_provenance(), *inputs = json_array();
	int n = assay_options_rows(r->o, &rows);
	add_model(inputs, assay_options_str(r->o, "model"), assay_options_str(r->o, "engine"));
	add_engine(inputs, assay_options_str(r->o, "engine"));
	add_worker(inputs, r->engine->ops->info(r->engine));
	for (int i = 0; i < n; i++) { /* --prompts, --targets, --job, ... */
		const char *path = rows[i]->kind == ASSAY_OPT_STR && rows[i]->arg && strstr(rows[i]->arg, "FILE") ? assay_options_str(r->o, rows[i]->name) : NULL;
		if (path && assay_fs_exists(path) && !assay_fs_is_dir(path))
			add(inputs, rows[i]->name, path, FULL_MODEL);
		add_variable(json_object_get(o, "environment"), rows[i]->name);
	}
	json_object_set_new(o, "inputs", inputs);
	return o;
}
