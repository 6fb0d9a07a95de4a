/* Environments that workers run in: which one each worker needs, where it lies, whether it is there. Knows no protocol and starts nothing. */
#ifndef ASSAY_ENGINE_WORKER_ENV_H
#define ASSAY_ENGINE_WORKER_ENV_H

#include <stddef.h>

struct assay_worker_env {
	const char *worker;        /* of worker:NAME */
	const char *env;           /* folder of its environment; several workers share one */
	const char *dist;          /* package whose version is the engine's, as its .dist-info folder spells it */
	const char *note;          /* what else to know, or NULL */
};

/* The rows, ended by a NULL worker. A worker of the user's own has none. */
extern const struct assay_worker_env assay_worker_envs[];
const struct assay_worker_env *assay_worker_env_find(const char *worker); /* or NULL */

/* $ASSAY_ENGINES_DIR, else engines/ in the user's cache. malloc'ed. */
char *assay_worker_env_root(void);
/* The interpreter made for a worker: of root itself, of root/WORKER or of root/ENV; NULL when none is there. malloc'ed. */
char *assay_worker_env_python(const char *worker);
/* The version of a package beside an interpreter, read from its .dist-info folder; false when it is not installed. */
int assay_worker_env_version(const char *python, const char *dist, char *out, size_t size_bytes);

/* The folder that holds the workers (worker_find.c), NULL when none is found. malloc'ed. */
char *assay_worker_dir(void);

#endif
