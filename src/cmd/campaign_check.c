/* What can be refused before the first step runs: --only, and the plan of every step (options together, targets and prompt files, models, cases),
 * as each would make it itself. Opens no engine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/targets.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/term.h"
#include "cmd/baselines.h"
#include "cmd/campaign.h"
#include "cmd/run.h"
#include "draw/table.h"
#include "engine/sim_file.h"

/* ---- --only ---- */

static void select_step(struct cmd_campaign *c, int i)
{
	struct cmd_step *s = &c->steps[i];
	if (s->selected)
		return;
	s->selected = true;
	for (int k = 0; k < s->n_needs; k++)
		select_step(c, s->needs[k]);
	for (int k = 0; s->compare && s->baseline_step >= 0 && k < c->n; k++)
		if (!strcmp(c->steps[k].stem, c->steps[s->baseline_step].stem) || !strcmp(c->steps[k].stem, s->stem))
			select_step(c, k);
}

static int select_named(struct cmd_campaign *c, const char *word, struct assay_err *e)
{
	const char *names[CMD_STEPS_MAX];
	bool any = false;
	for (int i = 0; i < c->n; i++) {
		names[i] = c->steps[i].base;
		if (strcmp(c->steps[i].base, word) && strcmp(c->steps[i].stem, word) && strcmp(c->steps[i].name, word))
			continue;
		select_step(c, i);
		any = true;
	}
	const char *near = any ? NULL : assay_nearest(word, names, c->n);
	return any ? 0 : assay_fail(e, ASSAY_E_USAGE, "--only: no step is named %.60s%s%s%s", word, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

int cmd_campaign_select(struct cmd_campaign *c, const char *only, struct assay_err *e)
{
	char *words = only ? xstrdup(only) : NULL, *save = NULL;
	int rc = 0;
	for (int i = 0; !only && i < c->n; i++)
		c->steps[i].selected = true;
	for (char *w = words ? strtok_r(words, ", ", &save) : NULL; w && !rc; w = strtok_r(NULL, ", ", &save))
		rc = select_named(c, w, e);
	free(words);
	return rc;
}

/* ---- plans ---- */

static void row(struct draw_table *t, const struct cmd_step *s, const struct assay_run_plan *p)
{
	struct cmd_argv argv = { 0 };
	struct assay_buf line;
	assay_buf_init(&line, 1 << 20);
	cmd_step_argv(s, &argv);
	for (int i = 0; i < argv.n; i++)
		assay_buf_printf(&line, "%s%s", i ? " " : "", argv.list[i]);
	draw_table_cell(t, "%s", s->name);
	draw_table_cell(t, p ? "%zu" : "-", p ? json_array_size(p->points) : 0);
	draw_table_cell(t, p ? "%llu" : "-", p ? (unsigned long long)p->requests : 0);
	draw_table_cell(t, p ? "%llu" : "-", p ? (unsigned long long)p->prompt_tokens : 0);
	draw_table_cell(t, p ? "%llu" : "-", p ? (unsigned long long)p->output_tokens : 0);
	draw_table_cell(t, "%s", line.data ? line.data : "");
	assay_buf_release(&line);
	cmd_argv_release(&argv);
}

/* A verb that knows --dry-run and is no experiment (a sweep) plans itself, in a process. */
static int dry_run(const struct cmd_step *s, struct assay_err *e)
{
	char log[] = "/tmp/assay-check-XXXXXX";
	struct cmd_argv argv = { 0 };
	int fd = mkstemp(log), status;
	if (fd < 0)
		return assay_fail(e, ASSAY_E_IO, "%s: cannot create: %s", log, strerror(errno));
	cmd_step_argv(s, &argv);
	cmd_argv_add(&argv, "--dry-run");
	status = cmd_child_output(&argv, "/dev/null", log);
	int rc = status ? cmd_child_error(s->verb->name, status, log, e) : 0;
	cmd_argv_release(&argv);
	close(fd);
	unlink(log);
	return rc;
}

static const char *where(const json_t *node, void *yaml) { return assay_yaml_where(yaml, node); }

/* Targets that stand in the job itself. */
static int check_targets(const struct cmd_campaign *c, const struct cmd_step *s, struct assay_err *e)
{
	json_t *rows = s->targets ? assay_targets_check(s->targets, where, c->yaml, e) : NULL;
	json_decref(rows);
	return s->targets && !rows ? e->code : 0;
}

/* A sim file is read here already: it costs nothing, and a typing error in it shows before the first step. */
static int check_sim(const struct cmd_step *s, struct assay_err *e)
{
	const char *engine = cmd_step_has(s, "engine") ? assay_options_text(s->o, "engine") : NULL;
	struct assay_sim_spec spec;
	uint64_t stream;
	if (!engine || strncmp(engine, "sim:", 4) || !engine[4])
		return 0;
	if (assay_sim_load_stream(engine + 4, &spec, &stream, e))
		return e->code;
	assay_sim_spec_release(&spec);
	return 0;
}

/* A step of an experiment is planned as its own process will; of verbs that cannot be asked the options are all that is known. */
static int check_step(const struct cmd_step *s, struct draw_table *t, struct assay_err *e)
{
	struct cmd_run r = { .verb = s->verb, .exp = assay_experiment_find(s->verb->name), .o = s->o };
	bool measures = s->verb->main == cmd_run_experiment;
	int rc = measures ? cmd_run_plan(&r, e) : cmd_step_has(s, "dry-run") ? dry_run(s, e) : 0;
	if (!rc)
		row(t, s, measures ? &r.plan : NULL);
	r.o = NULL; /* the step's */
	cmd_run_release(&r);
	return rc;
}

bool cmd_step_has_baseline(const struct cmd_step *s)
{
	struct assay_err why = ASSAY_ERR_INIT;
	char *kept = NULL;
	bool there = s->baseline_step >= 0 || assay_fs_is_dir(s->baseline) || !cmd_baseline_find(s->baseline, &kept, &why);
	free(kept);
	return there;
}

static int check_baseline(const struct cmd_step *s, struct assay_err *e)
{
	if (!s->compare || s->baseline_optional || cmd_step_has_baseline(s))
		return 0;
	return assay_fail(e, ASSAY_E_USAGE, "compare: baseline %.200s: neither a step nor a directory nor a kept result (optional: true goes on without)", s->baseline);
}

static int refuse(const struct cmd_campaign *c, const struct cmd_step *s, struct assay_err *e)
{
	assay_fail_in(e, "step %s", s->name);
	return assay_fail_in(e, "%s", cmd_step_where(c, s));
}

int cmd_campaign_check(const struct cmd_campaign *c, bool print, struct assay_err *e)
{
	static const struct { const char *head; bool right; int keep; } cols[] = { { "Step", false, 0 }, { "Points", true, 3 }, { "Requests", true, 3 }, { "Prompt tok", true, 2 }, { "Output tok", true, 2 }, { "Command", false, 1 } };
	struct draw_table t;
	struct assay_buf b;
	struct assay_term term;
	int rc = 0;
	draw_table_init(&t);
	for (size_t i = 0; i < sizeof cols / sizeof *cols; i++)
		draw_table_col(&t, cols[i].head, cols[i].right, cols[i].keep);
	for (int i = 0; i < c->n && !rc; i++)
		rc = check_targets(c, &c->steps[i], e); /* says itself where */
	for (int i = 0; i < c->n && !rc; i++)
		if (c->steps[i].selected && ((rc = check_sim(&c->steps[i], e)) || (rc = check_step(&c->steps[i], &t, e)) || (rc = check_baseline(&c->steps[i], e))))
			refuse(c, &c->steps[i], e);
	if (!rc && print) {
		assay_buf_init(&b, (size_t)1 << 26);
		assay_term_init(&term, 1, false);
		draw_table_text(&t, &b, term.tty ? term.width : 400, false);
		printf("%s: %zu steps; nothing is run now\n\n%s", c->name, draw_table_rows(&t), b.data ? b.data : "");
		assay_buf_release(&b);
	}
	draw_table_release(&t);
	return rc;
}
