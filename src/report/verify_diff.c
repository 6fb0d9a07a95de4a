/* See verify_diff.h. */
#include "report/verify_diff.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#define QUOTE_BYTES 100
#define LINE_BYTES_MAX ((size_t)1 << 16)

void verify_diff_release(struct verify_diff *d)
{
	free(d->where);
	free(d->what);
	*d = (struct verify_diff){ 0 };
}

/* A printable copy of at most QUOTE_BYTES of s; the caller frees. */
static char *quote(const char *s, size_t n)
{
	struct assay_buf b;
	size_t i = 0;
	assay_buf_init(&b, 8 * QUOTE_BYTES);
	assay_buf_puts(&b, "");
	while (i < n && i < QUOTE_BYTES) {
		size_t len = (unsigned char)s[i] < 0x80;
		for (size_t k = 2; !len && k <= 4 && k <= n - i; k++)
			if (assay_utf8_valid(s + i, k) == k)
				len = k;
		if (len == 0 || (len == 1 && ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)))
			assay_buf_printf(&b, "\\x%02x", (unsigned char)s[i]), len = 1;
		else
			assay_buf_append(&b, s + i, len);
		i += len;
	}
	if (i < n)
		assay_buf_puts(&b, "...");
	return b.data;
}

static void say(struct verify_diff *d, char *where, const char *found, size_t n_found, const char *wanted, size_t n_wanted, const char *note)
{
	char *a = quote(found, n_found), *b = quote(wanted, n_wanted);
	d->where = where;
	d->what = xasprintf("found %s, should be %s%s", n_found ? a : "nothing", n_wanted ? b : "nothing", note);
	free(a);
	free(b);
}

/* ---- JSON ---- */
static char *printed(const json_t *v)
{
	struct assay_buf b;
	assay_buf_init(&b, LINE_BYTES_MAX);
	assay_buf_puts(&b, "");
	if (!v)
		assay_buf_puts(&b, "nothing");
	else if (assay_json_print(&b, v, 0))
		assay_buf_puts(&b, "...");
	return b.data;
}

static int differ(const char *path, const json_t *found, const json_t *wanted, struct verify_diff *d)
{
	char *a = printed(found), *b = printed(wanted);
	say(d, xstrdup(*path ? path : "the whole document"), a, strlen(a), b, strlen(b), "");
	free(a);
	free(b);
	return 1;
}

static bool is_word(const char *key)
{
	return *key && strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(key);
}

static char *member(const char *path, const char *key)
{
	if (is_word(key))
		return xasprintf("%s%s%s", path, *path ? "." : "", key);
	char *q = quote(key, strlen(key)), *p = xasprintf("%s[\"%s\"]", path, q);
	free(q);
	return p;
}

static int diff_at(const char *path, const json_t *found, const json_t *wanted, struct verify_diff *d);

/* A document's id is a hash of the rest: where it differs, the rest says more. */
static bool is_id(const char *path, const char *key)
{
	return !*path && !strcmp(key, "id");
}

static int diff_objects(const char *path, const json_t *found, const json_t *wanted, struct verify_diff *d)
{
	const char *key;
	json_t *v;
	int rc = 0;
	json_object_foreach((json_t *)wanted, key, v) {
		if (is_id(path, key))
			continue;
		char *p = member(path, key);
		rc = diff_at(p, json_object_get(found, key), v, d);
		free(p);
		if (rc)
			return rc;
	}
	json_object_foreach((json_t *)found, key, v)
		if (!json_object_get(wanted, key) && !is_id(path, key)) {
			char *p = member(path, key);
			rc = differ(p, v, NULL, d);
			free(p);
			return rc;
		}
	return 0;
}

static int diff_arrays(const char *path, const json_t *found, const json_t *wanted, struct verify_diff *d)
{
	size_t n = json_array_size(found) > json_array_size(wanted) ? json_array_size(found) : json_array_size(wanted);
	int rc = 0;
	for (size_t i = 0; i < n && !rc; i++) {
		char *p = xasprintf("%s[%zu]", path, i);
		rc = diff_at(p, json_array_get(found, i), json_array_get(wanted, i), d);
		free(p);
	}
	return rc;
}

/* Of one type. Reals by their bits: 0.0 and -0.0 print differently. */
static bool same_scalar(const json_t *a, const json_t *b)
{
	double x = json_real_value(a), y = json_real_value(b);
	if (json_is_real(a))
		return memcmp(&x, &y, sizeof x) == 0;
	return json_is_integer(a) ? json_integer_value(a) == json_integer_value(b) : json_equal(a, b);
}

