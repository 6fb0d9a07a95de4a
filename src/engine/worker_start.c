/* See worker_inside.h: from the name of a worker to a loaded model. Starts the process, proves that its clock is ours, loads, and keeps what
 * the worker says of itself. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "engine/model_json.h"
#include "engine/worker_inside.h"
#include "engine/worker_variables.h"
#include "nn/source.h"

#define PING_NS (10 * ASSAY_NS_PER_S)
enum { PINGS = 16 };

/* ---- process ---- */

static int launch(struct worker *x, const struct assay_engine_config *c, struct assay_err *e)
{
	x->file = worker_find_file(x->name);
	if (!x->file)
		return assay_fail(e, ASSAY_E_USAGE, "--engine worker:%s: there is no such worker: give a file's path, or a NAME of workers/NAME.py (assay engines lists them)", x->name);
	size_t n = strlen(x->file);
	bool script = n > 3 && !strcmp(x->file + n - 3, ".py");
	x->python = script ? worker_find_python(x->name, assay_engine_opt(c, "python", NULL)) : xstrdup("");
	char *argv[] = { script ? x->python : x->file, script ? x->file : NULL, NULL };
	struct worker_given given = { .python = x->python, .threads = c->threads, .kv_bytes = c->kv_bytes, .opts = c->opts, .n_opts = c->n_opts };
	if (worker_variables_read(x->file, &given, &x->variables, e))
		return e->code;
	char **envp = worker_variables_block(x->variables);
	int rc = worker_proc_start(&x->proc, argv, envp, x->log_path, e);
	free(envp);
	if (rc == ASSAY_E_ENGINE && script)
		assay_fail_so(e, ": name its interpreter with --engine-opt python=PATH; assay engines says which there are");
	if (rc)
		return assay_fail_in(e, "worker %s", x->name);
	x->info.place = ASSAY_PLACE_OTHER_PROCESSES;
	x->info.processes.group = x->proc.pid;
	x->group = assay_group_open("", &x->info.processes);
	return 0;
}

/* ---- clock ---- */

/* Stamps of the same clock lie between sending and receiving, so every ping gives bounds, which must leave one difference possible for all. The ping with the shortest way bounds how far the worker's clock can be off; stamps are
 * corrected only when it really is another (a time namespace). */
static int prove_clock(struct worker *x, struct assay_err *e)
{
	int64_t best_ns = INT64_MAX, offset_ns = 0, least_ns = INT64_MIN, most_ns = INT64_MAX;
	for (int i = 0; i < PINGS; i++) {
		int64_t sent_ns = assay_now_ns(), id = worker_send(x, "ping", NULL, e);
		int rc = id < 0 ? (int)id : worker_await(x, WORKER_OK, id, PING_NS, "ping", e);
		int64_t got_ns = assay_now_ns();
		if (rc)
			return rc;
		int64_t there_ns = x->answer.now;
		worker_event_release(&x->answer);
		if (there_ns < 0)
			return worker_fault(x, e, "bad_event: ok: an answer to ping needs now");
		least_ns = there_ns - got_ns > least_ns ? there_ns - got_ns : least_ns;
		most_ns = there_ns - sent_ns < most_ns ? there_ns - sent_ns : most_ns;
		if (least_ns > most_ns)
			return worker_fault(x, e, "bad_clock: its pings contradict each other by %.3f ms: it does not run steadily", (double)(least_ns - most_ns) / 1e6);
		if (got_ns - sent_ns < best_ns) {
			best_ns = got_ns - sent_ns;
			offset_ns = there_ns - (sent_ns + best_ns / 2);
		}
	}
	x->uncertainty_ns = best_ns / 2 + 1;
	x->offset_ns = llabs(offset_ns) > x->uncertainty_ns ? offset_ns : 0;
	return 0;
}

/* ---- load ---- */

/* An option of this engine, not of the worker behind it. */
static bool is_ours(const struct worker *x, const char *opt)
{
	for (const struct assay_engine_opt_row *r = x->base.ops->opts; r->name; r++)
		if (strlen(r->name) == strcspn(opt, "=") && !strncmp(r->name, opt, strlen(r->name)))
			return true;
	return false;
}

