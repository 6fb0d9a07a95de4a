/* See stream.h. Boundaries of windows and phases lie at exact times; what the engine reports is counted where its own stamp says. */
#include "experiment/stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "experiment/live.h"
#include "metrics/window.h"
#include "workload/prompts.h"

#define RSS_PERIOD_NS ASSAY_NS_PER_S
#define TELL_EVERY 64                 /* turns of the loop between two looks at the clock for progress */
#define SHORT_NS ASSAY_NS_PER_MS      /* a window that lacks less is whole */

struct stream {
	struct assay_source base;          /* first */
	struct assay_session *s;
	const struct assay_stream_config *c;
	struct assay_window *w;
	struct assay_request *reqs;        /* by slot, as are: */
	int32_t *ids;                      /* [slot][prompt.hi] */
	size_t slots;
	bool started, tail;
	int64_t origin_ns;                 /* engine's time at which the series began (gaps left out) */
	int64_t window_end_ns, phase_end_ns, end_ns, rss_due_ns, cpu_ns, t0_phase_ns, told_ns, begun_ns;
	struct assay_load_phase phase;
	struct assay_live live;            /* what is told of the run */
	uint32_t visit_order, turns;
	int32_t repeat[ASSAY_LOAD_ITEMS];
	/* arrivals */
	uint64_t arrival_key, draws, index, sampling_key;
	double count;                      /* the integral of the load at the next arrival */
	int64_t due_ns;                    /* of it; INT64_MAX: none */
	const struct assay_request *ready; /* what is handed over next */
	uint32_t next_id;
};

static struct stream *stream_of(struct assay_source *s)
{
	return (struct stream *)s;
}

static void put(void *arg, const struct assay_record *r)
{
	struct stream *st = arg;
	st->s->c.sink->put(st->s->c.sink, ASSAY_LANE_DRIVE, r);
}

static double seconds(const struct stream *st, int64_t t_ns)
{
	return (double)(t_ns - st->origin_ns) / 1e9;
}

static int64_t time_of(const struct stream *st, double t_s)
{
	double ns = t_s * 1e9;
	return ns < 9e18 - 1e18 ? st->origin_ns + llround(ns) : INT64_MAX;
}

/* ---- phases and windows ---- */

static void put_visit(struct stream *st, enum assay_rec_type type, int64_t t0_ns, int64_t t1_ns)
{
	struct assay_record r = { .type = type };
	r.u.visit = (struct assay_rec_visit){ st->c->first_point + st->phase.item, st->repeat[st->phase.item], st->visit_order, 0, t0_ns, t1_ns };
	put(st, &r);
}

static void begin_phase(struct stream *st, int64_t t_ns)
{
	st->phase = assay_load_at(st->c->load, seconds(st, t_ns) + 1e-9);
	st->phase_end_ns = time_of(st, st->phase.end_s);
	st->t0_phase_ns = t_ns;
	st->visit_order = st->s->next_order++;
	put_visit(st, ASSAY_REC_VISIT, t_ns, -1);
}

static void end_phase(struct stream *st, int64_t t_ns)
{
	put_visit(st, ASSAY_REC_VISIT_END, st->t0_phase_ns, t_ns);
	st->repeat[st->phase.item]++;
}

static double mean_load(const struct stream *st, int64_t t0_ns, int64_t t1_ns)
{
	double a = seconds(st, t0_ns), b = seconds(st, t1_ns);
	return b > a ? (assay_load_arrivals(st->c->load, b) - assay_load_arrivals(st->c->load, a)) / (b - a) : 0;
}

static void begin_window(struct stream *st, int64_t t_ns, uint32_t index)
{
	struct assay_rec_window head = { .index = index, .point = st->c->first_point + st->phase.item, .repeat = st->repeat[st->phase.item], .t0_ns = t_ns,
					 .t1_ns = -1, .elapsed_ns = t_ns - st->origin_ns, .wall_ns = st->s->info->virtual_clock ? -1 : assay_wall_ns(), .cpu_ns = -1 };
	head.flags = (st->c->probe ? ASSAY_WINDOW_PROBE : 0) | (st->tail ? ASSAY_WINDOW_TAIL : 0);
	st->window_end_ns = st->tail ? INT64_MAX : t_ns + st->c->window_ns;
	if (!st->tail && st->window_end_ns > st->phase_end_ns - SHORT_NS)
		st->window_end_ns = st->phase_end_ns;
	st->cpu_ns = assay_session_cpu_ns(st->s);
	assay_window_begin(st->w, &head);
}

