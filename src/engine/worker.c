/* The engine worker:NAME: another process, usually Python, that drives an engine of its own and tells what happens by lines of JSON
 * (docs/worker-protocol.md). This file is the contract; the process is worker_proc.c, its lines worker_talk.c and worker_line.c, its events
 * worker_event.c and worker_run.c, its start worker_start.c. Every number is computed here from the worker's stamps, never by the worker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "engine/model_json.h"
#include "engine/worker_inside.h"
#include "nn/tokenizer.h"

#define QUIT_NS (2 * ASSAY_NS_PER_S)
#define ANSWER_NS (5 * ASSAY_NS_PER_S)
#define STAGE_NS (60 * ASSAY_NS_PER_S)
#define LEFTOVER_NS (60 * ASSAY_NS_PER_S)    /* for a run that was given up and cannot be cancelled */
#define STAGE_BYTES ((size_t)4 << 20)        /* about so much a line */

static struct worker *worker_of(struct assay_engine *g) { return (struct worker *)g; }

static const struct assay_engine_opt_row options[] = {
	{ "python", NULL, "interpreter that runs the worker (its own environment, else python3)" },
	{ "emit", "step|final", "when tokens are told: after each step, or at a request's end (step)" },
	{ "hello_timeout", NULL, "seconds for the process to answer (20)" },
	{ "load_timeout", NULL, "seconds for the model to load (1800)" },
	{ "silence_timeout", NULL, "seconds without an event and without CPU time until it counts as stuck (60)" },
	{ NULL, NULL, NULL },
};

static void worker_close(struct assay_engine *g)
{
	struct worker *x = worker_of(g);
	if (x->proc.pid && !*x->fault && !x->running)
		worker_send(x, "quit", NULL, NULL);
	worker_proc_stop(&x->proc, *x->fault || x->running ? 0 : QUIT_NS);
	json_decref(x->info.model);
	json_decref(x->info.effective);
	json_decref(x->info.load);
	json_decref(x->info.capabilities);
	assay_group_close(x->group);
	worker_lines_release(&x->lines);
	assay_event_queue_release(&x->queue);
	free(x->steps);
	free(x->reqs);
	free(x->name);
	free(x->file);
	free(x->python);
	free(x->log_path);
	json_decref(x->variables);
	free(x->model);
	nn_tokenizer_close(x->tokenizer);
	free(x);
}

/* Seconds of an option, as ns. */
static int seconds(const struct assay_engine_config *c, const char *name, double def, int64_t *out, struct assay_err *e)
{
	const char *text = assay_engine_opt(c, name, NULL);
	char *end = NULL;
	double s = text ? strtod(text, &end) : def;
	if (text && (end == text || *end || !(s > 0 && s <= 1e6)))
		return assay_fail(e, ASSAY_E_USAGE, "--engine-opt %s: \"%.40s\" is not a number of seconds above 0", name, text);
	*out = (int64_t)(s * 1e9);
	return 0;
}

static int make(const struct assay_engine_config *c, struct worker **out, struct assay_err *e)
{
	struct worker *x = *out = xalloc(sizeof *x);
	x->base.ops = &assay_engine_worker;
	x->proc = (struct worker_proc){ .in = -1, .out = -1, .pidfd = -1, .log = -1 };
	x->name = xstrdup(c->arg);
	x->log_path = c->log_dir ? xasprintf("%s/" ASSAY_ENGINE_LOG, c->log_dir) : NULL;
	x->emit = strcmp(assay_engine_opt(c, "emit", "step"), "final") ? "step" : "final";
	x->cancelled = c->cancelled;
	x->cpu_ns = x->weight_bytes = x->kv_used_tokens = x->kv_tokens = -1;
	int rc = seconds(c, "hello_timeout", 20, &x->hello_ns, e);
	rc = rc ? rc : seconds(c, "load_timeout", 1800, &x->load_ns, e);
	return rc ? rc : seconds(c, "silence_timeout", 60, &x->silence_ns, e);
}

static int worker_open(const struct assay_engine_config *c, struct assay_engine **out, struct assay_err *e)
{
	struct worker *x;
	int rc = make(c, &x, e);
	rc = rc ? rc : worker_start(x, c, e);
	x->cancelled = NULL; /* from here on the caller cancels */
	if (rc)
		worker_close(&x->base);
	else
		*out = &x->base;
	return rc;
}

/* Of the packages that it drives it tells the version, or null; one that drives none tells only Python's. */
static bool has_none(const json_t *versions)
{
	const char *name;
	json_t *v;
	size_t there = 0, all = 0;
	json_object_foreach((json_t *)versions, name, v)
		if (strcmp(name, "python")) {
			all++;
			there += json_is_string(v);
		}
	return all && !there;
}

