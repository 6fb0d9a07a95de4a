/* Visiting points (see points.h): records, limits, warm-up, rounds, budget, interruption. The order and the budget's
 * arithmetic are in visit_order.c, the requests' loop in drive.c. */
#include "experiment/visit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "experiment/engine_threads.h"
#include "experiment/session.h"

struct tour {
	struct assay_session *s;
	struct assay_points *l;        /* the list being visited, */
	struct assay_points *end;      /* up to here are those still to come */
	int64_t deadline_ns;           /* engine's clock; 0 = none */
};

static void put_json(struct tour *t, enum assay_rec_type type, json_t *o)
{
	t->s->c.sink->put_json(t->s->c.sink, type, o);
}

static int64_t now_ns(const struct tour *t)
{
	return assay_engine_now(t->s->c.engine);
}

static double work_of(const struct tour *t, const struct assay_point *p)
{
	struct assay_point_size z;
	assay_point_measure(t->l, p, t->s->info->max_context, &z);
	return z.output_tokens + ASSAY_WORK_PROMPT * z.prompt_tokens;
}

static double est_ns(void *arg, const struct assay_point *p)
{
	const struct tour *t = arg;
	struct assay_point_size z;
	if (p->seen_ns > 0)
		return p->seen_ns;
	assay_point_measure(t->l, p, t->s->info->max_context, &z);
	struct assay_work w = { .prompt_tokens = z.prompt_tokens, .output_tokens = z.output_tokens, .slots = (double)p->requests,
				.longest_output = z.output_tokens / (double)p->requests };
	if (p->in_flight && p->in_flight < w.slots)
		w.slots = p->in_flight;
	if (t->s->info->max_num_seqs && t->s->info->max_num_seqs < w.slots)
		w.slots = t->s->info->max_num_seqs;
	return assay_rate_visit_ns(&t->s->rate, &w);
}

static void write_point(struct tour *t, struct assay_point *p)
{
	p->index = t->s->next_point++;
	json_t *o = json_pack("{s:i, s:s, s:O, s:i, s:i, s:I, s:b}", "index", (int)p->index, "experiment", p->experiment, "case", p->cse, "runs", p->runs,
			      "warmup", p->warmup, "requests_per_run", (json_int_t)p->requests, "ignore_eos", t->l->sampling.ignore_eos);
	if (p->in_flight) /* else all at once */
		json_object_set_new(o, "concurrency", json_integer(p->in_flight));
	put_json(t, ASSAY_REC_POINT, o);
}

static void note_dropped(struct tour *t, const struct assay_point *p)
{
	const char *why = p->reason[0] ? p->reason : "time budget";
	assay_session_note(t->s, json_pack("{s:s, s:i, s:s, s:O, s:i, s:i, s:s}", "code", "dropped", "point", (int)p->index, "experiment", p->experiment, "case",
					   p->cse, "runs_asked", p->runs, "runs_done", p->done, "reason", why));
}

/* Closes a point: record, note, totals. */
static void finish(struct tour *t, struct assay_point *p, enum assay_point_status status)
{
	static const char *const names[] = { NULL, "ok", "limit", "error", "dropped", "interrupted" };
	struct assay_session_totals *totals = &t->s->totals;
	if (p->closed)
		return;
	p->status = status;
	p->closed = true;
	put_json(t, ASSAY_REC_POINT_END, json_pack("{s:i, s:s, s:s?, s:i}", "index", (int)p->index, "status", names[status], "reason",
						   p->reason[0] && status != ASSAY_POINT_OK ? p->reason : NULL, "runs_done", p->done));
	totals->points_ok += status == ASSAY_POINT_OK;
	totals->points_limit += status == ASSAY_POINT_LIMIT;
	totals->points_error += status == ASSAY_POINT_ERROR;
	totals->interrupted |= status == ASSAY_POINT_INTERRUPTED;
	if (p->done < p->runs && (status == ASSAY_POINT_OK || status == ASSAY_POINT_DROPPED))
		note_dropped(t, p);
	t->s->c.sink->flush(t->s->c.sink);
}

