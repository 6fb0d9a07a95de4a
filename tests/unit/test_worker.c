/* The engine worker:FILE against a worker that has no engine and misbehaves on demand (tests/workers/fake_worker.py): a good one is measured by its own
 * stamps, and each fault is named right, leaves no process behind and ends in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "engine/worker_event.h"
#include "engine/worker_line.h"
#include "exp_kit.h"

#define FAKE "worker:tests/workers/fake_worker.py"

static void need_python(void)
{
	if (system("command -v python3 >/dev/null 2>&1")) {
		print_message("python3 is not there\n");
		skip();
	}
}

static int open_fake(const char *fault, const char *const *opts, struct assay_engine **g, struct assay_err *e)
{
	struct assay_engine_config c = { .model = "gpt2", .dtype = "f32", .kv_dtype = "auto", .isa = "auto", .max_num_seqs = 4, .max_batched_tokens = 2048, .block_size = 16, .opts = opts };
	setenv("FAKE_FAULT", fault, 1);
	while (opts && opts[c.n_opts])
		c.n_opts++;
	*g = NULL;
	return assay_engine_open(FAKE, &c, g, e);
}

/* No child of ours is left, not even as a zombie. */
static void no_child(const char *fault)
{
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		fail_msg("%s: a process was left behind", fault);
}


enum where { OPEN, POINT, LIMIT, END, FINE };
static const char *const quick[] = { "silence_timeout=1", NULL }, *const hello[] = { "hello_timeout=0.7", NULL }, *const brief_load[] = { "load_timeout=0.5", NULL }, *const final[] = { "emit=final", NULL };

