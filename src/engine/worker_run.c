/* See worker_inside.h: the events of a run, held against what was asked. A worker may lie: about requests, counts and times; a lie about a count is a
 * request's end state, one about a request or a time ends the engine, because nothing that it says can be used then. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "engine/worker_inside.h"

#define FUTURE_NS ASSAY_NS_PER_MS /* beyond the clock's uncertainty */
enum { SURPLUS_MAX = 4096 };      /* tokens of one request beyond what was asked; fewer are a count mismatch */

struct worker_request *worker_run_find(struct worker *x, int64_t id)
{
	size_t i = x->n_reqs ? (size_t)(id - x->reqs[0].id) : 0; /* ids of a plan are consecutive */
	if (i < x->n_reqs && x->reqs[i].id == id)
		return &x->reqs[i];
	for (i = 0; i < x->n_reqs; i++)
		if (x->reqs[i].id == id)
			return &x->reqs[i];
	return NULL;
}

/* The worker's stamp on our clock, checked: not before the last one, not before the run, not in the future. */
static int stamp(struct worker *x, int64_t t, const char *of, int64_t *out, struct assay_err *e)
{
	int64_t t_ns = t - x->offset_ns, now_ns = assay_now_ns();
	if (t_ns < x->go_ns - x->uncertainty_ns)
		return worker_fault(x, e, "time_backwards: %s is stamped %.3f ms before its run", of, (double)(x->go_ns - t_ns) / 1e6);
	if (t_ns < x->last_ns)
		return worker_fault(x, e, "time_backwards: %s is stamped %.3f ms before the one before", of, (double)(x->last_ns - t_ns) / 1e6);
	if (t_ns > now_ns + x->uncertainty_ns + FUTURE_NS)
		return worker_fault(x, e, "time_future: %s is stamped %.3f ms ahead of its arrival", of, (double)(t_ns - now_ns) / 1e6);
	*out = x->last_ns = t_ns;
	return 0;
}

static void push_token(struct worker *x, struct worker_request *q, int64_t t_ns, size_t n, int32_t first)
{
	assay_event_queue_reserve(&x->queue, x->queue.head + x->queue.n + 1);
	struct assay_event *v = assay_event_queue_push(&x->queue, ASSAY_EV_TOKEN, q->id, t_ns);
	v->n_tokens = (uint32_t)n;
	v->token = first;
	q->got += (int)n;
}

struct assay_event *worker_run_end(struct worker *x, struct worker_request *q, enum assay_end end, int64_t t_ns, int64_t n_out, int64_t n_cached)
{
	assay_event_queue_reserve(&x->queue, x->queue.head + x->queue.n + 1);
	struct assay_event *v = assay_event_queue_push(&x->queue, ASSAY_EV_DONE, q->id, t_ns);
	v->end = end;
	v->reported_tokens = n_out;
	v->cached_tokens = n_cached;
	v->preemptions_unknown = true;
	q->live = false;
	x->n_live--;
	return v;
}

/* t0 unknown: no record, because a step without a length says nothing. */
static int push_step(struct worker *x, const struct worker_event *ev, int64_t t1_ns, struct assay_err *e)
{
	int64_t t0_ns = ev->t0 - x->offset_ns;
	if (ev->t0 < 0)
		return 0;
	if (t0_ns < x->go_ns - x->uncertainty_ns)
		return worker_fault(x, e, "time_backwards: a step begins %.3f ms before its run", (double)(x->go_ns - t0_ns) / 1e6);
	if (x->first_step && x->first_step == x->n_steps)
		x->first_step = x->n_steps = 0;
	if (x->n_steps == x->cap_steps) {
		x->cap_steps = x->cap_steps ? 2 * x->cap_steps : 1024;
		x->steps = xrealloc(x->steps, x->cap_steps * sizeof *x->steps);
	}
	struct assay_rec_step *s = &x->steps[x->n_steps++];
	*s = (struct assay_rec_step){
		.kind = (uint32_t)ev->step, .seqs = ev->run >= 0 ? (uint32_t)ev->run : (uint32_t)worker_event_n_tok(ev), .prefill_tokens = ev->n_prefill > 0 ? (uint32_t)ev->n_prefill : 0,
		.decode_tokens = ev->n_decode > 0 ? (uint32_t)ev->n_decode : 0, .waiting = ev->wait > 0 ? (uint32_t)ev->wait : 0, .preempted = ev->preempted > 0 ? (uint32_t)ev->preempted : 0,
		.t0_ns = t0_ns, .t1_ns = t1_ns,
	};
	worker_work(x, ev, s);
	assay_event_queue_reserve(&x->queue, x->queue.head + x->queue.n + 1);
	assay_event_queue_push(&x->queue, ASSAY_EV_STEP, 0, t1_ns);
	return 0;
}

