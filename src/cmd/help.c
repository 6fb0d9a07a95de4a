/* assay help [VERB]: the list of verbs, or one verb's options. */
#include "cmd/cmd.h"

static int help(const struct assay_options *o, struct assay_err *e)
{
	char **list;
	if (!assay_options_positionals(o, &list)) {
		cmd_help_all(stdout);
		return 0;
	}
	const struct assay_verb *about = cmd_verb_find(list[0], e);
	if (!about)
		return e->code;
	cmd_help_verb(about, stdout);
	return 0;
}

int cmd_help(const struct assay_verb *v, int argc, char **argv)
{
	return cmd_tool(v, argc, argv, help);
}
