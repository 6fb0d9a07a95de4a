/* assay sweep: any options of any experiment, each combination measured as a result of its own; then what is best for what, and whether its margin is
 * real. Killed or stopped, the same command goes on where it was. */
#include "cmd/sweep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "base/yaml.h"
#include "cmd/kept.h"
#include "cmd/run_signals.h"

enum { EXPERIMENTS_MAX = 32 };

const struct assay_opt cmd_sweep_options[] = {
	{ "experiment", 0, ASSAY_OPT_STR, "throughput", .arg = "NAME", .help = "what is measured in each configuration; its options are options of the sweep" },
	{ "vary", 0, ASSAY_OPT_STRS, NULL, .arg = "OPTION=V,...", .help = "an option and its values, one configuration each: batch=1,4,8; a value with a comma in quotes: \"batch='1,2','4,8'\"" },
	{ "pairwise", 0, ASSAY_OPT_FLAG, "false", .help = "fewer configurations: every two values together at least once, instead of all combinations" },
	{ "rounds", 0, ASSAY_OPT_INT, "1", 1, CMD_SWEEP_ROUNDS, .arg = "N", .help = "visit all configurations so often, each time in another order with loads of its own" },
	{ "share", 0, ASSAY_OPT_FLAG, "true", .help = "one load for configurations whose engine options are equal" },
	{ "objective", 0, ASSAY_OPT_STRS, NULL, .arg = "KEY,...", .help = "what to be best in, a sum as KEY+KEY (suits the experiment: speed, latency, memory)" },
	{ "require", 0, ASSAY_OPT_STRS, NULL, .arg = "CONDITION", .help = "only a configuration that meets it may be named best: 'ttft_ms.p99<200'" },
	{ "confirm", 0, ASSAY_OPT_FLAG, "true", .help = "where the results leave best and runner-up undecided, measure the two in turn (on a virtual clock only when given)" },
	{ "max-pairs", 0, ASSAY_OPT_ENUM, "20", .choices = "10|14|20|28|40", .arg = "N", .help = "pairs of best and runner-up at most" },
	{ "resume", 0, ASSAY_OPT_STR, NULL, .arg = "DIR", .help = "go on with the sweep in DIR; alone, with the command that began it" },
	ASSAY_OPT_END,
};

/* ---- which experiment ---- */

const struct assay_opt *const *cmd_verb_tables(const struct assay_verb *v, const char *experiment)
{
	static const struct assay_opt *tables[EXPERIMENTS_MAX][5];
	int n, at = 0;
	const struct assay_experiment *const *all = assay_experiments(&n), *x = assay_experiment_find(experiment ? experiment : cmd_sweep_options[0].def);
	if (v->main != cmd_sweep)
		return v->tables;
	x = x ? x : assay_experiment_find(cmd_sweep_options[0].def);
	while (at + 1 < n && at + 1 < EXPERIMENTS_MAX && all[at] != x)
		at++;
	memcpy(tables[at], (const struct assay_opt *[]){ cmd_engine_options, cmd_common_options, x->options, cmd_sweep_options, NULL }, sizeof tables[at]);
	return tables[at];
}

/* From the command line, else the environment, else the job file; NULL when none names it. *made: to be freed. */
static const char *named_experiment(int argc, char **argv, char **made)
{
	const char *job = NULL, *found = NULL;
	*made = NULL;
	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--experiment") && i + 1 < argc)
			found = argv[i + 1];
		else if (!strncmp(argv[i], "--experiment=", 13))
			found = argv[i] + 13;
		else if (!strcmp(argv[i], "--job") && i + 1 < argc)
			job = argv[i + 1];
		else if (!strncmp(argv[i], "--job=", 6))
			job = argv[i] + 6;
	}
	struct assay_yaml *y = NULL;
	if (!found && job && !assay_yaml_load(job, &y, NULL)) {
		const char *in_job = assay_json_get_str(assay_yaml_root(y), "experiment", NULL);
		found = *made = in_job ? xstrdup(in_job) : NULL;
	}
	assay_yaml_close(y);
	if (!found)
		found = getenv("ASSAY_EXPERIMENT");
	return found && *found ? found : NULL;
}