static void end_window(struct stream *st, int64_t t_ns, size_t n_live)
{
	struct assay_rec_window *h = assay_window_head(st->w);
	h->t1_ns = t_ns;
	h->load_per_s = st->tail || st->phase.closed ? 0 : mean_load(st, h->t0_ns, t_ns);
	h->flags |= !st->tail && t_ns - h->t0_ns < st->c->window_ns - SHORT_NS ? ASSAY_WINDOW_SHORT : 0;
	h->next_id = st->next_id;
	if (n_live != SIZE_MAX)
		h->live_end = (uint32_t)n_live;
	assay_window_rss(st->w, assay_session_rss(st->s));
	int64_t cpu_ns = assay_session_cpu_ns(st->s);
	if (st->cpu_ns >= 0 && cpu_ns >= st->cpu_ns) /* else its processes are gone */
		h->cpu_ns = cpu_ns - st->cpu_ns;
	assay_live_window(&st->live, st->w);
	assay_window_put(st->w, put, st);
	st->s->c.sink->flush(st->s->c.sink);
}

/* Ends every window and phase that is over at t. */
static void roll(struct stream *st, int64_t t_ns, size_t n_live)
{
	while (!st->tail && t_ns >= st->window_end_ns) {
		int64_t at_ns = st->window_end_ns;
		uint32_t index = assay_window_head(st->w)->index + 1;
		end_window(st, at_ns, n_live);
		st->tail = at_ns >= st->end_ns;
		if (!st->tail && at_ns >= st->phase_end_ns) {
			end_phase(st, at_ns);
			begin_phase(st, at_ns);
		}
		begin_window(st, at_ns, index);
	}
}

/* ---- requests ---- */

/* The time of the next arrival. */
static void draw_arrival(struct stream *st)
{
	double gap = st->c->constant ? 1 : -log1p(-assay_rng_unit(st->arrival_key, st->draws++));
	st->count += gap;
	double t_s = assay_load_time(st->c->load, st->count);
	st->due_ns = isinf(t_s) ? INT64_MAX : time_of(st, t_s);
}

static void set_prompt(struct stream *st, struct assay_request *q, int32_t *ids, int length)
{
	const struct assay_stream_config *c = st->c;
	if (c->texts->n) {
		const struct assay_given_prompt *g = &c->texts->given[st->index % c->texts->n];
		q->ids = g->ids;
		q->text = g->text;
		q->prompt_tokens = (int)g->n_ids;
		return;
	}
	assay_prompt_fill(st->s->c.seed, c->first_point, (int32_t)(st->index >> 32), (uint32_t)st->index, st->s->info->vocab, ids, (size_t)length);
	q->ids = ids;
	q->prompt_tokens = length;
}

/* Makes the request that goes next, in a slot that nothing in flight holds. */
static void prepare(struct stream *st)
{
	const struct assay_stream_config *c = st->c;
	int clipped;
	while (assay_drive_busy(&st->s->drive, st->next_id))
		st->next_id++;
	size_t slot = (st->next_id - c->first_id) & (st->slots - 1);
	struct assay_length len = assay_length_at(st->s->c.seed, c->first_point, c->prompt, c->output, st->s->info->max_context, st->index, &clipped);
	struct assay_request *q = &st->reqs[slot];
	*q = (struct assay_request){ .id = st->next_id, .max_tokens = len.output, .sampling = c->sampling };
	set_prompt(st, q, st->ids + slot * (size_t)c->prompt.hi, len.prompt);
	q->sampling.seed = assay_rng_at(st->sampling_key, st->index);
	st->ready = q;
}

static bool is_kept(const struct stream *st, uint32_t id)
{
	return st->c->keep_tokens && (id - st->c->first_id) % st->c->keep_tokens == 0;
}

static void used(struct stream *st)
{
	assay_window_head(st->w)->offered++;
	st->next_id++;
	st->index++;
	st->ready = NULL;
}

