/* assay compare-engines: several engines on the same work, one resident at a time, in blocks A B ... B A; each block a run in a process of its own.
 * The rooms: compare_engines.c (the verb, the blocks), compare_engines_doc.c (results to engines.json; measures nothing). */
#ifndef ASSAY_CMD_COMPARE_ENGINES_H
#define ASSAY_CMD_COMPARE_ENGINES_H

#include <jansson.h>

#include "cmd/child.h"
#include "cmd/compare.h"
#include "nn/nn.h"

enum { CMD_ENGINES_MAX = 12, CMD_ENGINE_OPTS_MAX = 64 };
#define CMD_ENGINES_SCHEMA "assay.engines/1"

extern const struct assay_opt cmd_compare_engines_options[];
int cmd_compare_engines(const struct assay_verb *v, int argc, char **argv);

/* One engine of the list. Its letter is its place: 'A' the first, which the others are held against. */
struct cmd_engine_arm {
	const char *spec;
	const char *opts[CMD_ENGINE_OPTS_MAX]; /* "K=V" of --engine-opt; borrowed */
	int n_opts;
	struct cmd_docs docs;                  /* results of its blocks, in order */
	json_t *blocks;                        /* [{number, directory, exit_status, verdict, wall_s}]; owned */
	json_t *agreement;                     /* {with, outcome, reason, file}; NULL: not checked; owned */
	bool failed;
	int status;                            /* of its blocks together; the failing one's when failed */
	char reason[600];                      /* why it failed */
};

struct cmd_engines_job {
	const struct assay_options *o;
	char *specs;
	struct cmd_engine_arm arm[CMD_ENGINES_MAX];
	int n, rounds;
	struct nn_shape shape;
	char *model, *dir, created[40];
	uint64_t needed_bytes, free_bytes;     /* 0: no engine of the list holds the model */
};

/* Block `number` (0...) of the order A B ... B A A B ...: the index of its engine. */
int cmd_engines_turn(int number, int n_engines);
/* Text from anywhere (an error may be cut inside a character) as a JSON string: what is no UTF-8 is replaced. New reference. */
json_t *cmd_engines_text(const char *s);
/* engines.json without exit_status; docs/engines.schema.json is its form. New reference. */
json_t *cmd_engines_document(struct cmd_engines_job *j);

#endif
