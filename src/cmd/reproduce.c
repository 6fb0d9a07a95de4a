/* assay reproduce DIR: the command of a result again, and whether it gives the same. On a virtual clock the same means bit for bit; on a real one what
 * compare says. What was not the same around it (program, machine, inputs) is named. A result comes from anywhere: its command is read by our own
 * parser and only measuring verbs run, without shell commands unless --allow-commands. */
#include "cmd/reproduce.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/circumstances.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/term.h"
#include "cmd/child.h"
#include "cmd/compare.h"
#include "cmd/run_signals.h"
#include "cmd/show_result.h"
#include "draw/text.h"
#include "engine/engine.h"
#include "experiment/experiment.h"
#include "report/report.h"
#include "report/verify_diff.h"

enum { WORDS = 400 };

const struct assay_opt cmd_reproduce_options[] = {
	{ "output", 'o', ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "where the new result goes; absent or empty (results/<UTC time>-reproduce)" },
	{ "allow-commands", 0, ASSAY_OPT_FLAG, "false", .help = "run what the result names: its --setup, --prepare and --cleanup, a worker by its path: programs of whoever made it" },
	{ "json", 0, ASSAY_OPT_FLAG, "false", .help = "print the outcome as JSON on stdout, and only that" },
	{ "color", 0, ASSAY_OPT_FLAG, "true", .help = "colour on a terminal (NO_COLOR is honoured too)" },
	ASSAY_OPT_END,
};

struct job { const struct assay_options *o; const char *from; struct cmd_docs was, is; struct cmd_argv argv; char *dir, *run; json_t *doc; };

/* ---- the command ---- */

/* Options that say where results go, not what is measured; their value, where they have one, is the next word or after '='. */
static int words_to_drop(const char *word)
{
	static const struct { const char *name; bool value; } rows[] = { { "--save-as", true }, { "--replace", false }, { "--json", false }, { "--dry-run", false }, { "--", false } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t n = strlen(rows[i].name);
		if (!strcmp(word, rows[i].name))
			return 1 + rows[i].value;
		if (rows[i].value && !strncmp(word, rows[i].name, n) && word[n] == '=')
			return 1;
	}
	return 0;
}

static int build_argv(struct job *j, struct assay_err *e)
{
	const json_t *command = json_object_get(j->was.list[0], "command");
	size_t n = json_array_size(command);
	const char *verb = json_string_value(json_array_get(command, 1));
	if (n < 2 || n > WORDS || !verb || !assay_experiment_find(verb))
		return assay_fail(e, ASSAY_E_USAGE, "%s: its command is no measuring verb of this assay: %.60s", j->from, verb ? verb : "none");
	cmd_argv_add(&j->argv, "assay");
	cmd_argv_add(&j->argv, "%s", verb);
	for (size_t i = 2; i < n; i++) {
		const char *word = json_string_value(json_array_get(command, i));
		int drop = word ? words_to_drop(word) : 0;
		if (!word || !strcmp(word, "(not UTF-8)"))
			return assay_fail(e, ASSAY_E_USAGE, "%s: word %zu of its command is not UTF-8 text", j->from, i + 1);
		if (drop)
			i += (size_t)drop - 1;
		else
			cmd_argv_add(&j->argv, "%s", word);
	}
	return 0;
}

/* Options that came from the environment then, and none that come from it now. */
static void set_environment(const struct job *j, const struct assay_verb *v)
{
	const json_t *then = assay_json_at(j->was.list[0], "provenance.environment");
	struct assay_options *o = assay_options_open(v->tables);
	const struct assay_opt *const *rows;
	int n = assay_options_rows(o, &rows);
	for (int i = 0; i < n; i++) {
		char name[80];
		assay_options_variable(rows[i]->name, name);
		const char *value = assay_json_get_str(then, name, NULL);
		if (value && strcmp(rows[i]->name, "output") && strcmp(rows[i]->name, "save-as") && strcmp(rows[i]->name, "json"))
			setenv(name, value, 1);
		else
			unsetenv(name);
	}
	assay_options_close(o);
}

/* A worker by its path, or with an interpreter of its own: a program of whoever made the result. */
static bool is_foreign_program(const struct assay_options *o)
{
	const char *engine = assay_options_str(o, "engine");
	const char *const *list;
	int n = assay_options_strs(o, "engine-opt", &list);
	bool python = false;
	for (int i = 0; i < n; i++)
		python |= !strncmp(list[i], "python=", 7);
	return assay_engine_is_worker(engine) && (strpbrk(engine, "/.") || python);
}

