/* See worker_tokens.h. */
#include "engine/worker_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct worker_token *add(struct worker_tokens *t)
{
	if (!(t->n & (t->n - 1))) /* full at every power of two */
		t->list = xrealloc(t->list, (t->n ? 2 * t->n : 1) * sizeof *t->list);
	t->list[t->n] = (struct worker_token){ 0 };
	return &t->list[t->n++];
}

bool worker_tokens_take(struct worker_tokens *t, const json_t *tok)
{
	for (size_t i = 0; i < json_array_size(tok); i++) {
		const json_t *pair = json_array_get(tok, i), *r = json_array_get(pair, 0), *ids = json_array_get(pair, 1);
		if (json_array_size(pair) != 2 || !json_is_integer(r) || json_integer_value(r) < 0 || json_integer_value(r) > UINT32_MAX || !json_array_size(ids))
			return false;
		for (size_t k = 0; k < json_array_size(ids); k++) {
			const json_t *id = json_array_get(ids, k);
			if (!json_is_integer(id) || json_integer_value(id) < -1 || json_integer_value(id) > INT32_MAX)
				return false;
		}
		*add(t) = (struct worker_token){ (uint32_t)json_integer_value(r), (uint32_t)json_array_size(ids), (int32_t)json_integer_value(json_array_get(ids, 0)) };
	}
	return json_is_array(tok);
}

/* ---- the short way ---- */

struct cursor { const char *at, *end; };

static bool next_is(struct cursor *c, char want)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r'))
		c->at++;
	return c->at < c->end && *c->at == want;
}

static bool take(struct cursor *c, char want)
{
	bool is = next_is(c, want);
	c->at += is;
	return is;
}

/* A whole number as JSON writes it, of least to most. */
static bool number(struct cursor *c, int64_t least, int64_t most, int64_t *out)
{
	bool minus = take(c, '-');
	const char *from = c->at;
	int64_t v = 0;
	for (; c->at < c->end && *c->at >= '0' && *c->at <= '9' && c->at - from < 11; c->at++)
		v = 10 * v + (*c->at - '0');
	*out = minus ? -v : v;
	return c->at > from && (*from != '0' || c->at - from == 1) && !(minus && !v) && *out >= least && *out <= most;
}

/* [r, [id, ...]] */
static bool pair(struct cursor *c, struct worker_token *x)
{
	int64_t r, id, first = 0;
	uint32_t n = 0;
	if (!take(c, '[') || next_is(c, '-') || !number(c, 0, UINT32_MAX, &r) || !take(c, ',') || !take(c, '['))
		return false;
	do {
		if (!number(c, -1, INT32_MAX, &id))
			return false;
		first = n++ ? first : id;
	} while (take(c, ','));
	*x = (struct worker_token){ (uint32_t)r, n, (int32_t)first };
	return take(c, ']') && take(c, ']');
}

static bool list(struct cursor *c, struct worker_tokens *t)
{
	if (!take(c, '['))
		return false;
	if (take(c, ']'))
		return true;
	do {
		if (!pair(c, add(t)))
			return false;
	} while (take(c, ','));
	return take(c, ']');
}

size_t worker_tokens_scan(struct worker_tokens *t, const char *line, size_t len)
{
	static const char key[] = "\"tok\":";
	const char *at = memmem(line, len, key, sizeof key - 1);
	struct cursor c = { at ? at + sizeof key - 1 : NULL, line + len };
	if (at && list(&c, t) && take(&c, '}') && !next_is(&c, '}') && c.at == c.end)
		return (size_t)(at - line);
	t->n = 0;
	return 0;
}

void worker_tokens_release(struct worker_tokens *t)
{
	free(t->list);
	*t = (struct worker_tokens){ 0 };
}
