/* See tokenizer.h. Text goes through: special tokens as they stand, normalisation,
 * special tokens again, words, byte-pair merges. Readers of the file formats are
 * tokenizer_json.c, tokenizer_pair.c, tokenizer_gguf.c; finding files is tokenizer_open.c. */
#include "nn/tokenizer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "nn/tokenizer_parts.h"

#define MAX_TEXT_BYTES (256u << 20)
#define MAX_TOKEN_BYTES 65536u

int nn_unsupported(char **why, const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof buf, fmt, ap);
	va_end(ap);
	*why = xstrdup(buf);
	return NN_UNSUPPORTED;
}

struct nn_tokenizer *nn_tokenizer_new(int n_ids)
{
	struct nn_tokenizer *t = xalloc(sizeof *t);
	nn_vocab_init(&t->vocab, n_ids);
	nn_pretok_init(&t->pretok);
	return t;
}

void nn_tokenizer_close(struct nn_tokenizer *t)
{
	if (!t)
		return;
	nn_specials_release(&t->raw);
	nn_specials_release(&t->normalised);
	nn_pretok_release(&t->pretok);
	nn_bpe_release(&t->bpe);
	nn_vocab_release(&t->vocab);
	free(t->chat_system);
	free(t);
}

static int bad_token(struct assay_err *e, const char *what, int64_t id, const char *text, size_t n, const char *why)
{
	return assay_fail(e, ASSAY_E_MODEL, "%s: token %lld \"%.*s\": %s", what, (long long)id, (int)(n < 60 ? n : 60), text, why);
}

int nn_tokenizer_add(struct nn_tokenizer *t, int64_t id, const char *text, size_t n, const char *what, struct assay_err *e)
{
	char stack[256], *bytes = stack;
	size_t have;
	if (id < 0 || id >= t->vocab.n)
		return bad_token(e, what, id, text, n, "its id is out of range");
	if (nn_vocab_bytes(&t->vocab, (int32_t)id, &have))
		return bad_token(e, what, id, text, n, "another token has this id");
	if (n > MAX_TOKEN_BYTES)
		return bad_token(e, what, id, text, n, "it is absurdly long");
	if (n > sizeof stack)
		bytes = xalloc(n);
	ptrdiff_t len = nn_byte_level_decode(text, n, bytes);
	int rc = nn_vocab_set(&t->vocab, (int32_t)id, len >= 0 ? bytes : text, len >= 0 ? (size_t)len : n);
	if (rc)
		rc = bad_token(e, what, id, text, n, "all tokens together are too long");
	else if (len >= 0 && !nn_vocab_index(&t->vocab, (int32_t)id))
		rc = bad_token(e, what, id, text, n, "this text is there twice");
	if (bytes != stack)
		free(bytes);
	return rc;
}

int nn_tokenizer_add_special(struct nn_tokenizer *t, int64_t id, const char *text, size_t n, bool normalised, const char *what, struct assay_err *e)
{
	size_t have;
	if (id < 0 || id >= t->vocab.n)
		return bad_token(e, what, id, text, n, "its id is out of range");
	if (!n || n > MAX_TOKEN_BYTES)
		return bad_token(e, what, id, text, n, "it is empty or absurdly long");
	char decoded[MAX_TOKEN_BYTES]; /* two spellings are the same text in the file iff these are equal */
	ptrdiff_t d = nn_byte_level_decode(text, n, decoded);
	int32_t other = d >= 0 ? nn_vocab_find(&t->vocab, decoded, (size_t)d) : -1;
	if (other >= 0 && other != id)
		return bad_token(e, what, id, text, n, "the vocabulary has this text under another id");
	const char *old = nn_vocab_bytes(&t->vocab, (int32_t)id, &have);
	if (old && other != id && (have != n || memcmp(old, text, n)))
		return bad_token(e, what, id, text, n, "the vocabulary has another text under this id");
	if (nn_vocab_set(&t->vocab, (int32_t)id, text, n))
		return bad_token(e, what, id, text, n, "all tokens together are too long");
	if (!old && (size_t)d == n && !memcmp(decoded, text, n))
		nn_vocab_index(&t->vocab, (int32_t)id); /* merges may name it */
	nn_specials_add(normalised ? &t->normalised : &t->raw, (int32_t)id);
	return 0;
}

int nn_tokenizer_add_merge(struct nn_tokenizer *t, int32_t rank, const char *left, size_t nl, const char *right, size_t nr, const char *what, struct assay_err *e)
{
	char both[2 * MAX_TOKEN_BYTES];
	int32_t l = -1, r = -1, merged = -1;
	ptrdiff_t dl = nl && nl <= MAX_TOKEN_BYTES ? nn_byte_level_decode(left, nl, both) : -1;
	ptrdiff_t dr = dl >= 0 && nr && nr <= MAX_TOKEN_BYTES ? nn_byte_level_decode(right, nr, both + dl) : -1;
	if (dr >= 0) {
		l = nn_vocab_find(&t->vocab, both, (size_t)dl);
		r = nn_vocab_find(&t->vocab, both + dl, (size_t)dr);
		merged = nn_vocab_find(&t->vocab, both, (size_t)(dl + dr));
	}
	if (l < 0 || r < 0 || merged < 0)
		return assay_fail(e, ASSAY_E_MODEL, "%s: merge %d (\"%.*s\" + \"%.*s\"): %s is no token of the vocabulary", what, rank,
		                  (int)(nl < 40 ? nl : 40), left, (int)(nr < 40 ? nr : 40), right,
		                  l < 0 ? "the first" : r < 0 ? "the second" : "their sum");
	nn_bpe_add(&t->bpe, l, r, rank, merged);
	return 0;
}

