/* Starts the verb that the command line names. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

/* A closed stdin, stdout or stderr must not become the first file that we open. */
static void hold_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
	struct assay_err e = ASSAY_ERR_INIT;
	hold_standard_streams();
	signal(SIGPIPE, SIG_IGN); /* a gone reader and a file size limit are errors of a write, not the end of a run */
	signal(SIGXFSZ, SIG_IGN);
	if (argc < 2) {
		cmd_help_usage(stderr);
		return ASSAY_EXIT_USAGE;
	}
	const char *word = argv[1];
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		word = "help";
	else if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		word = "version";
	const struct assay_verb *v = *word == '-' ? NULL : cmd_verb_find(word, &e);
	if (*word == '-')
		assay_fail(&e, ASSAY_E_USAGE, "%.60s: the verb comes first: assay VERB [options]; assay help lists the verbs", word);
	if (!v)
		return cmd_error(&e);
	return cmd_finish(v->main(v, argc - 2, argv + 2));
}