static const struct fault { const char *fault; enum where where; const char *says; const char *const *opts; char *runs; } faults[] = {
	{ "start:exit", OPEN, "engine_dead: exit status 3; it said: fake worker: dying by exit" },
	{ "hello:silence", OPEN, "timeout: no answer to hello within 0.7 s", hello },
	{ "hello:kill", OPEN, "engine_dead: killed by signal 9 (Killed), perhaps for want of memory" },
	{ "hello:half", OPEN, "engine_dead: exit status 0, in the middle of a line" },
	{ "hello:orphan", OPEN, "engine_dead: exit status 5" },
	{ "hello:garbage", OPEN, "bad_json: a line that is no JSON object" },
	{ "hello:array", OPEN, "bad_json: a line that is no JSON object: \"[1, 2]\"" },
	{ "hello:deep", OPEN, "bad_json: a line that is no JSON object" },
	{ "hello:event", OPEN, "bad_event: unknown event \"surprise\"" },
	{ "hello:long", OPEN, "oversize: a line of more than 16 MiB" },
	{ "hello:fits", FINE, "" },
	{ "hello:name", FINE, "" },
	{ "hello:proto", OPEN, "proto_mismatch: it speaks protocol 2" },
	{ "ping:silence", OPEN, "silent: no event and no CPU time for 1 s", quick },
	{ "clock:other", POINT, "time_backwards: " },
	{ "clock:ahead", POINT, "time_backwards: " },
	{ "clock:behind", POINT, "time_future: " },
	{ "clock:none", OPEN, "bad_event: ok: an answer to ping needs now" },
	{ "clock:jumps", OPEN, "bad_clock: " },
	{ "clock:shifted", FINE, "" },
	{ "load:exit", OPEN, "engine_dead: exit status 3" },
	{ "load:silence", OPEN, "timeout: no answer to load within 0.5 s", brief_load },
	{ "load:oom", OPEN, "oom: no memory for load" },
	{ "load:odd", FINE, "" },
	{ "load:missing", OPEN, "model_not_found: gpt2 is not a directory" },
	{ "load:flood", FINE, "" },
	{ "caps:stream", OPEN, "unsupported: it tells no token times" },
	{ "submit:silence", POINT, "silent: no event and no CPU time for 1 s", quick },
	{ "submit:idle", POINT, "out_of_turn: idle while nothing runs" },
	{ "go:exit", POINT, "engine_dead: exit status 3" },
	{ "go:silence", POINT, "silent: no event and no CPU time for 1 s", quick },
	{ "go:hello", POINT, "out_of_turn: hello" },
	{ "step:exit", POINT, "engine_dead: exit status 3" },
	{ "step:kill", POINT, "engine_dead: killed by signal 9" },
	{ "step:orphan", POINT, "engine_dead: exit status 5" },
	{ "step:half", POINT, "engine_dead: exit status 0, in the middle of a line" },
	{ "step:closed", POINT, "engine_dead: its output ended, the process did not" },
	{ "step:stall", POINT, "silent: ", quick },
	{ "step:stopped", POINT, "silent: ", quick },
	{ "step:garbage", POINT, "bad_json: " },
	{ "step:utf8", POINT, "bad_json: " },
	{ "step:nan", POINT, "bad_json: " },
	{ "step:huge", POINT, "bad_json: " },
	{ "step:double", POINT, "bad_json: " },
	{ "step:blank", POINT, "bad_json: " },
	{ "step:text", POINT, "bad_event: step: t1 must be a whole number" },
	{ "step:big_r", POINT, "bad_event: step: tok must be" },
	{ "step:no_ids", POINT, "bad_event: step: tok must be" },
	{ "step:bad_id", POINT, "bad_event: step: tok must be" },
	{ "step:order", POINT, "bad_event: step: t1 is before t0" },
	{ "step:reason", POINT, "bad_event: done: reason must be" },
	{ "step:idle", POINT, "lost_request: idle, and 3 requests without an end" },
	{ "step:loaded", POINT, "out_of_turn: loaded" },
	{ "step:error", POINT, "internal: something is wrong" },
	{ "step:field", POINT, "bad_event: step: t1 must be a whole number" },
	{ "step:long", POINT, "oversize: " },
	{ "step:flood", FINE, "" },
	{ "step:fatal", POINT, "internal: the engine threw" },
	{ "step:bye", POINT, "out_of_turn: it said bye" },
	{ "step:oom", LIMIT, "out of memory in the worker: no memory for step" },
	{ "idle:exit", FINE, "" }, /* all that was asked had come */
	{ "lie:n_out", END, "count_mismatch" },
	{ "lie:n_in", END, "count_mismatch" },
	{ "lie:surplus", END, "count_mismatch" },
	{ "lie:fewer", END, "count_mismatch" },
	{ "lie:early", END, "count_mismatch" },
	{ "lie:idle", POINT, "time_backwards: the end of a run is stamped ", NULL, "2" },
	{ "lie:cost", POINT, "bad_event: idle: report_ns is more than the run took", NULL, "2" },
	{ "lie:ts_order", POINT, "time_backwards: a token is stamped ", final },
	{ "lie:ts_future", POINT, "time_future: a token is stamped ", final },
	{ "lie:ts_few", END, "count_mismatch", final },
	{ "lie:endless", POINT, "flood: more than 4096 tokens" },
	{ "lie:unknown", POINT, "unknown_request: tokens for request 4000000, which was not submitted" },
	{ "lie:twice", POINT, "unknown_request: the end of request" },
	{ "lie:after", POINT, "unknown_request: tokens for request" },
	{ "lie:lost", POINT, "lost_request: idle, and 1 request without an end" },
	{ "lie:backwards", POINT, "time_backwards: a step is stamped " },
	{ "lie:past", POINT, "time_backwards: a step is stamped " },
	{ "lie:future", POINT, "time_future: a step is stamped " },
	{ "lie:scheduled_past", POINT, "time_backwards: request " },
	{ "lie:scheduled_future", POINT, "time_future: request " },
	{ "lie:preempted", POINT, "bad_event: done: preempted must be a whole number of 0 to 65536" },
};

static void check_run(const struct fault *f, struct assay_engine *g)
{
	static const char *const status[] = { "", "error", "limit", "ok", "ok" };
	struct kit_run r;
	char *args[] = { "--batch", "3", "--prompt-tokens", "8", "--output-tokens", "6", "--runs", f->runs ? f->runs : "1", "--warmup", "0", NULL };
	kit_run(&r, g, "throughput", args, NULL, NULL);
	const char *reason = json_string_value(json_object_get(kit_cold(&r.sink, ASSAY_REC_POINT_END, 0), "reason"));
	const struct assay_record *q;
	bool seen = f->where != END;
	for (size_t i = 0; (q = kit_hot(&r.sink, ASSAY_REC_REQUEST, i)); i++)
		seen = seen || !strcmp(assay_end_name(q->u.request.end_state), f->says);
	if (r.rc || strcmp(kit_status(&r.sink, 0), status[f->where]) || !seen || (f->where != END && !strstr(reason ? reason : "", f->says)))
		fail_msg("%s: %s %s %d %s", f->fault, kit_status(&r.sink, 0), reason ? reason : "", r.rc, r.e.msg);
	kit_sink_release(&r.sink);
}

