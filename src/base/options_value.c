/* Turns the text of one option into a checked value, by the kind and range of its row.
 * Knows neither where the text came from nor other options. */
#include "base/options_value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum { LIST_MAX = 4096, SHOWN_MAX = 60 };

void assay_opt_value_release(struct assay_opt_value *v)
{
	for (int i = 0; i < v->n_words; i++)
		free(v->words[i]);
	free(v->words);
	free(v->ints);
	free(v->text);
	memset(v, 0, sizeof *v);
}

/* Splits "a|b|c"; the caller frees list[0] and list. */
static int split_choices(const char *choices, char ***list)
{
	int n = 1;
	for (const char *p = choices; *p; p++)
		n += *p == '|';
	char **l = xalloc((size_t)n * sizeof *l), *copy = xstrdup(choices), *save = NULL;
	int k = 0;
	for (char *w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save))
		l[k++] = w;
	if (!k)
		l[0] = copy;
	*list = l;
	return k;
}

static bool bounded(const struct assay_opt *row) { return row->min != 0 || row->max != 0; }

/* ": allowed is 1 to 100" or "" */
static const char *range_text(const struct assay_opt *row, char *out, size_t size_bytes)
{
	bool size = row->kind == ASSAY_OPT_SIZE, tib = size && row->max >= 0x1p40;
	out[0] = 0;
	if (bounded(row) && isinf(row->max))
		snprintf(out, size_bytes, "; allowed is %.15g or more", row->min);
	else if (bounded(row)) /* bounds are whole up to 2^53: printed as such */
		snprintf(out, size_bytes, "; allowed is %.16g to %.16g%s", row->min, tib ? row->max / 0x1p40 : row->max, tib ? "T" : "");
	return out;
}

static int bad(const struct assay_opt *row, const char *text, const char *why, struct assay_err *e)
{
	char range[96];
	return assay_fail(e, ASSAY_E_USAGE, "\"%.*s\" %s%s", SHOWN_MAX, text, why, range_text(row, range, sizeof range));
}

static int in_range(const struct assay_opt *row, double x, const char *text, struct assay_err *e)
{
	if (bounded(row) && (x < row->min || x > row->max))
		return bad(row, text, "is out of range", e);
	return 0;
}

/* A whole number without fraction, exponent or anything behind it. */
static int parse_int(const struct assay_opt *row, const char *text, int64_t *out, struct assay_err *e)
{
	const char *p = text + (*text == '-' || *text == '+');
	if (!*p || strspn(p, "0123456789") != strlen(p))
		return bad(row, text, "is not a whole number", e);
	errno = 0;
	long long x = strtoll(text, NULL, 10);
	if (errno == ERANGE)
		return bad(row, text, "is out of range", e);
	*out = x;
	return in_range(row, (double)x, text, e);
}

static int parse_num(const struct assay_opt *row, const char *text, double *out, struct assay_err *e)
{
	char *end = NULL;
	double x = strtod(text, &end);
	if (!*text || *end || strspn(text, "+-0123456789.eE") != strlen(text) || !isfinite(x))
		return bad(row, text, "is not a number", e);
	*out = x;
	return in_range(row, x, text, e);
}

struct unit { const char *name; double factor; };

/* A plain decimal and one of the units; "" is a unit too. */
static int parse_unit(const char *text, const struct unit *units, double *out)
{
	size_t digits = strspn(text, "0123456789.");
	char *end = NULL;
	double x = strtod(text, &end);
	if (!digits || end != text + digits)
		return -1;
	for (const struct unit *u = units; u->name; u++)
		if (!strcasecmp(end, u->name)) {
			*out = x * u->factor;
			return 0;
		}
	return -1;
}

static int parse_size(const struct assay_opt *row, const char *text, struct assay_opt_value *v, struct assay_err *e)
{
	static const struct unit units[] = {
		{ "", 1 }, { "B", 1 }, { "K", 0x1p10 }, { "KiB", 0x1p10 }, { "M", 0x1p20 }, { "MiB", 0x1p20 }, { "G", 0x1p30 }, { "GiB", 0x1p30 },
		{ "T", 0x1p40 }, { "TiB", 0x1p40 }, { "KB", 1e3 }, { "MB", 1e6 }, { "GB", 1e9 }, { "TB", 1e12 }, { NULL, 0 },
	};
	double x = 0;
	if (row->def && !strcmp(row->def, "auto") && !strcmp(text, "auto")) {
		v->automatic = true;
		return 0;
	}
	if (parse_unit(text, units, &x))
		return bad(row, text, row->def && !strcmp(row->def, "auto") ? "is not a size like 512M, 2GiB or auto" : "is not a size like 512M or 2GiB", e);
	if (x >= 0x1p62)
		return bad(row, text, "is out of range", e);
	v->i = (int64_t)x;
	return in_range(row, x, text, e);
}