int assay_worker_probe(const struct assay_engine_config *c, struct assay_err *e)
{
	struct worker *x;
	json_t *hello;
	int rc = make(c, &x, e);
	rc = rc ? rc : worker_hello(x, c, &hello, e);
	bool answered = !rc;
	if (!rc && has_none(json_object_get(hello, "versions")))
		rc = assay_fail(e, ASSAY_E_ENGINE, "not installed for %s", x->python);
	if (answered)
		json_decref(hello);
	worker_close(&x->base);
	return rc;
}

static const struct assay_engine_info *worker_info(const struct assay_engine *g) { return &((const struct worker *)g)->info; }

/* ---- requests ---- */

/* Hours of load need no more room than what is under way. */
static void forget_ended(struct worker *x)
{
	size_t n = 0;
	while (n < x->n_reqs && x->reqs[n].ended)
		n++;
	if (n <= x->n_reqs / 2)
		return;
	memmove(x->reqs, x->reqs + n, (x->n_reqs - n) * sizeof *x->reqs);
	x->n_reqs -= n;
}

static struct worker_request *add_request(struct worker *x, const struct assay_request *r)
{
	if (x->n_reqs == x->cap_reqs)
		forget_ended(x);
	if (x->n_reqs == x->cap_reqs) {
		x->cap_reqs = x->cap_reqs ? 2 * x->cap_reqs : 256;
		x->reqs = xrealloc(x->reqs, x->cap_reqs * sizeof *x->reqs);
	}
	struct worker_request *q = &x->reqs[x->n_reqs++];
	*q = (struct worker_request){ .id = r->id, .prompt_tokens = r->prompt_tokens, .max_tokens = r->max_tokens };
	return q;
}

static json_t *request_json(const struct assay_request *r)
{
	json_t *ids = json_array();
	for (int i = 0; i < r->prompt_tokens; i++)
		json_array_append_new(ids, json_integer(r->ids[i]));
	return json_pack("{s:I, s:o, s:i, s:b, s:f, s:f, s:i, s:I}", "r", (json_int_t)r->id, "ids", ids, "max_tokens", r->max_tokens, "ignore_eos", r->sampling.ignore_eos, "temperature",
			 (double)r->sampling.temperature, "top_p", (double)r->sampling.top_p, "top_k", r->sampling.top_k, "seed", (json_int_t)(r->sampling.seed & INT64_MAX));
}

static int check_request(const struct worker *x, const struct assay_request *r, struct assay_err *e)
{
	if (!r->ids)
		return assay_fail(e, ASSAY_E_INTERNAL, "request %u has no token ids", r->id);
	return assay_request_fits(r, x->info.max_context, 0, e);
}

static int send_requests(struct worker *x, json_t *list, bool wait, struct assay_err *e)
{
	x->since_go += (int)json_array_size(list);
	int64_t id = worker_send(x, "submit", json_pack("{s:o}", "reqs", list), e);
	int rc = id < 0 ? (int)id : wait ? worker_await(x, WORKER_OK, id, STAGE_NS, "submit", e) : 0;
	if (!rc && wait)
		worker_event_release(&x->answer);
	return rc;
}

/* What an earlier visit left running ends before the next one begins. */
static int settle(struct worker *x, struct assay_err *e)
{
	int64_t until_ns = assay_now_ns() + LEFTOVER_NS;
	int rc = 0;
	while (!rc && x->running && assay_now_ns() < until_ns)
		rc = worker_listen(x, 50 * ASSAY_NS_PER_MS, e);
	if (!rc && x->running)
		rc = worker_fault(x, e, "timeout: it goes on with requests that were given up, and cannot cancel");
	x->n_reqs = x->n_live = x->staged = 0;
	x->queue.n = x->queue.head = x->first_step = x->n_steps = 0;
	x->limit[0] = 0;
	return rc;
}

/* Requests that all start at once go to the worker before the visit begins, so that writing and reading them is no part of any request's time. */
static int worker_stage(struct assay_engine *g, const struct assay_plan *p, struct assay_err *e)
{
	struct worker *x = worker_of(g);
	json_t *list = json_array();
	size_t bytes = 0;
	bool together = !p->in_flight;
	int rc = settle(x, e);
	for (size_t i = 0; i < p->n; i++)
		together = together && !p->reqs[i].offset_ns && p->reqs[i].ids && !assay_request_fits(&p->reqs[i], x->info.max_context, 0, NULL);
	for (size_t i = 0; !rc && together && i < p->n; i++) {
		add_request(x, &p->reqs[i]);
		json_array_append_new(list, request_json(&p->reqs[i]));
		bytes += 200 + 8 * (size_t)p->reqs[i].prompt_tokens;
		if (bytes > STAGE_BYTES || i + 1 == p->n) {
			rc = send_requests(x, list, true, e);
			list = json_array();
			bytes = 0;
		}
	}
	json_decref(list);
	x->staged = rc || !together ? 0 : p->n;
	return rc;
}

