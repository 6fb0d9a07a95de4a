/* assay explain METRIC: what a number means, from the table of definitions. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/term.h"
#include "cmd/cmd.h"
#include "metrics/definitions.h"

enum { WIDTH_MAX = 100, LABEL = 12 };

static void field(const char *label, const char *text, int width)
{
	int at = printf("  %s", label);
	cmd_wrap(stdout, text, at, LABEL, width);
}

static void explain_one(const struct assay_metric *m, int width)
{
	static const char *const better[] = { "lower", "higher", "neither: it describes" };
	static const char *const scope[] = { "one request", "one token gap", "one run (repeat) of a point", "the whole point", "one step of the engine" };
	printf("%s  (%s)\n", m->key, m->title);
	field("meaning", m->definition, width);
	field("unit", *m->unit ? m->unit : "none", width);
	field("better", better[m->better], width);
	field("a sample is", scope[m->scope], width);
	field("source", m->source, width);
}

static void explain_all(int width)
{
	size_t n;
	const struct assay_metric *m = assay_metric_table(&n);
	int key = 0, unit = 0;
	for (size_t i = 0; i < n; i++) {
		key = (int)strlen(m[i].key) > key ? (int)strlen(m[i].key) : key;
		unit = (int)strlen(m[i].unit) > unit ? (int)strlen(m[i].unit) : unit;
	}
	for (size_t i = 0; i < n; i++) {
		int indent = key + unit + 4;
		if (width < indent + 30) {
			printf("%s  %s\n", m[i].key, m[i].unit);
			cmd_wrap(stdout, m[i].title, 0, 4, width);
		} else {
			printf("%-*s  %-*s  ", key, m[i].key, unit, m[i].unit);
			cmd_wrap(stdout, m[i].title, indent, indent, width);
		}
	}
	printf("\n");
	cmd_wrap(stdout, "assay explain METRIC says what one means and where its definition comes from.", 0, 0, width);
}

/* docs/metrics.md: the same table for a reader of the repository. */
static void explain_markdown(void)
{
	static const char *const better[] = { "lower", "higher", "" };
	static const char *const scope[] = { "a request", "a token gap", "a run", "a point", "a step" };
	size_t n;
	const struct assay_metric *m = assay_metric_table(&n);
	printf("# Metrics\n\nWritten by `assay explain --markdown` from the table in `src/metrics/definitions.c`; a test holds this file to it.\n"
	       "Percentiles are nearest rank; missing is null with a reason, never 0. \"Sample\" says what one of the n values is.\n\n"
	       "| key | name | unit | better | sample | meaning | source |\n|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < n; i++)
		printf("| `%s` | %s | %s | %s | %s | %s | %s |\n", m[i].key, m[i].title, m[i].unit, better[m[i].better], scope[m[i].scope], m[i].definition, m[i].source);
}

static int explain_named(const char *word, int width)
{
	struct assay_err e = ASSAY_ERR_INIT;
	const struct assay_metric *m = assay_metric_find(word);
	if (m) {
		explain_one(m, width);
		return 0;
	}
	size_t n;
	const struct assay_metric *t = assay_metric_table(&n);
	const char **names = xalloc((n + 1) * sizeof *names);
	for (size_t i = 0; i < n; i++)
		names[i] = t[i].key;
	const char *near = assay_nearest(word, names, (int)n);
	assay_fail(&e, ASSAY_E_USAGE, "explain: unknown metric \"%.60s\"%s%s%s; assay explain lists all", word, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
	free(names);
	return cmd_error(&e);
}

const struct assay_opt cmd_explain_options[] = {
	{ .name = "markdown", .kind = ASSAY_OPT_FLAG, .def = "false", .help = "the whole table as a Markdown page" },
	ASSAY_OPT_END,
};

int cmd_explain(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_term term;
	char **list;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	assay_term_init(&term, STDOUT_FILENO, false);
	int width = term.width < WIDTH_MAX ? term.width : WIDTH_MAX, n = assay_options_positionals(o, &list);
	if (assay_options_flag(o, "markdown"))
		explain_markdown();
	else if (!n)
		explain_all(width);
	for (int i = 0; i < n && !status; i++) {
		if (i)
			putchar('\n');
		status = explain_named(list[i], width);
	}
	assay_options_close(o);
	return status;
}
