/* See texts.h. Must not know what is measured. */
#include "experiment/texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/rng.h"

#define MAX_FILE_BYTES (256u << 20)
#define CHAT_BYTES 256 /* more than any chat form adds, in tokens */

static void add_text(struct assay_texts *t, const char *text, size_t len)
{
	t->text = xrealloc(t->text, (t->n + 1) * sizeof *t->text);
	t->text[t->n] = xalloc(len + 1);
	memcpy(t->text[t->n++], text, len);
}

static int add_line(struct assay_texts *t, const char *path, int line_no, const char *line, size_t len, bool jsonl, struct assay_err *e)
{
	char what[256];
	if (len && line[len - 1] == '\r')
		len--;
	if (!len)
		return 0;
	if (t->n == ASSAY_TEXTS_MAX)
		return assay_fail(e, ASSAY_E_USAGE, "%s: more than %d prompts", path, ASSAY_TEXTS_MAX);
	if (memchr(line, 0, len))
		return assay_fail(e, ASSAY_E_USAGE, "%s:%d: a prompt may not hold a NUL byte", path, line_no);
	if (!jsonl) {
		add_text(t, line, len);
		return 0;
	}
	snprintf(what, sizeof what, "%.200s:%d", path, line_no);
	json_t *o = assay_json_parse(line, len, what, ASSAY_E_USAGE, e);
	if (!o)
		return ASSAY_E_USAGE;
	const json_t *p = json_object_get(o, "prompt");
	int rc = 0;
	if (!json_is_string(p) || !json_string_length(p))
		rc = assay_fail(e, ASSAY_E_USAGE, "%s: a line must be {\"prompt\": \"...\"} with text in it", what);
	else
		add_text(t, json_string_value(p), json_string_length(p));
	json_decref(o);
	return rc;
}

static int load_file(const char *path, struct assay_texts *t, struct assay_err *e)
{
	struct assay_buf b;
	size_t n = strlen(path);
	bool jsonl = n > 6 && !strcmp(path + n - 6, ".jsonl");
	assay_buf_init(&b, MAX_FILE_BYTES);
	int rc = assay_fs_read(path, &b, ASSAY_E_USAGE, e), line_no = 1;
	for (size_t at = 0; !rc && at < b.len_bytes; line_no++) {
		const char *end = memchr(b.data + at, '\n', b.len_bytes - at);
		size_t len = end ? (size_t)(end - b.data) - at : b.len_bytes - at;
		rc = add_line(t, path, line_no, b.data + at, len, jsonl, e);
		at += len + 1;
	}
	assay_buf_release(&b);
	if (!rc && !t->n)
		rc = assay_fail(e, ASSAY_E_USAGE, "%s: holds no prompt", path);
	return rc;
}

int assay_texts_load(const struct assay_options *o, struct assay_texts *out, struct assay_err *e)
{
	const char *one = assay_options_str(o, "prompt"), *file = assay_options_str(o, "prompts");
	*out = (struct assay_texts){ 0 };
	if (one && file)
		return assay_fail(e, ASSAY_E_USAGE, "--prompt and --prompts: give one of them");
	if (assay_options_flag(o, "chat") && !one && !file)
		return assay_fail(e, ASSAY_E_USAGE, "--chat puts text into the model's template: it needs --prompt or --prompts");
	if (one)
		add_text(out, one, strlen(one));
	int rc = file ? load_file(file, out, e) : 0;
	if (rc)
		assay_texts_release(out);
	return rc;
}

int assay_texts_encode(struct assay_texts *t, struct assay_engine *g, bool chat, struct assay_err *e)
{
	const struct assay_engine_info *i = g->ops->info(g);
	if (!t->n || t->given)
		return 0;
	if (!i->has_tokenizer || !g->ops->encode)
		return assay_fail(e, ASSAY_E_USAGE, "--prompt: this engine takes no text: %s", i->no_tokenizer[0] ? i->no_tokenizer : "it has no tokenizer");
	t->given = xalloc(t->n * sizeof *t->given);
	for (size_t k = 0; k < t->n; k++) {
		int32_t *ids = NULL;
		size_t n = 0;
		int rc = g->ops->encode(g, t->text[k], strlen(t->text[k]), chat, &ids, &n, e);
		t->given[k] = (struct assay_given_prompt){ ids, n, t->text[k] };
		if (rc)
			return rc;
		if (!n)
			return assay_fail(e, ASSAY_E_USAGE, "--prompt: prompt %zu gives no token", k + 1);
		t->stream = xrealloc(t->stream, (t->n_stream + n) * sizeof *t->stream);
		memcpy(t->stream + t->n_stream, ids, n * sizeof *ids);
		t->n_stream += n;
	}
	return 0;
}

void assay_texts_release(struct assay_texts *t)
{
	for (size_t k = 0; k < t->n; k++) {
		free(t->text[k]);
		if (t->given)
			free((void *)t->given[k].ids);
	}
	free(t->text);
	free(t->given);
	free(t->stream);
	*t = (struct assay_texts){ 0 };
}

size_t assay_texts_longest_bound(const struct assay_texts *t)
{
	size_t most = 0;
	for (size_t k = 0; k < t->n; k++)
		if (strlen(t->text[k]) > most)
			most = strlen(t->text[k]);
	return most + CHAT_BYTES;
}

int assay_texts_cut(const struct assay_texts *t, const struct assay_plan_key *k, size_t n, int prompt_tokens, int output_tokens,
		    struct assay_plan *out, struct assay_err *e)
{
	struct assay_given_prompt *cut = xalloc(n * sizeof *cut);
	int32_t *ids = xalloc(n * (size_t)prompt_tokens * sizeof *ids);
	uint64_t key = assay_rng_key(assay_rng_key(k->seed, k->point), (uint64_t)(int64_t)k->repeat);
	for (size_t i = 0; i < n; i++) {
		int32_t *at = ids + i * (size_t)prompt_tokens;
		size_t from = assay_rng_below(key, i, t->n_stream);
		for (int j = 0; j < prompt_tokens; j++)
			at[j] = t->stream[(from + (size_t)j) % t->n_stream];
		cut[i] = (struct assay_given_prompt){ at, (size_t)prompt_tokens, NULL };
	}
	int rc = assay_plan_given(k, cut, n, n, output_tokens, out, e);
	free(cut);
	free(ids);
	return rc;
}