static void test_faults(void **state)
{
	(void)state;
	need_python();
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		const struct fault *f = &faults[i];
		struct assay_err e = ASSAY_ERR_INIT;
		struct assay_engine *g;
		int64_t t0_ns = assay_now_ns();
		int rc = open_fake(f->fault, f->opts, &g, &e);
		if ((f->where == OPEN) != (rc == ASSAY_E_ENGINE) || (rc && !strstr(e.msg, f->says)) || strchr(e.msg, '\n'))
			fail_msg("%s: %d %s", f->fault, rc, e.msg);
		const char *said = rc ? e.msg : g->ops->info(g)->name;
		if (assay_utf8_valid(said, strlen(said)) < strlen(said))
			fail_msg("%s: not UTF-8", f->fault);
		if (!rc)
			check_run(f, g);
		no_child(f->fault);
		if (assay_now_ns() - t0_ns > 30 * ASSAY_NS_PER_S)
			fail_msg("%s: took %.1f s", f->fault, (double)(assay_now_ns() - t0_ns) / 1e9);
	}
}

/* A deaf worker is ended by force; a caller that cancels the load is heard. */
static bool at_once(void) { return true; }

static void test_force(void **state)
{
	(void)state;
	need_python();
	struct assay_engine *g;
	struct assay_err e = ASSAY_ERR_INIT;
	assert_int_equal(open_fake("quit:deaf", NULL, &g, &e), 0);
	int64_t t0_ns = assay_now_ns();
	g->ops->close(g);
	no_child("quit:deaf");
	assert_true(assay_now_ns() - t0_ns < 15 * ASSAY_NS_PER_S);
	struct assay_engine_config c = { .model = "gpt2", .dtype = "f32", .kv_dtype = "auto", .isa = "auto", .max_num_seqs = 4, .cancelled = at_once };
	setenv("FAKE_FAULT", "load:silence", 1);
	assert_int_equal(assay_engine_open(FAKE, &c, &g, &e), ASSAY_E_INTERRUPT);
	no_child("cancelled load");
}

/* Steps of four GPT-2 sequences of 8 tokens that get 10 more, in f32: bytes and FLOPs counted by hand. */
static void check_work(const struct kit_sink *sink, size_t n)
{
	const uint64_t layers = 12 * (4 * 768 * 768 + 2 * 768 * 3072), head = 50257 * 768, vectors = 12 * (4 * 768 + 3 * 768 + 768 + 3072 + 768) + 2 * 768, position = 2 * 12 * 768 * 4;
	for (size_t i = 0; i < n; i++) {
		const struct assay_rec_step *s = &kit_hot(sink, ASSAY_REC_STEP, i)->u.step;
		uint64_t k = i % 10, fresh = k ? 1 : 8, held = 8 + k, pairs = k ? held : 36;
		assert_true(s->prefill_tokens == (k ? 0 : 32) && s->decode_tokens == (k ? 4 : 0));
		assert_int_equal(s->weight_bytes, 4 * (layers + head + vectors));
		assert_int_equal(s->kv_read_bytes, 4 * held * position);
		assert_int_equal(s->kv_write_bytes, 4 * fresh * position);
		assert_int_equal(s->flops, 4 * (2 * fresh * layers + 2 * head + pairs * 12 * 4 * 768));
	}
}

static const struct { const char *name; const char *const opts[3]; } emits[] = { { "step", { "emit=step", "x=y", NULL } }, { "final", { "x=y", "emit=final", NULL } } };

