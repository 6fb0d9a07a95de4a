/* The "model" object of result.json from a shape; and the check every in-process engine makes of a request. */
#ifndef ASSAY_ENGINE_MODEL_JSON_H
#define ASSAY_ENGINE_MODEL_JSON_H

#include "engine/engine.h"
#include "nn/shape.h"

struct assay_model_facts {
	const char *dtype;         /* NULL = null */
	double weight_bytes, kv_bytes_per_token; /* < 0 = null */
	bool synthetic;
};

/* New reference. */
json_t *assay_model_json(const struct nn_shape *s, const struct assay_model_facts *f);
/* {open_ms, ...}: NaN = null. New reference. */
json_t *assay_load_json(double open_ms, double weights_ms, double pack_ms, double kv_ms, double warmup_ms, double total_ms);
/* 0, or ASSAY_E_LIMIT "needs X, has Y" when prompt + output pass the context or the whole KV pool (0 = no such bound). */
int assay_request_fits(const struct assay_request *r, int max_context, uint64_t kv_tokens, struct assay_err *e);

#endif
