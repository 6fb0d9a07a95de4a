/* --vary to configurations: option names and values checked by the options' own rows before anything runs; the grid; names. Measures nothing. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/sweep.h"

enum { ROWS_MAX = 256, SLUG_MAX = 60 };

/* What says where and how to show, not what to measure. */
static const char *const not_measured[] = { "output", "json", "job", "dry-run", "progress", "color", "verbose", "save-as", "redact" };
/* Not a configuration either, though every result may have it. */
static const char *const not_varied[] = { "format", "legacy", "targets", "label", "note" };

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool is_among(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, list[i]))
			return true;
	return false;
}

/* Rows that a configuration may have: all but sweep's own. */
static int config_rows(const struct cmd_sweep *s, const struct assay_opt **out)
{
	const struct assay_opt *const *rows;
	int n = assay_options_rows(s->o, &rows), k = 0;
	for (int i = 0; i < n && k < ROWS_MAX; i++) {
		bool own = false;
		for (const struct assay_opt *x = cmd_sweep_options; x->name; x++)
			own |= !strcmp(x->name, rows[i]->name);
		if (!own && !is_among(rows[i]->name, not_measured, COUNT(not_measured)))
			out[k++] = rows[i];
	}
	return k;
}

/* ---- values ---- */

int cmd_sweep_values(const char *text, char ***list, size_t *n, struct assay_err *e)
{
	*list = NULL;
	*n = 0;
	for (const char *p = text;; p++) {
		struct assay_buf b;
		char quote = 0;
		bool quoted = false;
		assay_buf_init(&b, 1 << 16);
		for (; *p && (quote || *p != ','); p++) {
			if (quote ? *p == quote : *p == '\'' || *p == '"') {
				quote = quote ? 0 : *p;
				quoted = true;
			} else {
				assay_buf_append(&b, p, 1);
			}
		}
		*list = xrealloc(*list, (*n + 1) * sizeof **list);
		(*list)[(*n)++] = xstrdup(b.data ? b.data : "");
		bool bad = b.overflow || quote || (!b.len_bytes && !quoted);
		assay_buf_release(&b);
		if (bad)
			return assay_fail(e, ASSAY_E_USAGE, quote ? "a quote is not closed" : "value %zu is empty; a value with a comma in it is put in quotes: 'a,b'", *n);
		if (*n > ASSAY_GRID_VALUES)
			return assay_fail(e, ASSAY_E_USAGE, "more than %d values", ASSAY_GRID_VALUES);
		if (!*p)
			return 0;
	}
}

/* ---- names ---- */

/* What other tools of the field call it, and what stands for it here. */
static const char *elsewhere(const char *name)
{
	static const struct { const char *name, *says; } rows[] = {
		{ "gpu-mem-util", "a share of GPU memory; on a CPU the KV pool is sized in bytes: --vary kv-memory=256M,1G" },
		{ "gpu-memory-utilization", "a share of GPU memory; on a CPU the KV pool is sized in bytes: --vary kv-memory=256M,1G" },
		{ "enforce-eager", "CUDA graphs switched off; the CPU engine has none, so there is nothing to vary" },
		{ "tensor-parallel-size", "several GPUs; on a CPU it is --vary threads=1,2,4" },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].says;
	return NULL;
}

/* Experiments that have the option. */
static const char *who_has(const char *name, char *out, size_t size)
{
	int n;
	const struct assay_experiment *const *x = assay_experiments(&n);
	out[0] = 0;
	for (int i = 0; i < n; i++)
		for (const struct assay_opt *r = x[i]->options; r->name; r++)
			if (!strcmp(r->name, name))
				snprintf(out + strlen(out), size - strlen(out), "%s%s", *out ? ", " : "", x[i]->name);
	return *out ? out : NULL;
}