/* A step takes 4 ms: the first token comes after one, the others 4 ms apart; sequences wait when there are more than four. */
static void test_measures(void **state)
{
	(void)state;
	need_python();
	char *many[] = { "--batch", "4", "--prompt-tokens", "8", "--output-tokens", "10", "--runs", "2", "--warmup", "1", NULL };
	setenv("FAKE_STEP_MS", "4", 1);
	setenv("FAKE_PREEMPTED", "2", 1);
	for (size_t m = 0; m < 2; m++) {
		struct assay_engine *g;
		struct assay_err e = ASSAY_ERR_INIT;
		struct kit_run r;
		const struct assay_record *q, *t;
		size_t n = 0, tokens = 0;
		if (open_fake("", emits[m].opts, &g, &e))
			fail_msg("%s", e.msg);
		const struct assay_engine_info *info = g->ops->info(g);
		assert_string_equal(json_string_value(json_object_get(info->effective, "emit")), emits[m].name);
		assert_true(json_integer_value(json_object_get(info->effective, "clock_uncertainty_ns")) > 0);
		assert_int_equal(json_integer_value(json_object_get(info->effective, "clock_offset_ns")), 0);
		assert_int_equal(json_object_size(json_object_get(info->effective, "extra")), 1); /* x=y, not emit */
		assert_int_equal(info->max_num_seqs, 4);
		assert_string_equal(json_string_value(json_object_get(info->capabilities, "bytes_and_flops")), m ? "none: it tells no steps" : "derived");
		kit_run(&r, g, "throughput", many, NULL, NULL);
		for (; (q = kit_hot(&r.sink, ASSAY_REC_REQUEST, n)); n++) {
			const struct assay_rec_request *x = &q->u.request;
			assert_int_equal(x->end_state, ASSAY_END_LENGTH);
			assert_true(x->output_tokens == 10 && x->events == 10 && x->reported_tokens == 10 && x->cached_tokens == 0);
			assert_true(x->t_intended <= x->t_sent && x->t_sent <= x->t_first && x->t_first < x->t_last && x->t_last <= x->t_end);
			assert_true(x->t_scheduled >= x->t_sent && x->t_scheduled + 4 * ASSAY_NS_PER_MS <= x->t_first && x->preemptions == 2);
			assert_true(x->t_first - x->t_sent >= 4 * ASSAY_NS_PER_MS && x->t_last - x->t_first >= 9 * 4 * ASSAY_NS_PER_MS);
		}
		for (; (t = kit_hot(&r.sink, ASSAY_REC_TOKEN, tokens)); tokens++)
			assert_true(t->u.token.t_engine <= t->u.token.t_read);
		assert_int_equal(n, 12);
		assert_int_equal(tokens, 120);
		assert_int_equal(kit_count(&r.sink, ASSAY_REC_STEP), m ? 0 : 30);
		check_work(&r.sink, m ? 0 : 30);
		assert_string_equal(kit_status(&r.sink, 0), "ok");
		const struct assay_record *mem = kit_hot(&r.sink, ASSAY_REC_MEMORY, 0);
		assert_true(mem->u.memory.rss_bytes > 1000000 && mem->u.memory.weight_bytes == 12345678);
		kit_sink_release(&r.sink);
	}
	unsetenv("FAKE_PREEMPTED");
	unsetenv("FAKE_STEP_MS");
}

/* The worker to copy: workers/toy.py over workers/common.py. More requests than it runs at once, of unequal lengths, told step by step or at the end. */
static void test_toy(void **state)
{
	(void)state;
	need_python();
	char *mixed[] = { "--requests", "40", "--input", "5:30", "--output", "1:20", "--runs", "2", NULL };
	for (size_t m = 0; m < 2; m++) {
		struct assay_engine_config c = { .model = "gpt2", .dtype = "f32", .kv_dtype = "auto", .isa = "auto", .max_num_seqs = 8, .opts = emits[m].opts, .n_opts = 2 };
		struct assay_engine *g;
		struct assay_err e = ASSAY_ERR_INIT;
		struct kit_run r;
		const struct assay_record *q, *s;
		if (assay_engine_open("worker:workers/toy.py", &c, &g, &e))
			fail_msg("%s", e.msg);
		assert_string_equal(json_string_value(json_array_get(json_object_get(g->ops->info(g)->effective, "ignored"), 0)), "x");
		kit_run(&r, g, "offline", mixed, NULL, NULL);
		assert_string_equal(kit_status(&r.sink, 0), "ok");
		for (size_t i = 0; (q = kit_hot(&r.sink, ASSAY_REC_REQUEST, i)); i++) {
			assert_int_equal(q->u.request.end_state, ASSAY_END_LENGTH);
			assert_int_equal(q->u.request.output_tokens, q->u.request.max_tokens);
			assert_true(q->u.request.preemptions == UINT32_MAX && q->u.request.cached_tokens == UINT32_MAX); /* it does not say */
		}
		assert_int_equal(kit_count(&r.sink, ASSAY_REC_REQUEST), 81); /* and a warm-up of one */
		for (size_t i = 0; (s = kit_hot(&r.sink, ASSAY_REC_STEP, i)); i++)
			assert_true(s->u.step.seqs <= 8 && s->u.step.t0_ns < s->u.step.t1_ns);
		kit_sink_release(&r.sink);
		no_child("toy");
	}
}

