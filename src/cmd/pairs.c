/* assay pairs: two configurations measured in turn, A B B A ..., looked at only at 10, 14, 20, 28 and 40 pairs, until they are told apart. Every
 * visit is a whole run of its own (a process, a load, a result under DIR/visits); its repeats are pooled and the unit is the pair. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/ab_sequential.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/term.h"
#include "cmd/child.h"
#include "cmd/compare.h"
#include "cmd/run.h"
#include "cmd/run_signals.h"
#include "report/compare_tables.h"

const struct assay_opt cmd_pairs_options[] = {
	{ "a", 0, ASSAY_OPT_STR, NULL, .arg = "'OPTIONS'", .help = "configuration A: options of the experiment, or an engine and then options: 'sim:a.yaml', '--dtype bf16 -t 2'; '' = none, as it is", .may_be_empty = true },
	{ "b", 0, ASSAY_OPT_STR, NULL, .arg = "'OPTIONS'", .help = "configuration B", .may_be_empty = true },
	{ "with", 0, ASSAY_OPT_STR, NULL, .arg = "'OPTIONS'", .help = "options of both: '-m gpt2 --prompt-tokens 128'; --runs is 5 unless given", .may_be_empty = true },
	{ "experiment", 0, ASSAY_OPT_ENUM, "latency", .choices = "latency|throughput|seqlen|longdoc|memory|offline", .arg = "NAME", .help = "what each visit measures" },
	{ "max-pairs", 0, ASSAY_OPT_ENUM, "40", .choices = "10|14|20|28|40", .arg = "N", .help = "stop undecided after so many" },
	{ "output", 'o', ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "result directory (results/<UTC time>-pairs)" },
	{ "progress", 0, ASSAY_OPT_FLAG, "true", .help = "show progress on stderr" },
	ASSAY_OPT_END,
};

struct pairs {
	const struct assay_options *o;
	struct cmd_words arm[2], with;
	struct cmd_docs side[2];
	struct cmd_judge judge;
	struct assay_status_line *line;
	char *dir;
	size_t max;
	json_t *doc, *looks;
};

/* A sim engine gets the visit's noise stream. */
static void add_words(struct cmd_argv *argv, const struct cmd_words *w, bool engine_first, size_t nth)
{
	if (engine_first && w->n && w->list[0][0] != '-')
		cmd_argv_add(argv, "--engine");
	for (int i = 0; i < w->n; i++) {
		if (!strncmp(w->list[i], "sim:", 4) || !strncmp(w->list[i], "--engine=sim:", 13))
			cmd_argv_add(argv, "%s@%zu", w->list[i], nth);
		else
			cmd_argv_add(argv, "%s", w->list[i]);
	}
}

static void arm_argv(const struct pairs *p, int arm, size_t nth, struct cmd_argv *argv)
{
	cmd_argv_add(argv, "--runs=5");
	add_words(argv, &p->with, false, nth);
	add_words(argv, &p->arm[arm], true, nth);
	cmd_argv_add(argv, "--no-progress");
}

/* Options of the pair as a whole, or of no visit. */
static int check_words(const struct assay_options *visit, struct assay_err *e)
{
	static const char *const no[] = { "output", "save-as", "dry-run" };
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (assay_options_source(visit, no[i]) == ASSAY_FROM_CLI)
			return assay_fail(e, ASSAY_E_USAGE, "--%s: every visit is a result of its own below the directory of the pairs: leave it out", no[i]);
	return 0;
}

/* What can be refused is refused before the other configuration is measured in vain. */
static int check_arm(const struct pairs *p, int arm, struct assay_err *e)
{
	struct cmd_argv argv = { 0 };
	struct cmd_run r = { .exp = assay_experiment_find(assay_options_str(p->o, "experiment")), .verb = cmd_verb_find(assay_options_str(p->o, "experiment"), e) };
	if (!r.exp || !r.verb)
		return e->code;
	arm_argv(p, arm, 1, &argv);
	r.argc = argv.n;
	r.argv = argv.list;
	r.o = assay_options_open(r.verb->tables);
	int rc = assay_options_parse(r.o, argv.n, argv.list, e) || check_words(r.o, e) || cmd_run_plan(&r, e) ? assay_fail_in(e, arm ? "--b" : "--a") : 0;
	cmd_run_release(&r);
	cmd_argv_release(&argv);
	return rc;
}

