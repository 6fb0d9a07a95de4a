/* The corridor that every experiment walks: options -> plan -> engine -> journal -> session -> experiment -> result -> faces -> exit status.
 * Whatever can be refused is refused before the model loads; whatever was measured is saved whatever happens after. */
#include "cmd/run.h"

#include <string.h>

#include "cmd/run_signals.h"
#include "nn/source.h"

/* Options to plan: targets, shape, what the experiment refuses, the output directory. */
static int prepare(struct cmd_run *r, struct assay_err *e)
{
	struct assay_engine_info shape_only = { .name = "" };
	if (!strcmp(assay_options_str(r->o, "dtype"), "int8"))
		return assay_fail(e, ASSAY_E_USAGE, "--dtype int8: not built yet; take auto, f32, bf16 or f16");
	if (cmd_run_targets(r->o, &r->targets, e) || nn_shape_of(assay_options_str(r->o, "model"), &r->shape, e))
		return e->code;
	shape_only.vocab = r->shape.vocab;
	shape_only.max_context = r->shape.max_context;
	if (r->exp->plan(r->o, &shape_only, &r->plan, e))
		return e->code;
	return assay_options_flag(r->o, "dry-run") ? 0 : cmd_run_output(r, e);
}

static int walk(struct cmd_run *r, struct assay_err *e, int *status)
{
	if (assay_options_flag(r->o, "progress"))
		r->progress = assay_progress_open();
	int rc = cmd_run_open_engine(r, e);
	if (!rc)
		rc = cmd_run_open_journal(r, e);
	if (rc) { /* nothing was recorded */
		assay_progress_close(r->progress);
		cmd_run_output_undo(r);
		return rc;
	}
	rc = cmd_run_measure(r, e);
	rc = cmd_run_close_journal(r, rc, e);
	assay_progress_close(r->progress);
	*status = cmd_run_publish(r, rc, e);
	return 0;
}

int cmd_run_experiment(const struct assay_verb *v, int argc, char **argv)
{
	struct cmd_run r = { .verb = v, .argc = argc, .argv = argv, .exp = assay_experiment_find(v->name) };
	struct assay_err e = ASSAY_ERR_INIT;
	int status = 0;
	if (cmd_options(v, argc, argv, &r.o, &status))
		return status;
	cmd_signals_install();
	int rc = prepare(&r, &e);
	if (!rc && assay_options_flag(r.o, "dry-run"))
		cmd_run_dry(&r);
	else if (!rc)
		rc = walk(&r, &e, &status);
	if (rc)
		status = cmd_error(&e);
	if (r.engine)
		r.engine->ops->close(r.engine);
	json_decref(r.targets);
	assay_run_plan_release(&r.plan);
	assay_options_close(r.o);
	free(r.dir);
	return status;
}
