/* The variables that a worker is started with: NAME.env.json beside NAME.py, computed from the options before the process begins. What engines read
 * while they are loaded (LD_PRELOAD, OMP_*, the size of a KV cache) cannot be set later. Knows no process and no protocol. The form: docs/worker-protocol.md. */
#ifndef ASSAY_ENGINE_WORKER_VARIABLES_H
#define ASSAY_ENGINE_WORKER_VARIABLES_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

/* What placeholders stand for. Borrowed. */
struct worker_given {
	const char *python;        /* the interpreter, as it will be run; "" = none */
	int threads;               /* --threads; 0 = all */
	uint64_t kv_bytes;         /* --kv-memory; 0 = auto */
	const char *const *opts;   /* --engine-opt, each "K=V" */
	int n_opts;
};

/* A file's text -> {NAME: value}, new. ASSAY_E_USAGE: "WHERE: NAME: what is wrong". */
int worker_variables_parse(const char *text, size_t len, const char *where, const struct worker_given *g, json_t **out, struct assay_err *e);
/* The file beside a worker's; without one, {}. */
int worker_variables_read(const char *worker_file, const struct worker_given *g, json_t **out, struct assay_err *e);
/* This process's environment with them in it: pointers and texts in one block, ended by NULL; the caller frees it. */
char **worker_variables_block(const json_t *variables);

#endif
