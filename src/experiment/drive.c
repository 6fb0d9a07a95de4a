/* See drive.h. A request's slot is its id modulo a power of two, so that an event finds its request without a search. */
#include "experiment/drive.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "experiment/session.h"
#include "metrics/outcome.h"

#define POLL_NS (50 * ASSAY_NS_PER_MS)      /* how soon Ctrl-C is seen while nothing happens */
#define DRAIN_NS (60 * ASSAY_NS_PER_S)      /* patience with an engine that was told to cancel */

struct visit {
	struct assay_session *s;
	struct assay_sink *sink;
	struct assay_engine *g;
	const struct assay_plan *plan;   /* or NULL: */
	struct assay_source *source;
	struct assay_drive_result *out;
	struct assay_rec_request *reqs;
	bool *live;
	size_t next, n_live, mask;       /* next: of the plan; mask: slots less one */
	uint32_t first_id, point;
	int32_t repeat;
};

void assay_drive_release(struct assay_drive *d)
{
	free(d->reqs);
	free(d->live);
	*d = (struct assay_drive){ 0 };
}

static void reserve(struct assay_drive *d, size_t n, uint32_t first_id)
{
	size_t slots = 1;
	while (slots < n)
		slots *= 2;
	if (slots > d->cap) {
		d->cap = slots;
		d->reqs = xrealloc(d->reqs, slots * sizeof *d->reqs);
		d->live = xrealloc(d->live, slots * sizeof *d->live);
	}
	memset(d->live, 0, slots * sizeof *d->live);
	d->mask = slots - 1;
	d->first_id = first_id;
	d->n_sample = 0;
}

bool assay_drive_busy(const struct assay_drive *d, uint32_t id)
{
	return d->live[(id - d->first_id) & d->mask];
}

/* A record of request q (NULL: of none). */
static void put(struct visit *v, const struct assay_record *r, const struct assay_rec_request *q)
{
	if (v->source)
		v->source->record(v->source, r, q);
	else
		v->sink->put(v->sink, ASSAY_LANE_DRIVE, r);
}

static void put_visit(struct visit *v, enum assay_rec_type type, uint32_t order)
{
	struct assay_record r = { .type = type };
	r.u.visit = (struct assay_rec_visit){ v->point, v->repeat, order, 0, v->out->t0_ns, type == ASSAY_REC_VISIT_END ? v->out->t1_ns : -1 };
	put(v, &r, NULL);
}

/* Hands over a request intended at due_ns; < 0 = at the moment it is sent. */
static int submit(struct visit *v, const struct assay_request *q, int64_t now_ns, int64_t due_ns, struct assay_err *e)
{
	size_t i = (q->id - v->first_id) & v->mask;
	int rc = v->g->ops->submit(v->g, q, e);
	if (rc)
		return rc;
	if (v->g->ops->sent)
		now_ns = v->g->ops->sent(v->g);
	int64_t intended = due_ns < 0 ? now_ns : due_ns;
	v->reqs[i] = (struct assay_rec_request){ .id = q->id, .point = v->point, .repeat = v->repeat, .end_state = ASSAY_END_UNFINISHED,
						       .prompt_tokens = (uint32_t)q->prompt_tokens, .max_tokens = (uint32_t)q->max_tokens,
						       .reported_tokens = UINT32_MAX, .cached_tokens = UINT32_MAX, .t_intended = intended,
						       .t_sent = now_ns, .t_scheduled = -1, .t_first = -1, .t_last = -1, .t_end = -1 };
	struct assay_record r = { .type = ASSAY_REC_SUBMIT };
	r.u.submit = (struct assay_rec_submit){ q->id, v->point, v->repeat, (uint32_t)q->prompt_tokens, (uint32_t)q->max_tokens, 0, intended, now_ns };
	v->live[i] = true;
	v->n_live++;
	put(v, &r, &v->reqs[i]);
	return 0;
}

/* The plan's next request, or NULL when all slots are taken (closed loop) or none is left. *due_ns as submit() takes it. */
static const struct assay_request *next_planned(const struct visit *v, int64_t *due_ns)
{
	const struct assay_plan *p = v->plan;
	if (v->next >= p->n || (p->in_flight && v->n_live >= (size_t)p->in_flight))
		return NULL;
	const struct assay_request *q = &p->reqs[v->next];
	/* closed loop: intended at the moment its slot is free, which is now */
	*due_ns = q->offset_ns > 0 || !p->in_flight ? v->out->t0_ns + q->offset_ns : -1;
	return q;
}

/* Submits what is due; *wait_ns = time until the next one is, at most POLL_NS. */
static int submit_due(struct visit *v, int64_t *wait_ns, struct assay_err *e)
{
	*wait_ns = POLL_NS;
	for (;;) {
		int64_t now_ns = assay_engine_now(v->g), due_ns = INT64_MAX;
		const struct assay_request *q = v->source ? v->source->peek(v->source, v->n_live, now_ns, &due_ns) : next_planned(v, &due_ns);
		if (due_ns > now_ns && due_ns - now_ns < *wait_ns)
			*wait_ns = due_ns - now_ns;
		if (!q || due_ns > now_ns)
			return 0;
		int rc = submit(v, q, now_ns, due_ns, e);
		if (rc)
			return rc;
		v->next++;
		if (v->source)
			v->source->sent(v->source);
	}
}

