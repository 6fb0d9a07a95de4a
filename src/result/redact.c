/* See redact.h. Errs on the side of replacing: a word that only looks like a path is no loss. */
#include "result/redact.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define PATH "(path)"
#define HOST "(host)"
#define PROMPT "(prompt)"
#define HIDDEN "(redacted)"
enum { SECRETS_MAX = 4096, INSIDE_MIN = 3 /* shorter secrets (a host: 2) are replaced only where they are the whole value */ };

struct secret { char *text; const char *by; size_t len; };
struct redact { struct secret *list; size_t n; };

/* What a value is: text of ours that may quote a secret; words of a command line; a name that others compute with; or hidden whole. */
enum how { TEXT, WORDS, NAME, HIDE, IS_PATH, IS_HOST, IS_PROMPT, IS_SPEC, CONFIG };

static const struct rule { const char *key; enum how how; } rules[] = {
	{ "uuid", HIDE }, { "serial", HIDE }, { "serial_number", HIDE }, { "product_serial", HIDE }, { "mac", HIDE }, { "user", HIDE }, { "last_line", HIDE },
	{ "host", IS_HOST }, { "hostname", IS_HOST }, { "path", IS_PATH }, { "cwd", IS_PATH }, { "argv", WORDS }, { "environment", WORDS }, { "config", CONFIG },
	{ "experiment", NAME }, { "code", NAME }, { "status", NAME }, { "name", NAME }, { "version", NAME }, { "commit", NAME }, { "definitions", NAME }, { "dtype", NAME }, { "family", NAME },
	{ "created", NAME }, { "ended", NAME }, { "sha256", NAME }, { "of", NAME }, { "role", NAME }, { "method", NAME }, { "metric", NAME }, { "stat", NAME },
};

static const struct rule options[] = {
	{ "output", IS_PATH }, { "job", IS_PATH }, { "prompts", IS_PATH }, { "sessions", IS_PATH }, { "source", IS_PATH }, { "prompt", IS_PROMPT }, { "engine", IS_SPEC },
	{ "setup", HIDE }, { "prepare", HIDE }, { "cleanup", HIDE }, { "label", TEXT }, { "note", TEXT },
};

static enum how how_of(const struct rule *table, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(key, table[i].key))
			return table[i].how;
	return TEXT;
}
#define HOW_OF(table, key) how_of(table, sizeof table / sizeof *table, key)

static void keep(struct redact *r, const char *text, const char *by)
{
	if (!text || !*text || !strcmp(text, ".") || r->n == SECRETS_MAX)
		return;
	r->list = xrealloc(r->list, (r->n + 1) * sizeof *r->list);
	r->list[r->n++] = (struct secret){ xstrdup(text), by, strlen(text) };
}

static int longest_first(const void *a, const void *b)
{
	const struct secret *x = a, *y = b;
	return x->len != y->len ? (x->len < y->len ? 1 : -1) : strcmp(x->text, y->text);
}

/* Options whose value is a text of the user's or a place; any other that has a '/' in it. */
static void keep_option(struct redact *r, const char *key, const json_t *v)
{
	static const char *const by[] = { [IS_PATH] = PATH, [IS_PROMPT] = PROMPT, [HIDE] = HIDDEN, [CONFIG] = NULL };
	const char *s = json_string_value(v), *colon = s ? strchr(s, ':') : NULL;
	enum how how = HOW_OF(options, key);
	size_t i;
	json_t *item;
	json_array_foreach((json_t *)v, i, item)
		keep_option(r, key, item);
	if (s && how == IS_SPEC && colon)
		keep(r, colon + 1, PATH);
	else if (s && by[how])
		keep(r, s, by[how]);
	else if (s && strchr(s, '/') && strcmp(key, "label") && strcmp(key, "note"))
		keep(r, s, PATH);
}

struct redact *redact_open(const json_t *header)
{
	struct redact *r = xalloc(sizeof *r);
	const json_t *provenance = json_object_get(header, "provenance");
	const char *key;
	json_t *v;
	size_t i;
	keep(r, assay_json_get_str(json_object_get(header, "machine"), "host", NULL), HOST);
	keep(r, assay_json_get_str(provenance, "cwd", NULL), PATH);
	json_array_foreach(json_object_get(provenance, "inputs"), i, v)
		keep(r, assay_json_get_str(v, "path", NULL), PATH);
	json_object_foreach(json_object_get(header, "config"), key, v)
		keep_option(r, key, v);
	if (r->n)
		qsort(r->list, r->n, sizeof *r->list, longest_first);
	return r;
}

void redact_close(struct redact *r)
{
	for (size_t i = 0; r && i < r->n; i++)
		free(r->list[i].text);
	if (r)
		free(r->list);
	free(r);
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80; }

/* Bytes of the path or address at s. */
static size_t span(const char *s)
{
	size_t n = strcspn(s, " \t\n\"'`,;()[]{}<>|");
	while (n && s[n - 1] == ':')
		n--;
	return n;
}

