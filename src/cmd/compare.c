/* assay compare A B, assay compare A1 A2 -- B1 B2: do two results differ, or do they only seem to? */
#include "cmd/compare.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "report/report.h"

const struct assay_opt cmd_compare_options[] = {
	{ "across", 0, ASSAY_OPT_ENUM, NULL, .choices = "model", .help = "compare although the models differ" },
	{ "paired", 0, ASSAY_OPT_FLAG, "false", .help = "A1 A2... -- B1 B2... were measured in turn (A1 B1, B2 A2, ...): the unit is the pair" },
	{ "sequential", 0, ASSAY_OPT_FLAG, "false", .help = "with --paired: this is a look at 10, 14, 20, 28 or 40 pairs, after which more may be measured" },
	{ "sessions", 0, ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "folder of earlier results that tell how much two sessions differ (the folder that holds A)" },
	ASSAY_OPT_END,
};

/* All that one comparison holds. */
struct job { struct cmd_docs a, b, stored; struct cmd_judge judge; json_t *doc; };

/* Results beside A: what cannot be read is no result. */
static void load_stored(struct cmd_docs *d, const char *folder)
{
	DIR *dir = opendir(folder);
	for (struct dirent *x; dir && (x = readdir(dir)) && d->n < CMD_DOCS_MAX;) {
		char *sub = xasprintf("%s/%s", folder, x->d_name), *path = xasprintf("%s/result.json", sub);
		struct assay_err e = ASSAY_ERR_INIT;
		if (x->d_name[0] != '.' && assay_fs_exists(path) && (d->list[d->n] = assay_result_load(sub, &e)))
			d->n++;
		free(path);
		free(sub);
	}
	if (dir)
		closedir(dir);
}

static void find_stored(struct job *j, const struct assay_options *o, const char *first)
{
	const char *given = assay_options_str(o, "sessions"), *slash;
	size_t len = strlen(first);
	while (len > 1 && first[len - 1] == '/')
		len--;
	slash = memrchr(first, '/', len);
	char *beside = slash ? strndup(first, slash == first ? 1 : (size_t)(slash - first)) : xstrdup(".");
	if (j->a.n == 1 && !assay_json_get_bool(json_object_get(j->a.list[0], "clock"), "virtual", 0))
		load_stored(&j->stored, given ? given : beside);
	free(beside);
}

/* names[0, n_a) are A's directories, the others B's. */
static int compare(struct job *j, const struct assay_options *o, char **names, int n_a, int n, struct assay_err *e)
{
	if (cmd_judge_read(&j->judge, o, e))
		return e->code;
	for (int i = 0; i < n; i++)
		if (cmd_docs_load(i < n_a ? &j->a : &j->b, names[i], e))
			return e->code;
	find_stored(j, o, names[0]);
	j->judge.o.across_model = assay_options_is_set(o, "across");
	j->judge.o.paired = assay_options_flag(o, "paired");
	j->judge.o.sequential = assay_options_flag(o, "sequential");
	j->judge.o.stored = j->stored.list;
	j->judge.o.n_stored = j->stored.n;
	if (!(j->doc = assay_compare(j->a.list, j->a.n, j->b.list, j->b.n, &j->judge.o, e)))
		return e->code;
	bool comparable = assay_json_get_bool(j->doc, "comparable", 0);
	if (comparable && j->judge.n_gates && assay_compare_gate(j->doc, j->judge.gates, j->judge.n_gates, e))
		return e->code;
	if (comparable || assay_options_flag(o, "json"))
		cmd_judge_show(j->doc, o);
	return comparable ? 0 : cmd_judge_refuse(j->doc, e);
}

/* argv without the "--" that parts A's results from B's; *n_a = results before it, -1 when there is none. */
static char **without_divider(int *argc, char **argv, int *n_a)
{
	const struct assay_opt *const tables[] = { cmd_judge_options, cmd_compare_options, NULL };
	char **out = xalloc(((size_t)*argc + 1) * sizeof *out), **list;
	int at = 0, n = 0;
	while (at < *argc && strcmp(argv[at], "--"))
		at++;
	*n_a = -1;
	if (at < *argc) { /* the words before it, read alone, tell how many of them are results; an error there comes again below */
		struct assay_options *before = assay_options_open(tables);
		if (!assay_options_parse(before, at, argv, NULL))
			*n_a = assay_options_positionals(before, &list);
		assay_options_close(before);
	}
	for (int i = 0; i < *argc; i++)
		if (i != at)
			out[n++] = argv[i];
	*argc = n;
	return out;
}

int cmd_compare(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	struct job *j = xalloc(sizeof *j);
	char **list, **words;
	int status = 0, n_a, rc;
	words = without_divider(&argc, argv, &n_a);
	if (!cmd_options(v, argc, words, &o, &status)) {
		int n = assay_options_positionals(o, &list);
		if (n_a < 0)
			n_a = n == 2 ? 1 : 0;
		rc = n_a > 0 && n > n_a ? compare(j, o, list, n_a, n, &e) : assay_fail(&e, ASSAY_E_USAGE, "compare needs two result directories, A B, or several a side: A1 A2 -- B1 B2");
		status = rc ? cmd_error(&e) : cmd_judge_status(&j->judge, j->doc, &j->a, &j->b, o);
		assay_options_close(o);
	}
	json_decref(j->doc);
	cmd_docs_release(&j->a);
	cmd_docs_release(&j->b);
	cmd_docs_release(&j->stored);
	cmd_judge_release(&j->judge);
	free(j);
	free(words);
	return status;
}
