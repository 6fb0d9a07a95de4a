/* The engine that answers at once: tokens are there at the next poll, at most POLL_EVENTS of them, as a step of a small batch
 * would give. What a run on it takes is what assay itself costs per request and per token. Takes only shape and context from the model; makes no weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/model_json.h"
#include "engine/registry.h"
#include "nn/source.h"

#define POLL_EVENTS 16

struct pending { uint32_t id; int max_tokens, given; bool cancelled, scheduled; };

struct null_engine {
	struct assay_engine base;
	struct assay_engine_info info;
	struct pending *queue;     /* ring of cap entries, a power of two */
	size_t head, n, cap;
};

static void null_close(struct assay_engine *g)
{
	struct null_engine *x = (struct null_engine *)g;
	json_decref(x->info.model);
	json_decref(x->info.effective);
	json_decref(x->info.load);
	json_decref(x->info.capabilities);
	free(x->queue);
	free(x);
}

static int null_open(const struct assay_engine_config *c, struct assay_engine **out, struct assay_err *e)
{
	struct nn_shape shape;
	struct assay_model_facts facts = { .weight_bytes = -1, .kv_bytes_per_token = -1 };
	if (nn_shape_of(c->model, &shape, e))
		return e->code;
	struct null_engine *x = xalloc(sizeof *x);
	x->base.ops = &assay_engine_null;
	x->cap = 1024;
	x->queue = xalloc(x->cap * sizeof *x->queue);
	strcpy(x->info.name, "null");
	strcpy(x->info.version, "1");
	x->info.model = assay_model_json(&shape, &facts);
	x->info.effective = json_pack("{s:i}", "max_num_seqs", c->max_num_seqs);
	x->info.load = assay_load_json(NAN, NAN, NAN, NAN, NAN, NAN);
	x->info.capabilities = json_pack("{s:s, s:s, s:s, s:s}", "token_times", "exact", "steps", "none: answers at once", "memory",
					 "none: holds no model", "text", "none: generates no text");
	x->info.vocab = shape.vocab;
	x->info.max_context = shape.max_context;
	x->info.max_num_seqs = c->max_num_seqs;
	strcpy(x->info.no_tokenizer, "the null engine reads and writes no text");
	*out = &x->base;
	return 0;
}

static const struct assay_engine_info *null_info(const struct assay_engine *g)
{
	return &((const struct null_engine *)g)->info;
}

static void grow(struct null_engine *x)
{
	struct pending *q = xalloc(2 * x->cap * sizeof *q);
	for (size_t i = 0; i < x->n; i++)
		q[i] = x->queue[(x->head + i) & (x->cap - 1)];
	free(x->queue);
	x->queue = q;
	x->head = 0;
	x->cap *= 2;
}

static int null_submit(struct assay_engine *g, const struct assay_request *r, struct assay_err *e)
{
	struct null_engine *x = (struct null_engine *)g;
	if (assay_request_fits(r, x->info.max_context, 0, e))
		return e->code;
	if (x->n == x->cap)
		grow(x);
	x->queue[(x->head + x->n++) & (x->cap - 1)] = (struct pending){ .id = r->id, .max_tokens = r->max_tokens };
	return 0;
}

/* The next event of the oldest request; true when it was its last. */
static bool next_event(struct pending *p, struct assay_event *v, int64_t now_ns)
{
	*v = (struct assay_event){ .id = p->id, .t_ns = now_ns, .token = -1, .reported_tokens = -1, .cached_tokens = 0 };
	if (p->cancelled || p->given == p->max_tokens) {
		v->kind = ASSAY_EV_DONE;
		v->end = p->cancelled ? ASSAY_END_CANCELLED : ASSAY_END_LENGTH;
		v->reported_tokens = p->given;
		return true;
	}
	if (!p->scheduled) {
		p->scheduled = true;
		v->kind = ASSAY_EV_SCHEDULED;
		return false;
	}
	v->kind = ASSAY_EV_TOKEN;
	v->n_tokens = 1;
	p->given++;
	return false;
}

static int null_poll(struct assay_engine *g, struct assay_event *ev, int cap, int64_t timeout_ns, struct assay_err *e)
{
	struct null_engine *x = (struct null_engine *)g;
	int k = 0;
	(void)e;
	int64_t now_ns = assay_now_ns();
	if (!x->n && timeout_ns > 0)
		assay_sleep_until_ns(now_ns + timeout_ns);
	while (k < cap && k < POLL_EVENTS && x->n) {
		if (next_event(&x->queue[x->head], &ev[k++], now_ns)) {
			x->head = (x->head + 1) & (x->cap - 1);
			x->n--;
		}
	}
	return k;
}

static int null_cancel(struct assay_engine *g, uint32_t id)
{
	struct null_engine *x = (struct null_engine *)g;
	for (size_t i = 0; i < x->n; i++) {
		struct pending *p = &x->queue[(x->head + i) & (x->cap - 1)];
		if (p->id == id) {
			p->cancelled = true;
			return 0;
		}
	}
	return -1;
}

static void null_memory(struct assay_engine *g, struct assay_engine_memory *m)
{
	(void)g;
	*m = (struct assay_engine_memory){ -1, -1, -1, -1, -1, -1, -1 };
}

const struct assay_engine_ops assay_engine_null = {
	.name = "null",
	.summary = "answers at once: what is measured is assay itself",
	.open = null_open,
	.info = null_info,
	.submit = null_submit,
	.poll = null_poll,
	.cancel = null_cancel,
	.memory = null_memory,
	.close = null_close,
};
