/* See drive.h. Request ids of a plan are consecutive, so that an event finds its request by subtraction. */
#include "experiment/drive.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "experiment/session.h"

#define POLL_NS (50 * ASSAY_NS_PER_MS)      /* how soon Ctrl-C is seen while nothing happens */
#define DRAIN_NS (60 * ASSAY_NS_PER_S)      /* patience with an engine that was told to cancel */

struct visit {
	struct assay_session *s;
	struct assay_sink *sink;
	struct assay_engine *g;
	const struct assay_plan *plan;
	struct assay_drive_result *out;
	struct assay_rec_request *reqs;
	bool *live;
	size_t next, n_live;
	uint32_t first_id, point;
	int32_t repeat;
};

void assay_drive_release(struct assay_drive *d)
{
	free(d->reqs);
	free(d->live);
	*d = (struct assay_drive){ 0 };
}

static void reserve(struct assay_drive *d, size_t n)
{
	if (n > d->cap) {
		d->cap = n;
		d->reqs = xrealloc(d->reqs, n * sizeof *d->reqs);
		d->live = xrealloc(d->live, n * sizeof *d->live);
	}
	memset(d->live, 0, n * sizeof *d->live);
	d->n_sample = 0;
}

static void put(struct visit *v, const struct assay_record *r)
{
	v->sink->put(v->sink, ASSAY_LANE_DRIVE, r);
}

static void put_visit(struct visit *v, enum assay_rec_type type, uint32_t order)
{
	struct assay_record r = { .type = type };
	r.u.visit = (struct assay_rec_visit){ v->point, v->repeat, order, 0, v->out->t0_ns, type == ASSAY_REC_VISIT_END ? v->out->t1_ns : -1 };
	put(v, &r);
}

/* Hands over the next request. Closed loop: it is intended at the moment its slot is free, which is now. */
static int submit_next(struct visit *v, int64_t now_ns, struct assay_err *e)
{
	const struct assay_request *q = &v->plan->reqs[v->next];
	bool open = q->offset_ns > 0 || !v->plan->in_flight;
	int rc = v->g->ops->submit(v->g, q, e);
	if (rc)
		return rc;
	if (v->g->ops->sent)
		now_ns = v->g->ops->sent(v->g);
	int64_t intended = open ? v->out->t0_ns + q->offset_ns : now_ns;
	v->reqs[v->next] = (struct assay_rec_request){ .id = q->id, .point = v->point, .repeat = v->repeat, .end_state = ASSAY_END_UNFINISHED,
						       .prompt_tokens = (uint32_t)q->prompt_tokens, .max_tokens = (uint32_t)q->max_tokens,
						       .reported_tokens = UINT32_MAX, .cached_tokens = UINT32_MAX, .t_intended = intended,
						       .t_sent = now_ns, .t_scheduled = -1, .t_first = -1, .t_last = -1, .t_end = -1 };
	struct assay_record r = { .type = ASSAY_REC_SUBMIT };
	r.u.submit = (struct assay_rec_submit){ q->id, v->point, v->repeat, (uint32_t)q->prompt_tokens, (uint32_t)q->max_tokens, 0, intended, now_ns };
	put(v, &r);
	v->live[v->next++] = true;
	v->n_live++;
	return 0;
}

static bool slot_free(const struct visit *v)
{
	return v->next < v->plan->n && (!v->plan->in_flight || v->n_live < (size_t)v->plan->in_flight);
}

/* Submits what is due; *wait_ns = time until the next one is, at most POLL_NS. */
static int submit_due(struct visit *v, int64_t *wait_ns, struct assay_err *e)
{
	*wait_ns = POLL_NS;
	while (slot_free(v)) {
		int64_t now_ns = assay_engine_now(v->g), due_ns = v->out->t0_ns + v->plan->reqs[v->next].offset_ns;
		if (due_ns > now_ns) {
			if (due_ns - now_ns < *wait_ns)
				*wait_ns = due_ns - now_ns;
			return 0;
		}
		int rc = submit_next(v, now_ns, e);
		if (rc)
			return rc;
	}
	return 0;
}

static void on_token(struct visit *v, size_t i, const struct assay_event *ev, int64_t read_ns)
{
	struct assay_rec_request *q = &v->reqs[i];
	struct assay_record r = { .type = ASSAY_REC_TOKEN };
	r.u.token = (struct assay_rec_token){ ev->id, ev->n_tokens, ev->token, ev->bytes, ev->t_ns, read_ns };
	put(v, &r);
	assay_tally_tokens(&v->s->tally, q->events ? 0 : q->prompt_tokens, ev->n_tokens, read_ns);
	if (!q->events++)
		q->t_first = ev->t_ns;
	q->t_last = ev->t_ns;
	q->output_tokens += ev->n_tokens;
	if (i == 0 && ev->n_tokens == 1 && ev->token >= 0 && v->s->drive.n_sample < ASSAY_DRIVE_SAMPLE)
		v->s->drive.sample[v->s->drive.n_sample++] = ev->token;
}

/* metrics.md "Success": counted = reported = asked where the engine says it gave all; a stop may come earlier. */
static enum assay_end proved(const struct assay_rec_request *q, enum assay_end end)
{
	if (!assay_end_ok(end))
		return end;
	bool whole = end == ASSAY_END_LENGTH ? q->output_tokens == q->max_tokens : q->output_tokens >= 1 && q->output_tokens <= q->max_tokens;
	bool agrees = q->reported_tokens == UINT32_MAX || q->reported_tokens == q->output_tokens;
	return whole && agrees ? end : ASSAY_END_COUNT_MISMATCH;
}

