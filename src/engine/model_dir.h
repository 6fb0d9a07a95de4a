/* A model as a Hugging Face directory, for engines that load nothing else. A directory is taken as it is; a preset or a GGUF file is exported once to the
 * user's cache (nn/export.h), where all runs and engines find it: the very weights that the embedded engine computes with. */
#ifndef ASSAY_ENGINE_MODEL_DIR_H
#define ASSAY_ENGINE_MODEL_DIR_H

#include "base/err.h"
#include "nn/shape.h"

struct assay_model_dir {
	const char *model;         /* as nn_source_open takes it */
	const char *dtype;         /* of the weights written; "auto" = as published */
	uint64_t seed;             /* of synthetic weights */
	bool (*cancelled)(void);   /* asked while waiting and writing: true = give up with ASSAY_E_INTERRUPT; NULL = never */
	/* While writing, and with total 0 while another process writes the same; NULL = nobody looks. */
	void (*progress)(void *arg, uint64_t done_bytes, uint64_t total_bytes);
	void *arg;
};

/* The type that the weights get. */
enum nn_dtype assay_model_dir_dtype(const struct assay_model_dir *m, const struct nn_shape *shape);
/* Where it lies or would lie: `model` itself when that is a directory. The name holds model, dtype and seed, or, for a file, which file it is. malloc'ed. */
char *assay_model_dir_path(const struct assay_model_dir *m, const struct nn_shape *shape);
/* Writes it unless it is there whole; one process at a time, others wait. What a killed one left is taken away. Errors as of nn_export. */
int assay_model_dir_make(const struct assay_model_dir *m, const char *path, struct assay_err *e);

#endif