/* An absolute path, ~/..., or scheme://...: its bytes, 0 = none begins here. before: the byte in front. */
static size_t place_here(const char *s, char before)
{
	static const char *const known[] = { "/proc/", "/sys/", "/dev/" };
	size_t n = span(s), scheme = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
	if (is_word(before) || before == '/' || before == '.' || before == '~')
		return 0;
	if (scheme && scheme + 3 <= n && !strncmp(s + scheme, "://", 3))
		return n;
	if (!strncmp(s, "~/", 2) || !strncmp(s, "./", 2) || !strncmp(s, "../", 3))
		return n;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strncmp(s, known[i], strlen(known[i])))
			return 0;
	return *s == '/' && n > 1 && (is_word(s[1]) || strchr(".-@+", s[1])) ? n : 0;
}

/* The secret that begins here as a word of its own, or NULL. Names of files without a folder are too ordinary to be looked for inside text. */
static const struct secret *secret_here(const struct redact *r, const char *s, char before)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct secret *x = &r->list[i];
		if (x->len < (size_t)(strcmp(x->by, HOST) ? INSIDE_MIN : INSIDE_MIN - 1) || (!strcmp(x->by, PATH) && !strpbrk(x->text, "/.")) || strncmp(s, x->text, x->len))
			continue;
		if (!(is_word(before) && is_word(*s)) && !(is_word(s[x->len]) && is_word(x->text[x->len - 1])))
			return x;
	}
	return NULL;
}

/* A whole secret; or an option with one: --name=SECRET, -oSECRET, sim:SECRET, sim:SECRET@N. */
static bool whole(const struct redact *r, const char *s, struct assay_buf *out)
{
	size_t n = strlen(s);
	for (size_t i = 0; i < r->n; i++) {
		const struct secret *x = &r->list[i];
		if (n < x->len || strcmp(s + n - x->len, x->text))
			continue;
		size_t head = n - x->len;
		if (head && !(s[head - 1] == '=' || s[head - 1] == ':' || (head == 2 && s[0] == '-' && s[1] != '-')))
			continue;
		assay_buf_append(out, s, head);
		assay_buf_puts(out, x->by);
		return true;
	}
	return false;
}

static json_t *text(const struct redact *r, const char *s, enum how how)
{
	struct assay_buf b;
	assay_buf_init(&b, 16 * strlen(s) + 64);
	assay_buf_puts(&b, "");
	if (how != WORDS || !whole(r, s, &b))
		for (size_t i = 0; s[i];) {
			char before = i ? s[i - 1] : ' ';
			const struct secret *x = how == NAME ? NULL : secret_here(r, s + i, before);
			size_t n = x ? x->len : place_here(s + i, before);
			if (x && !strcmp(x->by, PATH) && s[i + n] == '/')
				n += span(s + i + n);
			if (n)
				assay_buf_puts(&b, x ? x->by : PATH);
			else
				assay_buf_append(&b, s + i, n = 1);
			i += n;
		}
	json_t *v = json_string(b.data);
	assay_buf_release(&b);
	return v ? v : json_string(HIDDEN);
}

static json_t *string(const struct redact *r, const char *s, enum how how)
{
	const char *colon = how == IS_SPEC ? strchr(s, ':') : NULL;
	switch (how) {
	case HIDE: return json_string(HIDDEN);
	case IS_PATH: return json_string(PATH);
	case IS_HOST: return json_string(HOST);
	case IS_PROMPT: return json_string(PROMPT);
	case IS_SPEC: return colon ? json_sprintf("%.*s:" PATH, (int)(colon - s), s) : json_string(s);
	default: return text(r, s, how);
	}
}

/* how of a member of an object that is looked at as `of`. */
static enum how member(enum how of, const char *key, bool sample)
{
	if (of == HIDE || of == WORDS)
		return of;
	if (of == CONFIG)
		return HOW_OF(options, key);
	return sample && strcmp(key, "code") ? HIDE : HOW_OF(rules, key);
}

static json_t *scrub(const struct redact *r, const json_t *v, enum how how)
{
	const char *key;
	json_t *item, *out;
	size_t i;
	if (json_is_string(v))
		return string(r, json_string_value(v), how);
	if (json_is_array(v)) {
		out = json_array();
		json_array_foreach(v, i, item)
			json_array_append_new(out, scrub(r, item, how));
		return out;
	}
	if (!json_is_object(v))
		return json_deep_copy(v);
	bool sample = !strcmp(assay_json_get_str(v, "code", ""), "sample_text");
	out = json_object();
	json_object_foreach((json_t *)v, key, item)
		json_object_set_new(out, key, scrub(r, item, member(how, key, sample)));
	return out;
}

json_t *redact_record(const struct redact *r, const json_t *record)
{
	return scrub(r, record, TEXT);
}
