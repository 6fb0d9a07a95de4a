/* The man page assay(1) as roff, written from the verbs and their rows; make install calls it. */
#include <string.h>

#include "cmd/cmd.h"

/* Text with what roff would take for itself made plain. */
static void put(const char *s)
{
	for (bool start = true; *s; start = false, s++) {
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else if (start && (*s == '.' || *s == '\''))
			printf("\\&%c", *s);
		else
			putchar(*s);
	}
}

static void put_row(const struct assay_opt *r)
{
	bool on = r->kind == ASSAY_OPT_FLAG && r->def && !strcmp(r->def, "true");
	printf(".TP\n");
	if (r->letter)
		printf("\\fB\\-%c\\fR, ", r->letter);
	printf("\\fB\\-\\-%s", on ? "[no\\-]" : "");
	put(r->name);
	printf("\\fR");
	if (r->kind != ASSAY_OPT_FLAG) {
		printf(" \\fI");
		put(r->choices ? r->choices : r->arg ? r->arg : "VALUE");
		printf("\\fR%s", assay_options_repeats(r) ? " ..." : "");
	}
	putchar('\n');
	put(r->help ? r->help : "");
	if (on)
		printf(" (on)");
	else if (r->kind != ASSAY_OPT_FLAG && r->def)
		printf(" (%s)", r->def);
	putchar('\n');
}

static void put_table(const char *title, const struct assay_opt *rows)
{
	printf(".SS ");
	put(title);
	putchar('\n');
	for (; rows->name; rows++)
		if (rows->help)
			put_row(rows);
}

static void put_verb(const struct assay_verb *v)
{
	printf(".TP\n\\fB%s\\fR%s", v->name, v->args ? " \\fI" : "");
	if (v->args) {
		put(v->args);
		printf("\\fR");
	}
	putchar('\n');
	put(v->summary);
	putchar('\n');
}

static void put_page(void)
{
	int n;
	const struct assay_verb *const *verbs = cmd_verbs(&n);
	printf(".TH ASSAY 1 \"\" \"assay %s\" \"User Commands\"\n.SH NAME\nassay \\- measure LLM inference and say how far the numbers can be trusted\n"
	       ".SH SYNOPSIS\n.B assay\n.I VERB\n.RI [ options ]\n.SH VERBS\n", ASSAY_VERSION);
	for (int i = 0; i < n; i++)
		put_verb(verbs[i]);
	printf(".SH OPTIONS\n");
	put_table("Engine and model", cmd_engine_options);
	put_table("Common options of measuring verbs", cmd_common_options);
	for (int i = 0; i < n; i++)
		for (int t = 0; verbs[i]->tables && verbs[i]->tables[t]; t++)
			if (verbs[i]->tables[t]->name && verbs[i]->tables[t] != cmd_engine_options && verbs[i]->tables[t] != cmd_common_options) {
				char title[80];
				snprintf(title, sizeof title, "Options of %s", verbs[i]->name);
				put_table(title, verbs[i]->tables[t]);
			}
	printf(".SH EXIT STATUS\n.TP\n0\nmeasured; every target met\n.TP\n1\nmeasured; a target or a check failed\n.TP\n2\nbad usage or input; nothing was measured\n"
	       ".TP\n3\nthe engine or the model failed; what was measured before is saved\n.TP\n4\nmeasured; the verdict is INVALID\n.TP\n130, 143\ninterrupted; results so far are saved\n"
	       ".SH FILES\n.TP\n.I results/\nwhere results go unless \\fB\\-o\\fR names a directory\n.TP\n.I ~/.cache/assay/\nthe fetched model\n"
	       ".SH ENVIRONMENT\n.TP\n.B ASSAY_NAME\nsets option \\fB\\-\\-name\\fR unless the command line or a job file does\n.TP\n.B NO_COLOR\nno colour\n");
}

int cmd_man(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	put_page();
	assay_options_close(o);
	return status;
}