/* Nothing was measured. */
static void leave_nothing(const char *dir, const char *log)
{
	char *visits = xasprintf("%s/visits", dir);
	unlink(log);
	rmdir(visits);
	rmdir(dir);
	free(visits);
}

/* One visit: measures, and loads what it measured. */
static int visit(struct pairs *p, int arm, size_t nth, struct assay_err *e)
{
	struct cmd_argv argv = { 0 };
	char what[60], *name = xasprintf("visit %03zu-%c", nth, 'A' + arm), *dir = xasprintf("%s/visits/%s", p->dir, name + strlen("visit ")), *log = xasprintf("%s.log", dir);
	snprintf(what, sizeof what, "pair %zu of at most %zu: %c", (nth + 1) / 2, p->max, 'A' + arm);
	assay_status_line_show(p->line, "pairs", what, (double)(nth - 1), 2 * (double)p->max, -1);
	cmd_argv_add(&argv, "assay");
	cmd_argv_add(&argv, "%s", assay_options_str(p->o, "experiment"));
	arm_argv(p, arm, nth, &argv);
	cmd_argv_add(&argv, "--output=%s", dir);
	int status = cmd_child_run(&argv, log);
	int rc = cmd_child_measured(status) ? cmd_docs_load(&p->side[arm], dir, e) : cmd_child_error(name, status, log, e);
	if (rc && nth == 1)
		leave_nothing(p->dir, log);
	cmd_argv_release(&argv);
	free(name);
	free(dir);
	free(log);
	return rc;
}

/* The first pair must be comparable, before another 39 are measured in vain. */
static int check_first(struct pairs *p, struct assay_err *e)
{
	json_t *doc = assay_compare(p->side[0].list, 1, p->side[1].list, 1, &p->judge.o, e);
	int rc = !doc ? e->code : assay_json_get_bool(doc, "comparable", 0) ? 0 : cmd_judge_refuse(doc, e);
	json_decref(doc);
	return rc;
}

/* Judges what is there; *decided when measuring may stop. */
static int look(struct pairs *p, bool *decided, struct assay_err *e)
{
	struct assay_compare_options o = p->judge.o;
	o.paired = o.sequential = true;
	json_decref(p->doc);
	if (!(p->doc = assay_compare(p->side[0].list, p->side[0].n, p->side[1].list, p->side[1].n, &o, e)))
		return e->code;
	if (!assay_json_get_bool(p->doc, "comparable", 0))
		return cmd_judge_refuse(p->doc, e);
	const char *verdict = assay_json_get_str(p->doc, "verdict", "UNDECIDED");
	json_array_append_new(p->looks, json_pack("{s:I, s:s}", "pairs", (json_int_t)p->side[0].n, "verdict", verdict));
	*decided = strcmp(verdict, "UNDECIDED");
	return 0;
}

static int measure(struct pairs *p, struct assay_err *e)
{
	struct assay_ab_looks looks;
	bool decided = false;
	int rc = 0;
	assay_ab_looks_init(&looks);
	for (size_t i = 0; !rc && !decided && i < p->max; i++) {
		int first = i % 2 ? 1 : 0; /* A B, B A, ... */
		if ((rc = visit(p, first, 2 * i + 1, e)) || (rc = visit(p, !first, 2 * i + 2, e)))
			break;
		if (!i)
			rc = check_first(p, e);
		if (!rc && assay_ab_look_at(&looks, i + 1) >= 0)
			rc = look(p, &decided, e);
		if (!rc && cmd_signal_seen())
			rc = assay_fail(e, ASSAY_E_INTERRUPT, "interrupted after %zu pairs; their results are in %s/visits", i + 1, p->dir);
	}
	return rc;
}

