/* The engine that plays a journal back: the same requests in the same runs get the recorded events, at the recorded times, on a
 * virtual clock that jumps from one recorded instant to the next. What was measured beside the requests (memory, samples,
 * ceilings) is handed to the session as it is. So every metric of the replayed run equals the recorded one's. A request that
 * was not recorded there is refused. Knows no model and no metric. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "core/journal.h"
#include "engine/registry.h"

enum item_kind { ITEM_STEP, ITEM_SCHEDULED, ITEM_TOKEN, ITEM_PREEMPTED, ITEM_DONE };

/* Something to be delivered when the clock is at t_ns; in this order within an instant. */
struct item { int64_t t_ns; enum item_kind kind; uint32_t request; size_t seq; };

struct replay {
	struct assay_engine base;
	struct assay_engine_info info;
	struct assay_run run;
	int64_t now_ns, sent_ns;
	uint32_t point; int32_t repeat;       /* the visit that was asked for */
	const struct assay_run_visit *visit;  /* NULL: it was not recorded */
	struct item *items;                   /* of this visit, in time order */
	size_t n_items, at, cap_items;
	bool *gone;                           /* by request of this visit: ended or cancelled */
	size_t submitted, cancelled, cap_requests;
	uint32_t *cancel;                     /* requests that owe a CANCELLED */
	char *command;                        /* that was recorded; for refusals */
};

static struct replay *replay_of(struct assay_engine *g)
{
	return (struct replay *)g;
}

static void replay_close(struct assay_engine *g)
{
	struct replay *x = replay_of(g);
	json_decref(x->info.model);
	json_decref(x->info.effective);
	json_decref(x->info.load);
	json_decref(x->info.capabilities);
	json_decref(x->info.truth);
	assay_run_release(&x->run);
	free(x->items);
	free(x->gone);
	free(x->cancel);
	free(x->command);
	free(x);
}

/* ---- what the header says ---- */
static json_t *part(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);
	return v && !json_is_null(v) ? json_deep_copy(v) : NULL;
}

static char *command_of(const json_t *argv)
{
	char *s = xstrdup("");
	size_t i;
	json_t *word;
	json_array_foreach(argv, i, word) {
		char *longer = xasprintf("%s%s%.100s", s, i ? " " : "", json_is_string(word) ? json_string_value(word) : "?");
		free(s);
		s = longer;
		if (strlen(s) > 300)
			break;
	}
	return s;
}

static void describe(struct replay *x, const char *dir)
{
	const json_t *h = x->run.header, *engine = json_object_get(h, "engine");
	struct assay_engine_info *i = &x->info;
	strcpy(i->name, "replay");
	strcpy(i->version, "1");
	i->model = part(h, "model");
	i->effective = part(engine, "effective");
	if (!json_is_object(i->effective)) {
		json_decref(i->effective);
		i->effective = json_object();
	}
	json_object_set_new(i->effective, "replay", json_pack("{s:s?, s:O?, s:O?}", "journal", dir, "engine", json_object_get(engine, "name"), "version", json_object_get(engine, "version")));
	i->load = part(engine, "load");
	i->capabilities = part(engine, "capabilities");
	i->truth = part(h, "truth");
	i->vocab = (int)assay_json_get_int(i->model, "vocab", 0);
	i->max_context = (int)assay_json_get_int(i->model, "max_context", 0);
	i->max_num_seqs = (int)assay_json_get_int(i->effective, "max_num_seqs", 0);
	for (size_t k = 0; k < x->run.n_memory && !i->kv_tokens; k++)
		if (x->run.memory[k].kv_tokens > 0) {
			i->kv_tokens = (uint64_t)x->run.memory[k].kv_tokens;
			i->kv_pool_bytes = x->run.memory[k].kv_pool_bytes > 0 ? (uint64_t)x->run.memory[k].kv_pool_bytes : 0;
		}
	i->virtual_clock = true;
	i->recorded = &x->run;
	strcpy(i->no_tokenizer, "a replay has no tokenizer: runs with text prompts cannot be played back");
	x->command = command_of(json_object_get(h, "argv"));
}