static json_t *load_fields(const struct worker *x, const struct assay_engine_config *c, const struct nn_shape *shape)
{
	bool own_dtype = c->dtype && strcmp(c->dtype, "auto");
	json_t *extra = json_object(), *opts = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:b}", "device", "cpu", "dtype", own_dtype ? c->dtype : nn_dtype_name(nn_dtype_auto(shape->stored)),
		"threads", c->threads, "max_num_seqs", c->max_num_seqs, "max_batched_tokens", c->max_batched_tokens, "max_model_len", shape->max_context, "block_size", c->block_size, "seed",
		(json_int_t)c->seed, "trust_remote_code", 0);
	if (c->kv_bytes)
		json_object_set_new(opts, "kv_bytes", json_integer((json_int_t)c->kv_bytes));
	if (c->kv_dtype && strcmp(c->kv_dtype, "auto"))
		json_object_set_new(opts, "kv_dtype", json_string(c->kv_dtype));
	for (int i = 0; i < c->n_opts; i++) {
		char *key = xstrdup(c->opts[i]), *eq = strchr(key, '=');
		json_t *v = json_string(eq + 1);
		*eq = 0;
		if (is_ours(x, c->opts[i]))
			json_decref(v);
		else if (v)
			json_object_set_new(extra, key, v);
		free(key);
	}
	json_object_set_new(opts, "extra", extra);
	return json_pack("{s:s, s:o}", "model", x->model, "opts", opts);
}

static double phase_ms(const json_t *loaded, const char *name)
{
	double ns = assay_json_get_num(json_object_get(loaded, "phases"), name, -1);
	return ns < 0 ? NAN : ns / 1e6;
}

/* {key: v} with v's reference taken; null where v is missing. */
static void put(json_t *o, const char *key, const json_t *v) { json_object_set(o, key, v ? (json_t *)v : json_null()); }

static json_t *capabilities_of(const struct worker *x, const json_t *caps)
{
	const char *key;
	json_t *v, *out = json_object();
	bool in_front = !strcmp(assay_json_get_str(caps, "stamp", "engine"), "frontend");
	json_object_set_new(out, "token_times", json_string(in_front ? "derived" : "exact"));
	json_object_set_new(out, "steps", json_string(!strcmp(x->emit, "final") ? "none: emit=final tells no steps" :
		in_front || json_is_false(json_object_get(caps, "steps")) ? "none: they are made in another process" : "exact"));
	json_object_set_new(out, "memory", json_string("derived"));
	json_object_set_new(out, "bytes_and_flops", json_string(worker_work_capability(x, caps)));
	char *no_text = xasprintf("none: %s", x->info.no_tokenizer);
	json_object_set_new(out, "text", json_string(x->tokenizer ? "derived" : no_text));
	free(no_text);
	json_object_foreach((json_t *)caps, key, v) {
		char *text = json_is_string(v) ? xstrdup(json_string_value(v)) : json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		char *name = xasprintf("worker_%.60s", key);
		json_t *said = json_string(text ? text : "");
		json_object_set_new(out, name, said ? said : json_null());
		free(name);
		free(text);
	}
	return out;
}

static json_t *effective_of(const struct worker *x, const json_t *hello, const json_t *loaded)
{
	json_t *o = json_object_get(loaded, "effective");
	o = json_is_object(o) ? json_deep_copy(o) : json_object();
	put(o, "ignored", json_object_get(loaded, "ignored"));
	put(o, "versions", json_object_get(hello, "versions"));
	json_object_set_new(o, "model_directory", x->exported ? json_string(x->model) : json_null());
	json_object_set_new(o, "worker", json_string(x->file));
	json_object_set_new(o, "python", *x->python ? json_string(x->python) : json_null());
	put(o, "environment", x->variables);
	json_object_set_new(o, "emit", json_string(x->emit));
	json_object_set_new(o, "told", json_string(strcmp(x->emit, "final") ? "each_step" : "at_end"));
	json_object_set_new(o, "clock_offset_ns", json_integer(x->offset_ns));
	json_object_set_new(o, "clock_uncertainty_ns", json_integer(x->uncertainty_ns));
	return o;
}

/* Processes beside the group that do the worker's work. */
static void name_processes(struct assay_processes *p, const json_t *pids)
{
	size_t i;
	json_t *v;
	json_array_foreach(pids, i, v)
		if (p->n_pids < ASSAY_PIDS_MAX && json_integer_value(v) > 1 && json_integer_value(v) <= INT32_MAX)
			p->pid[p->n_pids++] = (pid_t)json_integer_value(v);
}

/* A type by its name, where it is one that values are held in. */
static int dtype_of(const json_t *o, const char *key)
{
	int t = nn_dtype_parse(assay_json_get_str(o, key, "auto"));
	return t == NN_AUTO ? -1 : t;
}