static void end_request(struct visit *v, size_t i, enum assay_end end, int64_t t_ns)
{
	struct assay_rec_request *q = &v->reqs[i];
	q->end_state = proved(q, end);
	q->t_end = t_ns;
	struct assay_record r = { .type = ASSAY_REC_REQUEST };
	r.u.request = *q;
	put(v, &r);
	v->live[i] = false;
	v->n_live--;
	v->out->ended++;
	if (t_ns > v->out->t1_ns)
		v->out->t1_ns = t_ns;
	if (assay_end_ok(q->end_state)) {
		v->out->ok++;
		v->out->prompt_tokens += q->prompt_tokens;
		v->out->output_tokens += q->output_tokens;
	}
}

static void on_event(struct visit *v, const struct assay_event *ev, int64_t read_ns)
{
	if (ev->kind == ASSAY_EV_STEP) {
		struct assay_record r = { .type = ASSAY_REC_STEP };
		r.u.step = *ev->step;
		put(v, &r);
		assay_rate_add(&v->s->rate, ev->step);
		return;
	}
	size_t i = ev->id - v->first_id;
	if (ev->id < v->first_id || i >= v->next || !v->live[i])
		return; /* of a request that already ended */
	struct assay_rec_request *q = &v->reqs[i];
	switch (ev->kind) {
	case ASSAY_EV_TOKEN:
		on_token(v, i, ev, read_ns);
		break;
	case ASSAY_EV_SCHEDULED:
		if (q->t_scheduled < 0)
			q->t_scheduled = ev->t_ns;
		break;
	case ASSAY_EV_PREEMPTED:
		q->preemptions++;
		break;
	case ASSAY_EV_DONE:
		if (ev->reported_tokens >= 0)
			q->reported_tokens = (uint32_t)ev->reported_tokens;
		if (ev->cached_tokens >= 0)
			q->cached_tokens = (uint32_t)ev->cached_tokens;
		end_request(v, i, ev->end, ev->t_ns);
		break;
	case ASSAY_EV_STEP:
		break;
	}
}

static int poll_once(struct visit *v, int64_t wait_ns, struct assay_err *e)
{
	struct assay_event ev[ASSAY_DRIVE_EVENTS];
	int n = v->g->ops->poll(v->g, ev, ASSAY_DRIVE_EVENTS, wait_ns, e);
	int64_t read_ns = assay_engine_now(v->g);
	for (int i = 0; i < n; i++)
		on_event(v, &ev[i], read_ns);
	return n < 0 ? n : 0;
}

/* Cancels what is alive and waits for the engine to say so. An engine that does not is given up. */
static void drain(struct visit *v, enum assay_end end, const struct assay_err *why)
{
	struct assay_err e = ASSAY_ERR_INIT;
	int64_t until_ns = assay_now_ns() + DRAIN_NS;
	int rc = 0;
	for (size_t i = 0; i < v->next; i++)
		if (v->live[i])
			v->g->ops->cancel(v->g, v->reqs[i].id);
	while (!rc && v->n_live && assay_now_ns() < until_ns)
		rc = poll_once(v, POLL_NS, &e);
	if (!v->n_live)
		return;
	v->s->engine_gone = true;
	snprintf(v->s->gone, sizeof v->s->gone, "%.200s", rc ? e.msg : why ? why->msg : "the engine did not answer a cancellation");
	for (size_t i = 0; i < v->next; i++)
		if (v->live[i])
			end_request(v, i, end, assay_engine_now(v->g));
}

static int loop(struct visit *v, struct assay_err *e)
{
	while (v->next < v->plan->n || v->n_live) {
		int64_t wait_ns;
		int rc = submit_due(v, &wait_ns, e);
		if (!rc)
			rc = poll_once(v, wait_ns, e);
		if (rc) {
			drain(v, ASSAY_END_LOCAL_ERROR, e);
			return rc;
		}
		if (assay_session_stopped(v->s)) {
			v->out->interrupted = v->next < v->plan->n || v->n_live;
			drain(v, ASSAY_END_CANCELLED, NULL);
			return 0;
		}
	}
	return 0;
}

int assay_drive_run(struct assay_session *s, const struct assay_plan *plan, uint32_t point, int32_t repeat, struct assay_drive_result *out,
		    struct assay_err *e)
{
	struct assay_engine *g = s->c.engine;
	uint32_t order = s->next_order++;
	reserve(&s->drive, plan->n);
	if (s->c.sink->settle)
		s->c.sink->settle(s->c.sink);
	if (g->ops->visit)
		g->ops->visit(g, point, repeat, order);
	*out = (struct assay_drive_result){ 0 };
	struct visit v = { .s = s, .sink = s->c.sink, .g = g, .plan = plan, .out = out, .reqs = s->drive.reqs, .live = s->drive.live,
			   .first_id = plan->n ? plan->reqs[0].id : 0, .point = point, .repeat = repeat };
	out->t0_ns = out->t1_ns = assay_engine_now(g);
	put_visit(&v, ASSAY_REC_VISIT, order);
	int rc = loop(&v, e);
	put_visit(&v, ASSAY_REC_VISIT_END, order);
	return rc;
}
