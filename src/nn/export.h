/* Writes a model as a Hugging Face directory, so that other engines load the very weights that the embedded one computes with: config.json,
 * generation_config.json, model.safetensors, tokenizer files, and assay.json, which says what it was written from. Memory: one block of rows, or one transposed matrix (GPT-2's Conv1D). */
#ifndef ASSAY_NN_EXPORT_H
#define ASSAY_NN_EXPORT_H

#include <jansson.h>

#include "base/err.h"
#include "nn/source.h"

#define NN_EXPORT_ORIGIN "assay.json" /* {export, model, from, synthetic, seed, dtype, weights_bytes} */

struct nn_export_options {
	enum nn_dtype dtype;       /* NN_F32, NN_BF16, NN_F16; NN_AUTO = as the source stores it (block formats: f32) */
	const char *tokenizer;     /* model name as nn_source_open takes it, whose tokenizer goes along */
	uint64_t seed;             /* that the source was opened with: told in assay.json when the weights are synthetic */
	void (*progress)(void *arg, uint64_t done_bytes, uint64_t total_bytes); /* NULL = nobody looks */
	void *arg;
};

struct nn_export_report {
	enum nn_dtype dtype;
	uint64_t bytes;            /* of model.safetensors */
	int tensors;
	char tokenizer[200];       /* what was written, or why none was */
};

/* dir is absent or empty: it appears whole, by a rename, or not at all. ASSAY_E_USAGE (dir), ASSAY_E_IO (disk: "needs X, has Y"), ASSAY_E_MODEL
 * (a tensor, or a value that the dtype cannot hold), ASSAY_E_INTERRUPT (src->cancelled). */
int nn_export(struct nn_source *src, const struct nn_export_options *o, const char *dir, struct nn_export_report *out, struct assay_err *e);

/* Whether dir holds an export of this version, every file there and the weights as long as they were written. */
bool nn_export_whole(const char *dir);

/* The parts; each writes into an existing dir. */
json_t *nn_export_config(const struct nn_shape *s, enum nn_dtype dtype);         /* what nn_config_parse reads back as the same shape */
json_t *nn_export_generation_config(const struct nn_shape *s);
int nn_export_weights(struct nn_source *src, enum nn_dtype dtype, const char *path, const struct nn_export_options *o, struct nn_export_report *out, struct assay_err *e);
/* Copies the files of a directory, spells out those of a GGUF, or makes a byte-level vocabulary without merges for a preset; says so in said. */
int nn_export_tokenizer(const struct nn_shape *s, const char *model, const char *dir, char *said, size_t said_bytes, struct assay_err *e);
/* Prints v into dir/name. ASSAY_E_IO. */
int nn_export_json(const char *dir, const char *name, const json_t *v, struct assay_err *e);

#endif