static int take_experiment(struct cmd_sweep *s, int argc, char **argv, struct assay_err *e)
{
	char *made;
	const char *name = named_experiment(argc, argv, &made);
	name = name ? name : cmd_sweep_options[0].def;
	if (!(s->exp = assay_experiment_find(name))) {
		int n;
		const struct assay_experiment *const *all = assay_experiments(&n);
		const char *names[EXPERIMENTS_MAX], *near;
		n = n < EXPERIMENTS_MAX ? n : EXPERIMENTS_MAX;
		for (int i = 0; i < n; i++)
			names[i] = all[i]->name;
		near = assay_nearest(name, names, n);
		assay_fail(e, ASSAY_E_USAGE, "--experiment: \"%.60s\" is no experiment%s%s%s; assay help lists them", name, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
	}
	free(made);
	return s->exp ? 0 : e->code;
}

/* ---- which command ---- */

/* `--resume DIR` with nothing that varies is the stored command. */
static const char *const own_options[] = { "--vary", "--job", NULL };

/* ---- the sweep ---- */

static int prepare(struct cmd_sweep *s, struct assay_err *e)
{
	s->rounds = (int)assay_options_int(s->o, "rounds");
	if (assay_options_flag(s->o, "dry-run") && assay_options_flag(s->o, "json"))
		return assay_fail(e, ASSAY_E_USAGE, "--json: a dry run has no document; leave one of --dry-run and --json out");
	if (assay_options_flag(s->o, "redact"))
		return assay_fail(e, ASSAY_E_USAGE, "--redact: a sweep keeps its commands, to be resumed; publish a copy of a result: assay report DIR/configs/NN-... --redact -o COPY");
	if (assay_options_is_set(s->o, "save-as"))
		return assay_fail(e, ASSAY_E_USAGE, "--save-as: a sweep has several results; keep one of them: assay baselines save NAME DIR/configs/NN-...");
	return cmd_sweep_aims(s, e) || cmd_sweep_axes(s, e) || cmd_sweep_plan(s, e) ? e->code : 0;
}

static void say_left(const struct cmd_sweep *s)
{
	size_t done = 0;
	for (size_t i = 0; i < s->n_visits; i++)
		done += s->visits[i].end == SWEEP_REFUSED || (s->visits[i].end == SWEEP_DONE && s->visits[i].status != ASSAY_EXIT_INT && s->visits[i].status != ASSAY_EXIT_TERM);
	fprintf(stderr, "assay: interrupted; %zu of %zu measurements are kept in %s\n", done, s->n_visits, s->dir);
	cmd_advise("assay sweep --resume %s goes on", s->dir);
}

static int walk(struct cmd_sweep *s, const struct cmd_argv *words, int *status, struct assay_err *e)
{
	int rc = cmd_sweep_take(s, cmd_kept_words("sweep", words), e);
	if (!rc)
		rc = cmd_sweep_write(s, "running", e);
	if (!rc)
		rc = cmd_sweep_run(s, e);
	bool interrupted = rc == ASSAY_E_INTERRUPT;
	if (!rc || interrupted)
		rc = cmd_sweep_answer(s, interrupted, status, e);
	if (!rc && cmd_signal_seen())
		say_left(s);
	return rc;
}

static void release(struct cmd_sweep *s)
{
	cmd_sweep_axes_release(s);
	if (s->visits)
		munmap(s->visits, s->n_visits * sizeof *s->visits);
	if (s->lock >= 0)
		close(s->lock);
	json_decref(s->doc);
	free(s->dir);
	assay_options_close(s->o);
	free(s);
}

int cmd_sweep(const struct assay_verb *v, int argc, char **argv)
{
	struct cmd_sweep *s = xalloc(sizeof *s);
	struct cmd_argv words = { 0 };
	struct assay_err e = ASSAY_ERR_INIT;
	int status = 0;
	s->lock = -1;
	if (cmd_kept_command(argc, argv, own_options, cmd_sweep_command, &words, &e) || take_experiment(s, words.n, words.list, &e)) {
		status = cmd_error(&e);
	} else {
		s->verb = *v;
		s->verb.tables = cmd_verb_tables(v, s->exp->name);
		if (!cmd_options(&s->verb, words.n, words.list, &s->o, &status)) {
			cmd_signals_install();
			int rc = prepare(s, &e);
			if (!rc && assay_options_flag(s->o, "dry-run"))
				cmd_sweep_dry(s);
			else if (!rc)
				rc = walk(s, &words, &status, &e);
			if (rc)
				status = cmd_error(&e);
		}
	}
	cmd_argv_release(&words);
	release(s);
	return status;
}