/* The session's first instant: when the engine was ready. */
static int64_t first_instant(const struct assay_run *run)
{
	int64_t t_ns = run->visits[0].v.t0_ns;
	for (size_t i = 1; i < run->n_visits; i++)
		if (run->visits[i].v.t0_ns < t_ns)
			t_ns = run->visits[i].v.t0_ns;
	for (size_t i = 0; i < run->n_memory; i++)
		if (run->memory[i].label == ASSAY_MEM_LOADED && run->memory[i].t_ns >= 0 && run->memory[i].t_ns < t_ns)
			t_ns = run->memory[i].t_ns;
	return t_ns;
}

static int replay_open(const struct assay_engine_config *c, struct assay_engine **out, struct assay_err *e)
{
	struct assay_err why = ASSAY_ERR_INIT;
	struct replay *x = xalloc(sizeof *x);
	x->base.ops = &assay_engine_replay;
	int rc = assay_journal_read(c->arg, &x->run, &why);
	if (rc)
		rc = assay_fail(e, ASSAY_E_USAGE, "--engine replay: %.500s", why.msg);
	else if (!x->run.n_visits)
		rc = assay_fail(e, ASSAY_E_USAGE, "--engine replay:%.300s: nothing was measured there: no run of any point was recorded", c->arg);
	else if (x->run.n_windows)
		rc = assay_fail(e, ASSAY_E_USAGE, "--engine replay:%.300s: a stream (assay soak): only its windows are read back, so it cannot be played", c->arg);
	if (rc) {
		replay_close(&x->base);
		return rc;
	}
	describe(x, c->arg);
	x->now_ns = first_instant(&x->run);
	*out = &x->base;
	return 0;
}

static const struct assay_engine_info *replay_info(const struct assay_engine *g)
{
	return &((const struct replay *)g)->info;
}

static int64_t replay_now(struct assay_engine *g)
{
	return replay_of(g)->now_ns;
}

static int64_t replay_sent(struct assay_engine *g)
{
	return replay_of(g)->sent_ns;
}

/* ---- a visit's timeline ---- */
static int item_cmp(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->request != y->request)
		return x->request < y->request ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void add(struct replay *x, int64_t t_ns, enum item_kind kind, uint32_t request, size_t seq)
{
	if (x->n_items == x->cap_items) {
		x->cap_items = x->cap_items ? 2 * x->cap_items : 1024;
		x->items = xrealloc(x->items, x->cap_items * sizeof *x->items);
	}
	x->items[x->n_items++] = (struct item){ t_ns, kind, request, seq };
}

static int64_t read_at(const struct assay_rec_token *t)
{
	return t->t_read >= 0 ? t->t_read : t->t_engine;
}

/* Returns the instant of its end. */
static int64_t add_request(struct replay *x, uint32_t i)
{
	const struct assay_run_request *q = &x->run.requests[x->visit->first_request + i];
	int64_t end_ns = q->r.t_end > q->r.t_sent ? q->r.t_end : q->r.t_sent;
	for (size_t k = 0; k < q->n_tokens; k++) {
		int64_t t_ns = read_at(&q->tokens[k]);
		add(x, t_ns, ITEM_TOKEN, i, k);
		end_ns = t_ns > end_ns ? t_ns : end_ns;
	}
	if (q->r.t_scheduled >= 0)
		add(x, q->n_tokens ? read_at(&q->tokens[0]) : end_ns, ITEM_SCHEDULED, i, 0);
	for (uint32_t k = 0; q->r.preemptions != UINT32_MAX && k < q->r.preemptions && k < q->n_tokens + 1000; k++)
		add(x, end_ns, ITEM_PREEMPTED, i, k);
	add(x, end_ns, ITEM_DONE, i, 0);
	return end_ns;
}

static const struct assay_run_visit *find_visit(const struct assay_run *run, uint32_t point, int32_t repeat)
{
	const struct assay_run_point *p = point < run->n_points ? &run->points[point] : NULL;
	for (size_t i = 0; p && i < p->n_visits; i++)
		if (run->visits[p->first_visit + i].v.repeat == repeat)
			return &run->visits[p->first_visit + i];
	return NULL;
}

