/* Tokenizer files of an exported model (see export.h): copied from a directory, spelled out from a GGUF's metadata, or, for a preset, a vocabulary of the
 * published size in which every byte is a token and the rest are fillers: text can be read and written, as many tokens as it has bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "nn/export.h"
#include "nn/tokenizer_parts.h"

enum { TOKEN_CONTROL = 3, TOKEN_USER_DEFINED = 4, N_BYTES = 256 };

static bool is_special(const struct nn_shape *s, int id)
{
	bool yes = id == s->bos;
	for (int i = 0; i < s->n_eos; i++)
		yes = yes || id == s->eos[i];
	return yes;
}

static void add_special(json_t *added, int id, const char *text, size_t n)
{
	json_array_append_new(added, json_pack("{s:i, s:s#, s:b, s:b, s:b, s:b, s:b}", "id", id, "content", text, (int)n, "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special", 1));
}

static json_t *split(const char *pattern)
{
	return json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex", pattern, "behavior", "Isolated", "invert", 0);
}

/* tokenizer.json; steals vocab, merges and added. pre NULL: GPT-2's own way of cutting. */
static json_t *document(json_t *vocab, json_t *merges, json_t *added, const struct nn_gguf_pre *pre)
{
	json_t *steps = json_array();
	for (int k = 0; k < 2 && pre && pre->pattern[k]; k++)
		json_array_append_new(steps, split(pre->pattern[k]));
	json_array_append_new(steps, json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1, "use_regex", pre == NULL));
	json_t *model = json_pack("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:o, s:o}", "type", "BPE", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0,
				  "byte_fallback", 0, "ignore_merges", pre && pre->ignore_merges, "vocab", vocab, "merges", merges);
	json_t *o = json_pack("{s:s, s:n, s:n, s:o}", "version", "1.0", "truncation", "padding", "added_tokens", added);
	json_object_set_new(o, "normalizer", pre && pre->nfc ? json_pack("{s:s}", "type", "NFC") : json_null());
	json_object_set_new(o, "pre_tokenizer", json_pack("{s:s, s:o}", "type", "Sequence", "pretokenizers", steps));
	json_object_set_new(o, "post_processor", json_null());
	json_object_set_new(o, "decoder", json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 1, "trim_offsets", 1, "use_regex", 1));
	json_object_set_new(o, "model", model);
	return o;
}

static const char *text_of(const json_t *added, int id)
{
	for (size_t i = 0; i < json_array_size(added); i++)
		if (assay_json_get_int(json_array_get(added, i), "id", -1) == id)
			return assay_json_get_str(json_array_get(added, i), "content", NULL);
	return NULL;
}

/* Both files; steals tokenizer. */
static int write_both(const struct nn_shape *s, const char *dir, json_t *tokenizer, const char *chat, size_t chat_bytes, struct assay_err *e)
{
	const json_t *added = json_object_get(tokenizer, "added_tokens");
	const char *eos = s->n_eos ? text_of(added, s->eos[0]) : NULL, *bos = s->bos >= 0 ? text_of(added, s->bos) : NULL;
	json_t *config = json_pack("{s:s, s:i, s:b, s:b}", "tokenizer_class", "PreTrainedTokenizerFast", "model_max_length", s->max_context, "clean_up_tokenization_spaces", 0, "add_bos_token", 0);
	if (eos)
		json_object_set_new(config, "eos_token", json_string(eos));
	if (bos)
		json_object_set_new(config, "bos_token", json_string(bos));
	if (chat_bytes)
		json_object_set_new(config, "chat_template", json_stringn(chat, chat_bytes));
	int rc = nn_export_json(dir, "tokenizer.json", tokenizer, e);
	if (!rc)
		rc = nn_export_json(dir, "tokenizer_config.json", config, e);
	json_decref(config);
	json_decref(tokenizer);
	return rc;
}

/* ---- a preset ---- */

static int make_bytes(const struct nn_shape *s, const char *dir, char *said, size_t said_bytes, struct assay_err *e)
{
	json_t *vocab = json_object(), *added = json_array();
	int next = 0;
	for (int id = 0; id < s->vocab; id++) {
		char text[32];
		if (is_special(s, id)) {
			snprintf(text, sizeof text, "<special%d>", id);
			add_special(added, id, text, strlen(text));
		} else if (next < N_BYTES) {
			nn_byte_level_char((unsigned char)next++, text);
		} else {
			snprintf(text, sizeof text, "<fill%d>", id);
		}
		json_object_set_new(vocab, text, json_integer(id));
	}
	if (next < N_BYTES) {
		json_decref(vocab);
		json_decref(added);
		snprintf(said, said_bytes, "none: a vocabulary of %d has no room for every byte", s->vocab);
		return 0;
	}
	snprintf(said, said_bytes, "made: every byte a token, %d fillers (the weights are synthetic, so is the text)", s->vocab - N_BYTES - (int)json_array_size(added));
	return write_both(s, dir, document(vocab, json_array(), added, NULL), NULL, 0, e);
}

