/* The chat form of a model. Templates are programs (Jinja); only what a single user
 * message needs is recognised in them: ChatML's markers and the template's own system
 * message. Anything else is "not known", never guessed. */
#include <stdlib.h>
#include <string.h>

#include "nn/tokenizer_parts.h"

#define OPEN "<|im_start|>"
#define CLOSE "<|im_end|>"
#define SYSTEM OPEN "system"
#define MAX_CHAT_BYTES (64u << 20)

static bool has_token(const struct nn_tokenizer *t, const char *text)
{
	for (size_t i = 0; i < t->raw.n + t->normalised.n; i++) {
		size_t n;
		int32_t id = i < t->raw.n ? t->raw.id[i] : t->normalised.id[i - t->raw.n];
		const char *s = nn_vocab_bytes(&t->vocab, id, &n);
		if (n == strlen(text) && !memcmp(s, text, n))
			return true;
	}
	return false;
}

/* The text of a literal "<|im_start|>system\n...<|im_end|>" (the newline raw or spelled \n); one that is
 * put together from pieces has a quote or a brace in it and is no default. */
static char *default_system(const char *s, const char *end)
{
	const char *at = s;
	while ((at = memmem(at, (size_t)(end - at), SYSTEM, strlen(SYSTEM)))) {
		at += strlen(SYSTEM);
		const char *stop = memmem(at, (size_t)(end - at), CLOSE, strlen(CLOSE));
		size_t skip = at < end && *at == '\n' ? 1 : end - at > 2 && at[0] == '\\' && at[1] == 'n' ? 2 : 0;
		if (!stop || !skip)
			continue;
		size_t n = (size_t)(stop - at) - skip;
		bool literal = !memchr(at + skip, '{', n) && !memchr(at + skip, '\'', n) && !memchr(at + skip, '"', n) && !memchr(at + skip, '\\', n);
		if (literal)
			return xasprintf("%.*s", (int)n, at + skip);
	}
	return NULL;
}

void nn_tokenizer_set_chat(struct nn_tokenizer *t, const char *tmpl, size_t n)
{
	if (!has_token(t, OPEN) || !has_token(t, CLOSE))
		return;
	t->chatml = !tmpl || memmem(tmpl, n, OPEN, strlen(OPEN));
	if (tmpl && t->chatml)
		t->chat_system = default_system(tmpl, tmpl + n);
}

int nn_tokenizer_chat(const struct nn_tokenizer *t, const char *user, size_t n, struct assay_buf *out, struct assay_err *e)
{
	if (!t->chatml)
		return assay_fail(e, ASSAY_E_MODEL, "chat: this model has no chat template of the ChatML kind: give the prompt without --chat");
	int rc = 0;
	if (t->chat_system)
		rc |= assay_buf_puts(out, SYSTEM "\n") | assay_buf_puts(out, t->chat_system) | assay_buf_puts(out, CLOSE "\n");
	rc |= assay_buf_puts(out, OPEN "user\n") | assay_buf_append(out, user, n) | assay_buf_puts(out, CLOSE "\n" OPEN "assistant\n");
	return rc ? assay_fail(e, ASSAY_E_USAGE, "chat: the message is longer than its buffer of %zu bytes", out->max_bytes) : 0;
}

int nn_tokenizer_prompt(struct nn_tokenizer *t, const char *text, size_t len_bytes, bool chat, int32_t **ids, size_t *n, struct assay_err *e)
{
	struct assay_buf b;
	if (!chat)
		return nn_tokenizer_encode(t, text, len_bytes, ids, n, e);
	assay_buf_init(&b, MAX_CHAT_BYTES);
	int rc = nn_tokenizer_chat(t, text, len_bytes, &b, e);
	if (!rc)
		rc = nn_tokenizer_encode(t, b.data, b.len_bytes, ids, n, e);
	assay_buf_release(&b);
	return rc;
}
