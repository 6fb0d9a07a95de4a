/* The embedded engine behind the contract: an adapter over nn/nn.h. It steps inside poll (one step a poll) and hands out
 * that step's events; it computes nothing of its own. Must not know what the requests are for. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/model_json.h"
#include "engine/registry.h"
#include "nn/nn.h"
#include "nn/tokenizer.h"

struct cpu {
	struct assay_engine base;
	struct assay_engine_info info;
	struct nn_info nn;
	struct nn_session *session;
	struct nn_tokenizer *tokenizer;
	const struct nn_event *events; /* of the last step, not yet handed out */
	int n_events;
	bool step_due;
	struct assay_rec_step step;
	int64_t kv_used_bytes, kv_peak_bytes;
};

static struct cpu *cpu_of(struct assay_engine *g)
{
	return (struct cpu *)g;
}

static void cpu_close(struct assay_engine *g)
{
	struct cpu *x = cpu_of(g);
	json_decref(x->info.model);
	json_decref(x->info.effective);
	json_decref(x->info.load);
	json_decref(x->info.capabilities);
	nn_tokenizer_close(x->tokenizer);
	nn_session_close(x->session);
	free(x);
}

static int parse_options(const struct assay_engine_config *c, struct nn_options *o, struct assay_err *e)
{
	int dtype = nn_dtype_parse(c->dtype), kv = nn_dtype_parse(c->kv_dtype), isa = nn_isa_parse(c->isa);
	if (dtype < 0 || kv < 0)
		return assay_fail(e, ASSAY_E_USAGE, "--%s %s: must be auto, f32, bf16 or f16", dtype < 0 ? "dtype" : "kv-dtype", dtype < 0 ? c->dtype : c->kv_dtype);
	if (dtype == NN_INT8 || kv == NN_INT8)
		return assay_fail(e, ASSAY_E_USAGE, "--%s int8: not built yet; use f32, bf16 or f16", dtype == NN_INT8 ? "dtype" : "kv-dtype");
	if (isa < 0)
		return assay_fail(e, ASSAY_E_USAGE, "--isa %s: must be auto, scalar, avx2, avx512 or amx", c->isa);
	if (!nn_isa_available((enum nn_isa)isa))
		return assay_fail(e, ASSAY_E_USAGE, "--isa %s: this CPU cannot run it; --isa auto takes the best it has", c->isa);
	*o = (struct nn_options){ .model = c->model, .seed = c->seed, .dtype = (enum nn_dtype)dtype, .kv_dtype = (enum nn_dtype)kv, .isa = (enum nn_isa)isa,
				  .threads = c->threads, .max_num_seqs = c->max_num_seqs, .max_batched_tokens = c->max_batched_tokens,
				  .block_size = c->block_size, .kv_bytes = c->kv_bytes, .kv_tokens_wanted = c->kv_tokens_wanted, .cancelled = c->cancelled };
	return 0;
}

static const struct assay_engine_opt_row options[] = {
	{ "huge_pages", "on|off", "ask the kernel for transparent huge pages (on)" },
	{ NULL, NULL, NULL },
};

/* Of the whole process: the kernel's switch overrules what each mapping asks for. */
static int set_huge_pages(const struct assay_engine_config *c, struct assay_err *e)
{
	bool off = !strcmp(assay_engine_opt(c, "huge_pages", "on"), "off");
	if (prctl(PR_SET_THP_DISABLE, off, 0, 0, 0) && off)
		return assay_fail(e, ASSAY_E_USAGE, "--engine-opt huge_pages=off: this kernel refuses: %s", strerror(errno));
	return 0;
}

static double ms(int64_t ns)
{
	return ns < 0 ? NAN : (double)ns / 1e6;
}

