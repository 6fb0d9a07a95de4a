/* nn.h: opens a model and runs steps: plan (scheduler) → forward → sample → events.
 * Nothing of benchmarks; nothing is allocated inside a step. */
#include "nn/nn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/sysmem.h"
#include "nn/fit.h"
#include "nn/sampler.h"
#include "nn/scheduler.h"
#include "nn/source.h"
#include "nn/threads.h"

#define MAX_SEQS 65536
#define MAX_BATCHED (1 << 20)
#define MAX_THREADS 1024
#define EVENTS_PER_SEQ 4 /* in one step: scheduled, preempted, token, done */

struct events {
	struct nn_event *v;
	int n, cap;
};

struct nn_session {
	struct nn_options o;       /* resolved */
	struct nn_info info;
	struct nn_exec *exec;
	struct nn_kv_pool kv;
	struct nn_sched *sched;
	struct nn_sampler *samplers; /* one a thread */
	int32_t *drawn;            /* [max_num_seqs] by span; only of those with logits */
	float *logits;             /* [max_num_seqs][vocab] */
	struct events now, next;   /* handed out by the last step; gathered since */
};

static int check_options(const struct nn_options *o, struct assay_err *e)
{
	const struct { const char *name; int64_t value, max; } row[] = {
		{ "threads", o->threads, MAX_THREADS }, { "max-num-seqs", o->max_num_seqs, MAX_SEQS },
		{ "max-batched-tokens", o->max_batched_tokens, MAX_BATCHED }, { "block-size", o->block_size, 1024 },
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		if (row[i].value < 1 || row[i].value > row[i].max)
			return assay_fail(e, ASSAY_E_USAGE, "--%s %lld: must be 1 to %lld", row[i].name, (long long)row[i].value, (long long)row[i].max);
	if (!o->model || !*o->model)
		return assay_fail(e, ASSAY_E_USAGE, "no model given: use -m NAME");
	return 0;
}

/* Defaults in place of zeros and "auto". */
static int resolve(struct nn_options *o, const struct nn_shape *s, struct assay_err *e)
{
	if (o->dtype == NN_AUTO)
		o->dtype = nn_dtype_auto(s->stored);
	if (o->kv_dtype == NN_AUTO)
		o->kv_dtype = o->dtype;
	const enum nn_dtype t[] = { o->dtype, o->kv_dtype };
	for (int i = 0; i < 2; i++)
		if (t[i] != NN_F32 && t[i] != NN_BF16 && t[i] != NN_F16)
			return assay_fail(e, ASSAY_E_USAGE, "--%s %s: not built yet: use f32, bf16 or f16", i ? "kv-dtype" : "dtype", nn_dtype_name(t[i]));
	return 0;
}

static void set_defaults(struct nn_options *o)
{
	if (!o->threads)
		o->threads = assay_cpu_count();
	if (!o->max_num_seqs)
		o->max_num_seqs = 256;
	if (!o->max_batched_tokens)
		o->max_batched_tokens = 2048;
	if (!o->block_size)
		o->block_size = 16;
	if (o->max_num_seqs > o->max_batched_tokens) /* each running sequence needs a token in every step */
		o->max_num_seqs = o->max_batched_tokens;
}

static struct nn_exec_options exec_options(const struct nn_options *o, int context)
{
	return (struct nn_exec_options){
		.dtype = o->dtype, .isa = o->isa, .threads = o->threads, .max_rows = o->max_batched_tokens,
		.max_logit_rows = o->all_logits ? o->max_batched_tokens : o->max_num_seqs, .max_seqs = o->max_num_seqs, .max_context = context,
	};
}

/* Beside the workspace of the forward pass: logits, and scratch of sampling. */
static uint64_t sampling_bytes(const struct nn_options *o, const struct nn_shape *shape)
{
	return (uint64_t)shape->vocab * ((uint64_t)o->max_num_seqs * sizeof(float) + (uint64_t)o->threads * NN_SAMPLER_BYTES);
}

static int plan_memory(const struct nn_options *o, const struct nn_shape *shape, struct nn_fit *fit, struct assay_err *e)
{
	struct assay_sysmem m;
	struct nn_exec_options x = exec_options(o, shape->max_context);
	assay_sysmem_read("", &m);
	struct nn_fit_in in = {
		.shape = shape, .dtype = o->dtype, .kv_dtype = o->kv_dtype, .max_num_seqs = o->max_num_seqs, .block_size = o->block_size,
		.workspace_bytes = nn_exec_workspace_for(shape, &x) + sampling_bytes(o, shape), .kv_bytes = o->kv_bytes, .kv_tokens_wanted = o->kv_tokens_wanted,
		.safe_bytes = assay_sysmem_safe_bytes(&m),
	};
	return nn_fit(&in, fit, e);
}

static int open_engine(struct nn_session *s, struct nn_source *src, const struct nn_fit *fit, struct assay_err *e)
{
	const struct nn_options *o = &s->o;
	const struct nn_shape *shape = &src->shape;
	int64_t pool = (int64_t)fit->kv_blocks * o->block_size;
	int context = pool < shape->max_context ? (int)pool : shape->max_context;
	struct nn_exec_options x = exec_options(o, context);
	int64_t open_ns = s->info.load.open_ns;
	int rc = nn_exec_open(src, &x, &s->exec, &s->info.load, e);
	s->info.load.open_ns = open_ns;
	if (rc)
		return rc;
	int64_t t0 = assay_now_ns();
	rc = nn_kv_pool_open(&s->kv, shape, o->kv_dtype, fit->kv_blocks, o->block_size, e);
	s->info.kv_ns = assay_now_ns() - t0;
	if (rc)
		return rc;
	struct nn_sched_options so = { o->max_num_seqs, o->max_batched_tokens, o->block_size, fit->kv_blocks, shape->max_context, o->scatter_seed };
	return nn_sched_open(&so, &s->sched, e);
}

static void fill_info(struct nn_session *s, const struct nn_shape *shape)
{
	struct nn_info *i = &s->info;
	const struct nn_options *o = &s->o;
	i->shape = *shape;
	i->dtype = o->dtype;
	i->kv_dtype = o->kv_dtype;
	i->isa = nn_exec_isa(s->exec);
	i->threads = o->threads;
	i->max_num_seqs = o->max_num_seqs;
	i->max_batched_tokens = o->max_batched_tokens;
	i->block_size = o->block_size;
	i->kv_blocks = s->kv.n_blocks;
	i->max_context = shape->max_context;
	i->weight_bytes = nn_exec_weight_bytes(s->exec);
	i->kv_bytes = s->kv.bytes;
	i->workspace_bytes = nn_exec_workspace_bytes(s->exec) + sampling_bytes(o, shape);
	i->kv_bytes_per_token = nn_shape_kv_bytes_per_token(shape, o->kv_dtype);
	snprintf(i->kernels, sizeof i->kernels, "%s", nn_exec_kernels(s->exec));
}

static void reserve_events(struct events *b, int more)
{
	if (b->n + more <= b->cap)
		return;
	b->cap = 2 * (b->n + more);
	b->v = xrealloc(b->v, (size_t)b->cap * sizeof *b->v);
}

int nn_session_open(const struct nn_options *options, struct nn_session **out, struct assay_err *e)
{
	struct nn_options o = *options;
	struct nn_source *src = NULL;
	struct nn_fit fit;
	set_defaults(&o);
	*out = NULL;
	int rc = check_options(&o, e);
	if (rc)
		return rc;
	struct nn_session *s = xalloc(sizeof *s);
	int64_t t0 = assay_now_ns();
	rc = nn_source_open(o.model, o.seed, &src, e);
	if (rc)
		goto out;
	src->cancelled = o.cancelled;
	s->info.load.open_ns = assay_now_ns() - t0;
	rc = resolve(&o, &src->shape, e);
	if (!rc)
		rc = plan_memory(&o, &src->shape, &fit, e);
	s->o = o;
	s->o.model = NULL; /* the caller's string */
	if (!rc)
		rc = open_engine(s, src, &fit, e);
	if (rc)
		goto out;
	s->samplers = xalloc((size_t)o.threads * sizeof *s->samplers);
	for (int i = 0; i < o.threads; i++)
		nn_sampler_init(&s->samplers[i], src->shape.vocab, o.seed);
	s->drawn = xalloc((size_t)o.max_num_seqs * sizeof *s->drawn);
	s->logits = xalloc((size_t)o.max_num_seqs * (size_t)src->shape.vocab * sizeof *s->logits);
	reserve_events(&s->now, EVENTS_PER_SEQ * o.max_num_seqs);
	reserve_events(&s->next, EVENTS_PER_SEQ * o.max_num_seqs);
	fill_info(s, &src->shape);
	*out = s;
out:
	nn_source_close(src);
	if (rc)
		nn_session_close(s);
	return rc;
}

void nn_session_close(struct nn_session *s)
{
	if (!s)
		return;
	nn_sched_close(s->sched);
	nn_exec_close(s->exec);
	nn_kv_pool_release(&s->kv);
	for (int i = 0; s->samplers && i < s->o.threads; i++)
		nn_sampler_release(&s->samplers[i]);
	free(s->samplers);
	free(s->drawn);
	free(s->logits);
	free(s->now.v);
	free(s->next.v);
	free(s);
}

void nn_session_info(const struct nn_session *s, struct nn_info *out)
{
	*out = s->info;
}

static int check_ids(const struct nn_session *s, const int32_t *ids, int n, struct assay_err *e)
{
	for (int i = 0; i < n; i++)
		if (ids[i] < 0 || ids[i] >= s->info.shape.vocab)
			return assay_fail(e, ASSAY_E_USAGE, "token id %d at position %d is outside the vocabulary of %s (0 to %d)", ids[i], i, s->info.shape.name,
			                  s->info.shape.vocab - 1);
	return 0;
}

int nn_submit(struct nn_session *s, const struct nn_request *r, struct assay_err *e)
{
	int rc = check_ids(s, r->prompt, r->n_prompt, e);
	return rc ? rc : nn_sched_submit(s->sched, r, e);
}

static void add_event(struct events *b, struct nn_event v)
{
	b->v[b->n++] = v;
}

int nn_cancel(struct nn_session *s, uint64_t id)
{
	if (!nn_sched_cancel(s->sched, id))
		return -1;
	/* keeps room for a whole step beside what is gathered, so that the step need not grow it */
	reserve_events(&s->next, 1 + EVENTS_PER_SEQ * s->o.max_num_seqs);
	add_event(&s->next, (struct nn_event){ .kind = NN_EV_DONE, .id = id, .t_ns = assay_now_ns(), .finish = NN_FINISH_CANCELLED });
	return 0;
}

int nn_session_pending(const struct nn_session *s)
{
	return nn_sched_waiting(s->sched) + nn_sched_running(s->sched);
}

static bool is_eos(const struct nn_shape *shape, int32_t token)
{
	for (int i = 0; i < shape->n_eos; i++)
		if (shape->eos[i] == token)
			return true;
	return false;
}

static void announce(struct nn_session *s, const struct nn_plan *p, int64_t t_ns)
{
	for (int i = 0; i < p->n_preempted; i++)
		add_event(&s->now, (struct nn_event){ .kind = NN_EV_PREEMPTED, .id = p->preempted[i]->id, .t_ns = t_ns });
	for (int i = 0; i < p->n_admitted; i++)
		add_event(&s->now, (struct nn_event){ .kind = NN_EV_SCHEDULED, .id = p->admitted[i]->id, .t_ns = t_ns });
}

struct draw {
	struct nn_session *s;
	const struct nn_plan *p;
};

/* drawn[i] of every span i that has logits; each worker takes a share of the spans. */
static void draw(void *arg, int worker, int workers)
{
	const struct draw *d = arg;
	struct nn_session *s = d->s;
	const struct nn_batch *b = &d->p->batch;
	int row = 0, first, end;
	nn_share(b->n_spans, worker, workers, &first, &end);
	for (int i = 0; i < end; i++) {
		if (!b->spans[i].logits)
			continue;
		const struct nn_seq *q = d->p->seq[i];
		if (i >= first)
			s->drawn[i] = nn_sample(&s->samplers[worker], s->logits + (size_t)row * (size_t)s->info.shape.vocab, &q->sampling, (uint64_t)q->n_tokens);
		row++;
	}
}

/* A token for every span that has logits. Events are stamped by the caller once all are known. */
static int sample_all(struct nn_session *s, const struct nn_plan *p, struct assay_err *e)
{
	struct draw d = { s, p };
	if (p->batch.n_spans == 1)
		draw(&d, 0, 1); /* waking others costs more than the row */
	else
		nn_exec_each(s->exec, draw, &d);
	for (int i = 0; i < p->batch.n_spans; i++) {
		struct nn_seq *q = p->seq[i];
		if (!p->batch.spans[i].logits)
			continue;
		int32_t token = s->drawn[i];
		if (token < 0)
			return assay_fail(e, ASSAY_E_ENGINE, "request %llu: the logits of position %d are not finite: the weights or --dtype %s cannot hold this model",
			                  (unsigned long long)q->id, q->n_tokens, nn_dtype_name(s->o.dtype));
		bool stop = !q->ignore_eos && is_eos(&s->info.shape, token);
		bool done = nn_sched_append(s->sched, q, token, stop);
		add_event(&s->now, (struct nn_event){ .kind = NN_EV_TOKEN, .id = q->id, .token = token });
		if (done)
			add_event(&s->now, (struct nn_event){ .kind = NN_EV_DONE, .id = q->id, .finish = stop ? NN_FINISH_STOP : NN_FINISH_LENGTH });
	}
	return 0;
}

int nn_session_step(struct nn_session *s, struct nn_step *out, const struct nn_event **events, int *n_events, struct assay_err *e)
{
	struct nn_plan p;
	struct events was = s->now;
	s->now = s->next;
	s->next = was;
	s->next.n = 0;
	*out = (struct nn_step){ .t0_ns = assay_now_ns() };
	int rows = nn_sched_plan(s->sched, &p);
	*events = s->now.v;
	*n_events = s->now.n;
	if (!rows)
		return 0;
	announce(s, &p, out->t0_ns);
	out->seqs = p.batch.n_spans;
	out->prefill_tokens = p.prefill_tokens;
	out->decode_tokens = p.decode_tokens;
	out->kind = !p.decode_tokens ? NN_STEP_PREFILL : p.prefill_tokens ? NN_STEP_MIXED : NN_STEP_DECODE;
	out->waiting = nn_sched_waiting(s->sched);
	out->preempted = p.n_preempted;
	out->kv_blocks_used = nn_sched_blocks_used(s->sched);
	int rc = nn_forward(s->exec, &s->kv, &p.batch, s->logits, &out->cost, e);
	if (rc)
		return rc;
	nn_sched_computed(s->sched, &p);
	int first = s->now.n;
	rc = sample_all(s, &p, e);
	out->t1_ns = assay_now_ns();
	for (int i = first; i < s->now.n; i++)
		s->now.v[i].t_ns = out->t1_ns;
	*n_events = s->now.n;
	return rc ? rc : 1;
}

/* The prompt in chunks of a step, through a block table of its own. */
static int logits_chunks(struct nn_session *s, const int32_t *ids, int n, bool all, const int *table, float *out, struct assay_err *e)
{
	int vocab = s->info.shape.vocab, rc = 0;
	for (int at = 0, count; !rc && at < n; at += count) {
		count = n - at < s->o.max_batched_tokens ? n - at : s->o.max_batched_tokens;
		struct nn_span span = { 0, count, at, table, all ? 2 : at + count == n };
		struct nn_batch batch = { count, ids + at, 1, &span };
		struct nn_step_cost cost;
		rc = nn_forward(s->exec, &s->kv, &batch, all ? out + (size_t)at * (size_t)vocab : out, &cost, e);
	}
	return rc;
}

int nn_session_logits(struct nn_session *s, const int32_t *ids, int n, bool all, float *out, struct assay_err *e)
{
	int need = n > 0 ? (n + s->o.block_size - 1) / s->o.block_size : 0, taken = 0;
	struct nn_kv_blocks *free_blocks = nn_sched_blocks(s->sched);
	if (nn_sched_running(s->sched) || (all && !s->o.all_logits))
		return assay_fail(e, ASSAY_E_INTERNAL, "logits of a prompt: sequences are running, or the session was not opened for all rows");
	if (n < 1 || n > s->info.max_context || need > free_blocks->n_free)
		return assay_fail(e, ASSAY_E_LIMIT, "needs %d positions, has %d in the context and %lld in the KV pool", n, s->info.max_context,
		                  (long long)free_blocks->n_free * s->o.block_size);
	int rc = check_ids(s, ids, n, e);
	if (rc)
		return rc;
	int *table = xalloc((size_t)need * sizeof *table);
	for (; taken < need; taken++)
		table[taken] = nn_kv_blocks_take(free_blocks);
	rc = logits_chunks(s, ids, n, all, table, out, e);
	while (taken)
		nn_kv_blocks_give(free_blocks, table[--taken]);
	free(table);
	return rc;
}
