/* Reads a Hugging Face tokenizer.json (format: the serialisation of the tokenizers
 * library). Only byte-level BPE is understood; every part that would change ids and
 * is not here is named in *why. The post-processor (added tokens around a prompt),
 * truncation and padding do not apply: nothing is added to a prompt. */
#include <string.h>

#include "base/json.h"
#include "nn/tokenizer_parts.h"

#define MAX_ADDED 65536u
#define MAX_DEPTH 8

struct loader {
	const char *what;
	struct assay_err *e;
	char **why;
	struct nn_tokenizer *t;
	bool byte_level;           /* its pre-tokenizer was seen: nothing may follow it */
};

static int bad(const struct loader *l, const char *part, const char *must)
{
	return assay_fail(l->e, ASSAY_E_MODEL, "%s: \"%s\" %s", l->what, part, must);
}

static const char *type_of(const json_t *o)
{
	return assay_json_get_str(o, "type", "?");
}

static bool absent(const json_t *v)
{
	return !v || json_is_null(v);
}

/* False, and a reason, when `key` holds anything but null, "", false, 0 or is absent. */
static int only_empty(const struct loader *l, const json_t *o, const char *part, const char *key)
{
	const json_t *v = json_object_get(o, key);
	bool empty = absent(v) || json_is_false(v) || (json_is_string(v) && !json_string_length(v)) || (json_is_number(v) && json_number_value(v) == 0);
	return empty ? 0 : nn_unsupported(l->why, "%s: %s: \"%s\" is not supported", l->what, part, key);
}

int nn_tokenizer_from_vocab(const json_t *vocab, int64_t max_extra_id, const char *what, struct nn_tokenizer **out, struct assay_err *e)
{
	const char *key;
	json_t *v;
	int64_t top = max_extra_id;
	if (!json_is_object(vocab))
		return assay_fail(e, ASSAY_E_MODEL, "%s: the vocabulary must be an object of text: id", what);
	json_object_foreach((json_t *)vocab, key, v) {
		int64_t id = json_is_integer(v) ? json_integer_value(v) : -1;
		if (id < 0 || id >= NN_VOCAB_MAX)
			return assay_fail(e, ASSAY_E_MODEL, "%s: token \"%.60s\": its id must be an integer from 0 to %d", what, key, NN_VOCAB_MAX - 1);
		top = id > top ? id : top;
	}
	struct nn_tokenizer *t = *out = nn_tokenizer_new((int)(top + 1));
	json_object_foreach((json_t *)vocab, key, v) {
		int rc = nn_tokenizer_add(t, json_integer_value(v), key, strlen(key), what, e);
		if (rc)
			return rc;
	}
	return 0;
}

static int check_added(const struct loader *l, const json_t *added, int64_t *top)
{
	*top = -1;
	if (absent(added))
		return 0;
	if (!json_is_array(added) || json_array_size(added) > MAX_ADDED)
		return bad(l, "added_tokens", "must be a list of at most 65536 tokens");
	for (size_t i = 0; i < json_array_size(added); i++) {
		const json_t *a = json_array_get(added, i), *id = json_object_get(a, "id");
		if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= NN_VOCAB_MAX)
			return bad(l, "added_tokens", "holds an entry whose id is no integer in range");
		if (!json_is_string(json_object_get(a, "content")))
			return bad(l, "added_tokens", "holds an entry whose content is no string");
		*top = json_integer_value(id) > *top ? json_integer_value(id) : *top;
	}
	return 0;
}

static int add_added(const struct loader *l, const json_t *added)
{
	static const char *const strips[] = { "single_word", "lstrip", "rstrip" };
	for (size_t i = 0; i < json_array_size(added); i++) {
		const json_t *a = json_array_get(added, i), *content = json_object_get(a, "content");
		for (int k = 0; k < 3; k++)
			if (json_is_true(json_object_get(a, strips[k])))
				return nn_unsupported(l->why, "%s: added token \"%.60s\": \"%s\" is not supported", l->what, json_string_value(content), strips[k]);
		int rc = nn_tokenizer_add_special(l->t, json_integer_value(json_object_get(a, "id")), json_string_value(content),
		                                  json_string_length(content), json_is_true(json_object_get(a, "normalized")), l->what, l->e);
		if (rc)
			return rc;
	}
	return 0;
}

