/* The engine whose truth is an input (sim_file.h): a schedule of steps on a virtual or the real clock. One step is one
 * request's prefill (it gives token 0) or one decode over every running sequence; waiting requests are admitted first,
 * in order, while max_batch and the KV pool (prompt + output reserved) allow. Same input, same events, bit for bit.
 * A visit starts 1 ms after the last event, so that no step belongs to two visits. Knows no model but its shape. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "engine/event_queue.h"
#include "engine/model_json.h"
#include "engine/registry.h"
#include "engine/sim_file.h"
#include "engine/sim_noise.h"
#include "nn/source.h"

struct seq {
	uint32_t id;
	int prompt, give, made;    /* tokens: asked to read, will give, given so far */
	uint64_t nth;              /* request number in the visit: names its noise */
	double stall_ms;
	bool fails, cancelled;
};

struct sim {
	struct assay_engine base;
	struct assay_engine_info info;
	struct assay_sim_spec spec;
	struct assay_sim_noise noise;
	struct assay_event_queue events;
	int64_t now_ns, start_ns;  /* virtual clock; when the engine was ready */
	struct seq *waiting;       /* [head, head + n) of cap */
	size_t head, n_waiting, cap_waiting;
	struct seq *running;
	int n_running, max_batch;
	uint64_t kv_reserved, kv_used, kv_peak, submitted, done, visit_submitted, visit_steps;
	bool stepping;             /* a step is under way and ends at step.t1_ns */
	struct assay_rec_step step, delivered;
	double flops_per_token;
};

static struct sim *sim_of(struct assay_engine *g)
{
	return (struct sim *)g;
}

static int64_t sim_now(struct assay_engine *g)
{
	struct sim *s = sim_of(g);
	return s->spec.virtual_clock ? s->now_ns : assay_now_ns();
}

static void wait_until(struct sim *s, int64_t t_ns)
{
	if (!s->spec.virtual_clock)
		assay_sleep_until_ns(t_ns);
	else if (t_ns > s->now_ns)
		s->now_ns = t_ns;
}

static uint64_t bytes_of(double n)
{
	return n > 0 ? (uint64_t)n : 0;
}

static void sim_close(struct assay_engine *g)
{
	struct sim *s = sim_of(g);
	json_decref(s->info.model);
	json_decref(s->info.effective);
	json_decref(s->info.load);
	json_decref(s->info.capabilities);
	json_decref(s->info.truth);
	assay_sim_spec_release(&s->spec);
	assay_event_queue_release(&s->events);
	free(s->waiting);
	free(s->running);
	free(s);
}

static json_t *truth_of(const struct assay_sim_spec *p)
{
	json_t *t = json_object();
	json_t *c = json_pack("{s:o, s:o}", "read_gb_s", p->read_gb_s > 0 ? json_real(p->read_gb_s) : json_null(), "gemm_gflop_s",
			      p->gemm_gflop_s > 0 ? json_real(p->gemm_gflop_s) : json_null());
	json_object_set_new(t, "ceilings", c);
	json_object_set(t, "telemetry", p->telemetry ? p->telemetry : json_null());
	json_object_set_new(t, "leak_kib_per_request", json_real(p->leak_kib_per_request));
	return t;
}

static void describe(struct sim *s, const struct assay_engine_config *c, const struct nn_shape *shape)
{
	const struct assay_sim_spec *p = &s->spec;
	struct assay_engine_info *i = &s->info;
	struct assay_model_facts facts = { .weight_bytes = p->weights_mib > 0 ? p->weights_mib * 1048576 : -1,
					   .kv_bytes_per_token = p->kv_bytes_per_token > 0 ? p->kv_bytes_per_token : -1 };
	strcpy(i->name, "sim");
	strcpy(i->version, "1");
	i->model = assay_model_json(shape, &facts);
	i->effective = json_pack("{s:s, s:s, s:i, s:i, s:i}", "file", c->arg, "clock", p->virtual_clock ? "virtual" : "real", "max_batch", s->max_batch,
				 "max_num_seqs", c->max_num_seqs, "block_size", 1);
	i->load = assay_load_json(NAN, NAN, NAN, NAN, NAN, p->load_ms);
	i->capabilities = json_pack("{s:s, s:s, s:s, s:s}", "token_times", "exact", "steps", "exact", "memory",
				    p->weights_mib > 0 ? "exact" : "none: the sim file states no weights_mib", "text", "none: generates no text");
	i->truth = truth_of(p);
	i->vocab = shape->vocab;
	i->max_context = shape->max_context;
	i->kv_tokens = (uint64_t)p->kv_tokens;
	i->kv_bytes_per_token = bytes_of(p->kv_bytes_per_token);
	i->kv_pool_bytes = i->kv_tokens * i->kv_bytes_per_token;
	i->max_num_seqs = c->max_num_seqs;
	i->virtual_clock = p->virtual_clock;
	strcpy(i->no_tokenizer, "the sim engine reads and writes no text");
}

