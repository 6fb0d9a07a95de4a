/* From the name a user gives to a model: a preset, "smollm2", a directory, or a
 * GGUF file. The only place that knows which kinds exist. */
#include "nn/source.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/options.h"

#define SMOLLM2 "smollm2"
#define SMOLLM2_FILE "models/SmolLM2-135M-Instruct.Q4_1.gguf"

enum kind { KIND_PRESET, KIND_DIR, KIND_GGUF };

struct place {
	enum kind kind;
	const struct nn_shape *preset;
	char *path;                /* owned */
	bool smollm2;
};

char *nn_smollm2_path(void)
{
	char *cache = assay_fs_cache_dir(), *path = xasprintf("%s/" SMOLLM2_FILE, cache);
	free(cache);
	if (assay_fs_exists(path))
		return path;
	free(path);
	return NULL;
}

/* The nearest name that -m knows, or NULL. */
static const char *nearest(const char *name)
{
	int n;
	const struct nn_shape *t = nn_preset_table(&n);
	const char **names = xalloc((size_t)(n + 1) * sizeof *names);
	for (int i = 0; i < n; i++)
		names[i] = t[i].name;
	names[n] = SMOLLM2;
	const char *near = assay_nearest(name, names, n + 1);
	free(names);
	return near;
}

static int unknown(const char *name, struct assay_err *e)
{
	const char *near = nearest(name);
	return assay_fail(e, ASSAY_E_USAGE, "model \"%.100s\" is unknown%s%s%s: `assay models list` shows all; a directory or .gguf file works too", name, near ? " (did you mean " : "",
	                  near ? near : "", near ? "?)" : "");
}

static bool is_gguf_name(const char *name)
{
	size_t n = strlen(name);
	return n > 5 && !strcmp(name + n - 5, ".gguf");
}

static int locate(const char *name, struct place *p, struct assay_err *e)
{
	*p = (struct place){ .preset = nn_preset_find(name) };
	if (p->preset)
		return 0;
	p->smollm2 = !strcmp(name, SMOLLM2);
	p->path = p->smollm2 ? nn_smollm2_path() : xstrdup(name);
	if (!p->path)
		return assay_fail(e, ASSAY_E_USAGE, "model smollm2: its file is not in the cache: fetch it with `sh setup.sh model`");
	if (p->smollm2 || (assay_fs_exists(name) && is_gguf_name(name)))
		p->kind = KIND_GGUF;
	else if (assay_fs_is_dir(name))
		p->kind = KIND_DIR;
	else if (assay_fs_exists(name))
		return assay_fail(e, ASSAY_E_MODEL, "%s: not a model: give a preset, a Hugging Face directory or a .gguf file", name);
	else if (strchr(name, '/') || is_gguf_name(name))
		return assay_fail(e, ASSAY_E_USAGE, "%s: no such model file or directory (nothing is downloaded by name; `assay models list` shows what is known)", name);
	else
		return unknown(name, e);
	return 0;
}

static void name_smollm2(const struct place *p, struct nn_shape *s)
{
	if (p->smollm2)
		memcpy(s->name, SMOLLM2, sizeof SMOLLM2);
}

int nn_source_open(const char *name, uint64_t seed, struct nn_source **out, struct assay_err *e)
{
	struct place p;
	*out = NULL;
	int rc = locate(name, &p, e);
	if (!rc && p.preset)
		rc = nn_synth_open(p.preset, seed, out, e);
	else if (!rc && p.kind == KIND_DIR)
		rc = nn_safetensors_open(p.path, out, e);
	else if (!rc)
		rc = nn_gguf_open(p.path, out, e);
	if (!rc)
		name_smollm2(&p, &(*out)->shape);
	free(p.path);
	return rc;
}

int nn_shape_of(const char *name, struct nn_shape *out, struct assay_err *e)
{
	struct place p;
	int rc = locate(name, &p, e);
	if (!rc && p.preset)
		*out = *p.preset;
	else if (!rc && p.kind == KIND_DIR)
		rc = nn_config_read(p.path, out, e);
	else if (!rc)
		rc = nn_gguf_shape(p.path, out, e);
	if (!rc)
		name_smollm2(&p, out);
	if (!rc && out->stored == NN_AUTO)
		out->stored = NN_F32;
	free(p.path);
	return rc;
}

void nn_source_close(struct nn_source *s)
{
	if (s)
		s->ops->close(s);
}
