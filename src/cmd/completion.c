/* Bash completion, written from the verbs and their rows. */
#include <string.h>

#include "cmd/cmd.h"

/* Choices with blanks between them. */
static void print_words(const char *choices)
{
	for (; *choices; choices++)
		putchar(*choices == '|' ? ' ' : *choices);
}

static void print_verb(const struct assay_verb *v)
{
	const struct assay_opt *const *rows;
	struct assay_options *o = assay_options_open(v->tables);
	int n = assay_options_rows(o, &rows);
	printf("    %s) opts=\"--help", v->name);
	for (int i = 0; i < n; i++)
		printf(" --%s%s", rows[i]->kind == ASSAY_OPT_FLAG && rows[i]->def && !strcmp(rows[i]->def, "true") ? "no-" : "", rows[i]->name);
	printf("\"\n      case $prev in\n");
	for (int i = 0; i < n; i++) {
		if (!rows[i]->choices)
			continue;
		printf("        --%s) words=\"", rows[i]->name);
		print_words(rows[i]->choices);
		printf("\" ;;\n");
	}
	printf("      esac ;;\n");
	assay_options_close(o);
}

static void print_script(void)
{
	int n;
	const struct assay_verb *const *verbs = cmd_verbs(&n);
	printf("# bash completion of assay; to use: source <(assay completion bash)\n"
	       "_assay() {\n"
	       "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} opts= words=\n"
	       "  if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W \"");
	for (int i = 0; i < n; i++)
		printf("%s%s", i ? " " : "", verbs[i]->name);
	printf("\" -- \"$cur\")); return; fi\n"
	       "  case ${COMP_WORDS[1]} in\n");
	for (int i = 0; i < n; i++)
		print_verb(verbs[i]);
	printf("  esac\n"
	       "  if [ -n \"$words\" ]; then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "  elif [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\"))\n"
	       "  else COMPREPLY=($(compgen -f -- \"$cur\")); fi\n"
	       "}\n"
	       "complete -o filenames -F _assay assay\n");
}

static int complete(const struct assay_options *o, struct assay_err *e)
{
	char **list;
	int n = assay_options_positionals(o, &list);
	if (n > 1 || (n && strcmp(list[0], "bash")))
		return assay_fail(e, ASSAY_E_USAGE, "completion: only bash is known");
	print_script();
	return 0;
}

int cmd_completion(const struct assay_verb *v, int argc, char **argv)
{
	return cmd_tool(v, argc, argv, complete);
}
