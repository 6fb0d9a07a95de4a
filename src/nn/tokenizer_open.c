/* From a model's name to its tokenizer: which files a kind of model keeps it in.
 * What the files mean is the readers' business (tokenizer_parts.h). */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "nn/source.h"
#include "nn/tokenizer_parts.h"

#define MAX_CONFIG_BYTES (16u << 20)

static char *in_dir(const char *dir, const char *file)
{
	char *path = xasprintf("%s/%s", dir, file);
	if (assay_fs_exists(path))
		return path;
	free(path);
	return NULL;
}

static int open_json(const char *path, struct nn_tokenizer **out, char **why, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, NN_TOKENIZER_FILE_MAX);
	int rc = assay_fs_read(path, &b, ASSAY_E_MODEL, e);
	if (!rc)
		rc = nn_tokenizer_from_json(b.data ? b.data : "", b.len_bytes, path, out, why, e);
	assay_buf_release(&b);
	return rc;
}

static int open_pair(const char *vocab_path, const char *merges_path, const json_t *config, struct nn_tokenizer **out, char **why, struct assay_err *e)
{
	struct assay_buf merges;
	assay_buf_init(&merges, NN_TOKENIZER_FILE_MAX);
	json_t *vocab = assay_json_load(vocab_path, NN_TOKENIZER_FILE_MAX, ASSAY_E_MODEL, e);
	int rc = vocab ? assay_fs_read(merges_path, &merges, ASSAY_E_MODEL, e) : ASSAY_E_MODEL;
	if (!rc && merges.data && memchr(merges.data, 0, merges.len_bytes))
		rc = assay_fail(e, ASSAY_E_MODEL, "%s: holds a NUL byte: not a text file", merges_path);
	if (!rc)
		rc = nn_tokenizer_from_pair(vocab, merges.data ? merges.data : "", config, vocab_path, out, why, e);
	json_decref(vocab);
	assay_buf_release(&merges);
	return rc;
}

/* The template that tokenizer_config.json holds: a string, or a list whose entry "default" counts. */
static const char *template_of(const json_t *config)
{
	const json_t *t = json_object_get(config, "chat_template");
	for (size_t i = 0; i < json_array_size(t); i++)
		if (!strcmp(assay_json_get_str(json_array_get(t, i), "name", ""), "default"))
			return assay_json_get_str(json_array_get(t, i), "template", NULL);
	return json_string_value(t);
}

static int load_chat(const char *dir, const json_t *config, struct nn_tokenizer *t, struct assay_err *e)
{
	struct assay_buf b;
	int rc = 0;
	const char *tmpl = template_of(config);
	char *path = in_dir(dir, "chat_template.jinja");
	assay_buf_init(&b, MAX_CONFIG_BYTES);
	if (path)
		rc = assay_fs_read(path, &b, ASSAY_E_MODEL, e);
	if (!rc)
		nn_tokenizer_set_chat(t, b.data ? b.data : tmpl, b.data ? b.len_bytes : tmpl ? strlen(tmpl) : 0);
	assay_buf_release(&b);
	free(path);
	return rc;
}

static int open_dir(const char *dir, struct nn_tokenizer **out, char **why, struct assay_err *e)
{
	char *json = in_dir(dir, "tokenizer.json"), *vocab = in_dir(dir, "vocab.json"), *merges = in_dir(dir, "merges.txt");
	char *config_path = in_dir(dir, "tokenizer_config.json");
	json_t *config = config_path ? assay_json_load(config_path, MAX_CONFIG_BYTES, ASSAY_E_MODEL, e) : NULL;
	int rc = config_path && !config ? ASSAY_E_MODEL : 0;
	if (!rc && json)
		rc = open_json(json, out, why, e);
	else if (!rc && vocab && merges)
		rc = open_pair(vocab, merges, config, out, why, e);
	else if (!rc)
		rc = nn_unsupported(why, "%s: no tokenizer.json, and no vocab.json with merges.txt: give token ids", dir);
	if (!rc && (rc = load_chat(dir, config, *out, e))) {
		nn_tokenizer_close(*out);
		*out = NULL;
	}
	json_decref(config);
	free(config_path);
	free(merges);
	free(vocab);
	free(json);
	return rc;
}

static int open_gguf(const char *path, struct nn_tokenizer **out, char **why, struct assay_err *e)
{
	struct nn_gguf_file f;
	int rc = nn_gguf_map(path, &f, e);
	if (rc)
		return rc;
	rc = nn_tokenizer_from_gguf(&f.g, out, why, e);
	nn_gguf_unmap(&f);
	return rc;
}

int nn_tokenizer_open(const char *model, struct nn_tokenizer **out, char **why, struct assay_err *e)
{
	char *smollm2 = !strcmp(model, "smollm2") ? nn_smollm2_path() : NULL;
	size_t n = strlen(model);
	int rc;
	*out = NULL;
	*why = NULL;
	if (nn_preset_find(model))
		rc = nn_unsupported(why, "%s is a preset with synthetic weights: it has no tokenizer: give token ids, or use -m smollm2", model);
	else if (smollm2)
		rc = open_gguf(smollm2, out, why, e);
	else if (!strcmp(model, "smollm2"))
		rc = assay_fail(e, ASSAY_E_USAGE, "model smollm2: its file is not in the cache: fetch it with `sh setup.sh model`");
	else if (assay_fs_is_dir(model))
		rc = open_dir(model, out, why, e);
	else if (n > 5 && !strcmp(model + n - 5, ".gguf"))
		rc = open_gguf(model, out, why, e);
	else
		rc = assay_fail(e, ASSAY_E_USAGE, "model \"%.100s\": no preset, directory or .gguf file of this name", model);
	free(smollm2);
	return rc == NN_UNSUPPORTED ? 0 : rc;
}
