/* See worker_event.h. */
#include "engine/worker_event.h"

#include <string.h>

static const char *const kinds[] = { "hello", "loaded", "ok", "started", "step", "done", "idle", "mem", "error", "log", "bye", "alive" };
enum { N_KINDS = sizeof kinds / sizeof *kinds, HEAD_MAX = 1024, PREEMPTED_MAX = 65536 };
#define TIME_MAX (INT64_MAX / 4)

static int bad(struct assay_err *e, const struct worker_event *ev, const char *what)
{
	return assay_fail(e, ASSAY_E_ENGINE, "bad_event: %s: %s", kinds[ev->kind], what);
}

/* A whole number of 0 to max; null or absent: -1 when it may be. */
static int whole(const struct worker_event *ev, const char *key, bool may_lack, int64_t max, int64_t *out, struct assay_err *e)
{
	const json_t *v = json_object_get(ev->root, key);
	*out = -1;
	if (may_lack && (!v || json_is_null(v)))
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max) {
		char what[120];
		snprintf(what, sizeof what, "%s must be a whole number of 0 to %lld", key, (long long)max);
		return bad(e, ev, what);
	}
	*out = json_integer_value(v);
	return 0;
}

static const json_t *list(const struct worker_event *ev, const char *key) { return json_object_get(ev->root, key); }

static bool good_list(const json_t *l, int64_t max)
{
	for (size_t i = 0; i < json_array_size(l); i++) {
		const json_t *v = json_array_get(l, i);
		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max)
			return false;
	}
	return !l || json_is_null(l) || json_is_array(l);
}

static int parse_step(struct worker_event *ev, struct assay_err *e)
{
	const char *kind = json_string_value(json_object_get(ev->root, "kind"));
	ev->step = kind && !strcmp(kind, "prefill") ? ASSAY_STEP_PREFILL : kind && !strcmp(kind, "decode") ? ASSAY_STEP_DECODE : ASSAY_STEP_MIXED;
	if (whole(ev, "t0", true, TIME_MAX, &ev->t0, e) || whole(ev, "t1", false, TIME_MAX, &ev->t1, e) || whole(ev, "run", true, UINT32_MAX, &ev->run, e) ||
	    whole(ev, "wait", true, UINT32_MAX, &ev->wait, e) || whole(ev, "n_prefill", true, UINT32_MAX, &ev->n_prefill, e) ||
	    whole(ev, "n_decode", true, UINT32_MAX, &ev->n_decode, e) || whole(ev, "preempted", true, UINT32_MAX, &ev->preempted, e) || whole(ev, "kv_used", true, UINT32_MAX, &ev->kv_used, e))
		return e->code;
	if (!ev->tokens.n && !worker_tokens_take(&ev->tokens, list(ev, "tok")))
		return bad(e, ev, "tok must be [[request, [id, ...]], ...]");
	return ev->t0 > ev->t1 ? bad(e, ev, "t1 is before t0") : 0;
}

static int parse_done(struct worker_event *ev, struct assay_err *e)
{
	ev->reason = json_string_value(json_object_get(ev->root, "reason"));
	if (!ev->reason || (strcmp(ev->reason, "length") && strcmp(ev->reason, "stop") && strcmp(ev->reason, "abort") && strcmp(ev->reason, "error")))
		return bad(e, ev, "reason must be length, stop, abort or error");
	if (whole(ev, "r", false, UINT32_MAX, &ev->r, e) || whole(ev, "n_in", true, INT32_MAX, &ev->n_in, e) || whole(ev, "n_out", true, INT32_MAX, &ev->n_out, e) ||
	    whole(ev, "n_cached", true, INT32_MAX, &ev->n_cached, e) || whole(ev, "t", true, TIME_MAX, &ev->t, e) ||
	    whole(ev, "scheduled", true, TIME_MAX, &ev->scheduled, e) || whole(ev, "preempted", true, PREEMPTED_MAX, &ev->preempted, e))
		return e->code;
	return good_list(list(ev, "ts"), TIME_MAX) ? 0 : bad(e, ev, "ts must be a list of times");
}

static int parse_error(struct worker_event *ev, struct assay_err *e)
{
	ev->code = json_string_value(json_object_get(ev->root, "code"));
	ev->msg = json_string_value(json_object_get(ev->root, "msg"));
	ev->fatal = json_is_true(json_object_get(ev->root, "fatal"));
	if (!ev->code)
		return bad(e, ev, "code must be a text");
	if (!ev->msg)
		ev->msg = "";
	return good_list(list(ev, "r"), UINT32_MAX) ? 0 : bad(e, ev, "r must be a list of requests");
}