static void describe(struct cpu *x, int64_t total_ns)
{
	const struct nn_info *n = &x->nn;
	struct assay_engine_info *i = &x->info;
	struct assay_model_facts facts = { .dtype = nn_dtype_name(n->dtype), .weight_bytes = (double)n->weight_bytes,
					   .kv_bytes_per_token = (double)n->kv_bytes_per_token, .synthetic = n->shape.synthetic };
	snprintf(i->name, sizeof i->name, "cpu");
	snprintf(i->version, sizeof i->version, "embedded");
	i->model = assay_model_json(&n->shape, &facts);
	i->effective = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:s}", "dtype", nn_dtype_name(n->dtype), "kv_dtype", nn_dtype_name(n->kv_dtype),
				 "isa", nn_isa_name(n->isa), "threads", n->threads, "max_num_seqs", n->max_num_seqs, "max_batched_tokens",
				 n->max_batched_tokens, "block_size", n->block_size, "kv_blocks", n->kv_blocks, "kv_pool_bytes", (json_int_t)n->kv_bytes,
				 "kernels", n->kernels);
	json_object_set_new(i->effective, "huge_pages", json_string(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1 ? "off" : "on"));
	i->load = assay_load_json(ms(n->load.open_ns), ms(n->load.weights_ns), ms(n->load.pack_ns), ms(n->kv_ns), NAN, ms(total_ns));
	char *no_text = xasprintf("none: %s", i->no_tokenizer);
	i->capabilities = json_pack("{s:s, s:s, s:s, s:s, s:s}", "token_times", "exact", "steps", "exact", "memory", "exact", "bytes_and_flops", "exact", "text",
				    i->has_tokenizer ? "exact" : no_text);
	free(no_text);
	i->vocab = n->shape.vocab;
	i->max_context = n->max_context;
	i->kv_tokens = (uint64_t)n->kv_blocks * (uint64_t)n->block_size;
	i->kv_bytes_per_token = n->kv_bytes_per_token;
	i->kv_pool_bytes = n->kv_bytes;
	i->max_num_seqs = n->max_num_seqs;
	i->place = ASSAY_PLACE_THIS_PROCESS;
}

static int open_tokenizer(struct cpu *x, const char *model, struct assay_err *e)
{
	char *why = NULL;
	int rc = nn_tokenizer_open(model, &x->tokenizer, &why, e);
	if (!rc && !x->tokenizer)
		snprintf(x->info.no_tokenizer, sizeof x->info.no_tokenizer, "%s", why ? why : "this model has no tokenizer");
	x->info.has_tokenizer = x->tokenizer != NULL;
	free(why);
	return rc;
}

static int cpu_open(const struct assay_engine_config *c, struct assay_engine **out, struct assay_err *e)
{
	struct nn_options o;
	if (parse_options(c, &o, e) || set_huge_pages(c, e))
		return e->code;
	struct cpu *x = xalloc(sizeof *x);
	int64_t t0_ns = assay_now_ns();
	x->base.ops = &assay_engine_cpu;
	int rc = nn_session_open(&o, &x->session, e);
	int64_t total_ns = assay_now_ns() - t0_ns;
	if (!rc)
		rc = open_tokenizer(x, c->model, e);
	if (rc) {
		cpu_close(&x->base);
		return rc;
	}
	nn_session_info(x->session, &x->nn);
	describe(x, total_ns);
	*out = &x->base;
	return 0;
}

static const struct assay_engine_info *cpu_info(const struct assay_engine *g)
{
	return &((const struct cpu *)g)->info;
}

static int cpu_submit(struct assay_engine *g, const struct assay_request *r, struct assay_err *e)
{
	if (!r->ids)
		return assay_fail(e, ASSAY_E_INTERNAL, "request %u has no token ids", r->id);
	struct nn_request q = { .id = r->id, .prompt = r->ids, .n_prompt = r->prompt_tokens, .max_tokens = r->max_tokens,
				.ignore_eos = r->sampling.ignore_eos, .temperature = r->sampling.temperature, .top_p = r->sampling.top_p,
				.top_k = r->sampling.top_k, .seed = r->sampling.seed };
	return nn_submit(cpu_of(g)->session, &q, e);
}

static int take_step(struct cpu *x, struct assay_err *e)
{
	struct nn_step s;
	int rc = nn_session_step(x->session, &s, &x->events, &x->n_events, e);
	if (rc < 0)
		x->n_events = 0;
	if (rc <= 0)
		return rc;
	x->step = (struct assay_rec_step){ .kind = (uint32_t)s.kind, .seqs = (uint32_t)s.seqs, .prefill_tokens = (uint32_t)s.prefill_tokens,
					   .decode_tokens = (uint32_t)s.decode_tokens, .waiting = (uint32_t)s.waiting, .preempted = (uint32_t)s.preempted,
					   .kv_blocks_used = (uint32_t)s.kv_blocks_used, .t0_ns = s.t0_ns, .t1_ns = s.t1_ns,
					   .weight_bytes = s.cost.weight_bytes, .kv_read_bytes = s.cost.kv_read_bytes,
					   .kv_write_bytes = s.cost.kv_write_bytes, .activation_bytes = s.cost.activation_bytes, .flops = s.cost.flops };
	x->step_due = true;
	x->kv_used_bytes = (int64_t)s.kv_blocks_used * x->nn.block_size * (int64_t)x->nn.kv_bytes_per_token;
	if (x->kv_used_bytes > x->kv_peak_bytes)
		x->kv_peak_bytes = x->kv_used_bytes;
	return 0;
}