/* True when the point can never run here; the reason says what it needs and what there is. */
static bool over_limit(struct tour *t, struct assay_point *p)
{
	const struct assay_engine_info *i = t->s->info;
	struct assay_point_size z;
	int block = (int)assay_json_get_int(i->effective, "block_size", 1);
	assay_point_measure(t->l, p, i->max_context, &z);
	double kv = z.kv_tokens;
	if (p->workload == ASSAY_WORK_BATCH && block > 1)
		kv = (double)p->requests * ((z.longest + block - 1) / block) * block;
	if (i->max_context && z.longest > i->max_context)
		snprintf(p->reason, sizeof p->reason, "context: needs %d tokens (prompt + output), has %d", z.longest, i->max_context);
	else if (i->kv_tokens && (uint64_t)z.longest > i->kv_tokens)
		snprintf(p->reason, sizeof p->reason, "KV cache: needs %d tokens for one sequence, has %llu", z.longest, (unsigned long long)i->kv_tokens);
	else if (p->resident && i->max_num_seqs && p->requests > (size_t)i->max_num_seqs)
		snprintf(p->reason, sizeof p->reason, "batch: needs %zu sequences at once, has %d (max-num-seqs)", p->requests, i->max_num_seqs);
	else if (p->resident && i->kv_tokens && kv > (double)i->kv_tokens)
		snprintf(p->reason, sizeof p->reason, "KV cache: needs %.0f tokens (%zu sequences of %d), has %llu", kv, p->requests, z.longest,
			 (unsigned long long)i->kv_tokens);
	else
		return false;
	return true;
}

static void note_clipping(struct tour *t, const struct assay_point *p, const struct assay_clipping *c)
{
	if (c->clipped)
		assay_session_note(t->s, json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i}", "code", "clipped", "point", (int)p->index, "requests",
						   (json_int_t)p->requests, "clipped", (json_int_t)c->clipped, "asked_prompt_tokens",
						   (json_int_t)c->asked_prompt, "asked_output_tokens", (json_int_t)c->asked_output, "prompt_tokens",
						   (json_int_t)c->prompt, "output_tokens", (json_int_t)c->output, "longest_asked", c->longest_asked,
						   "max_context", t->s->info->max_context));
}

static int plan_ranges(struct tour *t, const struct assay_point *p, const struct assay_plan_key *k, struct assay_plan *out, struct assay_err *e)
{
	struct assay_length *len = xalloc(p->requests * sizeof *len);
	struct assay_clipping c = { 0 };
	assay_lengths_ranges(k->seed, p->index, p->prompt_range, p->output_range, t->s->info->max_context, len, p->requests, &c);
	if (k->repeat == 0)
		note_clipping(t, p, &c);
	int rc = assay_plan_lengths(k, len, p->requests, out, e);
	free(len);
	return rc;
}

/* Output lengths from the range, the same in every repeat. */
static void draw_outputs(const struct assay_point *p, const struct assay_plan_key *k, struct assay_plan *plan)
{
	struct assay_length *len = xalloc(plan->n * sizeof *len);
	assay_lengths_ranges(k->seed, k->point, (struct assay_len_range){ 1, 1 }, p->output_range, 0, len, plan->n, NULL);
	for (size_t i = 0; i < plan->n; i++)
		plan->reqs[i].max_tokens = len[i].output;
	free(len);
}