static int worker_submit(struct assay_engine *g, const struct assay_request *r, struct assay_err *e)
{
	struct worker *x = worker_of(g);
	struct worker_request *q = x->staged ? worker_run_find(x, r->id) : NULL;
	int rc = 0;
	if (*x->fault)
		return assay_fail(e, ASSAY_E_ENGINE, "%s", x->fault);
	if (q) {
		x->staged--;
	} else {
		rc = check_request(x, r, e);
		if (!rc)
			rc = send_requests(x, json_pack("[o]", request_json(r)), false, e);
		if (rc)
			return rc;
		q = add_request(x, r);
	}
	q->live = true;
	x->n_live++;
	return 0;
}

static int go(struct worker *x, struct assay_err *e)
{
	int64_t now_ns = assay_now_ns();
	x->go_ns = x->last_ns = now_ns;
	x->progress_ns = x->looked_ns = now_ns;
	x->cpu_ns = -1;
	x->running = true;
	x->since_go = 0;
	int64_t id = worker_send(x, "go", json_pack("{s:s, s:I}", "emit", x->emit, "batch", (json_int_t)x->n_live), e);
	return id < 0 ? (int)id : 0;
}

/* Events to the caller; the step of a STEP event stays until the next poll. */
static int hand_out(struct worker *x, struct assay_event *ev, int cap)
{
	int most = (int)(sizeof x->delivered / sizeof *x->delivered), n = assay_event_queue_take(&x->queue, ev, cap < most ? cap : most);
	for (int i = 0; i < n; i++)
		if (ev[i].kind == ASSAY_EV_STEP) {
			x->delivered[i] = x->steps[x->first_step++];
			ev[i].step = &x->delivered[i];
		}
	return n;
}

static int worker_poll(struct assay_engine *g, struct assay_event *ev, int cap, int64_t timeout_ns, struct assay_err *e)
{
	struct worker *x = worker_of(g);
	int rc = 0;
	if (!x->queue.n && x->n_live && !x->running && !x->staged)
		rc = go(x, e);
	if (!rc && !x->queue.n)
		rc = worker_listen(x, timeout_ns, e);
	if (*x->limit) { /* told once; the requests' own ends follow */
		rc = assay_fail(e, ASSAY_E_LIMIT, "%s", x->limit);
		x->limit[0] = 0;
		return rc;
	}
	return rc && !x->queue.n ? rc : hand_out(x, ev, cap); /* what came before a fault counts; the fault stays */
}

static int worker_cancel(struct assay_engine *g, uint32_t id)
{
	struct worker *x = worker_of(g);
	struct worker_request *q = worker_run_find(x, id);
	if (!q || !q->live)
		return -1;
	if (x->can_cancel && x->running && !*x->fault)
		return worker_send(x, "cancel", json_pack("{s:[I]}", "r", (json_int_t)id), NULL) < 0 ? -1 : 0;
	q->cancelled = true; /* it may go on there; what it says of it is not listened to */
	worker_run_end(x, q, ASSAY_END_CANCELLED, assay_now_ns(), -1, -1);
	return 0;
}

/* ---- memory ---- */

static void ask_memory(struct worker *x)
{
	int64_t id = worker_send(x, "mem", NULL, NULL);
	if (id < 0 || worker_await(x, WORKER_MEM, id, ANSWER_NS, "mem", NULL))
		return;
	const json_t *kv = json_object_get(x->answer.root, "kv");
	x->kv_used_tokens = assay_json_get_int(kv, "used_tokens", -1);
	x->kv_tokens = assay_json_get_int(kv, "tokens", -1);
	worker_event_release(&x->answer);
}

static void worker_memory(struct assay_engine *g, struct assay_engine_memory *m)
{
	struct worker *x = worker_of(g);
	if (x->tells_memory && !x->running && !*x->fault)
		ask_memory(x);
	*m = (struct assay_engine_memory){ .weight_bytes = x->weight_bytes, .kv_pool_bytes = -1, .kv_used_bytes = -1, .kv_peak_bytes = -1, .kv_tokens = x->kv_tokens, .workspace_bytes = -1,
					   .rss_bytes = -1 };
}

/* ---- account ---- */

static json_t *worker_account(struct assay_engine *g)
{
	struct worker *x = worker_of(g);
	json_t *note = x->told_runs ? json_pack("{s:s, s:s, s:I, s:I, s:I}", "code", "worker_reporting", "emit", x->emit, "runs", (json_int_t)x->told_runs, "run_ns", (json_int_t)x->told_ns,
						"report_ns", (json_int_t)x->report_ns) : NULL;
	x->told_runs = x->told_ns = x->report_ns = 0;
	return note;
}

const struct assay_engine_ops assay_engine_worker = {
	.name = "worker",
	.summary = "an engine in another process: NAME of workers/NAME.py, or a file (docs/engines.md)",
	.arg_help = "NAME",
	.opts = options,
	.any_opts = true,
	.open = worker_open,
	.info = worker_info,
	.stage = worker_stage,
	.submit = worker_submit,
	.poll = worker_poll,
	.cancel = worker_cancel,
	.memory = worker_memory,
	.encode = worker_model_encode,
	.decode = worker_model_decode,
	.account = worker_account,
	.close = worker_close,
};