/* Tokens for a request: 1 when they are to be ignored (it was cancelled). */
static int token_owner(struct worker *x, int64_t r, size_t n, struct worker_request **q, struct assay_err *e)
{
	*q = worker_run_find(x, r);
	if (!*q || (*q)->ended)
		return worker_fault(x, e, "unknown_request: tokens for request %lld, which %s", (long long)r, *q ? "it has ended" : "was not submitted");
	if ((*q)->cancelled || !(*q)->live)
		return 1;
	if ((size_t)(*q)->got + n > (size_t)(*q)->max_tokens + SURPLUS_MAX)
		return worker_fault(x, e, "flood: more than %d tokens for request %lld, which asked for %d", SURPLUS_MAX, (long long)r, (*q)->max_tokens);
	return 0;
}

static int on_step(struct worker *x, const struct worker_event *ev, struct assay_err *e)
{
	int64_t t1_ns, r;
	int32_t first;
	if (!x->running)
		return worker_fault(x, e, "out_of_turn: a step while nothing runs");
	if (stamp(x, ev->t1, "a step", &t1_ns, e) || push_step(x, ev, t1_ns, e))
		return ASSAY_E_ENGINE;
	for (size_t i = 0; i < worker_event_n_tok(ev); i++) {
		struct worker_request *q;
		size_t n = worker_event_tok(ev, i, &r, &first);
		int rc = token_owner(x, r, n, &q, e);
		if (rc < 0)
			return rc;
		if (!rc)
			push_token(x, q, t1_ns, n, first);
	}
	return 0;
}

/* emit "final": the times of all tokens come with the end; they overlap those of other requests. */
static int late_tokens(struct worker *x, const struct worker_event *ev, struct worker_request *q, struct assay_err *e)
{
	for (size_t i = 0; i < worker_event_n_ts(ev); i++) {
		int64_t t_ns;
		if (i == 0)
			x->last_ns = x->go_ns - x->uncertainty_ns;
		if (stamp(x, worker_event_ts(ev, i), "a token", &t_ns, e))
			return e->code;
		if (token_owner(x, ev->r, 1, &q, e))
			return ASSAY_E_ENGINE;
		push_token(x, q, t_ns, 1, -1);
	}
	return 0;
}

/* What the engine's own statistics say of a request: when it was first taken up, how often it lost its place. */
static int say_engine(struct worker *x, const struct worker_event *ev, const struct worker_request *q, struct assay_err *e)
{
	int64_t t_ns = ev->scheduled - x->offset_ns, now_ns = assay_now_ns();
	int64_t early_ns = x->go_ns - x->uncertainty_ns - t_ns, late_ns = t_ns - now_ns - x->uncertainty_ns - FUTURE_NS;
	if (ev->scheduled >= 0 && (early_ns > 0 || late_ns > 0))
		return worker_fault(x, e, early_ns > 0 ? "time_backwards: request %u was scheduled %.3f ms before its run" : "time_future: request %u was scheduled %.3f ms ahead of the arrival of its end",
				    q->id, (double)(early_ns > 0 ? early_ns : late_ns) / 1e6);
	assay_event_queue_reserve(&x->queue, x->queue.head + x->queue.n + 1 + (size_t)(ev->preempted > 0 ? ev->preempted : 0));
	if (ev->scheduled >= 0)
		assay_event_queue_push(&x->queue, ASSAY_EV_SCHEDULED, q->id, t_ns);
	for (int64_t i = 0; i < ev->preempted; i++)
		assay_event_queue_push(&x->queue, ASSAY_EV_PREEMPTED, q->id, x->last_ns);
	return 0;
}