static void replay_visit(struct assay_engine *g, uint32_t point, int32_t repeat, uint32_t order)
{
	struct replay *x = replay_of(g);
	int64_t last_ns = 0;
	(void)order;
	x->point = point;
	x->repeat = repeat;
	x->visit = find_visit(&x->run, point, repeat);
	x->n_items = x->at = x->submitted = x->cancelled = 0;
	if (!x->visit)
		return;
	size_t n = x->visit->n_requests;
	if (n > x->cap_requests) {
		x->cap_requests = n;
		x->gone = xrealloc(x->gone, n * sizeof *x->gone);
		x->cancel = xrealloc(x->cancel, n * sizeof *x->cancel);
	}
	if (n)
		memset(x->gone, 0, n * sizeof *x->gone);
	for (uint32_t i = 0; i < n; i++) {
		int64_t t_ns = add_request(x, i);
		last_ns = t_ns > last_ns ? t_ns : last_ns;
	}
	for (size_t k = 0; k < x->visit->n_steps; k++) { /* none may come after the last request's end: nobody would fetch it */
		int64_t t_ns = x->run.steps[x->visit->first_step + k].t1_ns;
		add(x, t_ns < last_ns ? t_ns : last_ns, ITEM_STEP, 0, k);
	}
	if (x->n_items)
		qsort(x->items, x->n_items, sizeof *x->items, item_cmp);
	x->now_ns = x->visit->v.t0_ns;
}

/* ---- asking ---- */
static int refuse(struct replay *x, struct assay_err *e, const char *why)
{
	const json_t *end = x->point < x->run.n_points ? x->run.points[x->point].end : NULL;
	const char *status = assay_json_get_str(end, "status", ""), *reason = assay_json_get_str(end, "reason", NULL);
	if (!strcmp(status, "limit") && reason)
		return assay_fail(e, ASSAY_E_LIMIT, "%.290s", reason);
	return assay_fail(e, ASSAY_E_ENGINE, "replay: point %u, run %d: %s; recorded was: %s", x->point, x->repeat, why, x->command);
}

static int replay_submit(struct assay_engine *g, const struct assay_request *r, struct assay_err *e)
{
	struct replay *x = replay_of(g);
	char why[200];
	if (!x->visit)
		return refuse(x, e, "not recorded");
	if (x->submitted >= x->visit->n_requests) {
		snprintf(why, sizeof why, "only %zu requests were recorded", x->visit->n_requests);
		return refuse(x, e, why);
	}
	const struct assay_rec_request *q = &x->run.requests[x->visit->first_request + x->submitted].r;
	if (q->id != r->id || q->prompt_tokens != (uint32_t)r->prompt_tokens || q->max_tokens != (uint32_t)r->max_tokens) {
		snprintf(why, sizeof why, "asked is request %u of %d + %d tokens, recorded is request %u of %u + %u", r->id, r->prompt_tokens, r->max_tokens, q->id, q->prompt_tokens,
			 q->max_tokens);
		return refuse(x, e, why);
	}
	x->submitted++;
	x->sent_ns = q->t_sent;
	if (x->sent_ns > x->now_ns)
		x->now_ns = x->sent_ns;
	return 0;
}

static int replay_cancel(struct assay_engine *g, uint32_t id)
{
	struct replay *x = replay_of(g);
	for (size_t i = 0; i < x->submitted; i++)
		if (x->run.requests[x->visit->first_request + i].r.id == id && !x->gone[i]) {
			x->gone[i] = true;
			x->cancel[x->cancelled++] = id;
			return 0;
		}
	return -1;
}

