/* See worker_inside.h: what a worker loads, and text for it. A preset or a GGUF file is exported to a directory first (model_dir.h), before the load is timed. Prompts are
 * encoded here, with the tokenizer that the embedded engine takes, so that every engine gets the same ids. Must not know how a worker is started. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "engine/model_dir.h"
#include "engine/worker_inside.h"
#include "nn/tokenizer.h"

static struct worker *worker_of(struct assay_engine *g) { return (struct worker *)g; }

/* A worker that computes nothing says caps.model = "any": it gets the name as it is. */
int worker_model_choose(struct worker *x, const struct assay_engine_config *c, const struct nn_shape *shape, const json_t *caps, struct assay_err *e)
{
	struct assay_model_dir m = { .model = c->model, .dtype = c->dtype ? c->dtype : "auto", .seed = c->seed, .cancelled = c->cancelled, .progress = c->exporting, .arg = c->exporting_arg };
	bool any = !strcmp(assay_json_get_str(caps, "model", "directory"), "any");
	char *path = any ? xstrdup(c->model) : assay_model_dir_path(&m, shape);
	int rc = any ? 0 : assay_model_dir_make(&m, path, e);
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