static int make_dir(struct pairs *p, struct assay_err *e)
{
	if (cmd_many_dir(assay_options_str(p->o, "output"), "pairs", &p->dir, e))
		return e->code;
	char *visits = xasprintf("%s/visits", p->dir);
	int rc = assay_fs_mkdir_p(visits, e);
	free(visits);
	return rc ? e->code = ASSAY_E_USAGE : 0;
}

static int prepare(struct pairs *p, struct assay_err *e)
{
	const char *a = assay_options_str(p->o, "a"), *b = assay_options_str(p->o, "b"), *with = assay_options_str(p->o, "with");
	p->looks = json_array();
	p->max = (size_t)atoi(assay_options_str(p->o, "max-pairs"));
	if (!a || !b)
		return assay_fail(e, ASSAY_E_USAGE, "pairs needs --a 'OPTIONS' and --b 'OPTIONS'");
	if (cmd_words_split(&p->arm[0], "a", a, e) || cmd_words_split(&p->arm[1], "b", b, e) || cmd_words_split(&p->with, "with", with ? with : "", e) || cmd_judge_read(&p->judge, p->o, e) ||
	    check_arm(p, 0, e) || check_arm(p, 1, e))
		return e->code;
	return make_dir(p, e);
}

/* What may differ, so that the judgement can be made again. */
static json_t *across(const struct pairs *p)
{
	json_t *list = json_array();
	if (p->judge.o.across_model)
		json_array_append_new(list, json_string("model"));
	if (p->judge.o.across_case)
		json_array_append_new(list, json_string("case"));
	return list;
}

/* What was compared, into the document, and its files into DIR. */
static int publish(struct pairs *p, struct assay_err *e)
{
	json_object_set_new(p->doc, "schema", json_string(CMD_COMPARISON_SCHEMA));
	json_object_set_new(p->doc, "pairs", json_pack("{s:s, s:s, s:s, s:s?, s:o, s:I, s:I, s:O}", "experiment", assay_options_str(p->o, "experiment"), "a", assay_options_str(p->o, "a"), "b", assay_options_str(p->o, "b"),
	                                               "with", assay_options_str(p->o, "with"), "across", across(p), "measured", (json_int_t)p->side[0].n, "max", (json_int_t)p->max, "looks", p->looks));
	int rc = p->judge.n_gates ? assay_compare_gate(p->doc, p->judge.gates, p->judge.n_gates, e) : 0;
	if (!rc)
		rc = assay_comparison_write(p->doc, p->dir, e);
	if (!rc)
		cmd_judge_show(p->doc, p->o);
	if (!rc && !assay_options_flag(p->o, "json"))
		printf("\n%zu pairs of at most %zu\nresult  %s/comparison.json\nreport  %s/report.html\n", p->side[0].n, p->max, p->dir, p->dir);
	return rc;
}

int cmd_pairs(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	struct pairs *p = xalloc(sizeof *p);
	p->o = o;
	cmd_signals_install();
	int rc = prepare(p, &e);
	if (!rc) {
		p->line = assay_options_flag(o, "progress") ? assay_status_line_open() : NULL;
		rc = measure(p, &e);
		assay_status_line_close(p->line);
	}
	if (!rc)
		rc = publish(p, &e);
	status = rc ? cmd_error(&e) : cmd_judge_status(&p->judge, p->doc, &p->side[0], &p->side[1], o);
	if (rc == ASSAY_E_INTERRUPT && p->side[0].n)
		cmd_advise("%zu visits are kept in %s/visits", p->side[0].n + p->side[1].n, p->dir);
	json_decref(p->doc);
	json_decref(p->looks);
	cmd_docs_release(&p->side[0]);
	cmd_docs_release(&p->side[1]);
	cmd_judge_release(&p->judge);
	cmd_words_release(&p->arm[0]);
	cmd_words_release(&p->arm[1]);
	cmd_words_release(&p->with);
	free(p->dir);
	free(p);
	assay_options_close(o);
	return status;
}