static void describe(struct worker *x, const struct assay_engine_config *c, const struct nn_shape *shape, const json_t *hello, int64_t total_ns)
{
	const json_t *loaded = x->answer.root, *info = json_object_get(loaded, "info"), *caps = json_object_get(loaded, "caps");
	struct assay_engine_info *i = &x->info;
	struct assay_model_facts facts = { .dtype = assay_json_get_str(info, "dtype", NULL), .weight_bytes = assay_json_get_num(info, "weight_bytes", -1), .kv_bytes_per_token = -1, .synthetic = shape->synthetic };
	caps = json_is_object(caps) ? caps : json_object_get(hello, "caps");
	snprintf(i->name, sizeof i->name, "worker:%.24s", assay_json_get_str(hello, "engine", x->name));
	snprintf(i->version, sizeof i->version, "%.90s", assay_json_get_str(loaded, "version", assay_json_get_str(hello, "version", "unknown")));
	assay_utf8_line(i->name);
	assay_utf8_line(i->version);
	x->shape = *shape;
	x->dtype = dtype_of(info, "dtype");
	x->kv_dtype = dtype_of(json_object_get(loaded, "effective"), "kv_dtype");
	i->model = assay_model_json(shape, &facts);
	i->effective = effective_of(x, hello, loaded);
	i->load = assay_load_json(phase_ms(loaded, "import"), phase_ms(loaded, "weights"), NAN, phase_ms(loaded, "kv"), phase_ms(loaded, "warmup"), (double)total_ns / 1e6);
	i->capabilities = capabilities_of(x, caps);
	i->vocab = (int)assay_json_get_int(info, "vocab", shape->vocab);
	i->vocab = i->vocab > 0 && i->vocab < shape->vocab ? i->vocab : shape->vocab;
	i->max_context = (int)assay_json_get_int(info, "max_len", shape->max_context);
	i->max_context = i->max_context > 0 && i->max_context < shape->max_context ? i->max_context : shape->max_context;
	int64_t seqs = assay_json_get_int(json_object_get(loaded, "effective"), "max_num_seqs", c->max_num_seqs);
	i->max_num_seqs = seqs > 0 && seqs <= INT_MAX ? (int)seqs : c->max_num_seqs;
	name_processes(&i->processes, json_object_get(loaded, "pids"));
	x->can_cancel = assay_json_get_bool(caps, "cancel", false);
	x->tells_memory = json_object_get(caps, "mem") != NULL;
	x->weight_bytes = assay_json_get_int(info, "weight_bytes", -1);
}

static int load(struct worker *x, const struct assay_engine_config *c, const struct nn_shape *shape, const json_t *hello, struct assay_err *e)
{
	int64_t t0_ns = assay_now_ns(), total_ns = 0, id = worker_send(x, "load", load_fields(x, c, shape), e);
	int rc = id < 0 ? (int)id : worker_await(x, WORKER_LOADED, id, x->load_ns, "load", e);
	if (rc)
		return rc;
	const json_t *caps = json_object_get(x->answer.root, "caps");
	caps = json_is_object(caps) ? caps : json_object_get(hello, "caps");
	if (!json_is_true(json_object_get(caps, "stream")))
		rc = worker_fault(x, e, "unsupported: it tells no token times (caps.stream), and a whole generation's time must not stand for them");
	else
		total_ns = assay_now_ns() - t0_ns;
	if (!rc) {
		worker_model_text(x, c);
		describe(x, c, shape, hello, total_ns);
	}
	worker_event_release(&x->answer);
	return rc;
}

int worker_hello(struct worker *x, const struct assay_engine_config *c, json_t **hello, struct assay_err *e)
{
	if (launch(x, c, e))
		return e->code;
	int64_t id = worker_send(x, "hello", json_pack("{s:i}", "proto", 1), e);
	int rc = id < 0 ? (int)id : worker_await(x, WORKER_HELLO, id, x->hello_ns, "hello", e);
	if (rc)
		return rc;
	*hello = json_incref(x->answer.root);
	worker_event_release(&x->answer);
	if (assay_json_get_int(*hello, "proto", 0) == 1)
		return 0;
	rc = worker_fault(x, e, "proto_mismatch: it speaks protocol %lld, 1 is needed", (long long)assay_json_get_int(*hello, "proto", 0));
	json_decref(*hello);
	return rc;
}

int worker_start(struct worker *x, const struct assay_engine_config *c, struct assay_err *e)
{
	struct nn_shape shape;
	json_t *hello;
	if (nn_shape_of(c->model, &shape, e) || worker_hello(x, c, &hello, e))
		return e->code;
	int rc = prove_clock(x, e);
	if (!rc)
		rc = worker_model_choose(x, c, &shape, json_object_get(hello, "caps"), e);
	if (!rc)
		rc = load(x, c, &shape, hello, e);
	json_decref(hello);
	return rc;
}
