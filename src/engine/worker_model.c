/* See worker_inside.h: what a worker loads, and text for it. A preset or a GGUF file is exported to a directory first (model_dir.h), before the load is timed. Prompts are
 * encoded here, with the tokenizer that the embedded engine takes, so that every engine gets the same ids. Must not know how a worker is started. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/sysmem.h"
#include "engine/model_dir.h"
#include "engine/worker_inside.h"
#include "nn/fit.h"
#include "nn/tokenizer.h"

static struct worker *worker_of(struct assay_engine *g) { return (struct worker *)g; }

/* Refused before anything is written or loaded: the kernel would end some process for want of memory, perhaps another one. With a GPU the engine may load there. */
static int check_memory(const struct assay_engine_config *c, const struct nn_shape *shape, enum nn_dtype dtype, struct assay_err *e)
{
	struct assay_sysmem m;
	struct nn_fit fit;
	struct nn_fit_in in = { .shape = shape, .dtype = dtype, .kv_dtype = dtype, .max_num_seqs = c->max_num_seqs > 0 ? c->max_num_seqs : 1, .block_size = c->block_size > 0 ? c->block_size : 16,
				.kv_bytes = c->kv_bytes, .kv_tokens_wanted = c->kv_tokens_wanted };
	if (assay_fs_exists("/dev/nvidiactl"))
		return 0;
	assay_sysmem_read("", &m);
	in.safe_bytes = assay_sysmem_safe_bytes(&m);
	return nn_fit(&in, &fit, e);
}

/* A worker that computes nothing says caps.model = "any": it gets the name as it is. */
int worker_model_choose(struct worker *x, const struct assay_engine_config *c, const struct nn_shape *shape, const json_t *caps, struct assay_err *e)
{
	struct assay_model_dir m = { .model = c->model, .dtype = c->dtype ? c->dtype : "auto", .seed = c->seed, .cancelled = c->cancelled, .progress = c->exporting, .arg = c->exporting_arg };
	bool any = !strcmp(assay_json_get_str(caps, "model", "directory"), "any");
	char *path = any ? xstrdup(c->model) : assay_model_dir_path(&m, shape);
	int rc = any ? 0 : check_memory(c, shape, assay_model_dir_dtype(&m, shape), e);
	if (!rc && !any)
		rc = assay_model_dir_make(&m, path, e);
	x->exported = !rc && strcmp(path, c->model);
	x->model = realpath(path, NULL);
	if (!x->model)
		x->model = xstrdup(path);
	free(path);
	return rc;
}

/* A tokenizer that cannot be read is no fault of the engine: only text is refused. */
void worker_model_text(struct worker *x, const struct assay_engine_config *c)
{
	struct assay_err e = ASSAY_ERR_INIT;
	char *why = NULL;
	if (nn_tokenizer_open(c->model, &x->tokenizer, &why, &e) || !x->tokenizer)
		snprintf(x->info.no_tokenizer, sizeof x->info.no_tokenizer, "%s", why ? why : *e.msg ? e.msg : "this model has no tokenizer");
	x->info.has_tokenizer = x->tokenizer != NULL;
	free(why);
}

int worker_model_encode(struct assay_engine *g, const char *text, size_t len_bytes, bool chat, int32_t **ids, size_t *n, struct assay_err *e)
{
	*ids = NULL;
	*n = 0;
	return nn_tokenizer_prompt(worker_of(g)->tokenizer, text, len_bytes, chat, ids, n, e);
}

int worker_model_decode(struct assay_engine *g, const int32_t *ids, size_t n, struct assay_buf *out) { return nn_tokenizer_decode(worker_of(g)->tokenizer, ids, n, out); }
