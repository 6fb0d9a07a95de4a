/* The only loop that submits and polls. It runs one visit: hands requests to the engine when they are due, stamps what
 * comes back, and puts records into the sink as they happen. While it runs it allocates nothing, locks nothing and
 * formats nothing. Knows no experiment and no metric. */
#ifndef ASSAY_EXPERIMENT_DRIVE_H
#define ASSAY_EXPERIMENT_DRIVE_H

#include "core/request.h"
#include "engine/engine.h"

struct assay_session;

#define ASSAY_DRIVE_EVENTS 512     /* most events of one poll */
#define ASSAY_DRIVE_SAMPLE 4096    /* most token ids kept of the first request */

/* Buffers kept between visits; grown before a visit starts, never in it. */
struct assay_drive {
	struct assay_rec_request *reqs;  /* of this visit, in plan order */
	bool *live;
	size_t cap;
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

#endif
