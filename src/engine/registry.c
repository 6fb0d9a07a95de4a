/* The only place that names the engines. */
#include <stdlib.h>
#include <string.h>

#include "engine/registry.h"

static const struct assay_engine_ops *const engines[] = { &assay_engine_cpu, &assay_engine_sim, &assay_engine_null, &assay_engine_replay };
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
	return assay_fail(e, ASSAY_E_USAGE, "--engine: unknown engine \"%.60s\"; %s%s%sengines: cpu, sim:FILE, null, replay:DIR", name, near ? "did you mean \"" : "",
			  near ? near : "", near ? "\"? " : "");
}

int assay_engine_open(const char *spec, struct assay_engine_config *c, struct assay_engine **out, struct assay_err *e)
{
	const char *colon = strchr(spec, ':');
	size_t len = colon ? (size_t)(colon - spec) : strlen(spec);
	for (int i = 0; i < N_ENGINES; i++) {
		const struct assay_engine_ops *ops = engines[i];
		if (strlen(ops->name) != len || strncmp(ops->name, spec, len))
			continue;
		c->arg = colon && colon[1] ? colon + 1 : NULL;
		if (ops->arg_help && !c->arg)
			return assay_fail(e, ASSAY_E_USAGE, "--engine %s: needs an argument: %s:%s", ops->name, ops->name, ops->arg_help);
		if (!ops->arg_help && colon)
			return assay_fail(e, ASSAY_E_USAGE, "--engine %s: takes no argument, got \"%.200s\"", ops->name, spec);
		return ops->open(c, out, e);
	}
	char *name = xstrdup(spec);
	name[len] = 0;
	int rc = unknown_engine(name, e);
	free(name);
	return rc;
}