/* An arrival that finds as many in flight as the client keeps: recorded, counted as a failure, never sent. */
static void refuse(struct stream *st)
{
	struct assay_record r = { .type = ASSAY_REC_SERVED };
	r.u.request = (struct assay_rec_request){ .id = st->ready->id, .point = st->c->first_point + st->phase.item, .repeat = st->repeat[st->phase.item],
						  .end_state = ASSAY_END_UNSENT, .prompt_tokens = (uint32_t)st->ready->prompt_tokens,
						  .max_tokens = (uint32_t)st->ready->max_tokens, .reported_tokens = UINT32_MAX, .cached_tokens = UINT32_MAX,
						  .t_intended = st->due_ns, .t_sent = -1, .t_scheduled = -1, .t_first = -1, .t_last = -1, .t_end = st->due_ns };
	assay_window_ended(st->w, &r.u.request, 0);
	put(st, &r);
	used(st);
	draw_arrival(st);
}

/* ---- the source ---- */

static void start(struct stream *st, int64_t now_ns)
{
	const struct assay_stream_config *c = st->c;
	st->started = true;
	st->begun_ns = now_ns;
	st->origin_ns = now_ns - c->elapsed_ns;
	st->end_ns = time_of(st, c->load->total_s);
	st->count = assay_load_arrivals(c->load, (double)c->elapsed_ns / 1e9);
	draw_arrival(st);
	begin_phase(st, now_ns);
	begin_window(st, now_ns, c->first_window);
}

static void tell_live(struct stream *st, int64_t now_ns)
{
	const struct assay_rec_window *h = assay_window_head(st->w);
	struct assay_live *l = &st->live;
	l->probe = st->c->probe;
	memcpy(l->load, st->c->load->item[st->phase.item], sizeof l->load);
	l->elapsed_s = seconds(st, now_ns < st->end_ns ? now_ns : st->end_ns);
	l->begun_s = (double)st->c->elapsed_ns / 1e9;
	l->total_s = st->c->load->total_s;
	l->window = h->index;
	l->window_s = (double)(st->tail ? now_ns - h->t0_ns : st->window_end_ns - h->t0_ns) / 1e9;
	l->window_elapsed_s = (double)(now_ns - h->t0_ns) / 1e9;
	l->load_per_s = st->tail || st->phase.closed ? NAN : mean_load(st, now_ns, now_ns + ASSAY_NS_PER_MS);
	l->live = h->live_end;
	st->s->c.hooks.live(st->s->c.hooks.arg, l);
}

static void tell(struct stream *st, int64_t now_ns)
{
	const struct assay_session_hooks *h = &st->s->c.hooks;
	int64_t wall_ns = assay_now_ns();
	char what[120];
	if ((!h->live && !h->progress) || wall_ns - st->told_ns < ASSAY_TALLY_PERIOD_NS)
		return;
	st->told_ns = wall_ns;
	if (h->live) {
		tell_live(st, now_ns);
		return;
	}
	double done = st->c->probe ? 0 : seconds(st, now_ns) - (double)st->c->elapsed_ns / 1e9;
	snprintf(what, sizeof what, "%s %s, window %u", st->c->probe ? "probe" : "load", st->c->load->item[st->phase.item], assay_window_head(st->w)->index);
	h->progress(h->arg, "soak", what, done, st->c->load->total_s - (double)st->c->elapsed_ns / 1e9, NAN);
}

static const struct assay_request *peek(struct assay_source *base, size_t n_live, int64_t now_ns, int64_t *due_ns)
{
	struct stream *st = stream_of(base);
	if (!st->started)
		start(st, now_ns);
	roll(st, now_ns, n_live);
	struct assay_rec_window *h = assay_window_head(st->w);
	h->most_live = n_live > h->most_live ? (uint32_t)n_live : h->most_live;
	h->live_end = (uint32_t)n_live;
	if (now_ns >= st->rss_due_ns) {
		assay_window_rss(st->w, assay_session_rss(st->s));
		st->rss_due_ns = now_ns + RSS_PERIOD_NS;
		assay_session_play(st->s);
	}
	if (!(st->turns++ % TELL_EVERY))
		tell(st, now_ns);
	*due_ns = st->window_end_ns;
	if (st->tail || (st->phase.closed && n_live >= st->phase.closed))
		return NULL;
	if (!st->ready)
		prepare(st);
	while (!st->phase.closed && st->due_ns <= now_ns && n_live >= st->c->most_live) {
		refuse(st);
		prepare(st);
	}
	*due_ns = st->phase.closed ? -1 : st->due_ns;
	return st->ready;
}

static void sent(struct assay_source *base)
{
	struct stream *st = stream_of(base);
	assay_window_head(st->w)->kept_requests += is_kept(st, st->ready->id);
	used(st);
	if (!st->phase.closed)
		draw_arrival(st);
}

