/* One line of a worker: JSON into a checked event. What a field may be is decided here (types, ranges, sizes); whether it makes sense now is for
 * worker.c. Unknown fields are ignored. Pure. The protocol: docs/worker-protocol.md. */
#ifndef ASSAY_ENGINE_WORKER_EVENT_H
#define ASSAY_ENGINE_WORKER_EVENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/record.h"
#include "engine/worker_tokens.h"

enum worker_event_kind {
	WORKER_HELLO, WORKER_LOADED, WORKER_OK, WORKER_STARTED, WORKER_STEP, WORKER_DONE, WORKER_IDLE, WORKER_MEM, WORKER_ERROR, WORKER_LOG, WORKER_BYE, WORKER_ALIVE
};

struct worker_event {
	enum worker_event_kind kind;
	json_t *root;              /* owned; the lists below are looked up in it, but for tok */
	int64_t id;                /* of the op that is answered; -1 none */
	int64_t t, t0, t1, now;    /* ns of the worker's CLOCK_MONOTONIC; -1 none */
	int64_t report_ns;         /* idle: time that the worker spent on telling, -1 unknown */
	/* step */
	enum assay_step_kind step;
	struct worker_tokens tokens; /* owned */
	int64_t run, wait, n_prefill, n_decode, kv_used, preempted; /* -1 unknown */
	/* done */
	int64_t r, n_in, n_out, n_cached, scheduled; /* -1 unknown; preempted, too */
	const char *reason;        /* "length", "stop", "abort", "error" */
	/* error */
	const char *code, *msg;
	bool fatal;
};

/* ASSAY_E_ENGINE: "bad_json: ..." for what is no JSON object, "bad_event: ..." for one that breaks the protocol. Release in either case. */
int worker_event_parse(const char *line, size_t len, struct worker_event *out, struct assay_err *e);
void worker_event_release(struct worker_event *ev);

/* step: entry i of tok[]: request, ids. Its form was checked. Counts. */
size_t worker_event_n_tok(const struct worker_event *ev);
size_t worker_event_tok(const struct worker_event *ev, size_t i, int64_t *r, int32_t *first);
/* done: ts[] of emit "final". */
size_t worker_event_n_ts(const struct worker_event *ev);
int64_t worker_event_ts(const struct worker_event *ev, size_t i);
/* error: r[]. */
size_t worker_event_n_failed(const struct worker_event *ev);
int64_t worker_event_failed(const struct worker_event *ev, size_t i);

#endif
