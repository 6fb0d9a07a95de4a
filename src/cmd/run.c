/* The corridor that every experiment walks: options -> plan -> engine -> journal -> session -> experiment -> result -> faces -> exit status.
 * Whatever can be refused is refused before the model loads; whatever was measured is saved whatever happens after. */
#include "cmd/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/baselines.h"
#include "cmd/run_commands.h"
#include "cmd/run_signals.h"
#include "engine/engine.h"
#include "nn/source.h"
#include "nn/tokenizer.h"

/* Text that nobody could turn into tokens is refused before the weights are read; other engines say so themselves. */
static int check_text(const struct assay_options *o, struct assay_err *e)
{
	struct nn_tokenizer *t = NULL;
	char *why = NULL;
	const char *option = assay_options_str(o, "prompt") ? "prompt" : "prompts";
	const char *engine = assay_options_str(o, "engine");
	if (!assay_options_str(o, option) || (strcmp(engine, "cpu") && !assay_engine_is_worker(engine)))
		return 0;
	int rc = nn_tokenizer_open(assay_options_str(o, "model"), &t, &why, e);
	if (!rc && !t)
		rc = assay_fail(e, ASSAY_E_USAGE, "--%s: %s", option, why ? why : "this model has no tokenizer");
	nn_tokenizer_close(t);
	free(why);
	return rc;
}

static int check_currency(const struct assay_options *o, struct assay_err *e)
{
	const char *c = assay_options_str(o, "currency");
	size_t n = strspn(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
	return n && n <= 8 && !c[n] ? 0 : assay_fail(e, ASSAY_E_USAGE, "--currency %.40s: a code of 1 to 8 letters, such as EUR", c);
}

/* A soak is one long visit with a bound of its own. */
static int check_visits(const struct cmd_run *r, struct assay_err *e)
{
	static const char *const names[] = { "prepare", "max-time", "abort-on" };
	for (int i = 0; i < 3 && !strcmp(r->exp->name, "soak"); i++)
		if (assay_options_is_set(r->o, names[i]))
			return assay_fail(e, ASSAY_E_USAGE, "--%s: soak has no visits to act between; --duration bounds it", names[i]);
	return 0;
}

int cmd_run_plan(struct cmd_run *r, struct assay_err *e)
{
	struct assay_engine_info shape_only = { .name = "" };
	if (assay_options_flag(r->o, "dry-run") && assay_options_flag(r->o, "json"))
		return assay_fail(e, ASSAY_E_USAGE, "--json: a dry run has no result document; leave one of --dry-run and --json out");
	if (cmd_baseline_check(r->o, e) || cmd_check_engine_options(r->o, e) || check_currency(r->o, e) || cmd_run_targets(r->o, &r->targets, e) || nn_shape_of(assay_options_str(r->o, "model"), &r->shape, e))
		return e->code;
	const char *const *opts;
	int n_opts = assay_options_strs(r->o, "engine-opt", &opts);
	if (check_visits(r, e) || cmd_run_abort_parse(r, e) || assay_engine_check(assay_options_str(r->o, "engine"), opts, n_opts, e))
		return e->code;
	shape_only.vocab = r->shape.vocab;
	shape_only.max_context = r->shape.max_context;
	return r->exp->plan(r->o, &shape_only, &r->plan, e) || check_text(r->o, e) ? e->code : 0;
}

int cmd_run_walk(struct cmd_run *r, struct assay_err *e, int *status)
{
	r->begun_ns = assay_now_ns();
	if (assay_options_flag(r->o, "progress"))
		r->line = assay_status_line_open();
	int rc = cmd_run_setup(r, e);
	if (!rc && !r->lent)
		rc = cmd_run_open_engine(r, e);
	if (!rc)
		rc = cmd_run_open_journal(r, e);
	if (!rc)
		rc = cmd_run_measure(r, e);
	cmd_run_cleanup(r);
	if (r->journal)
		rc = cmd_run_close_journal(r, rc, e);
	if (r->engine && !r->lent) { /* its process, where it has one, has said all before files are counted */
		r->engine->ops->close(r->engine);
		r->engine = NULL;
	}
	assay_status_line_close(r->line);
	if (r->cleanup_failed)
		fprintf(stderr, "assay: %s\n", r->cleanup_failed);
	if (rc && !r->totals.points_ok && !r->totals.points_limit && !r->totals.points_error && !r->totals.interrupted)
		cmd_run_output_undo(r); /* nothing was measured */
	else
		*status = cmd_run_publish(r, rc, e), rc = 0;
	return rc;
}

void cmd_run_release(struct cmd_run *r)
{
	if (r->engine && !r->lent)
		r->engine->ops->close(r->engine);
	json_decref(r->targets);
	json_decref(r->early_notes);
	free(r->cleanup_failed);
	free(r->aborted);
	free(r->aborts.list);
	assay_run_plan_release(&r->plan);
	assay_options_close(r->o);
	assay_run_release(&r->before);
	free(r->dir);
}

int cmd_run_experiment(const struct assay_verb *v, int argc, char **argv)
{
	struct cmd_run r = { .verb = v, .argc = argc, .argv = argv, .exp = assay_experiment_find(v->name) };
	struct assay_err e = ASSAY_ERR_INIT;
	int status = 0;
	if (cmd_options(v, argc, argv, &r.o, &status))
		return status;
	cmd_signals_install();
	int rc = cmd_run_plan(&r, &e);
	bool dry = assay_options_flag(r.o, "dry-run");
	if (!rc && dry)
		cmd_run_dry(&r);
	if (!rc && !dry)
		rc = cmd_run_output(&r, &e);
	if (!rc && !dry)
		rc = cmd_run_walk(&r, &e, &status);
	if (rc)
		status = cmd_error(&e);
	cmd_run_release(&r);
	return status;
}