static bool over(const struct visit *v)
{
	return v->source ? v->source->over(v->source) : v->next >= v->plan->n;
}

static void on_token(struct visit *v, size_t i, const struct assay_event *ev, int64_t read_ns)
{
	struct assay_rec_request *q = &v->reqs[i];
	struct assay_record r = { .type = ASSAY_REC_TOKEN };
	r.u.token = (struct assay_rec_token){ ev->id, ev->n_tokens, ev->token, ev->bytes, ev->t_ns, read_ns };
	put(v, &r, q);
	if (!v->source)
		assay_tally_tokens(&v->s->tally, q->events ? 0 : q->prompt_tokens, ev->n_tokens, read_ns);
	if (!q->events++) {
		q->t_first = ev->t_ns;
		q->first_tokens = ev->n_tokens;
	}
	q->t_last = ev->t_ns;
	q->output_tokens += ev->n_tokens;
	if (ev->id == v->first_id && ev->n_tokens == 1 && ev->token >= 0 && v->s->drive.n_sample < ASSAY_DRIVE_SAMPLE)
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
	put(v, &r, q);
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
		put(v, &r, NULL);
		assay_rate_add(&v->s->rate, ev->step);
		return;
	}
	size_t i = (ev->id - v->first_id) & v->mask;
	if (!v->live[i] || v->reqs[i].id != ev->id)
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
		if (ev->preemptions_unknown)
			q->preemptions = ASSAY_COUNT_UNKNOWN;
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
	for (size_t i = 0; i <= v->mask; i++)
		if (v->live[i])
			v->g->ops->cancel(v->g, v->reqs[i].id);
	while (!rc && v->n_live && assay_now_ns() < until_ns)
		rc = poll_once(v, POLL_NS, &e);
	if (!v->n_live)
		return;
	v->s->engine_gone = true;
	snprintf(v->s->gone, sizeof v->s->gone, "%.200s", rc ? e.msg : why ? why->msg : "the engine did not answer a cancellation");
	for (size_t i = 0; i <= v->mask; i++)
		if (v->live[i])
			end_request(v, i, end, assay_engine_now(v->g));
}

static int loop(struct visit *v, struct assay_err *e)
{
	while (!over(v) || v->n_live) {
		int64_t wait_ns;
		int rc = submit_due(v, &wait_ns, e);
		if (!rc)
			rc = poll_once(v, wait_ns, e);
		if (rc) {
			drain(v, ASSAY_END_LOCAL_ERROR, e);
			return rc;
		}
		if (assay_session_stopped(v->s)) {
			v->out->interrupted = !over(v) || v->n_live;
			drain(v, ASSAY_END_CANCELLED, NULL);
			return 0;
		}
	}
	return 0;
}

/* A visit about to begin, with room for `most` requests at once. */
static struct visit begin(struct assay_session *s, size_t most, uint32_t first_id, uint32_t point, int32_t repeat, struct assay_drive_result *out)
{
	struct assay_engine *g = s->c.engine;
	reserve(&s->drive, most, first_id);
	if (s->c.sink->settle)
		s->c.sink->settle(s->c.sink);
	if (g->ops->visit)
		g->ops->visit(g, point, repeat, s->next_order);
	*out = (struct assay_drive_result){ 0 };
	out->t0_ns = out->t1_ns = assay_engine_now(g);
	return (struct visit){ .s = s, .sink = s->c.sink, .g = g, .out = out, .reqs = s->drive.reqs, .live = s->drive.live, .mask = s->drive.mask,
			       .first_id = first_id, .point = point, .repeat = repeat };
}

int assay_drive_run(struct assay_session *s, const struct assay_plan *plan, uint32_t point, int32_t repeat, struct assay_drive_result *out,
		    struct assay_err *e)
{
	struct assay_engine *g = s->c.engine;
	int rc = g->ops->stage ? g->ops->stage(g, plan, e) : 0;
	if (rc)
		return rc;
	struct visit v = begin(s, plan->n, plan->n ? plan->reqs[0].id : 0, point, repeat, out);
	uint32_t order = s->next_order++;
	v.plan = plan;
	put_visit(&v, ASSAY_REC_VISIT, order);
	rc = loop(&v, e);
	put_visit(&v, ASSAY_REC_VISIT_END, order);
	return rc;
}

int assay_drive_stream(struct assay_session *s, struct assay_source *source, uint32_t point, struct assay_drive_result *out, struct assay_err *e)
{
	struct visit v = begin(s, source->most_live, source->first_id, point, 0, out);
	v.source = source;
	return loop(&v, e);
}
