/* See worker_inside.h: lines to and from a worker, what is a fault, and how long anything is waited for. Must not know what a run is. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "engine/worker_inside.h"

#define WRITE_NS (30 * ASSAY_NS_PER_S)
#define LOOK_NS (ASSAY_NS_PER_S / 2)
#define SLICE_NS (50 * ASSAY_NS_PER_MS)
#define CPU_SHARE 0.02                     /* of a core: less is what a thread that only says "alive" takes */
enum { CHUNK = 65536, CHUNKS_A_TURN = 16 }; /* a flood is taken in portions, so that Ctrl-C and timeouts act */

/* What it wrote last, and where all of it is: nothing where it wrote nothing, for no log is kept then. */
static void keep_fault(struct worker *x, char *what, bool quote)
{
	char words[200];
	assay_utf8_line(what);
	worker_proc_last_words(&x->proc, words, sizeof words);
	bool log = x->log_path && *words;
	snprintf(x->fault, sizeof x->fault, "worker %.60s: %s%s%s%s%.200s", x->name, what, quote && *words ? "; it said: " : "", quote ? words : "", log ? "; log: " : "", log ? x->log_path : "");
}

int worker_fault(struct worker *x, struct assay_err *e, const char *fmt, ...)
{
	char what[260];
	va_list ap;
	if (!*x->fault) {
		va_start(ap, fmt);
		vsnprintf(what, sizeof what, fmt, ap);
		va_end(ap);
		keep_fault(x, what, true);
	}
	return assay_fail(e, ASSAY_E_ENGINE, "%s", x->fault);
}

int worker_told_fault(struct worker *x, const struct worker_event *ev, struct assay_err *e)
{
	char what[340];
	snprintf(what, sizeof what, "%.40s: %.280s", ev->code, ev->msg);
	if (!*x->fault)
		keep_fault(x, what, false);
	return assay_fail(e, ASSAY_E_ENGINE, "%s", x->fault);
}

static int dead(struct worker *x, struct assay_err *e)
{
	char how[160];
	for (int i = 0; i < 40 && !worker_proc_ended(&x->proc); i++) /* its output ends a moment before it does */
		assay_sleep_until_ns(assay_now_ns() + 5 * ASSAY_NS_PER_MS);
	worker_proc_how(&x->proc, how, sizeof how);
	size_t cut = worker_lines_partial(&x->lines);
	return worker_fault(x, e, "engine_dead: %s%s", how, cut ? ", in the middle of a line" : "");
}

int64_t worker_send(struct worker *x, const char *op, json_t *fields, struct assay_err *e)
{
	struct assay_buf b;
	int64_t id = ++x->next_id, patience_ns = x->silence_ns < WRITE_NS ? x->silence_ns : WRITE_NS;
	json_t *o = json_pack("{s:s, s:I}", "op", op, "id", (json_int_t)id);
	if (fields)
		json_object_update(o, fields);
	json_decref(fields);
	assay_buf_init(&b, WORKER_LINE_MAX);
	int bad = assay_json_print(&b, o, 0) || assay_buf_puts(&b, "\n"), rc = 0;
	json_decref(o);
	if (*x->fault)
		rc = assay_fail(e, ASSAY_E_ENGINE, "%s", x->fault);
	else if (bad)
		rc = assay_fail(e, ASSAY_E_LIMIT, "%s: needs a line of more than %zu MiB to the worker", op, WORKER_LINE_MAX >> 20);
	else
		rc = worker_proc_write(&x->proc, b.data, b.len_bytes, patience_ns);
	if (rc == 1)
		rc = worker_fault(x, e, "timeout: it did not read its input for %.3g s", (double)patience_ns / 1e9);
	else if (rc == -1)
		rc = dead(x, e);
	assay_buf_release(&b);
	return rc ? rc : id;
}

static void keep_answer(struct worker *x, struct worker_event *ev)
{
	x->answer = *ev;
	x->answered = true;
	ev->root = NULL;
	ev->tokens = (struct worker_tokens){ 0 };
}

