/* The only loop that submits and polls. It runs one visit: hands requests to the engine when they are due, stamps what
 * comes back, and puts records into the sink as they happen. While it runs it allocates nothing, locks nothing and
 * formats nothing. Knows no experiment and no metric. */
#ifndef ASSAY_EXPERIMENT_DRIVE_H
#define ASSAY_EXPERIMENT_DRIVE_H

#include "core/request.h"
#include "engine/engine.h"

struct assay_session;

/* Where the requests of a visit come from when there is no plan of them: an open-ended stream. All of it is called on the timed path: it may
 * not allocate, lock or block. The source also takes the records that the loop makes, and decides which of them are kept. */
struct assay_source {
	size_t most_live;                /* never more requests at once */
	uint32_t first_id;               /* of all that it will give; ids rise */
	/* The next request and the engine's time at which it is intended; it is asked again until that has come. NULL: none for now, ask again at
	 * *due_ns at the latest. The request lives until it ended. Every turn of the loop asks, so that the source also sees time pass. */
	const struct assay_request *(*peek)(struct assay_source *s, size_t n_live, int64_t now_ns, int64_t *due_ns);
	void (*sent)(struct assay_source *s);            /* what peek gave was handed over */
	bool (*over)(const struct assay_source *s);      /* no request will come any more */
	/* SUBMIT, TOKEN, REQUEST or STEP; q: the request before this token is counted in, or as it ended; NULL for a step. */
	void (*record)(struct assay_source *s, const struct assay_record *r, const struct assay_rec_request *q);
};

#define ASSAY_DRIVE_EVENTS 512     /* most events of one poll */
#define ASSAY_DRIVE_SAMPLE 4096    /* most token ids kept of the first request */

/* Buffers kept between visits; grown before a visit starts, never in it. */
struct assay_drive {
	struct assay_rec_request *reqs;  /* by slot: (id - first id) modulo a power of two */
	bool *live;
	size_t cap, mask;                /* slots there are; of this visit, less one */
	uint32_t first_id;
	int32_t sample[ASSAY_DRIVE_SAMPLE];
	size_t n_sample;                 /* ids that the visit's first request answered with */
};

struct assay_drive_result {
	int64_t t0_ns, t1_ns;            /* visit; t1 = end of the last request */
	size_t ended, ok;
	uint64_t prompt_tokens, output_tokens;
	bool interrupted;
};

void assay_drive_release(struct assay_drive *d);

/* Runs the plan as `repeat` of `point`. 0 also when requests failed (their records say so) or on interruption. ASSAY_E_LIMIT when the
 * engine refused a request as never possible, another code when it failed: everything alive is cancelled first. */
int assay_drive_run(struct assay_session *s, const struct assay_plan *plan, uint32_t point, int32_t repeat, struct assay_drive_result *out,
		    struct assay_err *e);

/* Runs a stream until it is over and everything it sent has ended. Writes no VISIT records: the source says what is a visit. */
int assay_drive_stream(struct assay_session *s, struct assay_source *source, uint32_t point, struct assay_drive_result *out, struct assay_err *e);
/* Whether a request in flight holds the slot of this id: a stream passes such ids over. */
bool assay_drive_busy(const struct assay_drive *d, uint32_t id);

#endif
