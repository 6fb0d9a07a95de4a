/* See golden_file.h. */
#include "nn/golden_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"

#define MAX_JSON_BYTES (4u << 20)
#define MAX_PROMPTS 256
#define MAX_IDS 65536

bool nn_golden_exists(const char *dir)
{
	char *path = xasprintf("%s/golden.json", dir);
	bool yes = assay_fs_exists(path);
	free(path);
	return yes;
}

/* A list of token ids of the vocabulary, at least one. */
static int read_ids(const json_t *o, const char *key, int vocab, int32_t **out, int *n)
{
	const json_t *v = json_object_get(o, key);
	size_t count = json_array_size(v);
	if (count < 1 || count > MAX_IDS)
		return -1;
	*out = xalloc(count * sizeof **out);
	*n = (int)count;
	for (size_t i = 0; i < count; i++) {
		const json_t *id = json_array_get(v, i);
		if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= vocab)
			return -1;
		(*out)[i] = (int32_t)json_integer_value(id);
	}
	return 0;
}

/* Entries are {"id":, "logit":} or [id, logit]. */
static int read_top5(const json_t *o, int vocab, struct nn_golden_prompt *p)
{
	const json_t *list = json_object_get(o, "top5");
	for (size_t i = 0; i < 5; i++) {
		const json_t *x = json_array_get(list, i);
		const json_t *id = json_is_object(x) ? json_object_get(x, "id") : json_array_get(x, 0);
		const json_t *logit = json_is_object(x) ? json_object_get(x, "logit") : json_array_get(x, 1);
		if (!json_is_integer(id) || !json_is_number(logit) || json_integer_value(id) < 0 || json_integer_value(id) >= vocab)
			return -1;
		p->top_id[i] = (int32_t)json_integer_value(id);
		p->top_logit[i] = json_number_value(logit);
	}
	return 0;
}

/* n little-endian f32, all finite, and nothing else in the file. */
static int read_floats(const char *dir, const char *file, size_t n, float **out, struct assay_err *e)
{
	size_t bytes;
	if (!*file || strchr(file, '/'))
		return assay_fail(e, ASSAY_E_MODEL, "%s: golden.json: \"%.60s\" is not a file name", dir, file);
	if (!size_mul(n, sizeof **out, &bytes) || bytes > UINT32_MAX)
		return assay_fail(e, ASSAY_E_MODEL, "%s: golden.json: %s would be too large", dir, file);
	struct assay_buf b;
	assay_buf_init(&b, bytes);
	char *path = xasprintf("%s/%s", dir, file);
	int rc = assay_fs_read(path, &b, ASSAY_E_MODEL, e);
	if (!rc && b.len_bytes != bytes)
		rc = assay_fail(e, ASSAY_E_MODEL, "%s: has %zu bytes, %zu logits need %zu", path, b.len_bytes, n, bytes);
	*out = (void *)b.data;
	for (size_t i = 0; !rc && i < n; i++)
		if (!isfinite((*out)[i]))
			rc = assay_fail(e, ASSAY_E_MODEL, "%s: value %zu is not finite", path, i);
	free(path);
	return rc;
}

static char *copy_text(const json_t *o, const char *key)
{
	const char *s = assay_json_get_str(o, key, NULL);
	return s ? xstrdup(s) : NULL;
}

static int read_prompt(const char *dir, const json_t *o, int vocab, struct nn_golden_prompt *p, struct assay_err *e)
{
	if (read_ids(o, "ids", vocab, &p->ids, &p->n_ids) || read_ids(o, "greedy", vocab, &p->greedy, &p->n_greedy) || read_top5(o, vocab, p))
		return assay_fail(e, ASSAY_E_MODEL, "%s/golden.json: ids, greedy or top5 are missing or outside the vocabulary of %d", dir, vocab);
	const char *name = assay_json_get_str(o, "name", NULL);
	if (name)
		snprintf(p->name, sizeof p->name, "%s", name);
	else
		snprintf(p->name, sizeof p->name, "%d", p->n_ids);
	p->greedy_min_margin = assay_json_get_num(o, "greedy_min_margin", 0);
	p->text = copy_text(o, "text");
	p->decoded = copy_text(o, "decoded");
	const char *last = assay_json_get_str(o, "last_logits_file", assay_json_get_str(o, "last", ""));
	int rc = read_floats(dir, last, (size_t)vocab, &p->last, e);
	const char *all = assay_json_get_str(o, "all_logits_file", NULL);
	if (!rc && all)
		rc = read_floats(dir, all, (size_t)vocab * (size_t)p->n_ids, &p->all, e);
	return rc;
}

int nn_golden_read(const char *dir, int vocab, struct nn_golden *out, struct assay_err *e)
{
	*out = (struct nn_golden){ 0 };
	char *path = xasprintf("%s/golden.json", dir);
	json_t *root = assay_json_load(path, MAX_JSON_BYTES, ASSAY_E_MODEL, e);
	const json_t *prompts = json_object_get(root, "prompts");
	size_t n = json_array_size(prompts);
	int rc = root ? 0 : ASSAY_E_MODEL;
	if (!rc && (n < 1 || n > MAX_PROMPTS))
		rc = assay_fail(e, ASSAY_E_MODEL, "%s: \"prompts\" must list 1 to %d prompts", path, MAX_PROMPTS);
	if (!rc)
		out->prompt = xalloc(n * sizeof *out->prompt);
	for (size_t i = 0; !rc && i < n; i++) {
		out->n++;
		rc = read_prompt(dir, json_array_get(prompts, i), vocab, &out->prompt[i], e);
	}
	json_decref(root);
	free(path);
	if (rc)
		nn_golden_release(out);
	return rc;
}

void nn_golden_release(struct nn_golden *g)
{
	for (int i = 0; i < g->n; i++) {
		struct nn_golden_prompt *p = &g->prompt[i];
		free(p->text);
		free(p->decoded);
		free(p->ids);
		free(p->greedy);
		free(p->last);
		free(p->all);
	}
	free(g->prompt);
	*g = (struct nn_golden){ 0 };
}