static int make_plan(struct tour *t, const struct assay_point *p, int repeat, struct assay_plan *out, struct assay_err *e)
{
	struct assay_plan_key k = { .seed = t->s->c.seed, .point = p->index, .repeat = repeat, .first_id = t->s->next_request, .vocab = t->s->info->vocab,
				    .sampling = t->l->sampling };
	size_t n = repeat < 0 && p->warmup_requests ? p->warmup_requests : p->requests;
	int rc = ASSAY_E_INTERNAL;
	switch (p->workload) {
	case ASSAY_WORK_BATCH:
		rc = t->l->texts.n ? assay_texts_cut(&t->l->texts, &k, n, p->prompt_tokens, p->output_tokens, out, e)
				   : assay_plan_batch(&k, n, p->prompt_tokens, p->output_tokens, out, e);
		break;
	case ASSAY_WORK_RANGES:
		rc = plan_ranges(t, p, &k, out, e);
		break;
	case ASSAY_WORK_EXACT:
		rc = assay_plan_exact(&k, p->preset, out, e);
		break;
	case ASSAY_WORK_TEXT:
		rc = assay_plan_given(&k, t->l->texts.given, t->l->texts.n, n, p->output_tokens, out, e);
		if (!rc && p->output_range.hi)
			draw_outputs(p, &k, out);
		break;
	}
	if (rc)
		return rc;
	if (out->n > n)
		out->n = n;
	out->in_flight = p->in_flight;
	t->s->next_request += (uint32_t)out->n;
	return 0;
}

/* What the engine wrote in answer to the first text prompt of the run. */
static void note_sample(struct tour *t, const struct assay_point *p)
{
	struct assay_session *s = t->s;
	struct assay_buf b;
	if (s->text_shown || p->workload != ASSAY_WORK_TEXT || !s->c.engine->ops->decode || !s->drive.n_sample)
		return;
	assay_buf_init(&b, 1u << 20);
	if (!s->c.engine->ops->decode(s->c.engine, s->drive.sample, s->drive.n_sample, &b) && b.data) {
		json_t *text = json_stringn(b.data, b.len_bytes); /* NULL where the answer is not UTF-8 (cut inside a character) */
		for (size_t n = b.len_bytes; !text && n > 0 && n + 4 > b.len_bytes; n--)
			text = json_stringn(b.data, n - 1);
		if (text) {
			assay_session_note(s, json_pack("{s:s, s:i, s:s, s:o, s:I}", "code", "sample_text", "point", (int)p->index, "prompt", t->l->texts.text[0],
							"text", text, "tokens", (json_int_t)s->drive.n_sample));
			s->text_shown = true;
		}
	}
	assay_buf_release(&b);
}

static void describe_visit(const struct assay_point *p, int repeat, char *out, size_t size)
{
	char what[64];
	if (p->workload == ASSAY_WORK_BATCH)
		snprintf(what, sizeof what, "%zu x %d/%d tokens", p->requests, p->prompt_tokens, p->output_tokens);
	else
		snprintf(what, sizeof what, "%zu requests", p->requests);
	if (repeat < 0)
		snprintf(out, size, "%s, warm-up", what);
	else
		snprintf(out, size, "%s, run %d of %d", what, repeat + 1, p->planned);
}

/* The work that is expected, as planned now. */
static void expect(struct tour *t)
{
	double work = 0;
	for (struct assay_points *l = t->l; l < t->end; l++)
		for (size_t i = 0; i < l->n; i++)
			if (!l->p[i].closed)
				work += (l->p[i].planned - l->p[i].done + (l->p[i].warmed ? 0 : l->p[i].warmup)) * work_of(t, &l->p[i]);
	t->s->tally.total = t->s->tally.done + work;
}

/* What the user wants done before each visit. Nonzero: the visit is not made; on interruption the point stays open. */
static int prepare(struct tour *t, struct assay_point *p, int repeat)
{
	const struct assay_session_hooks *h = &t->s->c.hooks;
	struct assay_err why = ASSAY_ERR_INIT;
	int rc = h->prepare ? h->prepare(h->arg, p->index, repeat, &why) : 0;
	if (rc && !assay_session_stopped(t->s)) {
		snprintf(p->reason, sizeof p->reason, "%.290s", why.msg);
		finish(t, p, ASSAY_POINT_ERROR);
	}
	return rc;
}

