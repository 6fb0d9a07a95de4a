/* What is asked of an engine, and how a request can end. Plain data. */
#ifndef ASSAY_CORE_REQUEST_H
#define ASSAY_CORE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* metrics.md "Success". The first two are successes; everything else is a named failure. */
enum assay_end {
	ASSAY_END_LENGTH, ASSAY_END_STOP, ASSAY_END_UNFINISHED, ASSAY_END_EOF_EARLY, ASSAY_END_ERROR_EVENT, ASSAY_END_HTTP_429,
	ASSAY_END_HTTP_4XX, ASSAY_END_HTTP_5XX, ASSAY_END_REFUSED, ASSAY_END_RESET, ASSAY_END_TIMEOUT_CONNECT,
	ASSAY_END_TIMEOUT_FIRST, ASSAY_END_TIMEOUT_IDLE, ASSAY_END_TIMEOUT_TOTAL, ASSAY_END_BAD_UTF8, ASSAY_END_BAD_JSON,
	ASSAY_END_OVERSIZE, ASSAY_END_COUNT_MISMATCH, ASSAY_END_CANCELLED, ASSAY_END_LOCAL_ERROR, ASSAY_END_LIMIT,
	ASSAY_END_UNSENT, /* never handed over: more were waiting than the client keeps (open loop) */
	ASSAY_END_N
};
const char *assay_end_name(enum assay_end s);        /* "length", "stop", "unfinished", "eof_early", ... */
static inline bool assay_end_ok(enum assay_end s) { return s == ASSAY_END_LENGTH || s == ASSAY_END_STOP; }

struct assay_sampling {
	float temperature, top_p;  /* temperature 0 = greedy */
	int top_k;                 /* 0 = off */
	bool ignore_eos;
	uint64_t seed;
};

struct assay_request {
	uint32_t id;               /* unique in the run */
	const int32_t *ids;        /* prompt token ids, owned by the plan; NULL when only text is given */
	const char *text;          /* prompt text or NULL */
	int prompt_tokens, max_tokens;
	struct assay_sampling sampling;
	int64_t offset_ns;         /* intended send time after the start of the visit; 0 = at once */
};

/* A visit's requests, made before it starts. */
struct assay_plan {
	struct assay_request *reqs;
	size_t n;
	int32_t *ids;              /* one block that the requests point into */
	int in_flight;             /* closed loop: most requests at once; 0 = all at once (the engine queues) */
};
void assay_plan_release(struct assay_plan *p);

#endif