static int unknown_option(const struct cmd_sweep *s, const char *name, const struct assay_opt *const *rows, int n, struct assay_err *e)
{
	const char *names[ROWS_MAX], *says = elsewhere(name), *near;
	char who[200];
	int k = 0;
	if (says)
		return assay_fail(e, ASSAY_E_USAGE, "--vary %s: %s", name, says);
	if (is_among(name, not_measured, COUNT(not_measured)) || is_among(name, not_varied, COUNT(not_varied)))
		return assay_fail(e, ASSAY_E_USAGE, "--vary %s: not a thing that configurations differ in", name);
	if (who_has(name, who, sizeof who))
		return assay_fail(e, ASSAY_E_USAGE, "--vary %s: %s has no such option; these have: %s (--experiment NAME)", name, s->exp->name, who);
	for (int i = 0; i < n; i++)
		if (!is_among(rows[i]->name, not_varied, COUNT(not_varied)))
			names[k++] = rows[i]->name;
	near = assay_nearest(name, names, k);
	return assay_fail(e, ASSAY_E_USAGE, "--vary: %s has no option \"%s\"%s%s%s", s->exp->name, name, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

/* "batch_size=..." -> "batch-size"; false when there is no name and '='. */
static bool take_name(const char *text, char *out, size_t size)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_");
	if (!n || text[n] != '=' || n >= size)
		return false;
	snprintf(out, size, "%.*s", (int)n, text);
	for (char *p = out; *p; p++)
		*p = *p == '_' ? '-' : *p;
	return true;
}

/* The row of the option on the axis, alone in a table: it checks each value. */
static int check_value(const struct assay_opt *row, const char *value, struct assay_err *e)
{
	const struct assay_opt one[] = { *row, ASSAY_OPT_END }, *const tables[] = { one, NULL };
	struct assay_options *o = assay_options_open(tables);
	char *word = xasprintf("--%s=%s", row->name, value);
	int rc = assay_options_parse(o, 1, &word, e);
	free(word);
	assay_options_close(o);
	return rc;
}

static int check_axis(const struct cmd_sweep *s, const struct cmd_axis *a, struct assay_err *e)
{
	for (size_t i = 0; i < a->n; i++) {
		if (check_value(a->row, a->value[i], e))
			return assay_fail_in(e, "--vary");
		for (size_t k = 0; k < i; k++)
			if (!strcmp(a->value[i], a->value[k]))
				return assay_fail(e, ASSAY_E_USAGE, "--vary %s: %.60s is named twice", a->row->name, a->value[i]);
	}
	for (const struct cmd_axis *b = s->axes; b < a; b++)
		if (b->row == a->row)
			return assay_fail(e, ASSAY_E_USAGE, "--vary %s: given twice; one --vary holds all its values", a->row->name);
	if (assay_options_source(s->o, a->row->name) == ASSAY_FROM_CLI && !assay_options_repeats(a->row))
		return assay_fail(e, ASSAY_E_USAGE, "--%s: both given and varied; leave one out", a->row->name);
	return 0;
}

static int add_axis(struct cmd_sweep *s, const char *text, struct assay_err *e)
{
	const struct assay_opt *rows[ROWS_MAX];
	struct cmd_axis *a = &s->axes[s->n_axes];
	char name[64];
	int n = config_rows(s, rows);
	if (!take_name(text, name, sizeof name))
		return assay_fail(e, ASSAY_E_USAGE, "--vary: \"%.60s\" is not option=value,value,... as in batch=1,4,8", text);
	if (s->n_axes == ASSAY_GRID_AXES)
		return assay_fail(e, ASSAY_E_USAGE, "--vary: more than %d options", ASSAY_GRID_AXES);
	for (int i = 0; i < n; i++)
		if (!strcmp(rows[i]->name, name) && !is_among(name, not_varied, COUNT(not_varied)))
			a->row = rows[i];
	if (!a->row)
		return unknown_option(s, name, rows, n, e);
	s->n_axes++;
	if (cmd_sweep_values(strchr(text, '=') + 1, &a->value, &a->n, e))
		return assay_fail_in(e, "--vary %s", name);
	return check_axis(s, a, e);
}

/* ---- configurations ---- */

/* A path is known by its last part. */
static const char *short_of(const char *value)
{
	const char *slash = strrchr(value, '/');
	return slash && slash[1] ? slash + 1 : value;
}

static void name_config(const struct cmd_sweep *s, struct cmd_config *c)
{
	struct assay_buf name, slug;
	assay_buf_init(&name, 1 << 16);
	assay_buf_init(&slug, 1 << 16);
	for (size_t a = 0; a < s->n_axes; a++) {
		const char *value = s->axes[a].value[c->value[a]];
		assay_buf_printf(&name, "%s%s=%s", a ? " " : "", s->axes[a].row->name, short_of(value));
		assay_buf_printf(&slug, "%s%s-%s", a ? "-" : "", s->axes[a].row->name, short_of(value));
	}
	c->name = name.data ? xstrdup(name.data) : xstrdup("as given");
	c->slug = slug.data ? xstrdup(slug.data) : xstrdup("as-given");
	for (char *p = c->slug; *p; p++)
		*p = isalnum((unsigned char)*p) || *p == '.' || *p == '-' ? (char)tolower((unsigned char)*p) : '-';
	if (strlen(c->slug) > SLUG_MAX)
		c->slug[SLUG_MAX] = 0;
	assay_buf_release(&name);
	assay_buf_release(&slug);
}

int cmd_sweep_axes(struct cmd_sweep *s, struct assay_err *e)
{
	const char *const *vary;
	int n = assay_options_strs(s->o, "vary", &vary), rc = 0;
	size_t sizes[ASSAY_GRID_AXES];
	if (!n)
		return assay_fail(e, ASSAY_E_USAGE, "sweep needs --vary option=value,value,... as in --vary batch=1,4,8");
	for (int i = 0; !rc && i < n; i++)
		rc = add_axis(s, vary[i], e);
	if (rc)
		return rc;
	for (size_t a = 0; a < s->n_axes; a++)
		sizes[a] = s->axes[a].n;
	rc = assay_options_flag(s->o, "pairwise") ? assay_grid_pairwise(sizes, s->n_axes, &s->grid, e) : assay_grid_full(sizes, s->n_axes, &s->grid, e);
	if (rc)
		return assay_fail_in(e, "--vary");
	s->n = s->grid.n;
	s->configs = xalloc(s->n * sizeof *s->configs);
	for (size_t i = 0; i < s->n; i++) {
		s->configs[i].n = (int)i + 1;
		s->configs[i].value = s->grid.value + i * s->n_axes;
		name_config(s, &s->configs[i]);
	}
	return 0;
}

void cmd_sweep_axes_release(struct cmd_sweep *s)
{
	for (size_t a = 0; a < s->n_axes; a++) {
		for (size_t i = 0; i < s->axes[a].n; i++)
			free(s->axes[a].value[i]);
		free(s->axes[a].value);
	}
	for (size_t i = 0; i < s->n; i++) {
		free(s->configs[i].name);
		free(s->configs[i].slug);
		free(s->configs[i].engine_key);
	}
	free(s->configs);
	assay_grid_release(&s->grid);
}

/* ---- words ---- */

/* The sim engine repeats exactly: each round gets a noise stream of its own. */
static void add_word(struct cmd_argv *out, const char *name, const char *value, int round)
{
	if (round > 1 && !strcmp(name, "engine") && !strncmp(value, "sim:", 4))
		cmd_argv_add(out, "--%s=%s@%d", name, value, round);
	else
		cmd_argv_add(out, "--%s=%s", name, value);
}

void cmd_sweep_words(const struct cmd_sweep *s, const struct cmd_config *c, int round, struct cmd_argv *out)
{
	const struct assay_opt *rows[ROWS_MAX];
	int n = config_rows(s, rows);
	for (int i = 0; i < n; i++) {
		const char *const *list, *varied = NULL;
		bool given = assay_options_source(s->o, rows[i]->name) != ASSAY_FROM_DEFAULT;
		for (size_t a = 0; a < s->n_axes; a++)
			if (s->axes[a].row == rows[i])
				varied = s->axes[a].value[c->value[a]];
		if (given && assay_options_repeats(rows[i]))
			for (int k = 0, m = assay_options_strs(s->o, rows[i]->name, &list); k < m; k++)
				add_word(out, rows[i]->name, list[k], round);
		else if (given && !varied && assay_options_text(s->o, rows[i]->name))
			add_word(out, rows[i]->name, assay_options_text(s->o, rows[i]->name), round);
		if (varied)
			add_word(out, rows[i]->name, varied, round);
	}
}