static int on_done(struct worker *x, const struct worker_event *ev, struct assay_err *e)
{
	static const struct { const char *reason; enum assay_end end; } ends[] = {
		{ "length", ASSAY_END_LENGTH }, { "stop", ASSAY_END_STOP }, { "abort", ASSAY_END_CANCELLED }, { "error", ASSAY_END_ERROR_EVENT },
	};
	struct worker_request *q = worker_run_find(x, ev->r);
	enum assay_end end = ASSAY_END_ERROR_EVENT;
	int64_t t_ns = x->last_ns;
	if (!q || q->ended)
		return worker_fault(x, e, "unknown_request: the end of request %lld, which %s", (long long)ev->r, q ? "has ended" : "was not submitted");
	if (!q->live) { /* cancelled here before */
		q->ended = true;
		return 0;
	}
	if (late_tokens(x, ev, q, e) || (ev->t >= 0 && stamp(x, ev->t, "the end of a request", &t_ns, e)) || say_engine(x, ev, q, e))
		return ASSAY_E_ENGINE;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (!strcmp(ev->reason, ends[i].reason))
			end = ends[i].end;
	if (assay_end_ok(end) && ev->n_in >= 0 && ev->n_in != q->prompt_tokens)
		end = ASSAY_END_COUNT_MISMATCH; /* it read another prompt than was sent */
	worker_run_end(x, q, end, ev->t >= 0 ? t_ns : x->last_ns, ev->n_out, ev->n_cached)->preemptions_unknown = ev->preempted < 0;
	q->ended = true;
	return 0;
}

static int on_idle(struct worker *x, const struct worker_event *ev, struct assay_err *e)
{
	int64_t t_ns;
	if (!x->running)
		return worker_fault(x, e, "out_of_turn: idle while nothing runs");
	if (stamp(x, ev->t, "the end of a run", &t_ns, e))
		return e->code;
	if (ev->report_ns > t_ns - x->go_ns + x->uncertainty_ns)
		return worker_fault(x, e, "bad_event: idle: report_ns is more than the run took");
	if (ev->report_ns >= 0) {
		x->told_runs++;
		x->told_ns += t_ns - x->go_ns;
		x->report_ns += ev->report_ns;
	}
	x->running = false;
	if (!x->n_live || x->since_go)
		return 0; /* all done; or some came after it had looked: the next poll says go again */
	return worker_fault(x, e, "lost_request: idle, and %zu request%s without an end", x->n_live, x->n_live == 1 ? "" : "s");
}

static int on_error(struct worker *x, const struct worker_event *ev, struct assay_err *e)
{
	bool oom = !strcmp(ev->code, "oom");
	if (ev->fatal || !worker_event_n_failed(ev))
		return ev->fatal || x->running ? worker_told_fault(x, ev, e) : 0;
	for (size_t i = 0; i < worker_event_n_failed(ev); i++) {
		struct worker_request *q = worker_run_find(x, worker_event_failed(ev, i));
		if (!q)
			return worker_fault(x, e, "unknown_request: an error of request %lld, which was not submitted", (long long)worker_event_failed(ev, i));
		if (q->live)
			worker_run_end(x, q, oom ? ASSAY_END_LIMIT : ASSAY_END_ERROR_EVENT, x->last_ns, -1, -1);
		q->ended = true;
	}
	if (oom && !*x->limit) {
		snprintf(x->limit, sizeof x->limit, "out of memory in the worker: %.150s", ev->msg);
		assay_utf8_line(x->limit);
	}
	return 0;
}

int worker_run_event(struct worker *x, const struct worker_event *ev, struct assay_err *e)
{
	switch (ev->kind) {
	case WORKER_STEP: return on_step(x, ev, e);
	case WORKER_DONE: return on_done(x, ev, e);
	case WORKER_IDLE: return on_idle(x, ev, e);
	case WORKER_ERROR: return on_error(x, ev, e);
	case WORKER_OK:
	case WORKER_STARTED:
	case WORKER_MEM: return 0; /* answers that nobody waits for */
	case WORKER_HELLO:
	case WORKER_LOADED: return worker_fault(x, e, "out_of_turn: %s when nothing asked for it", ev->kind == WORKER_HELLO ? "hello" : "loaded");
	case WORKER_BYE: return worker_fault(x, e, "out_of_turn: it said bye by itself");
	case WORKER_LOG:
	case WORKER_ALIVE: break;
	}
	return 0;
}