/* One run of a point. A failure closes the point; 0 unless the plan itself is impossible. */
static int visit(struct tour *t, struct assay_point *p, int repeat, struct assay_err *e)
{
	struct assay_plan plan = { 0 };
	struct assay_drive_result r;
	struct assay_err why = ASSAY_ERR_INIT;
	char what[120];
	int rc = make_plan(t, p, repeat, &plan, e);
	if (rc)
		return rc;
	describe_visit(p, repeat, what, sizeof what);
	expect(t);
	assay_tally_visit(&t->s->tally, p->experiment, what, now_ns(t));
	if (prepare(t, p, repeat)) {
		assay_plan_release(&plan);
		return 0;
	}
	assay_session_memory(t->s, ASSAY_MEM_BEFORE_RUN, p->index, repeat);
	assay_engine_threads_before(t->s, repeat);
	rc = assay_drive_run(t->s, &plan, p->index, repeat, &r, &why);
	assay_engine_threads_after(t->s, p->index);
	assay_session_memory(t->s, ASSAY_MEM_AFTER_RUN, p->index, repeat);
	assay_session_play(t->s);
	assay_plan_release(&plan);
	if (rc) {
		t->s->totals.engine_failed |= rc == ASSAY_E_ENGINE;
		snprintf(p->reason, sizeof p->reason, "%.290s", why.msg);
		finish(t, p, rc == ASSAY_E_LIMIT ? ASSAY_POINT_LIMIT : ASSAY_POINT_ERROR);
	} else if (r.interrupted) {
		if (repeat < 0)
			snprintf(p->reason, sizeof p->reason, "interrupted in the warm-up");
		else
			snprintf(p->reason, sizeof p->reason, "interrupted in run %d of %d", repeat + 1, p->runs);
		finish(t, p, ASSAY_POINT_INTERRUPTED);
	} else if (repeat >= 0) {
		p->done++;
		if ((double)(r.t1_ns - r.t0_ns) > p->seen_ns)
			p->seen_ns = (double)(r.t1_ns - r.t0_ns);
		if (repeat == 0)
			note_sample(t, p);
	}
	return 0;
}

static int warm_up(struct tour *t, struct assay_point *p, struct assay_err *e)
{
	for (int i = 1; i <= p->warmup && p->status == ASSAY_POINT_OPEN && !assay_session_stopped(t->s); i++) {
		int rc = visit(t, p, -i, e);
		if (rc)
			return rc;
	}
	p->warmed = true;
	return 0;
}

/* Lets the budget decide what remains of this list and the later ones, from what is known now. */
static void keep_budget(struct tour *t)
{
	if (!t->deadline_ns || !assay_rate_known(&t->s->rate))
		return;
	double left_ns = (double)(t->deadline_ns - now_ns(t));
	for (struct assay_points *l = t->l; l < t->end; l++)
		for (size_t i = 0; i < l->n; i++) {
			const struct assay_point *p = &l->p[i];
			if (!p->closed && !p->warmed && p->warmup)
				left_ns -= p->warmup * est_ns(t, p) * (p->warmup_requests ? (double)p->warmup_requests / (double)p->requests : 1);
		}
	assay_visit_fit(t->l, (int)(t->end - t->l), left_ns, est_ns, t);
}

static int one_visit(struct tour *t, struct assay_point *p, struct assay_err *e)
{
	int rc = p->warmed ? 0 : warm_up(t, p, e);
	if (rc || p->closed || assay_session_stopped(t->s))
		return rc;
	keep_budget(t);
	if (p->status != ASSAY_POINT_OPEN || p->done >= p->planned)
		return 0;
	assay_session_probe(t->s);
	rc = visit(t, p, p->done, e);
	if (!rc && !p->closed && p->done >= p->runs)
		finish(t, p, ASSAY_POINT_OK);
	if (!rc && t->s->c.hooks.enough)
		t->s->enough = t->s->c.hooks.enough(t->s->c.hooks.arg);
	return rc;
}

/* Also where no rate is known to plan with. */
static bool time_is_over(const struct tour *t)
{
	return t->deadline_ns && now_ns(t) >= t->deadline_ns;
}

static int round_of(struct tour *t, int round, struct assay_err *e)
{
	uint32_t *order = xalloc(t->l->n * sizeof *order);
	int rc = 0;
	assay_visit_order(t->s->c.seed, t->l->p[0].index, round, t->l->n, order);
	for (size_t i = 0; !rc && i < t->l->n; i++) {
		struct assay_point *p = &t->l->p[order[i]];
		if (!p->closed && assay_session_goes_on(t->s) && !time_is_over(t))
			rc = one_visit(t, p, e);
	}
	free(order);
	return rc;
}

