/* Option rows and their values: who may set them, in which order of precedence, and who reads them.
 * The text of a value is parsed in options_value.c; printing help is cmd's. */
#include "base/options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/options_value.h"

struct assay_options {
	struct assay_opt *rows;           /* own copies: a later table may have changed a default */
	const struct assay_opt **row_ptr; /* for assay_options_rows */
	struct assay_opt_value *values;
	enum assay_opt_source *source;
	int n;
	char **positionals;               /* borrowed strings of argv */
	int n_positionals;
};

static int find(const struct assay_options *o, const char *name, size_t len)
{
	for (int i = 0; i < o->n; i++)
		if (strlen(o->rows[i].name) == len && !memcmp(o->rows[i].name, name, len))
			return i;
	return -1;
}

static void add_row(struct assay_options *o, const struct assay_opt *row)
{
	int at = find(o, row->name, strlen(row->name));
	if (at >= 0) {
		if (row->help)
			o->rows[at] = *row;
		else
			o->rows[at].def = row->def;
		return;
	}
	o->rows = xrealloc(o->rows, (size_t)(o->n + 1) * sizeof *o->rows);
	o->rows[o->n++] = *row;
}

struct assay_options *assay_options_open(const struct assay_opt *const *tables)
{
	struct assay_options *o = xalloc(sizeof *o);
	for (int t = 0; tables && tables[t]; t++)
		for (const struct assay_opt *r = tables[t]; r->name; r++)
			add_row(o, r);
	o->values = xalloc((size_t)(o->n + 1) * sizeof *o->values);
	o->source = xalloc((size_t)(o->n + 1) * sizeof *o->source);
	o->row_ptr = xalloc((size_t)(o->n + 1) * sizeof *o->row_ptr);
	for (int i = 0; i < o->n; i++) {
		struct assay_err e = ASSAY_ERR_INIT;
		o->row_ptr[i] = &o->rows[i];
		if (o->rows[i].def && assay_opt_value_parse(&o->rows[i], o->rows[i].def, &o->values[i], &e)) {
			fprintf(stderr, "assay: bug: default of --%s: %s\n", o->rows[i].name, e.msg);
			abort();
		}
	}
	return o;
}

void assay_options_close(struct assay_options *o)
{
	if (!o)
		return;
	for (int i = 0; i < o->n; i++)
		assay_opt_value_release(&o->values[i]);
	free(o->values);
	free(o->source);
	free(o->row_ptr);
	free(o->rows);
	free(o->positionals);
	free(o);
}

/* Checks always; stores unless a stronger source has spoken. */
static int set_at(struct assay_options *o, int i, const char *text, enum assay_opt_source src, struct assay_err *e)
{
	struct assay_opt_value v;
	int rc = assay_opt_value_parse(&o->rows[i], text, &v, e);
	if (rc)
		return rc;
	if (src < o->source[i]) {
		assay_opt_value_release(&v);
		return 0;
	}
	bool more = assay_options_repeats(&o->rows[i]) && src == o->source[i] && src != ASSAY_FROM_DEFAULT;
	if (more && assay_opt_value_add(&o->rows[i], &o->values[i], &v, e))
		return e->code;
	if (!more) {
		assay_opt_value_release(&o->values[i]);
		o->values[i] = v;
	}
	o->source[i] = src;
	return 0;
}

/* Nearest option name, with underscores for a job's keys; of the flags alone after "no-". */
static const char *near_name(const struct assay_options *o, const char *word, char sep, char *out, size_t size_bytes)
{
	const char **names = xalloc((size_t)(o->n + 1) * sizeof *names), *no = strncmp(word, "no-", 3) ? "" : "no-";
	char *plain = xstrdup(word);
	int n = 0;
	for (char *p = plain; *p; p++)
		if (*p == '_')
			*p = '-';
	for (int i = 0; i < o->n; i++)
		if (!*no || o->rows[i].kind == ASSAY_OPT_FLAG)
			names[n++] = o->rows[i].name;
	const char *near = assay_nearest(plain + strlen(no), names, n);
	out[0] = 0;
	if (near)
		snprintf(out, size_bytes, " (did you mean %s%s%s?)", sep == '-' ? "--" : "", no, near);
	for (char *p = out; near && sep == '_' && *p; p++)
		if (*p == '-')
			*p = '_';
	free(plain);
	free(names);
	return out;
}

/* ---- command line ---- */

struct args { int argc, at; char **argv; };

