/* Reads the older layout: vocab.json and merges.txt, as GPT-2, OPT and Qwen2 were
 * published. These files say nothing of patterns and special tokens: both come from
 * tokenizer_config.json, and without it the files are taken as GPT-2's. */
#include <string.h>

#include "base/json.h"
#include "nn/tokenizer_parts.h"

/* tokenizer_class -> what that class does; special: tokens that it knows of by itself */
static const struct class_row {
	const char *name, *pattern;
	bool nfc;
	const char *special[4];
} classes[] = {
	{ "GPT2Tokenizer", nn_pattern_gpt2, false, { "<|endoftext|>", "<s>", "</s>", "<pad>" } },
	{ "Qwen2Tokenizer", nn_pattern_qwen2, true, { "<|endoftext|>", "<|im_start|>", "<|im_end|>", NULL } },
};

static const struct class_row *class_of(const json_t *config)
{
	const char *name = assay_json_get_str(config, "tokenizer_class", "GPT2Tokenizer");
	size_t n = strlen(name);
	if (n > 4 && !strcmp(name + n - 4, "Fast"))
		n -= 4;
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (strlen(classes[i].name) == n && !memcmp(name, classes[i].name, n))
			return &classes[i];
	return NULL;
}

static int64_t id_of(const char *key)
{
	int64_t id = 0;
	for (; *key >= '0' && *key <= '9' && id < NN_VOCAB_MAX; key++)
		id = 10 * id + (*key - '0');
	return *key ? -1 : id;
}

/* {"151643": {"content": "<|endoftext|>", ...}, ...} */
static int add_decoder(struct nn_tokenizer *t, const json_t *added, const char *what, char **why, struct assay_err *e)
{
	const char *key;
	json_t *a;
	int rc = 0;
	json_object_foreach((json_t *)added, key, a) {
		const char *content = assay_json_get_str(a, "content", NULL);
		if (!content)
			return assay_fail(e, ASSAY_E_MODEL, "%s: added token %.20s has no content", what, key);
		if (json_is_true(json_object_get(a, "lstrip")) || json_is_true(json_object_get(a, "rstrip")) || json_is_true(json_object_get(a, "single_word")))
			return nn_unsupported(why, "%s: added token \"%.60s\": stripping is not supported", what, content);
		rc = nn_tokenizer_add_special(t, id_of(key), content, strlen(content), json_is_true(json_object_get(a, "normalized")), what, e);
		if (rc)
			return rc;
	}
	return rc;
}

static int add_known(struct nn_tokenizer *t, const struct class_row *c, const char *what, struct assay_err *e)
{
	int rc = 0;
	for (size_t i = 0; i < 4 && c->special[i] && !rc; i++) {
		int32_t id = nn_vocab_find(&t->vocab, c->special[i], strlen(c->special[i]));
		if (id >= 0)
			rc = nn_tokenizer_add_special(t, id, c->special[i], strlen(c->special[i]), false, what, e);
	}
	return rc;
}

/* Lines of "left right"; a first line "#version: ..." and empty lines are skipped. */
static int add_merges(struct nn_tokenizer *t, const char *text, const char *what, struct assay_err *e)
{
	size_t lines = 1;
	int32_t rank = 0;
	int rc = 0;
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	if (lines > NN_MERGES_MAX)
		return assay_fail(e, ASSAY_E_MODEL, "%s: more than %u merges", what, NN_MERGES_MAX);
	nn_bpe_init(&t->bpe, lines);
	for (const char *p = text; *p && !rc;) {
		size_t n = strcspn(p, "\n"), len = n && p[n - 1] == '\r' ? n - 1 : n;
		const char *space = memchr(p, ' ', len);
		if (len && !(p == text && !strncmp(p, "#version", 8))) {
			size_t left = space ? (size_t)(space - p) : len;
			rc = nn_tokenizer_add_merge(t, rank++, p, left, space ? space + 1 : "", space ? len - left - 1 : 0, what, e);
		}
		p += n + (p[n] == '\n');
	}
	return rc;
}

static int64_t top_added(const json_t *added)
{
	const char *key;
	json_t *a;
	int64_t top = -1;
	json_object_foreach((json_t *)added, key, a) {
		int64_t id = id_of(key);
		top = id > top && id < NN_VOCAB_MAX ? id : top;
	}
	return top;
}

int nn_tokenizer_from_pair(const json_t *vocab, const char *merges, const json_t *config, const char *what, struct nn_tokenizer **out,
                           char **why, struct assay_err *e)
{
	const json_t *added = json_object_get(config, "added_tokens_decoder");
	const struct class_row *c = class_of(config);
	struct nn_tokenizer *t = NULL;
	*out = NULL;
	if (!c)
		return nn_unsupported(why, "%s: tokenizer_class \"%.60s\" is not supported without a tokenizer.json", what,
		                      assay_json_get_str(config, "tokenizer_class", "?"));
	if (json_is_true(json_object_get(config, "add_prefix_space")))
		return nn_unsupported(why, "%s: \"add_prefix_space\" is not supported", what);
	int rc = nn_tokenizer_from_vocab(vocab, top_added(added), what, &t, e);
	if (!rc)
		rc = json_object_size(added) ? add_decoder(t, added, what, why, e) : add_known(t, c, what, e);
	if (!rc)
		rc = add_merges(t, merges, what, e);
	if (!rc) {
		const char *cause = nn_pretok_add(&t->pretok, c->pattern);
		rc = cause ? nn_unsupported(why, "%s: %s", what, cause) : 0;
		t->nfc = c->nfc;
	}
	if (!rc)
		rc = nn_tokenizer_finish(t, what, e);
	if (rc)
		nn_tokenizer_close(t);
	else
		*out = t;
	return rc;
}
