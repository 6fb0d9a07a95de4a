/* See model_json.h. */
#include "engine/model_json.h"

#include <math.h>

#include "base/json.h"

static json_t *count(double x)
{
	return x < 0 ? json_null() : json_integer((json_int_t)x);
}

json_t *assay_model_json(const struct nn_shape *s, const struct assay_model_facts *f)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s?, s:o, s:o, s:b}", "name", s->name, "source", s->checkpoint,
			 "family", nn_family_name(s->family), "parameters", (json_int_t)nn_shape_parameters(s), "layers", s->layers, "hidden",
			 s->hidden, "heads", s->heads, "kv_heads", s->kv_heads, "head_dim", s->head_dim, "vocab", s->vocab, "max_context",
			 s->max_context, "dtype", f->dtype, "weight_bytes", count(f->weight_bytes), "kv_bytes_per_token",
			 count(f->kv_bytes_per_token), "synthetic", f->synthetic);
}

json_t *assay_load_json(double open_ms, double weights_ms, double pack_ms, double kv_ms, double warmup_ms, double total_ms)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "open_ms", assay_json_real(open_ms), "weights_ms", assay_json_real(weights_ms), "pack_ms",
			 assay_json_real(pack_ms), "kv_ms", assay_json_real(kv_ms), "warmup_ms", assay_json_real(warmup_ms), "total_ms",
			 assay_json_real(total_ms));
}

int assay_request_fits(const struct assay_request *r, int max_context, uint64_t kv_tokens, struct assay_err *e)
{
	if (r->prompt_tokens < 1 || r->max_tokens < 1)
		return assay_fail(e, ASSAY_E_LIMIT, "request: needs at least one prompt and one output token, has %d and %d", r->prompt_tokens, r->max_tokens);
	uint64_t need = (uint64_t)r->prompt_tokens + (uint64_t)r->max_tokens;
	if (max_context > 0 && need > (uint64_t)max_context)
		return assay_fail(e, ASSAY_E_LIMIT, "context: needs %llu tokens (%d prompt + %d output), has %d", (unsigned long long)need, r->prompt_tokens,
				  r->max_tokens, max_context);
	if (kv_tokens && need > kv_tokens)
		return assay_fail(e, ASSAY_E_LIMIT, "KV cache: needs %llu tokens, has %llu", (unsigned long long)need, (unsigned long long)kv_tokens);
	return 0;
}
