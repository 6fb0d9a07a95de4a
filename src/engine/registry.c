/* The only place that names the engines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/registry.h"

static const struct assay_engine_ops *const engines[] = { &assay_engine_cpu, &assay_engine_sim, &assay_engine_null, &assay_engine_replay, &assay_engine_worker };
#define N_ENGINES ((int)(sizeof engines / sizeof engines[0]))

const struct assay_engine_ops *const *assay_engine_list(int *n)
{
	*n = N_ENGINES;
	return engines;
}

static int unknown_engine(const char *name, struct assay_err *e)
{
	const char *names[N_ENGINES];
	for (int i = 0; i < N_ENGINES; i++)
		names[i] = engines[i]->name;
	const char *near = assay_nearest(name, names, N_ENGINES);
	return assay_fail(e, ASSAY_E_USAGE, "--engine: unknown engine \"%.60s\"; %s%s%sengines: cpu, sim:FILE, null, replay:DIR, worker:NAME", name, near ? "did you mean \"" : "",
			  near ? near : "", near ? "\"? " : "");
}

/* The engine that a spec names, with its argument; NULL and *e. */
static const struct assay_engine_ops *find_engine(const char *spec, const char **arg, struct assay_err *e)
{
	const char *colon = strchr(spec, ':');
	size_t len = colon ? (size_t)(colon - spec) : strlen(spec);
	for (int i = 0; i < N_ENGINES; i++) {
		const struct assay_engine_ops *ops = engines[i];
		if (strlen(ops->name) != len || strncmp(ops->name, spec, len))
			continue;
		*arg = colon && colon[1] ? colon + 1 : NULL;
		if (ops->arg_help && !*arg)
			assay_fail(e, ASSAY_E_USAGE, "--engine %s: needs an argument: %s:%s", ops->name, ops->name, ops->arg_help);
		else if (!ops->arg_help && colon)
			assay_fail(e, ASSAY_E_USAGE, "--engine %s: takes no argument, got \"%.200s\"", ops->name, spec);
		else
			return ops;
		return NULL;
	}
	char *name = xstrdup(spec);
	name[len] = 0;
	unknown_engine(name, e);
	free(name);
	return NULL;
}

/* ---- options of one engine ---- */

enum { OPTS_MAX = 64 };

static bool is_choice(const char *choices, const char *value)
{
	size_t n = strlen(value);
	for (const char *p = choices; p && *p; p += strcspn(p, "|"), p += *p == '|')
		if (strcspn(p, "|") == n && !strncmp(p, value, n))
			return true;
	return !choices;
}

static int check_opt(const struct assay_engine_ops *ops, const char *opt, struct assay_err *e)
{
	const char *names[OPTS_MAX], *eq = strchr(opt, '=');
	int n = 0, len = (int)(eq ? eq - opt : 0);
	if (!eq || !len)
		return assay_fail(e, ASSAY_E_USAGE, "--engine-opt: \"%.60s\" is not of the form K=V", opt);
	for (const struct assay_engine_opt_row *r = ops->opts; r && r->name && n < OPTS_MAX; r++) {
		names[n++] = r->name;
		if ((int)strlen(r->name) != len || strncmp(r->name, opt, (size_t)len))
			continue;
		return is_choice(r->choices, eq + 1) ? 0 : assay_fail(e, ASSAY_E_USAGE, "--engine-opt %s: \"%.60s\" is not one of %s", r->name, eq + 1, r->choices);
	}
	if (ops->any_opts)
		return 0;
	if (!n)
		return assay_fail(e, ASSAY_E_USAGE, "--engine-opt %.*s: engine %s has no options of its own", len < 60 ? len : 60, opt, ops->name);
	char word[64];
	snprintf(word, sizeof word, "%.*s", len, opt);
	const char *near = assay_nearest(word, names, n);
	return assay_fail(e, ASSAY_E_USAGE, "--engine-opt %s: engine %s has no such option%s%s%s (assay engines lists them)", word, ops->name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int check_opts(const struct assay_engine_ops *ops, const char *const *opts, int n_opts, struct assay_err *e)
{
	int rc = 0;
	for (int i = 0; !rc && i < n_opts; i++)
		rc = check_opt(ops, opts[i], e);
	return rc;
}

const char *assay_engine_opt(const struct assay_engine_config *c, const char *name, const char *def)
{
	size_t n = strlen(name);
	for (int i = c->n_opts; i-- > 0;)
		if (!strncmp(c->opts[i], name, n) && c->opts[i][n] == '=')
			return c->opts[i] + n + 1;
	return def;
}

int assay_engine_check(const char *spec, const char *const *opts, int n_opts, struct assay_err *e)
{
	const char *arg;
	const struct assay_engine_ops *ops = find_engine(spec, &arg, e);
	return ops ? check_opts(ops, opts, n_opts, e) : ASSAY_E_USAGE;
}

int assay_engine_open(const char *spec, struct assay_engine_config *c, struct assay_engine **out, struct assay_err *e)
{
	const struct assay_engine_ops *ops = find_engine(spec, &c->arg, e);
	if (!ops || check_opts(ops, c->opts, c->n_opts, e))
		return ASSAY_E_USAGE;
	return ops->open(c, out, e);
}