/* What our own parser makes of it: nothing that the child will do is unknown here. */
static int check_command(const struct job *j, struct assay_err *e)
{
	static const char *const commands[] = { "setup", "prepare", "cleanup" };
	const struct assay_verb *v = cmd_verb_find(j->argv.list[1], e);
	struct assay_options *o = NULL;
	int status, rc = 0;
	if (!v)
		return e->code;
	set_environment(j, v);
	if (cmd_options(v, j->argv.n - 2, j->argv.list + 2, &o, &status))
		return assay_fail(e, ASSAY_E_USAGE, "%s: this assay does not take its command", j->from);
	for (size_t i = 0; i < sizeof commands / sizeof *commands && !rc; i++)
		if (assay_options_str(o, commands[i]) && !assay_options_flag(j->o, "allow-commands"))
			rc = assay_fail(e, ASSAY_E_USAGE, "%s: it runs a shell command, --%s '%.200s': look at it, then --allow-commands", j->from, commands[i], assay_options_str(o, commands[i]));
	if (!rc && is_foreign_program(o) && !assay_options_flag(j->o, "allow-commands"))
		rc = assay_fail(e, ASSAY_E_USAGE, "%s: its engine %.200s is a program of its own: look at it, then --allow-commands", j->from, assay_options_str(o, "engine"));
	assay_options_close(o);
	return rc;
}

static int check_inputs(const struct job *j, struct assay_err *e)
{
	const json_t *provenance = json_object_get(j->was.list[0], "provenance"), *inputs = json_object_get(provenance, "inputs");
	if (json_object_get(j->was.list[0], "redacted"))
		return assay_fail(e, ASSAY_E_USAGE, "%s: redacted: its command names no files; reproduce the original", j->from);
	for (size_t i = 0; i < json_array_size(inputs); i++) {
		const char *path = assay_json_get_str(json_array_get(inputs, i), "path", "");
		if (!assay_fs_exists(path))
			return assay_fail(e, ASSAY_E_USAGE, "%s: its input %.200s is not here; it was measured in %.200s", j->from, path, assay_json_get_str(provenance, "cwd", "an unknown folder"));
	}
	return 0;
}

static int load(struct job *j, struct assay_err *e)
{
	char **list;
	if (assay_options_positionals(j->o, &list) != 1)
		return assay_fail(e, ASSAY_E_USAGE, "reproduce needs one result directory");
	j->from = list[0];
	if (cmd_docs_load(&j->was, j->from, e))
		return e->code;
	if (!cmd_result_whole(j->was.list[0]))
		return assay_fail(e, ASSAY_E_USAGE, "%s: " CMD_EDITED, j->from);
	return check_inputs(j, e) || build_argv(j, e) || check_command(j, e) ? e->code : 0;
}

/* ---- the run ---- */
static int measure(struct job *j, struct assay_err *e)
{
	if (cmd_many_dir(assay_options_str(j->o, "output"), "reproduce", &j->dir, e))
		return e->code;
	char *log = xasprintf("%s/run.log", j->dir);
	j->run = xasprintf("%s/run", j->dir);
	cmd_argv_add(&j->argv, "--no-progress");
	cmd_argv_add(&j->argv, "--output=%s", j->run);
	int status = cmd_child_run(&j->argv, log);
	int rc = cmd_child_measured(status) ? cmd_docs_load(&j->is, j->run, e) : cmd_child_error("the command of the result", status, log, e);
	if (rc && !assay_fs_is_dir(j->run)) { /* nothing was measured */
		unlink(log);
		rmdir(j->dir);
	}
	free(log);
	return rc;
}

/* ---- the outcome ---- */
/* A virtual clock: every number of every point. "identical", or "different" and the first difference. */
static const char *same_numbers(struct job *j)
{
	struct verify_diff d = { 0 };
	if (!verify_diff_json(json_object_get(j->is.list[0], "points"), json_object_get(j->was.list[0], "points"), &d))
		return "identical";
	json_object_set_new(j->doc, "first_difference", json_pack("{s:s, s:s}", "where", d.where, "what", d.what));
	verify_diff_release(&d);
	return "different";
}