/* One that does not read its input holds nobody up for longer than its silence may last. */
static void test_unread(void **state)
{
	(void)state;
	need_python();
	char *large[] = { "--requests", "80", "--input", "900:900", "--output", "6:6", "--runs", "1", NULL };
	struct assay_engine *g;
	struct assay_err e = ASSAY_ERR_INIT;
	struct kit_run r;
	if (open_fake("go:unread", quick, &g, &e))
		fail_msg("%s", e.msg);
	kit_run(&r, g, "offline", large, NULL, NULL);
	const char *reason = json_string_value(json_object_get(kit_cold(&r.sink, ASSAY_REC_POINT_END, 0), "reason"));
	if (!reason || !strstr(reason, "timeout: it did not read its input for 1 s"))
		fail_msg("%s", reason ? reason : "no reason");
	kit_sink_release(&r.sink);
	no_child("unread");
}

static bool stop_at(void *arg) { return assay_now_ns() > *(int64_t *)arg; }

/* Ctrl-C in a run, with a worker that can cancel and one that cannot. */
static void test_cancel(void **state)
{
	(void)state;
	need_python();
	static const char *const kinds[] = { "", "caps:cancel" };
	char *endless[] = { "--batch", "2", "--prompt-tokens", "8", "--output-tokens", "900", "--runs", "1", "--warmup", "0", NULL };
	setenv("FAKE_STEP_MS", "20", 1);
	for (size_t k = 0; k < 2; k++) {
		struct assay_engine *g;
		struct assay_err e = ASSAY_ERR_INIT;
		struct kit_run r;
		if (open_fake(kinds[k], NULL, &g, &e))
			fail_msg("%s", e.msg);
		int64_t t0_ns = assay_now_ns(), until_ns = t0_ns + 300 * ASSAY_NS_PER_MS;
		kit_run(&r, g, "throughput", endless, stop_at, &until_ns);
		assert_string_equal(kit_status(&r.sink, 0), "interrupted");
		assert_int_equal(kit_hot(&r.sink, ASSAY_REC_REQUEST, 0)->u.request.end_state, ASSAY_END_CANCELLED);
		assert_true(assay_now_ns() - t0_ns < 8 * ASSAY_NS_PER_S);
		kit_sink_release(&r.sink);
		no_child("cancel");
	}
	unsetenv("FAKE_STEP_MS");
}

/* Bytes one at a time give the same lines as all at once; a line is cut off at its cap. */
static void test_lines(void **state)
{
	(void)state;
	static const char text[] = "{\"a\": 1}\n\nx\ny";
	for (size_t piece = 1; piece < sizeof text; piece++) {
		struct worker_lines l = { 0 };
		char got[100] = "", *line;
		size_t len;
		for (size_t at = 0; at < sizeof text - 1; at += piece) {
			size_t n = sizeof text - 1 - at < piece ? sizeof text - 1 - at : piece;
			assert_int_equal(worker_lines_push(&l, text + at, n), 0);
			while ((line = worker_lines_next(&l, &len))) {
				assert_int_equal(strlen(line), len);
				strcat(strcat(got, line), "|");
			}
		}
		assert_string_equal(got, "{\"a\": 1}||x|");
		assert_int_equal(worker_lines_partial(&l), 1);
		worker_lines_release(&l);
	}
	struct worker_lines l = { 0 };
	static char block[1 << 20];
	size_t len;
	memset(block, 'x', sizeof block);
	for (size_t at = 0; at < WORKER_LINE_MAX - sizeof block; at += sizeof block)
		assert_int_equal(worker_lines_push(&l, block, sizeof block), 0);
	block[sizeof block - 1] = '\n'; /* with its newline it just fits */
	assert_int_equal(worker_lines_push(&l, block, sizeof block), 0);
	assert_non_null(worker_lines_next(&l, &len));
	assert_int_equal(len, WORKER_LINE_MAX - 1);
	block[sizeof block - 1] = 'x';
	for (size_t at = 0; at < WORKER_LINE_MAX - sizeof block; at += sizeof block)
		assert_int_equal(worker_lines_push(&l, block, sizeof block), 0);
	assert_int_equal(worker_lines_push(&l, block, sizeof block), -1);
	worker_lines_release(&l);
}

