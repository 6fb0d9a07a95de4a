/* assay compare A B, assay compare A1 A2 -- B1 B2: do two results differ, or do they only seem to? A result is a directory or the name of a saved
 * baseline. */
#include "cmd/compare.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "cmd/baselines.h"
#include "cmd/child.h"
#include "cmd/show_result.h"
#include "report/compare_tables.h"
#include "report/report.h"
#include "result/result_find.h"

const struct assay_opt cmd_compare_options[] = {
	{ "paired", 0, ASSAY_OPT_FLAG, "false", .help = "A1 A2... -- B1 B2... were measured in turn (A1 B1, B2 A2, ...): the unit is the pair" },
	{ "sequential", 0, ASSAY_OPT_FLAG, "false", .help = "with --paired: this is a look at 10, 14, 20, 28 or 40 pairs, after which more may be measured" },
	{ "baseline", 0, ASSAY_OPT_STR, NULL, .arg = "NAME,...", .help = "side A: saved baselines; the results named are side B" },
	{ "sessions", 0, ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "folder of earlier results that tell how much two sessions differ (the folder that holds A)" },
	{ "output", 'o', ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "save comparison.json, comparison.md and report.html in a new directory" },
	ASSAY_OPT_END,
};

/* All that one comparison holds. */
struct job { struct cmd_docs a, b, stored; struct cmd_judge judge; json_t *doc; };

/* The results that are compared: A's first. Owned. */
struct sides { char **dirs; int n_a, n; };

static void sides_release(struct sides *s)
{
	for (int i = 0; i < s->n; i++)
		free(s->dirs[i]);
	free(s->dirs);
}

/* A directory as it is; else the name of a baseline. */
static int add_side(struct sides *s, const char *word, bool baseline, struct assay_err *e)
{
	struct assay_err why = ASSAY_ERR_INIT;
	char *dir = NULL;
	if (!baseline && (assay_fs_exists(word) || strchr(word, '/')))
		dir = xstrdup(word);
	else if (cmd_baseline_find(word, &dir, &why))
		return assay_fail(e, why.code, "%s%s", baseline ? "--baseline: " : "", why.msg);
	s->dirs = xrealloc(s->dirs, (size_t)(s->n + 1) * sizeof *s->dirs);
	s->dirs[s->n++] = dir;
	return 0;
}

struct newest { const char *experiment; char created[64], *dir; };

static int keep_newest(void *arg, const char *dir, struct assay_err *e)
{
	struct newest *n = arg;
	json_t *r = assay_result_load(dir, NULL);
	const char *created = assay_json_get_str(r, "created", "");
	(void)e;
	if (r && !strcmp(assay_json_get_str(r, "experiment", ""), n->experiment) && strcmp(created, n->created) > 0) {
		snprintf(n->created, sizeof n->created, "%s", created);
		free(n->dir);
		n->dir = xstrdup(dir);
	}
	json_decref(r);
	return 0;
}

/* `compare NAME` alone: the newest result of that experiment in the default folder is B. */
static int add_newest(struct sides *s, struct assay_err *e)
{
	json_t *a = assay_result_load(s->dirs[0], e);
	struct newest n = { .experiment = assay_json_get_str(a, "experiment", "") };
	int rc = a ? 0 : (e->code = ASSAY_E_USAGE);
	if (!rc && assay_fs_is_dir("results"))
		rc = assay_results_find("results", keep_newest, &n, e);
	if (!rc && !n.dir)
		rc = assay_fail(e, ASSAY_E_USAGE, "%s alone is compared with the newest %s result under results/, and there is none: name a result", s->dirs[0], n.experiment);
	if (!rc)
		rc = add_side(s, n.dir, false, e);
	if (!rc)
		fprintf(stderr, "assay: compared with the newest %s result: %s\n", n.experiment, n.dir);
	free(n.dir);
	json_decref(a);
	return rc;
}

/* n_a: positionals before "--", -1 without it. */
static int find_sides(struct sides *s, const struct assay_options *o, int n_a, struct assay_err *e)
{
	static const char usage[] = "compare needs two results, A B, or several a side: A1 A2 -- B1 B2; each a directory or the name of a saved baseline";
	const char *names = assay_options_str(o, "baseline");
	char **list, *text = names ? xstrdup(names) : NULL, *save = NULL;
	int n = assay_options_positionals(o, &list), rc = 0;
	if (names && n_a >= 0)
		rc = assay_fail(e, ASSAY_E_USAGE, "--baseline names side A: leave \"--\" out, all others are side B");
	for (char *w = text ? strtok_r(text, ",", &save) : NULL; w && !rc; w = strtok_r(NULL, ",", &save))
		rc = add_side(s, w, true, e);
	int from_names = s->n;
	for (int i = 0; i < n && !rc; i++)
		rc = add_side(s, list[i], false, e);
	free(text);
	if (rc)
		return rc;
	bool name_alone = !names && n == 1 && n_a < 0 && !assay_fs_exists(list[0]);
	s->n_a = names ? from_names : n_a >= 0 ? n_a : n == 2 || name_alone ? 1 : 0;
	if (name_alone || (names && from_names == 1 && !n))
		return add_newest(s, e);
	return s->n_a > 0 && s->n > s->n_a ? 0 : assay_fail(e, ASSAY_E_USAGE, "%s", usage);
}

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