static const char *outcome_of(struct job *j, struct assay_err *e)
{
	struct assay_compare_options o = { .min_effect = 0.01 };
	if (assay_json_get_bool(json_object_get(j->was.list[0], "clock"), "virtual", 0))
		return same_numbers(j);
	json_t *c = assay_compare(j->was.list, 1, j->is.list, 1, &o, e);
	if (!c)
		return NULL;
	json_object_set_new(j->doc, "comparison", c);
	if (!assay_json_get_bool(c, "comparable", 0)) {
		cmd_judge_refuse(c, e);
		return NULL;
	}
	const char *verdict = assay_json_get_str(c, "verdict", "UNDECIDED");
	return !strcmp(verdict, "SAME") ? "same" : !strcmp(verdict, "UNDECIDED") ? "not_told_apart" : "different";
}

static int judge(struct job *j, struct assay_err *e)
{
	const json_t *was = j->was.list[0], *is = j->is.list[0];
	j->doc = json_pack("{s:s, s:s, s:O, s:s, s:O, s:n, s:o, s:n, s:n}", "schema", "assay.reproduction/1", "of", j->from, "id", json_object_get(was, "id"), "run", j->run, "command", json_object_get(is, "command"),
	                   "outcome", "circumstances", assay_circumstances(was, is), "first_difference", "comparison");
	const char *outcome = outcome_of(j, e);
	if (!outcome)
		return e->code;
	json_object_set_new(j->doc, "outcome", json_string(outcome));
	char *path = xasprintf("%s/reproduction.json", j->dir);
	int rc = assay_json_save(path, j->doc, 2, (size_t)64 << 20, e);
	if (!rc && assay_options_flag(j->o, "json"))
		rc = cmd_print_json(j->doc, e);
	free(path);
	return rc;
}

/* "- machine.host: then vm1, now vm2", wrapped. */
static void show_circumstance(const json_t *entry, int width)
{
	const json_t *sides[2] = { json_object_get(entry, "was"), json_object_get(entry, "is") };
	char *text[2];
	struct assay_buf b;
	for (int i = 0; i < 2; i++)
		text[i] = json_is_string(sides[i]) ? xstrdup(json_string_value(sides[i])) : json_is_null(sides[i]) ? xstrdup("nothing") : json_dumps(sides[i], JSON_ENCODE_ANY | JSON_COMPACT);
	char *line = xasprintf("%s: then %.300s, now %.300s", assay_json_get_str(entry, "what", "?"), text[0] ? text[0] : "?", text[1] ? text[1] : "?");
	assay_buf_init(&b, 65536);
	draw_text_wrap(&b, line, "- ", "  ", width);
	fwrite(b.data, 1, b.len_bytes, stdout);
	assay_buf_release(&b);
	free(line);
	free(text[0]);
	free(text[1]);
}

static void show(const struct job *j)
{
	static const struct { const char *outcome, *text; } said[] = {
		{ "identical", "identical: on the virtual clock every number of every point is the same, bit for bit" }, { "different", "different" },
		{ "same", "the same: the times are shown to be equal" }, { "not_told_apart", "not told apart: no metric is shown to differ" },
	};
	const char *outcome = assay_json_get_str(j->doc, "outcome", "?");
	const json_t *list = json_object_get(j->doc, "circumstances"), *first = json_object_get(j->doc, "first_difference");
	struct assay_term term;
	assay_term_init(&term, STDOUT_FILENO, assay_options_flag(j->o, "color"));
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		if (!strcmp(outcome, said[i].outcome))
			printf("%s%s\n", said[i].text, json_is_object(first) ? ":" : "");
	if (json_is_object(first))
		printf("  points%s: %s\n", assay_json_get_str(first, "where", "?"), assay_json_get_str(first, "what", "?"));
	if (json_is_object(json_object_get(j->doc, "comparison")))
		cmd_judge_show(json_object_get(j->doc, "comparison"), j->o);
	printf(json_array_size(list) ? "\nNot the same as then\n" : "\nProgram, libraries, machine, environment and inputs are the same as then.\n");
	for (size_t k = 0; k < json_array_size(list); k++)
		show_circumstance(json_array_get(list, k), term.width);
	printf("\nresult  %s/result.json\n", j->run);
}

int cmd_reproduce(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	struct job *j = xalloc(sizeof *j);
	j->o = o;
	cmd_signals_install();
	if (load(j, &e) || measure(j, &e) || judge(j, &e))
		status = cmd_error(&e);
	else if (!assay_options_flag(o, "json"))
		show(j);
	if (!e.code && !strcmp(assay_json_get_str(j->doc, "outcome", ""), "different"))
		status = ASSAY_EXIT_FAILED;
	json_decref(j->doc);
	cmd_docs_release(&j->was);
	cmd_docs_release(&j->is);
	cmd_argv_release(&j->argv);
	free(j->dir);
	free(j->run);
	free(j);
	assay_options_close(o);
	return status;
}