static bool over(const struct assay_source *base)
{
	return ((const struct stream *)base)->tail;
}

/* A step counts where it ended; its time where it was. */
static void record_step(struct stream *st, const struct assay_rec_step *s)
{
	int64_t begun_ns = assay_window_head(st->w)->t0_ns, from_ns = s->t0_ns > begun_ns ? s->t0_ns : begun_ns; /* a window that ended under it is on record */
	while (!st->tail && s->t1_ns >= st->window_end_ns) {
		if (st->window_end_ns > from_ns) {
			assay_window_busy(st->w, st->window_end_ns - from_ns);
			from_ns = st->window_end_ns;
		}
		roll(st, st->window_end_ns, SIZE_MAX);
	}
	assay_window_step(st->w);
	assay_window_busy(st->w, s->t1_ns - from_ns);
}

static void record(struct assay_source *base, const struct assay_record *r, const struct assay_rec_request *q)
{
	struct stream *st = stream_of(base);
	struct assay_record kept = *r;
	switch (r->type) {
	case ASSAY_REC_TOKEN:
		roll(st, r->u.token.t_engine, SIZE_MAX);
		assay_window_token(st->w, r->u.token.n_tokens, q->events ? r->u.token.t_engine - q->t_last : -1);
		if (!is_kept(st, q->id))
			return;
		kept.type = ASSAY_REC_SERVED_TOKEN;
		break;
	case ASSAY_REC_REQUEST:
		roll(st, q->t_end, SIZE_MAX);
		assay_window_ended(st->w, q, q->first_tokens);
		kept.type = ASSAY_REC_SERVED;
		break;
	case ASSAY_REC_STEP:
		record_step(st, &r->u.step);
		return;
	default:
		return; /* SUBMIT: its end says it all */
	}
	put(st, &kept);
}

/* ---- a whole run ---- */

static void stream_open(struct stream *st, struct assay_session *s, const struct assay_stream_config *c)
{
	size_t slots = 1;
	while (slots < 2 * (size_t)c->most_live)
		slots *= 2;
	*st = (struct stream){ .base = { .most_live = slots, .first_id = c->first_id, .peek = peek, .sent = sent, .over = over, .record = record }, .s = s, .c = c,
			       .slots = slots, .next_id = c->first_id, .index = c->first_index };
	st->w = assay_window_open();
	assay_live_init(&st->live);
	st->reqs = xalloc(slots * sizeof *st->reqs);
	st->ids = xalloc(slots * (size_t)c->prompt.hi * sizeof *st->ids);
	memset(st->ids, 0xff, slots * (size_t)c->prompt.hi * sizeof *st->ids); /* resident from the start */
	memcpy(st->repeat, c->repeat, sizeof st->repeat);
	st->arrival_key = assay_rng_key(assay_rng_key(s->c.seed, assay_hash_name("arrivals")), c->part);
	st->sampling_key = assay_rng_key(assay_rng_key(s->c.seed, assay_hash_name("sampling")), c->first_point);
}

/* The last window, cut where the run stands: everything sent has ended. */
static void finish(struct stream *st, struct assay_stream_result *out)
{
	int64_t now_ns = assay_engine_now(st->s->c.engine);
	if (st->started) {
		roll(st, now_ns, 0);
		out->elapsed_ns = (st->tail ? st->end_ns : now_ns) - st->origin_ns;
		out->next_window = assay_window_head(st->w)->index + 1;
		end_window(st, now_ns, 0);
		end_phase(st, now_ns);
	}
	for (size_t i = 0; i < ASSAY_LOAD_ITEMS; i++)
		out->visits[i] = st->repeat[i] - st->c->repeat[i];
	out->next_id = st->next_id;
	out->next_index = st->index;
	out->next_point = st->c->first_point + st->phase.item;
	assay_window_close(st->w);
	free(st->reqs);
	free(st->ids);
}

int assay_stream_run(struct assay_session *s, const struct assay_stream_config *c, struct assay_stream_result *out, struct assay_err *e)
{
	struct stream st;
	stream_open(&st, s, c);
	*out = (struct assay_stream_result){ .next_window = c->first_window, .elapsed_ns = c->elapsed_ns };
	int rc = assay_drive_stream(s, &st.base, c->first_point, &out->drive, e);
	finish(&st, out);
	return rc;
}