/* Baselines are kept apart from each other on purpose: beside the first result that is none. */
static void find_stored(struct job *j, const struct assay_options *o, const struct sides *s)
{
	const char *given = assay_options_str(o, "sessions"), *slash, *first = s->dirs[0];
	char *kept = assay_fs_data_dir();
	for (int i = s->n - 1; i >= 0; i--)
		if (strncmp(s->dirs[i], kept, strlen(kept)))
			first = s->dirs[i];
	free(kept);
	size_t len = strlen(first);
	while (len > 1 && first[len - 1] == '/')
		len--;
	slash = memrchr(first, '/', len);
	char *beside = slash ? strndup(first, slash == first ? 1 : (size_t)(slash - first)) : xstrdup(".");
	if (j->a.n == 1 && !assay_json_get_bool(json_object_get(j->a.list[0], "clock"), "virtual", 0))
		load_stored(&j->stored, given ? given : beside);
	free(beside);
}

/* Where each side is from, for whoever reads the document later. */
static json_t *side_json(const struct cmd_docs *d, char *const *dirs)
{
	json_t *list = json_array();
	for (size_t i = 0; i < d->n; i++) {
		struct assay_buf words;
		size_t k;
		json_t *word, *dir;
		assay_buf_init(&words, (size_t)1 << 20);
		json_array_foreach(json_object_get(d->list[i], "command"), k, word)
			assay_buf_printf(&words, "%s%s", k ? " " : "", json_is_string(word) ? json_string_value(word) : "?");
		dir = json_string(dirs[i]);
		json_array_append_new(list, json_pack("{s:o, s:s?, s:s?, s:s}", "dir", dir ? dir : json_null(), "id", assay_json_get_str(d->list[i], "id", NULL), "created",
			assay_json_get_str(d->list[i], "created", NULL), "command", words.data ? words.data : ""));
		assay_buf_release(&words);
	}
	return list;
}

/* With -o, the comparison's files; then the table or the document. */
static int publish(const struct job *j, const struct assay_options *o, struct assay_err *e)
{
	const char *given = assay_options_str(o, "output");
	char *dir = NULL;
	int rc = given ? cmd_many_dir(given, "compare", &dir, e) : 0;
	if (!rc && given)
		rc = assay_comparison_write(j->doc, dir, e);
	if (rc)
		goto out;
	cmd_judge_show(j->doc, o);
	if (given && !assay_options_flag(o, "json"))
		printf("\nreport  %s/report.html\n", dir);
out:
	free(dir);
	return rc;
}

static int load_side(struct cmd_docs *d, const char *dir, struct assay_err *e)
{
	int rc = cmd_docs_load(d, dir, e);
	if (!rc && !cmd_result_whole(d->list[d->n - 1]))
		fprintf(stderr, "assay: %s: " CMD_EDITED "\n", dir);
	return rc;
}

static int compare(struct job *j, const struct assay_options *o, const struct sides *s, struct assay_err *e)
{
	if (cmd_judge_read(&j->judge, o, e))
		return e->code;
	for (int i = 0; i < s->n; i++)
		if (load_side(i < s->n_a ? &j->a : &j->b, s->dirs[i], e))
			return e->code;
	find_stored(j, o, s);
	j->judge.o.paired = assay_options_flag(o, "paired");
	j->judge.o.sequential = assay_options_flag(o, "sequential");
	j->judge.o.stored = j->stored.list;
	j->judge.o.n_stored = j->stored.n;
	if (!(j->doc = assay_compare(j->a.list, j->a.n, j->b.list, j->b.n, &j->judge.o, e)))
		return e->code;
	bool comparable = assay_json_get_bool(j->doc, "comparable", 0);
	json_object_set_new(j->doc, "schema", json_string(CMD_COMPARISON_SCHEMA));
	json_object_set_new(j->doc, "sides", json_pack("{s:o, s:o}", "a", side_json(&j->a, s->dirs), "b", side_json(&j->b, s->dirs + s->n_a)));
	if (comparable && j->judge.n_gates && assay_compare_gate(j->doc, j->judge.gates, j->judge.n_gates, e))
		return e->code;
	if (comparable)
		return publish(j, o, e);
	if (assay_options_flag(o, "json"))
		cmd_judge_show(j->doc, o);
	return cmd_judge_refuse(j->doc, e);
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
	struct sides sides = { 0 };
	char **words;
	int status = 0, n_a;
	words = without_divider(&argc, argv, &n_a);
	if (!cmd_options(v, argc, words, &o, &status)) {
		int rc = find_sides(&sides, o, n_a, &e);
		if (!rc)
			rc = compare(j, o, &sides, &e);
		status = rc ? cmd_error(&e) : cmd_judge_status(&j->judge, j->doc, &j->a, &j->b, o);
		assay_options_close(o);
	}
	sides_release(&sides);
	json_decref(j->doc);
	cmd_docs_release(&j->a);
	cmd_docs_release(&j->b);
	cmd_docs_release(&j->stored);
	cmd_judge_release(&j->judge);
	free(j);
	free(words);
	return status;
}