/* ---- answering ---- */
static void fill(struct replay *x, const struct item *m, struct assay_event *v)
{
	static const enum assay_event_kind kinds[] = { ASSAY_EV_STEP, ASSAY_EV_SCHEDULED, ASSAY_EV_TOKEN, ASSAY_EV_PREEMPTED, ASSAY_EV_DONE };
	*v = (struct assay_event){ .kind = kinds[m->kind], .t_ns = m->t_ns, .token = -1, .reported_tokens = -1, .cached_tokens = -1 };
	if (m->kind == ITEM_STEP) {
		v->step = &x->run.steps[x->visit->first_step + m->seq];
		return;
	}
	const struct assay_run_request *q = &x->run.requests[x->visit->first_request + m->request];
	v->id = q->r.id;
	if (m->kind == ITEM_SCHEDULED)
		v->t_ns = q->r.t_scheduled;
	if (m->kind == ITEM_TOKEN) {
		const struct assay_rec_token *t = &q->tokens[m->seq];
		v->t_ns = t->t_engine;
		v->n_tokens = t->n_tokens;
		v->token = t->token;
		v->bytes = t->bytes;
	}
	if (m->kind == ITEM_DONE) {
		v->t_ns = q->r.t_end;
		v->end = (enum assay_end)q->r.end_state;
		v->reported_tokens = q->r.reported_tokens == UINT32_MAX ? -1 : (int64_t)q->r.reported_tokens;
		v->cached_tokens = q->r.cached_tokens == UINT32_MAX ? -1 : (int64_t)q->r.cached_tokens;
		v->preemptions_unknown = q->r.preemptions == UINT32_MAX;
		x->gone[m->request] = true;
	}
}

static int give_cancelled(struct replay *x, struct assay_event *ev, int cap)
{
	int k = 0;
	while (k < cap && x->cancelled)
		ev[k++] = (struct assay_event){ .kind = ASSAY_EV_DONE, .id = x->cancel[--x->cancelled], .t_ns = x->now_ns, .token = -1, .end = ASSAY_END_CANCELLED,
						.reported_tokens = -1, .cached_tokens = -1 };
	return k;
}

static bool is_gone(const struct replay *x, const struct item *m)
{
	return m->kind != ITEM_STEP && x->gone[m->request];
}

/* One instant at a time, so that the clock stands at it when the caller reads it. */
static int replay_poll(struct assay_engine *g, struct assay_event *ev, int cap, int64_t timeout_ns, struct assay_err *e)
{
	struct replay *x = replay_of(g);
	int64_t until_ns = x->now_ns + (timeout_ns > 0 ? timeout_ns : 0);
	int k = give_cancelled(x, ev, cap);
	if (k)
		return k;
	while (x->at < x->n_items && is_gone(x, &x->items[x->at]))
		x->at++;
	if (x->at == x->n_items || x->items[x->at].t_ns > until_ns) {
		x->now_ns = until_ns;
		return 0;
	}
	const struct item *m = &x->items[x->at];
	bool asked = m->kind == ITEM_STEP || m->request < x->submitted;
	if (!asked && m->t_ns <= x->now_ns)
		return refuse(x, e, "a request that was recorded was not asked");
	if (m->t_ns > x->now_ns)
		x->now_ns = m->t_ns;
	for (int64_t t_ns = m->t_ns; k < cap && x->at < x->n_items && x->items[x->at].t_ns == t_ns; x->at++) {
		m = &x->items[x->at];
		if (m->kind != ITEM_STEP && m->request >= x->submitted)
			break; /* due in this very instant: the caller's turn */
		if (!is_gone(x, m))
			fill(x, m, &ev[k++]);
	}
	return k;
}

static void replay_memory(struct assay_engine *g, struct assay_engine_memory *m)
{
	(void)g;
	*m = (struct assay_engine_memory){ -1, -1, -1, -1, -1, -1, -1 };
}

const struct assay_engine_ops assay_engine_replay = {
	.name = "replay",
	.summary = "plays a result's journal back: the same command gives the same numbers",
	.arg_help = "DIR",
	.open = replay_open,
	.info = replay_info,
	.submit = replay_submit,
	.poll = replay_poll,
	.cancel = replay_cancel,
	.memory = replay_memory,
	.now = replay_now,
	.sent = replay_sent,
	.visit = replay_visit,
	.close = replay_close,
};
