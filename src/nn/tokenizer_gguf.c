/* Reads the tokenizer inside a GGUF file's metadata (tokenizer.ggml.*). Pattern names
 * are those of llama.cpp; only byte-level BPE ("gpt2") vocabularies can be run. */
#include <string.h>

#include "nn/tokenizer_parts.h"

enum { TYPE_NORMAL = 1, TYPE_CONTROL = 3, TYPE_USER_DEFINED = 4 };

/* tokenizer.ggml.pre -> what the original tokenizer does */
static const struct nn_gguf_pre pre_rows[] = {
	{ "gpt-2", { nn_pattern_gpt2 }, false, false },
	{ "gpt2", { nn_pattern_gpt2 }, false, false },
	{ "phi-2", { nn_pattern_gpt2 }, false, false },
	{ "smollm", { nn_pattern_digit, nn_pattern_gpt2 }, false, false },
	{ "qwen2", { nn_pattern_qwen2 }, true, false },
	{ "deepseek-r1-qwen", { nn_pattern_qwen2 }, true, false },
	{ "llama3", { nn_pattern_llama3 }, false, true },
	{ "llama-v3", { nn_pattern_llama3 }, false, true },
	{ "llama-bpe", { nn_pattern_llama3 }, false, true },
};

static int cut(struct nn_gguf_str s)
{
	return (int)(s.len_bytes < 40 ? s.len_bytes : 40);
}

int nn_tokenizer_gguf_pre(const struct nn_gguf *g, const struct nn_gguf_pre **out, char **why, struct assay_err *e)
{
	struct nn_gguf_str pre = { "", 0 }, arch = { "", 0 };
	if (nn_gguf_get_str(g, "general.architecture", &arch, e) < 0 || nn_gguf_get_str(g, "tokenizer.ggml.pre", &pre, e) < 0)
		return ASSAY_E_MODEL;
	bool unnamed = !pre.len_bytes || nn_gguf_str_is(pre, "default");
	for (size_t i = 0; i < sizeof pre_rows / sizeof *pre_rows; i++) {
		const struct nn_gguf_pre *row = &pre_rows[i];
		/* files made before the key existed name no pattern: GPT-2's own is certain for its architecture only */
		if (!nn_gguf_str_is(pre, row->name) && !(unnamed && !strcmp(row->name, "gpt-2") && nn_gguf_str_is(arch, "gpt2")))
			continue;
		*out = row;
		return 0;
	}
	return nn_unsupported(why, "%s: pre-tokenizer \"%.*s\" is not supported: gpt-2, smollm, qwen2 and llama-bpe are: give token ids", g->what,
	                      cut(pre), pre.s);
}

static int load_pre(const struct nn_gguf *g, struct nn_tokenizer *t, char **why, struct assay_err *e)
{
	const struct nn_gguf_pre *row;
	int rc = nn_tokenizer_gguf_pre(g, &row, why, e);
	for (int k = 0; !rc && k < 2 && row->pattern[k]; k++) {
		const char *cause = nn_pretok_add(&t->pretok, row->pattern[k]);
		if (cause)
			return nn_unsupported(why, "%s: pre-tokenizer \"%s\": %s", g->what, row->name, cause);
	}
	if (!rc) {
		t->nfc = row->nfc;
		t->ignore_merges = row->ignore_merges;
	}
	return rc;
}

static int load_tokens(const struct nn_gguf *g, const struct nn_gguf_kv *tokens, const struct nn_gguf_kv *types, struct nn_tokenizer *t,
                       struct assay_err *e)
{
	int rc = 0;
	for (int special = 0; special < 2 && !rc; special++) { /* specials may repeat a text: they come second */
		const uint8_t *at = tokens->data;
		for (uint64_t i = 0; i < tokens->count && !rc; i++) {
			struct nn_gguf_str s = nn_gguf_next_str(&at);
			int type = types ? nn_gguf_i32_at(types, i) : TYPE_NORMAL;
			bool is_special = (type == TYPE_CONTROL || type == TYPE_USER_DEFINED) && s.len_bytes;
			if (is_special != special)
				continue;
			rc = special ? nn_tokenizer_add_special(t, (int64_t)i, s.s, s.len_bytes, false, g->what, e)
			             : nn_tokenizer_add(t, (int64_t)i, s.s, s.len_bytes, g->what, e);
		}
	}
	return rc;
}