int nn_tokenizer_finish(struct nn_tokenizer *t, const char *what, struct assay_err *e)
{
	for (int b = 0; b < 256; b++)
		t->byte_id[b] = nn_vocab_find(&t->vocab, (char[]){ (char)b }, 1);
	int32_t twice = nn_specials_sort(&t->raw, &t->vocab);
	if (twice < 0)
		twice = nn_specials_sort(&t->normalised, &t->vocab);
	if (twice >= 0) {
		size_t n;
		const char *s = nn_vocab_bytes(&t->vocab, twice, &n);
		return bad_token(e, what, twice, s, n, "is added twice");
	}
	return 0;
}

int nn_tokenizer_vocab(const struct nn_tokenizer *t)
{
	return t->vocab.n;
}

const char *nn_tokenizer_bytes(const struct nn_tokenizer *t, int32_t id, size_t *len_bytes)
{
	return nn_vocab_bytes(&t->vocab, id, len_bytes);
}

int nn_tokenizer_decode(const struct nn_tokenizer *t, const int32_t *ids, size_t n, struct assay_buf *out)
{
	for (size_t i = 0; i < n; i++) {
		size_t len;
		const char *s = nn_vocab_bytes(&t->vocab, ids[i], &len);
		if (s && assay_buf_append(out, s, len))
			return -1;
	}
	return 0;
}

struct encoder {
	struct nn_tokenizer *t;
	struct nn_ids ids;
};

static int no_memory(struct assay_err *e)
{
	return assay_fail(e, ASSAY_E_USAGE, "text: no memory to tokenize it: give a shorter one");
}

static int encode_word(void *ctx, const char *word, size_t n, struct assay_err *e)
{
	struct encoder *c = ctx;
	int32_t whole = c->t->ignore_merges ? nn_vocab_find(&c->t->vocab, word, n) : -1;
	size_t from = c->ids.n;
	if (whole >= 0)
		return nn_ids_push(&c->ids, whole) ? no_memory(e) : 0;
	for (size_t i = 0; i < n; i++) {
		int32_t id = c->t->byte_id[(unsigned char)word[i]];
		if (id < 0)
			return assay_fail(e, ASSAY_E_USAGE, "text: byte 0x%02x has no token in this model's vocabulary: leave it out", (unsigned char)word[i]);
		if (nn_ids_push(&c->ids, id))
			return no_memory(e);
	}
	return nn_bpe_merge(&c->t->bpe, &c->ids, from) ? no_memory(e) : 0;
}

typedef int (*plain_fn)(struct encoder *c, const char *text, size_t n, struct assay_err *e);

/* Special tokens of one set become ids; what lies between goes to `plain`. */
static int split(struct encoder *c, const struct nn_specials *set, const char *text, size_t n, plain_fn plain, struct assay_err *e)
{
	size_t from = 0, at, len;
	int32_t id;
	int rc = 0;
	while (!rc && (id = nn_specials_next(set, text, n, from, &at, &len)) >= 0) {
		if (at > from)
			rc = plain(c, text + from, at - from, e);
		if (!rc && nn_ids_push(&c->ids, id))
			rc = no_memory(e);
		from = at + len;
	}
	return rc || from == n ? rc : plain(c, text + from, n - from, e);
}

static int encode_plain(struct encoder *c, const char *text, size_t n, struct assay_err *e)
{
	return nn_pretok_run(&c->t->pretok, text, n, encode_word, c, e);
}

/* Below U+0300 nothing composes or reorders; its first byte in UTF-8 is 0xcc. */
static bool may_change(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] >= 0xcc)
			return true;
	return false;
}

/* NFC of each run of valid UTF-8 and the bytes between them as they are, appended to *out. */
static int compose(const char *text, size_t n, struct assay_buf *out)
{
	int rc = 0;
	for (size_t i = 0; i < n && !rc;) {
		size_t good = assay_utf8_valid(text + i, n - i);
		utf8proc_uint8_t *nfc = NULL;
		utf8proc_ssize_t len = 0;
		if (good && may_change(text + i, good))
			len = utf8proc_map((const utf8proc_uint8_t *)text + i, (utf8proc_ssize_t)good, &nfc, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
		rc = len < 0 ? -1 : nfc ? assay_buf_append(out, nfc, (size_t)len) : assay_buf_append(out, text + i, good);
		free(nfc);
		i += good;
		if (i < n && !rc)
			rc = assay_buf_append(out, text + i++, 1);
	}
	return rc;
}

static int encode_segment(struct encoder *c, const char *text, size_t n, struct assay_err *e)
{
	struct assay_buf nfc;
	if (!c->t->nfc || !may_change(text, n))
		return split(c, &c->t->normalised, text, n, encode_plain, e);
	assay_buf_init(&nfc, 4u * MAX_TEXT_BYTES - 1);
	int rc = compose(text, n, &nfc) ? no_memory(e) : split(c, &c->t->normalised, nfc.data, nfc.len_bytes, encode_plain, e);
	assay_buf_release(&nfc);
	return rc;
}

int nn_tokenizer_encode(struct nn_tokenizer *t, const char *text, size_t len_bytes, int32_t **ids, size_t *n, struct assay_err *e)
{
	if (len_bytes > MAX_TEXT_BYTES)
		return assay_fail(e, ASSAY_E_USAGE, "text: %zu bytes: at most %u can be tokenized at once", len_bytes, MAX_TEXT_BYTES);
	struct encoder c = { t, { *ids, *n, *n } };
	size_t before = *n;
	int rc = split(&c, &t->raw, text, len_bytes, encode_segment, e);
	*ids = c.ids.v;
	*n = rc ? before : c.ids.n;
	return rc;
}