static int sim_open(const struct assay_engine_config *c, struct assay_engine **out, struct assay_err *e)
{
	struct nn_shape shape;
	struct assay_sim_spec spec;
	uint64_t stream;
	if (assay_sim_load_stream(c->arg, &spec, &stream, e))
		return e->code;
	if (nn_shape_of(c->model, &shape, e)) {
		assay_sim_spec_release(&spec);
		return e->code;
	}
	struct sim *s = xalloc(sizeof *s);
	s->base.ops = &assay_engine_sim;
	s->spec = spec;
	assay_sim_noise_init(&s->noise, &s->spec);
	s->noise.seed_key = stream ? assay_rng_key(s->noise.seed_key, stream) : s->noise.seed_key;
	s->max_batch = c->max_num_seqs > 0 ? c->max_num_seqs : 256;
	if (spec.max_batch && spec.max_batch < s->max_batch)
		s->max_batch = (int)spec.max_batch;
	s->running = xalloc((size_t)s->max_batch * sizeof *s->running);
	s->cap_waiting = 1024;
	s->waiting = xalloc(s->cap_waiting * sizeof *s->waiting);
	s->flops_per_token = 2.0 * (double)nn_shape_parameters(&shape);
	describe(s, c, &shape);
	if (spec.load_ms > 0)
		wait_until(s, sim_now(&s->base) + llround(spec.load_ms * 1e6));
	s->start_ns = sim_now(&s->base);
	*out = &s->base;
	return 0;
}

static const struct assay_engine_info *sim_info(const struct assay_engine *g)
{
	return &((const struct sim *)g)->info;
}

static void apply_faults(const struct sim *s, struct seq *q)
{
	int64_t n = (int64_t)s->submitted;
	for (int i = 0; i < s->spec.n_faults; i++) {
		const struct assay_sim_fault *f = &s->spec.faults[i];
		if (f->at ? f->at != n : n % f->every != 0)
			continue;
		if (f->kind == ASSAY_SIM_ERROR)
			q->fails = true;
		else if (f->kind == ASSAY_SIM_STALL)
			q->stall_ms += f->ms;
		else
			q->give += f->kind == ASSAY_SIM_EXTRA ? 1 : -1;
	}
	if (q->give < 1)
		q->give = 1;
}

static void make_room(struct sim *s)
{
	if (s->head + s->n_waiting < s->cap_waiting)
		return;
	if (s->head >= s->cap_waiting / 2) {
		memmove(s->waiting, s->waiting + s->head, s->n_waiting * sizeof *s->waiting);
	} else {
		s->cap_waiting *= 2;
		struct seq *q = xalloc(s->cap_waiting * sizeof *q);
		memcpy(q, s->waiting + s->head, s->n_waiting * sizeof *q);
		free(s->waiting);
		s->waiting = q;
	}
	s->head = 0;
}

static int sim_submit(struct assay_engine *g, const struct assay_request *r, struct assay_err *e)
{
	struct sim *s = sim_of(g);
	if (assay_request_fits(r, s->info.max_context, s->info.kv_tokens, e))
		return e->code;
	make_room(s);
	struct seq q = { .id = r->id, .prompt = r->prompt_tokens, .give = r->max_tokens, .nth = s->visit_submitted++ };
	s->submitted++;
	apply_faults(s, &q);
	s->waiting[s->head + s->n_waiting++] = q;
	assay_event_queue_reserve(&s->events, 4 * (s->n_waiting + (size_t)s->n_running) + 8);
	return 0;
}