static const char *placeholder(const struct assay_opt *r)
{
	return r->arg ? r->arg : r->choices ? r->choices : "VALUE";
}

/* "-q" where -q is an option: nobody's text, but an option whose predecessor lost its value. */
static bool is_letter_option(const struct assay_options *o, const char *word)
{
	for (int i = 0; word[0] == '-' && word[1] && !word[2] && i < o->n; i++)
		if (o->rows[i].letter == word[1])
			return true;
	return false;
}

/* The value of an option: what follows in the same word (text), or the next word. */
static int take_value(struct assay_options *o, int i, const char *typed, const char *text, struct args *a, struct assay_err *e)
{
	const struct assay_opt *r = &o->rows[i];
	if (!text) { /* the next word, unless it is an option; a word with a blank in it is none (pairs --with '--runs 3') */
		if (a->at + 1 >= a->argc || (!strncmp(a->argv[a->at + 1], "--", 2) && !strchr(a->argv[a->at + 1], ' ')) || is_letter_option(o, a->argv[a->at + 1]))
			return assay_fail(e, ASSAY_E_USAGE, "%s needs a value: %s", typed, placeholder(r));
		text = a->argv[++a->at];
	}
	return set_at(o, i, text, ASSAY_FROM_CLI, e) ? assay_fail_in(e, "%s", typed) : 0;
}

static int parse_long(struct assay_options *o, struct args *a, struct assay_err *e)
{
	const char *word = a->argv[a->at] + 2, *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);
	char typed[80], near[96], name[64];
	int i = find(o, word, len);
	snprintf(name, sizeof name, "%.*s", (int)(len < 60 ? len : 60), word);
	snprintf(typed, sizeof typed, "--%s", name);
	if (i >= 0 && o->rows[i].kind == ASSAY_OPT_FLAG)
		return set_at(o, i, eq ? eq + 1 : "true", ASSAY_FROM_CLI, e) ? assay_fail_in(e, "%s", typed) : 0;
	if (i >= 0)
		return take_value(o, i, typed, eq ? eq + 1 : NULL, a, e);
	if (len > 3 && !strncmp(word, "no-", 3) && (i = find(o, word + 3, len - 3)) >= 0) {
		if (o->rows[i].kind != ASSAY_OPT_FLAG)
			return assay_fail(e, ASSAY_E_USAGE, "%s: --%s takes a value and cannot be turned off with --no-", typed, o->rows[i].name);
		if (eq)
			return assay_fail(e, ASSAY_E_USAGE, "%s takes no value", typed);
		return set_at(o, i, "false", ASSAY_FROM_CLI, e);
	}
	return assay_fail(e, ASSAY_E_USAGE, "unknown option %s%s", typed, near_name(o, name, '-', near, sizeof near));
}

/* The whole word may be a long option that was given one dash. */
static int unknown_letter(const struct assay_options *o, char letter, const char *word, struct assay_err *e)
{
	char near[96] = "", name[64], typed[2] = { letter, 0 };
	snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
	if (strlen(name) > 2)
		near_name(o, name, '-', near, sizeof near);
	if (!isprint((unsigned char)letter))
		return assay_fail(e, ASSAY_E_USAGE, "unknown option (a byte that is no letter after '-')");
	return assay_fail(e, ASSAY_E_USAGE, "unknown option -%s%s", *near ? name : typed, near);
}

/* -m gpt2, -mgpt2, -qv */
static int parse_short(struct assay_options *o, struct args *a, struct assay_err *e)
{
	const char *word = a->argv[a->at] + 1;
	if (word[1] && find(o, word, strcspn(word, "=")) >= 0)
		return unknown_letter(o, *word, word, e);
	for (const char *p = word; *p; p++) {
		int i = -1;
		for (int k = 0; k < o->n; k++)
			if (o->rows[k].letter == *p)
				i = k;
		if (i < 0)
			return unknown_letter(o, *p, word, e);
		char typed[3] = { '-', *p, 0 };
		if (o->rows[i].kind != ASSAY_OPT_FLAG)
			return take_value(o, i, typed, p[1] ? p + 1 : NULL, a, e);
		if (set_at(o, i, "true", ASSAY_FROM_CLI, e))
			return e ? e->code : ASSAY_E_USAGE;
	}
	return 0;
}

