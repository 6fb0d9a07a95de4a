/* See worker_variables.h. */
#include "engine/worker_variables.h"

#include <ctype.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/fs.h"
#include "base/json.h"

enum { FILE_MAX = 65536, VARIABLES_MAX = 64, VALUE_MAX = 4096, KV_GIB_MAX = 65536 };

/* One file being read: where it is, the variable at hand, and what the options say. */
struct reading { const char *where, *name; const struct worker_given *g; struct assay_err *e; };

static int bad(const struct reading *r, const char *what, const char *text)
{
	return assay_fail(r->e, ASSAY_E_USAGE, "%s: %.60s: %s%.80s", r->where, r->name, what, text);
}

/* ---- placeholders: each gives its text, "" where it is not known ---- */

/* PREFIX of PREFIX/bin/python. The interpreter itself is not resolved: that of an environment is a link. */
static int put_prefix(const struct reading *r, struct assay_buf *b)
{
	char *python = assay_fs_program(r->g->python), *slash = python ? strrchr(python, '/') : NULL;
	char *up = slash ? xasprintf("%.*s/..", (int)(slash - python), python) : NULL, *prefix = up ? realpath(up, NULL) : NULL;
	int rc = prefix ? assay_buf_puts(b, prefix) : 0;
	free(prefix);
	free(up);
	free(python);
	return rc ? bad(r, "too long", "") : 0;
}

static int put_threads(const struct reading *r, struct assay_buf *b)
{
	return assay_buf_printf(b, "%d", r->g->threads ? r->g->threads : assay_cpu_count());
}

/* The first --threads CPUs that this process may use; not known when all may be used. */
static int put_cpus(const struct reading *r, struct assay_buf *b)
{
	cpu_set_t set;
	int left = r->g->threads, rc = 0;
	if (sched_getaffinity(0, sizeof set, &set))
		return 0;
	for (int i = 0; i < CPU_SETSIZE && left && !rc; i++)
		if (CPU_ISSET(i, &set))
			rc = assay_buf_printf(b, "%s%d", left-- < r->g->threads ? "," : "", i);
	return rc;
}

static const char *option(const struct worker_given *g, const char *name)
{
	size_t n = strlen(name);
	for (int i = g->n_opts; i-- > 0;)
		if (!strncmp(g->opts[i], name, n) && g->opts[i][n] == '=')
			return g->opts[i] + n + 1;
	return NULL;
}

/* --engine-opt kv_gib=N, else --kv-memory rounded up. */
static int put_kv_gib(const struct reading *r, struct assay_buf *b)
{
	const char *own = option(r->g, "kv_gib");
	char *end;
	long gib = own ? strtol(own, &end, 10) : (long)((r->g->kv_bytes + (1u << 30) - 1) >> 30);
	if (own && (end == own || *end || gib < 1 || gib > KV_GIB_MAX))
		return assay_fail(r->e, ASSAY_E_USAGE, "--engine-opt kv_gib: \"%.40s\" is not a whole number of GiB above 0", own);
	return gib ? assay_buf_printf(b, "%ld", gib) : 0;
}

/* A TCP port of this machine that is free now. */
static int put_port(const struct reading *r, struct assay_buf *b)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool got = fd >= 0 && !bind(fd, (struct sockaddr *)&at, sizeof at) && !getsockname(fd, (struct sockaddr *)&at, &n);
	if (fd >= 0)
		close(fd);
	return got ? assay_buf_printf(b, "%d", ntohs(at.sin_port)) : bad(r, "no free port", "");
}

static const struct { const char *name; int (*put)(const struct reading *, struct assay_buf *); } placeholders[] = {
	{ "prefix", put_prefix }, { "threads", put_threads }, { "cpus", put_cpus }, { "kv_gib", put_kv_gib }, { "port", put_port },
};

/* {NAME} or {NAME:otherwise}, between the braces. *known: it has a value. */
static int expand(const struct reading *r, const char *in, size_t n, struct assay_buf *b, bool *known)
{
	const char *colon = memchr(in, ':', n);
	size_t name = colon ? (size_t)(colon - in) : n, before = b->len_bytes;
	for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++) {
		if (strlen(placeholders[i].name) != name || strncmp(placeholders[i].name, in, name))
			continue;
		int rc = placeholders[i].put(r, b);
		if (!rc && b->len_bytes == before && colon)
			rc = assay_buf_append(b, colon + 1, n - name - 1);
		*known = *known && b->len_bytes > before;
		return rc ? r->e->code ? r->e->code : bad(r, "too long", "") : 0;
	}
	char *text = xasprintf("{%.*s}: not one of prefix, threads, cpus, kv_gib, port", (int)(n < 30 ? n : 30), in);
	int rc = bad(r, "unknown placeholder ", text);
	free(text);
	return rc;
}

/* ---- values ---- */

/* A text with its placeholders filled in. *known false: a variable that is left out, since one has no value or the file that a "?" at the end asks for is not there. */
static int fill(const struct reading *r, const char *text, struct assay_buf *b, bool *known)
{
	size_t n = strlen(text);
	bool optional = n && text[n - 1] == '?';
	*known = true;
	for (const char *at = text, *end = text + n - optional; at < end;) {
		const char *close = *at == '{' ? memchr(at, '}', (size_t)(end - at)) : NULL;
		if (iscntrl((unsigned char)*at) || (*at == '{' && !close))
			return bad(r, *at == '{' ? "a { without a }: " : "a control character", *at == '{' ? text : "");
		int rc = close ? expand(r, at + 1, (size_t)(close - at - 1), b, known) : assay_buf_append(b, at, 1) ? bad(r, "too long", "") : 0;
		if (rc)
			return rc;
		at = close ? close + 1 : at + 1;
	}
	if (optional && b->len_bytes)
		*known = *known && access(b->data, R_OK) == 0;
	return 0;
}