/* Points still open when the rounds are over. */
static void close_rest(struct tour *t)
{
	bool stopped = assay_session_stopped(t->s);
	for (size_t i = 0; i < t->l->n; i++) {
		struct assay_point *p = &t->l->p[i];
		if (p->closed)
			continue;
		if (t->s->engine_gone) {
			snprintf(p->reason, sizeof p->reason, "not run: the engine is gone: %.200s", t->s->gone);
			finish(t, p, ASSAY_POINT_ERROR);
		} else if (stopped) {
			snprintf(p->reason, sizeof p->reason, "interrupted after %d of %d runs", p->done, p->runs);
			finish(t, p, ASSAY_POINT_INTERRUPTED);
		} else {
			if (t->s->enough)
				snprintf(p->reason, sizeof p->reason, "%.290s", t->s->enough);
			finish(t, p, p->done ? ASSAY_POINT_OK : ASSAY_POINT_DROPPED);
		}
	}
}

static void announce(struct tour *t)
{
	for (size_t i = 0; i < t->l->n; i++) {
		write_point(t, &t->l->p[i]);
		if (over_limit(t, &t->l->p[i]))
			finish(t, &t->l->p[i], ASSAY_POINT_LIMIT);
	}
}

/* With a budget, warm-ups come before the first round: they tell the rate that the budget is planned with. */
static int warm_up_first(struct tour *t, struct assay_err *e)
{
	int rc = 0;
	for (size_t i = 0; !rc && i < t->l->n && assay_session_goes_on(t->s) && !time_is_over(t); i++)
		if (!t->l->p[i].closed && t->l->p[i].status == ASSAY_POINT_OPEN && !t->l->p[i].warmed)
			rc = warm_up(t, &t->l->p[i], e);
	return rc;
}

static int visit_list(struct tour *t, struct assay_err *e)
{
	int rounds = 0, rc = 0;
	for (size_t i = 0; i < t->l->n; i++)
		rounds = t->l->p[i].runs > rounds ? t->l->p[i].runs : rounds;
	assay_session_probe(t->s);
	keep_budget(t);
	if (t->deadline_ns)
		rc = warm_up_first(t, e);
	for (int r = 0; !rc && r < rounds && assay_session_goes_on(t->s) && !time_is_over(t); r++)
		rc = round_of(t, r, e);
	assay_session_probe(t->s);
	return rc;
}

static bool any_open(const struct assay_points *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!l->p[i].closed)
			return true;
	return false;
}

/* All lists, one after the other. A budget is planned from rates that are guessed at first, so what it took away is looked at again when all
 * lists were visited: with the time that is left, dropped points are run, then dropped repeats. */
static int visit_lists(struct tour *t, struct assay_points *lists, int64_t budget_ns, struct assay_err *e)
{
	int rc = 0;
	for (int pass = 0; pass < (t->deadline_ns ? 2 : 1); pass++, t->deadline_ns -= budget_ns / 20) /* the second keeps a margin */
		for (t->l = lists; !rc && t->l < t->end; t->l++)
			if (any_open(t->l))
				rc = visit_list(t, e);
	for (t->l = lists; !rc && t->l < t->end; t->l++)
		close_rest(t);
	return rc;
}

int assay_points_visit(struct assay_session *s, struct assay_points *lists, int n_lists, int64_t budget_ns, struct assay_err *e)
{
	struct tour t = { .s = s, .end = lists + n_lists };
	for (t.l = lists; t.l < t.end; t.l++)
		announce(&t);
	if (s->c.max_time_ns) {
		int64_t left_ns = s->opened_ns + s->c.max_time_ns - now_ns(&t);
		left_ns = left_ns > 1 ? left_ns : 1;
		budget_ns = budget_ns && budget_ns < left_ns ? budget_ns : left_ns;
	}
	t.deadline_ns = budget_ns > 0 ? now_ns(&t) + budget_ns : 0;
	return visit_lists(&t, lists, budget_ns, e);
}