/* ---- a directory ---- */

static int copy_files(const char *from, const char *dir, char *said, size_t said_bytes, struct assay_err *e)
{
	static const char *const names[] = { "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json", "tokenizer.model", "chat_template.jinja" };
	int rc = 0, n = 0;
	for (size_t i = 0; !rc && i < sizeof names / sizeof *names; i++) {
		char *a = xasprintf("%s/%s", from, names[i]), *b = xasprintf("%s/%s", dir, names[i]);
		if (assay_fs_exists(a)) {
			rc = assay_fs_copy(a, b, e);
			n++;
		}
		free(a);
		free(b);
	}
	if (n)
		snprintf(said, said_bytes, "copied: %d files", n);
	else
		snprintf(said, said_bytes, "none: %.150s has none", from);
	return rc;
}

/* ---- a GGUF file ---- */

/* tokenizer.json of a file whose tokenizer can be run: its parts are known to be there. */
static int spell_out(const struct nn_gguf *g, const struct nn_gguf_pre *pre, json_t **out, struct assay_err *e)
{
	const struct nn_gguf_kv *tokens = NULL, *types = NULL, *merges = NULL;
	if (nn_gguf_get_array(g, "tokenizer.ggml.tokens", NN_GGUF_STRING, &tokens, e) < 0 || nn_gguf_get_array(g, "tokenizer.ggml.merges", NN_GGUF_STRING, &merges, e) < 0 ||
	    nn_gguf_get_array(g, "tokenizer.ggml.token_type", NN_GGUF_I32, &types, e) < 0)
		return ASSAY_E_MODEL;
	json_t *vocab = json_object(), *added = json_array(), *pairs = json_array();
	const uint8_t *at = tokens->data;
	for (uint64_t i = 0; i < tokens->count; i++) {
		struct nn_gguf_str s = nn_gguf_next_str(&at);
		int type = types ? nn_gguf_i32_at(types, i) : 0;
		char *text = xasprintf("%.*s", (int)s.len_bytes, s.s);
		if (type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED)
			add_special(added, (int)i, text, strlen(text));
		if (!json_object_get(vocab, text))
			json_object_set_new(vocab, text, json_integer((json_int_t)i));
		free(text);
	}
	at = merges->data;
	for (uint64_t i = 0; i < merges->count; i++) {
		struct nn_gguf_str s = nn_gguf_next_str(&at);
		json_array_append_new(pairs, json_stringn(s.s, s.len_bytes));
	}
	*out = document(vocab, pairs, added, pre);
	return 0;
}

static int from_gguf(const struct nn_shape *s, const char *path, const char *dir, char *said, size_t said_bytes, struct assay_err *e)
{
	struct nn_gguf_file f;
	struct nn_tokenizer *t = NULL;
	const struct nn_gguf_pre *pre = NULL;
	struct nn_gguf_str chat = { "", 0 };
	json_t *doc = NULL;
	char *why = NULL;
	int rc = nn_gguf_map(path, &f, e);
	if (rc)
		return rc;
	rc = nn_tokenizer_from_gguf(&f.g, &t, &why, e); /* checks lengths and every part */
	if (!rc)
		rc = nn_tokenizer_gguf_pre(&f.g, &pre, &why, e);
	if (!rc)
		rc = spell_out(&f.g, pre, &doc, e);
	if (!rc && nn_gguf_get_str(&f.g, "tokenizer.chat_template", &chat, e) < 0)
		rc = ASSAY_E_MODEL;
	if (!rc)
		rc = write_both(s, dir, doc, chat.s, chat.len_bytes, e);
	else
		json_decref(doc);
	snprintf(said, said_bytes, "%s%s", rc == NN_UNSUPPORTED ? "none: " : "spelled out from the file's metadata", why ? why : "");
	nn_tokenizer_close(t);
	free(why);
	nn_gguf_unmap(&f);
	return rc == NN_UNSUPPORTED ? 0 : rc;
}

int nn_export_tokenizer(const struct nn_shape *s, const char *model, const char *dir, char *said, size_t said_bytes, struct assay_err *e)
{
	if (!model || nn_preset_find(model))
		return make_bytes(s, dir, said, said_bytes, e);
	if (assay_fs_is_dir(model))
		return copy_files(model, dir, said, said_bytes, e);
	char *path = !strcmp(model, "smollm2") ? nn_smollm2_path() : xstrdup(model);
	int rc = path ? from_gguf(s, path, dir, said, said_bytes, e) : assay_fail(e, ASSAY_E_USAGE, "model smollm2: its file is not in the cache");
	free(path);
	return rc;
}
