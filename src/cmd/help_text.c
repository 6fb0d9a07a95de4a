/* --help of a verb and the list of verbs, from the tables and rows alone. */
#include <stdlib.h>
#include <string.h>

#include "base/term.h"
#include "cmd/cmd.h"
#include "experiment/experiment.h"

enum { WIDE = 70, WIDTH_MAX = 110, NAME_COLUMN = 28 };

static int width_for(FILE *out)
{
	struct assay_term t;
	assay_term_init(&t, fileno(out), false);
	return t.width > WIDTH_MAX ? WIDTH_MAX : t.width;
}

void cmd_wrap(FILE *out, const char *text, int at, int indent, int width)
{
	for (const char *p = text; *p;) {
		while (*p == ' ')
			p++;
		int len = (int)strcspn(p, " ");
		if (!len)
			break;
		if (at > indent && at + 1 + len >= width) {
			fprintf(out, "\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			fputc(' ', out);
			at++;
		} else if (at < indent) {
			fprintf(out, "%*s", indent - at, "");
			at = indent;
		}
		fwrite(p, 1, (size_t)len, out);
		at += len;
		p += len;
	}
	fputc('\n', out);
}

static bool is_on(const struct assay_opt *r) { return r->kind == ASSAY_OPT_FLAG && r->def && !strcmp(r->def, "true"); }

static void print_row(FILE *out, const struct assay_opt *r, int width)
{
	char name[160], help[400], letter[8] = "    ";
	if (r->letter)
		snprintf(letter, sizeof letter, "-%c, ", r->letter);
	const char *arg = r->kind == ASSAY_OPT_FLAG ? NULL : r->choices ? r->choices : r->arg ? r->arg : "VALUE";
	if (r->kind == ASSAY_OPT_ENUMS)
		arg = "LIST";
	const char *again = assay_options_repeats(r) ? " ..." : "";
	snprintf(name, sizeof name, "  %s--%s%s%s%s%s", letter, is_on(r) ? "[no-]" : "", r->name, arg ? " " : "", arg ? arg : "", again);
	int n = snprintf(help, sizeof help, "%s", r->help ? r->help : "");
	if (r->kind == ASSAY_OPT_ENUMS)
		n += snprintf(help + n, sizeof help - (size_t)n, ": %s", r->choices);
	if (r->kind == ASSAY_OPT_FLAG ? is_on(r) : r->def != NULL)
		snprintf(help + n, sizeof help - (size_t)n, " (%s)", is_on(r) ? "on" : r->def);
	int at = (int)strlen(name), indent = width >= WIDE ? NAME_COLUMN : 8;
	fputs(name, out);
	if (at + 2 > indent) {
		fputc('\n', out);
		at = 0;
	}
	cmd_wrap(out, help, at, indent, width);
}

static const char *title(const struct assay_verb *v, const struct assay_opt *table, char *out, size_t size_bytes)
{
	if (table == cmd_engine_options)
		return "Engine and model:";
	if (table == cmd_common_options)
		return "Common options:";
	int n;
	const char *of = v->name;
	const struct assay_experiment *const *x = assay_experiments(&n);
	for (int i = 0; i < n; i++)
		if (x[i]->options == table) /* those of the experiment that sweep measures */
			of = x[i]->name;
	snprintf(out, size_bytes, "Options of %s:", of);
	return out;
}

/* A measuring verb has the common rows. */
static bool measures(const struct assay_verb *v)
{
	for (int t = 0; v->tables && v->tables[t]; t++)
		if (v->tables[t] == cmd_common_options)
			return true;
	return false;
}

static const struct assay_opt *merged(const struct assay_opt *const *rows, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(rows[i]->name, name))
			return rows[i];
	abort();
}

static bool in_table(const struct assay_opt *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return true;
	return false;
}

/* A verb's own table comes first; a row that it overrides is shown there only. */
static void print_tables(const struct assay_verb *v, FILE *out, int width)
{
	const struct assay_opt *const *rows;
	struct assay_options *o = assay_options_open(v->tables);
	int n = assay_options_rows(o, &rows), n_tables = 0;
	while (v->tables && v->tables[n_tables])
		n_tables++;
	for (int t = n_tables - 1; t >= 0; t--) {
		char head[80];
		if (!v->tables[t]->name)
			continue;
		fprintf(out, "\n%s\n", title(v, v->tables[t], head, sizeof head));
		for (const struct assay_opt *r = v->tables[t]; r->name; r++) {
			bool shown = false;
			for (int k = t + 1; k < n_tables; k++)
				shown |= in_table(v->tables[k], r->name);
			if (!shown)
				print_row(out, merged(rows, n, r->name), width);
		}
	}
	assay_options_close(o);
}

void cmd_help_verb(const struct assay_verb *v, FILE *out)
{
	int width = width_for(out);
	fprintf(out, "usage: assay %s%s%s%s\n\n", v->name, v->args ? " " : "", v->args ? v->args : "", v->tables && v->tables[0] ? " [options]" : "");
	cmd_wrap(out, v->summary, 0, 0, width);
	print_tables(v, out, width);
	if (measures(v)) {
		fputc('\n', out);
		cmd_wrap(out, "An option may also be given in a job file (--job, with '_' for '-') or as environment variable ASSAY_NAME. The command line wins over the job, "
		              "the job over the environment, that over defaults.", 0, 0, width);
		cmd_wrap(out, "Exit status: 0 measured; 1 a target failed; 2 bad usage, nothing measured; 3 the engine or model failed; 4 the verdict is INVALID; 130 interrupted, "
		              "results so far are saved.", 0, 0, width);
	}
}

void cmd_help_all(FILE *out)
{
	int n, width = width_for(out);
	const struct assay_verb *const *verbs = cmd_verbs(&n);
	bool measuring = true;
	fprintf(out, "usage: assay VERB [options]\n\n");
	cmd_wrap(out, "assay measures LLM inference and says how far its numbers can be trusted. The engine is embedded: no GPU, Python or model file is needed.", 0, 0, width);
	fprintf(out, "\nMeasure:\n");
	for (int i = 0; i < n; i++) {
		if (measuring && !measures(verbs[i])) {
			measuring = false;
			fprintf(out, "\nTools:\n");
		}
		int at = fprintf(out, "  %s%s%s", verbs[i]->name, verbs[i]->args ? " " : "", verbs[i]->args ? verbs[i]->args : "");
		int indent = width >= WIDE ? 24 : 6;
		if (at + 1 > indent) {
			fputc('\n', out);
			at = 0;
		}
		cmd_wrap(out, verbs[i]->summary, at, indent, width);
	}
	fputc('\n', out);
	cmd_wrap(out, "assay VERB --help shows a verb's options. Begin with: assay baseline --quick", 0, 0, width);
}

void cmd_help_usage(FILE *out)
{
	fprintf(out, "usage: assay VERB [options]\n"
	             "  assay baseline --quick   measure the embedded engine in under a minute\n"
	             "  assay help               all verbs\n"
	             "  assay VERB --help        a verb's options\n");
}
