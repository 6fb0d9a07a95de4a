/* assay engines: what can be named with -e. */
#include "engine/engine.h"

#include "cmd/cmd.h"

static void say_worker(void *arg, const char *name, const char *python, bool own)
{
	(void)arg;
	printf("%-12s   worker:%s: %s%s\n", "", name, python, own ? "" : " (no environment of its own: docs/engines.md)");
}

int cmd_engines(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	int status = 0, n;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	const struct assay_engine_ops *const *list = assay_engine_list(&n);
	for (int i = 0; i < n; i++) {
		char spec[80];
		snprintf(spec, sizeof spec, "%s%s%s", list[i]->name, list[i]->arg_help ? ":" : "", list[i]->arg_help ? list[i]->arg_help : "");
		printf("%-12s %s\n", spec, list[i]->summary);
		for (const struct assay_engine_opt_row *r = list[i]->opts; r && r->name; r++)
			printf("%-12s   --engine-opt %s=%s: %s\n", "", r->name, r->choices ? r->choices : "VALUE", r->help);
	}
	assay_workers_each(say_worker, NULL);
	assay_options_close(o);
	return 0;
}