/* "a b" or ["a", "b"] */
static int add_merge(const struct loader *l, int32_t rank, const json_t *m)
{
	const json_t *a = json_array_get(m, 0), *b = json_array_get(m, 1);
	if (json_is_string(m)) {
		const char *s = json_string_value(m), *space = strchr(s, ' ');
		if (space && !strchr(space + 1, ' '))
			return nn_tokenizer_add_merge(l->t, rank, s, (size_t)(space - s), space + 1, strlen(space + 1), l->what, l->e);
	} else if (json_array_size(m) == 2 && json_is_string(a) && json_is_string(b)) {
		return nn_tokenizer_add_merge(l->t, rank, json_string_value(a), json_string_length(a), json_string_value(b), json_string_length(b),
		                              l->what, l->e);
	}
	return assay_fail(l->e, ASSAY_E_MODEL, "%s: merge %d: must be \"left right\" or [\"left\", \"right\"]", l->what, rank);
}

static int load_model(struct loader *l, const json_t *model, const json_t *added)
{
	static const char *const empty[] = { "dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback" };
	const json_t *merges = json_object_get(model, "merges");
	int64_t top;
	int rc = 0;
	if (!json_is_object(model))
		return bad(l, "model", "must be an object");
	if (strcmp(assay_json_get_str(model, "type", json_is_array(merges) ? "BPE" : "?"), "BPE"))
		return nn_unsupported(l->why, "%s: tokenizer model \"%.40s\" is not supported: byte-level BPE is", l->what, type_of(model));
	for (int i = 0; i < 4 && !rc; i++)
		rc = only_empty(l, model, "model", empty[i]);
	if (!rc && (!json_is_array(merges) || json_array_size(merges) > NN_MERGES_MAX))
		rc = bad(l, "merges", "must be a list");
	if (!rc)
		rc = check_added(l, added, &top);
	if (!rc)
		rc = nn_tokenizer_from_vocab(json_object_get(model, "vocab"), top, l->what, &l->t, l->e);
	if (!rc)
		rc = add_added(l, added);
	if (rc)
		return rc;
	l->t->ignore_merges = json_is_true(json_object_get(model, "ignore_merges"));
	nn_bpe_init(&l->t->bpe, json_array_size(merges));
	for (size_t i = 0; i < json_array_size(merges) && !rc; i++)
		rc = add_merge(l, (int32_t)i, json_array_get(merges, i));
	return rc;
}

static int load_normalizer(const struct loader *l, const json_t *n, int depth)
{
	const json_t *list = json_object_get(n, "normalizers");
	int rc = 0;
	if (absent(n))
		return 0;
	if (!json_is_object(n) || depth > MAX_DEPTH)
		return bad(l, "normalizer", "must be an object, not too deep");
	if (!strcmp(type_of(n), "NFC")) {
		l->t->nfc = true;
		return 0;
	}
	if (strcmp(type_of(n), "Sequence") || !json_is_array(list))
		return nn_unsupported(l->why, "%s: normalizer \"%.40s\" is not supported: NFC is", l->what, type_of(n));
	for (size_t i = 0; i < json_array_size(list) && !rc; i++)
		rc = load_normalizer(l, json_array_get(list, i), depth + 1);
	return rc;
}

static int add_step(const struct loader *l, const char *kind, const char *pattern)
{
	const char *why = nn_pretok_add(&l->t->pretok, pattern);
	return why ? nn_unsupported(l->why, "%s: pre-tokenizer %s: %s", l->what, kind, why) : 0;
}

/* A literal as a pattern: anything but letters, digits and bytes beyond ASCII is escaped. */
static int add_literal(const struct loader *l, const char *s)
{
	struct assay_buf b;
	assay_buf_init(&b, 4096);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c < 0x80 && !strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", c))
			assay_buf_printf(&b, "\\x%02x", c);
		else
			assay_buf_append(&b, s, 1);
	}
	int rc = b.overflow || !b.data ? bad(l, "Split", "has an empty or endless pattern") : add_step(l, "Split", b.data);
	assay_buf_release(&b);
	return rc;
}

/* Isolated keeps matches and gaps as pieces. Removed + invert keeps the matches and drops the gaps: the
 * patterns in use leave none, and here a gap is kept rather than lost. */
