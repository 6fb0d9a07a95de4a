/* See scheduler.h. The running array is always in order of arrival: only its tail is
 * preempted, and what was preempted goes to the head of the waiting list.
 * The oldest sequence can therefore always go on: submit refused what the whole
 * pool could not hold. */
#include "nn/scheduler.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct nn_sched {
	struct nn_sched_options o;
	struct nn_kv_blocks blocks;
	struct nn_seq **running;
	int n_running, n_waiting;
	struct nn_seq *head, *tail; /* waiting, first to run first */
	struct nn_seq *dead;       /* done, freed at the next submit */
	/* the plan being made */
	int32_t *tokens;
	struct nn_span *spans;
	struct nn_seq **span_seq, **admitted, **preempted;
};

int nn_sched_open(const struct nn_sched_options *o, struct nn_sched **out, struct assay_err *e)
{
	if (o->max_num_seqs < 1 || o->max_batched_tokens < o->max_num_seqs || o->block_size < 1 || o->n_blocks < 1 || o->max_context < 1)
		return assay_fail(e, ASSAY_E_INTERNAL, "scheduler: %d sequences, %d tokens, %d blocks of %d", o->max_num_seqs, o->max_batched_tokens, o->n_blocks, o->block_size);
	struct nn_sched *s = xalloc(sizeof *s);
	size_t n = (size_t)o->max_num_seqs;
	s->o = *o;
	nn_kv_blocks_init(&s->blocks, o->n_blocks, o->scatter_seed);
	s->running = xalloc(n * sizeof *s->running);
	s->span_seq = xalloc(n * sizeof *s->span_seq);
	s->admitted = xalloc(n * sizeof *s->admitted);
	s->preempted = xalloc(n * sizeof *s->preempted);
	s->spans = xalloc(n * sizeof *s->spans);
	s->tokens = xalloc((size_t)o->max_batched_tokens * sizeof *s->tokens);
	*out = s;
	return 0;
}

static void free_list(struct nn_seq *q)
{
	while (q) {
		struct nn_seq *next = q->next;
		free(q);
		q = next;
	}
}

void nn_sched_close(struct nn_sched *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->n_running; i++)
		free(s->running[i]);
	free_list(s->head);
	free_list(s->dead);
	nn_kv_blocks_release(&s->blocks);
	free(s->running);
	free(s->span_seq);
	free(s->admitted);
	free(s->preempted);
	free(s->spans);
	free(s->tokens);
	free(s);
}

static int blocks_for(const struct nn_sched *s, int positions)
{
	return (positions + s->o.block_size - 1) / s->o.block_size;
}

static int check_request(const struct nn_sched *s, const struct nn_request *r, struct assay_err *e)
{
	if (r->n_prompt < 1 || r->max_tokens < 1)
		return assay_fail(e, ASSAY_E_USAGE, "a request of %d prompt and %d output tokens: both must be at least 1", r->n_prompt, r->max_tokens);
	if (!(r->temperature >= 0 && r->temperature <= 100) || !(r->top_p > 0 && r->top_p <= 1) || r->top_k < 0)
		return assay_fail(e, ASSAY_E_USAGE, "sampling: temperature %g (0 to 100), top_p %g (above 0, to 1), top_k %d (0 or more)", (double)r->temperature,
		                  (double)r->top_p, r->top_k);
	int64_t total = (int64_t)r->n_prompt + r->max_tokens;
	if (total > s->o.max_context)
		return assay_fail(e, ASSAY_E_LIMIT, "needs %lld positions (%d prompt + %d output), has %d (the model's context)", (long long)total, r->n_prompt,
		                  r->max_tokens, s->o.max_context);
	/* the last token generated is never read back, so it takes no position */
	int need = blocks_for(s, (int)total - 1);
	if (need > s->o.n_blocks)
		return assay_fail(e, ASSAY_E_LIMIT, "needs %d KV blocks of %d tokens (%d prompt + %d output), has %d in the whole pool", need, s->o.block_size,
		                  r->n_prompt, r->max_tokens, s->o.n_blocks);
	return 0;
}