/* One line. An answer is kept for who waits; what belongs to a run goes there. */
static int take_line(struct worker *x, const char *line, size_t len, struct assay_err *e)
{
	struct worker_event ev;
	struct assay_err why = ASSAY_ERR_INIT;
	int rc = 0;
	if (worker_event_parse(line, len, &ev, &why)) {
		rc = worker_fault(x, e, "%.240s", why.msg);
	} else if (ev.kind == WORKER_ALIVE || ev.kind == WORKER_LOG) {
		/* a sign of life at most; see worker_watch */
	} else {
		bool mine = x->waiting && !x->answered && (ev.kind == x->want || ev.kind == WORKER_ERROR) && (ev.id == x->want_id || x->want == WORKER_HELLO);
		x->progress_ns = assay_now_ns();
		if (mine)
			keep_answer(x, &ev);
		else
			rc = worker_run_event(x, &ev, e);
	}
	worker_event_release(&ev);
	return rc;
}

int worker_listen(struct worker *x, int64_t timeout_ns, struct assay_err *e)
{
	char chunk[CHUNK], *line;
	size_t len;
	if (*x->fault)
		return assay_fail(e, ASSAY_E_ENGINE, "%s", x->fault);
	if (!worker_proc_wait(&x->proc, timeout_ns))
		return worker_watch(x, e);
	int rc = 0;
	for (int turn = 0; !rc && turn < CHUNKS_A_TURN; turn++) {
		int64_t n = worker_proc_read(&x->proc, chunk, sizeof chunk);
		if (n < 0 || (n == 0 && worker_proc_ended(&x->proc)))
			return dead(x, e);
		if (n == 0)
			break;
		if (worker_lines_push(&x->lines, chunk, (size_t)n))
			rc = worker_fault(x, e, "oversize: a line of more than %zu MiB", WORKER_LINE_MAX >> 20);
		while (!rc && (line = worker_lines_next(&x->lines, &len)))
			rc = take_line(x, line, len, e);
	}
	return rc ? rc : worker_watch(x, e);
}

int worker_watch(struct worker *x, struct assay_err *e)
{
	struct assay_group_use g;
	int64_t now_ns = assay_now_ns();
	if ((!x->waiting && !x->running) || now_ns - x->progress_ns < LOOK_NS || now_ns - x->looked_ns < LOOK_NS)
		return 0;
	assay_group_read(x->group, &g);
	if (g.n && x->cpu_ns >= 0 && (double)(g.cpu_ns - x->cpu_ns) > CPU_SHARE * (double)(now_ns - x->looked_ns))
		x->progress_ns = now_ns;
	x->cpu_ns = g.cpu_ns;
	x->looked_ns = now_ns;
	if (now_ns - x->progress_ns < x->silence_ns)
		return 0;
	return worker_fault(x, e, "silent: no event and no CPU time for %.3g s", (double)x->silence_ns / 1e9);
}

int worker_await(struct worker *x, enum worker_event_kind kind, int64_t id, int64_t timeout_ns, const char *what, struct assay_err *e)
{
	int64_t until_ns = assay_now_ns() + timeout_ns;
	int rc = 0;
	x->waiting = true;
	x->answered = false;
	x->want = kind;
	x->want_id = id;
	x->progress_ns = assay_now_ns();
	while (!rc && !x->answered) {
		rc = worker_listen(x, SLICE_NS, e);
		if (!rc && !x->answered && x->cancelled && x->cancelled())
			rc = assay_fail(e, ASSAY_E_INTERRUPT, "interrupted while worker %s was asked for: %s", x->name, what);
		else if (!rc && !x->answered && assay_now_ns() > until_ns)
			rc = worker_fault(x, e, "timeout: no answer to %s within %.3g s", what, (double)timeout_ns / 1e9);
	}
	x->waiting = false;
	if (rc || x->answer.kind != WORKER_ERROR)
		return rc;
	rc = worker_told_fault(x, &x->answer, e);
	worker_event_release(&x->answer);
	return rc;
}