static int load_split(const struct loader *l, const json_t *p)
{
	const json_t *pattern = json_object_get(p, "pattern");
	const char *regex = assay_json_get_str(pattern, "Regex", NULL), *literal = assay_json_get_str(pattern, "String", NULL);
	const char *behavior = assay_json_get_str(p, "behavior", "?");
	bool keeps = !strcmp(behavior, "Isolated") || (!strcmp(behavior, "Removed") && json_is_true(json_object_get(p, "invert")));
	if (!keeps)
		return nn_unsupported(l->why, "%s: pre-tokenizer Split: behavior \"%.40s\" is not supported: Isolated is", l->what, behavior);
	if (!regex && !literal)
		return bad(l, "Split", "must have a pattern with a Regex or a String");
	return regex ? add_step(l, "Split", regex) : add_literal(l, literal);
}

static int load_pre(struct loader *l, const json_t *p, int depth)
{
	const json_t *list = json_object_get(p, "pretokenizers");
	const char *type = type_of(p);
	int rc = 0;
	if (!json_is_object(p) || depth > MAX_DEPTH)
		return bad(l, "pre_tokenizer", "must be an object, not too deep");
	if (l->byte_level)
		return nn_unsupported(l->why, "%s: pre-tokenizer \"%.40s\" after ByteLevel is not supported", l->what, type);
	if (!strcmp(type, "Split"))
		return load_split(l, p);
	if (!strcmp(type, "Digits"))
		return add_step(l, type, json_is_true(json_object_get(p, "individual_digits")) ? nn_pattern_digit : nn_pattern_digits);
	if (!strcmp(type, "ByteLevel")) {
		l->byte_level = true;
		rc = only_empty(l, p, "pre-tokenizer ByteLevel", "add_prefix_space");
		return rc || json_is_false(json_object_get(p, "use_regex")) ? rc : add_step(l, type, nn_pattern_gpt2);
	}
	if (strcmp(type, "Sequence") || !json_is_array(list))
		return nn_unsupported(l->why, "%s: pre-tokenizer \"%.40s\" is not supported: ByteLevel, Split, Digits and Sequence are", l->what, type);
	for (size_t i = 0; i < json_array_size(list) && !rc; i++)
		rc = load_pre(l, json_array_get(list, i), depth + 1);
	return rc;
}

/* What turns ids into text must be ByteLevel, alone or in a Sequence; absent is taken as that. */
static int check_decoder(const struct loader *l, const json_t *d)
{
	const json_t *list = json_object_get(d, "decoders");
	if (absent(d) || !strcmp(type_of(d), "ByteLevel"))
		return 0;
	if (!strcmp(type_of(d), "Sequence") && json_array_size(list) == 1)
		return check_decoder(l, json_array_get(list, 0));
	return nn_unsupported(l->why, "%s: decoder \"%.40s\" is not supported: ByteLevel is", l->what, type_of(d));
}

static int load_all(struct loader *l, const json_t *root)
{
	const json_t *pre = json_object_get(root, "pre_tokenizer");
	if (!json_is_object(root))
		return bad(l, "tokenizer", "must be a JSON object");
	int rc = load_model(l, json_object_get(root, "model"), json_object_get(root, "added_tokens"));
	if (!rc)
		rc = load_normalizer(l, json_object_get(root, "normalizer"), 0);
	if (!rc && !absent(pre))
		rc = load_pre(l, pre, 0);
	if (!rc && !l->byte_level)
		rc = nn_unsupported(l->why, "%s: no ByteLevel pre-tokenizer: only byte-level BPE is supported", l->what);
	if (!rc)
		rc = check_decoder(l, json_object_get(root, "decoder"));
	return rc ? rc : nn_tokenizer_finish(l->t, l->what, l->e);
}

int nn_tokenizer_from_json(const char *text, size_t n, const char *what, struct nn_tokenizer **out, char **why, struct assay_err *e)
{
	struct loader l = { .what = what, .e = e, .why = why };
	*out = NULL;
	json_t *root = assay_json_parse(text, n, what, ASSAY_E_MODEL, e);
	if (!root)
		return ASSAY_E_MODEL;
	int rc = load_all(&l, root);
	if (rc)
		nn_tokenizer_close(l.t);
	else
		*out = l.t;
	json_decref(root);
	return rc;
}
