/* Where weights come from: a Hugging Face directory, a GGUF file, or a seeded
 * generator, all behind one interface that yields blocks of rows as f32.
 * Names are Hugging Face tensor names with the family's canonical prefix
 * ("transformer.h.0.attn.c_attn.weight", "model.decoder.layers.0...",
 * "model.layers.0..."); each source maps them to what its file has.
 * Logical layout is always [out rows][in cols]; Conv1D storage (GPT-2) is
 * transposed by the source. */
#ifndef ASSAY_NN_SOURCE_H
#define ASSAY_NN_SOURCE_H

#include "base/err.h"
#include "nn/shape.h"

struct nn_source;

/* One tensor found in a source. Valid until the source closes. */
struct nn_view {
	char name[160];
	int64_t rows, cols;        /* a vector has rows = 1 */
	enum nn_dtype stored;      /* as in the file; NN_F32 for synthetic */
	const struct nn_source *src;
	const void *data;          /* first stored byte (files), or NULL */
	uint64_t key;              /* generator key (synthetic) */
	double mean, sd;           /* synthetic: value = mean + sd * z (z: synth.c) */
	bool transposed;           /* stored [cols][rows] */
	bool permuted;             /* GGUF llama q/k rows: undo while fetching; head_dim rows a head */
	int head_dim;
};

struct nn_source_ops {
	const char *kind;          /* "safetensors", "gguf", "synthetic" */
	/* Finds `name` and checks that it is [rows][cols] (vector: rows = 1). ASSAY_E_MODEL names the tensor and both shapes. */
	int (*find)(struct nn_source *s, const char *name, int64_t rows, int64_t cols, struct nn_view *out, struct assay_err *e);
	/* dst[nrows][cols] = rows row0.. as f32, exactly widened. Thread-safe; no allocation. */
	void (*fetch)(const struct nn_view *v, int64_t row0, int64_t nrows, float *dst);
	void (*close)(struct nn_source *s);
};

struct nn_source {
	const struct nn_source_ops *ops;
	struct nn_shape shape;
	bool (*cancelled)(void);   /* asked between tensors by whoever reads them all; NULL = never */
	uint64_t file_bytes;       /* bytes of weight files, 0 for synthetic */
	void *priv;
};

/* Opens NAME: a preset name, "smollm2", a directory, or a .gguf file. Sets shape.
 * ASSAY_E_USAGE for an unknown name (with the nearest valid one); ASSAY_E_MODEL for bad files. */
int nn_source_open(const char *name, uint64_t seed, struct nn_source **out, struct assay_err *e);
/* Only the shape and where it came from; reads no weights (for null, sim, models show, --dry-run). */
int nn_shape_of(const char *name, struct nn_shape *out, struct assay_err *e);
void nn_source_close(struct nn_source *s);

/* The parts that source.c puts together; each opens one kind. */
int nn_safetensors_open(const char *dir, struct nn_source **out, struct assay_err *e);
int nn_gguf_open(const char *path, struct nn_source **out, struct assay_err *e);
int nn_synth_open(const struct nn_shape *preset, uint64_t seed, struct nn_source **out, struct assay_err *e);
int nn_config_read(const char *dir, struct nn_shape *out, struct assay_err *e);
int nn_gguf_shape(const char *path, struct nn_shape *out, struct assay_err *e);
const struct nn_shape *nn_preset_find(const char *name);
const struct nn_shape *nn_preset_table(int *n);
/* Path of the fetched SmolLM2 GGUF in the user's cache (malloc'ed), or NULL when absent. */
char *nn_smollm2_path(void);

#endif
