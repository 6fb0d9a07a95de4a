/* assay compare-engines: several engines on the same work, one resident at a time, in blocks A B ... B A; each block a run in a process of its own.
 * The rooms: compare_engines.c (the verb), compare_engines_read.c (which engines, what is refused), compare_engines_words.c (commands of checks and
 * blocks, --dry-run), compare_engines_store.c (blocks.json: what was done), compare_engines_run.c (measuring), compare_engines_doc.c (engines.json from
 * blocks.json and the results; measures nothing; its parts are in compare_engines_parts.h). */
#ifndef ASSAY_CMD_COMPARE_ENGINES_H
#define ASSAY_CMD_COMPARE_ENGINES_H

#include <jansson.h>

#include "cmd/child.h"
#include "cmd/compare.h"
#include "nn/nn.h"

enum { CMD_ENGINES_MAX = 12, CMD_ENGINE_OPTS_MAX = 64, CMD_ENGINES_ROUNDS_MAX = 20 };
#define CMD_ENGINES_SCHEMA "assay.engines/1"

extern const struct assay_opt cmd_compare_engines_options[];
int cmd_compare_engines(const struct assay_verb *v, int argc, char **argv);

/* One engine of the list. Its letter is its place: 'A' the first, which the others are held against. */
struct cmd_engine_arm {
	const char *spec;
	const char *opts[CMD_ENGINE_OPTS_MAX]; /* "K=V" of --engine-opt; borrowed */
	int n_opts;
	char missing[600];                     /* why it cannot be measured here, and what installs it; "" */
	bool failed;                           /* in this call: its other blocks are not tried */
};

struct cmd_engines_job {
	struct assay_options *o;
	char *specs;
	struct cmd_engine_arm arm[CMD_ENGINES_MAX];
	int n, rounds;
	struct nn_shape shape;
	char *model, *dir;
	uint64_t needed_bytes, free_bytes;     /* 0: no engine of the list holds the model */
	int lock;                              /* fd of dir, flocked; -1 */
	bool resumed, whole;                   /* whole: it was complete, and nothing is left to do: the record stays as it is */
	json_t *record;                        /* blocks.json */
};

/* Block `number` (0...) of the order A B ... B A A B ...: the index of its engine. */
int cmd_engines_turn(int number, int n_engines);
/* Text from anywhere (an error may be cut inside a character) as a JSON string: what is no UTF-8 is replaced. New reference. */
json_t *cmd_engines_text(const char *s);

/* ---- compare_engines_read.c ---- */
/* --engines, --engine-opt, the model, the memory. ASSAY_E_USAGE. */
int cmd_engines_read(struct cmd_engines_job *j, struct assay_err *e);
/* Starts each worker for a moment: fills `missing`. Fails when one is missing and --skip-missing was not given; then each has its line on stderr. */
int cmd_engines_ready(struct cmd_engines_job *j, struct assay_err *e);

/* ---- compare_engines_words.c; argv is released by the caller ---- */
void cmd_engines_block_words(const struct cmd_engines_job *j, int number, struct cmd_argv *out); /* of block `number`, 0..., without a directory */
void cmd_engines_check_words(const struct cmd_engines_job *j, const struct cmd_engine_arm *b, struct cmd_argv *out);
void cmd_engines_dry(const struct cmd_engines_job *j);

/* ---- compare_engines_store.c ---- */
/* Takes the directory: new, or one where this very comparison was begun (then finished blocks are marked kept). command: stolen. ASSAY_E_USAGE. */
int cmd_engines_take(struct cmd_engines_job *j, json_t *command, struct assay_err *e);
/* Whether the directory that is named holds every block of engine `at`: it need not be there any more. */
bool cmd_engines_is_done(const struct cmd_engines_job *j, int at);
/* blocks.json with this state: running, interrupted, complete. A full disk is said so. */
int cmd_engines_save(struct cmd_engines_job *j, const char *state, struct assay_err *e);
/* The error of a full disk, with how to go on. */
int cmd_engines_no_room(const struct cmd_engines_job *j, struct assay_err *e);
/* blocks.json of a directory. NULL + ASSAY_E_USAGE. */
json_t *cmd_engines_record(const char *dir, struct assay_err *e);
/* The command that it was begun with. NULL + ASSAY_E_USAGE. */
json_t *cmd_engines_command(const char *dir, struct assay_err *e);
/* "blocks/003-C" of block `number`, from 1, of engine `at`. The caller frees. */
char *cmd_engines_block_dir(int number, int at);

/* ---- compare_engines_run.c ---- */
/* Checks and blocks that are pending. ASSAY_E_INTERRUPT; ASSAY_E_IO where nothing more can be written. */
int cmd_engines_measure(struct cmd_engines_job *j, struct assay_err *e);

/* ---- compare_engines_doc.c ---- */
/* engines.json (docs/engines.schema.json is its form) and its faces in `to`, from the record and the results and checks in dir: the same of the same.
 * *doc: a new reference. */
int cmd_engines_publish(const json_t *record, const char *dir, const char *to, json_t **doc, struct assay_err *e);

#endif