int assay_options_parse(struct assay_options *o, int argc, char **argv, struct assay_err *e)
{
	struct args a = { argc, 0, argv };
	bool ended = false;
	o->positionals = xrealloc(o->positionals, (size_t)(argc + 1) * sizeof *o->positionals);
	for (; a.at < argc; a.at++) {
		char *w = argv[a.at];
		int rc = 0;
		if (ended || w[0] != '-' || !w[1])
			o->positionals[o->n_positionals++] = w;
		else if (!strcmp(w, "--"))
			ended = true;
		else
			rc = w[1] == '-' ? parse_long(o, &a, e) : parse_short(o, &a, e);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- environment and job ---- */

void assay_options_variable(const char *option, char out[80])
{
	snprintf(out, 80, "ASSAY_%s", option);
	for (char *p = out; *p; p++)
		*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
}

int assay_options_env(struct assay_options *o, struct assay_err *e)
{
	for (int i = 0; i < o->n; i++) {
		char name[80];
		assay_options_variable(o->rows[i].name, name);
		const char *value = getenv(name);
		if (value && *value && set_at(o, i, value, ASSAY_FROM_ENV, e))
			return assay_fail_in(e, "environment variable %s", name);
	}
	return 0;
}

/* A scalar as it would be typed; false for null, an object or an array. */
static bool scalar_text(const json_t *v, struct assay_buf *b)
{
	char num[32];
	if (json_is_string(v))
		return !assay_buf_puts(b, json_string_value(v));
	if (json_is_boolean(v))
		return !assay_buf_puts(b, json_is_true(v) ? "true" : "false");
	if (json_is_integer(v))
		return !assay_buf_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	if (!json_is_real(v))
		return false;
	assay_json_number(json_real_value(v), num);
	return !assay_buf_puts(b, num);
}

/* A list of scalars with commas between them. */
static bool list_text(const json_t *v, struct assay_buf *b)
{
	for (size_t i = 0; i < json_array_size(v); i++)
		if ((i && assay_buf_puts(b, ",")) || !scalar_text(json_array_get(v, i), b))
			return false;
	return true;
}

static bool job_text(const struct assay_opt *row, const json_t *v, struct assay_buf *b)
{
	if (!json_is_array(v))
		return scalar_text(v, b) && (row->kind == ASSAY_OPT_FLAG || !json_is_boolean(v));
	return (row->kind == ASSAY_OPT_INTS || row->kind == ASSAY_OPT_ENUMS) && list_text(v, b);
}

/* One item of a repeatable option: a text, or a key with its value (a list of scalars too). */
static int job_item(struct assay_options *o, int i, const char *key, const json_t *v, struct assay_err *e)
{
	struct assay_buf b;
	assay_buf_init(&b, 1 << 20);
	bool is_text = !key || !assay_buf_printf(&b, "%s=", key);
	is_text = is_text && (key && json_is_array(v) ? list_text(v, &b) : scalar_text(v, &b));
	int rc = is_text ? set_at(o, i, b.data ? b.data : "", ASSAY_FROM_JOB, e) : assay_fail(e, ASSAY_E_USAGE, "expects a text, a list of texts or a mapping");
	assay_buf_release(&b);
	return rc;
}

static int job_items(struct assay_options *o, int i, const json_t *v, struct assay_err *e)
{
	const char *key;
	json_t *item;
	size_t k;
	if (!json_is_array(v) && !json_is_object(v))
		return job_item(o, i, NULL, v, e);
	json_array_foreach((json_t *)v, k, item)
		if (job_item(o, i, NULL, item, e))
			return assay_fail_in(e, "item %zu", k + 1);
	json_object_foreach((json_t *)v, key, item)
		if (job_item(o, i, key, item, e))
			return assay_fail_in(e, "%.60s", key);
	return 0;
}

static int job_value(struct assay_options *o, int i, const json_t *v, struct assay_err *e)
{
	static const char *const wants[] = { "true or false", "one whole number", "one number", "text", "one word", "a list of words", "a list of whole numbers", "N or A:B", "a size", "a duration" };
	struct assay_buf b;
	int rc = 0;
	if (json_is_null(v))
		return 0;
	if (assay_options_repeats(&o->rows[i]))
		return job_items(o, i, v, e);
	assay_buf_init(&b, 1 << 20);
	if (!job_text(&o->rows[i], v, &b))
		rc = assay_fail(e, ASSAY_E_USAGE, "expects %s", wants[o->rows[i].kind]);
	else
		rc = set_at(o, i, b.data ? b.data : "", ASSAY_FROM_JOB, e);
	assay_buf_release(&b);
	return rc;
}

int assay_options_job(struct assay_options *o, const json_t *map, const char *(*where)(const json_t *, const char *, void *), void *arg, struct assay_err *e)
{
	const char *key;
	json_t *v;
	if (!json_is_object(map))
		return assay_fail(e, ASSAY_E_USAGE, "%s: a job is a mapping of option names to values", where ? where(map, NULL, arg) : "job");
	json_object_foreach((json_t *)map, key, v) {
		char name[64], near[96];
		snprintf(name, sizeof name, "%.60s", key);
		for (char *p = name; *p; p++)
			*p = *p == '_' ? '-' : *p == '-' ? '_' : *p; /* a key with '-' is not a name */
		int i = find(o, name, strlen(name));
		if (i < 0)
			return assay_fail(e, ASSAY_E_USAGE, "%s: unknown key %.60s%s", where ? where(map, key, arg) : "job", key, near_name(o, key, '_', near, sizeof near));
		if (job_value(o, i, v, e)) {
			assay_fail_in(e, "%s", key);
			return assay_fail_in(e, "%s", where ? where(map, key, arg) : "job");
		}
	}
	return 0;
}

/* ---- reading ---- */

int assay_options_positionals(const struct assay_options *o, char ***list)
{
	*list = o->positionals;
	return o->n_positionals;
}

static int at(const struct assay_options *o, const char *name, unsigned kinds)
{
	int i = find(o, name, strlen(name));
	if (i < 0 || !(kinds >> o->rows[i].kind & 1)) {
		fprintf(stderr, "assay: bug: option %s %s\n", name, i < 0 ? "is in no table" : "is of another kind");
		abort();
	}
	return i;
}

bool assay_options_knows(const struct assay_options *o, const char *name) { return find(o, name, strlen(name)) >= 0; }
bool assay_options_is_set(const struct assay_options *o, const char *name) { return o->values[at(o, name, ~0u)].text; }
const char *assay_options_text(const struct assay_options *o, const char *name) { return o->values[at(o, name, ~0u)].text; }
enum assay_opt_source assay_options_source(const struct assay_options *o, const char *name) { return o->source[at(o, name, ~0u)]; }
bool assay_options_flag(const struct assay_options *o, const char *name) { return o->values[at(o, name, 1u << ASSAY_OPT_FLAG)].flag; }
double assay_options_num(const struct assay_options *o, const char *name) { return o->values[at(o, name, 1u << ASSAY_OPT_NUM)].num; }

int64_t assay_options_int(const struct assay_options *o, const char *name)
{
	return o->values[at(o, name, 1u << ASSAY_OPT_INT | 1u << ASSAY_OPT_SIZE | 1u << ASSAY_OPT_DURATION)].i;
}

const char *assay_options_str(const struct assay_options *o, const char *name)
{
	return o->values[at(o, name, 1u << ASSAY_OPT_STR | 1u << ASSAY_OPT_ENUM)].text;
}

int assay_options_ints(const struct assay_options *o, const char *name, const int64_t **list)
{
	const struct assay_opt_value *v = &o->values[at(o, name, 1u << ASSAY_OPT_INTS | 1u << ASSAY_OPT_RANGE)];
	*list = v->ints;
	return v->n_ints;
}

int assay_options_strs(const struct assay_options *o, const char *name, const char *const **list)
{
	const struct assay_opt_value *v = &o->values[at(o, name, 1u << ASSAY_OPT_STRS | 1u << ASSAY_OPT_MAP)];
	*list = (const char *const *)v->words;
	return v->n_words;
}

bool assay_options_has(const struct assay_options *o, const char *name, const char *choice)
{
	const struct assay_opt_value *v = &o->values[at(o, name, 1u << ASSAY_OPT_ENUMS)];
	for (int i = 0; i < v->n_words; i++)
		if (!strcmp(v->words[i], choice))
			return true;
	return false;
}

json_t *assay_options_echo(const struct assay_options *o)
{
	json_t *out = json_object();
	for (int i = 0; i < o->n; i++) {
		char name[64];
		if (o->rows[i].hidden_echo)
			continue;
		snprintf(name, sizeof name, "%s", o->rows[i].name);
		for (char *p = name; *p; p++)
			if (*p == '-')
				*p = '_';
		json_object_set_new(out, name, assay_opt_value_echo(&o->rows[i], &o->values[i]));
	}
	return out;
}

int assay_options_rows(const struct assay_options *o, const struct assay_opt *const **rows)
{
	*rows = o->row_ptr;
	return o->n;
}