/* A list of tokens says the same at a line's end, where it is read the short way, and before another key. */
static void test_tokens(void **state)
{
	(void)state;
	static const struct { const char *tok; int n; int64_t sum; } row[] = {
		{ "[]", 0, 0 }, { "[[0,[1]]]", 1, 1 }, { "[[4294967295, [2147483647, -1, 5]], [7,[-1]]]", 2, 4294967295 + 2147483647 + 7 - 1 }, { " [ [ 3 , [ 4 , 5 ] ] ] ", 1, 7 },
		{ "[[0,[0]],[1,[10]],[2,[20]],[3,[30]],[4,[40]]]", 5, 110 },
		{ "[[4294967296,[1]]]", -1, 0 }, { "[[-1,[1]]]", -1, 0 }, { "[[0,[2147483648]]]", -1, 0 }, { "[[0,[-2]]]", -1, 0 }, { "[[0,[]]]", -1, 0 }, { "[[0]]", -1, 0 }, { "[[0,[1],2]]", -1, 0 },
		{ "[[0,[01]]]", -1, 0 }, { "[[00,[1]]]", -1, 0 }, { "[[0,[1.5]]]", -1, 0 }, { "[[0,[1e1]]]", -1, 0 }, { "[[0,[1]],]", -1, 0 }, { "[[0,[1]]", -1, 0 }, { "[[0,[1,]]]", -1, 0 }, { "[[0,[- 1]]]", -1, 0 },
		{ "[[99999999999999999999,[1]]]", -1, 0 }, { "{}", -1, 0 }, { "null", -1, 0 }, { "[[\"0\",[1]]]", -1, 0 },
	};
	static const char *const form[] = { "{\"ev\":\"step\",\"t1\":5,\"tok\":%s}", "{\"ev\":\"step\",\"tok\":%s,\"t1\":5}", "{\"ev\":\"step\",\"t1\":5,\"tok\":%s} \r" };
	static const char *const bad[] = {
		"{\"ev\":\"step\",\"t1\":5,\"x\":{\"tok\":[[0,[1]]]}}", "{\"ev\":\"step\",\"t1\":5,\"tok\":[],\"tok\":[[0,[1]]]}", "{\"ev\":\"step\",\"t1\":5,\"x\":{\"tok\":[[0,[1]]]}", "\"tok\":[[0,[1]]]}",
		"[{\"ev\":\"step\",\"t1\":5,\"tok\":[[0,[1]]]}",
	};
	for (size_t i = 0; i < 3 * sizeof row / sizeof *row; i++) {
		struct worker_event ev;
		int32_t first;
		int64_t r, sum = 0;
		char line[300];
		int n = snprintf(line, sizeof line, form[i % 3], row[i / 3].tok), rc = worker_event_parse(line, (size_t)n, &ev, NULL);
		for (size_t k = 0; !rc && k < worker_event_n_tok(&ev); k++)
			sum += worker_event_tok(&ev, k, &r, &first) ? r + first : 0;
		if (rc ? row[i / 3].n >= 0 : (int)worker_event_n_tok(&ev) != row[i / 3].n || sum != row[i / 3].sum)
			fail_msg("%s: %d", line, rc);
		worker_event_release(&ev);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct worker_event ev;
		assert_int_not_equal(worker_event_parse(bad[i], strlen(bad[i]), &ev, NULL), 0);
		worker_event_release(&ev);
	}
}

static void test_names(void **state)
{
	(void)state;
	struct assay_engine_config c = { .model = "gpt2", .dtype = "f32" };
	struct assay_engine *g = NULL;
	struct assay_err e = ASSAY_ERR_INIT;
	static const char *const bad[] = { "silence_timeout=0", NULL };
	assert_int_equal(assay_engine_open("worker:nosuch", &c, &g, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "there is no such worker"));
	assert_int_equal(assay_engine_open("worker", &c, &g, &e), ASSAY_E_USAGE);
	assert_int_equal(open_fake("", bad, &g, &e), ASSAY_E_USAGE);
	assert_non_null(strstr(e.msg, "--engine-opt silence_timeout: \"0\""));
	static const char *const python[] = { "python=/nonexistent/python3", NULL };
	assert_int_equal(open_fake("", python, &g, &e), ASSAY_E_ENGINE);
	assert_non_null(strstr(e.msg, "/nonexistent/python3: cannot be started: No such file or directory"));
	no_child("names");
}

static int set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN); /* as the program does */
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_tokens), cmocka_unit_test(test_names), cmocka_unit_test(test_measures), cmocka_unit_test(test_toy), cmocka_unit_test(test_unread), cmocka_unit_test(test_cancel), cmocka_unit_test(test_force),
		                            cmocka_unit_test(test_faults) };
	return cmocka_run_group_tests_name("worker", tests, set_up, NULL);
}