static int parse_fields(struct worker_event *ev, struct assay_err *e)
{
	int rc = whole(ev, "id", true, INT32_MAX, &ev->id, e);
	switch (ev->kind) {
	case WORKER_STEP: return rc ? rc : parse_step(ev, e);
	case WORKER_DONE: return rc ? rc : parse_done(ev, e);
	case WORKER_ERROR: return rc ? rc : parse_error(ev, e);
	case WORKER_HELLO: return rc ? rc : whole(ev, "now", false, TIME_MAX, &ev->now, e);
	case WORKER_LOADED: return rc || whole(ev, "t0", true, TIME_MAX, &ev->t0, e) ? e->code : whole(ev, "t1", true, TIME_MAX, &ev->t1, e);
	case WORKER_OK: return rc ? rc : whole(ev, "now", true, TIME_MAX, &ev->now, e);
	case WORKER_STARTED: return rc ? rc : whole(ev, "t", false, TIME_MAX, &ev->t, e);
	case WORKER_IDLE: return rc || whole(ev, "t", false, TIME_MAX, &ev->t, e) ? e->code : whole(ev, "report_ns", true, TIME_MAX, &ev->report_ns, e);
	case WORKER_MEM:
	case WORKER_LOG:
	case WORKER_BYE:
	case WORKER_ALIVE: break;
	}
	return rc;
}

/* The line as JSON; a list of tokens at its end goes to out->tokens, and an empty one stands in its place. */
static json_t *parse_line(const char *line, size_t len, struct worker_event *out)
{
	static const char none[] = "\"tok\":[]}";
	char head[HEAD_MAX + sizeof none];
	json_error_t why;
	size_t before = worker_tokens_scan(&out->tokens, line, len);
	if (!before || before > HEAD_MAX) {
		out->tokens.n = 0;
		return json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	}
	memcpy(head, line, before);
	memcpy(head + before, none, sizeof none);
	return json_loadb(head, before + sizeof none - 1, JSON_REJECT_DUPLICATES, &why);
}

int worker_event_parse(const char *line, size_t len, struct worker_event *out, struct assay_err *e)
{
	struct assay_err mine = ASSAY_ERR_INIT;
	e = e ? e : &mine;
	*out = (struct worker_event){ .id = -1, .t = -1, .t0 = -1, .t1 = -1, .now = -1, .report_ns = -1, .run = -1, .wait = -1, .n_prefill = -1, .n_decode = -1, .kv_used = -1, .preempted = -1,
				      .r = -1, .n_in = -1, .n_out = -1, .n_cached = -1, .scheduled = -1 };
	out->root = parse_line(line, len, out);
	if (!json_is_object(out->root))
		return assay_fail(e, ASSAY_E_ENGINE, "bad_json: a line that is no JSON object: \"%.80s\"", line);
	const char *kind = json_string_value(json_object_get(out->root, "ev"));
	int k = 0;
	while (k < N_KINDS && (!kind || strcmp(kinds[k], kind)))
		k++;
	if (k == N_KINDS)
		return assay_fail(e, ASSAY_E_ENGINE, "bad_event: unknown event \"%.40s\"", kind ? kind : "");
	out->kind = (enum worker_event_kind)k;
	if (out->kind != WORKER_STEP)
		out->tokens.n = 0; /* no other has any */
	return parse_fields(out, e);
}

void worker_event_release(struct worker_event *ev)
{
	json_decref(ev->root);
	worker_tokens_release(&ev->tokens);
	ev->root = NULL;
}

size_t worker_event_n_tok(const struct worker_event *ev) { return ev->tokens.n; }

size_t worker_event_tok(const struct worker_event *ev, size_t i, int64_t *r, int32_t *first)
{
	const struct worker_token *x = &ev->tokens.list[i];
	*r = x->r;
	*first = x->first;
	return x->n;
}

size_t worker_event_n_ts(const struct worker_event *ev) { return json_array_size(list(ev, "ts")); }
int64_t worker_event_ts(const struct worker_event *ev, size_t i) { return json_integer_value(json_array_get(list(ev, "ts"), i)); }
size_t worker_event_n_failed(const struct worker_event *ev) { return json_array_size(list(ev, "r")); }
int64_t worker_event_failed(const struct worker_event *ev, size_t i) { return json_integer_value(json_array_get(list(ev, "r"), i)); }