static bool may_admit(const struct sim *s)
{
	if (!s->n_waiting || s->n_running == s->max_batch)
		return false;
	const struct seq *q = &s->waiting[s->head];
	uint64_t need = (uint64_t)q->prompt + (uint64_t)q->give;
	/* an empty pool always takes the first: a fault may ask one token more than was checked */
	return !s->info.kv_tokens || !s->n_running || s->kv_reserved + need <= s->info.kv_tokens;
}

/* Turns a step's length without noise into its end. */
static void begin(struct sim *s, double ms, uint64_t nth)
{
	s->step.t0_ns = sim_now(&s->base);
	double minutes = (double)(s->step.t0_ns - s->start_ns) / 6e10;
	ms *= assay_sim_noise_step(&s->noise, nth, s->visit_steps++) * pow(1 + s->spec.drift_pct_per_min / 100, minutes);
	s->step.t1_ns = s->step.t0_ns + llround(ms * 1e6);
	s->step.weight_bytes = bytes_of(s->spec.weights_mib * 1048576);
	s->step.flops = (uint64_t)(s->flops_per_token * (s->step.prefill_tokens + s->step.decode_tokens));
	s->step.kv_write_bytes = (s->step.prefill_tokens + s->step.decode_tokens) * s->info.kv_bytes_per_token;
	s->stepping = true;
}

static void begin_prefill(struct sim *s)
{
	struct seq *q = &s->running[s->n_running++];
	*q = s->waiting[s->head++];
	s->n_waiting--;
	if (!s->n_waiting)
		s->head = 0;
	s->kv_reserved += (uint64_t)q->prompt + (uint64_t)q->give;
	s->step = (struct assay_rec_step){ .kind = ASSAY_STEP_PREFILL, .seqs = 1, .prefill_tokens = (uint32_t)q->prompt, .waiting = (uint32_t)s->n_waiting };
	begin(s, s->spec.prefill_fixed_ms + q->prompt * s->spec.prefill_per_token_us / 1e3 + (q->give == 1 ? q->stall_ms : 0), q->nth);
	assay_event_queue_push(&s->events, ASSAY_EV_SCHEDULED, q->id, s->step.t0_ns);
}

static void begin_decode(struct sim *s)
{
	double us = 0, ms = s->spec.decode_fixed_ms;
	uint64_t context = 0;
	for (int i = 0; i < s->n_running; i++) {
		const struct seq *q = &s->running[i];
		context += (uint64_t)(q->prompt + q->made);
		us += s->spec.decode_per_sequence_us + s->spec.decode_per_context_token_us * (q->prompt + q->made);
		ms += q->made == 1 ? q->stall_ms : 0;
	}
	uint32_t n = (uint32_t)s->n_running;
	s->step = (struct assay_rec_step){ .kind = ASSAY_STEP_DECODE, .seqs = n, .decode_tokens = n, .waiting = (uint32_t)s->n_waiting };
	s->step.kv_read_bytes = context * s->info.kv_bytes_per_token;
	begin(s, ms + us / 1e3, s->running[0].nth);
}

static void give_token(struct sim *s, struct seq *q, int64_t t_ns)
{
	struct assay_event *v;
	if (!q->cancelled && !q->fails) {
		v = assay_event_queue_push(&s->events, ASSAY_EV_TOKEN, q->id, t_ns);
		v->n_tokens = 1;
		q->made++;
	}
	if (q->made < q->give && !q->cancelled && !q->fails)
		return;
	v = assay_event_queue_push(&s->events, ASSAY_EV_DONE, q->id, t_ns);
	v->end = q->cancelled ? ASSAY_END_CANCELLED : q->fails ? ASSAY_END_ERROR_EVENT : ASSAY_END_LENGTH;
	v->reported_tokens = q->made;
	v->cached_tokens = 0;
	s->kv_reserved -= (uint64_t)q->prompt + (uint64_t)q->give;
	s->done++;
	q->id = UINT32_MAX; /* dropped by finish() */
}