static int diff_at(const char *path, const json_t *found, const json_t *wanted, struct verify_diff *d)
{
	if (!found || !wanted || json_typeof(found) != json_typeof(wanted))
		return differ(path, found, wanted, d);
	if (json_is_object(wanted))
		return diff_objects(path, found, wanted, d);
	if (json_is_array(wanted))
		return diff_arrays(path, found, wanted, d);
	return same_scalar(found, wanted) ? 0 : differ(path, found, wanted, d);
}

int verify_diff_json(const json_t *found, const json_t *wanted, struct verify_diff *d)
{
	const json_t *a = json_object_get(found, "id"), *b = json_object_get(wanted, "id");
	int rc = diff_at("", found, wanted, d);
	return rc || (!a && !b) ? rc : diff_at("id", a, b, d);
}

/* ---- text ---- */
struct text { const char *p; size_t n; };

static size_t first_difference(struct text a, struct text b)
{
	size_t i = 0;
	while (i < a.n && i < b.n && a.p[i] == b.p[i])
		i++;
	return i;
}

/* Bytes from `at` to the end of its line (stop = "\r\n") or cell. */
static size_t until(struct text t, size_t at, const char *stop)
{
	size_t n = 0;
	while (at + n < t.n && !(t.p[at + n] && strchr(stop, t.p[at + n])))
		n++;
	return n;
}

static int diff_lines(struct text found, struct text wanted, const char *note, struct verify_diff *d)
{
	size_t at = first_difference(found, wanted), line = 1, start = 0;
	for (size_t i = 0; i < at; i++)
		if (wanted.p[i] == '\n') {
			line++;
			start = i + 1;
		}
	size_t from = at - start > QUOTE_BYTES / 2 ? at - QUOTE_BYTES / 4 : start;
	char *where = xasprintf("line %zu, byte %zu", line, at - start + 1);
	bool both_end = !until(found, from, "\n") && !until(wanted, from, "\n");
	size_t a = both_end ? found.n - from : until(found, from, "\n"), b = both_end ? wanted.n - from : until(wanted, from, "\n");
	say(d, where, found.p + from, a, wanted.p + from, b, note);
	return 1;
}

/* The name of column k in the header line. */
static char *column(struct text t, size_t k)
{
	size_t at = 0;
	for (; k && at < t.n && t.p[at] != '\n'; k--)
		at += until(t, at, ",\r\n") + 1;
	size_t n = at < t.n ? until(t, at, ",\r\n") : 0;
	return n ? quote(t.p + at, n) : xstrdup("beyond the header");
}

static int diff_csv(struct text found, struct text wanted, struct verify_diff *d)
{
	size_t at = first_difference(found, wanted), line = 1, cell = 0, k = 0;
	bool quoted = false;
	for (size_t i = 0; i < at; i++) {
		if (wanted.p[i] == '"')
			quoted = !quoted;
		if (wanted.p[i] == '\n')
			line++;
		if (quoted || (wanted.p[i] != '\n' && wanted.p[i] != ','))
			continue;
		k = wanted.p[i] == ',' ? k + 1 : 0;
		cell = i + 1;
	}
	if (at >= wanted.n || wanted.p[at] == '\r' || wanted.p[at] == '\n' || (at < found.n && (found.p[at] == '\n' || found.p[at] == '\r')))
		return diff_lines(found, wanted, " (a line end)", d);
	char *name = column(wanted, k), *where = xasprintf("line %zu, column %s", line, name);
	say(d, where, found.p + cell, until(found, cell, ",\r\n"), wanted.p + cell, until(wanted, cell, ",\r\n"), "");
	free(name);
	return 1;
}

static int diff_json_text(struct text found, struct text wanted, struct verify_diff *d)
{
	json_t *a = json_loadb(found.p, found.n, JSON_REJECT_DUPLICATES, NULL), *b = json_loadb(wanted.p, wanted.n, JSON_REJECT_DUPLICATES, NULL);
	int rc = a && b ? verify_diff_json(a, b, d) : 0;
	if (!rc)
		rc = diff_lines(found, wanted, a ? " (the same values, written differently)" : " (not valid JSON)", d);
	json_decref(a);
	json_decref(b);
	return rc;
}

int verify_diff_file(const char *name, const void *found, size_t n_found, const void *wanted, size_t n_wanted, struct verify_diff *d)
{
	struct text a = { found ? found : "", n_found }, b = { wanted ? wanted : "", n_wanted };
	const char *dot = strrchr(name, '.');
	if (n_found == n_wanted && memcmp(a.p, b.p, n_found) == 0)
		return 0;
	if (dot && !strcmp(dot, ".json"))
		return diff_json_text(a, b, d);
	return dot && !strcmp(dot, ".csv") ? diff_csv(a, b, d) : diff_lines(a, b, "", d);
}