/* A text, or {"option": K, "VALUE of --engine-opt K": text, ..., "": text of every other}; NULL and no error: none fits. */
static const char *text_of(const struct reading *r, const json_t *v)
{
	const char *name = assay_json_get_str(v, "option", NULL), *value = name ? option(r->g, name) : NULL;
	const json_t *chosen = value ? json_object_get(v, value) : NULL;
	if (json_is_object(v) && name)
		v = chosen ? chosen : json_object_get(v, "");
	else if (!json_is_string(v))
		bad(r, "must be a text, or an object with \"option\"", "");
	if (v && !json_is_string(v) && !r->e->code)
		bad(r, "must have texts for the values of its option", "");
	return json_string_value(v);
}

/* Whether a word stands in a name, between underscores. */
static bool has_word(const char *name, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = name; (at = strstr(at, word)); at++)
		if ((at == name || at[-1] == '_') && (!at[n] || at[n] == '_'))
			return true;
	return false;
}

/* What is set here is kept in the result. */
static int check_name(const struct reading *r)
{
	static const char *const secret[] = { "TOKEN", "SECRET", "PASSWORD", "KEY" };
	size_t n = strspn(r->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	if (!n || r->name[n] || isdigit((unsigned char)*r->name))
		return bad(r, "is no name of a variable (A-Z, 0-9, _)", "");
	for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
		if (has_word(r->name, secret[i]))
			return bad(r, "looks like a secret, and what is set here is kept in the result: export it in the shell", "");
	return 0;
}

/* What is preloaded already stays so. */
static void keep_preloaded(const char *name, struct assay_buf *b)
{
	const char *own = strcmp(name, "LD_PRELOAD") ? NULL : getenv(name);
	if (own && *own && !strstr(own, b->data))
		assay_buf_printf(b, ":%s", own);
}

static int add(const struct reading *r, const json_t *v, json_t *out)
{
	struct assay_buf b;
	bool known = false;
	const char *text = check_name(r) ? NULL : text_of(r, v);
	assay_buf_init(&b, VALUE_MAX);
	int rc = r->e->code ? r->e->code : text ? fill(r, text, &b, &known) : 0;
	if (!rc && known && b.len_bytes) {
		keep_preloaded(r->name, &b);
		rc = json_object_set_new(out, r->name, json_stringn(b.data, b.len_bytes)) ? bad(r, "is not UTF-8", "") : 0;
	}
	assay_buf_release(&b);
	return rc;
}

int worker_variables_parse(const char *text, size_t len, const char *where, const struct worker_given *g, json_t **out, struct assay_err *e)
{
	struct assay_err mine = ASSAY_ERR_INIT;
	json_t *root = assay_json_parse(text, len, where, ASSAY_E_USAGE, &mine), *v;
	struct reading r = { .where = where, .g = g, .e = &mine };
	*out = json_object();
	if (root && (!json_is_object(root) || json_object_size(root) > VARIABLES_MAX))
		assay_fail(&mine, ASSAY_E_USAGE, "%s: must be an object {NAME: value} of at most %d variables", where, VARIABLES_MAX);
	json_object_foreach(root, r.name, v)
		if (!mine.code)
			add(&r, v, *out);
	json_decref(root);
	if (mine.code) {
		json_decref(*out);
		*out = NULL;
	}
	return mine.code ? assay_fail(e, mine.code, "%s", mine.msg) : 0;
}

int worker_variables_read(const char *worker_file, const struct worker_given *g, json_t **out, struct assay_err *e)
{
	size_t n = strlen(worker_file);
	bool script = n > 3 && !strcmp(worker_file + n - 3, ".py");
	char *path = xasprintf("%.*s.env.json", (int)(script ? n - 3 : n), worker_file);
	struct assay_buf b;
	assay_buf_init(&b, FILE_MAX);
	int rc = 0;
	*out = NULL;
	if (!assay_fs_exists(path))
		*out = json_object();
	else
		rc = assay_fs_read(path, &b, ASSAY_E_USAGE, e);
	if (!rc && b.len_bytes)
		rc = worker_variables_parse(b.data, b.len_bytes, path, g, out, e);
	else if (!rc && !*out)
		rc = assay_fail(e, ASSAY_E_USAGE, "%s: is empty", path);
	assay_buf_release(&b);
	free(path);
	return rc;
}

/* ---- the block ---- */

/* Of "NAME=value": set anew in variables. */
static bool is_replaced(const json_t *variables, const char *entry)
{
	char *name = xstrdup(entry);
	name[strcspn(name, "=")] = 0;
	bool is = json_object_get(variables, name) != NULL;
	free(name);
	return is;
}

char **worker_variables_block(const json_t *variables)
{
	size_t n = 0, own = 0, bytes = 0;
	const char *name;
	json_t *v;
	while (environ && environ[own])
		own++;
	json_object_foreach((json_t *)variables, name, v)
		bytes += strlen(name) + json_string_length(v) + 2;
	size_t pointers = (own + json_object_size(variables) + 1) * sizeof(char *);
	char **block = xalloc(pointers + bytes), *at = (char *)block + pointers;
	for (size_t i = 0; i < own; i++)
		if (!is_replaced(variables, environ[i]))
			block[n++] = environ[i];
	json_object_foreach((json_t *)variables, name, v) {
		block[n++] = at;
		at = stpcpy(stpcpy(stpcpy(at, name), "="), json_string_value(v)) + 1;
	}
	return block;
}
