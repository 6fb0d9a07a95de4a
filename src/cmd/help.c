/* assay help [VERB]: the list of verbs, or one verb's options. */
#include "cmd/cmd.h"

int cmd_help(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	char **list;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	if (assay_options_positionals(o, &list)) {
		const struct assay_verb *about = cmd_verb_find(list[0], &e);
		if (about)
			cmd_help_verb(about, stdout);
		else
			status = cmd_error(&e);
	} else {
		cmd_help_all(stdout);
	}
	assay_options_close(o);
	return status;
}