static void convert(const struct nn_event *n, struct assay_event *v)
{
	static const enum assay_event_kind kinds[] = { [NN_EV_SCHEDULED] = ASSAY_EV_SCHEDULED, [NN_EV_TOKEN] = ASSAY_EV_TOKEN,
						       [NN_EV_PREEMPTED] = ASSAY_EV_PREEMPTED, [NN_EV_DONE] = ASSAY_EV_DONE };
	static const enum assay_end ends[] = { [NN_FINISH_LENGTH] = ASSAY_END_LENGTH, [NN_FINISH_STOP] = ASSAY_END_STOP,
					       [NN_FINISH_CANCELLED] = ASSAY_END_CANCELLED };
	*v = (struct assay_event){ .kind = kinds[n->kind], .id = (uint32_t)n->id, .t_ns = n->t_ns, .n_tokens = n->kind == NN_EV_TOKEN, .token = -1,
				   .reported_tokens = -1, .cached_tokens = 0 };
	if (n->kind == NN_EV_TOKEN)
		v->token = n->token;
	if (n->kind == NN_EV_DONE)
		v->end = ends[n->finish];
}

static int cpu_poll(struct assay_engine *g, struct assay_event *ev, int cap, int64_t timeout_ns, struct assay_err *e)
{
	struct cpu *x = cpu_of(g);
	int k = 0;
	if (!x->n_events && take_step(x, e))
		return e->code;
	if (!x->n_events && !x->step_due && timeout_ns > 0 && !nn_session_pending(x->session))
		assay_sleep_until_ns(assay_now_ns() + timeout_ns);
	if (x->step_due && cap > 0) {
		ev[k++] = (struct assay_event){ .kind = ASSAY_EV_STEP, .t_ns = x->step.t1_ns, .token = -1, .step = &x->step };
		x->step_due = false;
	}
	for (; k < cap && x->n_events; x->n_events--)
		convert(x->events++, &ev[k++]);
	return k;
}

static int cpu_cancel(struct assay_engine *g, uint32_t id)
{
	return nn_cancel(cpu_of(g)->session, id);
}

static void cpu_memory(struct assay_engine *g, struct assay_engine_memory *m)
{
	const struct cpu *x = cpu_of(g);
	*m = (struct assay_engine_memory){ .weight_bytes = (int64_t)x->nn.weight_bytes, .kv_pool_bytes = (int64_t)x->nn.kv_bytes,
					   .kv_used_bytes = nn_session_pending(x->session) ? x->kv_used_bytes : 0, .kv_peak_bytes = x->kv_peak_bytes,
					   .kv_tokens = (int64_t)x->info.kv_tokens, .workspace_bytes = (int64_t)x->nn.workspace_bytes, .rss_bytes = -1 };
}

static int cpu_encode(struct assay_engine *g, const char *text, size_t len_bytes, bool chat, int32_t **ids, size_t *n, struct assay_err *e)
{
	struct cpu *x = cpu_of(g);
	*ids = NULL;
	*n = 0;
	if (!x->tokenizer)
		return assay_fail(e, ASSAY_E_USAGE, "text prompts: %s", x->info.no_tokenizer);
	return nn_tokenizer_prompt(x->tokenizer, text, len_bytes, chat, ids, n, e);
}

static int cpu_decode(struct assay_engine *g, const int32_t *ids, size_t n, struct assay_buf *out)
{
	struct cpu *x = cpu_of(g);
	return x->tokenizer ? nn_tokenizer_decode(x->tokenizer, ids, n, out) : -1;
}

const struct assay_engine_ops assay_engine_cpu = {
	.name = "cpu",
	.summary = "the embedded engine, in this process",
	.opts = options,
	.open = cpu_open,
	.info = cpu_info,
	.submit = cpu_submit,
	.poll = cpu_poll,
	.cancel = cpu_cancel,
	.memory = cpu_memory,
	.encode = cpu_encode,
	.decode = cpu_decode,
	.close = cpu_close,
};