static void finish(struct sim *s)
{
	int first = s->step.kind == ASSAY_STEP_PREFILL ? s->n_running - 1 : 0, kept = first;
	s->delivered = s->step;
	struct assay_event *v = assay_event_queue_push(&s->events, ASSAY_EV_STEP, 0, s->step.t1_ns);
	v->step = &s->delivered;
	uint64_t used = 0; /* a token's KV is written by the step after the one that made it */
	for (int i = 0; i < s->n_running; i++)
		used += (uint64_t)(s->running[i].prompt + s->running[i].made) - (i < first);
	if (used > s->kv_peak)
		s->kv_peak = used;
	s->delivered.kv_blocks_used = (uint32_t)used;
	for (int i = first; i < s->n_running; i++) {
		struct seq *q = &s->running[i];
		give_token(s, q, s->step.t1_ns);
		if (q->id != UINT32_MAX)
			s->running[kept++] = *q;
	}
	s->n_running = kept;
	s->kv_used = 0;
	for (int i = 0; i < s->n_running; i++)
		s->kv_used += (uint64_t)(s->running[i].prompt + s->running[i].made) - 1;
	s->stepping = false;
}

static int sim_poll(struct assay_engine *g, struct assay_event *ev, int cap, int64_t timeout_ns, struct assay_err *e)
{
	struct sim *s = sim_of(g);
	(void)e;
	if (s->events.n)
		return assay_event_queue_take(&s->events, ev, cap);
	int64_t until_ns = sim_now(g) + (timeout_ns > 0 ? timeout_ns : 0);
	if (!s->stepping) {
		if (may_admit(s))
			begin_prefill(s);
		else if (s->n_running)
			begin_decode(s);
	}
	if (!s->stepping || s->step.t1_ns > until_ns) {
		wait_until(s, until_ns);
	} else {
		wait_until(s, s->step.t1_ns);
		finish(s);
	}
	return assay_event_queue_take(&s->events, ev, cap);
}

static int sim_cancel(struct assay_engine *g, uint32_t id)
{
	struct sim *s = sim_of(g);
	for (int i = 0; i < s->n_running; i++)
		if (s->running[i].id == id) {
			s->running[i].cancelled = true; /* leaves at the end of the next step */
			return 0;
		}
	for (size_t i = 0; i < s->n_waiting; i++) {
		struct seq *q = &s->waiting[s->head + i];
		if (q->id != id)
			continue;
		struct assay_event *v = assay_event_queue_push(&s->events, ASSAY_EV_DONE, id, sim_now(g));
		v->end = ASSAY_END_CANCELLED;
		v->reported_tokens = 0;
		s->n_waiting--;
		s->done++;
		memmove(q, q + 1, (s->n_waiting - i) * sizeof *q);
		return 0;
	}
	return -1;
}

static void sim_memory(struct assay_engine *g, struct assay_engine_memory *m)
{
	struct sim *s = sim_of(g);
	const struct assay_sim_spec *p = &s->spec;
	int64_t bpt = (int64_t)s->info.kv_bytes_per_token;
	bool known = p->weights_mib > 0 || p->leak_kib_per_request > 0;
	*m = (struct assay_engine_memory){ -1, -1, -1, -1, -1, -1, -1 };
	if (p->weights_mib > 0)
		m->weight_bytes = llround(p->weights_mib * 1048576);
	if (bpt) {
		m->kv_used_bytes = (int64_t)s->kv_used * bpt;
		m->kv_peak_bytes = (int64_t)s->kv_peak * bpt;
	}
	if (s->info.kv_tokens) {
		m->kv_tokens = (int64_t)s->info.kv_tokens;
		m->kv_pool_bytes = bpt ? (int64_t)s->info.kv_pool_bytes : -1;
	}
	if (known)
		m->rss_bytes = llround(p->weights_mib * 1048576 + p->leak_kib_per_request * 1024 * (double)s->done) + (int64_t)s->info.kv_pool_bytes;
}

static void sim_visit(struct assay_engine *g, uint32_t point, int32_t repeat, uint32_t order)
{
	struct sim *s = sim_of(g);
	assay_sim_noise_visit(&s->noise, point, repeat);
	s->visit_submitted = s->visit_steps = 0;
	if (order)
		wait_until(s, sim_now(g) + ASSAY_NS_PER_MS);
}

const struct assay_engine_ops assay_engine_sim = {
	.name = "sim",
	.summary = "a schedule given as input, on a virtual or the real clock",
	.arg_help = "FILE",
	.open = sim_open,
	.info = sim_info,
	.submit = sim_submit,
	.poll = sim_poll,
	.cancel = sim_cancel,
	.memory = sim_memory,
	.now = sim_now,
	.visit = sim_visit,
	.close = sim_close,
};