static int parse_duration(const struct assay_opt *row, const char *text, struct assay_opt_value *v, struct assay_err *e)
{
	static const struct unit units[] = {
		{ "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 }, { "m", 60e9 }, { "min", 60e9 }, { "h", 3600e9 }, { NULL, 0 },
	};
	double x = 0;
	if (parse_unit(text, units, &x))
		return bad(row, text, "is not a duration like 500ms, 30s, 5m or 24h", e);
	if (x >= 0x1p62)
		return bad(row, text, "is out of range", e);
	v->i = (int64_t)llround(x);
	return in_range(row, x / 1e9, text, e);
}

static int parse_flag(const char *text, struct assay_opt_value *v, struct assay_err *e)
{
	static const char *const yes[] = { "true", "yes", "on", "1" }, *const no[] = { "false", "no", "off", "0" };
	for (int i = 0; i < 4; i++) {
		if (!strcasecmp(text, yes[i])) {
			v->flag = true;
			return 0;
		}
		if (!strcasecmp(text, no[i]))
			return 0;
	}
	return assay_fail(e, ASSAY_E_USAGE, "\"%.*s\" is not true or false", SHOWN_MAX, text);
}

/* Index of word in the row's choices, or an error that lists them. */
static int choose(const struct assay_opt *row, const char *word, struct assay_err *e)
{
	char **list = NULL, all[400] = "";
	int n = split_choices(row->choices, &list), at = -1;
	for (int i = 0; i < n; i++) {
		if (!strcmp(list[i], word))
			at = i;
		size_t used = strlen(all);
		snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", list[i]);
	}
	if (at < 0) {
		const char *near = assay_nearest(word, (const char *const *)list, n);
		assay_fail(e, ASSAY_E_USAGE, "\"%.*s\" is not one of %s%s%s%s", SHOWN_MAX, word, all, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
	}
	free(list[0]);
	free(list);
	return at;
}

static void add_word(struct assay_opt_value *v, char *steal)
{
	v->words = xrealloc(v->words, (size_t)(v->n_words + 1) * sizeof *v->words);
	v->words[v->n_words++] = steal;
}

static int add_item(const struct assay_opt *row, const char *item, struct assay_opt_value *v, struct assay_err *e)
{
	if (row->kind == ASSAY_OPT_INTS) {
		v->ints = xrealloc(v->ints, (size_t)(v->n_ints + 1) * sizeof *v->ints);
		return parse_int(row, item, &v->ints[v->n_ints], e) ? ASSAY_E_USAGE : (v->n_ints++, 0);
	}
	if (choose(row, item, e) < 0)
		return ASSAY_E_USAGE;
	for (int i = 0; i < v->n_words; i++)
		if (!strcmp(v->words[i], item))
			return 0;
	add_word(v, xstrdup(item));
	return 0;
}

/* Comma list; a bad item is named with its place. */
static int parse_list(const struct assay_opt *row, const char *text, struct assay_opt_value *v, struct assay_err *e)
{
	if (row->kind == ASSAY_OPT_INTS && !strchr(text, ',') && strpbrk(text, " :;[") && strpbrk(text, "0123456789"))
		return bad(row, text, "is no list: separate whole numbers by commas, as in 1,2,4", e);
	char *copy = xstrdup(text);
	int rc = 0, at = 0;
	for (char *item = copy, *next = NULL; !rc && item; item = next) {
		next = strchr(item, ',');
		if (next)
			*next++ = 0;
		while (isspace((unsigned char)*item))
			item++;
		for (size_t n = strlen(item); n && isspace((unsigned char)item[n - 1]); n--)
			item[n - 1] = 0;
		at++;
		if (at > LIST_MAX)
			rc = assay_fail(e, ASSAY_E_USAGE, "more than %d items", LIST_MAX);
		else if (!*item)
			rc = assay_fail(e, ASSAY_E_USAGE, "item %d of \"%.*s\" is empty", at, SHOWN_MAX, text);
		else if (add_item(row, item, v, e))
			rc = at > 1 || next ? assay_fail_in(e, "item %d", at) : ASSAY_E_USAGE;
	}
	free(copy);
	return rc;
}

static int parse_range(const struct assay_opt *row, const char *text, struct assay_opt_value *v, struct assay_err *e)
{
	char *copy = xstrdup(text), *colon = strchr(copy, ':');
	if (colon == copy || (colon && !colon[1])) {
		free(copy);
		return bad(row, text, "lacks an end: N or A:B", e);
	}
	if (colon)
		*colon = 0;
	v->ints = xalloc(2 * sizeof *v->ints);
	v->n_ints = 2;
	int rc = parse_int(row, copy, &v->ints[0], e);
	v->ints[1] = v->ints[0];
	if (!rc && colon)
		rc = parse_int(row, colon + 1, &v->ints[1], e);
	if (!rc && v->ints[0] > v->ints[1])
		rc = assay_fail(e, ASSAY_E_USAGE, "\"%.*s\" runs backwards: A:B needs A <= B", SHOWN_MAX, text);
	free(copy);
	return rc;
}

static int parse_item(const struct assay_opt *row, const char *text, struct assay_opt_value *v, struct assay_err *e)
{
	const char *eq = strchr(text, '=');
	if (row->kind == ASSAY_OPT_MAP && (!eq || eq == text))
		return assay_fail(e, ASSAY_E_USAGE, "\"%.*s\" is not of the form K=V", SHOWN_MAX, text);
	add_word(v, xstrdup(text));
	return 0;
}

static int parse_kind(const struct assay_opt *row, const char *text, struct assay_opt_value *v, struct assay_err *e)
{
	char range[96];
	if (!*text && !row->may_be_empty)
		return assay_fail(e, ASSAY_E_USAGE, "the value is empty%s", range_text(row, range, sizeof range));
	switch (row->kind) {
	case ASSAY_OPT_FLAG: return parse_flag(text, v, e);
	case ASSAY_OPT_INT: return parse_int(row, text, &v->i, e);
	case ASSAY_OPT_NUM: return parse_num(row, text, &v->num, e);
	case ASSAY_OPT_STR: return 0;
	case ASSAY_OPT_ENUM: return choose(row, text, e) < 0 ? ASSAY_E_USAGE : 0;
	case ASSAY_OPT_ENUMS:
	case ASSAY_OPT_INTS: return parse_list(row, text, v, e);
	case ASSAY_OPT_RANGE: return parse_range(row, text, v, e);
	case ASSAY_OPT_SIZE: return parse_size(row, text, v, e);
	case ASSAY_OPT_DURATION: return parse_duration(row, text, v, e);
	case ASSAY_OPT_STRS:
	case ASSAY_OPT_MAP: return parse_item(row, text, v, e);
	}
	abort();
}

int assay_opt_value_parse(const struct assay_opt *row, const char *text, struct assay_opt_value *v, struct assay_err *e)
{
	memset(v, 0, sizeof *v);
	int rc = parse_kind(row, text, v, e);
	if (rc)
		assay_opt_value_release(v);
	else
		v->text = xstrdup(text);
	return rc;
}

int assay_opt_value_add(const struct assay_opt *row, struct assay_opt_value *v, struct assay_opt_value *more, struct assay_err *e)
{
	int rc = 0;
	for (int i = 0; i < more->n_words; i++) {
		size_t key_len = row->kind == ASSAY_OPT_MAP ? strcspn(more->words[i], "=") + 1 : 0;
		int same = 0;
		while (same < v->n_words && (!key_len || strncmp(v->words[same], more->words[i], key_len)))
			same++;
		if (same < v->n_words) {
			free(v->words[same]);
			v->words[same] = more->words[i];
		} else if (v->n_words == LIST_MAX) {
			rc = assay_fail(e, ASSAY_E_USAGE, "given more than %d times", LIST_MAX);
			break;
		} else {
			add_word(v, more->words[i]);
		}
		more->words[i] = NULL;
	}
	assay_opt_value_release(more);
	return rc;
}

/* {K: "V", ...} */
static json_t *echo_map(const struct assay_opt_value *v)
{
	json_t *map = json_object();
	for (int i = 0; i < v->n_words; i++) {
		char *key = xstrdup(v->words[i]), *eq = strchr(key, '=');
		json_t *s = json_string(eq + 1);
		*eq = 0;
		json_object_set_new(map, key, s ? s : json_null()); /* a key that is no UTF-8 is left out */
		free(key);
	}
	return map;
}

json_t *assay_opt_value_echo(const struct assay_opt *row, const struct assay_opt_value *v)
{
	json_t *list = NULL;
	if (!v->text)
		return json_null();
	switch (row->kind) {
	case ASSAY_OPT_FLAG: return json_boolean(v->flag);
	case ASSAY_OPT_INT: return json_integer(v->i);
	case ASSAY_OPT_NUM: return assay_json_real(v->num);
	case ASSAY_OPT_SIZE: return v->automatic ? json_string("auto") : json_integer(v->i);
	case ASSAY_OPT_INTS:
		list = json_array();
		for (int i = 0; i < v->n_ints; i++)
			json_array_append_new(list, json_integer(v->ints[i]));
		return list;
	case ASSAY_OPT_ENUMS:
	case ASSAY_OPT_STRS:
		list = json_array();
		for (int i = 0; i < v->n_words; i++) {
			json_t *word = json_string(v->words[i]);
			json_array_append_new(list, word ? word : json_null());
		}
		return list;
	case ASSAY_OPT_MAP: return echo_map(v);
	default: break;
	}
	json_t *s = json_string(v->text);
	return s ? s : json_null();
}