static void push_back(struct nn_sched *s, struct nn_seq *q)
{
	q->state = NN_SEQ_WAITING;
	q->next = NULL;
	q->prev = s->tail;
	*(s->tail ? &s->tail->next : &s->head) = q;
	s->tail = q;
	s->n_waiting++;
}

static void push_front(struct nn_sched *s, struct nn_seq *q)
{
	q->state = NN_SEQ_WAITING;
	q->prev = NULL;
	q->next = s->head;
	*(s->head ? &s->head->prev : &s->tail) = q;
	s->head = q;
	s->n_waiting++;
}

static void unlink_waiting(struct nn_sched *s, struct nn_seq *q)
{
	*(q->prev ? &q->prev->next : &s->head) = q->next;
	*(q->next ? &q->next->prev : &s->tail) = q->prev;
	s->n_waiting--;
}

int nn_sched_submit(struct nn_sched *s, const struct nn_request *r, struct assay_err *e)
{
	int rc = check_request(s, r, e);
	if (rc)
		return rc;
	free_list(s->dead);
	s->dead = NULL;
	size_t total = (size_t)r->n_prompt + (size_t)r->max_tokens, table = (size_t)blocks_for(s, (int)total);
	struct nn_seq *q = xalloc(sizeof *q + table * sizeof(int) + total * sizeof(int32_t));
	*q = (struct nn_seq){
		.id = r->id, .sampling = { r->temperature, r->top_k, r->top_p, r->seed }, .ignore_eos = r->ignore_eos,
		.n_prompt = r->n_prompt, .max_tokens = r->max_tokens, .n_tokens = r->n_prompt, .prefilling = true,
	};
	q->block_table = (int *)(q + 1);
	q->tokens = (int32_t *)(q->block_table + table);
	memcpy(q->tokens, r->prompt, (size_t)r->n_prompt * sizeof *q->tokens);
	push_back(s, q);
	return 0;
}

static void give_blocks(struct nn_sched *s, struct nn_seq *q)
{
	while (q->n_blocks)
		nn_kv_blocks_give(&s->blocks, q->block_table[--q->n_blocks]);
	q->n_cached = 0;
}

static bool reserve(struct nn_sched *s, struct nn_seq *q, int positions)
{
	int need = blocks_for(s, positions) - q->n_blocks;
	if (need > s->blocks.n_free)
		return false;
	for (; need > 0; need--)
		q->block_table[q->n_blocks++] = nn_kv_blocks_take(&s->blocks);
	return true;
}

static void retire(struct nn_sched *s, struct nn_seq *q)
{
	give_blocks(s, q);
	q->state = NN_SEQ_DONE;
	q->prev = NULL;
	q->next = s->dead;
	s->dead = q;
}

static void remove_running(struct nn_sched *s, struct nn_seq *q)
{
	int i = 0;
	while (s->running[i] != q)
		i++;
	s->n_running--;
	memmove(s->running + i, s->running + i + 1, (size_t)(s->n_running - i) * sizeof *s->running);
}

bool nn_sched_cancel(struct nn_sched *s, uint64_t id)
{
	for (int i = 0; i < s->n_running; i++) {
		struct nn_seq *q = s->running[i];
		if (q->id == id) {
			remove_running(s, q);
			retire(s, q);
			return true;
		}
	}
	for (struct nn_seq *q = s->head; q; q = q->next)
		if (q->id == id) {
			unlink_waiting(s, q);
			retire(s, q);
			return true;
		}
	return false;
}

