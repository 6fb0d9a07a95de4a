/* assay sweep in parts: sweep.c (the verb), sweep_vary.c (--vary to configurations), sweep_run.c (measuring them), sweep_store.c (what is kept),
 * sweep_judge.c (the answer), sweep_dry.c (--dry-run). */
#ifndef ASSAY_CMD_SWEEP_H
#define ASSAY_CMD_SWEEP_H

#include "analysis/sweep.h"
#include "cmd/child.h"
#include "cmd/run.h"
#include "experiment/grid.h"

enum { CMD_SWEEP_ROUNDS = 100 };

extern const struct assay_opt cmd_sweep_options[];
int cmd_sweep(const struct assay_verb *v, int argc, char **argv);
/* The option rows of a verb: of sweep, those for the experiment with that name (NULL or unknown: the default one) too. Static. */
const struct assay_opt *const *cmd_verb_tables(const struct assay_verb *v, const char *experiment);

/* --vary option=a,b,c */
struct cmd_axis { const struct assay_opt *row; char **value; size_t n; };

struct cmd_config {
	int n;                     /* its number, from 1 */
	const uint16_t *value;     /* [axis], index into the axis */
	char *name, *slug, *engine_key; /* "batch=4 dtype=f32"; of its directory; equal where one load serves */
	bool planned;              /* else why it cannot be measured is in `refused` */
	struct assay_err refused;
	uint64_t kv_tokens;
	double estimate_s;         /* --dry-run; NaN unknown */
	int sharing;               /* configurations that use one load, itself included */
};

enum cmd_sweep_end { SWEEP_PENDING, SWEEP_BEGUN, SWEEP_DONE, SWEEP_REFUSED };
/* One configuration in one round. Shared with the process that measures it. */
struct cmd_visit { int config, round; enum cmd_sweep_end end; int status; bool kept; enum assay_code code; char why[320]; };

struct cmd_sweep {
	struct assay_options *o;           /* engine, common, experiment and sweep options */
	const struct assay_experiment *exp;
	struct assay_verb verb;            /* of o */
	struct cmd_axis axes[ASSAY_GRID_AXES];
	size_t n_axes;
	struct assay_grid grid;
	struct cmd_config *configs;
	size_t n;
	struct cmd_visit *visits;          /* n * rounds in the order of measuring; shared memory */
	size_t n_visits;
	int rounds;
	char *dir;
	int lock;                          /* fd of dir, flocked; -1 */
	bool resumed;
	json_t *doc;                       /* sweep.json */
	struct assay_objective objectives[ASSAY_SWEEP_OBJECTIVES];
	struct assay_condition conditions[ASSAY_SWEEP_CONDITIONS];
	struct assay_sweep_aims aims;
};

/* ---- sweep_vary.c ---- */
/* --vary, --pairwise: axes and configurations, each value checked by its option's row. ASSAY_E_USAGE. */
int cmd_sweep_axes(struct cmd_sweep *s, struct assay_err *e);
void cmd_sweep_axes_release(struct cmd_sweep *s);
/* Splits "a,b,'c,d'" into values. For the test. ASSAY_E_USAGE; *list owned by the caller in either case. */
int cmd_sweep_values(const char *text, char ***list, size_t *n, struct assay_err *e);
/* Command-line words of a configuration in a round, without a directory: "--batch=4" ...; owned by the caller. */
void cmd_sweep_words(const struct cmd_sweep *s, const struct cmd_config *c, int round, struct cmd_argv *out);

/* ---- sweep_run.c ---- */
/* Plans every configuration: which can be measured, which share a load, the order. Fails when none can be. */
int cmd_sweep_plan(struct cmd_sweep *s, struct assay_err *e);
/* configs/NN-slug, of later rounds round-K/NN-slug, under DIR. */
char *cmd_sweep_dir(const struct cmd_sweep *s, const struct cmd_visit *v);
/* Measures every visit that is pending. Fails only where nothing more can be written, and with ASSAY_E_INTERRUPT. */
int cmd_sweep_run(struct cmd_sweep *s, struct assay_err *e);
/* A run of the corridor for configuration c in a round, planned; its words are owned by *argv. Release with cmd_run_release. */
int cmd_sweep_open_run(const struct cmd_sweep *s, const struct cmd_config *c, int round, const char *dir, struct cmd_argv *argv, struct cmd_run *r, struct assay_err *e);

/* ---- sweep_store.c ---- */
/* Takes the directory: new, or one that holds this very sweep (then finished visits are marked kept). command: words of this call, stolen. ASSAY_E_USAGE. */
int cmd_sweep_take(struct cmd_sweep *s, json_t *command, struct assay_err *e);
/* The command that a sweep in `dir` was begun with, without its verb. NULL + ASSAY_E_USAGE. */
json_t *cmd_sweep_command(const char *dir, struct assay_err *e);
/* The bytes of a sweep's document into dir/sweep.json. */
int cmd_sweep_save(const json_t *doc, const char *dir, struct assay_err *e);
/* Writes sweep.json with this state: running, interrupted, complete. */
int cmd_sweep_write(struct cmd_sweep *s, const char *state, struct assay_err *e);

/* ---- sweep_judge.c ---- */
/* --objective, --require. ASSAY_E_USAGE. */
int cmd_sweep_aims(struct cmd_sweep *s, struct assay_err *e);
/* Loads what was measured, judges it, compares the best with the runners-up (by pairs where that is asked for), writes every face, prints.
 * *status: 4, 3, 1 or 0. */
int cmd_sweep_answer(struct cmd_sweep *s, bool interrupted, int *status, struct assay_err *e);

/* Of an entry of best[]: the results decide its margin, or say why they cannot. of: by configuration. */
void cmd_sweep_judge_saved(const struct assay_sweep_results *of, json_t *best, const struct assay_objective *o);
/* configurations[].load.ms, from what was judged. */
void cmd_sweep_put_loads(json_t *sweep);

/* ---- sweep_dry.c ---- */
void cmd_sweep_dry(struct cmd_sweep *s);

#endif
