/* See worker_inside.h: the work of a step that a worker told, by the shape of its model. Nothing is guessed: a step whose tokens cannot all be accounted for (a part of a prompt,
 * a prefix from a cache, several tokens at once) has none. */
#include <string.h>

#include "base/json.h"
#include "engine/worker_inside.h"

#define MOST 1e18 /* beyond it no step of a real model goes */

void worker_work(struct worker *x, const struct worker_event *ev, struct assay_rec_step *s)
{
	struct nn_shape_work w;
	int64_t prefill = 0, decode = 0, r;
	int32_t first;
	if (x->dtype < 0 || x->kv_dtype < 0)
		return;
	nn_shape_work_begin(&x->shape, (enum nn_dtype)x->dtype, &w);
	for (size_t i = 0; i < worker_event_n_tok(ev); i++) {
		size_t n = worker_event_tok(ev, i, &r, &first);
		const struct worker_request *q = worker_run_find(x, r);
		if (!q || n != 1)
			return;
		uint64_t count = q->got ? 1 : (uint64_t)q->prompt_tokens, past = q->got ? (uint64_t)(q->prompt_tokens + q->got - 1) : 0;
		prefill += q->got ? 0 : q->prompt_tokens;
		decode += q->got > 0;
		nn_shape_work_add(&x->shape, (enum nn_dtype)x->kv_dtype, past, count, &w);
	}
	if (prefill + decode == 0 || prefill != ev->n_prefill || decode != ev->n_decode || w.flops > MOST || w.kv_read_bytes > MOST)
		return;
	s->weight_bytes = (uint64_t)w.weight_bytes;
	s->kv_read_bytes = (uint64_t)w.kv_read_bytes;
	s->kv_write_bytes = (uint64_t)w.kv_write_bytes;
	s->flops = (uint64_t)w.flops;
}

const char *worker_work_capability(const struct worker *x, const json_t *caps)
{
	if (!strcmp(x->emit, "final") || json_is_false(json_object_get(caps, "steps")))
		return "none: it tells no steps";
	return x->dtype < 0 || x->kv_dtype < 0 ? "none: the worker does not say of which type its weights (info.dtype) and its KV cache (effective.kv_dtype) are" : "derived";
}