static void add_span(struct nn_sched *s, struct nn_plan *p, struct nn_seq *q, int count)
{
	struct nn_batch *b = &p->batch;
	bool last = q->n_cached + count == q->n_tokens;
	memcpy(s->tokens + b->rows, q->tokens + q->n_cached, (size_t)count * sizeof *s->tokens);
	s->spans[b->n_spans] = (struct nn_span){ b->rows, count, q->n_cached, q->block_table, last };
	s->span_seq[b->n_spans++] = q;
	b->rows += count;
	*(q->prefilling ? &p->prefill_tokens : &p->decode_tokens) += count;
}

/* The newest running sequence gives everything back. */
static void preempt_newest(struct nn_sched *s, struct nn_plan *p)
{
	struct nn_seq *q = s->running[--s->n_running];
	give_blocks(s, q);
	q->prefilling = true;
	push_front(s, q);
	p->preempted[p->n_preempted++] = q;
}

/* Every sequence that only needs its next token, oldest first. */
static void plan_decodes(struct nn_sched *s, struct nn_plan *p)
{
	for (int i = 0; i < s->n_running; i++) {
		struct nn_seq *q = s->running[i];
		if (q->prefilling)
			continue;
		while (i < s->n_running && !reserve(s, q, q->n_tokens))
			preempt_newest(s, p);
		if (i < s->n_running)
			add_span(s, p, q, 1);
	}
}

static void plan_chunk(struct nn_sched *s, struct nn_plan *p, struct nn_seq *q)
{
	int left = q->n_tokens - q->n_cached, room = s->o.max_batched_tokens - p->batch.rows;
	if (room > 0)
		add_span(s, p, q, left < room ? left : room);
}

/* Blocks for all known tokens are taken at once, so a prefill never stops for want of memory. While others run, a
 * hundredth of the pool is left to them. */
static void plan_admissions(struct nn_sched *s, struct nn_plan *p)
{
	while (s->head && s->n_running < s->o.max_num_seqs && p->batch.rows < s->o.max_batched_tokens) {
		struct nn_seq *q = s->head;
		int spare = s->n_running ? s->o.n_blocks / 100 : 0;
		if (blocks_for(s, q->n_tokens) + spare > s->blocks.n_free)
			break;
		unlink_waiting(s, q);
		reserve(s, q, q->n_tokens);
		q->state = NN_SEQ_RUNNING;
		s->running[s->n_running++] = q;
		if (!q->seen)
			p->admitted[p->n_admitted++] = q;
		q->seen = true;
		plan_chunk(s, p, q);
	}
}

int nn_sched_plan(struct nn_sched *s, struct nn_plan *p)
{
	*p = (struct nn_plan){ .batch = { .tokens = s->tokens, .spans = s->spans }, .seq = s->span_seq, .admitted = s->admitted, .preempted = s->preempted };
	plan_decodes(s, p);
	for (int i = 0; i < s->n_running; i++)
		if (s->running[i]->prefilling)
			plan_chunk(s, p, s->running[i]);
	if (!p->n_preempted)
		plan_admissions(s, p);
	return p->batch.rows;
}

void nn_sched_computed(struct nn_sched *s, const struct nn_plan *p)
{
	(void)s;
	for (int i = 0; i < p->batch.n_spans; i++) {
		struct nn_seq *q = p->seq[i];
		q->n_cached += p->batch.spans[i].count;
		if (q->n_cached == q->n_tokens)
			q->prefilling = false;
	}
}

bool nn_sched_append(struct nn_sched *s, struct nn_seq *q, int32_t token, bool stop)
{
	q->tokens[q->n_tokens++] = token;
	if (!stop && q->n_tokens < q->n_prompt + q->max_tokens)
		return false;
	remove_running(s, q);
	retire(s, q);
	return true;
}

int nn_sched_waiting(const struct nn_sched *s)
{
	return s->n_waiting;
}

int nn_sched_running(const struct nn_sched *s)
{
	return s->n_running;
}

int nn_sched_blocks_used(const struct nn_sched *s)
{
	return s->blocks.n_blocks - s->blocks.n_free;
}

struct nn_kv_blocks *nn_sched_blocks(struct nn_sched *s)
{
	return &s->blocks;
}