static int load_merges(const struct nn_gguf *g, const struct nn_gguf_kv *merges, struct nn_tokenizer *t, struct assay_err *e)
{
	const uint8_t *at = merges->data;
	int rc = 0;
	nn_bpe_init(&t->bpe, (size_t)merges->count);
	for (uint64_t i = 0; i < merges->count && !rc; i++) {
		struct nn_gguf_str s = nn_gguf_next_str(&at);
		const char *space = memchr(s.s, ' ', s.len_bytes);
		size_t left = space ? (size_t)(space - s.s) : s.len_bytes;
		rc = nn_tokenizer_add_merge(t, (int32_t)i, s.s, left, space ? space + 1 : "", space ? s.len_bytes - left - 1 : 0, g->what, e);
	}
	return rc;
}

static int load_chat(const struct nn_gguf *g, struct nn_tokenizer *t, struct assay_err *e)
{
	struct nn_gguf_str tmpl;
	int found = nn_gguf_get_str(g, "tokenizer.chat_template", &tmpl, e);
	if (found >= 0)
		nn_tokenizer_set_chat(t, found ? tmpl.s : NULL, found ? tmpl.len_bytes : 0);
	return found < 0 ? found : 0;
}

static int check_model(const struct nn_gguf *g, char **why, struct assay_err *e)
{
	struct nn_gguf_str model = { "none", 4 };
	int found = nn_gguf_get_str(g, "tokenizer.ggml.model", &model, e);
	if (found < 0 || nn_gguf_str_is(model, "gpt2"))
		return found < 0 ? found : 0;
	if (nn_gguf_str_is(model, "llama"))
		return nn_unsupported(why, "%s: a SentencePiece vocabulary (tokenizer.ggml.model \"llama\"): text needs a byte-level BPE one: give token ids", g->what);
	return nn_unsupported(why, "%s: tokenizer.ggml.model \"%.*s\" is not supported: byte-level BPE (\"gpt2\") is: give token ids", g->what,
	                      cut(model), model.s);
}

int nn_tokenizer_from_gguf(const struct nn_gguf *g, struct nn_tokenizer **out, char **why, struct assay_err *e)
{
	const struct nn_gguf_kv *tokens = NULL, *types = NULL, *merges = NULL;
	*out = NULL;
	int rc = check_model(g, why, e);
	if (rc)
		return rc;
	if (nn_gguf_get_array(g, "tokenizer.ggml.tokens", NN_GGUF_STRING, &tokens, e) < 0 ||
	    nn_gguf_get_array(g, "tokenizer.ggml.merges", NN_GGUF_STRING, &merges, e) < 0 ||
	    nn_gguf_get_array(g, "tokenizer.ggml.token_type", NN_GGUF_I32, &types, e) < 0)
		return ASSAY_E_MODEL;
	if (!tokens || !merges || tokens->count > NN_VOCAB_MAX || merges->count > NN_MERGES_MAX || (types && types->count != tokens->count))
		return assay_fail(e, ASSAY_E_MODEL, "%s: tokenizer.ggml.tokens, merges or token_type is missing, too long, or their lengths differ", g->what);
	struct nn_tokenizer *t = nn_tokenizer_new((int)tokens->count);
	rc = load_tokens(g, tokens, types, t, e);
	if (!rc)
		rc = load_merges(g, merges, t, e);
	if (!rc)
		rc = load_pre(g, t, why, e);
	if (!rc)
		rc = nn_tokenizer_finish(t, g->what, e);
	if (!rc)
		rc = load_chat(g, t, e);
	if (rc)
		nn_tokenizer_close(t);
	else
		*out = t;
	return rc;
}
